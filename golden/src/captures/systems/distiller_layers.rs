//! Distiller's wrapped layers: codes of activations, weights and bias, sums, and
//! outputs. Sums are f32 that hold integers; zero points are the negatives of codes.

use crate::captures::error::CaptureError;
use crate::captures::fake::{self, CODES, VALUES};
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::Array;
use crate::captures::problem::{self, Product, Windows};
use crate::captures::vector::Found;
use crate::spec::{
    Activation, FakeParameters, Granularity, Output, Problem, QParams, Quantized, RealQParams, Relu,
};
use crate::tensor::{DType, Data, Tensor};

const ENGINE: &str = "torch";
const PROFILE: &str = "distiller";
const BEFORE: &str = "bias counted by the scale of sums before that was approximated: not captured";

/// One layer.
pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let layer = file.params().text("layer").unwrap_or_default();
    let inputs = file.beside("ptq/inputs.npz")?;
    let given = |what: &str| inputs.array(&format!("{layer}_{what}"));
    let range = range(file)?;
    let approximate = file.params().has("scale_approx_mult_bits");
    if file.npz().has("xq") {
        let scales = scales(file, "in", None)?;
        let problem = fake::plain(given("x")?.tensor()?, range, None, scales);
        codes(file, "xq", problem, found)?;
    }
    let weights = scales(file, "w", None)?;
    let axis = channels(&weights);
    let problem = fake::plain(given("w")?.tensor()?, range, axis, weights);
    codes(file, "wq", problem, found)?;
    if !file.npz().has("accum") {
        let rest = file.entry.values(|a| a == "y");
        found.skip("layer", rest, "float output without captured sums");
        return Ok(());
    }
    if approximate {
        found.skip(
            "fake_quantize",
            file.entry.values(|a| a == "bias_q"),
            BEFORE,
        );
    } else {
        let scale = scales(file, "accum", None)?;
        let bits = (-(1 << 31), (1 << 31) - 1);
        let problem = fake::plain(given("b")?.tensor()?, bits, channels(&scale), scale);
        codes(file, "bias_q", problem, found)?;
    }
    output(file, range, found)?;
    sums(file, layer, range, found)
}

fn range(file: &CapturedFile<'_>) -> Result<(i64, i64), CaptureError> {
    let list = file.params().get("qrange")?.as_array();
    let ends: Vec<i64> = (list.into_iter().flatten())
        .filter_map(serde_json::Value::as_i64)
        .collect();
    match ends.as_slice() {
        &[low, high] => Ok((low, high)),
        _ => Err(file.problem("`qrange` is no pair")),
    }
}

/// `<kind>_scale` is steps per unit; sums have no zero point. With a `per`, steps per unit
/// of what has `per` steps per unit itself.
fn scales(
    file: &CapturedFile<'_>,
    kind: &str,
    per: Option<&[f64]>,
) -> Result<FakeParameters, CaptureError> {
    let steps = file.array(&format!("{kind}_scale"))?.floats()?;
    let zero_points = match file.npz().has(&format!("{kind}_zp")) {
        true => file.array(&format!("{kind}_zp"))?.floats()?,
        false => vec![0.0; steps.len()],
    };
    let one = |index: usize, per: Option<f64>| RealQParams {
        scale: per.unwrap_or(1.0) / steps[index % steps.len()],
        zero_point: 0.0 - zero_points[index % zero_points.len()],
        lowest: 0.0,
        gain: 1.0,
        value_scale: per.map(|_| 1.0 / steps[index % steps.len()]),
        approximate_bits: None,
    };
    if steps.is_empty() || zero_points.is_empty() {
        return Err(file.problem(format!("`{kind}_scale` is empty")));
    }
    Ok(FakeParameters::Scales(match per {
        None => (0..steps.len()).map(|index| one(index, None)).collect(),
        Some(per) => (per.iter().enumerate())
            .map(|(index, &per)| one(index, Some(per)))
            .collect(),
    }))
}

/// The first axis, where there are several scales.
fn channels(scales: &FakeParameters) -> Option<usize> {
    match scales {
        FakeParameters::Scales(scales) if scales.len() > 1 => Some(0),
        _ => None,
    }
}

fn codes(
    file: &CapturedFile<'_>,
    array: &str,
    problem: Problem,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let expected = vec![(CODES, fake::floats(file.array(array)?)?)];
    fake::solved(file, (array, ENGINE), PROFILE, problem, expected, found)
}

/// Sums to outputs: steps are counted by the ratio of two scales, values by the output's.
fn output(
    file: &CapturedFile<'_>,
    range: (i64, i64),
    found: &mut Found,
) -> Result<(), CaptureError> {
    let per = file.array("accum_scale")?.floats()?;
    let mut scales = scales(file, "out", Some(&per))?;
    if let FakeParameters::Scales(all) = &mut scales
        && file.params().has("scale_approx_mult_bits")
    {
        let bits = file.params().integer("scale_approx_mult_bits")?;
        let bits = u32::try_from(bits).map_err(|_| file.problem("bits are negative"))?;
        all.iter_mut()
            .for_each(|one| one.approximate_bits = Some(bits));
    }
    let axis = channels(&scales).map(|_| 1);
    let problem = fake::plain(file.array("accum")?.tensor()?, range, axis, scales);
    let expected = vec![(VALUES, file.array("y")?.tensor()?)];
    fake::solved(file, ("y", ENGINE), PROFILE, problem, expected, found)
}

fn sums(
    file: &CapturedFile<'_>,
    layer: &str,
    range: (i64, i64),
    found: &mut Found,
) -> Result<(), CaptureError> {
    let dtype = if range.0 < 0 { DType::I8 } else { DType::U8 };
    let qparams = |zero_point: f64| QParams {
        scale: 1.0,
        zero_point: -zero_point as i32,
    };
    let zero_points = file.array("w_zp")?.floats()?;
    let weights = match zero_points.as_slice() {
        &[one] => Granularity::PerTensor(qparams(one)),
        several => Granularity::PerChannel {
            axis: 0,
            qparams: several.iter().map(|&z| qparams(z)).collect(),
        },
    };
    let &[zero_point] = file.array("in_zp")?.floats()?.as_slice() else {
        return Err(file.problem("`in_zp` is no single zero point"));
    };
    let product = Product {
        activation: Activation::Quantized(Quantized {
            dtype,
            qparams: qparams(zero_point),
        }),
        weights,
        output: Output::Sums,
        relu: Relu::None,
    };
    let bias = file.array("bias_q")?;
    let bias = Some(retyped(bias, DType::I32, bias.shape())?);
    let (x, w) = (file.array("xq")?, file.array("wq")?);
    let (x, w) = (retyped(x, dtype, x.shape())?, retyped(w, dtype, w.shape())?);
    let accum = file.array("accum")?;
    let accum = retyped(accum, DType::I32, accum.shape())?;
    let (problem, accum) = if layer == "conv" {
        let windows = Windows {
            stride: vec![1; 2],
            pad_begin: vec![1; 2],
            pad_end: vec![1; 2],
            dilation: vec![1; 2],
            groups: 1,
        };
        let (x, w) = (channel_last(file, &x)?, channel_last(file, &w)?);
        let problem = problem::conv(file, x, w, bias, windows, product)?;
        (problem, channel_last(file, &accum)?)
    } else {
        (problem::linear(file, x, w, bias, product)?, accum)
    };
    fake::solved(
        file,
        ("accum", ENGINE),
        "exact",
        problem,
        vec![(0, accum)],
        found,
    )
}

/// Integers held in an array of any type, as codes of `dtype`.
fn retyped(array: &Array, dtype: DType, shape: Vec<usize>) -> Result<Tensor, CaptureError> {
    let numbers: Vec<i64> = match array.integers() {
        Ok(integers) => integers,
        Err(_) => array
            .floats()?
            .into_iter()
            .map(|value| value as i64)
            .collect(),
    };
    let (low, high) = dtype.code_range().unwrap_or_default();
    if numbers.iter().any(|number| !(low..=high).contains(number)) {
        return Err(array.error(format!("holds more than {}", dtype.name())));
    }
    Tensor::new(shape, Data::from_codes(dtype, numbers)).map_err(|e| array.error(e.to_string()))
}

/// From `[n, c, h, w]` to `[n, h, w, c]`.
fn channel_last(file: &CapturedFile<'_>, tensor: &Tensor) -> Result<Tensor, CaptureError> {
    let &[n, c, h, w] = tensor.shape() else {
        return Err(file.problem("images have 4 dimensions"));
    };
    let data = tensor.data();
    let index = |i: usize| {
        let (channel, rest) = (i % c, i / c);
        let (image, position) = (rest / (h * w), rest % (h * w));
        (image * c + channel) * h * w + position
    };
    let codes = (0..tensor.len()).map(|i| data.code(index(i)));
    let moved = Data::from_codes(data.dtype(), codes.collect::<Vec<_>>());
    Tensor::new(vec![n, h, w, c], moved).map_err(|e| file.problem(e.to_string()))
}
