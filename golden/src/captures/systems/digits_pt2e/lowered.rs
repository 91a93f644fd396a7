//! Layers of the graph lowered to oneDNN's ops: their weights are packed, and stand in the file of
//! the graph that was lowered.

use serde_json::Value;

use super::float::{relu, sum};
use super::{Args, Reader, text};
use crate::captures::error::CaptureError;
use crate::captures::npz::Array;
use crate::captures::problem::{self, Product, Windows, granularity};
use crate::spec::*;
use crate::tensor::Tensor;

const LAYERS: [&str; 5] = ["conv1", "conv2", "dw", "pw", "fc"];

impl Reader<'_> {
    /// Weights, their parameters and bias of the layer that a node computes.
    pub(super) fn layer(
        &self,
        node: &Value,
    ) -> Result<(&Array, Granularity, Tensor), CaptureError> {
        let name = text(node, "weight_of");
        let index = LAYERS
            .iter()
            .position(|layer| *layer == name)
            .ok_or_else(|| {
                self.file
                    .problem(format!("`{name}` is no layer of the graph"))
            })?;
        let suffix = match index {
            0 => String::new(),
            index => format!("_{index}"),
        };
        let codes = self
            .weights
            .array(&format!("quantize_per_channel_default{suffix}"))?;
        let scales = self.weights.array(&format!("_scale_{index}"))?;
        let zero_points = self.weights.array(&format!("_zero_point_{index}"))?;
        let bias = match name {
            "fc" => "fc_bias".to_owned(),
            name => format!("{name}_weight_bias"),
        };
        let bias = self.weights.array(&bias)?.tensor()?;
        Ok((codes, granularity(self.file, scales, zero_points, 0)?, bias))
    }

    /// A convolution whose bias is argument `bias`, stride, padding, dilation and groups behind it.
    pub(super) fn conv(
        &self,
        node: &Value,
        args: Args<'_>,
        bias: usize,
        product: Product,
    ) -> Result<Problem, CaptureError> {
        let (w, _, values) = self.layer(node)?;
        let pad = args.sizes(bias + 2)?;
        let windows = Windows {
            stride: args.sizes(bias + 1)?,
            pad_begin: pad.clone(),
            pad_end: pad,
            dilation: args.sizes(bias + 3)?,
            groups: usize::try_from(args.integer(bias + 4)?).unwrap_or(0),
        };
        let x = self.tensor(args.name(0))?;
        problem::conv(
            self.file,
            x,
            w.channel_last()?,
            Some(values),
            windows,
            product,
        )
    }

    /// A convolution to f32, to which another tensor of f32 is added before the relu: three
    /// nodes, each of which rounds.
    pub(super) fn conv_with_sum(
        &mut self,
        node: &Value,
        args: Args<'_>,
    ) -> Result<(), CaptureError> {
        let name = text(node, "name");
        let plain_sum = args.text(14) == "torch.float32"
            && (args.text(17), args.text(19)) == ("sum", "relu")
            && args.float(12)? == 1.0
            && args.float(15)? == 1.0
            && args.float(18)? == 1.0;
        if !plain_sum {
            return Err(self.file.problem(format!(
                "node {name}: only sums of f32 with factors of 1 and a relu are known"
            )));
        }
        let product = Product {
            activation: Activation::Quantized(args.quantized(1, usize::MAX)?),
            weights: self.layer(node)?.1,
            output: Output::Float,
            relu: Relu::None,
        };
        let (x, other) = (args.name(0), args.name(6));
        let conv = self.conv(node, args, 7, product)?;
        let (of_conv, of_sum) = (format!("{name}.conv"), format!("{name}.sum"));
        self.push(&of_conv, "conv2d", &[x], conv)?;
        let inputs = vec![self.tensor(&of_conv)?, self.tensor(other)?];
        self.push(&of_sum, "add", &[&of_conv, other], sum(inputs))?;
        self.push(name, "relu", &[&of_sum], relu(self.tensor(&of_sum)?))
    }

    pub(super) fn linear(&self, node: &Value, args: Args<'_>) -> Result<Problem, CaptureError> {
        let (w, weights, bias) = self.layer(node)?;
        let scale_and_zero_point = args.quantized(1, usize::MAX)?;
        let product = Product {
            activation: Activation::Quantized(scale_and_zero_point),
            weights,
            output: Output::Float,
            relu: (args.text(10) == "relu").into(),
        };
        let x = self.tensor(args.name(0))?;
        problem::linear(self.file, x, w.tensor()?, Some(bias), product)
    }
}
