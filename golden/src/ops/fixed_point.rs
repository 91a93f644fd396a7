//! Fixed-point requantization: integer multipliers and shifts instead of floats.

use super::ReferenceError;
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
    QnnpackQ31,
    QnnpackPrecise,
}

/// The fixed-point form of `multiplier` under `scaling`; `None` for float scalings.
///
/// # Errors
/// When the scheme cannot hold the multiplier: QNNPACK's want 2^−32 ≤ multiplier < 1.
pub(crate) fn fixed_point(
    scaling: Scaling,
    multiplier: f32,
) -> Result<Option<FixedPoint>, ReferenceError> {
    Ok(Some(match scaling {
        Scaling::Q31Rshu => doubling_loop(multiplier),
        Scaling::Q31SrdhmRdbpot => frexp(multiplier),
        Scaling::QnnpackQ31 | Scaling::QnnpackPrecise => qnnpack(scaling, multiplier)?,
        Scaling::MultiplyF32
        | Scaling::MultiplyF64
        | Scaling::StepwiseDiv
        | Scaling::StepwiseMulRecip
        | Scaling::ProductThenDiv
        | Scaling::ProductThenMulRecip => return Ok(None),
    }))
}

/// FBGEMM src/QuantUtils.cc (ChooseRequantizationMultiplier), 32 bits of precision.
fn doubling_loop(multiplier: f32) -> FixedPoint {
    let (mut real, mut shift) = (f64::from(multiplier), 31);
    while real < 0.5 {
        real *= 2.0;
        shift += 1;
    }
    while real > 1.0 {
        real /= 2.0;
        shift -= 1;
    }
    let mut integer = (real * 2_147_483_648.0).round_ties_even() as i64;
    if integer == 1 << 31 {
        integer /= 2;
        shift -= 1;
    }
    FixedPoint {
        scheme: Scheme::Rshu,
        multiplier: integer,
        shift,
    }
}

/// gemmlowp and TFLite: TFLite kernels/internal/quantization_util.cc (QuantizeMultiplier).
fn frexp(multiplier: f32) -> FixedPoint {
    let (mut fraction, mut exponent) = (f64::from(multiplier), 0);
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
        scheme: Scheme::SrdhmRdbpot,
        multiplier: integer,
        shift: -exponent,
    }
}

/// QNNPACK src/qnnpack/requantization.h (qnnp_compute_conv_quantization_params) and
/// src/requantization/precise-scalar.c: the multiplier is the bits of the float.
fn qnnpack(scaling: Scaling, multiplier: f32) -> Result<FixedPoint, ReferenceError> {
    if !(2f32.powi(-32)..1.0).contains(&multiplier) {
        return Err(ReferenceError::Undefined(format!(
            "multiplier {multiplier} is outside [2^-32, 1), the range of QNNPACK's fixed point"
        )));
    }
    let bits = multiplier.to_bits();
    let mantissa = i64::from((bits & 0x7F_FFFF) | 0x80_0000);
    let exponent = (bits >> 23) as i32;
    Ok(if scaling == Scaling::QnnpackQ31 {
        let shift = 127 + 31 - 32 - exponent;
        FixedPoint {
            scheme: Scheme::QnnpackQ31,
            multiplier: mantissa << 7,
            shift,
        }
    } else {
        let shift = 127 + 23 - exponent;
        FixedPoint {
            scheme: Scheme::QnnpackPrecise,
            multiplier: mantissa,
            shift,
        }
    })
}

impl FixedPoint {
    /// The sum times the multiplier, rounded by the scheme; no zero point yet.
    pub(crate) fn apply(self, sum: i32) -> i64 {
        let sum = i64::from(sum);
        let product = i128::from(sum) * i128::from(self.multiplier);
        match self.scheme {
            Scheme::Rshu => match self.shift {
                shift @ 1.. => ((product + (1 << (shift - 1))) >> shift) as i64,
                shift => (product << -shift) as i64,
            },
            Scheme::SrdhmRdbpot => {
                let left = (-self.shift).max(0);
                let right = self.shift.max(0);
                let shifted = ((sum << left) as i32, self.multiplier as i32);
                i64::from(rdbpot(srdhm(shifted.0, shifted.1), right))
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
        }
    }

    /// The product before rounding, as the nearest f64.
    pub(crate) fn exact(self, sum: i32) -> f64 {
        let shift = match self.scheme {
            Scheme::Rshu | Scheme::QnnpackPrecise => self.shift,
            Scheme::SrdhmRdbpot | Scheme::QnnpackQ31 => self.shift + 31,
        };
        f64::from(sum) * self.multiplier as f64 * 2f64.powi(-shift)
    }
}

/// gemmlowp fixedpoint/fixedpoint.h (SaturatingRoundingDoublingHighMul).
fn srdhm(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    let product = i64::from(a) * i64::from(b);
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    ((product + nudge) / (1 << 31)) as i32
}

/// gemmlowp fixedpoint/fixedpoint.h (RoundingDivideByPOT).
fn rdbpot(x: i32, exponent: i32) -> i32 {
    let mask = ((1i64 << exponent) - 1) as i32;
    let threshold = (mask >> 1) + i32::from(x < 0);
    (x >> exponent) + i32::from(x & mask > threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(scaling: Scaling, multiplier: f32, sum: i32) -> i64 {
        fixed_point(scaling, multiplier)
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
        assert!(fixed_point(Scaling::QnnpackQ31, 1.0).is_err());
        assert!(fixed_point(Scaling::QnnpackPrecise, 2f32.powi(-33)).is_err());
        assert!(fixed_point(Scaling::Q31Rshu, 1.5).is_ok());
    }
}
