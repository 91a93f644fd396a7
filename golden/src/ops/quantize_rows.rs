//! Rows of a table to codes of 8, 4 or 2 bits, each row with its own scale and real offset.
//!
//! Source: FBGEMM `src/QuantUtils.cc` (FloatOrHalfToFused8BitRowwiseQuantizedSBFloatRef,
//! FloatOrHalfToFusedNBitRowwiseQuantizedSBHalfRef), which PyTorch's
//! `quantized::embedding_bag_byte_prepack` and its 4- and 2-bit forms call.

use super::ReferenceError;
use crate::spec::QuantizeRowsSpec;
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// Codes, scales and offsets.
///
/// # Errors
/// When the codes are of another type, rows are empty, or a value is not finite.
pub(crate) fn quantize_rows(
    spec: &QuantizeRowsSpec,
    input: &Tensor,
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let Data::F32(values) = input.data() else {
        unreachable!("inputs were checked to be f32");
    };
    if !matches!(spec.codes, DType::U8 | DType::U4 | DType::U2) {
        return Err(ReferenceError::Undefined(format!(
            "rows become codes of u8, u4 or u2, not {}",
            spec.codes.name()
        )));
    }
    if spec.columns == 0 {
        return Err(ReferenceError::Mismatch("rows have no columns".into()));
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(ReferenceError::Undefined(
            "rows with NaN or infinite values".into(),
        ));
    }
    let (_, highest) = spec.codes.code_range().expect("a type of codes");
    let (mut codes, mut scales, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    for row in values.chunks(spec.columns) {
        let min = row.iter().copied().fold(f32::INFINITY, f32::min);
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        witness.events.hit_if(Event::EmptyRange, min == max);
        let rule = match spec.codes {
            DType::U8 => Row::of_bytes(min, max),
            _ => Row::of_bits(min, max, highest),
        };
        for &value in row {
            let steps = (value - rule.offset) * rule.inverse;
            witness.step(None, f64::from(steps));
            let tie = steps - steps.floor() == 0.5;
            witness.events.hit_if(Event::ExactTie, tie);
            codes.push((steps.round_ties_even() as i64).clamp(0, highest));
        }
        scales.push(rule.scale);
        offsets.push(rule.offset);
    }
    let real = |values: Vec<f32>| match spec.real() {
        DType::F32 => Data::F32(values),
        dtype => Data::from_bits(dtype, values.into_iter().map(half_bits)),
    };
    let codes = Data::from_codes(spec.codes, codes);
    Ok(vec![
        Tensor::new([spec.rows, spec.columns], codes).expect("one code per value"),
        Tensor::new([spec.rows], real(scales)).expect("one scale per row"),
        Tensor::new([spec.rows], real(offsets)).expect("one offset per row"),
    ])
}

/// How one row becomes codes.
struct Row {
    scale: f32,
    offset: f32,
    inverse: f32,
}

impl Row {
    fn of_bytes(min: f32, max: f32) -> Self {
        let range = max - min;
        Self {
            scale: range / 255.0,
            offset: min,
            inverse: 255.0 / (range + 1e-8),
        }
    }

    /// Scale and offset are kept in f16, and the codes belong to the kept ones.
    fn of_bits(min: f32, max: f32, highest: i64) -> Self {
        let offset = half(min);
        let range = max - offset;
        let scale = half(if range == 0.0 {
            1.0
        } else {
            range / highest as f32
        });
        let scale = if scale == 0.0 { 1.0 } else { scale };
        let inverse = 1.0 / scale;
        if inverse.is_infinite() {
            return Self {
                scale: 1.0,
                offset,
                inverse: 1.0,
            };
        }
        Self {
            scale,
            offset,
            inverse,
        }
    }
}

/// The bits of the nearest f16; infinity beyond the greatest.
pub(super) fn half_bits(value: f32) -> u16 {
    let format = DType::F16.float_format().expect("f16 is a float");
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    sign | format.nearest(f64::from(value.abs())) as u16
}

/// The nearest f16, as f32.
pub(super) fn half(value: f32) -> f32 {
    let format = DType::F16.float_format().expect("f16 is a float");
    format.value(u64::from(half_bits(value))) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_to_even_and_overflow_to_infinity() {
        assert_eq!(half(1.0 + 1.0 / 2048.0), 1.0);
        assert_eq!(half(1.0 + 3.0 / 2048.0), 1.0 + 1.0 / 512.0);
        assert_eq!(half(-2f32.powi(-24)), -2f32.powi(-24));
        assert_eq!(half(65_519.0), 65_504.0);
        assert_eq!(half(65_520.0), f32::INFINITY);
        assert_eq!(half_bits(-0.0), 0x8000);
    }
}
