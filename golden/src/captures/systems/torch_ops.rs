//! PyTorch's quantized ops: `torch.ops.quantized.*`, one array per engine.

use super::torch::Build;
use super::torch_float_ops;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::Array;
use crate::captures::problem::{self, Product, Windows, code_type, granularity, plain, quantized};
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Tensor};

pub(super) fn read(
    build: &Build,
    file: &CapturedFile<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let name = file
        .entry
        .file
        .trim_start_matches("ops/")
        .trim_end_matches(".npz");
    let (op, rest) = name.split_once('_').unwrap_or((name, ""));
    if torch_float_ops::read(build, file, op, found)? && op != "mean" {
        return Ok(());
    }
    let problem = match op {
        "linear" => linear(file)?,
        "lineardynamic" => linear_dynamic(file)?,
        "lineardynamicfp16" => torch_float_ops::linear_half(file)?,
        "conv2dtranspose" => torch_float_ops::conv_transpose(file, bias(file)?, product(file)?)?,
        "conv1d" | "conv2d" | "conv3d" => conv(file)?,
        "add" | "addrelu" | "mul" | "mulrelu" => binary(file, op)?,
        "avgpool2d" => avg_pool(file)?,
        "maxpool2d" => max_pool(file)?,
        "relu" => relu(file)?,
        "hardtanh" => hardtanh(file)?,
        "sigmoid" | "sigmoidq" | "tanh" | "hardswish" | "hardsigmoid" => function(file, op)?,
        "globalavgpool" | "mean" => adaptive_pool(file, (6, 5), (6, 5))?,
        // 6 rows in 3 windows, 5 columns in 2: columns 0 to 2, and 2 to 4.
        "adaptiveavgpool2d" => adaptive_pool(file, (2, 3), (2, 2))?,
        _ => {
            found.skip(
                op,
                file.entry.values(|a| a.starts_with("out")),
                "no reference op",
            );
            return Ok(());
        }
    };
    let images = matches!(
        problem.op,
        OpSpec::Conv(_) | OpSpec::ConvTranspose(_) | OpSpec::AvgPool(_) | OpSpec::MaxPool(_)
    );
    let mut v = Builder::new(file, "", problem);
    for (engine, profile) in build.engines {
        let name = format!("out_{engine}");
        // QNNPACK takes a mean as an average pool.
        if op == "mean" && *engine != "qnnpack" {
            continue;
        }
        let profile = kernel_of(op, rest, engine).unwrap_or(profile);
        if file.npz().has(&name) {
            let array = file.array(&name)?;
            let values = if images && array.shape().len() > 2 {
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

/// The profile of ops that an engine leaves to ATen: average pools over
/// channels-first memory (`cl0` in the name), which has kernels of its own, and
/// adaptive pools to more than one pixel.
fn kernel_of(op: &str, rest: &str, engine: &str) -> Option<&'static str> {
    let contiguous = rest.ends_with("cl0");
    match (op, engine) {
        ("avgpool2d" | "globalavgpool", "qnnpack") => None,
        ("avgpool2d" | "globalavgpool" | "adaptiveavgpool2d", _) if contiguous => {
            Some("pytorch-contiguous")
        }
        ("adaptiveavgpool2d", _) => Some("fbgemm"),
        _ => None,
    }
}

/// The float bias; an empty array means none.
fn bias(file: &CapturedFile<'_>) -> Result<Option<Tensor>, CaptureError> {
    if !file.npz().has("bias") || file.array("bias")?.is_empty() {
        return Ok(None);
    }
    file.array("bias")?.tensor().map(Some)
}

fn weights(file: &CapturedFile<'_>) -> Result<Granularity, CaptureError> {
    if file.npz().has("w_scale") {
        return granularity(file, file.array("w_scale")?, file.array("w_zp")?, 0);
    }
    let pair = problem::qparams(file, file.params().float("w_scale")?, 0)?;
    Ok(Granularity::PerTensor(pair))
}

/// Activation and output of a product: u8 on both sides.
fn product(file: &CapturedFile<'_>) -> Result<Product, CaptureError> {
    let params = file.params();
    Ok(Product {
        activation: Activation::Quantized(quantized(file, "x", code_type(file.array("x")?)?)?),
        weights: weights(file)?,
        output: Output::Quantized(quantized(file, "out", DType::U8)?),
        relu: (params.has("relu") && params.flag("relu")?).into(),
    })
}

fn linear(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (x, w) = (file.array("x")?.tensor()?, file.array("w")?.tensor()?);
    problem::linear(file, x, w, bias(file)?, product(file)?)
}

fn linear_dynamic(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let (x, w) = (file.array("x")?.tensor()?, file.array("w")?.tensor()?);
    let product = Product {
        activation: Activation::Dynamic {
            reduce_range: file.params().flag("reduce_range")?,
        },
        weights: weights(file)?,
        output: Output::Float,
        relu: Relu::None,
    };
    problem::linear(file, x, w, bias(file)?, product)
}

fn conv(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let params = file.params();
    let pad = params.sizes("padding")?;
    let windows = Windows {
        stride: params.sizes("stride")?,
        pad_begin: pad.clone(),
        pad_end: pad,
        dilation: params.sizes("dilation")?,
        groups: usize::try_from(params.integer("groups")?).unwrap_or(0),
    };
    let (x, w) = (
        file.array("x")?.channel_last()?,
        file.array("w")?.channel_last()?,
    );
    problem::conv(file, x, w, bias(file)?, windows, product(file)?)
}

/// The parameters under `key`, given as `[scale, zero point]`.
fn pair(file: &CapturedFile<'_>, key: &str, array: &Array) -> Result<Quantized, CaptureError> {
    let (scale, zero_point) = file.params().pair(key)?;
    Ok(Quantized {
        dtype: code_type(array)?,
        qparams: problem::qparams(file, scale, zero_point)?,
    })
}

fn binary(file: &CapturedFile<'_>, op: &str) -> Result<Problem, CaptureError> {
    let (a, b) = (file.array("a")?, file.array("b")?);
    let params = [
        pair(file, "a", a)?,
        pair(file, "b", b)?,
        pair(file, "out", a)?,
    ];
    let relu = op.ends_with("relu").into();
    let (spec, inputs) = problem::binary(a.tensor()?, b.tensor()?, params, relu);
    let op = if op.starts_with("add") {
        OpSpec::Add(spec)
    } else {
        OpSpec::Mul(spec)
    };
    Ok(plain(op, inputs))
}

fn relu(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let a = file.array("a")?;
    let spec = ReluSpec {
        shape: a.shape(),
        tensor: pair(file, "a", a)?,
    };
    Ok(plain(OpSpec::Relu(spec), vec![a.tensor()?]))
}

/// The manifest gives no bounds; every output of every engine lies in 42 to 91, and
/// reaches both.
fn hardtanh(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let a = file.array("a")?;
    let spec = ClampSpec {
        shape: a.shape(),
        dtype: code_type(a)?,
        low: 42,
        high: 91,
    };
    Ok(plain(OpSpec::Clamp(spec), vec![a.tensor()?]))
}

fn function(file: &CapturedFile<'_>, op: &str) -> Result<Problem, CaptureError> {
    let a = file.array("a")?;
    let spec = FunctionSpec {
        shape: a.shape(),
        input: pair(file, "a", a)?,
        output: pair(file, "out", a)?,
    };
    let op = match op {
        "tanh" => OpSpec::Tanh(spec),
        "hardswish" => OpSpec::Hardswish(spec),
        "hardsigmoid" => OpSpec::Hardsigmoid(spec),
        _ => OpSpec::Sigmoid(spec),
    };
    Ok(plain(op, vec![a.tensor()?]))
}

/// A pool to a given number of windows; the whole image is one window of 6 × 5.
fn adaptive_pool(
    file: &CapturedFile<'_>,
    kernel: (usize, usize),
    stride: (usize, usize),
) -> Result<Problem, CaptureError> {
    let tensor = pair(file, "a", file.array("a")?)?;
    let (spec, x) = pool(file, (1, 1, 0), false, tensor)?;
    let spec = PoolSpec {
        kernel: vec![kernel.0, kernel.1],
        stride: vec![stride.0, stride.1],
        ..spec
    };
    Ok(plain(OpSpec::AvgPool(spec), vec![x]))
}

/// A pool over `a`, `[n, c, h, w]`, with square windows.
fn pool(
    file: &CapturedFile<'_>,
    (kernel, stride, pad): (usize, usize, usize),
    count_include_pad: bool,
    tensor: Quantized,
) -> Result<(PoolSpec, Tensor), CaptureError> {
    let x = file.array("a")?.channel_last()?;
    let &[batch, height, width, channels] = x.shape() else {
        return Err(file.array("a")?.error("is no batch of images"));
    };
    let spec = PoolSpec {
        batch,
        input: vec![height, width],
        channels,
        kernel: vec![kernel; 2],
        stride: vec![stride; 2],
        pad: vec![pad; 2],
        pad_end: None,
        count_include_pad,
        activation: tensor,
        output: tensor,
    };
    Ok((spec, x))
}

fn avg_pool(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let params = file.params();
    let size = |key: &str| -> Result<usize, CaptureError> {
        usize::try_from(params.integer(key)?).map_err(|_| params.error(key, "is negative".into()))
    };
    let tensor = Quantized {
        dtype: code_type(file.array("a")?)?,
        qparams: problem::qparams(file, params.float("scale")?, params.integer("zp")?)?,
    };
    let windows = (size("k")?, size("stride")?, size("pad")?);
    let (spec, x) = pool(file, windows, params.flag("count_include_pad")?, tensor)?;
    Ok(plain(OpSpec::AvgPool(spec), vec![x]))
}

/// The manifest gives no windows; shapes and values fit kernel 2, stride 2, no padding.
fn max_pool(file: &CapturedFile<'_>) -> Result<Problem, CaptureError> {
    let tensor = pair(file, "a", file.array("a")?)?;
    let (spec, x) = pool(file, (2, 2, 0), false, tensor)?;
    Ok(plain(OpSpec::MaxPool(spec), vec![x]))
}
