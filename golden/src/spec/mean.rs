//! The spec of a mean over whole dimensions.

use super::Quantized;
use serde::{Deserialize, Serialize};

/// The mean over `axes`. Input: `shape`. Output: `shape` without these dimensions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanSpec {
    /// shape of the input
    pub shape: Vec<usize>,
    /// the dimensions that go away, ascending
    pub axes: Vec<usize>,
    /// input
    pub input: Quantized,
    /// output
    pub output: Quantized,
}

impl MeanSpec {
    /// The shape of the output.
    pub fn output_shape(&self) -> Vec<usize> {
        (self.shape.iter().enumerate())
            .filter(|(axis, _)| !self.axes.contains(axis))
            .map(|(_, &size)| size)
            .collect()
    }
}
