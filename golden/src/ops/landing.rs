//! The last step to a code: rounding, zero point, clamp and conversion, as the
//! profile's axes say. Used by quantize and requantize alike.
//!
//! All of it is inlined: where a loop is compiled for one rule (`quantize`), the
//! rule's choices are made once and not per value.

use crate::profile::{Cast, ClampAt, NanRule, QuantizeRule, RequantizeRule, Rounding, ZeroPointAt};
use crate::spec::Relu;
use crate::tensor::DType;
use crate::witness::{Event, Witness, is_near_half};

/// The bound of [`crate::profile::PreClamp::MinBelow2Pow31`]: the greatest f32 below 2^31.
pub(crate) const BELOW_2_POW_31: f32 = 2_147_483_520.0;

/// How a number of steps lands on a code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landing {
    rounding: Rounding,
    placement: ZeroPointAt,
    clamp: ClampAt,
    cast: Cast,
    nan: NanRule,
    /// the lowest and highest code that may come out: the range's, or narrower under relu
    floor: i64,
    ceiling: i64,
    range: (i64, i64),
    relu: Relu,
}

/// A number of steps before rounding, and whether the arithmetic around it is f32.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    /// the value; exactly an f32 if `single`
    pub(crate) value: f64,
    /// whether sums with it round to f32
    pub(crate) single: bool,
}

impl Steps {
    pub(crate) fn single(value: f32) -> Self {
        Self {
            value: f64::from(value),
            single: true,
        }
    }

    #[inline(always)]
    fn plus(self, addend: i64) -> Self {
        let value = if self.single {
            f64::from(self.value as f32 + addend as f32)
        } else {
            self.value + addend as f64
        };
        Self { value, ..self }
    }
}

impl Landing {
    /// For quantize: the range is the type's or a narrower one.
    pub(crate) fn quantize(rule: &QuantizeRule, range: (i64, i64)) -> Self {
        Self {
            rounding: rule.rounding,
            placement: rule.zero_point,
            clamp: rule.clamp,
            cast: rule.cast,
            nan: rule.nan,
            floor: range.0,
            ceiling: range.1,
            range,
            relu: Relu::None,
        }
    }

    /// For requantize: the range is the type's; relu narrows it.
    pub(crate) fn requantize(
        rule: &RequantizeRule,
        dtype: DType,
        zero_point: i64,
        relu: Relu,
    ) -> Self {
        let range = dtype
            .code_range()
            .expect("specs are checked to give a code type");
        let (floor, ceiling) = relu.bounds(range, zero_point);
        Self {
            rounding: rule.rounding,
            placement: rule.zero_point,
            clamp: rule.clamp,
            cast: rule.cast,
            nan: NanRule::Open,
            floor,
            ceiling,
            range,
            relu,
        }
    }

    /// Steps (zero point not yet added) to the code of element `index`.
    #[inline(always)]
    pub(crate) fn land(
        &self,
        index: usize,
        steps: Steps,
        zero_point: i64,
        witness: &mut Witness,
    ) -> i64 {
        if steps.value.is_nan() && self.nan != NanRule::ThroughCast {
            return match self.nan {
                NanRule::LowestCode => self.range.0,
                NanRule::HighestCode => self.range.1,
                // Only 32-bit codes hold i32::MIN; its low 16 bits are 0.
                NanRule::CodeZero if self.range.1 > i64::from(u16::MAX) => i64::from(i32::MIN),
                NanRule::CodeZero => 0,
                NanRule::Open | NanRule::ThroughCast => {
                    witness.open.push((0, index));
                    self.range.0
                }
            };
        }
        let before = match self.placement {
            ZeroPointAt::BeforeF32 => steps.plus(zero_point),
            _ => steps,
        };
        let (_, rest) = fraction(before.value);
        witness.events.hit_if(Event::ExactTie, rest.abs() == 0.5);
        let near = is_near_half(before.value, rest);
        witness.events.hit_if(Event::NearTie, near);
        witness
            .events
            .hit_if(Event::ConversionOverflow, !fits_i32(before.value));
        let rest = if self.placement == ZeroPointAt::BeforeF32 {
            0
        } else {
            zero_point
        };
        match self.clamp {
            ClampAt::BeforeRound => {
                let low = bound_above(self.floor - rest, before.single);
                let high = bound_below(self.ceiling - rest, before.single);
                self.count_clamp(before.value + rest as f64, witness);
                // NaN that goes through the conversion meets the clamp as x86's
                // max(low, min(high, x)) does: it becomes the lower bound.
                let held = if before.value > low {
                    before.value.min(high)
                } else {
                    low
                };
                round(self.rounding, held, before.single) as i64 + rest
            }
            ClampAt::AfterZeroPoint => {
                let rounded = round(self.rounding, before.value, before.single);
                if self.placement == ZeroPointAt::AfterF32 {
                    let sum = Steps {
                        value: rounded,
                        ..before
                    }
                    .plus(rest)
                    .value;
                    self.count_clamp(sum, witness);
                    let Some(integer) = self.convert(sum) else {
                        witness.open.push((0, index));
                        return self.floor;
                    };
                    return integer.clamp(self.floor, self.ceiling);
                }
                let Some(integer) = self.convert(rounded) else {
                    witness.open.push((0, index));
                    return self.floor;
                };
                // Where overflow is left open, so is that of the sum with the zero point.
                if self.cast == Cast::Open && i32::try_from(integer + rest).is_err() {
                    witness.open.push((0, index));
                }
                self.place(integer, rest, witness)
            }
        }
    }

    /// A rounded float to an integer; `None` when the profile leaves it open.
    #[inline(always)]
    fn convert(&self, rounded: f64) -> Option<i64> {
        let integer = convert(self.cast, rounded)?;
        // Where the zero point is added in i32, i32 is what the conversion saturates to.
        let narrow = self.placement == ZeroPointAt::AfterI32Wrapping && self.cast == Cast::Saturate;
        Some(if narrow {
            integer.clamp(i64::from(i32::MIN), i64::from(i32::MAX))
        } else {
            integer
        })
    }

    /// A rounded integer to a code: zero point, then clamp.
    #[inline(always)]
    pub(crate) fn land_integer(&self, integer: i64, zero_point: i64, witness: &mut Witness) -> i64 {
        self.place(integer, zero_point, witness)
    }

    #[inline(always)]
    fn place(&self, integer: i64, addend: i64, witness: &mut Witness) -> i64 {
        let sum = match self.placement {
            ZeroPointAt::AfterI32Wrapping => {
                i64::from((integer as i32).wrapping_add(addend as i32))
            }
            ZeroPointAt::AfterI16Saturating => {
                let i16_range = (i64::from(i16::MIN), i64::from(i16::MAX));
                let narrow = integer.clamp(i16_range.0, i16_range.1);
                (narrow + addend).clamp(i16_range.0, i16_range.1)
            }
            ZeroPointAt::AfterI64 | ZeroPointAt::AfterF32 | ZeroPointAt::BeforeF32 => {
                integer.saturating_add(addend)
            }
        };
        self.count_clamp(sum as f64, witness);
        sum.clamp(self.floor, self.ceiling)
    }

    #[inline(always)]
    fn count_clamp(&self, code: f64, witness: &mut Witness) {
        witness
            .events
            .hit_if(Event::ClampedLow, code < self.range.0 as f64);
        witness
            .events
            .hit_if(Event::ClampedHigh, code > self.range.1 as f64);
        let below = self.relu != Relu::None && code < self.floor as f64;
        let above = self.ceiling < self.range.1 && code > self.ceiling as f64;
        witness.events.hit_if(Event::ReluClamped, below || above);
    }
}

/// The nearest integer to `value` as `rounding` says; `single` is the working
/// float type of the roundings that add 0.5.
#[inline(always)]
pub(crate) fn round(rounding: Rounding, value: f64, single: bool) -> f64 {
    match rounding {
        Rounding::TiesEven => ties_even(value),
        Rounding::TiesAway => ties_away(value),
        Rounding::TiesUp => {
            let floor = value.floor();
            if value - floor >= 0.5 {
                floor + 1.0
            } else {
                floor
            }
        }
        Rounding::AwayViaFloorHalf => {
            let magnitude = if single {
                f64::from((value.abs() as f32 + 0.5).floor())
            } else {
                (value.abs() + 0.5).floor()
            };
            // The sign of a zero is 0.
            if value == 0.0 {
                0.0
            } else {
                magnitude.copysign(value)
            }
        }
        Rounding::UpViaFloorHalf if single => f64::from((value as f32 + 0.5).floor()),
        Rounding::UpViaFloorHalf => (value + 0.5).floor(),
        Rounding::TowardZero => value.trunc(),
    }
}

/// A rounded float to an integer; `None` when the profile leaves it open.
#[inline(always)]
pub(crate) fn convert(cast: Cast, rounded: f64) -> Option<i64> {
    Some(match cast {
        Cast::X86IndefiniteI32 => {
            if fits_i32(rounded) {
                rounded as i64
            } else {
                i64::from(i32::MIN)
            }
        }
        Cast::X86IndefiniteI64 => {
            if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded) {
                rounded as i64
            } else {
                i64::MIN
            }
        }
        Cast::Saturate => rounded as i64,
        Cast::Open => return fits_i32(rounded).then_some(rounded as i64),
    })
}

/// Whether the nearest integer (ties to even) is an i32. The lower end itself is even: what is
/// halfway to it rounds to it. The upper end is odd: what is halfway past it leaves i32.
fn fits_i32(value: f64) -> bool {
    (-2_147_483_648.5..2_147_483_647.5).contains(&value)
}

/// The integer below `value` in magnitude, and what is beyond it; no fraction where `value` is
/// NaN, infinite or beyond i64 (there every f64 is an integer).
///
/// Conversions to i64 are instructions of every CPU; `floor` and its like are calls into a
/// library on the oldest x86-64, and an exhaustive run makes billions of them.
#[inline(always)]
fn fraction(value: f64) -> (i64, f64) {
    let whole = value as i64;
    let rest = value - whole as f64;
    (whole, if rest.abs() < 1.0 { rest } else { 0.0 })
}

/// To the nearest integer, ties to the even one; the sign of a zero is that of `value`.
#[inline(always)]
fn ties_even(value: f64) -> f64 {
    let (whole, rest) = fraction(value);
    let odd = whole & 1 != 0;
    stepped(value, whole, rest.abs() > 0.5 || (rest.abs() == 0.5 && odd))
}

/// To the nearest integer, ties away from zero; the sign of a zero is that of `value`.
#[inline(always)]
fn ties_away(value: f64) -> f64 {
    let (whole, rest) = fraction(value);
    stepped(value, whole, rest.abs() >= 0.5)
}

/// The integer `whole` below `value` in magnitude, or the next one away from zero.
#[inline(always)]
fn stepped(value: f64, whole: i64, away: bool) -> f64 {
    // From here on every f64 is an integer, infinite or NaN.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    let step = i64::from(away) * if value < 0.0 { -1 } else { 1 };
    if value.abs() < WHOLE {
        ((whole + step) as f64).copysign(value)
    } else {
        value
    }
}

/// The greatest float (f32 if `single`) that is at most `bound`.
fn bound_below(bound: i64, single: bool) -> f64 {
    if !single {
        return bound as f64;
    }
    let nearest = bound as f32;
    let float = if f64::from(nearest) > bound as f64 {
        nearest.next_down()
    } else {
        nearest
    };
    f64::from(float)
}

/// The least float (f32 if `single`) that is at least `bound`.
fn bound_above(bound: i64, single: bool) -> f64 {
    -bound_below(-bound, single)
}

#[cfg(test)]
mod tests;
