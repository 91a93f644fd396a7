//! Specs of quantize, dequantize and requantize: real values, codes and sums into one another.

use super::Granularity;
use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// f32 to codes. Input: `shape` f32. Output: `shape` of `dtype`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantizeSpec {
    /// shape of input and output
    pub shape: Vec<usize>,
    /// code type: u8, s8 or s32
    pub dtype: DType,
    /// scales and zero points
    pub granularity: Granularity,
    /// the range to clip to, where it is narrower than the type's
    pub range: Option<(i64, i64)>,
}

/// Codes to f32. Input: `shape` of `dtype`. Output: `shape` f32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DequantizeSpec {
    /// shape of input and output
    pub shape: Vec<usize>,
    /// code type: u8, s8 or s32
    pub dtype: DType,
    /// scales and zero points
    pub granularity: Granularity,
}

/// i32 sums to codes by one real multiplier (per tensor or per column).
/// Input: `[rows, columns]` s32. Output: `[rows, columns]` of `output.dtype`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequantizeSpec {
    /// rows
    pub rows: usize,
    /// columns (channels)
    pub columns: usize,
    /// output type and zero point; its scale is already inside the multipliers
    pub dtype: DType,
    /// the output zero point
    pub zero_point: i32,
    /// one multiplier, or one per column; finite and positive
    pub multipliers: Vec<f32>,
    /// whether codes below the zero point become the zero point
    pub relu: bool,
}
