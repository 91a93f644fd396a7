//! Captured results of calibrators: what the mappings of several systems share.

use super::torch_observers::batches;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::Npz;
use crate::captures::problem;
use crate::captures::vector::{Builder, Found};
use crate::spec::Calibrator;
use crate::tensor::{Data, Tensor};

/// The profile that calibrators are held to: none of its axes touches them.
const PROFILE: &str = "exact";
const ENGINE: &str = "calibrator";

/// One captured result of a calibrator over the batches of an input.
pub(super) fn one(
    file: &CapturedFile<'_>,
    (array, input): (&str, &str),
    calibrator: Calibrator,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let inputs = file.beside("inputs.npz")?;
    let expected = file.array(array)?.tensor()?;
    let given = given(&inputs, input)?;
    solved(file, array, calibrator, given, vec![expected]).map(|v| v.into(found))
}

/// The batches of an input: itself, or `batch0`, `batch1`, … for `batches`.
pub(super) fn given(inputs: &Npz, input: &str) -> Result<Vec<Tensor>, CaptureError> {
    match inputs.has(input) {
        true => Ok(vec![inputs.array(input)?.tensor()?]),
        false => batches(inputs, input),
    }
}

/// All batches as one, where a histogram was made of all values together.
pub(super) fn joined(batches: Vec<Tensor>) -> Vec<Tensor> {
    let mut values = Vec::new();
    for batch in &batches {
        match batch.data() {
            Data::F32(batch) => values.extend(batch),
            _ => return batches,
        }
    }
    vec![problem::flat(Data::F32(values))]
}

/// The first outputs of a calibrator over batches.
pub(super) fn solved<'a>(
    file: &'a CapturedFile<'a>,
    part: &str,
    calibrator: Calibrator,
    batches: Vec<Tensor>,
    expected: Vec<Tensor>,
) -> Result<Builder<'a>, CaptureError> {
    let mut v = Builder::new(file, part, problem::calibrate(calibrator, batches));
    for (index, expected) in expected.into_iter().enumerate() {
        v.output(ENGINE, PROFILE, index, expected)?;
    }
    Ok(v)
}

/// One number as a tensor.
pub(super) fn scalar(value: f64) -> Tensor {
    problem::flat(Data::F64(vec![value]))
}

/// Where captures that tests need lie.
#[cfg(test)]
pub(super) fn captures(folder: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("captures")
        .join(folder)
}

/// The batches of an input as plain values.
#[cfg(test)]
pub(super) fn values(inputs: &Npz, input: &str) -> Vec<Vec<f32>> {
    (given(inputs, input).unwrap().iter())
        .map(|batch| match batch.data() {
            Data::F32(values) => values.clone(),
            _ => panic!("{input} is not f32"),
        })
        .collect()
}

/// The numbers of an array, floats or integers.
#[cfg(test)]
pub(super) fn numbers(npz: &Npz, array: &str) -> Vec<f64> {
    let array = npz.array(array).unwrap();
    match array.integers() {
        Ok(integers) => integers.into_iter().map(|value| value as f64).collect(),
        Err(_) => array.floats().unwrap(),
    }
}
