//! Convolutions and matrix products of TOSA's reference model.

use super::tosa::{ENGINE, PROFILE};
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem::{self, Product, Windows};
use crate::captures::tosa_graph::Node;
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};

/// Zero points of TOSA are not part of a scale: sums need none.
pub(super) fn steps(
    dtype: DType,
    zero_point: i64,
    node: &Node<'_>,
) -> Result<Quantized, CaptureError> {
    let zero_point = i32::try_from(zero_point)
        .map_err(|_| node.problem(format!("zero point {zero_point} does not fit i32")))?;
    let qparams = QParams {
        scale: 1.0,
        zero_point,
    };
    Ok(Quantized { dtype, qparams })
}

pub(super) fn sizes(list: Vec<i32>, node: &Node<'_>) -> Result<Vec<usize>, CaptureError> {
    (list.into_iter())
        .map(|n| usize::try_from(n).ok())
        .collect::<Option<_>>()
        .ok_or_else(|| node.problem("an attribute holds a negative size".into()))
}

/// CONV2D and DEPTHWISE_CONV2D: input, weight, bias, zero points of input and weight.
pub(super) fn conv(
    file: &CapturedFile<'_>,
    node: &Node<'_>,
    depthwise: bool,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let (name, input) = node.input(0)?;
    let (_, weight) = node.input(1)?;
    let x = file.array(&format!("in_{name}"))?.tensor()?;
    let (shape, codes) = node.constant(1)?;
    let &[a, b, c, d] = shape.as_slice() else {
        return Err(node.problem(format!("weights have shape {shape:?}, not 4 dimensions")));
    };
    // Depthwise weights are [kh, kw, c, m], and output channel c · m + i has input channel c.
    let (shape, codes, groups) = match depthwise {
        false => (vec![a, b, c, d], codes, 1),
        true => {
            let positions = a * b;
            let channels =
                (0..c * d).flat_map(|channel| (0..positions).map(move |tap| tap * c * d + channel));
            (
                vec![c * d, a, b, 1],
                channels.map(|at| codes[at]).collect(),
                c,
            )
        }
    };
    let out_channels = shape[0];
    let w = Tensor::new(shape, Data::from_codes(weight, codes))
        .map_err(|e| node.problem(e.to_string()))?;
    let pad = sizes(node.list(0)?, node)?;
    let &[top, bottom, left, right] = pad.as_slice() else {
        return Err(node.problem(format!("{pad:?} is no padding of four sides")));
    };
    let windows = Windows {
        stride: sizes(node.list(1)?, node)?,
        pad_begin: vec![top, left],
        pad_end: vec![bottom, right],
        dilation: sizes(node.list(2)?, node)?,
        groups,
    };
    let product = Product {
        activation: Activation::Quantized(steps(input, node.scalar(3)?, node)?),
        weights: Granularity::PerTensor(steps(weight, node.scalar(4)?, node)?.qparams),
        output: Output::Sums,
        relu: Relu::None,
    };
    let bias = bias(node, out_channels)?;
    let problem = problem::conv(file, x, w, Some(bias), windows, product)?;
    expect(file, node, problem, found)
}

/// One value for each channel, or one for all.
fn bias(node: &Node<'_>, channels: usize) -> Result<Tensor, CaptureError> {
    let (_, dtype) = node.input(2)?;
    let (_, mut values) = node.constant(2)?;
    if let &[value] = values.as_slice() {
        values = vec![value; channels];
    }
    Tensor::new([values.len()], Data::from_codes(dtype, values))
        .map_err(|e| node.problem(e.to_string()))
}

pub(super) fn expect(
    file: &CapturedFile<'_>,
    node: &Node<'_>,
    problem: Problem,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let (result, _) = node.output(0)?;
    let mut v = Builder::new(file, "", problem);
    v.output(
        ENGINE,
        PROFILE,
        0,
        file.array(&format!("out_{result}"))?.tensor()?,
    )?;
    v.into(found);
    Ok(())
}

/// MATMUL (`[n, h, c] · [n, c, w]`) and, `transposed`, MATMUL_T (`[n, h, c] · [n, w, c]`): the
/// matrices, their zero points. Each of the n products is a problem of its own.
pub(super) fn matmul(
    file: &CapturedFile<'_>,
    node: &Node<'_>,
    transposed: bool,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let ((a_name, a_type), (b_name, b_type)) = (node.input(0)?, node.input(1)?);
    let a = file.array(&format!("in_{a_name}"))?.tensor()?;
    let order: &[usize] = if transposed { &[0, 1, 2] } else { &[0, 2, 1] };
    let b = file.array(&format!("in_{b_name}"))?.permuted(order)?;
    let (result, _) = node.output(0)?;
    let y = file.array(&format!("out_{result}"))?.tensor()?;
    let activation = steps(a_type, node.scalar(2)?, node)?;
    let weights = steps(b_type, node.scalar(3)?, node)?.qparams;
    let &[batch, ..] = y.shape() else {
        return Err(node.problem("the output has no batch".into()));
    };
    for index in 0..batch {
        let product = Product {
            activation: Activation::Quantized(activation),
            weights: Granularity::PerTensor(weights),
            output: Output::Sums,
            relu: Relu::None,
        };
        let [a, b, y] = [&a, &b, &y].map(|matrices| matrix(matrices, index));
        let (Some(a), Some(b), Some(y)) = (a, b, y) else {
            return Err(node.problem(format!("there are no {batch} matrices in each tensor")));
        };
        let problem = problem::linear(file, a, b, None, product)?;
        let mut v = Builder::new(file, &format!("batch {index}"), problem);
        v.output(ENGINE, PROFILE, 0, y)?;
        v.into(found);
    }
    Ok(())
}

/// Matrix `index` of `[n, rows, columns]`; where n is 1, it stands for all.
fn matrix(tensor: &Tensor, index: usize) -> Option<Tensor> {
    let &[n, rows, columns] = tensor.shape() else {
        return None;
    };
    let index = if n == 1 { 0 } else { index };
    let from = index * rows * columns;
    let codes = (index < n).then(|| from..from + rows * columns)?;
    let codes = codes.map(|at| tensor.data().code(at));
    Tensor::new([rows, columns], Data::from_codes(tensor.dtype(), codes)).ok()
}

/// TRANSPOSE_CONV2D: input, weight, bias, zero points of input and weight. Its exact sums are
/// those of a convolution of the flipped kernel over the stretched image, codes of 0 between.
pub(super) fn transposed_conv(
    file: &CapturedFile<'_>,
    node: &Node<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let (name, input) = node.input(0)?;
    let (_, weight) = node.input(1)?;
    let x = file.array(&format!("in_{name}"))?.tensor()?;
    let activation = steps(input, node.scalar(3)?, node)?;
    let stride = sizes(node.list(1)?, node)?;
    let (shape, codes) = node.constant(1)?;
    let (&[_, kh, kw, _], &[sy, sx]) = (shape.as_slice(), stride.as_slice()) else {
        return Err(node.problem(format!(
            "weights {shape:?}, stride {stride:?}: not 2 dimensions"
        )));
    };
    // Output y reads input i by kernel position y − i · stride − out_pad.
    let reach = |out_pad: i32, kernel: usize| {
        usize::try_from(i64::from(out_pad) + kernel as i64 - 1)
            .map_err(|_| node.problem(format!("out_pad {out_pad} is beyond the kernel")))
    };
    let &[top, bottom, left, right] = node.list(0)?.as_slice() else {
        return Err(node.problem("out_pad has not four sides".into()));
    };
    let windows = Windows {
        stride: vec![1, 1],
        pad_begin: vec![reach(top, kh)?, reach(left, kw)?],
        pad_end: vec![reach(bottom, kh)?, reach(right, kw)?],
        dilation: vec![1, 1],
        groups: 1,
    };
    let w = Tensor::new(shape.clone(), Data::from_codes(weight, codes))
        .map_err(|e| node.problem(e.to_string()))?;
    let (x, w) = problem::transposed(&x, &w, (sy, sx), activation.qparams)
        .ok_or_else(|| node.problem("the input is no batch of images".into()))?;
    let product = Product {
        activation: Activation::Quantized(activation),
        weights: Granularity::PerTensor(steps(weight, node.scalar(4)?, node)?.qparams),
        output: Output::Sums,
        relu: Relu::None,
    };
    let bias = bias(node, shape[0])?;
    let problem = problem::conv(file, x, w, Some(bias), windows, product)?;
    expect(file, node, problem, found)
}
