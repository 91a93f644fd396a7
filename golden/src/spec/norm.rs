//! Specs of normalizations.

use super::Quantized;
use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// (x − mean) / √(variance + epsilon) · gamma + beta, mean and variance over each row.
/// Input and output: `[rows, len]`. Constants, both or none: gamma (weights) `[len]` f32
/// and beta (bias) `[len]` f32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNormSpec {
    /// rows
    pub rows: usize,
    /// values of a row
    pub len: usize,
    /// input
    pub input: Quantized,
    /// output
    pub output: Quantized,
    /// what is added to the variance
    pub epsilon: f64,
}

/// (x − mean) / √(variance + epsilon) · gamma + beta, by channel.
/// Inputs: `[pixels, channels]` codes, mean `[channels]` f32, variance `[channels]` f32.
/// Constants: gamma (weights) `[channels]` f32, beta (bias) `[channels]` f32.
/// Output: `[pixels, channels]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNormSpec {
    /// pixels of all images
    pub pixels: usize,
    /// channels
    pub channels: usize,
    /// input
    pub input: Quantized,
    /// output
    pub output: Quantized,
    /// what is added to the variance
    pub epsilon: f64,
    /// whether codes below the zero point become the zero point
    pub relu: bool,
}

impl BatchNormSpec {
    /// Shapes and types of the inputs.
    pub fn inputs(&self) -> Vec<(Vec<usize>, DType)> {
        vec![
            (vec![self.pixels, self.channels], self.input.dtype),
            (vec![self.channels], DType::F32),
            (vec![self.channels], DType::F32),
        ]
    }
}
