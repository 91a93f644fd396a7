//! Specs of ops without weights: element by element, and windows.

use super::{Quantized, Relu, Sliding, image_shape};
use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// Element by element, two inputs of the same shape. Output: `shape`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinarySpec {
    /// shape of both inputs and the output
    pub shape: Vec<usize>,
    /// first input
    pub a: Quantized,
    /// second input
    pub b: Quantized,
    /// output
    pub output: Quantized,
    /// what the output is held to
    pub relu: Relu,
}

/// `max(q, zero_point)`. Input and output: `shape`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReluSpec {
    /// shape
    pub shape: Vec<usize>,
    /// type and parameters of input and output
    pub tensor: Quantized,
}

/// `min(max(q, low), high)` on codes: relu6 and hardtanh with their bounds quantized
/// by the tensor's own scale and zero point. Input and output: `shape`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClampSpec {
    /// shape
    pub shape: Vec<usize>,
    /// type of input and output: u8, s8 or s16
    pub dtype: DType,
    /// the lowest code that may come out
    pub low: i32,
    /// the highest code that may come out
    pub high: i32,
}

/// A real function of one value, code by code. Input and output: `shape`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionSpec {
    /// shape
    pub shape: Vec<usize>,
    /// input
    pub input: Quantized,
    /// output
    pub output: Quantized,
}

/// `x` where it is at least 0, `slope · x` elsewhere. Input and output: `shape`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeakyReluSpec {
    /// shape
    pub shape: Vec<usize>,
    /// input
    pub input: Quantized,
    /// output
    pub output: Quantized,
    /// what negative values are multiplied with; finite
    pub slope: f64,
}

/// The greater or the lesser of two codes: their tensors have one scale and zero point, which
/// are not looked at. Inputs and output: `shape` of `dtype`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodePairSpec {
    /// shape
    pub shape: Vec<usize>,
    /// type of inputs and output: u8, s8 or s16
    pub dtype: DType,
}

/// A window sliding over the image. Input: `[batch, input.., channels]`;
/// output: `[batch, output.., channels]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolSpec {
    /// images
    pub batch: usize,
    /// spatial size of the input
    pub input: Vec<usize>,
    /// channels
    pub channels: usize,
    /// spatial size of the window
    pub kernel: Vec<usize>,
    /// steps between windows
    pub stride: Vec<usize>,
    /// positions added before the first, and after the last too where `pad_end` is not given
    pub pad: Vec<usize>,
    /// positions added after the last, where they are not as many as before the first
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pad_end: Option<Vec<usize>>,
    /// whether positions outside the image count in the mean (average pool)
    pub count_include_pad: bool,
    /// input
    pub activation: Quantized,
    /// output; max pool keeps the input's parameters
    pub output: Quantized,
}

impl PoolSpec {
    /// Positions added after the last, in each dimension.
    pub fn pad_end(&self) -> &[usize] {
        self.pad_end.as_ref().unwrap_or(&self.pad)
    }

    /// Its windows.
    pub(crate) fn sliding(&self) -> Sliding<'_> {
        Sliding {
            input: &self.input,
            kernel: &self.kernel,
            stride: &self.stride,
            pad_begin: Some(&self.pad),
            pad_end: Some(self.pad_end()),
            dilation: None,
        }
    }

    /// The spatial size of the output.
    pub fn output_size(&self) -> Vec<usize> {
        self.sliding().output_size()
    }

    /// The shape of the output: `[batch, output.., channels]`.
    pub fn output_shape(&self) -> Vec<usize> {
        image_shape(self.batch, &self.output_size(), self.channels)
    }
}
