//! ONNX Runtime's ops with weights and its pointwise ops.

use super::onnxruntime::ENGINES;
use super::onnxruntime_along;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::Array;
use crate::captures::problem::{self, Product, Windows, code_type, granularity, plain, quantized};
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Tensor};

const NO_PARAMETERS: &str = "neither the manifest nor the file has the scales of activations and output: a multiplier could be fitted to the outputs, but would prove nothing";

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let name = file
        .entry
        .file
        .trim_start_matches("ops/")
        .trim_end_matches(".npz");
    let op = name.split('_').next().unwrap_or_default();
    let problem = match op {
        "MatMulInteger" => matmul_integer(file)?,
        "QLinearMatMul" => matmul(file)?,
        "QLinearConv" => conv(file, true)?,
        "ConvInteger" => conv(file, false)?,
        "QLinearAdd" | "QLinearMul" => binary(file, op)?,
        "QLinearAveragePool" | "QLinearGlobalAveragePool" => average_pool(file, name)?,
        "QLinearSigmoid" => sigmoid(file)?,
        "QLinearLeakyRelu" => onnxruntime_along::leaky_relu(file)?,
        "QLinearSoftmax" => onnxruntime_along::softmax(file)?,
        "QLinearConcat" => onnxruntime_along::concat(file)?,
        "DynamicQuantizeMatMul" => dynamic_matmul(file)?,
        "MatMulNBits" => return super::onnxruntime_blocks::matmul_nbits(file, found),
        "QDQ" if name.contains("Add") || name.contains("Mul") => return qdq(file, name, found),
        _ => {
            let reason = match op {
                "QGemm" => NO_PARAMETERS,
                "QDQ" if name.contains("Conv") => NO_PARAMETERS,
                _ => "no reference op",
            };
            found.skip(op, file.entry.values(|a| a.contains(".out")), reason);
            return Ok(());
        }
    };
    let images = matches!(problem.op, OpSpec::Conv(_) | OpSpec::AvgPool(_));
    let mut v = Builder::new(file, "", problem);
    for (engine, profile) in ENGINES {
        let profile = kernel_of(op, engine).unwrap_or(profile);
        let name = format!("{engine}.out0");
        if file.npz().has(&name) {
            let array = file.array(&name)?;
            let values = if images {
                array.channel_last()?
            } else {
                array.tensor()?
            };
            v.output(engine, profile, 0, values)?;
        }
    }
    v.into(found);
    Ok(())
}

/// Ops that do not take the kernel which the session's mode lets expect:
/// ConvInteger is exact in every mode, and QLinearMatMul takes the saturating
/// kernel even under `session.x64quantprecision`.
fn kernel_of(op: &str, engine: &str) -> Option<&'static str> {
    match (op, engine) {
        ("ConvInteger", "ort") => Some("onnxruntime"),
        ("QLinearMatMul", "ort_x64precise") => Some("onnxruntime-avx2"),
        _ => None,
    }
}

/// Weights `[k, n]` as `[n, k]`.
fn transposed(w: &Array) -> Result<Tensor, CaptureError> {
    if w.shape().len() != 2 {
        return Err(w.error("is no matrix"));
    }
    w.permuted(&[1, 0])
}

/// Scale 1, for ops that work on codes and zero points alone.
fn unit(file: &CapturedFile<'_>, dtype: DType, zero_point: i64) -> Result<Quantized, CaptureError> {
    Ok(Quantized {
        dtype,
        qparams: problem::qparams(file, 1.0, zero_point)?,
    })
}

/// Weights with scale 1 and the captured zero points.
fn unit_weights(file: &CapturedFile<'_>) -> Result<Granularity, CaptureError> {
    let array = file.array("w_zp")?;
    let zero_points = array.integers()?.into_iter();
    let pairs = zero_points
        .map(|zero_point| problem::qparams(file, 1.0, zero_point))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(match array.shape().is_empty() {
        true => Granularity::PerTensor(pairs[0]),
        false => Granularity::PerChannel {
            axis: 0,
            qparams: pairs,
        },
    })
}

fn matmul_integer(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let x = file.array("x")?;
    // MatMulInteger_saturate has no zero points.
    let (zero_point, weights) = if file.npz().has("w_zp") {
        (file.params().integer("a_zp")?, unit_weights(file)?)
    } else {
        let pair = problem::qparams(file, 1.0, 0)?;
        (0, Granularity::PerTensor(pair))
    };
    let product = Product {
        activation: Activation::Quantized(unit(file, code_type(x)?, zero_point)?),
        weights,
        output: Output::Sums,
        relu: Relu::None,
    };
    let w = transposed(file.array("w")?)?;
    problem::linear(file, x.tensor()?, w, None, product)
}

fn matmul(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let x = file.array("x")?;
    let dtype = code_type(x)?;
    // The tie grids have scale 1 on both sides and activation zero point 128:
    // the manifest leaves them out, the identity at x = 128 shows them.
    let (activation, weights) = if file.params().has("a_scale") {
        let weights = granularity(file, file.array("w_scale")?, file.array("w_zp")?, 0)?;
        (quantized(file, "a", dtype)?, weights)
    } else {
        let pair = problem::qparams(file, 1.0, 0)?;
        (unit(file, dtype, 128)?, Granularity::PerTensor(pair))
    };
    let product = Product {
        activation: Activation::Quantized(activation),
        weights,
        output: Output::Quantized(quantized(file, "y", dtype)?),
        relu: Relu::None,
    };
    let w = transposed(file.array("w")?)?;
    problem::linear(file, x.tensor()?, w, None, product)
}

/// DynamicQuantizeMatMul; the weights have zero point 0.
fn dynamic_matmul(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let scales = file.array("w_scale")?.floats()?;
    let pairs = scales
        .into_iter()
        .map(|scale| problem::qparams(file, scale, 0))
        .collect::<Result<Vec<_>, _>>()?;
    let product = Product {
        activation: Activation::Dynamic {
            reduce_range: false,
        },
        weights: Granularity::PerChannel {
            axis: 0,
            qparams: pairs,
        },
        output: Output::Float,
        relu: Relu::None,
    };
    let w = transposed(file.array("w")?)?;
    let bias = Some(file.array("bias")?.tensor()?);
    problem::linear(file, file.array("x")?.tensor()?, w, bias, product)
}

/// Windows as ONNX gives them: `pads` holds all begins, then all ends.
pub(super) fn windows(file: &CapturedFile<'_>, groups: &str) -> Result<Windows, CaptureError> {
    let params = file.params();
    let (stride, pads) = (params.sizes("strides")?, params.sizes("pads")?);
    if pads.len() != 2 * stride.len() {
        return Err(params.error("pads", format!("must have {} entries", 2 * stride.len())));
    }
    let (pad_begin, pad_end) = pads.split_at(stride.len());
    Ok(Windows {
        pad_begin: pad_begin.to_vec(),
        pad_end: pad_end.to_vec(),
        stride,
        dilation: params.sizes("dilations")?,
        groups: usize::try_from(params.integer(groups)?).unwrap_or(0),
    })
}

/// QLinearConv, or ConvInteger, which gives sums.
fn conv(file: &CapturedFile<'_>, requantized: bool) -> Result<Problem, CaptureError> {
    let x = file.array("x")?;
    let dtype = code_type(x)?;
    let product = if requantized {
        Product {
            activation: Activation::Quantized(quantized(file, "x", dtype)?),
            weights: granularity(file, file.array("w_scale")?, file.array("w_zp")?, 0)?,
            output: Output::Quantized(quantized(file, "y", dtype)?),
            relu: Relu::None,
        }
    } else {
        Product {
            activation: Activation::Quantized(unit(file, dtype, file.params().integer("x_zp")?)?),
            weights: unit_weights(file)?,
            output: Output::Sums,
            relu: Relu::None,
        }
    };
    let bias = match requantized {
        true => Some(file.array("bias")?.tensor()?),
        false => None,
    };
    let w = file.array("w")?.channel_last()?;
    problem::conv(
        file,
        x.channel_last()?,
        w,
        bias,
        windows(file, "group")?,
        product,
    )
}

pub(super) fn triple(file: &CapturedFile<'_>) -> Result<[Quantized; 3], CaptureError> {
    let dtype = code_type(file.array("x")?)?;
    Ok([
        quantized(file, "a", dtype)?,
        quantized(file, "b", dtype)?,
        quantized(file, "y", dtype)?,
    ])
}

fn binary(file: &CapturedFile<'_>, op: &str) -> Result<Problem, CaptureError> {
    let (a, b) = (file.array("x")?.tensor()?, file.array("b")?.tensor()?);
    let (spec, inputs) = problem::binary(a, b, triple(file)?, Relu::None);
    let op = if op.ends_with("Add") {
        OpSpec::Add(spec)
    } else {
        OpSpec::Mul(spec)
    };
    Ok(plain(op, inputs))
}

/// Dequantize, add or multiply in f32, quantize: as written, and fused into one op.
fn qdq(file: &CapturedFile<'_>, name: &str, found: &mut Found) -> Result<(), CaptureError> {
    let op = if name.contains("Add") {
        "QLinearAdd"
    } else {
        "QLinearMul"
    };
    let mut v = Builder::new(file, "", binary(file, op)?);
    v.output(
        "fused",
        "onnxruntime",
        0,
        file.array("fused.out0")?.tensor()?,
    )?;
    v.output(
        "unfused",
        "onnxruntime-qdq",
        0,
        file.array("unfused.out0")?.tensor()?,
    )?;
    v.output(
        "onnx_ref",
        "onnx-reference",
        0,
        file.array("onnx_ref.out0")?.tensor()?,
    )?;
    v.into(found);
    Ok(())
}

fn sigmoid(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let x = file.array("x")?;
    let [input, _, output] = triple(file)?;
    let spec = FunctionSpec {
        shape: x.shape(),
        input,
        output,
    };
    Ok(plain(OpSpec::Sigmoid(spec), vec![x.tensor()?]))
}

/// `QLinearAveragePool_k3s2p1ci1_u8`: the windows are in the name.
fn average_pool(file: &CapturedFile<'_>, name: &str) -> Result<Problem, CaptureError> {
    let x = file.array("x")?.channel_last()?;
    let &[batch, height, width, channels] = x.shape() else {
        return Err(file.array("x")?.error("is no batch of images"));
    };
    let digit = |key: char| -> Option<usize> {
        let windows = name.split('_').nth(1)?;
        let at = windows.find(key)?;
        windows[at + 1..]
            .trim_start_matches('i')
            .chars()
            .next()?
            .to_digit(10)
            .map(|d| d as usize)
    };
    let global = name.contains("Global");
    let one =
        |key: char| digit(key).ok_or_else(|| file.problem(format!("the name gives no `{key}`")));
    let [activation, _, output] = triple(file)?;
    let spec = if global {
        PoolSpec {
            batch,
            input: vec![height, width],
            channels,
            kernel: vec![height, width],
            stride: vec![1; 2],
            pad: vec![0; 2],
            pad_end: None,
            count_include_pad: false,
            activation,
            output,
        }
    } else {
        PoolSpec {
            batch,
            input: vec![height, width],
            channels,
            kernel: vec![one('k')?; 2],
            stride: vec![one('s')?; 2],
            pad: vec![one('p')?; 2],
            pad_end: None,
            count_include_pad: one('c')? == 1,
            activation,
            output,
        }
    };
    Ok(plain(OpSpec::AvgPool(spec), vec![x]))
}
