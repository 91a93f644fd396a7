//! The ops in LiteRT's files as problems. All three of its engines are given
//! the same file.

use super::litert_pointwise as pointwise;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem::{self, Product, Windows, code_type, granularity, quantized};
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};

/// Why a file is not a problem.
pub(super) enum Unread {
    /// it has no reference op yet
    Skipped(&'static str),
    /// it is damaged
    Error(CaptureError),
}

impl From<CaptureError> for Unread {
    fn from(error: CaptureError) -> Self {
        Self::Error(error)
    }
}

const WIDE: &str = "16-bit activations: no reference op";
/// Ops that the reference has for 16-bit activations.
const WIDE_OPS: [&str; 10] = [
    "ADD",
    "SUB",
    "MUL",
    "FULLY_CONNECTED",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "RELU",
    "RELU6",
];
const HYBRID: &str = "float activations, quantized by row at run time: no reference op";
const NO_OP: &str = "no reference op";

/// The op in a file's name: what stands before the types.
pub(super) fn name(file: &str) -> &str {
    let types = ["_i8", "_u8", "_i16", "_ties", "_hybrid", "_max"];
    let end = types.iter().filter_map(|t| file.find(t)).min();
    &file[..end.unwrap_or(0)]
}

/// The problem that a file holds.
pub(super) fn problem(
    file: &CapturedFile<'_>,
    kind: &str,
    name: &str,
    op: &str,
) -> Result<Problem, Unread> {
    let x = file.array("in0")?;
    match (kind, x.dtype()) {
        ("quantize", _) => {
            let dtype = code_type(file.array("out_ref")?)?;
            let pair = one_pair(file)?;
            return Ok(problem::quantize(x.tensor()?, dtype, pair, None));
        }
        ("dequantize", _) => return Ok(problem::dequantize(x.tensor()?, one_pair(file)?)),
        ("requantize", _) => return Ok(recode(file)?),
        ("ops", Some(DType::F32)) => return Err(Unread::Skipped(HYBRID)),
        ("ops", Some(DType::I16)) if !WIDE_OPS.contains(&op) => {
            return Err(Unread::Skipped(WIDE));
        }
        ("ops", _) => {}
        _ => return Err(Unread::Skipped(NO_OP)),
    }
    Ok(match op {
        "FULLY_CONNECTED" => {
            let (x, w) = (x.tensor()?, file.array("w")?.tensor()?);
            problem::linear(file, x, w, bias(file)?, product(file)?)?
        }
        "CONV_2D" | "DEPTHWISE_CONV_2D" => conv(file, name.starts_with("DEPTHWISE"))?,
        _ => match pointwise::problem(file, op)? {
            Some(problem) => problem,
            None => return Err(Unread::Skipped(NO_OP)),
        },
    })
}

/// `scale` and `zero_point` of the whole file.
fn one_pair(file: &CapturedFile<'_>) -> Result<Granularity, CaptureError> {
    let params = file.params();
    let pair = problem::qparams(file, params.float("scale")?, params.integer("zero_point")?)?;
    Ok(Granularity::PerTensor(pair))
}

/// Quantized codes quantized again.
fn recode(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let x = file.array("in0")?;
    let spec = FunctionSpec {
        shape: x.shape(),
        input: quantized(file, "in", code_type(x)?)?,
        output: quantized(file, "out", code_type(file.array("out_ref")?)?)?,
    };
    Ok(problem::plain(OpSpec::Recode(spec), vec![x.tensor()?]))
}

/// The activation that the file's op has fused, its bounds as codes of `output`:
/// LiteRT tflite/kernels/kernel_util.cc (CalculateActivationRangeQuantized).
pub(super) fn relu(file: &CapturedFile<'_>, output: Quantized) -> Result<Relu, CaptureError> {
    clamped(file, file.params().text("act").unwrap_or("none"), output)
}

/// The bounds of the activation `act` as codes of `output`.
pub(super) fn clamped(
    file: &CapturedFile<'_>,
    act: &str,
    output: Quantized,
) -> Result<Relu, CaptureError> {
    let reals: (f32, f32) = match act {
        "none" => return Ok(Relu::None),
        "relu" => return Ok(Relu::Zero),
        "relu6" => (0.0, 6.0),
        "relu_n1_to_1" => (-1.0, 1.0),
        other => return Err(file.problem(format!("has an unknown activation `{other}`"))),
    };
    let range = (output.dtype.code_range())
        .ok_or_else(|| file.problem("has an activation, but no codes to clamp"))?;
    let code = |real: f32| {
        let steps = (real / output.qparams.scale as f32).round() as i64;
        (steps + i64::from(output.qparams.zero_point)).clamp(range.0, range.1) as i32
    };
    Ok(Relu::Codes {
        low: code(reals.0),
        high: code(reals.1),
    })
}

/// What a product is given; the tie grids do not name a weight scale, all fit scale 1.
fn product(file: &CapturedFile<'_>) -> Result<Product, CaptureError> {
    let dtype = code_type(file.array("in0")?)?;
    let weights = if file.npz().has("w_scale") {
        granularity(file, file.array("w_scale")?, file.array("w_zp")?, 0)?
    } else {
        Granularity::PerTensor(problem::qparams(file, 1.0, 0)?)
    };
    let output = quantized(file, "out", dtype)?;
    Ok(Product {
        activation: Activation::Quantized(quantized(file, "x", dtype)?),
        weights,
        output: Output::Quantized(output),
        relu: relu(file, output)?,
    })
}

fn bias(file: &CapturedFile<'_>) -> Result<Option<Tensor>, CaptureError> {
    if !file.npz().has("bias") {
        return Ok(None);
    }
    let bias = file.array("bias")?;
    if bias.dtype() != Some(DType::I64) {
        return bias.tensor().map(Some);
    }
    // The 64-bit biases of 16-bit activations hold values that fit 32 bits.
    let steps = (bias.integers()?.into_iter())
        .map(|step| i32::try_from(step).map_err(|_| bias.error("has a bias beyond 32 bits")))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Some(problem::flat(Data::I32(steps))))
}

fn conv(file: &CapturedFile<'_>, depthwise: bool) -> Result<Problem, CaptureError> {
    let params = file.params();
    let sizes = |key: &str| match params.has(key) {
        true => params.sizes(key),
        false => Ok(vec![1, 1]),
    };
    let (stride, dilation) = (sizes("stride")?, sizes("dilation")?);
    let x = file.array("in0")?.tensor()?;
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
    let same = params.text("padding") == Some("SAME");
    let pads = [(height, kh, 0), (width, kw, 1)].map(|(size, kernel, d)| {
        let span = dilation[d] * (kernel - 1) + 1;
        if same {
            padding(size, span, stride[d])
        } else {
            (0, 0)
        }
    });
    let windows = Windows {
        stride,
        pad_begin: pads.iter().map(|pad| pad.0).collect(),
        pad_end: pads.iter().map(|pad| pad.1).collect(),
        dilation,
        groups,
    };
    problem::conv(file, x, w, bias(file)?, windows, product(file)?)
}

/// SAME padding before and behind: as many windows as strides fit, the odd position behind.
pub(super) fn padding(size: usize, span: usize, stride: usize) -> (usize, usize) {
    let reach = (size.div_ceil(stride) - 1) * stride + span;
    let pad = reach.saturating_sub(size);
    (pad / 2, pad.div_ceil(2))
}
