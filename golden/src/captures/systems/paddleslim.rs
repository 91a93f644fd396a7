//! PaddleSlim's LSQ and LSQ+, and its scales of groups of weights.

use super::calibrated::solved;
use crate::captures::error::CaptureError;
use crate::captures::fake::{self, VALUES};
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::Found;
use crate::spec::{Calibrator, FakeParameters, RealQParams};
use crate::tensor::{Data, Tensor};

/// Weights along the first axis that share a scale.
const GROUP: usize = 64;

/// Weights `[in, out]`: one scale for each group of inputs and each output.
pub(super) fn groups(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    for input in file.npz().names().filter(|name| !name.contains('.')) {
        let w = file.array(input)?.tensor()?;
        let (&[inputs, outputs], Data::F32(w)) = (w.shape(), w.data()) else {
            return Err(file.array(input)?.error("is no f32 matrix"));
        };
        let groups = inputs / GROUP;
        let rows = (0..groups * outputs).flat_map(|row| {
            let (group, output) = (row / outputs, row % outputs);
            (0..GROUP).map(move |at| w[(group * GROUP + at) * outputs + output])
        });
        let rows = Tensor::new([groups * outputs, GROUP], Data::F32(rows.collect()));
        let rows = rows.map_err(|e| file.problem(e.to_string()))?;
        let part = format!("{input}.scale");
        let expected = file.array(&part)?.tensor()?;
        let expected = fake::reshaped(file, &expected, &[groups * outputs])?;
        let calibrator = Calibrator::AbsMax {
            axis: Some(0),
            floor: 0.0,
        };
        solved(file, &part, calibrator, vec![rows], vec![expected])?.into(found);
    }
    Ok(())
}

/// `y8` and `y4` without an offset, `yplus` with one.
pub(super) fn learned(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let scale = params.float("alpha")?;
    let plus = params.float("beta")?;
    for (array, range, lowest, profile) in [
        ("y8", (-128, 127), 0.0, "paddleslim-lsq"),
        ("y4", (-8, 7), 0.0, "paddleslim-lsq"),
        ("yplus", (-128, 127), plus, "paddleslim-lsq-plus"),
    ] {
        let scales = FakeParameters::Scales(vec![RealQParams {
            scale,
            zero_point: 0.0,
            lowest,
            gain: 1.0,
            value_scale: None,
            approximate_bits: None,
        }]);
        let problem = fake::plain(file.array("x")?.tensor()?, range, None, scales);
        let expected = vec![(VALUES, file.array(array)?.tensor()?)];
        fake::solved(file, (array, "paddle"), profile, problem, expected, found)?;
    }
    Ok(())
}
