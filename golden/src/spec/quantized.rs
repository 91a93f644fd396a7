//! How a tensor is quantized: type, scales and zero points.

use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// Scale (the size of one step, in real units) and zero point (the code of 0).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QParams {
    /// real units per step; finite and positive
    pub scale: f64,
    /// the code that stands for 0
    pub zero_point: i32,
}

/// The type and parameters of a quantized tensor with one scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantized {
    /// an integer type
    pub dtype: DType,
    /// scale and zero point
    pub qparams: QParams,
}

/// Scales and zero points along an axis, or one pair for the whole tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// one scale and zero point
    PerTensor(QParams),
    /// one scale and zero point for each index along `axis`
    PerChannel {
        /// the axis, counted from the first dimension
        axis: usize,
        /// one entry per index along the axis
        qparams: Vec<QParams>,
    },
}

impl Granularity {
    /// The parameters of channel `index`.
    pub fn channel(&self, index: usize) -> QParams {
        match self {
            Self::PerTensor(qparams) => *qparams,
            Self::PerChannel { qparams, .. } => qparams[index],
        }
    }

    /// Whether there is a scale per channel.
    pub fn is_per_channel(&self) -> bool {
        matches!(self, Self::PerChannel { .. })
    }
}
