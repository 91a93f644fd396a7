//! PyTorch's quantized ops that every engine leaves to ATen, which computes them on real
//! values. The manifest gives no numbers for most of them; what fits every output is given
//! here, and PyTorch's defaults where one fits.

use super::torch::Build;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::Array;
use crate::captures::problem::{self, code_type, flat, plain};
use crate::captures::vector::{Builder, Found};
use crate::observers::linspace;
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};

/// The slope of leaky relu, and alpha of elu.
const SLOPE: f64 = 0.1;
const ALPHA: f64 = 1.0;
/// What was added: the outputs fit 10.5 to 11.5 steps of 0.0371.
const ADDEND: f64 = 0.4;
/// By what was multiplied: the quotient of the scales.
const FACTOR: f64 = 1.37;
const EPSILON: f64 = 1e-5;
/// First and last of the 8 channels of batch norm, evenly spaced: no other ends in steps of a
/// tenth give every output.
const GAMMA: (f32, f32) = (0.5, 2.0);
const BETA: (f32, f32) = (-1.0, 1.0);
const MEAN: (f32, f32) = (-0.5, 0.5);
const VARIANCE: (f32, f32) = (0.3, 2.0);

/// A file of one of these ops; `false` where `op` is none of them.
pub(super) fn read(
    build: &Build,
    file: &CapturedFile<'_>,
    op: &str,
    found: &mut Found,
) -> Result<bool, CaptureError> {
    if op == "embedding" {
        rows(file, found)?;
        return Ok(true);
    }
    let Some(problem) = of(file, op)? else {
        return Ok(false);
    };
    let images = matches!(
        problem.op,
        OpSpec::ResizeNearest(_) | OpSpec::ResizeBilinear(_) | OpSpec::BatchNorm(_)
    );
    let outputs = problem.op.outputs();
    let mut v = Builder::new(file, "", problem);
    for (engine, profile) in build.engines {
        let name = format!("out_{engine}");
        if !file.npz().has(&name) || (op == "mean" && *engine == "qnnpack") {
            continue;
        }
        let array = file.array(&name)?;
        let values = if images {
            array.channel_last()?
        } else {
            array.tensor()?
        };
        v.output(engine, profile, 0, shaped(file, values, &outputs[0].0)?)?;
        if outputs.len() > 1 {
            let (scale, zero_point) = file.params().pair("out")?;
            v.output(engine, profile, 1, flat(Data::F64(vec![scale])))?;
            let zero_point = problem::one_i32(zero_point)
                .ok_or_else(|| file.problem(format!("zero point {zero_point} does not fit i32")))?;
            v.output(engine, profile, 2, zero_point)?;
        }
    }
    v.into(found);
    Ok(true)
}

fn of(file: &CapturedFile<'_>, op: &str) -> Result<Option<Problem>, CaptureError> {
    Ok(Some(match op {
        "leakyrelu" => {
            let (shape, input, output, x) = one(file)?;
            let spec = LeakyReluSpec {
                shape,
                input,
                output,
                slope: SLOPE,
            };
            plain(OpSpec::LeakyRelu(spec), vec![x])
        }
        "elu" => {
            let (shape, input, output, x) = one(file)?;
            let spec = EluSpec {
                shape,
                input,
                output,
                alpha: ALPHA,
            };
            plain(OpSpec::Elu(spec), vec![x])
        }
        // Of the four axes only the channels' fits.
        "softmax" => {
            let (shape, input, output, x) = one(file)?;
            let spec = SoftmaxSpec {
                shape,
                axis: 1,
                input,
                output,
                beta: 1.0,
            };
            plain(OpSpec::Softmax(spec), vec![x])
        }
        "mean" => {
            let (shape, input, output, x) = one(file)?;
            let spec = ReduceSpec {
                shape,
                axes: vec![2, 3],
                input,
                output,
            };
            plain(OpSpec::Mean(spec), vec![x])
        }
        "addscalar" | "mulscalar" => {
            let (shape, input, _, x) = one(file)?;
            let spec = |scalar| ScalarSpec {
                shape,
                input,
                scalar,
            };
            let op = match op {
                "addscalar" => OpSpec::AddScalar(spec(ADDEND)),
                _ => OpSpec::MulScalar(spec(FACTOR)),
            };
            plain(op, vec![x])
        }
        "cat" => concat(file)?,
        "upsamplenearest" => resize(file, OpSpec::ResizeNearest)?,
        "upsamplebilinear" => resize(file, OpSpec::ResizeBilinear)?,
        // Over the last axis alone, without gamma and beta.
        "layernorm" => {
            let (shape, input, output, x) = one(file)?;
            let len = shape.last().copied().unwrap_or_default();
            let rows = x.len() / len.max(1);
            let spec = LayerNormSpec {
                rows,
                len,
                input,
                output,
                epsilon: EPSILON,
            };
            plain(
                OpSpec::LayerNorm(spec),
                vec![shaped(file, x, &[rows, len])?],
            )
        }
        "batchnorm2d" => batch_norm(file)?,
        _ => return Ok(None),
    }))
}

/// Shape, parameters of input and output, and codes of an op with one input.
fn one(
    file: &CapturedFile<'_>,
) -> Result<(Vec<usize>, Quantized, Quantized, Tensor), CaptureError> {
    let a = file.array("a")?;
    Ok((
        a.shape(),
        pair(file, "a", a)?,
        pair(file, "out", a)?,
        a.tensor()?,
    ))
}

/// The parameters under `key`, given as `[scale, zero point]`.
fn pair(file: &CapturedFile<'_>, key: &str, array: &Array) -> Result<Quantized, CaptureError> {
    let (scale, zero_point) = file.params().pair(key)?;
    Ok(Quantized {
        dtype: code_type(array)?,
        qparams: problem::qparams(file, scale, zero_point)?,
    })
}

/// The same values in another shape.
fn shaped(
    file: &CapturedFile<'_>,
    values: Tensor,
    shape: &[usize],
) -> Result<Tensor, CaptureError> {
    let got = values.shape().to_vec();
    Tensor::new(shape, values.data().clone())
        .map_err(|_| file.problem(format!("{got:?} values do not fit {shape:?}")))
}

/// `a` and `b` along the channels.
fn concat(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (a, b) = (file.array("a")?, file.array("b")?);
    let output = pair(file, "out", a)?;
    let second = Quantized {
        dtype: code_type(b)?,
        qparams: B,
    };
    let axis = 1;
    let sizes: Vec<usize> = [a, b]
        .iter()
        .map(|array| array.shape().get(axis).copied().unwrap_or_default())
        .collect();
    let spec = ConcatSpec {
        shape: a.shape(),
        axis,
        sizes,
        inputs: vec![pair(file, "a", a)?, second],
        output,
    };
    Ok(plain(OpSpec::Concat(spec), vec![a.tensor()?, b.tensor()?]))
}

/// The parameters of `b`, as the files of add and mul give them.
const B: QParams = QParams {
    scale: 0.0219,
    zero_point: 200,
};

/// Twice as high and wide.
fn resize(
    file: &CapturedFile<'_>,
    make: fn(ResizeSpec) -> OpSpec,
) -> Result<Problem, CaptureError> {
    let a = file.array("a")?;
    let x = a.channel_last()?;
    let &[batch, height, width, channels] = x.shape() else {
        return Err(a.error("is no batch of images"));
    };
    let spec = ResizeSpec {
        batch,
        input: vec![height, width],
        channels,
        output: vec![2 * height, 2 * width],
        align_corners: false,
        tensor: pair(file, "a", a)?,
    };
    Ok(plain(make(spec), vec![x]))
}

fn batch_norm(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let a = file.array("a")?;
    let x = a.channel_last()?;
    let channels = x.shape().last().copied().unwrap_or_default();
    let pixels = x.len() / channels.max(1);
    let even = |ends| {
        flat(Data::F32(
            (0..channels).map(|i| linspace(ends, channels, i)).collect(),
        ))
    };
    let spec = BatchNormSpec {
        pixels,
        channels,
        input: pair(file, "a", a)?,
        output: pair(file, "out", a)?,
        epsilon: EPSILON,
        relu: false,
    };
    let x = shaped(file, x, &[pixels, channels])?;
    Ok(Problem {
        op: OpSpec::BatchNorm(spec),
        constants: Constants {
            weights: Some(even(GAMMA)),
            bias: Some(even(BETA)),
        },
        inputs: vec![x, even(MEAN), even(VARIANCE)],
    })
}

/// `embedding_bag_{byte,4bit,2bit}_prepack`: each row's codes, then its scale and offset.
fn rows(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let table = file.array("w")?.tensor()?;
    let &[rows, columns] = table.shape() else {
        return Err(file.array("w")?.error("is no table"));
    };
    for (name, codes) in [("byte", DType::U8), ("b4", DType::U4), ("b2", DType::U2)] {
        let array = file.array(name)?;
        let spec = QuantizeRowsSpec {
            rows,
            columns,
            codes,
        };
        let bits = codes.bits() as usize;
        let (packed, real) = (columns * bits / 8, spec.real().size());
        let packed_tensor = array.tensor()?;
        let (Data::U8(bytes), [_, width]) = (packed_tensor.data(), packed_tensor.shape()) else {
            return Err(array.error("is no table of bytes"));
        };
        if *width != packed + 2 * real || bytes.len() != rows * width {
            return Err(array.error("has no room for codes, scale and offset in each row"));
        }
        let (mut all, mut scales, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
        for row in bytes.chunks(*width) {
            let (row, tail) = row.split_at(packed);
            let mask = (1u16 << bits) - 1;
            all.extend(row.iter().flat_map(|&byte| {
                (0..8 / bits).map(move |i| i64::from((u16::from(byte) >> (i * bits)) & mask))
            }));
            scales.extend(&tail[..real]);
            offsets.extend(&tail[real..]);
        }
        let reals = |bytes: &[u8]| match spec.real() {
            DType::F32 => Data::F32(
                (bytes.chunks_exact(4))
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                    .collect(),
            ),
            dtype => Data::from_bits(
                dtype,
                bytes
                    .chunks_exact(2)
                    .map(|b| u16::from_le_bytes([b[0], b[1]])),
            ),
        };
        let codes = Tensor::new([rows, columns], Data::from_codes(codes, all))
            .map_err(|e| file.problem(e.to_string()))?;
        let expected = [codes, flat(reals(&scales)), flat(reals(&offsets))];
        let problem = plain(OpSpec::QuantizeRows(spec), vec![table.clone()]);
        let mut v = Builder::new(file, name, problem);
        for (index, expected) in expected.into_iter().enumerate() {
            v.output("native", "pytorch-scalar", index, expected)?;
        }
        v.into(found);
    }
    Ok(())
}

/// Dynamic linear with weights of half precision.
pub(super) fn linear_half(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (x, w) = (file.array("x")?.tensor()?, file.array("w")?.tensor()?);
    let (&[m, k], &[n, _]) = (x.shape(), w.shape()) else {
        return Err(file.problem("x and w of a linear must be [m, k] and [n, k]"));
    };
    let spec = LinearHalfSpec {
        m,
        n,
        k,
        bias: BiasKind::F32,
    };
    Ok(Problem {
        op: OpSpec::LinearHalf(spec),
        constants: Constants {
            weights: Some(w),
            bias: Some(file.array("bias")?.tensor()?),
        },
        inputs: vec![x],
    })
}

/// Transposed convolution; weights are `[in, out, kernel..]`.
pub(super) fn conv_transpose(
    file: &CapturedFile<'_>,
    bias: Option<Tensor>,
    product: problem::Product,
) -> Result<Problem, CaptureError> {
    let params = file.params();
    let x = file.array("x")?.channel_last()?;
    let w = file.array("w")?.permuted(&[1, 2, 3, 0])?;
    let (&[batch, height, width, in_channels], Activation::Quantized(activation)) =
        (x.shape(), product.activation)
    else {
        return Err(file.problem("a transposed conv takes quantized images"));
    };
    let pad = params.sizes("padding")?;
    let spec = ConvTransposeSpec {
        batch,
        input: vec![height, width],
        in_channels,
        out_channels: w.shape()[0],
        kernel: w.shape()[1..3].to_vec(),
        stride: params.sizes("stride")?,
        pad_begin: pad.clone(),
        pad_end: pad,
        dilation: params.sizes("dilation")?,
        activation,
        weights: product.weights,
        bias: match bias {
            Some(_) => BiasKind::F32,
            None => BiasKind::None,
        },
        output: product.output,
        relu: product.relu,
    };
    Ok(Problem {
        op: OpSpec::ConvTranspose(spec),
        constants: Constants {
            weights: Some(w),
            bias,
        },
        inputs: vec![x],
    })
}
