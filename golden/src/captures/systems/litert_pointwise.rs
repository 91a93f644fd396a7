//! The ops without weights in LiteRT's files as problems.

use super::litert_ops::{clamped, padding, pair, relu};
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem::{self, code_type, plain};
use crate::spec::*;

/// The problem of `op`; `None` where it has no reference.
pub(super) fn problem(file: &CapturedFile<'_>, op: &str) -> Result<Option<Problem>, CaptureError> {
    Ok(Some(match op {
        "ADD" | "MUL" | "SUB" => binary(file, op)?,
        "AVERAGE_POOL_2D" | "MAX_POOL_2D" => pool(file, op)?,
        "LOGISTIC" | "TANH" | "HARD_SWISH" | "L2_NORMALIZATION" | "ABS" | "ELU" | "EXP"
        | "RSQRT" => function(file, op)?,
        "SQUARED_DIFFERENCE" => binary(file, op)?,
        "SOFTMAX" => softmax(file)?,
        "LEAKY_RELU" => leaky_relu(file)?,
        "MAXIMUM" => maximum(file)?,
        "MEAN" | "SUM" | "REDUCE_MAX" => reduce(file, op)?,
        "RELU6" => relu6(file)?,
        "RELU" => plain(
            OpSpec::Relu(ReluSpec {
                shape: file.array("in0")?.shape(),
                tensor: elementwise(file)?.0,
            }),
            vec![file.array("in0")?.tensor()?],
        ),
        _ => return Ok(None),
    }))
}

/// Input and output of an op with one of each.
fn elementwise(file: &CapturedFile<'_>) -> Result<(Quantized, Quantized), CaptureError> {
    let params = file.params();
    let dtype = code_type(file.array("in0")?)?;
    let pair = |scale: &str, zero_point: &str| -> Result<Quantized, CaptureError> {
        Ok(Quantized {
            dtype,
            qparams: problem::qparams(file, params.float(scale)?, params.integer(zero_point)?)?,
        })
    };
    Ok((pair("scale", "zp")?, pair("out_scale", "out_zp")?))
}

/// Codes that keep their scale, held to those of 0 and 6.
fn relu6(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let x = file.array("in0")?;
    let Relu::Codes { low, high } = clamped(file, "relu6", elementwise(file)?.0)? else {
        return Err(file.problem("a relu6 has bounds"));
    };
    let spec = ClampSpec {
        shape: x.shape(),
        dtype: code_type(x)?,
        low,
        high,
    };
    Ok(plain(OpSpec::Clamp(spec), vec![x.tensor()?]))
}

fn function(file: &CapturedFile<'_>, op: &str) -> Result<Problem, CaptureError> {
    let (input, output) = elementwise(file)?;
    let x = file.array("in0")?;
    let spec = FunctionSpec {
        shape: x.shape(),
        input,
        output,
    };
    let op = match op {
        "TANH" => OpSpec::Tanh(spec),
        "HARD_SWISH" => OpSpec::Hardswish(spec),
        "L2_NORMALIZATION" => OpSpec::L2Normalize(spec),
        "ABS" => OpSpec::Abs(spec),
        "ELU" => OpSpec::Elu(EluSpec::new(spec, 1.0)),
        "EXP" => OpSpec::Exp(spec),
        "RSQRT" => OpSpec::Rsqrt(spec),
        _ => OpSpec::Sigmoid(spec),
    };
    Ok(plain(op, vec![x.tensor()?]))
}

/// Captured with a beta of 1.
fn softmax(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (input, output) = elementwise(file)?;
    let x = file.array("in0")?;
    let shape = x.shape();
    let spec = SoftmaxSpec {
        axis: shape.len().saturating_sub(1),
        shape,
        input,
        output,
        beta: 1.0,
    };
    Ok(plain(OpSpec::Softmax(spec), vec![x.tensor()?]))
}

/// Captured with a slope of 0.1.
fn leaky_relu(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (input, output) = elementwise(file)?;
    let x = file.array("in0")?;
    let spec = LeakyReluSpec {
        shape: x.shape(),
        input,
        output,
        slope: f64::from(0.1f32),
    };
    Ok(plain(OpSpec::LeakyRelu(spec), vec![x.tensor()?]))
}

/// Codes are compared as they are, whatever scales the file gives.
fn maximum(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (a, b) = (file.array("in0")?, file.array("in1")?);
    let spec = CodePairSpec {
        shape: a.shape(),
        dtype: code_type(a)?,
    };
    Ok(plain(OpSpec::Maximum(spec), vec![a.tensor()?, b.tensor()?]))
}

/// Captured over height and width.
fn reduce(file: &CapturedFile<'_>, op: &str) -> Result<Problem, CaptureError> {
    let (input, output) = elementwise(file)?;
    let x = file.array("in0")?;
    let spec = ReduceSpec {
        shape: x.shape(),
        axes: vec![1, 2],
        input,
        // The greatest code keeps its scale.
        output: if op == "REDUCE_MAX" { input } else { output },
    };
    let op = match op {
        "MEAN" => OpSpec::Mean(spec),
        "SUM" => OpSpec::Sum(spec),
        _ => OpSpec::ReduceMax(spec),
    };
    Ok(plain(op, vec![x.tensor()?]))
}

fn pool(file: &CapturedFile<'_>, op: &str) -> Result<Problem, CaptureError> {
    let params = file.params();
    let x = file.array("in0")?;
    let tensor = Quantized {
        dtype: code_type(x)?,
        qparams: problem::qparams(file, params.float("scale")?, params.integer("zp")?)?,
    };
    let size = |key: &str| -> Result<usize, CaptureError> {
        usize::try_from(params.integer(key)?)
            .map_err(|_| file.problem(format!("`{key}` is negative")))
    };
    let (kernel, stride) = (size("k")?, size("stride")?);
    let &[batch, height, width, channels] = &x.shape()[..] else {
        return Err(file.problem("a pool needs an image of 4 dimensions"));
    };
    let same = params.text("padding") == Some("SAME");
    let pads = [height, width].map(|size| match same {
        true => padding(size, kernel, stride),
        false => (0, 0),
    });
    let spec = PoolSpec {
        batch,
        input: vec![height, width],
        channels,
        kernel: vec![kernel; 2],
        stride: vec![stride; 2],
        pad: pads.iter().map(|pad| pad.0).collect(),
        pad_end: Some(pads.iter().map(|pad| pad.1).collect()),
        count_include_pad: false,
        activation: tensor,
        output: tensor,
    };
    let op = match op {
        "MAX_POOL_2D" => OpSpec::MaxPool(spec),
        _ => OpSpec::AvgPool(spec),
    };
    Ok(plain(op, vec![x.tensor()?]))
}

fn binary(file: &CapturedFile<'_>, op: &str) -> Result<Problem, CaptureError> {
    let (a, b) = (file.array("in0")?, file.array("in1")?);
    let dtype = code_type(a)?;
    let triple = [
        pair(file, "a", dtype)?,
        pair(file, "b", dtype)?,
        pair(file, "out", dtype)?,
    ];
    let relu = relu(file, triple[2])?;
    let (spec, inputs) = problem::binary(a.tensor()?, b.tensor()?, triple, relu);
    let op = match op {
        "ADD" => OpSpec::Add(spec),
        "SUB" => OpSpec::Sub(spec),
        "SQUARED_DIFFERENCE" => OpSpec::SquaredDifference(spec),
        _ => OpSpec::Mul(spec),
    };
    Ok(plain(op, inputs))
}
