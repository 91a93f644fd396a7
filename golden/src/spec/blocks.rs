//! Spec of quantization in blocks: scales and zero points are tensors, one entry per block.

use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// Quantize or dequantize with one scale (and zero point) for each block.
///
/// Scales and zero points have the shape [`blocks`](Self::blocks): along each
/// dimension as many entries as blocks, the last block may be cut off.
///
/// As quantize: inputs `shape` of `real`, scales of `scale`, zero points where
/// there are some; output `shape` of `codes`. As dequantize: inputs `shape` of
/// `codes`, scales, zero points; output `shape` of `real`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockSpec {
    /// shape of the values
    pub shape: Vec<usize>,
    /// size of a block along each dimension
    pub block: Vec<usize>,
    /// type of the real values: f32 or f16
    pub real: DType,
    /// type of the scales: a float type
    pub scale: DType,
    /// type of the codes: integers, or floats of at most 8 bits
    pub codes: DType,
    /// type of the zero points: an integer type, or a float type for zero points
    /// that are no codes; none: zero
    pub zero_point: Option<DType>,
    /// the range of codes to clip to, where it is narrower than the type's
    pub range: Option<(i64, i64)>,
    /// whether codes that are floats end at the greatest finite value
    pub saturate: bool,
}

impl BlockSpec {
    /// How many blocks there are along each dimension.
    pub fn blocks(&self) -> Vec<usize> {
        (self.shape.iter().zip(&self.block))
            .map(|(&size, &block)| size.div_ceil(block.max(1)))
            .collect()
    }

    /// The inputs, the values being of type `values`.
    pub(crate) fn inputs_of(&self, values: DType) -> Vec<(Vec<usize>, DType)> {
        let mut inputs = vec![(self.shape.clone(), values), (self.blocks(), self.scale)];
        inputs.extend(self.zero_point.map(|dtype| (self.blocks(), dtype)));
        inputs
    }
}
