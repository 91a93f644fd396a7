//! What is asked of a fake quantizer: real values held to the values that codes
//! stand for. Scale and zero point are given, or follow from limits that are
//! given or measured.

use serde::{Deserialize, Serialize};

/// Real values to the nearest values that codes stand for. Input: `shape` f32.
/// Outputs: the values, `shape` f32; their codes as floats with one zero, `shape` f32; and for
/// each channel what steps are counted with (the number that the profile
/// multiplies or divides by) and the zero point, each `[channels]` f32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FakeQuantizeSpec {
    /// shape of the input
    pub shape: Vec<usize>,
    /// the lowest and the highest code
    pub range: (i64, i64),
    /// the axis that has a scale for each index; none: one scale
    pub axis: Option<usize>,
    /// what is done to values before and after
    pub domain: Domain,
    /// where scales and zero points come from
    pub parameters: FakeParameters,
}

/// What is done to values before they are quantized, and undone after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// nothing
    Plain,
    /// values are held to `[0, 1]`
    Unit,
    /// t becomes t ⊘ (2 ⊗ max |t|) ⊕ ½ of the whole tensor, and the quantized y becomes 2 ⊗ y ⊖ 1
    HalvedUnit,
}

/// Where scales and zero points come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FakeParameters {
    /// they are given, one entry per channel
    Scales(Vec<RealQParams>),
    /// the least and the greatest real value are given, one pair per channel
    Limits {
        /// least and greatest value
        limits: Vec<(f64, f64)>,
        /// what is made of them
        request: LimitsRequest,
    },
    /// the least and the greatest value of each channel of the input are the limits
    Measured(LimitsRequest),
}

/// Scale and a zero point that need not be an integer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealQParams {
    /// real units per step; finite and positive
    pub scale: f64,
    /// the code of 0, or of `lowest` where the profile counts steps from it
    pub zero_point: f64,
    /// the real value from which steps are counted by profiles that do so
    #[serde(default)]
    pub lowest: f64,
}

/// What is made of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsRequest {
    /// both limits are as far from 0 as the one that is farther
    pub symmetric: bool,
    /// the zero point is rounded
    pub integral_zero_point: bool,
}

impl FakeQuantizeSpec {
    /// How many scales there are.
    pub fn channels(&self) -> usize {
        self.axis
            .map_or(1, |axis| self.shape.get(axis).copied().unwrap_or(0))
    }
}
