//! The spec of leaky relu.

use super::Quantized;
use serde::{Deserialize, Serialize};

/// x where x is positive, else x · slope, code by code. Input and output: `shape`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeakyReluSpec {
    /// shape
    pub shape: Vec<usize>,
    /// input
    pub input: Quantized,
    /// output
    pub output: Quantized,
    /// by what values that are not positive are multiplied
    pub slope: f64,
}
