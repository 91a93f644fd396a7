//! Specs of what is learned from values: the statistics of observers, and the scale and zero
//! point that a range gives.

use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// The least and greatest value of a tensor to scale and zero point.
/// Input: `[len]` f32. Outputs: scale `[1]` f64, zero point `[1]` s32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChooseQparamsSpec {
    /// how many values
    pub len: usize,
    /// what to choose
    pub request: QparamsRequest,
}

/// How a range becomes codes when parameters are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QparamsRequest {
    /// code type
    pub dtype: DType,
    /// the range of codes, where it is not the type's whole range
    pub range: Option<(i64, i64)>,
    /// zero point fixed in the middle
    pub symmetric: bool,
    /// leave one bit unused (see the `reduce_range` axis)
    pub reduce_range: bool,
}

/// Batches of values to statistics. Inputs: `batches` tensors of `shape` f32.
/// Outputs: minima `[channels]` f32, maxima `[channels]` f32, and for
/// histograms the bins, f32, as many as [`ObserverKind::bins`] says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObserveSpec {
    /// which observer
    pub kind: ObserverKind,
    /// shape of each batch
    pub shape: Vec<usize>,
    /// how many batches
    pub batches: usize,
    /// the channel axis of per-channel observers
    pub axis: usize,
}

/// Which statistics an observer keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObserverKind {
    /// least and greatest value of all batches
    MinMax,
    /// exponential moving average of each batch's least and greatest value (constant 0.01)
    MovingAverage,
    /// as moving average, in two products: 0.99 of the old and 0.01 of the new (NNI)
    WeightedAverage,
    /// as min-max, per channel
    PerChannelMinMax,
    /// as moving average, per channel
    PerChannelMovingAverage,
    /// 2048 bins, range chosen by the search for the least quantization error
    Histogram,
    /// as histogram, of so many bins
    HistogramOf {
        /// how many bins; at least 1
        bins: usize,
    },
    /// as histogram, as PyTorch 1.13 has it: the range grows by whole 128ths of its width, and
    /// values are counted over a range whose ends are cut to integers
    GrowingHistogram {
        /// how many bins; at least 1
        bins: usize,
    },
}

impl ObserverKind {
    /// How many bins a histogram has; `None` for other observers.
    pub fn bins(self) -> Option<usize> {
        match self {
            Self::Histogram => Some(2048),
            Self::HistogramOf { bins } | Self::GrowingHistogram { bins } => Some(bins),
            _ => None,
        }
    }
}
