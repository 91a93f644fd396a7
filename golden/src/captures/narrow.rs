//! Problems of narrow types from captured tensors: casts and blocks.

use super::error::CaptureError;
use super::npz::Array;
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};

/// A cast that saturates or not; powers of two round as `power` says.
pub(super) fn cast(x: Tensor, to: DType, saturate: bool, power: PowerRounding) -> Problem {
    Problem {
        op: OpSpec::Cast(CastSpec {
            shape: x.shape().to_vec(),
            from: x.dtype(),
            to,
            saturate,
            power,
        }),
        constants: Constants::default(),
        inputs: vec![x],
    }
}

/// Values or codes with the scales and zero points of their blocks.
pub(super) struct InBlocks {
    /// the values or codes
    pub values: Tensor,
    /// scales, as many as blocks
    pub scales: Tensor,
    /// zero points, as many as blocks
    pub zero_points: Option<Tensor>,
    /// size of a block along each dimension
    pub block: Vec<usize>,
}

impl InBlocks {
    /// Quantizes to `codes`.
    ///
    /// # Errors
    /// When there are more or fewer scales or zero points than blocks.
    pub fn quantize(
        self,
        array: &Array,
        codes: DType,
        range: Option<(i64, i64)>,
        saturate: bool,
    ) -> Result<Problem, CaptureError> {
        let real = self.values.dtype();
        let spec = self.spec(real, codes, range, saturate);
        self.problem(array, spec, OpSpec::QuantizeBlocks)
    }

    /// Dequantizes to `real`.
    ///
    /// # Errors
    /// When there are more or fewer scales or zero points than blocks.
    pub fn dequantize(self, array: &Array, real: DType) -> Result<Problem, CaptureError> {
        let spec = self.spec(real, self.values.dtype(), None, false);
        self.problem(array, spec, OpSpec::DequantizeBlocks)
    }

    fn spec(
        &self,
        real: DType,
        codes: DType,
        range: Option<(i64, i64)>,
        saturate: bool,
    ) -> BlockSpec {
        BlockSpec {
            shape: self.values.shape().to_vec(),
            block: self.block.clone(),
            real,
            scale: self.scales.dtype(),
            codes,
            zero_point: self.zero_points.as_ref().map(Tensor::dtype),
            range: range.filter(|&range| Some(range) != codes.code_range()),
            saturate,
        }
    }

    fn problem(
        self,
        array: &Array,
        spec: BlockSpec,
        op: fn(BlockSpec) -> OpSpec,
    ) -> Result<Problem, CaptureError> {
        let blocks = spec.blocks();
        // Captured scalars have no dimensions, per-channel lists one.
        let fit = |tensor: Tensor| {
            Tensor::new(blocks.clone(), tensor.data().clone())
                .map_err(|e| array.error(format!("one entry per block: {e}")))
        };
        let mut inputs = vec![self.values, fit(self.scales)?];
        inputs.extend(self.zero_points.map(fit).transpose()?);
        Ok(Problem {
            op: op(spec),
            constants: Constants::default(),
            inputs,
        })
    }
}

/// Blocks that are slices along `axis`, `size` of it each.
pub(super) fn along(shape: &[usize], axis: usize, size: usize) -> Vec<usize> {
    let mut block = vec![1; shape.len()];
    if let Some(place) = block.get_mut(axis) {
        *place = size;
    }
    block
}

/// Blocks of whole slices across `axis`: one scale per index along it.
pub(super) fn across(shape: &[usize], axis: usize) -> Vec<usize> {
    let mut block: Vec<usize> = shape.iter().map(|&size| size.max(1)).collect();
    if let Some(place) = block.get_mut(axis) {
        *place = 1;
    }
    block
}

/// Captured codes of a narrow type: unsigned, as `bits` wide patterns.
///
/// # Errors
/// When the array holds wider values.
pub(super) fn narrow(array: &Array, dtype: DType) -> Result<Tensor, CaptureError> {
    let patterns = array.integers()?;
    let top = 1i64 << dtype.bits();
    if let Some(wide) = patterns.iter().find(|p| !(0..top).contains(*p)) {
        return Err(array.error(format!("{wide} is no pattern of {}", dtype.name())));
    }
    let data = match dtype.code_range() {
        // A set highest bit is the sign.
        Some((lo, hi)) if lo < 0 => {
            let signed = |p: &i64| if *p > hi { p - top } else { *p };
            Data::from_codes(dtype, patterns.iter().map(signed).collect::<Vec<_>>())
        }
        Some(_) => Data::from_codes(dtype, patterns),
        None => Data::from_bits(dtype, patterns.iter().map(|&p| p as u16)),
    };
    Tensor::new(array.shape(), data).map_err(|e| array.error(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_lie_along_or_across_an_axis() {
        assert_eq!(along(&[2, 6, 3], 1, 2), [1, 2, 1]);
        assert_eq!(across(&[2, 6, 3], 1), [2, 1, 3]);
        assert_eq!(across(&[4], 9), [4]);
    }
}
