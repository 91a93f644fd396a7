//! TOSA's scaling of integers: the exact product with an integer multiplier,
//! shifted right and rounded.
//!
//! Sources: the TOSA specification (apply_scale_32, apply_scale_16); TOSA's
//! reference model, reference_model/src/quant_util.h (QuantUtil::apply_scale_32,
//! apply_scale_16, reciprocal_scale); MLIR lib/Dialect/Tosa/Utils/QuantUtils.cpp
//! (computeMultiplierAndShift).

use super::ReferenceError;
use crate::spec::FixedScale;

/// A scale `multiplier / 2^shift` with its rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ApplyScale {
    multiplier: i64,
    shift: u32,
    width: ScaleWidth,
    double: bool,
}

/// How wide multipliers and values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScaleWidth {
    /// multipliers of 16 bits, values of 48
    Scale16,
    /// multipliers and values of 32 bits
    Scale32,
}

impl ScaleWidth {
    /// Bits of a multiplier without its sign.
    fn digits(self) -> u32 {
        match self {
            Self::Scale16 => 15,
            Self::Scale32 => 31,
        }
    }
}

impl ApplyScale {
    /// A given scale; `double` asks for double rounding.
    ///
    /// # Errors
    /// When multiplier or shift lie outside TOSA's ranges, or double rounding is asked of 16 bits.
    pub(crate) fn new(
        scale: FixedScale,
        width: ScaleWidth,
        double: bool,
    ) -> Result<Self, ReferenceError> {
        let FixedScale { multiplier, shift } = scale;
        let digits = width.digits();
        if !(0..1i64 << digits).contains(&i64::from(multiplier)) {
            return Err(ReferenceError::Undefined(format!(
                "multiplier {multiplier} lies outside [0, 2^{digits})"
            )));
        }
        if !(2..=62).contains(&shift) {
            return Err(ReferenceError::Undefined(format!(
                "shift {shift} lies outside 2..=62"
            )));
        }
        if double && width == ScaleWidth::Scale16 {
            return Err(ReferenceError::Undefined(
                "double rounding is defined for multipliers of 32 bits only".into(),
            ));
        }
        Ok(Self {
            multiplier: i64::from(multiplier),
            shift,
            width,
            double,
        })
    }

    /// The scale nearest to a positive `real`, as MLIR makes it.
    ///
    /// # Errors
    /// When `real` is too large for a shift of 2.
    pub(crate) fn of_real(
        real: f64,
        width: ScaleWidth,
        double: bool,
    ) -> Result<Self, ReferenceError> {
        let digits = width.digits() as i32;
        let (mut fraction, mut exponent) = (real, 0);
        while fraction < 0.5 {
            fraction *= 2.0;
            exponent -= 1;
        }
        while fraction >= 1.0 {
            fraction /= 2.0;
            exponent += 1;
        }
        let mut multiplier = (fraction * f64::from(digits).exp2()).round() as i64;
        if multiplier == 1 << digits {
            multiplier /= 2;
            exponent += 1;
        }
        let shift = digits - exponent;
        if shift > 62 {
            multiplier >>= (shift - 62).min(31);
        }
        let scale = FixedScale {
            multiplier: i32::try_from(multiplier).expect("digits hold it"),
            shift: u32::try_from(shift.min(62)).unwrap_or(0),
        };
        Self::new(scale, width, double).map_err(|_| {
            let top = digits - 2;
            ReferenceError::Undefined(format!(
                "multiplier {real:e} is outside (0, 2^{top}), the range of TOSA's scale{}",
                digits + 1
            ))
        })
    }

    /// The scale of a mean over `count` values, at least 1.
    pub(crate) fn reciprocal(count: usize) -> Self {
        let power = count.next_power_of_two().trailing_zeros();
        let numerator = ((1i128 << 30) + 1) << power;
        Self {
            multiplier: (numerator / count as i128) as i64,
            shift: 30 + power,
            width: ScaleWidth::Scale32,
            double: false,
        }
    }

    /// The integer multiplier.
    pub(crate) fn multiplier(self) -> i64 {
        self.multiplier
    }

    /// By how many bits products are shifted right.
    pub(crate) fn shift(self) -> i32 {
        self.shift as i32
    }

    /// `value · multiplier / 2^shift`, rounded.
    pub(crate) fn apply(self, value: i64) -> i64 {
        let mut round = 1i128 << (self.shift - 1);
        if self.double && self.shift > 31 {
            round += if value < 0 { -(1 << 30) } else { 1 << 30 };
        }
        ((self.product(value) + round) >> self.shift) as i64
    }

    /// Whether TOSA defines what `value` becomes once `zero_point` is added: whether `value`
    /// fits the scale and every later number i32.
    pub(crate) fn is_defined(self, value: i64, zero_point: i64) -> bool {
        let fits = match self.width {
            ScaleWidth::Scale16 => 47,
            ScaleWidth::Scale32 => (self.shift - 1).min(31),
        };
        let scaled = self.apply(value);
        (-1i64 << fits..1 << fits).contains(&value)
            && i32::try_from(scaled).is_ok()
            && i32::try_from(scaled + zero_point).is_ok()
    }

    /// The product before rounding, as the nearest f64.
    pub(crate) fn exact(self, value: i64) -> f64 {
        self.product(value) as f64 * (-f64::from(self.shift)).exp2()
    }

    /// Whether the product lies exactly halfway between two integers.
    pub(crate) fn is_tie(self, value: i64) -> bool {
        self.product(value).rem_euclid(1 << self.shift) == 1 << (self.shift - 1)
    }

    fn product(self, value: i64) -> i128 {
        i128::from(value) * i128::from(self.multiplier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale32(multiplier: i32, shift: u32, double: bool) -> ApplyScale {
        let scale = FixedScale { multiplier, shift };
        ApplyScale::new(scale, ScaleWidth::Scale32, double).unwrap()
    }

    #[test]
    fn ties_go_up() {
        let half = scale32(1 << 30, 31, false);
        assert_eq!(
            [-3, -2, -1, 0, 1, 3].map(|v| half.apply(v)),
            [-1, -1, 0, 0, 1, 2]
        );
        assert!(half.is_tie(3) && half.is_tie(-3) && !half.is_tie(2));
    }

    #[test]
    fn double_rounding_starts_above_a_shift_of_31() {
        // 7/16, 8/16 and 9/16, and their negatives: a quarter of 2^-2 is what 2^30 adds.
        let values = [7, 8, 9, -7, -8, -9];
        let double = |shift| values.map(|v| scale32(1 << (shift - 4), shift, true).apply(v));
        assert_eq!(double(31), [0, 1, 1, 0, 0, -1]);
        // 2^30 of 2^32: a quarter.
        assert_eq!(double(32), [1, 1, 1, -1, -1, -1]);
        assert_eq!(
            [3, 4, -4, -5].map(|v| scale32(1 << 28, 32, true).apply(v)),
            [0, 1, 0, -1]
        );
    }

    #[test]
    fn a_mean_of_up_to_2_pow_16_values_is_right_where_it_is_whole() {
        for count in [1, 2, 3, 4, 6, 9, 100, 65_535, 65_536] {
            let scale = ApplyScale::reciprocal(count as usize);
            assert_eq!(scale.apply(count * 127), 127, "{count}");
            assert_eq!(scale.apply(-count * 128), -128, "{count}");
        }
        // The multiplier is a little more than 1/2: both ties leave zero.
        assert_eq!(ApplyScale::reciprocal(2).apply(1), 1);
        assert_eq!(ApplyScale::reciprocal(2).apply(-1), -1);
        assert_eq!(ApplyScale::reciprocal(3).multiplier, 1_431_655_766);
    }

    #[test]
    fn reals_become_multiplier_and_shift() {
        let of = |real, width| {
            let scale = ApplyScale::of_real(real, width, false).unwrap();
            (scale.multiplier, scale.shift)
        };
        assert_eq!(of(0.75, ScaleWidth::Scale32), (3 << 29, 31));
        assert_eq!(of(3.0, ScaleWidth::Scale16), (3 << 13, 13));
        // 0.99999 rounds up to 1 in 15 bits.
        assert_eq!(of(0.999_99, ScaleWidth::Scale16), (1 << 14, 14));
        // 2^-40 · 3/4 would shift by 71.
        assert_eq!(
            of(0.75 * (-40f64).exp2(), ScaleWidth::Scale32),
            (3 << 20, 62)
        );
        assert_eq!(of((-120f64).exp2(), ScaleWidth::Scale32), (0, 62));
        for (real, width, message) in [
            (
                536_870_912.0,
                ScaleWidth::Scale32,
                "(0, 2^29), the range of TOSA's scale32",
            ),
            (
                8192.0,
                ScaleWidth::Scale16,
                "(0, 2^13), the range of TOSA's scale16",
            ),
        ] {
            let error = ApplyScale::of_real(real, width, false).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            let below = f64::from((real as f32 * 0.99).next_down());
            assert!(ApplyScale::of_real(below, width, false).is_ok());
        }
    }

    #[test]
    fn what_does_not_fit_is_not_defined() {
        let quarter = scale32(1, 2, false);
        assert!(quarter.is_defined(1, 0) && quarter.is_defined(-2, 0));
        assert!(!quarter.is_defined(2, 0) && !quarter.is_defined(-3, 0));
        let one = scale32(1 << 30, 30, false);
        assert!(one.is_defined((1 << 29) - 1, 0) && !one.is_defined(1 << 29, 0));
        let wide = |shift| {
            let scale = FixedScale {
                multiplier: 1 << 14,
                shift,
            };
            ApplyScale::new(scale, ScaleWidth::Scale16, false).unwrap()
        };
        assert!(wide(62).is_defined(-1 << 47, 0) && !wide(62).is_defined(1 << 47, 0));
        assert!(wide(14).is_defined(i64::from(i32::MAX), 0));
        assert!(!wide(14).is_defined(i64::from(i32::MAX), 1));
        assert!(!wide(14).is_defined(1 << 31, 0));
    }
}
