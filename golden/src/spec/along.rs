//! Specs of ops along axes of one tensor: softmax, L2 normalization, mean, sum and the
//! greatest code.

use super::Quantized;
use serde::{Deserialize, Serialize};

/// `y = e^(beta·x) / Σ e^(beta·x)` along the last axis. Input and output: `shape`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftmaxSpec {
    /// shape; of at least one dimension
    pub shape: Vec<usize>,
    /// input
    pub input: Quantized,
    /// output
    pub output: Quantized,
    /// the axis of the sum, counted from the first dimension
    pub axis: usize,
    /// what real inputs are multiplied with first; finite and positive
    pub beta: f64,
}

/// Codes along some axes to one. Input: `shape`; output: `shape` without `axes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceSpec {
    /// shape of the input
    pub shape: Vec<usize>,
    /// the axes that go, in ascending order
    pub axes: Vec<usize>,
    /// input
    pub input: Quantized,
    /// output
    pub output: Quantized,
}

impl ReduceSpec {
    /// The shape of the output.
    pub fn output_shape(&self) -> Vec<usize> {
        (self.shape.iter().enumerate())
            .filter(|(axis, _)| !self.axes.contains(axis))
            .map(|(_, &size)| size)
            .collect()
    }

    /// How many codes become one.
    pub fn count(&self) -> usize {
        (self.axes.iter().filter_map(|&axis| self.shape.get(axis))).product()
    }
}
