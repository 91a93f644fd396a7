//! Specs of products whose operands are known only at run time, or quantized only then.

use super::{Granularity, Quantized};
use serde::{Deserialize, Serialize};

/// `y[b, m, n] = Σ_k x[b, m, k] · w[b, k, n]`, both operands codes of the same type.
/// Inputs: `[batch, m, k]` and `[batch, k, n]`. Output: `[batch, m, n]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchMatmulSpec {
    /// how many products
    pub batch: usize,
    /// rows
    pub m: usize,
    /// columns
    pub n: usize,
    /// inner length
    pub k: usize,
    /// the first operand
    pub a: Quantized,
    /// the second operand
    pub b: Quantized,
    /// the output
    pub output: Quantized,
}

/// `y[m, n] = Σ_k x[m, k] · w[n, k] + bias[n]`, each row of `x` quantized to s8 by its own
/// least and greatest value at run time. Input: `[m, k]` f32. Constants: weights `[n, k]` s8,
/// bias `[n]` f32. Output: `[m, n]` f32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearRowsSpec {
    /// rows
    pub m: usize,
    /// output columns
    pub n: usize,
    /// inner length
    pub k: usize,
    /// whether rows are to have the zero point 0
    pub symmetric: bool,
    /// the weights' scales, zero points 0 (per channel: axis 0)
    pub weights: Granularity,
    /// whether there is a bias
    pub bias: bool,
}
