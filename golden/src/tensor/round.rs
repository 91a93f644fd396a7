//! Rounding to a float format: nearest, ties to even, by exact arithmetic in f64.

use super::{FloatFormat, Special};

impl FloatFormat {
    /// The pattern of the value nearest to `magnitude`, ties to the even
    /// pattern, on this format's grid as if it had no end: a pattern above
    /// [`max`](Self::max) is an overflow.
    ///
    /// `magnitude` is finite and not negative; the format is narrower than f64
    /// and has a mantissa ([`Special::Exponent`] has none).
    pub fn nearest(&self, magnitude: f64) -> u64 {
        debug_assert!(magnitude >= 0.0 && magnitude.is_finite());
        debug_assert!(self.special != Special::Exponent);
        let least = 1 - self.bias;
        // The exponent of the leading bit; below `least` the grid is even.
        let exponent = if magnitude == 0.0 {
            least
        } else {
            exponent_of(magnitude).max(least)
        };
        let mantissa = self.mantissa_bits as i32;
        // Exact: `magnitude` times a power of two that keeps it within f64's normal range.
        let steps = scaled(magnitude, mantissa - exponent).round_ties_even() as u64;
        // The leading bit counts one exponent up, and a carry one more.
        (((exponent - least) as u64) << self.mantissa_bits) + steps
    }
}

/// floor(log2(value)) of a positive finite value.
fn exponent_of(value: f64) -> i32 {
    let field = (value.to_bits() >> 52) as i32;
    if field > 0 {
        field - 1023
    } else {
        -1011 - value.to_bits().leading_zeros() as i32
    }
}

/// value · 2^exponent in two steps, as one power may be outside of f64.
fn scaled(value: f64, exponent: i32) -> f64 {
    let power = |e: i32| f64::from_bits(((e + 1023) as u64) << 52);
    let half = exponent / 2;
    value * power(half) * power(exponent - half)
}

#[cfg(test)]
mod tests {
    use crate::tensor::{DType, FloatFormat};

    /// Neighbours of every midpoint of two finite values, and the values themselves.
    fn boundaries(format: &FloatFormat) -> impl Iterator<Item = (f64, u64)> {
        let format = *format;
        (0..=format.max()).flat_map(move |pattern| {
            let value = format.value(pattern);
            // One step past the greatest value, its step is that of the last pair.
            let next = if pattern == format.max() {
                2.0 * value - format.value(pattern - 1)
            } else {
                format.value(pattern + 1)
            };
            let middle = value + (next - value) / 2.0;
            let even = pattern + (pattern & 1);
            [
                (value, pattern),
                (middle.next_down(), pattern),
                (middle, even),
                (middle.next_up(), pattern + 1),
            ]
        })
    }

    #[test]
    fn every_value_and_every_midpoint_of_the_narrow_formats_lands_where_it_should() {
        for dtype in [
            DType::F8E4M3FN,
            DType::F8E4M3FNUZ,
            DType::F8E5M2,
            DType::F8E5M2FNUZ,
            DType::F4E2M1,
            DType::F16,
            DType::BF16,
        ] {
            let format = dtype.float_format().unwrap();
            for (value, pattern) in boundaries(&format) {
                let got = format.nearest(value);
                assert_eq!(got, pattern, "{} {value:e}", dtype.name());
            }
        }
    }

    #[test]
    fn f32_is_rounded_as_the_machine_rounds_it() {
        let f32s = DType::F32.float_format().unwrap();
        let mut values = vec![
            0.0,
            5e-324,
            1e-310,
            1e-45,
            0.7e-45,
            1e-38,
            1.1,
            3.4028235e38,
        ];
        values.extend(
            (0..2000).map(|i| f64::from_bits(0x3680_0000_0000_0000 + i * 0x4_1234_5678_9abc)),
        );
        for value in values {
            let machine = value as f32;
            if machine.is_finite() {
                assert_eq!(
                    f32s.nearest(value),
                    u64::from(machine.to_bits()),
                    "{value:e}"
                );
            }
        }
    }

    #[test]
    fn overflow_is_a_pattern_above_the_greatest() {
        let e4m3 = DType::F8E4M3FN.float_format().unwrap();
        assert_eq!(e4m3.nearest(464.0), e4m3.max());
        assert!(e4m3.nearest(464.1) > e4m3.max());
        assert!(e4m3.nearest(1e308) > e4m3.max());
    }
}
