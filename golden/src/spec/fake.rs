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
    /// which codes there are
    #[serde(default, skip_serializing_if = "Levels::are_steps")]
    pub levels: Levels,
    /// where scales and zero points come from
    pub parameters: FakeParameters,
}

/// What is done to values before they are quantized, and undone after.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// nothing
    Plain,
    /// values are held to `[0, 1]`
    Unit,
    /// t becomes t ⊘ (2 ⊗ max |t|) ⊕ ½ of the whole tensor, and the quantized y becomes 2 ⊗ y ⊖ 1
    HalvedUnit,
    /// negative values are multiplied by `slope`; values and results are held to `upper`
    Relu {
        /// factor of negative values; 0 or a power of two
        slope: f64,
        /// the greatest result
        upper: Option<f64>,
    },
    /// x ⊗ min(max(x ⊕ 3, 0), 6) ⊘ 6
    HardSwish,
    /// ½ ⊗ x ⊕ ½, held to `[0, 1]`
    HardSigmoid,
    /// 2 ⊗ (½ ⊗ x ⊕ ½, held to `[0, 1]`) ⊖ 1
    HardTanh,
    /// 1 / (1 + e^−x), correctly rounded to f32
    Sigmoid,
    /// the hyperbolic tangent, correctly rounded to f32
    Tanh,
    /// values are quantized as they are; where the profile passes them straight through, it passes
    /// the hyperbolic tangent
    ThroughTanh,
}

/// Which codes there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Levels {
    /// whole numbers of steps, as the profile rounds them
    #[default]
    Steps,
    /// −1 for negative values, 1 for all others
    Signs,
    /// 0 for negative values, 1 for all others
    ZeroOne,
    /// 0 below a threshold of |x|, else the sign
    Threshold(f64),
}

impl Levels {
    fn are_steps(&self) -> bool {
        *self == Self::Steps
    }
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
    /// statistics of the input are the limits of the whole tensor
    Clipped {
        /// which statistics
        clip: super::Clip,
        /// what is made of the limits
        request: LimitsRequest,
    },
    /// the scale is the mean of |x| of the whole tensor
    MeanAbs,
    /// scales are fitted to the values of each channel by least squares
    Fitted(Fit),
}

/// How a scale is fitted: the scale s that makes s · codes nearest to the values is
/// mean(x ⊗ q) ⊘ (mean(q ⊗ q) ⊕ 1e-7); then codes are counted by it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// the first scale is 2 ⊗ max |x| ⊘ this
    pub first_steps: f64,
    /// the first scale is not less
    pub first_at_least: f64,
    /// max |x| is that of the whole tensor, not of each channel
    pub first_of_whole: bool,
    /// scales are fitted to x ⊘ unit, and multiplied by it; a power of two
    pub unit: f64,
    /// scales become powers of two: 2^round(ln(s ⊕ 1e-7) ⊘ ln 2)
    pub power_of_two: bool,
    /// how often a scale is fitted
    pub passes: u32,
    /// codes are counted once more by the last scale; else those stay by which it was fitted
    pub recount: bool,
    /// the code of 0
    pub zero_point: f64,
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
    /// what values of codes are multiplied by, where it is not 1
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub gain: f64,
    /// real units per step of values, where it is not `scale` (which then counts steps alone)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_scale: Option<f64>,
    /// steps per unit are approximated as a multiplier of this many bits and a shift
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_bits: Option<u32>,
}

fn one() -> f64 {
    1.0
}

fn is_one(gain: &f64) -> bool {
    *gain == 1.0
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

/// Real values to signed powers of two. Input and output: `shape` f32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerOfTwoSpec {
    /// shape of input and output
    pub shape: Vec<usize>,
    /// the least and the greatest exponent; |x| below 1e-7 gets the least
    pub exponents: (i32, i32),
    /// |x| is held to this
    pub greatest: Option<f64>,
    /// exponents are even: those of the square root, doubled
    pub quadratic: bool,
    /// exponents are rounded down, not to the nearest
    pub floor: bool,
    /// values keep their sign (0 is positive); else negative ones are taken as 0
    pub signed: bool,
}

/// Real factors as integer multipliers and shifts. Input: `[len]` f32. Outputs: multiplier,
/// shift and multiplier / 2^shift, each `[len]` f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproximateScaleSpec {
    /// how many factors
    pub len: usize,
    /// bits of a multiplier, 1 to 31
    pub bits: u32,
    /// the greatest shift, where there is one
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greatest_shift: Option<u32>,
}

impl FakeQuantizeSpec {
    /// How many scales there are.
    pub fn channels(&self) -> usize {
        self.axis
            .map_or(1, |axis| self.shape.get(axis).copied().unwrap_or(0))
    }
}
