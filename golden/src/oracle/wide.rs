//! Sums of products of 16-bit activations to codes.

use super::code::wrap_i32;
use super::real::{Real, exponent_above, integer, nearest_away, nearest_up, power_of_two};
use super::whole::Whole;
use crate::tensor::DType;

/// The code, of zero point 0, of `sum` by `multiplier` in 15 bits: the multiplier is first
/// rounded half away to 31 bits, then half up to 15, and held below 1; the product half up, and
/// kept in i32, which wraps.
pub fn fifteen_bits_up(multiplier: f64, sum: i64, dtype: DType) -> Option<i64> {
    let Real::Finite(multiplier) = Real::from(multiplier) else {
        return None;
    };
    let mut exponent = exponent_above(&multiplier);
    let mut wide = nearest_away(&(&multiplier * power_of_two(31 - exponent)));
    if wide == Whole::from(1i64 << 31) {
        (wide, exponent) = (wide / 2, exponent + 1);
    }
    let narrow = nearest_up(&(integer(wide) * power_of_two(-16))).min(Whole::from(0x7FFF));
    let product = integer(Whole::from(sum) * narrow) * power_of_two(exponent - 15);
    let (low, high) = dtype.code_range()?;
    wrap_i32(nearest_up(&product))
        .clamp(Whole::from(low), Whole::from(high))
        .to_i64()
}
