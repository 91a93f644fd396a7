//! Spec of conversions between types.

use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// Values of one type to another. Input: `shape` of `from`. Output: `shape` of `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CastSpec {
    /// shape of input and output
    pub shape: Vec<usize>,
    /// type of the input
    pub from: DType,
    /// type of the output
    pub to: DType,
    /// whether floats of 8 bits end at the greatest finite value (4-bit floats always do)
    pub saturate: bool,
    /// how a value becomes a power of two, for [`DType::F8E8M0`]
    pub power: PowerRounding,
}

/// How the exponent is rounded where a value becomes a power of two. The sign is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerRounding {
    /// the least power of two that is not less
    Up,
    /// the greatest power of two that is not greater
    Down,
    /// the nearer power of two, ties up
    Nearest,
}
