//! The spec of the exponential linear unit.

use super::{FunctionSpec, Quantized};
use serde::{Deserialize, Serialize};

/// x where x is not negative, else (e^x − 1) · alpha, code by code. Input and output: `shape`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EluSpec {
    /// shape
    pub shape: Vec<usize>,
    /// input
    pub input: Quantized,
    /// output
    pub output: Quantized,
    /// the limit for x → −∞ is −alpha
    pub alpha: f64,
}

impl EluSpec {
    /// Of the tensors of `function`.
    pub fn new(function: FunctionSpec, alpha: f64) -> Self {
        Self {
            shape: function.shape,
            input: function.input,
            output: function.output,
            alpha,
        }
    }

    /// Its tensors.
    pub fn function(&self) -> FunctionSpec {
        FunctionSpec {
            shape: self.shape.clone(),
            input: self.input,
            output: self.output,
        }
    }
}
