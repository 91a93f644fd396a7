//! What is asked of a calibrator: how values are collected, and how a threshold
//! (or a range) is chosen from what was collected. The two are independent.

use serde::{Deserialize, Serialize};

/// Batches of values to a threshold or a range. Inputs: `batches` tensors of
/// `shape` f32. Outputs: as [`CalibrateSpec::outputs`] says, each `[channels]` f64.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrateSpec {
    /// which calibrator
    pub calibrator: Calibrator,
    /// shape of each batch
    pub shape: Vec<usize>,
    /// how many batches
    pub batches: usize,
}

/// A calibrator with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibrator {
    /// the greatest |x| of all batches. Output: threshold
    AbsMax {
        /// one threshold for each index along this axis; none: one for the tensor
        axis: Option<usize>,
        /// the threshold is never less
        floor: f32,
    },
    /// the mean over batches of the mean over `shape[0]` of each row's greatest |x|.
    /// Output: threshold
    AverageAbsMax,
    /// the greatest |x| of each batch, averaged: state and accum are multiplied by `rate`, then 1 and
    /// the greatest |x| are added; the threshold is accum ⊘ state. All in f32.
    /// Outputs: threshold, state, accum
    MovingAbsMax {
        /// what the past keeps of its weight in each batch
        rate: f32,
        /// state before the first batch
        state: f32,
        /// accum before the first batch
        accum: f32,
    },
    /// limits from statistics of one batch. Outputs: low, high
    Clipped {
        /// which statistics
        clip: Clip,
        /// both limits are as far from 0
        symmetric: bool,
    },
    /// the share (0.3, 0.32, … of the batch's greatest value) that quantizes with the least loss.
    /// Output: threshold
    LeastLoss {
        /// what is measured
        loss: Loss,
        /// bits of a code
        bits: u32,
    },
    /// for each index along `axis`, of one batch, the share (0.3, 0.32, … of its greatest |x|, as
    /// f32) that quantizes with the least mean of squared differences; the first least wins.
    /// Output: thresholds
    LeastLossOfChannels {
        /// the axis
        axis: usize,
        /// bits of a code
        bits: u32,
    },
    /// `steps` over the greatest |x| of each index along the first axis, in f32; 0 where that is
    /// below `least`. Output: steps per unit
    StepsPerUnit {
        /// steps that the greatest |x| takes
        steps: f32,
        /// the least greatest |x| that is counted
        least: f32,
    },
    /// a histogram, and a choice from it. Outputs: as the choice gives
    Histogram {
        /// how values become bins
        collect: Collect,
        /// what is chosen from the bins
        choose: Choose,
    },
}

/// Which statistics of a tensor are its limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// the mean of each row's least, and of each row's greatest value; rows lie along the first axis
    MeanOfRows,
    /// so many standard deviations on each side of the mean, within the values
    Deviations(f64),
    /// ACIQ: a multiple of the spread on each side of the mean
    Aciq {
        /// what values are taken to be like
        distribution: Distribution,
        /// bits of a code, which the multiple depends on; 1 to 8
        bits: u32,
        /// as after a relu: the limits are one multiple apart, not two
        half: bool,
    },
}

/// What values are taken to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Laplace's; its spread is the mean distance from the mean
    Laplace,
    /// the normal one; its spread is the standard deviation
    Gauss,
}

/// What quantization costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// mean of squared differences; shares are of the greatest |x|
    SquaredError,
    /// |difference of means| + |difference of standard deviations|; shares are of the greatest x
    MeanAndDeviation,
}

/// How batches become one histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collect {
    /// |x| over `[0, max]` as `torch.histc` counts; a greater value adds bins of the same width
    AbsFromZero {
        /// bins of the first batch
        bins: usize,
    },
    /// |x| over `[min |x|, max |x|]` as `numpy.histogram` counts; a greater value adds bins of
    /// the same width
    AbsFromLeast {
        /// bins of the first batch
        bins: usize,
    },
    /// x over `[−max |x|, max |x|]`; a greater |x| adds bins of the same width on both sides
    Mirrored {
        /// bins of the first batch
        bins: usize,
        /// the type in which the edges are computed before they are kept as f32
        edges: Precision,
    },
    /// x over `[0, max |x| of all batches]` in a second pass; negative values are not counted
    TwoPasses {
        /// bins
        bins: usize,
    },
    /// |x| over `[0, max |x|]`; when the range grows, old bins are spread over the new range
    AbsRescaled {
        /// bins
        bins: usize,
        /// whether counts are integers until they are spread; otherwise f32 from the start
        whole: bool,
    },
    /// x over `[min, max]`; when the range grows, old bins are spread over the new range
    Rescaled {
        /// bins
        bins: usize,
    },
}

/// The type of intermediate values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits
    F32,
    /// 64 bits
    F64,
}

/// What is chosen from a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choose {
    /// the edge at which the share of values reaches `percent`. Output: threshold
    Percentile {
        /// 0 to 100
        percent: f64,
    },
    /// as percentile, kept within the observed values. Outputs: low, high
    PercentileWithin {
        /// 0 to 100
        percent: f64,
        /// ± one edge; otherwise half of the rest is cut on each side
        symmetric: bool,
    },
    /// half a bin below the bin at which the share reaches `share`. Outputs: threshold
    PercentileBin {
        /// 0 to 1
        share: f64,
    },
    /// least divergence from means of groups of bins; the last least wins. Output: threshold
    EntropyOfMeans {
        /// groups: 128 for 8 bits with a sign, 256 without
        groups: usize,
        /// the first number of bins that is tried
        start_bin: usize,
        /// steps between numbers of bins
        stride: usize,
    },
    /// least divergence, groups as truncated integers, f32 sums. Outputs: low, high
    EntropyTruncated {
        /// quantized bins
        groups: usize,
    },
    /// least divergence, all in f32. Outputs: threshold, divergence
    EntropySingle {
        /// quantized bins
        groups: usize,
    },
    /// least divergence of one-sided bins without the first bin. Outputs: bin, 127 / threshold
    EntropyWithoutFirst {
        /// quantized bins
        groups: usize,
    },
    /// least divergence by two sums of logarithms, over the upper half of bins. Output: threshold
    EntropyUpperHalf {
        /// bits of a code
        bits: u32,
        /// the type of a bin's width, and of its product with the bin
        width: Precision,
    },
}

impl CalibrateSpec {
    /// Names of the outputs, in order.
    pub fn outputs(&self) -> &'static [&'static str] {
        match self.calibrator {
            Calibrator::Histogram { choose, .. } => choose.outputs(),
            Calibrator::Clipped { .. } => &["low", "high"],
            Calibrator::MovingAbsMax { .. } => &["threshold", "state", "accum"],
            Calibrator::StepsPerUnit { .. } => &["scale"],
            _ => &["threshold"],
        }
    }

    /// How many values each output has.
    pub fn channels(&self) -> usize {
        match self.calibrator {
            Calibrator::AbsMax {
                axis: Some(axis), ..
            }
            | Calibrator::LeastLossOfChannels { axis, .. } => {
                self.shape.get(axis).copied().unwrap_or(0)
            }
            Calibrator::StepsPerUnit { .. } => self.shape.first().copied().unwrap_or(0),
            _ => 1,
        }
    }
}

impl Collect {
    /// How many bins the first batch has.
    pub fn bins(self) -> usize {
        match self {
            Self::AbsFromZero { bins }
            | Self::AbsFromLeast { bins }
            | Self::Mirrored { bins, .. }
            | Self::TwoPasses { bins }
            | Self::AbsRescaled { bins, .. }
            | Self::Rescaled { bins } => bins,
        }
    }
}

impl Choose {
    fn outputs(self) -> &'static [&'static str] {
        match self {
            Self::PercentileWithin { .. } | Self::EntropyTruncated { .. } => &["low", "high"],
            Self::EntropySingle { .. } => &["threshold", "divergence"],
            Self::EntropyWithoutFirst { .. } => &["bin", "scale"],
            _ => &["threshold"],
        }
    }
}
