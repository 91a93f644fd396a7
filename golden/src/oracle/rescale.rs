//! Rescale, and requantization by TOSA's fixed point.

use super::ratio::Ratio;
use super::real::{
    F32, Real, exponent_above, floor, half, integer, nearest_away, nearest_even, nearest_up,
    power_of_two,
};
use super::whole::Whole;
use crate::profile::{InexactRescale, Scaling};
use crate::spec::{FixedScale, RescaleRounding, RescaleSpec};

/// The code of `q` at channel `channel`; `None` where TOSA or the profile leaves it open, or the
/// spec is none that TOSA has.
pub fn rescale(spec: &RescaleSpec, inexact: InexactRescale, channel: usize, q: i64) -> Option<i64> {
    let FixedScale { multiplier, shift } = spec.scales[channel % spec.scales.len()];
    let digits = if spec.scale32 { 31 } else { 15 };
    let multiplier = Whole::from(multiplier);
    let held = !multiplier.is_negative() && integer(multiplier.clone()) < power_of_two(digits);
    let double = spec.rounding == RescaleRounding::Double;
    if !held || !(2..=62).contains(&shift) || (double && !spec.scale32) {
        return None;
    }
    let (low, high) = spec.output.code_range()?;
    let shift = i64::from(shift);
    let scale = Scale {
        real: integer(multiplier.clone()) * power_of_two(-shift),
        shift,
        narrow: spec.scale32,
    };
    let value = Whole::from(q) - Whole::from(spec.input_zero_point);
    let exact = scale.rounded(&value, double)?;
    let steps = match (spec.rounding, inexact) {
        (RescaleRounding::Single | RescaleRounding::Double, _) => exact.clone(),
        (RescaleRounding::Inexact, InexactRescale::Open) => return None,
        (RescaleRounding::Inexact, InexactRescale::MultiplyF32) => {
            let multiplier = F32.round(&integer(multiplier));
            let real = F32.mul(&multiplier, &Real::Finite(power_of_two(-shift)));
            match F32.mul(&F32.round(&integer(value)), &real) {
                Real::Finite(product) => nearest_even(&product),
                Real::Infinite(_) | Real::Nan => return None,
            }
        }
    };
    let zero_point = Whole::from(spec.output_zero_point);
    // The model computes the exact result in any case, so that its bounds always hold.
    (exact + &zero_point).to_i32()?;
    steps.to_i32()?;
    let code = (steps + zero_point).to_i32()?;
    Some(i64::from(code).clamp(low, high))
}

/// `sum · multiplier` under TOSA's choices of `scaling`; `None` where TOSA leaves it open or has
/// no such multiplier.
pub(super) fn requantized(scaling: Scaling, multiplier: &Ratio, sum: i32) -> Option<Whole> {
    let (digits, double) = match scaling {
        Scaling::TosaScale32 => (31, false),
        Scaling::TosaScale32Double => (31, true),
        Scaling::TosaScale16 => (15, false),
        _ => return None,
    };
    // 2^(exponent − 1) ≤ real < 2^exponent, once real has that many digits.
    let exponent = exponent_above(multiplier);
    let short = integer(nearest_away(
        &(multiplier * power_of_two(digits - exponent)),
    )) * power_of_two(exponent - digits);
    let shift = digits - exponent_above(&short);
    if shift < 2 {
        return None;
    }
    // What lies behind 62 binary places is cut off.
    let real = if shift > 62 {
        integer(floor(&(short * power_of_two(62)))) * power_of_two(-62)
    } else {
        short
    };
    let scale = Scale {
        real,
        shift: shift.min(62),
        narrow: digits == 31,
    };
    scale.rounded(&sum.into(), double)
}

/// A scale with at most `shift` binary places.
struct Scale {
    real: Ratio,
    shift: i64,
    /// whether values have 32 bits, and must lie within 2^(shift − 1)
    narrow: bool,
}

impl Scale {
    fn rounded(&self, value: &Whole, double: bool) -> Option<Whole> {
        let bound = power_of_two(if self.narrow {
            (self.shift - 1).min(31)
        } else {
            47
        });
        let value = integer(value.clone());
        if value < -bound.clone() || value >= bound {
            return None;
        }
        let product = &value * &self.real;
        let steps = if double && self.shift > 31 {
            // The high half first: its nearest integer, or one below for negative values.
            let high = product * power_of_two(self.shift - 31);
            let nudge = if value.is_negative() { -half() } else { half() };
            nearest_up(&(integer(floor(&(high + nudge))) * power_of_two(31 - self.shift)))
        } else {
            nearest_up(&product)
        };
        steps.to_i32().map(Whole::from)
    }
}
