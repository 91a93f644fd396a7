//! The spec of joining tensors along an axis.

use super::Quantized;
use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// One tensor behind the other along `axis`, each brought to the output's scale and zero
/// point. Inputs: `shape` with `sizes[i]` along the axis. Output: `shape` with the sum of
/// the sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConcatSpec {
    /// shape of the inputs; its entry at `axis` is not used
    pub shape: Vec<usize>,
    /// the axis, counted from the first dimension
    pub axis: usize,
    /// size of each input along the axis
    pub sizes: Vec<usize>,
    /// each input
    pub inputs: Vec<Quantized>,
    /// output
    pub output: Quantized,
}

impl ConcatSpec {
    fn with(&self, size: usize) -> Vec<usize> {
        let mut shape = self.shape.clone();
        if let Some(along) = shape.get_mut(self.axis) {
            *along = size;
        }
        shape
    }

    /// The shape of the output.
    pub fn output_shape(&self) -> Vec<usize> {
        self.with(self.sizes.iter().sum())
    }

    /// Shapes and types of the inputs.
    pub fn inputs(&self) -> Vec<(Vec<usize>, DType)> {
        (self.sizes.iter().zip(&self.inputs))
            .map(|(&size, tensor)| (self.with(size), tensor.dtype))
            .collect()
    }
}
