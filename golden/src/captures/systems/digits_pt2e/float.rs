//! Nodes on f32 of the reference graphs, and the dequantized weights that they read.

use serde_json::Value;

use super::{Args, Reader};
use crate::captures::error::CaptureError;
use crate::captures::npz::Array;
use crate::captures::problem::{self, Product, granularity, plain};
use crate::spec::*;
use crate::tensor::Tensor;

impl Reader<'_> {
    /// Codes and parameters of weights that a node dequantizes.
    pub(super) fn codes(&self, args: Args<'_>) -> Result<(&Array, Granularity), CaptureError> {
        let (scales, zero_points) = (args.name(1), args.name(2));
        let scales = self.weights.array(scales)?;
        let pairs = granularity(self.file, scales, self.weights.array(zero_points)?, 0)?;
        Ok((self.weights.array(args.name(0))?, pairs))
    }

    /// Without a stride, padding, dilation or groups in the arguments, each is PyTorch's default.
    pub(super) fn float_conv(
        &self,
        args: Args<'_>,
        x: Tensor,
        w: Tensor,
    ) -> Result<Problem, CaptureError> {
        let (&[batch, height, width, in_channels], &[out_channels, kh, kw, _]) =
            (x.shape(), w.shape())
        else {
            return Err(self.file.problem(format!(
                "x {:?} and w {:?} do not fit a convolution of images",
                x.shape(),
                w.shape()
            )));
        };
        let sizes = |index, default: usize| match args.has(index) {
            true => args.sizes(index),
            false => Ok(vec![default; 2]),
        };
        let groups = if args.has(6) { args.integer(6)? } else { 1 };
        let spec = FloatConvSpec {
            batch,
            input: vec![height, width],
            in_channels,
            out_channels,
            kernel: vec![kh, kw],
            stride: sizes(3, 1)?,
            pad: sizes(4, 0)?,
            dilation: sizes(5, 1)?,
            groups: usize::try_from(groups).unwrap_or(0),
        };
        Ok(Problem {
            op: OpSpec::Float(FloatOp::Conv(spec)),
            constants: Constants {
                weights: None,
                bias: Some(self.weights.array(args.name(2))?.tensor()?),
            },
            inputs: vec![x, w],
        })
    }

    /// Linear of f32 with the codes of weights that the node before dequantizes.
    pub(super) fn float_linear(&self, args: Args<'_>) -> Result<Problem, CaptureError> {
        let dequantized = args.name(1);
        let node = (self.by_name.get(dequantized))
            .ok_or_else(|| self.file.problem(format!("no node gives `{dequantized}`")))?;
        let (codes, weights) = self.codes(Args {
            file: self.file,
            node: dequantized,
            list: (node.get("args").and_then(Value::as_array)).map_or(&[], Vec::as_slice),
        })?;
        let product = Product {
            activation: Activation::Float,
            weights,
            output: Output::Float,
            relu: Relu::None,
        };
        let bias = self.weights.array(args.name(2))?.tensor()?;
        let x = self.tensor(args.name(0))?;
        problem::linear(self.file, x, codes.tensor()?, Some(bias), product)
    }
}

/// Weights of convolutions become channel-last.
pub(super) fn of_weights(codes: &Array) -> Result<Tensor, CaptureError> {
    match codes.shape().len() {
        4 => codes.channel_last(),
        _ => codes.tensor(),
    }
}

pub(super) fn sum(inputs: Vec<Tensor>) -> Problem {
    let shape = inputs[0].shape().to_vec();
    plain(OpSpec::Float(FloatOp::Add { shape }), inputs)
}

pub(super) fn relu(x: Tensor) -> Problem {
    let shape = x.shape().to_vec();
    plain(OpSpec::Float(FloatOp::Relu { shape }), vec![x])
}
