//! ONNX Runtime's QLinearLeakyRelu, QLinearSoftmax and QLinearConcat, alone and as layers of
//! networks, and its Resize of codes.

use super::onnxruntime_ops::triple;
use crate::captures::error::CaptureError;
use crate::captures::manifest::{CapturedFile, Params};
use crate::captures::problem::{self, code_type, plain, quantized};
use crate::spec::*;

/// What the manifest does not say: the slope and the axes under which alone every captured
/// value follows from ONNX Runtime's source.
const SLOPE: f32 = 0.1;
const AXIS: usize = 1;

pub(super) fn leaky_relu(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let x = file.array("x")?;
    let [input, _, output] = triple(file)?;
    let spec = LeakyReluSpec {
        shape: x.shape(),
        input,
        output,
        slope: SLOPE.into(),
    };
    Ok(plain(OpSpec::LeakyRelu(spec), vec![x.tensor()?]))
}

pub(super) fn softmax(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let x = file.array("x")?;
    let [input, _, output] = triple(file)?;
    let spec = SoftmaxSpec {
        shape: x.shape(),
        input,
        output,
        axis: AXIS,
        beta: 1.0,
    };
    Ok(plain(OpSpec::Softmax(spec), vec![x.tensor()?]))
}

pub(super) fn concat(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (a, b) = (file.array("x")?, file.array("b")?);
    let [input_a, input_b, output] = triple(file)?;
    let size = |shape: Vec<usize>| {
        let size = shape.get(AXIS).copied();
        size.ok_or_else(|| file.problem("inputs of a concat need two dimensions"))
    };
    let spec = ConcatSpec {
        sizes: vec![size(a.shape().to_vec())?, size(b.shape().to_vec())?],
        shape: a.shape().to_vec(),
        axis: AXIS,
        inputs: vec![input_a, input_b],
        output,
    };
    Ok(plain(OpSpec::Concat(spec), vec![a.tensor()?, b.tensor()?]))
}

/// QLinearSoftmax of a network. Before opset 13 it runs over all axes from the given one, here
/// the last.
pub(super) fn layer_softmax(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (x, attributes) = (file.array("x")?, attributes(file)?);
    let (shape, dtype) = (x.shape().to_vec(), code_type(x)?);
    let axis = attributes.integer("axis")?;
    let from_end = if axis < 0 { shape.len() as i64 } else { 0 };
    let axis = usize::try_from(axis + from_end)
        .ok()
        .filter(|&axis| axis < shape.len())
        .ok_or_else(|| attributes.error("axis", format!("{axis} is no axis of {shape:?}")))?;
    if attributes.integer("opset")? < 13 && axis + 1 != shape.len() {
        return Err(attributes.error("axis", "must be the last before opset 13".into()));
    }
    let spec = SoftmaxSpec {
        shape,
        input: quantized(file, "x", dtype)?,
        output: quantized(file, "y", dtype)?,
        axis,
        beta: 1.0,
    };
    Ok(plain(OpSpec::Softmax(spec), vec![x.tensor()?]))
}

/// Resize of a network's codes. They have no scale of their own; it takes no part.
pub(super) fn layer_resize(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let attributes = attributes(file)?;
    for (key, meant) in [
        ("mode", "nearest"),
        ("nearest_mode", "floor"),
        ("coordinate_transformation_mode", "asymmetric"),
    ] {
        if attributes.text(key) != Some(meant) {
            return Err(attributes.error(key, format!("must be `{meant}`")));
        }
    }
    let x = file.array("x")?;
    let dtype = code_type(x)?;
    let values = x.channel_last()?;
    let &[batch, height, width, channels] = values.shape() else {
        return Err(x.error("is no batch of images"));
    };
    let params = file.params();
    let &[out_batch, out_channels, out_height, out_width] = params.sizes("out_shape")?.as_slice()
    else {
        return Err(params.error("out_shape", "is no batch of images".into()));
    };
    let ratios: Vec<f64> = [
        (batch, out_batch),
        (channels, out_channels),
        (height, out_height),
        (width, out_width),
    ]
    .map(|(from, to)| f64::from(to as f32 / from as f32))
    .into();
    if params.floats("scales")? != ratios {
        return Err(params.error("scales", format!("must be {ratios:?}, of the sizes")));
    }
    let tensor = Quantized {
        dtype,
        qparams: problem::qparams(file, 1.0, 0)?,
    };
    let spec = ResizeSpec {
        batch,
        input: vec![height, width],
        channels,
        output: vec![out_height, out_width],
        align_corners: false,
        tensor,
    };
    Ok(plain(OpSpec::ResizeNearest(spec), vec![values]))
}

/// The node's attributes.
fn attributes<'a>(file: &'a CapturedFile<'_>) -> Result<Params<'a>, CaptureError> {
    let params = file.params();
    Ok(Params {
        value: params.get("attributes")?,
        ..params
    })
}
