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
        ("ops", Some(DType::F32)) => return Ok(rows(file)?),
        ("ops", _) => {}
        _ => return Err(Unread::Skipped(NO_OP)),
    }
    Ok(match op {
        "FULLY_CONNECTED" => {
            let (x, w) = (x.tensor()?, file.array("w")?.tensor()?);
            problem::linear(file, x, w, bias(file)?, product(file)?)?
        }
        "CONV_2D" | "DEPTHWISE_CONV_2D" => conv(file, name.starts_with("DEPTHWISE"))?,
        "TRANSPOSE_CONV" => transposed(file)?,
        "BATCH_MATMUL" => batch_matmul(file)?,
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

/// A fully connected layer of f32 activations: rows are quantized at run time.
fn rows(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (x, w) = (file.array("in0")?.tensor()?, file.array("w")?.tensor()?);
    let (&[m, k], &[n, _]) = (x.shape(), w.shape()) else {
        return Err(file.problem("x and w of a linear must be [m, k] and [n, k]"));
    };
    let spec = LinearRowsSpec {
        m,
        n,
        k,
        symmetric: !file.params().flag("asym_hybrid")?,
        weights: granularity(file, file.array("w_scale")?, file.array("w_zp")?, 0)?,
        bias: true,
    };
    Ok(Problem {
        op: OpSpec::LinearRows(spec),
        constants: Constants {
            weights: Some(w),
            bias: bias(file)?,
        },
        inputs: vec![x],
    })
}

fn batch_matmul(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (a, b) = (file.array("in0")?, file.array("in1")?);
    let (&[batch, m, k], &[_, _, n]) = (&a.shape()[..], &b.shape()[..]) else {
        return Err(file.problem("a batch of products needs operands of 3 dimensions"));
    };
    let spec = BatchMatmulSpec {
        batch,
        m,
        n,
        k,
        a: pair(file, "a", code_type(a)?)?,
        b: pair(file, "b", code_type(b)?)?,
        output: pair(file, "out", code_type(a)?)?,
    };
    let inputs = vec![a.tensor()?, b.tensor()?];
    Ok(problem::plain(OpSpec::BatchMatmul(spec), inputs))
}

/// `[scale, zero point]` under `key`.
pub(super) fn pair(
    file: &CapturedFile<'_>,
    key: &str,
    dtype: DType,
) -> Result<Quantized, CaptureError> {
    let (scale, zero_point) = file.params().pair(key)?;
    Ok(Quantized {
        dtype,
        qparams: problem::qparams(file, scale, zero_point)?,
    })
}

/// TRANSPOSE_CONV with strides of 2 and SAME padding. Of 16-bit activations, which transposed
/// convolution does not take here, as a convolution of the flipped kernel over the stretched
/// image: its sums are the same.
fn transposed(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    const STRIDE: usize = 2;
    let (x, y) = (file.array("in0")?, file.array("out_ref")?);
    let w = file.array("w")?.tensor()?;
    let (&[out, kh, kw, channels], &[batch, height, width, _]) = (w.shape(), &x.shape()[..]) else {
        return Err(file.problem("a transposed conv needs x and w of 4 dimensions"));
    };
    let activation = pair(file, "x", code_type(x)?)?;
    let output = pair(file, "out", code_type(y)?)?;
    let sizes = [(height, kh, y.shape()[1]), (width, kw, y.shape()[2])];
    let cuts = sizes.map(|(size, kernel, output)| {
        // What SAME padding of the convolution that this one transposes takes from both ends.
        let (begin, _) = padding(output, kernel, STRIDE);
        let whole = size.checked_sub(1)? * STRIDE + kernel;
        let end = whole.checked_sub(begin + output)?;
        Some((begin, end, kernel))
    });
    let [Some(rows), Some(columns)] = cuts else {
        return Err(file.problem("padding of a transposed conv is beyond its kernel"));
    };
    let (weights, bias) = (weights(file, out)?, bias(file)?);
    if activation.dtype.size() == 1 {
        return Ok(Problem {
            op: OpSpec::ConvTranspose(ConvTransposeSpec {
                batch,
                input: vec![height, width],
                in_channels: channels,
                out_channels: out,
                kernel: vec![kh, kw],
                stride: vec![STRIDE; 2],
                pad_begin: vec![rows.0, columns.0],
                pad_end: vec![rows.1, columns.1],
                dilation: vec![1, 1],
                activation,
                weights,
                bias: problem::bias_kind(&bias),
                output: Output::Quantized(output),
                relu: Relu::None,
            }),
            constants: Constants {
                weights: Some(w),
                bias,
            },
            inputs: vec![x.tensor()?],
        });
    }
    let beyond = |(begin, end, kernel): (usize, usize, usize)| {
        Some((kernel.checked_sub(1 + begin)?, kernel.checked_sub(1 + end)?))
    };
    let (Some(rows), Some(columns)) = (beyond(rows), beyond(columns)) else {
        return Err(file.problem("padding of a transposed conv is beyond its kernel"));
    };
    let windows = Windows {
        stride: vec![1, 1],
        pad_begin: vec![rows.0, columns.0],
        pad_end: vec![rows.1, columns.1],
        dilation: vec![1, 1],
        groups: 1,
    };
    let product = Product {
        activation: Activation::Quantized(activation),
        weights,
        output: Output::Quantized(output),
        relu: Relu::None,
    };
    let (x, w) = problem::transposed(&x.tensor()?, &w, (STRIDE, STRIDE), activation.qparams)
        .ok_or_else(|| {
            file.problem(format!(
                "weights of {kh} × {kw} positions and {channels} channels do not fit the image"
            ))
        })?;
    problem::conv(file, x, w, bias, windows, product)
}

/// Scales along the output channels, zero points 0.
fn weights(file: &CapturedFile<'_>, channels: usize) -> Result<Granularity, CaptureError> {
    let scales = file.array("w_scale")?.floats()?;
    if scales.len() != channels {
        return Err(file
            .array("w_scale")?
            .error(format!("has not {channels} scales")));
    }
    Ok(Granularity::PerChannel {
        axis: 0,
        qparams: scales
            .into_iter()
            .map(|scale| problem::qparams(file, scale, 0))
            .collect::<Result<_, _>>()?,
    })
}

/// SAME padding before and behind: as many windows as strides fit, the odd position behind.
pub(super) fn padding(size: usize, span: usize, stride: usize) -> (usize, usize) {
    let reach = (size.div_ceil(stride) - 1) * stride + span;
    let pad = reach.saturating_sub(size);
    (pad / 2, pad.div_ceil(2))
}
