//! The ops without weights in LiteRT's files as problems.

use super::litert_ops::{clamped, padding, relu};
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem::{self, code_type, plain};
use crate::spec::*;

/// The problem of `op`; `None` where it has no reference.
pub(super) fn problem(file: &CapturedFile<'_>, op: &str) -> Result<Option<Problem>, CaptureError> {
    Ok(Some(match op {
        "ADD" | "MUL" | "SUB" => binary(file, op)?,
        "AVERAGE_POOL_2D" | "MAX_POOL_2D" => pool(file, op)?,
        "LOGISTIC" | "TANH" => function(file, op)?,
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
        _ => OpSpec::Sigmoid(spec),
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
    let params = file.params();
    let (a, b) = (file.array("in0")?, file.array("in1")?);
    let dtype = code_type(a)?;
    let pair = |key: &str| -> Result<Quantized, CaptureError> {
        let (scale, zero_point) = params.pair(key)?;
        Ok(Quantized {
            dtype,
            qparams: problem::qparams(file, scale, zero_point)?,
        })
    };
    let triple = [pair("a")?, pair("b")?, pair("out")?];
    let relu = relu(file, triple[2])?;
    let (spec, inputs) = problem::binary(a.tensor()?, b.tensor()?, triple, relu);
    let op = match op {
        "ADD" => OpSpec::Add(spec),
        "SUB" => OpSpec::Sub(spec),
        _ => OpSpec::Mul(spec),
    };
    Ok(plain(op, inputs))
}
