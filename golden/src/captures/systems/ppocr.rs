//! PP-OCR: layers of three text-recognition networks, each run alone by ONNX
//! Runtime in three modes and again by PyTorch's engines on the same tensors.

use super::onnxruntime_along;
use super::onnxruntime_ops::windows;
use super::torch;
use crate::captures::error::CaptureError;
use crate::captures::manifest::{CapturedFile, Params};
use crate::captures::problem::{self, Product, code_type, granularity, plain, quantized};
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};

/// ONNX Runtime's modes. Without optimisation it takes the same kernels as by default.
const ORT: &[(&str, &str)] = &[
    ("ort_default", "onnxruntime-avx2"),
    ("ort_precise", "onnxruntime"),
    ("ort_noopt", "onnxruntime-avx2"),
];

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let op = file.entry.op.as_deref().unwrap_or_default();
    match op {
        "conv2d" | "depthwise_conv2d" => conv(file, found),
        "linear" => linear(file, found),
        "quantize" | "dequantize" => element(file, op, found),
        "add" | "mul" => binary(file, op, found),
        "relu" => {
            let x = file.array("x")?;
            let spec = ReluSpec {
                shape: x.shape(),
                tensor: quantized(file, "x", code_type(x)?)?,
            };
            let problem = plain(OpSpec::Relu(spec), vec![x.tensor()?]);
            outputs(file, problem, &engines(), false, found)
        }
        "sigmoid" | "hardswish" => {
            let x = file.array("x")?;
            let dtype = code_type(x)?;
            let spec = FunctionSpec {
                shape: x.shape(),
                input: quantized(file, "x", dtype)?,
                output: quantized(file, "y", dtype)?,
            };
            if op == "sigmoid" {
                let problem = plain(OpSpec::Sigmoid(spec), vec![x.tensor()?]);
                return outputs(file, problem, &engines(), false, found);
            }
            let composed = file.entry.values(|array| array == "y_ort_composite");
            let reason = "a chain of QLinearAdd, QLinearMul, a division in f32 and QuantizeLinear whose scales in between the file does not have; such nodes are checked one by one in add/, mul/ and quantize/";
            found.skip(op, composed, reason);
            let problem = plain(OpSpec::Hardswish(spec), vec![x.tensor()?]);
            outputs(file, problem, &side(true), false, found)
        }
        "softmax" => {
            let problem = onnxruntime_along::layer_softmax(file)?;
            outputs(file, problem, &side(false), false, found)
        }
        "resize2d" => {
            let problem = onnxruntime_along::layer_resize(file)?;
            outputs(file, problem, &side(false), true, found)
        }
        "matmul" => matmul(file, found),
        "avg_pool2d" | "max_pool2d" | "global_avg_pool2d" => pool(file, op, found),
        "observer" => minmax(file, found),
        "graph_weights" => Ok(()),
        "graph_tensors" => {
            found.skip(
                "graph",
                file.entry.values(|_| true),
                "whole networks: layers are checked alone",
            );
            Ok(())
        }
        _ => {
            found.skip(
                op,
                file.entry.values(|a| a.starts_with('y')),
                "no reference op",
            );
            Ok(())
        }
    }
}

/// All engines by the names that `params.outputs` gives them.
fn engines() -> Vec<(String, &'static str)> {
    let torch = torch::ENGINES
        .iter()
        .map(|(e, p)| (format!("torch_{e}"), *p));
    ORT.iter()
        .map(|(e, p)| (e.to_string(), *p))
        .chain(torch)
        .collect()
}

/// Adds the outputs of `engines` for `problem`.
fn outputs(
    file: &CapturedFile<'_>,
    problem: Problem,
    engines: &[(String, &'static str)],
    images: bool,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let params = file.params();
    let stored = params.get("outputs")?;
    let mut v = Builder::new(file, "", problem);
    for (engine, profile) in engines {
        if let Some(name) = stored.get(engine).and_then(|name| name.as_str()) {
            let array = file.array(name)?;
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

/// The engines whose names start with `torch`, or the others.
fn side(torch: bool) -> Vec<(String, &'static str)> {
    let mut engines = engines();
    engines.retain(|(engine, _)| engine.starts_with("torch_") == torch);
    engines
}

/// Matrices in batches, both run-time tensors: each product is a linear of its own, `b`
/// standing for the weights.
fn matmul(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (a, b) = (file.array("a")?, file.array("b")?);
    let activation = quantized(file, "a", code_type(a)?)?;
    let weights = granularity(file, file.array("b_scale")?, file.array("b_zp")?, 0)?;
    let product = Product {
        activation: Activation::Quantized(activation),
        weights,
        output: Output::Quantized(quantized(file, "y", activation.dtype)?),
        relu: Relu::None,
    };
    let (a, b) = (
        Matrices::new(file, a.tensor()?)?,
        Matrices::new(file, b.tensor()?)?,
    );
    let stored = file.params().get("outputs")?;
    for index in 0..a.count {
        let (Some(x), Some(w)) = (a.get(index, false), b.get(index, true)) else {
            return Err(file.problem(format!("`b` holds no matrix {index}")));
        };
        let problem = problem::linear(file, x, w, None, product.clone())?;
        let mut v = Builder::new(file, &format!("matrix {index}"), problem);
        for (engine, profile) in ORT {
            if let Some(name) = stored.get(*engine).and_then(|name| name.as_str()) {
                let y = Matrices::new(file, file.array(name)?.tensor()?)?;
                let y = y.get(index, false);
                let y =
                    y.ok_or_else(|| file.problem(format!("`{name}` holds no matrix {index}")))?;
                v.output(engine, profile, 0, y)?;
            }
        }
        v.into(found);
    }
    Ok(())
}

/// A tensor of matrices.
struct Matrices {
    tensor: Tensor,
    count: usize,
    size: (usize, usize),
}

impl Matrices {
    fn new(file: &CapturedFile<'_>, tensor: Tensor) -> Result<Self, CaptureError> {
        let &[.., rows, columns] = tensor.shape() else {
            return Err(file.problem("a matrix has fewer than 2 dimensions"));
        };
        Ok(Self {
            count: tensor.len() / (rows * columns).max(1),
            size: (rows, columns),
            tensor,
        })
    }

    /// Matrix `index`, rows and columns changed if `turned`.
    fn get(&self, index: usize, turned: bool) -> Option<Tensor> {
        let (rows, columns) = self.size;
        let first = index * rows * columns;
        let shape = if turned {
            [columns, rows]
        } else {
            [rows, columns]
        };
        let at = |place: usize| match turned {
            true => first + place % rows * columns + place / rows,
            false => first + place,
        };
        let codes = (index < self.count).then(|| (0..rows * columns).map(at))?;
        let codes = codes.map(|at| self.tensor.data().code(at));
        Tensor::new(shape, Data::from_codes(self.tensor.dtype(), codes)).ok()
    }
}

/// A convolution: ONNX Runtime was given the i32 bias, PyTorch the f32 bias
/// `bias · x_scale · w_scale`, a product in f64 rounded to f32.
fn conv(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let x = file.array("x")?;
    let activation = quantized(file, "x", code_type(x)?)?;
    let weights = granularity(file, file.array("w_scale")?, file.array("w_zp")?, 0)?;
    let product = Product {
        activation: Activation::Quantized(activation),
        weights: weights.clone(),
        output: Output::Quantized(quantized(file, "y", activation.dtype)?),
        relu: file.params().flag("relu")?.into(),
    };
    let bias = match file.npz().has("bias") && !file.array("bias")?.is_empty() {
        true => Some(file.array("bias")?.tensor()?),
        false => None,
    };
    let float_bias = match bias.as_ref().map(Tensor::data) {
        Some(Data::I32(bias)) => {
            let real = |(c, &b): (usize, &i32)| {
                (f64::from(b) * activation.qparams.scale * weights.channel(c).scale) as f32
            };
            Some(problem::flat(Data::F32(
                bias.iter().enumerate().map(real).collect(),
            )))
        }
        _ => None,
    };
    let windows = windows(file, "groups")?;
    for (torch, bias) in [(false, bias), (true, float_bias)] {
        let (x, w) = (x.channel_last()?, file.array("w")?.channel_last()?);
        let problem = problem::conv(file, x, w, bias, windows.clone(), product.clone())?;
        outputs(file, problem, &side(torch), true, found)?;
    }
    Ok(())
}

/// QGemm, weights `[k, n]`.
fn linear(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let x = file.array("x")?;
    let dtype = code_type(x)?;
    let product = Product {
        activation: Activation::Quantized(quantized(file, "x", dtype)?),
        weights: granularity(file, file.array("w_scale")?, file.array("w_zp")?, 0)?,
        output: Output::Quantized(quantized(file, "y", dtype)?),
        relu: Relu::None,
    };
    let transposed = file
        .params()
        .get("attributes")?
        .get("transB")
        .and_then(|v| v.as_i64());
    let w = match transposed {
        Some(1) => file.array("w")?.tensor()?,
        _ => file.array("w")?.permuted(&[1, 0])?,
    };
    let bias = match file.npz().has("bias") {
        true => Some(file.array("bias")?.tensor()?),
        false => None,
    };
    let problem = problem::linear(file, x.tensor()?, w, bias, product)?;
    outputs(file, problem, &engines(), false, found)
}

fn element(file: &CapturedFile<'_>, op: &str, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let pair = problem::qparams(file, params.float("scale")?, params.integer("zp")?)?;
    let pair = Granularity::PerTensor(pair);
    let x = file.array("x")?.tensor()?;
    let problem = if op == "quantize" {
        let name = params.text("dtype").unwrap_or_default();
        let dtype = super::torch_observers::dtype_of(name)
            .ok_or_else(|| params.error("dtype", "is neither uint8 nor int8".into()))?;
        problem::quantize(x, dtype, pair, None)
    } else {
        problem::dequantize(x, pair)
    };
    outputs(file, problem, &engines(), false, found)
}

/// QLinearAdd and QLinearMul with numpy's broadcasting.
fn binary(file: &CapturedFile<'_>, op: &str, found: &mut Found) -> Result<(), CaptureError> {
    let (a, b) = (file.array("a")?, file.array("b")?);
    let dtype = code_type(a)?;
    let params = [
        quantized(file, "a", dtype)?,
        quantized(file, "b", code_type(b)?)?,
        quantized(file, "y", dtype)?,
    ];
    let (a, b) = broadcast(file, a.tensor()?, b.tensor()?)?;
    let (spec, inputs) = problem::binary(a, b, params, file.params().flag("relu")?.into());
    let op = if op == "add" {
        OpSpec::Add(spec)
    } else {
        OpSpec::Mul(spec)
    };
    outputs(file, plain(op, inputs), &engines(), false, found)
}

/// Both tensors in the shape that they broadcast to.
fn broadcast(
    file: &CapturedFile<'_>,
    a: Tensor,
    b: Tensor,
) -> Result<(Tensor, Tensor), CaptureError> {
    let rank = a.shape().len().max(b.shape().len());
    let padded = |t: &Tensor| {
        let mut shape = vec![1; rank - t.shape().len()];
        shape.extend(t.shape());
        shape
    };
    let (sa, sb) = (padded(&a), padded(&b));
    let shape: Vec<usize> = sa.iter().zip(&sb).map(|(&m, &n)| m.max(n)).collect();
    let stretch = |t: &Tensor, from: &[usize]| -> Option<Tensor> {
        let codes = (0..t.len()).map(|i| t.data().code(i)).collect::<Vec<_>>();
        let array = ndarray::ArrayD::from_shape_vec(from.to_vec(), codes).ok()?;
        let wide = array.broadcast(shape.clone())?;
        let data = Data::from_codes(t.dtype(), wide.iter().copied());
        Tensor::new(shape.clone(), data).ok()
    };
    match (stretch(&a, &sa), stretch(&b, &sb)) {
        (Some(a), Some(b)) => Ok((a, b)),
        _ => Err(file.problem(format!("{sa:?} and {sb:?} do not broadcast"))),
    }
}

fn pool(file: &CapturedFile<'_>, op: &str, found: &mut Found) -> Result<(), CaptureError> {
    let x = file.array("x")?;
    let dtype = code_type(x)?;
    let values = x.channel_last()?;
    let &[batch, height, width, channels] = values.shape() else {
        return Err(x.error("is no batch of images"));
    };
    let params = file.params();
    let global = op == "global_avg_pool2d";
    // PyTorch's windows are parameters, ONNX Runtime's are attributes of the node.
    let given = match params.has("attributes") {
        true => Params {
            value: params.get("attributes")?,
            ..params
        },
        false => params,
    };
    let (kernel, stride, pad) = if global {
        (vec![height, width], vec![1, 1], vec![0, 0])
    } else {
        let pads = given.sizes("pads")?;
        if pads.len() != 4 || pads[..2] != pads[2..] || given.flag("ceil_mode")? {
            return Err(given.error("pads", "must be the same on both sides".into()));
        }
        let kernel = if given.has("kernel") {
            "kernel"
        } else {
            "kernel_shape"
        };
        (
            given.sizes(kernel)?,
            given.sizes("strides")?,
            pads[..2].to_vec(),
        )
    };
    let spec = PoolSpec {
        batch,
        input: vec![height, width],
        channels,
        kernel,
        stride,
        pad,
        pad_end: None,
        count_include_pad: given.has("count_include_pad") && given.flag("count_include_pad")?,
        activation: quantized(file, "x", dtype)?,
        output: quantized(file, "y", dtype)?,
    };
    let op = if op == "max_pool2d" {
        OpSpec::MaxPool(spec)
    } else {
        OpSpec::AvgPool(spec)
    };
    outputs(file, plain(op, vec![values]), &engines(), true, found)
}

/// ONNX Runtime's MinMax calibration over several crops.
fn minmax(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    // The crops themselves are not kept everywhere, their ranges are.
    let values: Vec<f32> = file
        .array("batch_min_max")?
        .floats()?
        .into_iter()
        .map(|v| v as f32)
        .collect();
    let request = QparamsRequest {
        dtype: DType::U8,
        range: None,
        symmetric: false,
        reduce_range: false,
    };
    let problem = problem::choose_qparams(values, request);
    let mut v = Builder::new(file, "", problem);
    let (scale, zero_point) = (params.float("scale")?, params.integer("zp")?);
    super::torch_observers::chosen(
        file,
        &mut v,
        "tools",
        "onnxruntime-tools",
        scale,
        zero_point,
    )?;
    v.into(found);
    Ok(())
}
