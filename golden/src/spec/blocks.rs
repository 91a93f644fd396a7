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

/// Weights chosen, quantized and dequantized again: what a weight-only
/// configuration makes of them. Input: `shape` f32. Outputs: `shape` f32 and the
/// scales, one per block, f32.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundTripSpec {
    /// shape of the values
    pub shape: Vec<usize>,
    /// size of a block along each dimension
    pub block: Vec<usize>,
    /// type of the codes: integers, or floats of at most 8 bits
    pub codes: DType,
    /// the range of codes, where it is narrower than the type's
    pub range: Option<(i64, i64)>,
    /// zero point fixed in the middle; floats have none in any case
    pub symmetric: bool,
}

impl RoundTripSpec {
    /// The quantization in the middle.
    pub(crate) fn blocks(&self) -> BlockSpec {
        let integers = self.codes.code_range().is_some();
        BlockSpec {
            shape: self.shape.clone(),
            block: self.block.clone(),
            real: DType::F32,
            scale: DType::F32,
            codes: self.codes,
            zero_point: integers.then_some(DType::I32),
            range: self.range,
            saturate: true,
        }
    }
}

/// `y[m, n] = Σ_k x[m, k] · w[n, k] + bias[n]` with weights quantized in blocks
/// along k. Inputs: x `[m, k]` f32, scales `[n, blocks]`, zero points where there
/// are some. Constants: weights `[n, k]` of `codes`, bias `[n]` f32. Output: `[m, n]` f32.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearBlocksSpec {
    /// rows
    pub m: usize,
    /// output columns
    pub n: usize,
    /// inner length
    pub k: usize,
    /// how many k share a scale
    pub block: usize,
    /// type of the weights
    pub codes: DType,
    /// type of the scales
    pub scale: DType,
    /// type of the zero points; none: zero
    pub zero_point: Option<DType>,
    /// what becomes of the activations
    pub activation: RowActivation,
    /// whether there is a bias
    pub bias: bool,
}

/// The activations of a linear with weights in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowActivation {
    /// f32, multiplied with dequantized weights
    Float,
    /// f32, multiplied with the codes of the weights; the sum is scaled by the weights' scale,
    /// then the bias is added (one block holds the whole row, and zero points are 0)
    FloatTimesCodes,
    /// each row is quantized at run time, asymmetrically, to codes of this type and
    /// dequantized, then multiplied with dequantized weights
    RoundTrip(DType),
    /// each row is quantized at run time, symmetrically, to codes of this type;
    /// sums are exact, then scaled by the row's scale, then by the weights'
    /// (one block holds the whole row)
    Quantized(DType),
}

impl LinearBlocksSpec {
    /// The weights' blocks.
    pub(crate) fn weights(&self) -> BlockSpec {
        BlockSpec {
            shape: vec![self.n, self.k],
            block: vec![1, self.block],
            real: DType::F32,
            scale: self.scale,
            codes: self.codes,
            zero_point: self.zero_point,
            range: None,
            saturate: false,
        }
    }

    /// The run-time inputs: activations, scales, zero points.
    pub(crate) fn inputs(&self) -> Vec<(Vec<usize>, DType)> {
        let mut inputs = self.weights().inputs_of(self.codes);
        inputs[0] = (vec![self.m, self.k], DType::F32);
        inputs
    }
}
