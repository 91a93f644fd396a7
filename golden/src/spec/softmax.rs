//! The spec of softmax.

use super::Quantized;
use serde::{Deserialize, Serialize};

/// e^x / Σ e^x, the sum along `axis`. Input and output: `shape`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftmaxSpec {
    /// shape
    pub shape: Vec<usize>,
    /// the axis of the sum, counted from the first dimension
    pub axis: usize,
    /// input
    pub input: Quantized,
    /// output
    pub output: Quantized,
}
