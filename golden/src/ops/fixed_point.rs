//! Fixed-point requantization: integer multipliers and shifts instead of floats.

use std::ops::Range;

use super::ReferenceError;
use super::apply_scale::{ApplyScale, ScaleWidth};
use crate::profile::Scaling;

/// A real multiplier as an integer and a shift, with the rounding of one scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FixedPoint {
    scheme: Scheme,
    multiplier: i64,
    /// the product is divided by 2^shift
    shift: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Rshu,
    SrdhmRdbpot,
    SrdhmRshu,
    QnnpackQ31,
    QnnpackPrecise,
    Tosa(ApplyScale),
}

/// The fixed-point form of `multiplier` under `scaling`; `None` for float scalings.
///
/// # Errors
/// When the scheme cannot hold the multiplier; says what it can hold.
pub(crate) fn fixed_point(
    scaling: Scaling,
    multiplier: f64,
) -> Result<Option<FixedPoint>, ReferenceError> {
    let single = multiplier as f32;
    Ok(Some(match scaling {
        Scaling::Q31Rshu => {
            within(single, -32..8, "a rounding shift")?;
            bits(Scheme::Rshu, single)
        }
        Scaling::Q31SrdhmRdbpot => {
            within(single, i32::MIN..30, "gemmlowp's fixed point")?;
            frexp(Scheme::SrdhmRdbpot, multiplier)
        }
        Scaling::Q31SrdhmRshu => {
            within(single, i32::MIN..30, "gemmlowp's fixed point")?;
            frexp(Scheme::SrdhmRshu, multiplier)
        }
        Scaling::QnnpackQ31 => {
            within(single, -32..0, "QNNPACK's q31")?;
            q31(single)
        }
        Scaling::QnnpackPrecise => {
            within(single, -32..0, "QNNPACK's precise fixed point")?;
            bits(Scheme::QnnpackPrecise, single)
        }
        Scaling::TosaScale32 => tosa(multiplier, ScaleWidth::Scale32, false)?,
        Scaling::TosaScale32Double => tosa(multiplier, ScaleWidth::Scale32, true)?,
        Scaling::TosaScale16 => tosa(multiplier, ScaleWidth::Scale16, false)?,
        Scaling::MultiplyF32
        | Scaling::MultiplyF64
        | Scaling::StepwiseDiv
        | Scaling::StepwiseMulRecip
        | Scaling::ProductThenDiv
        | Scaling::ProductThenMulRecip => return Ok(None),
    }))
}

/// Whether 2^start ≤ `multiplier` < 2^end.
fn within(multiplier: f32, powers: Range<i32>, scheme: &str) -> Result<(), ReferenceError> {
    let exponent = (multiplier.to_bits() >> 23) as i32 - 127;
    if powers.contains(&exponent) {
        return Ok(());
    }
    let (low, high) = (powers.start, powers.end);
    let range = if low == i32::MIN {
        format!("(0, 2^{high})")
    } else {
        format!("[2^{low}, 2^{high})")
    };
    Err(ReferenceError::Undefined(format!(
        "multiplier {multiplier:e} is outside {range}, the range of {scheme}"
    )))
}

/// The float's own 24 bits: XNNPACK src/xnnpack/requantization.h (xnn_qs8_requantize_rndnu),
/// QNNPACK src/requantization/precise-scalar.c.
fn bits(scheme: Scheme, multiplier: f32) -> FixedPoint {
    let (mantissa, exponent) = mantissa(multiplier);
    FixedPoint {
        scheme,
        multiplier: mantissa,
        shift: 23 - exponent,
    }
}

/// QNNPACK src/qnnpack/requantization.h (qnnp_compute_scalar_requantization_params).
fn q31(multiplier: f32) -> FixedPoint {
    let (mantissa, exponent) = mantissa(multiplier);
    FixedPoint {
        scheme: Scheme::QnnpackQ31,
        multiplier: mantissa << 7,
        shift: -1 - exponent,
    }
}

/// A normal float as mantissa · 2^(exponent − 23), 2^23 ≤ mantissa < 2^24.
fn mantissa(value: f32) -> (i64, i32) {
    let bits = value.to_bits();
    let mantissa = i64::from((bits & 0x7F_FFFF) | 0x80_0000);
    (mantissa, (bits >> 23) as i32 - 127)
}

fn tosa(multiplier: f64, width: ScaleWidth, double: bool) -> Result<FixedPoint, ReferenceError> {
    let scale = ApplyScale::of_real(multiplier, width, double)?;
    Ok(FixedPoint {
        scheme: Scheme::Tosa(scale),
        multiplier: scale.multiplier(),
        shift: scale.shift(),
    })
}

/// gemmlowp and TFLite: TFLite kernels/internal/quantization_util.cc (QuantizeMultiplier). A
/// multiplier of 0 (scales may be so far apart) stays 0.
fn frexp(scheme: Scheme, multiplier: f64) -> FixedPoint {
    if multiplier == 0.0 {
        return FixedPoint {
            scheme,
            multiplier: 0,
            shift: 0,
        };
    }
    let (mut fraction, mut exponent) = (multiplier, 0);
    while fraction < 0.5 {
        fraction *= 2.0;
        exponent -= 1;
    }
    while fraction >= 1.0 {
        fraction /= 2.0;
        exponent += 1;
    }
    let mut integer = (fraction * 2_147_483_648.0).round() as i64;
    if integer == 1 << 31 {
        integer /= 2;
        exponent += 1;
    }
    if exponent < -31 {
        (integer, exponent) = (0, 0);
    }
    FixedPoint {
        scheme,
        multiplier: integer,
        shift: -exponent,
    }
}

impl FixedPoint {
    /// `ratio` in 8 binary places, its products rounded half up once.
    pub(crate) fn eight_places_up(ratio: f32) -> Self {
        Self {
            scheme: Scheme::Rshu,
            multiplier: (256.0 * ratio).round_ties_even() as i64,
            shift: 8,
        }
    }

    /// The 24 bits of a normal `multiplier` below 256, its products rounded half away once.
    pub(crate) fn half_away(multiplier: f32) -> Self {
        bits(Scheme::QnnpackPrecise, multiplier)
    }

    /// The 24 bits of a normal `multiplier` below 256, its products rounded half up once.
    pub(crate) fn half_up(multiplier: f32) -> Self {
        bits(Scheme::Rshu, multiplier)
    }

    /// `multiplier` in 15 bits, its products rounded half up once:
    /// TFLite internal/common.cc (MultiplyByQuantizedMultiplier of int64_t).
    ///
    /// # Errors
    /// When a shift of at least one bit to the right does not hold it.
    pub(crate) fn fifteen_bits_up(multiplier: f64) -> Result<Self, ReferenceError> {
        within(multiplier as f32, i32::MIN..14, "a multiplier of 15 bits")?;
        let wide = frexp(Scheme::Rshu, multiplier);
        let rounded = (wide.multiplier + (1 << 15)) >> 16;
        Ok(Self {
            multiplier: rounded.min(0x7FFF),
            shift: 15 + wide.shift,
            ..wide
        })
    }

    /// gemmlowp's two roundings of products with a real `multiplier`.
    ///
    /// # Errors
    /// When it lies outside gemmlowp's range.
    pub(crate) fn gemmlowp_of(multiplier: f64) -> Result<Self, ReferenceError> {
        let fixed = fixed_point(Scaling::Q31SrdhmRdbpot, multiplier)?;
        Ok(fixed.expect("a fixed-point scaling"))
    }

    /// gemmlowp's two roundings of products with `multiplier / 2^31 · 2^power`.
    ///
    /// # Errors
    /// When the product would be shifted by more than 31 bits.
    pub(crate) fn gemmlowp(multiplier: i32, power: i32) -> Result<Self, ReferenceError> {
        if !(-31..31).contains(&power) {
            return Err(ReferenceError::Undefined(format!(
                "a multiplier of 2^{power} is outside [2^-31, 2^30], the range of gemmlowp's fixed point"
            )));
        }
        Ok(Self {
            scheme: Scheme::SrdhmRdbpot,
            multiplier: multiplier.into(),
            shift: -power,
        })
    }

    /// The integer multiplier, and the power of two that goes with it.
    pub(crate) fn parts(self) -> (i64, i32) {
        (self.multiplier, -self.shift)
    }

    /// An i64 sum times the multiplier, rounded half up; no zero point yet.
    pub(crate) fn apply_wide(self, sum: i64) -> i64 {
        let product = i128::from(sum) * i128::from(self.multiplier);
        ((product + (1 << (self.shift - 1))) >> self.shift) as i64
    }

    /// The sum times the multiplier, rounded by the scheme; no zero point yet.
    pub(crate) fn apply(self, sum: i32) -> i64 {
        let sum = i64::from(sum);
        let product = i128::from(sum) * i128::from(self.multiplier);
        match self.scheme {
            Scheme::Rshu => ((product + (1 << (self.shift - 1))) >> self.shift) as i64,
            Scheme::SrdhmRdbpot | Scheme::SrdhmRshu => {
                let left = (-self.shift).max(0);
                let right = self.shift.max(0);
                let high = srdhm((sum << left) as i32, self.multiplier as i32);
                if self.scheme == Scheme::SrdhmRdbpot {
                    return i64::from(rdbpot(high, right));
                }
                (i64::from(high) + ((1i64 << right) >> 1)) >> right
            }
            Scheme::QnnpackQ31 => {
                let high = ((product + (1 << 30)) >> 31) as i32;
                let mask = ((1i64 << self.shift) - 1) as i32;
                let remainder = (high & mask) - i32::from(sum < 0);
                i64::from((high >> self.shift) + i32::from(remainder > mask >> 1))
            }
            Scheme::QnnpackPrecise => {
                let magnitude = (product.abs() + (1 << (self.shift - 1))) >> self.shift;
                (if sum < 0 { -magnitude } else { magnitude }) as i64
            }
            Scheme::Tosa(scale) => scale.apply(sum),
        }
    }

    /// Whether the scheme defines what `sum` becomes once `zero_point` is added.
    pub(crate) fn is_defined(self, sum: i32, zero_point: i64) -> bool {
        match self.scheme {
            Scheme::Tosa(scale) => scale.is_defined(i64::from(sum), zero_point),
            _ => true,
        }
    }

    /// The product before rounding, as the nearest f64.
    pub(crate) fn exact(self, sum: i32) -> f64 {
        f64::from(sum) * self.multiplier as f64 * power(-self.binary_places())
    }

    /// Whether the product lies exactly halfway between two integers.
    pub(crate) fn is_tie(self, sum: i32) -> bool {
        let places = self.binary_places();
        let product = i128::from(sum) * i128::from(self.multiplier);
        (1..127).contains(&places) && product & ((1 << places) - 1) == 1 << (places - 1)
    }

    /// How many binary places of the integer product are behind the point.
    fn binary_places(self) -> i32 {
        match self.scheme {
            Scheme::Rshu | Scheme::QnnpackPrecise | Scheme::Tosa(_) => self.shift,
            Scheme::SrdhmRdbpot | Scheme::SrdhmRshu | Scheme::QnnpackQ31 => self.shift + 31,
        }
    }
}

/// 2^`exponent` by its bits; binary places are far fewer than a normal f64 has.
fn power(exponent: i32) -> f64 {
    debug_assert!((-1022..=1023).contains(&exponent));
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// gemmlowp fixedpoint/fixedpoint.h (SaturatingRoundingDoublingHighMul).
pub(super) fn srdhm(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    let product = i64::from(a) * i64::from(b);
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    ((product + nudge) / (1 << 31)) as i32
}

/// gemmlowp fixedpoint/fixedpoint.h (RoundingDivideByPOT).
pub(super) fn rdbpot(x: i32, exponent: i32) -> i32 {
    let mask = ((1i64 << exponent) - 1) as i32;
    let threshold = (mask >> 1) + i32::from(x < 0);
    (x >> exponent) + i32::from(x & mask > threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(scaling: Scaling, multiplier: f32, sum: i32) -> i64 {
        fixed_point(scaling, multiplier.into())
            .unwrap()
            .unwrap()
            .apply(sum)
    }

    #[test]
    fn ties_at_one_half() {
        // 0.5: sums −3, −1, 1, 3 land on ties.
        let ties = |scaling| [-3, -1, 1, 3].map(|sum| apply(scaling, 0.5, sum));
        assert_eq!(ties(Scaling::Q31Rshu), [-1, 0, 1, 2]);
        assert_eq!(ties(Scaling::QnnpackPrecise), [-2, -1, 1, 2]);
        // The high multiply rounds half up first, so nothing is left to round away.
        assert_eq!(ties(Scaling::Q31SrdhmRdbpot), [-1, 0, 1, 2]);
        // 0.25 is a high multiply by a half and a shift by one: −6 and −2 leave −3 and −1 halves.
        let quarters = |scaling| [-6, -2, 2, 6].map(|sum| apply(scaling, 0.25, sum));
        assert_eq!(quarters(Scaling::Q31SrdhmRdbpot), [-2, -1, 1, 2]);
        assert_eq!(quarters(Scaling::Q31SrdhmRshu), [-1, 0, 1, 2]);
    }

    #[test]
    fn two_roundings_differ_from_one() {
        let differs = (-100_000..100_000)
            .filter(|&sum| {
                apply(Scaling::QnnpackQ31, 0.000_71, sum)
                    != apply(Scaling::QnnpackPrecise, 0.000_71, sum)
            })
            .count();
        let exact = |sum: i32| (f64::from(sum) * f64::from(0.000_71f32)).round() as i64;
        assert!(
            (-100_000..100_000)
                .all(|sum| apply(Scaling::QnnpackPrecise, 0.000_71, sum) == exact(sum))
        );
        // Two roundings agree unless the first lands the value on a tie.
        assert!(differs < 200, "{differs}");
        assert_eq!(apply(Scaling::QnnpackQ31, 0.25, 2), 1);
        assert_eq!(apply(Scaling::QnnpackQ31, 0.25, -2), -1);
    }

    #[test]
    fn multipliers_outside_the_range_are_refused() {
        for (scaling, least, first_above) in [
            (Scaling::QnnpackQ31, 2f32.powi(-32), 1.0),
            (Scaling::QnnpackPrecise, 2f32.powi(-32), 1.0),
            (Scaling::Q31Rshu, 2f32.powi(-32), 256.0),
            (Scaling::Q31SrdhmRdbpot, f32::MIN_POSITIVE, 2f32.powi(30)),
            (Scaling::Q31SrdhmRshu, f32::MIN_POSITIVE, 2f32.powi(30)),
        ] {
            for held in [least, first_above.next_down()] {
                assert!(
                    fixed_point(scaling, held.into()).is_ok(),
                    "{scaling:?} {held}"
                );
            }
            assert!(
                fixed_point(scaling, first_above.into()).is_err(),
                "{scaling:?}"
            );
        }
        for scaling in [
            Scaling::QnnpackQ31,
            Scaling::QnnpackPrecise,
            Scaling::Q31Rshu,
        ] {
            let below = 2f32.powi(-32).next_down();
            assert!(fixed_point(scaling, below.into()).is_err(), "{scaling:?}");
        }
        let error = fixed_point(Scaling::QnnpackQ31, 1.5).unwrap_err();
        assert_eq!(
            error.to_string(),
            "multiplier 1.5e0 is outside [2^-32, 2^0), the range of QNNPACK's q31"
        );
    }

    #[test]
    fn gemmlowp_shifts_left_above_one_and_gives_nothing_below_its_range() {
        let srdhm = |multiplier, sum| apply(Scaling::Q31SrdhmRdbpot, multiplier, sum);
        assert_eq!(srdhm(3.5, 3), 11);
        // 2^29 · 4 wraps to −2^31.
        assert_eq!(srdhm(3.5, 1 << 29), -1_879_048_192);
        // A half less 2^-33: the first rounding makes it a half.
        assert_eq!(srdhm(2f32.powi(-32), i32::MAX), 1);
        assert_eq!(srdhm(2f32.powi(-33).next_down(), i32::MIN), 0);
    }

    #[test]
    fn ties_are_seen_in_every_scheme() {
        for scaling in [
            Scaling::Q31Rshu,
            Scaling::Q31SrdhmRdbpot,
            Scaling::Q31SrdhmRshu,
            Scaling::QnnpackQ31,
            Scaling::QnnpackPrecise,
        ] {
            let fixed = fixed_point(scaling, 0.125).unwrap().unwrap();
            let ties: Vec<i32> = (-16..16).filter(|&sum| fixed.is_tie(sum)).collect();
            assert_eq!(ties, [-12, -4, 4, 12], "{scaling:?}");
        }
    }
}
