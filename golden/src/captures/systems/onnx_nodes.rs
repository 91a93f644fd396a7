//! The official node tests of ONNX: one `model.onnx` and its tensors per folder.
//! A tensor `x` of a type that numpy lacks is `x.codes` (bit patterns, unsigned)
//! with its type in `x.dtype`; inputs are `in0`, `in1`, …, outputs `out0`, ….

use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::narrow::{self, InBlocks};
use crate::captures::onnx_model::{Node, OnnxModel};
use crate::captures::problem::{self, Product, Windows};
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};

const ENGINE: &str = "node-test";
const PROFILE: &str = "onnx-reference";

/// A file `<test>/data<n>.npz`.
pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let test = file.entry.file.split('/').next().unwrap_or_default();
    let model = OnnxModel::read(&file.folder.path.join(test).join("model.onnx"))?;
    let Some(node) = model.nodes.last() else {
        return Err(file.problem("its model has no nodes"));
    };
    // Expanded tests spell an op out; its inputs and outputs are the op's.
    let op = match model.nodes.len() {
        1 => node.op.as_str(),
        _ if test.starts_with("test_dynamicquantizelinear") => "DynamicQuantizeLinear",
        _ => "",
    };
    match op {
        "Cast" | "CastLike" => {
            let to = dtype(file, "out0")?;
            let power = match node.text("round_mode") {
                Some("down") => PowerRounding::Down,
                Some("nearest") => PowerRounding::Nearest,
                _ => PowerRounding::Up,
            };
            let problem = narrow::cast(tensor(file, "in0")?, to, saturates(node), power);
            add(file, "", problem, found)
        }
        "QuantizeLinear" => {
            let blocks = in_blocks(file, node)?;
            let codes = dtype(file, "out0")?;
            let problem = blocks.quantize(file.array("in1")?, codes, None, saturates(node))?;
            add(file, "", problem, found)
        }
        "DequantizeLinear" => {
            let blocks = in_blocks(file, node)?;
            let problem = blocks.dequantize(file.array("in1")?, dtype(file, "out0")?)?;
            add(file, "", problem, found)
        }
        "DynamicQuantizeLinear" => dynamic(file, found),
        "MatMulInteger" => matmul(file, found, false),
        "QLinearMatMul" => matmul(file, found, true),
        "ConvInteger" => conv(file, node, found, false),
        "QLinearConv" => conv(file, node, found, true),
        _ => {
            found.skip(test, file.entry.values(|_| true), "no reference op");
            Ok(())
        }
    }
}

fn add(
    file: &CapturedFile<'_>,
    part: &str,
    problem: Problem,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let mut v = Builder::new(file, part, problem);
    v.output(ENGINE, PROFILE, 0, tensor(file, "out0")?)?;
    v.into(found);
    Ok(())
}

fn saturates(node: &Node) -> bool {
    node.integer("saturate") != Some(0)
}

/// The type of a tensor.
fn dtype(file: &CapturedFile<'_>, name: &str) -> Result<DType, CaptureError> {
    let label = file.array(&format!("{name}.dtype"))?;
    let word = label.text()?;
    let dtype = match word.to_ascii_uppercase().as_str() {
        "FLOAT" | "FLOAT32" => DType::F32,
        "DOUBLE" | "FLOAT64" => DType::F64,
        "FLOAT16" => DType::F16,
        "BFLOAT16" => DType::BF16,
        "UINT8" => DType::U8,
        "INT8" => DType::I8,
        "UINT16" => DType::U16,
        "INT16" => DType::I16,
        "INT32" => DType::I32,
        "UINT4" => DType::U4,
        "INT4" => DType::I4,
        "UINT2" => DType::U2,
        "INT2" => DType::I2,
        "FLOAT8E4M3FN" => DType::F8E4M3FN,
        "FLOAT8E4M3FNUZ" => DType::F8E4M3FNUZ,
        "FLOAT8E5M2" => DType::F8E5M2,
        "FLOAT8E5M2FNUZ" => DType::F8E5M2FNUZ,
        "FLOAT8E8M0" => DType::F8E8M0,
        "FLOAT4E2M1" => DType::F4E2M1,
        _ => return Err(label.error(format!("names no known type: {word}"))),
    };
    Ok(dtype)
}

/// A tensor, from its bit patterns where they are given.
fn tensor(file: &CapturedFile<'_>, name: &str) -> Result<Tensor, CaptureError> {
    let codes = format!("{name}.codes");
    if file.npz().has(&codes) {
        return narrow::narrow(file.array(&codes)?, dtype(file, name)?);
    }
    file.array(name)?.tensor()
}

/// Input 0 with scales (input 1) and zero points (input 2), as axis and block size say.
fn in_blocks(file: &CapturedFile<'_>, node: &Node) -> Result<InBlocks, CaptureError> {
    let (values, scales) = (tensor(file, "in0")?, tensor(file, "in1")?);
    let shape = values.shape().to_vec();
    let rank = shape.len() as i64;
    let axis = node.integer("axis").unwrap_or(1);
    let axis = usize::try_from(if axis < 0 { axis + rank } else { axis })
        .map_err(|_| file.problem(format!("axis {axis} is before the first")))?;
    let size = usize::try_from(node.integer("block_size").unwrap_or(0))
        .map_err(|_| file.problem("the block size is negative"))?;
    let block = match (size, scales.len()) {
        (0, 1) => shape.iter().map(|&size| size.max(1)).collect(),
        (0, _) => narrow::across(&shape, axis),
        (size, _) => narrow::along(&shape, axis, size),
    };
    let zero_points = match file.npz().has("in2") {
        true => Some(tensor(file, "in2")?),
        false => None,
    };
    Ok(InBlocks {
        values,
        scales,
        zero_points,
        block,
    })
}

fn dynamic(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let x = file.array("in0")?.tensor()?;
    let Data::F32(values) = x.data() else {
        return Err(file.array("in0")?.error("is not f32"));
    };
    let (scale, zero_point) = (
        file.array("out1")?.floats()?,
        file.array("out2")?.integers()?,
    );
    let (&[scale], &[zero_point]) = (scale.as_slice(), zero_point.as_slice()) else {
        return Err(file.array("out1")?.error("is no single scale"));
    };
    let request = QparamsRequest {
        dtype: DType::U8,
        range: None,
        symmetric: false,
        reduce_range: false,
    };
    let problem = problem::choose_qparams(values.clone(), request);
    let mut v = Builder::new(file, "qparams", problem);
    super::torch_observers::chosen(file, &mut v, ENGINE, PROFILE, scale, zero_point)?;
    v.into(found);
    let pair = Granularity::PerTensor(problem::qparams(file, scale, zero_point)?);
    add(
        file,
        "q",
        problem::quantize(x, DType::U8, pair, None),
        found,
    )
}

/// The zero point in an array of one, 0 where there is none.
fn zero_point(file: &CapturedFile<'_>, name: &str) -> Result<i64, CaptureError> {
    if !file.npz().has(name) {
        return Ok(0);
    }
    match file.array(name)?.integers()?.as_slice() {
        &[zero_point] => Ok(zero_point),
        _ => Err(file.array(name)?.error("is no single zero point")),
    }
}

fn scale(file: &CapturedFile<'_>, name: &str) -> Result<f64, CaptureError> {
    let scale = file.array(name)?.tensor()?;
    match scale.len() {
        1 => Ok(scale.data().real(0)),
        _ => Err(file.array(name)?.error("is no single scale")),
    }
}

/// One multiplier for the sums: `a · b / y`. Under half precision each step is
/// rounded to it, so that the multiplier itself takes the place of the three.
fn scales(file: &CapturedFile<'_>, [a, b, y]: [&str; 3]) -> Result<(f64, f64, f64), CaptureError> {
    let (x, w, out) = (scale(file, a)?, scale(file, b)?, scale(file, y)?);
    if dtype(file, a)? != DType::F16 {
        return Ok((x, w, out));
    }
    let half = DType::F16.float_format().expect("a float type");
    let round = |value: f64| half.value(half.nearest(value));
    Ok((round(round(x * w) / out), 1.0, 1.0))
}

fn quantized(
    file: &CapturedFile<'_>,
    dtype: DType,
    scale: f64,
    zero_point: i64,
) -> Result<Quantized, CaptureError> {
    Ok(Quantized {
        dtype,
        qparams: problem::qparams(file, scale, zero_point)?,
    })
}

/// `[.., m, k]` times `[.., k, n]`, one product for each leading index.
fn matmul(
    file: &CapturedFile<'_>,
    found: &mut Found,
    requantized: bool,
) -> Result<(), CaptureError> {
    let names = if requantized {
        ["in0", "in3", "in2", "in5"]
    } else {
        ["in0", "in1", "in2", "in3"]
    };
    let (x, w, y) = (
        tensor(file, names[0])?,
        tensor(file, names[1])?,
        tensor(file, "out0")?,
    );
    let (x_zero, w_zero) = (zero_point(file, names[2])?, zero_point(file, names[3])?);
    let (x_scale, w_scale, output) = if requantized {
        let (x_scale, w_scale, y_scale) = scales(file, ["in1", "in4", "in6"])?;
        let zero_point = zero_point(file, "in7")?;
        let output = quantized(file, y.dtype(), y_scale, zero_point)?;
        (x_scale, w_scale, Output::Quantized(output))
    } else {
        (1.0, 1.0, Output::Sums)
    };
    let product = Product {
        activation: Activation::Quantized(quantized(file, x.dtype(), x_scale, x_zero)?),
        weights: Granularity::PerTensor(problem::qparams(file, w_scale, w_zero)?),
        output,
        relu: Relu::None,
    };
    let (&[.., m, k], &[.., _, n]) = (x.shape(), w.shape()) else {
        return Err(file.problem("factors need at least two dimensions"));
    };
    for batch in 0..(x.len() / (m * k).max(1)) {
        let part = |tensor: &Tensor, rows: usize, columns: usize| {
            let codes = (0..rows * columns).map(|i| batch * rows * columns + i);
            let codes = codes.map(|i| tensor.data().code(i)).collect::<Vec<_>>();
            (codes, tensor.dtype())
        };
        let matrix = |shape: [usize; 2], (codes, dtype): (Vec<i64>, DType)| {
            Tensor::new(shape, Data::from_codes(dtype, codes))
                .map_err(|e| file.problem(e.to_string()))
        };
        let x = matrix([m, k], part(&x, m, k))?;
        let (w, dtype) = part(&w, k, n);
        let turned = (0..n).flat_map(|n_| (0..k).map(move |k_| k_ * n + n_));
        let w = matrix([n, k], (turned.map(|i| w[i]).collect(), dtype))?;
        let y = matrix([m, n], part(&y, m, n))?;
        let problem = problem::linear(file, x, w, None, product.clone())?;
        let mut v = Builder::new(file, &format!("batch{batch}"), problem);
        v.output(ENGINE, PROFILE, 0, y)?;
        v.into(found);
    }
    Ok(())
}

fn conv(
    file: &CapturedFile<'_>,
    node: &Node,
    found: &mut Found,
    requantized: bool,
) -> Result<(), CaptureError> {
    let [w, x_zero, w_zero] = if requantized {
        ["in3", "in2", "in5"]
    } else {
        ["in1", "in2", "in3"]
    };
    let (x, w) = (
        file.array("in0")?.channel_last()?,
        file.array(w)?.channel_last()?,
    );
    let y = file.array("out0")?.channel_last()?;
    let spatial = x.shape().len() - 2;
    let sizes = |name: &str, or: usize, count: usize| -> Result<Vec<usize>, CaptureError> {
        let Some(list) = node.integers(name).filter(|list| !list.is_empty()) else {
            return Ok(vec![or; count]);
        };
        let sizes = list.iter().map(|&n| usize::try_from(n).ok());
        let sizes = sizes.collect::<Option<Vec<_>>>();
        sizes
            .filter(|s| s.len() == count)
            .ok_or_else(|| file.problem(format!("{name} {list:?} must be {count} sizes")))
    };
    let pads = sizes("pads", 0, 2 * spatial)?;
    let windows = Windows {
        stride: sizes("strides", 1, spatial)?,
        pad_begin: pads[..spatial].to_vec(),
        pad_end: pads[spatial..].to_vec(),
        dilation: sizes("dilations", 1, spatial)?,
        groups: usize::try_from(node.integer("group").unwrap_or(1)).unwrap_or(0),
    };
    let (x_scale, w_scale, output) = if requantized {
        let (x_scale, w_scale, y_scale) = scales(file, ["in1", "in4", "in6"])?;
        let output = quantized(file, y.dtype(), y_scale, zero_point(file, "in7")?)?;
        (x_scale, w_scale, Output::Quantized(output))
    } else {
        (1.0, 1.0, Output::Sums)
    };
    let w_zeros = match file.npz().has(w_zero) {
        true => file.array(w_zero)?.integers()?,
        false => vec![0],
    };
    let mut pairs = (w_zeros.into_iter())
        .map(|zero_point| problem::qparams(file, w_scale, zero_point))
        .collect::<Result<Vec<_>, _>>()?;
    let weights = match pairs.len() {
        1 => Granularity::PerTensor(pairs.remove(0)),
        _ => Granularity::PerChannel {
            axis: 0,
            qparams: pairs,
        },
    };
    let activation = quantized(file, x.dtype(), x_scale, zero_point(file, x_zero)?)?;
    let product = Product {
        activation: Activation::Quantized(activation),
        weights,
        output,
        relu: Relu::None,
    };
    let problem = problem::conv(file, x, w, None, windows, product)?;
    let mut v = Builder::new(file, "", problem);
    v.output(ENGINE, PROFILE, 0, y)?;
    v.into(found);
    Ok(())
}
