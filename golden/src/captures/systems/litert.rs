//! LiteRT with its XNNPACK delegate: quantize, dequantize, fully connected,
//! convolutions, add, mul and functions of codes. LiteRT's own kernels are not
//! covered: they have no profile yet.

use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem::{self, Product, Windows, code_type, granularity, plain, quantized};
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Tensor};

const ENGINE: &str = "xnnpack";
const PROFILE: &str = "xnnpack-fp32";

const OWN_KERNELS: &str = "LiteRT's own kernels: no profile of them yet";
const NO_TYPE: &str = "16-bit, 4-bit or float activations: no reference op";
const NO_CLAMP: &str = "a fused relu6: products have no clamp to two codes";
const NOT_DELEGATED: &str = "XNNPACK has no such quantized op: LiteRT runs its own kernel";
const U8_DEPTHWISE: &str = "u8 depthwise is not delegated: all values are those of LiteRT's own kernel, one of them rounded twice";

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (kind, name) = (file.entry.file)
        .split_once('/')
        .unwrap_or(("", &file.entry.file));
    let name = name.trim_end_matches(".npz");
    let own = |array: &str| array.starts_with("out_") && array != "out_xnnpack";
    found.skip("-", file.entry.values(own), OWN_KERNELS);
    let skip = |found: &mut Found, why| {
        found.skip(kind, file.entry.values(|array| array == "out_xnnpack"), why);
        Ok(())
    };
    if !file.npz().has("out_xnnpack") {
        return Ok(());
    }
    let eight_bit = |array: &str| -> Result<bool, CaptureError> {
        Ok(file.npz().has(array)
            && matches!(file.array(array)?.dtype(), Some(DType::U8 | DType::I8)))
    };
    let codes = if kind == "quantize" {
        "out_xnnpack"
    } else {
        "in0"
    };
    if !eight_bit(codes)? || name.contains("i8i4") {
        return skip(found, NO_TYPE);
    }
    if (file.params().text("act")).is_some_and(|act| !["none", "relu"].contains(&act)) {
        return skip(found, NO_CLAMP);
    }
    let op = name.split("_i8").next().unwrap_or_default();
    let op = op.split("_u8").next().unwrap_or_default();
    let op = op.split("_ties").next().unwrap_or_default();
    let problem = match (kind, op) {
        ("quantize", _) => {
            let dtype = code_type(file.array("out_xnnpack")?)?;
            problem::quantize(file.array("in0")?.tensor()?, dtype, one_pair(file)?, None)
        }
        ("dequantize", _) => problem::dequantize(file.array("in0")?.tensor()?, one_pair(file)?),
        ("ops", "FULLY_CONNECTED") => linear(file)?,
        ("ops", "DEPTHWISE_CONV_2D") if name.contains("_u8u8") => return skip(found, U8_DEPTHWISE),
        ("ops", "CONV_2D" | "DEPTHWISE_CONV_2D") => conv(file, op)?,
        ("ops", "ADD" | "MUL") => binary(file, op)?,
        ("ops", "LOGISTIC" | "TANH") => function(file, op)?,
        ("ops", "RELU") => plain(
            OpSpec::Relu(ReluSpec {
                shape: file.array("in0")?.shape(),
                tensor: elementwise(file)?.0,
            }),
            vec![file.array("in0")?.tensor()?],
        ),
        ("ops", "AVERAGE_POOL_2D" | "MAX_POOL_2D") => return skip(found, NOT_DELEGATED),
        _ => return skip(found, "no reference op"),
    };
    let mut v = Builder::new(file, "", problem);
    v.output(ENGINE, PROFILE, 0, file.array("out_xnnpack")?.tensor()?)?;
    v.into(found);
    Ok(())
}

/// `scale` and `zero_point` of the whole file.
fn one_pair(file: &CapturedFile<'_>) -> Result<Granularity, CaptureError> {
    let params = file.params();
    let pair = problem::qparams(file, params.float("scale")?, params.integer("zero_point")?)?;
    Ok(Granularity::PerTensor(pair))
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
    let relu = params.text("act") == Some("relu");
    let triple = [pair("a")?, pair("b")?, pair("out")?];
    let (spec, inputs) = problem::binary(a.tensor()?, b.tensor()?, triple, relu);
    let op = match op {
        "ADD" => OpSpec::Add(spec),
        _ => OpSpec::Mul(spec),
    };
    Ok(plain(op, inputs))
}

/// What a product is given; the tie grids do not name a weight scale, all fit scale 1.
fn product(file: &CapturedFile<'_>) -> Result<Product, CaptureError> {
    let dtype = code_type(file.array("in0")?)?;
    let weights = if file.npz().has("w_scale") {
        granularity(file, file.array("w_scale")?, file.array("w_zp")?, 0)?
    } else {
        Granularity::PerTensor(problem::qparams(file, 1.0, 0)?)
    };
    Ok(Product {
        activation: Activation::Quantized(quantized(file, "x", dtype)?),
        weights,
        output: Output::Quantized(quantized(file, "out", dtype)?),
        relu: file.params().text("act") == Some("relu"),
    })
}

fn bias(file: &CapturedFile<'_>) -> Result<Option<Tensor>, CaptureError> {
    match file.npz().has("bias") {
        true => file.array("bias")?.tensor().map(Some),
        false => Ok(None),
    }
}

fn linear(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (x, w) = (file.array("in0")?.tensor()?, file.array("w")?.tensor()?);
    problem::linear(file, x, w, bias(file)?, product(file)?)
}

fn conv(file: &CapturedFile<'_>, op: &str) -> Result<Problem, CaptureError> {
    let params = file.params();
    let sizes = |key: &str| match params.has(key) {
        true => params.sizes(key),
        false => Ok(vec![1, 1]),
    };
    let (stride, dilation) = (sizes("stride")?, sizes("dilation")?);
    let x = file.array("in0")?.tensor()?;
    let depthwise = op.starts_with("DEPTHWISE");
    // Depthwise weights are [1, kh, kw, c].
    let w = match depthwise {
        true => file.array("w")?.permuted(&[3, 1, 2, 0])?,
        false => file.array("w")?.tensor()?,
    };
    let (&[_, height, width, channels], &[_, kh, kw, per_group]) = (x.shape(), w.shape()) else {
        return Err(file.problem("a conv needs x and w of 4 dimensions"));
    };
    let groups = if depthwise {
        channels
    } else {
        channels / per_group.max(1)
    };
    // SAME: as many windows as strides fit, the odd position behind.
    let same = params.text("padding") == Some("SAME");
    let pads = [(height, kh, 0), (width, kw, 1)].map(|(size, kernel, d)| {
        let span = dilation[d] * (kernel - 1) + 1;
        let reach = (size.div_ceil(stride[d]) - 1) * stride[d] + span;
        match same {
            true => reach.saturating_sub(size),
            false => 0,
        }
    });
    let windows = Windows {
        stride,
        pad_begin: pads.iter().map(|pad| pad / 2).collect(),
        pad_end: pads.iter().map(|pad| pad.div_ceil(2)).collect(),
        dilation,
        groups,
    };
    problem::conv(file, x, w, bias(file)?, windows, product(file)?)
}
