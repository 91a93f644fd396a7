//! The spec of a product of two quantized matrices.

use super::Quantized;
use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// `y[b, m, n] = Σ_k a[b, m, k] · b[b, k, n]`, both inputs known at run time only.
/// Inputs: `[batch, m, k]` and `[batch, k, n]`. Output: `[batch, m, n]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatMulSpec {
    /// pairs of matrices
    pub batch: usize,
    /// rows of a
    pub m: usize,
    /// columns of b
    pub n: usize,
    /// inner length
    pub k: usize,
    /// first input
    pub a: Quantized,
    /// second input
    pub b: Quantized,
    /// output
    pub output: Quantized,
}

impl MatMulSpec {
    /// Shapes and types of the inputs.
    pub fn inputs(&self) -> Vec<(Vec<usize>, DType)> {
        vec![
            (vec![self.batch, self.m, self.k], self.a.dtype),
            (vec![self.batch, self.k, self.n], self.b.dtype),
        ]
    }
}
