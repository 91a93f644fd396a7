//! From a number of steps to a code, and quantize as a whole.

use super::ratio::Ratio;
use super::real::{
    F32, F64, Format, Real, floor, half, integer, nearest_away, nearest_even, nearest_up,
};
use super::whole::Whole;
use crate::profile::{
    Cast, ClampAt, NanRule, PreClamp, QuantizeRule, Rounding, Transform, ZeroPointAt,
};
use crate::spec::QParams;

/// The code of `value` under `rule`, within `range`; `None` where the rule leaves it open,
/// or adds the zero point in a type that does not hold the range.
pub fn quantize(
    rule: &QuantizeRule,
    value: f32,
    qparams: QParams,
    range: (i64, i64),
) -> Option<i64> {
    let in_i16 = range.0 >= -32_768 && range.1 <= 32_767;
    if rule.zero_point == ZeroPointAt::AfterI16Saturating && !in_i16 {
        return None;
    }
    let (x, scale) = (Real::from(value), Real::from(qparams.scale));
    let single = F32.fit(scale.clone());
    let (steps, format) = match rule.transform {
        Transform::MulRecipF32 => (F32.mul(&x, &F32.recip(&single)), F32),
        Transform::MulRecipF64 => (F32.mul(&x, &F32.fit(F64.recip(&scale))), F32),
        Transform::DivF32 => (F32.div(&x, &single), F32),
        Transform::DivF64 => (F64.div(&x, &scale), F64),
        Transform::DivF64BySingle => (F64.div(&x, &single), F64),
    };
    let bound = integer(2_147_483_520);
    let steps = match (rule.pre_clamp, steps) {
        (PreClamp::None, steps) => steps,
        (PreClamp::MinBelow2Pow31, Real::Finite(steps)) => Real::Finite(steps.min(bound)),
        (PreClamp::MinBelow2Pow31, Real::Infinite(false)) => Real::Infinite(false),
        (PreClamp::MinBelow2Pow31, Real::Infinite(true) | Real::Nan) => Real::Finite(bound),
    };
    Landing {
        rounding: rule.rounding,
        zero_point: rule.zero_point,
        clamp: rule.clamp,
        cast: rule.cast,
        nan: rule.nan,
        low: range.0,
        high: range.1,
    }
    .code(&steps, format, i64::from(qparams.zero_point))
}

/// What remains to be done to a number of steps: round, add the zero point, clamp.
#[derive(Debug, Clone, Copy)]
pub(super) struct Landing {
    pub(super) rounding: Rounding,
    pub(super) zero_point: ZeroPointAt,
    pub(super) clamp: ClampAt,
    pub(super) cast: Cast,
    pub(super) nan: NanRule,
    /// lowest code that may come out
    pub(super) low: i64,
    /// highest code that may come out
    pub(super) high: i64,
}

impl Landing {
    /// The code of `steps`, a value of `format`; `None` where it is left open.
    pub(super) fn code(&self, steps: &Real, format: Format, zero_point: i64) -> Option<i64> {
        if *steps == Real::Nan {
            match self.nan {
                NanRule::ThroughCast => {}
                NanRule::LowestCode => return Some(self.low),
                NanRule::HighestCode => return Some(self.high),
                // i32::MIN, cut to the code type.
                NanRule::CodeZero if self.high > 65_535 => return Some(i64::from(i32::MIN)),
                NanRule::CodeZero => return Some(0),
                NanRule::Open => return None,
            }
        }
        let zero = format.round(&integer(zero_point));
        let inside = self.zero_point == ZeroPointAt::BeforeF32;
        let value = if inside {
            format.add(steps, &zero)
        } else {
            steps.clone()
        };
        let outside = if inside { 0 } else { zero_point };
        if self.clamp == ClampAt::BeforeRound {
            let (low, high) = (self.low - outside, self.high - outside);
            let held = match value {
                Real::Nan | Real::Infinite(false) => inward(low, format, true),
                Real::Infinite(true) => inward(high, format, false),
                Real::Finite(value) => value
                    .min(inward(high, format, false))
                    .max(inward(low, format, true)),
            };
            return (self.round(&held, format) + outside).to_i64();
        }
        let rounded = match value {
            Real::Finite(value) => Real::Finite(integer(self.round(&value, format))),
            other => other,
        };
        if self.zero_point == ZeroPointAt::AfterF32 {
            let sum = format.add(&rounded, &zero);
            return Some(self.hold(&self.convert(&sum)?));
        }
        let converted = self.convert(&rounded)?;
        // A profile that leaves overflow open leaves that of the sum open, too.
        let sum = &converted + outside;
        if self.cast == Cast::Open && wrap_i32(sum.clone()) != sum {
            return None;
        }
        Some(self.place(&converted, outside))
    }

    /// An integer number of steps to a code.
    pub(super) fn place(&self, steps: &Whole, zero_point: i64) -> i64 {
        let between =
            |value: Whole, low: i64, high: i64| value.clamp(Whole::from(low), Whole::from(high));
        self.hold(&match self.zero_point {
            ZeroPointAt::AfterI32Wrapping => wrap_i32(steps + zero_point),
            ZeroPointAt::AfterI16Saturating => between(
                between(steps.clone(), -32768, 32767) + zero_point,
                -32768,
                32767,
            ),
            ZeroPointAt::AfterI64 | ZeroPointAt::AfterF32 | ZeroPointAt::BeforeF32 => {
                steps + zero_point
            }
        })
    }

    fn hold(&self, code: &Whole) -> i64 {
        let held = code.clone().min(Whole::from(self.high));
        held.max(Whole::from(self.low))
            .to_i64()
            .expect("within i64")
    }

    fn round(&self, value: &Ratio, format: Format) -> Whole {
        match self.rounding {
            Rounding::TiesEven => nearest_even(value),
            Rounding::TiesAway => nearest_away(value),
            Rounding::TiesUp => nearest_up(value),
            Rounding::TowardZero => value.to_integer(),
            Rounding::UpViaFloorHalf => match format.round(&(value + half())) {
                Real::Finite(sum) => floor(&sum),
                _ => value.to_integer(),
            },
            Rounding::AwayViaFloorHalf => {
                // The sum with one half rounds in the working type.
                let Real::Finite(sum) = format.round(&(value.abs() + half())) else {
                    return value.to_integer();
                };
                let magnitude = floor(&sum);
                if value.is_negative() {
                    -magnitude
                } else {
                    magnitude
                }
            }
        }
    }

    /// The conversion to an integer; `None` where it is left open.
    fn convert(&self, rounded: &Real) -> Option<Whole> {
        let wide = self.zero_point != ZeroPointAt::AfterI32Wrapping;
        let (low, high) = match self.cast {
            Cast::X86IndefiniteI64 => (i64::MIN, i64::MAX),
            Cast::Saturate if wide => (i64::MIN, i64::MAX),
            Cast::Saturate | Cast::X86IndefiniteI32 | Cast::Open => {
                (i64::from(i32::MIN), i64::from(i32::MAX))
            }
        };
        let (low, high) = (Whole::from(low), Whole::from(high));
        let finite = match rounded {
            Real::Finite(value) => Some(value.to_integer()),
            Real::Nan | Real::Infinite(_) => None,
        };
        if let Some(value) = finite.clone().filter(|v| (&low..=&high).contains(&v)) {
            return Some(value);
        }
        match self.cast {
            Cast::X86IndefiniteI32 | Cast::X86IndefiniteI64 => Some(low),
            Cast::Open => None,
            Cast::Saturate => Some(match (rounded, finite) {
                (Real::Nan, _) => Whole::from(0),
                (Real::Infinite(true), _) => high,
                (_, Some(value)) if value.is_positive() => high,
                _ => low,
            }),
        }
    }
}

pub(super) fn wrap_i32(value: Whole) -> Whole {
    let modulus = Whole::from(1i64 << 32);
    let offset = Whole::from(1i64 << 31);
    let shifted = (value + &offset) % &modulus;
    (shifted + &modulus) % &modulus - offset
}

/// The value of `format` nearest to `bound` that is not outside it.
fn inward(bound: i64, format: Format, lower: bool) -> Ratio {
    let exact = integer(bound);
    let Real::Finite(nearest) = format.round(&exact) else {
        unreachable!("i64 bounds are finite in every format");
    };
    let outside = if lower {
        nearest < exact
    } else {
        nearest > exact
    };
    if !outside {
        return nearest;
    }
    // Rounding went outward; the neighbour on the other side of the bound is one unit in
    // the last place away, which is twice the distance of a bound just inside it at least.
    let mut step = integer(1);
    loop {
        let inner = if lower {
            &exact + &step
        } else {
            &exact - &step
        };
        if let Real::Finite(candidate) = format.round(&inner) {
            let inside = if lower {
                candidate >= exact
            } else {
                candidate <= exact
            };
            if inside {
                return candidate;
            }
        }
        step *= integer(2);
    }
}
