//! The spec of images that grow or shrink.

use super::{Quantized, image_shape};
use serde::{Deserialize, Serialize};

/// An image in another size. Input: `[batch, input.., channels]`; output:
/// `[batch, output.., channels]`, of the input's scale and zero point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResizeSpec {
    /// images
    pub batch: usize,
    /// spatial size of the input
    pub input: Vec<usize>,
    /// channels
    pub channels: usize,
    /// spatial size of the output
    pub output: Vec<usize>,
    /// whether the first and last pixels of input and output lie on each other
    /// (between pixels: bilinear only)
    pub align_corners: bool,
    /// input and output
    pub tensor: Quantized,
}

impl ResizeSpec {
    /// The shape of the input.
    pub fn input_shape(&self) -> Vec<usize> {
        image_shape(self.batch, &self.input, self.channels)
    }

    /// The shape of the output.
    pub fn output_shape(&self) -> Vec<usize> {
        image_shape(self.batch, &self.output, self.channels)
    }
}
