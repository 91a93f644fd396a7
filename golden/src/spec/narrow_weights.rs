//! Specs of tables of embeddings and of weights kept in half precision.

use super::BiasKind;
use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// Each row of a table to codes with a scale of its own and a real offset, its least value:
/// `x ≈ code · scale + offset`. Input: `[rows, columns]` f32, finite.
/// Outputs: codes `[rows, columns]`, scales `[rows]` and offsets `[rows]`: f32 for u8 codes,
/// f16 for u4 and u2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantizeRowsSpec {
    /// rows
    pub rows: usize,
    /// columns
    pub columns: usize,
    /// u8, u4 or u2
    pub codes: DType,
}

impl QuantizeRowsSpec {
    /// The type of scales and offsets.
    pub fn real(&self) -> DType {
        match self.codes {
            DType::U8 => DType::F32,
            _ => DType::F16,
        }
    }

    /// Shapes and types of the outputs.
    pub fn outputs(&self) -> Vec<(Vec<usize>, DType)> {
        vec![
            (vec![self.rows, self.columns], self.codes),
            (vec![self.rows], self.real()),
            (vec![self.rows], self.real()),
        ]
    }
}

/// `y[m, n] = Σ_k x[m, k] · half(w[n, k]) + bias[n]` in f32; weights beyond the range of f16
/// are held to it. Input: `[m, k]` f32. Constants: weights `[n, k]` f32, bias `[n]` f32 or
/// none. Output: `[m, n]` f32.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearHalfSpec {
    /// rows
    pub m: usize,
    /// output columns
    pub n: usize,
    /// inner length
    pub k: usize,
    /// f32 or none
    pub bias: BiasKind,
}
