//! The spec of transposed convolution.

use super::{BiasKind, Granularity, Output, Quantized, Relu, image_shape};
use serde::{Deserialize, Serialize};

/// Convolution that scatters: each pixel of the input adds its product with the kernel to
/// the output at `stride` times its position. In 1, 2 or 3 spatial dimensions.
/// Input: `[batch, input.., in_channels]`. Constants: weights
/// `[out_channels, kernel.., in_channels]` s8 (or u8), bias `[out_channels]`.
/// Output: `[batch, output.., out_channels]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvTransposeSpec {
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
    /// steps between the places of two input pixels in the output
    pub stride: Vec<usize>,
    /// positions cut off before the first
    pub pad_begin: Vec<usize>,
    /// positions cut off after the last
    pub pad_end: Vec<usize>,
    /// steps between kernel positions
    pub dilation: Vec<usize>,
    /// the activations
    pub activation: Quantized,
    /// the weights' scales and zero points (per channel: axis 0)
    pub weights: Granularity,
    /// the bias
    pub bias: BiasKind,
    /// the output; never [`Output::Float`]
    pub output: Output,
    /// what the output is held to
    pub relu: Relu,
}

impl ConvTransposeSpec {
    /// The spatial size of the output.
    pub fn output_size(&self) -> Vec<usize> {
        let lists = self.input.iter().zip(&self.kernel).zip(&self.stride);
        let cut = self.pad_begin.iter().zip(&self.pad_end);
        (lists.zip(cut).zip(&self.dilation))
            .map(|((((input, kernel), stride), (begin, end)), dilation)| {
                let spread = input.saturating_sub(1).saturating_mul(*stride);
                let reach = dilation.saturating_mul(kernel.saturating_sub(1));
                let whole = spread.saturating_add(reach).saturating_add(1);
                whole.saturating_sub(begin.saturating_add(*end))
            })
            .collect()
    }

    /// The shape of the output: `[batch, output.., out_channels]`.
    pub fn output_shape(&self) -> Vec<usize> {
        image_shape(self.batch, &self.output_size(), self.out_channels)
    }

    /// The shape of the input.
    pub fn input_shape(&self) -> Vec<usize> {
        image_shape(self.batch, &self.input, self.in_channels)
    }
}
