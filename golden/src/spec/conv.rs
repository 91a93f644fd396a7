//! The spec of convolution, depthwise and in groups too.

use super::{BiasKind, Granularity, Output, Quantized, Relu, Sliding, image_shape};
use serde::{Deserialize, Serialize};

/// Convolution in 1, 2 or 3 spatial dimensions (as many as `kernel` has entries).
/// Input: `[batch, input.., in_channels]`. Constants: weights
/// `[out_channels, kernel.., in_channels / groups]` s8 (or u8), bias `[out_channels]`.
/// Output: `[batch, output.., out_channels]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvSpec {
    /// images
    pub batch: usize,
    /// spatial size of the input
    pub input: Vec<usize>,
    /// input channels
    pub in_channels: usize,
    /// output channels
    pub out_channels: usize,
    /// spatial size of the kernel
    pub kernel: Vec<usize>,
    /// steps between windows
    pub stride: Vec<usize>,
    /// positions added before the first
    pub pad_begin: Vec<usize>,
    /// positions added after the last
    pub pad_end: Vec<usize>,
    /// steps between kernel positions
    pub dilation: Vec<usize>,
    /// groups of channels that do not mix
    pub groups: usize,
    /// the activations
    pub activation: Quantized,
    /// the weights' scales and zero points (per channel: axis 0)
    pub weights: Granularity,
    /// the bias
    pub bias: BiasKind,
    /// the output
    pub output: Output,
    /// what the output is held to
    pub relu: Relu,
}

impl ConvSpec {
    /// Its windows.
    pub(crate) fn sliding(&self) -> Sliding<'_> {
        Sliding {
            input: &self.input,
            kernel: &self.kernel,
            stride: &self.stride,
            pad_begin: Some(&self.pad_begin),
            pad_end: Some(&self.pad_end),
            dilation: Some(&self.dilation),
        }
    }

    /// The spatial size of the output.
    pub fn output_size(&self) -> Vec<usize> {
        self.sliding().output_size()
    }

    /// The shape of the output: `[batch, output.., out_channels]`.
    pub fn output_shape(&self) -> Vec<usize> {
        image_shape(self.batch, &self.output_size(), self.out_channels)
    }

    /// Whether each group has one input and one output channel.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels && self.groups == self.out_channels
    }

    /// Products per output: kernel positions times channels per group.
    pub fn k(&self) -> usize {
        self.kernel.iter().product::<usize>()
            * self.in_channels.checked_div(self.groups).unwrap_or(0)
    }
}
