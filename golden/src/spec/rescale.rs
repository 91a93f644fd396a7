//! Spec of rescale: integer codes to integer codes by integer multipliers.

use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// How a rescaled value is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RescaleRounding {
    /// once, ties up
    Single,
    /// for shifts above 31 as if the high half were rounded first: 2^30 is added to the product
    /// of a value that is not negative and taken from that of a negative one, then as single
    Double,
    /// as the system likes: see the `inexact` axis
    Inexact,
}

/// A real multiplier `multiplier / 2^shift`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedScale {
    /// 0 and up; below 2^15 without `scale32`
    pub multiplier: i32,
    /// 2 to 62
    pub shift: u32,
}

/// `clamp(round((q − input_zero_point) · multiplier / 2^shift) + output_zero_point)`: TOSA's
/// RESCALE. Input and output: `shape`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RescaleSpec {
    /// shape; channels last
    pub shape: Vec<usize>,
    /// type of the input; s64 holds 48 bits
    pub input: DType,
    /// the code that stands for 0 in the input
    pub input_zero_point: i32,
    /// type of the output: up to 32 bits
    pub output: DType,
    /// the code that stands for 0 in the output
    pub output_zero_point: i32,
    /// whether multipliers are of 32 bits and values less zero point too; otherwise
    /// multipliers are of 16 bits and values of 48
    pub scale32: bool,
    /// one scale, or one per channel
    pub scales: Vec<FixedScale>,
    /// rounding
    pub rounding: RescaleRounding,
}
