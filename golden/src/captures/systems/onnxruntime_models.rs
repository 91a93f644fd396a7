//! Models that ONNX Runtime's Python tools quantize: the weights of three layers, the
//! bias of two, and the network's input. What the tools put into a model is checked;
//! ranges of tensors between layers come from float layers, which have no reference.

use super::onnxruntime_tools::{narrowed, tool_type};
use super::torch_observers::chosen;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem;
use crate::captures::vector::{Builder, Found};
use crate::spec::{Granularity, QparamsRequest};
use crate::tensor::{DType, Data, Tensor};

const INPUTS: &str = "models/inputs.npz";
const ENGINE: &str = "tools";
const PROFILE: &str = "onnxruntime-tools";
const BIAS_PROFILE: &str = "onnxruntime-tools-bias";

/// The layers' weights, and the axis that has a scale for each channel.
const WEIGHTS: [(&str, usize); 3] = [("wc", 0), ("wg", 1), ("wm", 1)];

/// A file of `models/`.
pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    if file.entry.file == INPUTS {
        return Ok(());
    }
    for (name, axis) in WEIGHTS {
        weights(file, name, axis, found)?;
    }
    if file.npz().has("init.x_scale") {
        input(file, found)?;
        // The second layer's input, before or after the relu that the first may hold.
        let between = ["r", "c"].into_iter();
        let between = between.filter(|t| file.npz().has(&format!("init.{t}_scale")));
        let between = between.take(1).map(|tensor| ("bg", tensor, "wg"));
        for (name, tensor, w) in [("bc", "x", "wc")].into_iter().chain(between) {
            bias(file, name, (tensor, w), found)?;
        }
        let reason = "ranges of tensors between float layers, and scales of bias: products of two";
        let rest = |array: &str| {
            let name = array.strip_prefix("init.").unwrap_or_default();
            let of = |tensors: &[&str]| tensors.iter().any(|t| name.starts_with(t));
            of(&["r_", "g_", "y_", "c_", "bc_quantized_", "bg_quantized_"])
        };
        found.skip("choose_qparams", file.entry.values(rest), reason);
    }
    let reason = "whole networks: layers are checked alone";
    let outputs = file.entry.values(|array| array.starts_with('y'));
    found.skip("graph", outputs, reason);
    Ok(())
}

/// Scale and zero point of the weights, or of each channel, and the codes under them.
fn weights(
    file: &CapturedFile<'_>,
    name: &str,
    axis: usize,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let params = file.params();
    let kind = params.text("weight").unwrap_or_default();
    let (dtype, whole) =
        tool_type(kind).ok_or_else(|| file.problem(format!("`{kind}` is no type of weights")))?;
    let asked = params.get("extra_options").ok();
    let asked = asked.and_then(|options| options.get("WeightSymmetric")?.as_bool());
    let symmetric = asked.unwrap_or(kind.starts_with('i'));
    let request = QparamsRequest {
        dtype,
        range: Some(narrowed(kind, symmetric, params.flag("reduce_range")?)),
        symmetric,
        reduce_range: false,
    };
    let of = |what: &str| file.array(&format!("init.{name}_{what}"));
    let x = file.beside(INPUTS)?.array(name)?.tensor()?;
    let (scales, zero_points) = (of("scale")?, of("zero_point")?);
    let granularity = problem::granularity(file, scales, zero_points, axis)?;
    let count = scales.floats()?.len();
    for channel in 0..count {
        let values = slice(file, &x, (axis, channel), count)?;
        let part = format!("{name}, channel {channel}");
        let mut v = Builder::new(file, &part, problem::choose_qparams(values, request));
        let pair = granularity.channel(channel);
        let zero_point = i64::from(pair.zero_point);
        chosen(file, &mut v, ENGINE, PROFILE, pair.scale, zero_point)?;
        v.into(found);
    }
    // 4-bit codes are stored in bytes.
    let q = of("quantized")?;
    let codes = Data::from_codes(dtype, q.integers()?);
    let codes = Tensor::new(q.shape(), codes).map_err(|e| q.error(e.to_string()))?;
    let mut v = Builder::new(file, name, problem::quantize(x, dtype, granularity, whole));
    v.output(ENGINE, PROFILE, 0, codes)?;
    v.into(found);
    Ok(())
}

/// The values of one of `count` channels, or all where there is one.
fn slice(
    file: &CapturedFile<'_>,
    x: &Tensor,
    (axis, channel): (usize, usize),
    count: usize,
) -> Result<Vec<f32>, CaptureError> {
    let (Data::F32(values), Some(&size)) = (x.data(), x.shape().get(axis)) else {
        return Err(file.problem(format!("the weights have no f32 along axis {axis}")));
    };
    if count == 1 {
        return Ok(values.clone());
    }
    if count != size {
        return Err(file.problem(format!("has {count} scales for {size} channels")));
    }
    let inner = x.shape()[axis + 1..].iter().product::<usize>();
    let of_channel = (0..values.len()).filter(|at| at / inner % size == channel);
    Ok(of_channel.map(|at| values[at]).collect())
}

/// The range of the network's input, where it is that of all batches.
fn input(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let option = |name: &str| {
        let options = params.get("extra_options").ok();
        options
            .and_then(|options| options.get(name)?.as_bool())
            .unwrap_or(false)
    };
    if params.text("calibrate") == Some("Percentile") || option("CalibMovingAverage") {
        let reason = "a range that is not that of all batches";
        found.skip("choose_qparams", 2, reason);
        return Ok(());
    }
    let kind = params.text("activation").unwrap_or_default();
    let (dtype, _) =
        tool_type(kind).ok_or_else(|| file.problem(format!("`{kind}` is no type of codes")))?;
    let symmetric = option("ActivationSymmetric");
    let request = QparamsRequest {
        dtype,
        // reduce_range is for weights alone.
        range: Some(narrowed(kind, symmetric, false)),
        symmetric,
        reduce_range: false,
    };
    let inputs = file.beside(INPUTS)?;
    let mut values = Vec::new();
    for name in inputs.names().filter(|name| name.starts_with("calib")) {
        match inputs.array(name)?.tensor()?.data() {
            Data::F32(batch) => values.extend(batch),
            _ => return Err(inputs.array(name)?.error("is not f32")),
        }
    }
    let mut v = Builder::new(file, "x", problem::choose_qparams(values, request));
    let (scale, zero_point) = pair(file, "x")?;
    chosen(file, &mut v, ENGINE, PROFILE, scale, zero_point)?;
    v.into(found);
    Ok(())
}

fn pair(file: &CapturedFile<'_>, name: &str) -> Result<(f64, i64), CaptureError> {
    let scale = file.array(&format!("init.{name}_scale"))?;
    let zero_point = file.array(&format!("init.{name}_zero_point"))?.integers()?;
    match (scale.floats()?.as_slice(), zero_point.as_slice()) {
        (&[scale], &[zero_point]) => Ok((scale, zero_point)),
        _ => Err(scale.error("is no single scale")),
    }
}

/// A bias in steps of the product of two scales, in f32.
fn bias(
    file: &CapturedFile<'_>,
    name: &str,
    (tensor, w): (&str, &str),
    found: &mut Found,
) -> Result<(), CaptureError> {
    let part = format!("init.{name}_quantized");
    let codes = file.array(&part)?.tensor()?;
    let (scale, _) = pair(file, tensor)?;
    let of = |what: &str| file.array(&format!("init.{w}_{what}"));
    let mut steps = problem::granularity(file, of("scale")?, of("zero_point")?, 0)?;
    let product = |weight: f64| f64::from(scale as f32 * weight as f32);
    let all = match &mut steps {
        Granularity::PerTensor(pair) => std::slice::from_mut(pair),
        Granularity::PerChannel { qparams, .. } => qparams,
    };
    for pair in all {
        pair.scale = product(pair.scale);
        pair.zero_point = 0;
    }
    let x = file.beside(INPUTS)?.array(name)?.tensor()?;
    let problem = problem::quantize(x, DType::I32, steps, None);
    let mut v = Builder::new(file, &part, problem);
    v.output(ENGINE, BIAS_PROFILE, 0, codes)?;
    v.into(found);
    Ok(())
}
