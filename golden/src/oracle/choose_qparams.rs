//! A range of values to scale and zero point.

use super::ratio::Ratio;
use super::real::{
    F32, F64, Format, Real, floor, half, integer, nearest_away, nearest_even, power_of_two,
};
use crate::profile::{
    QparamsRule, ReduceRange, ScalePrecision, SmallScale, SymmetricScale, SymmetricZeroPoint,
    ZeroPointFrom, ZeroPointRounding,
};
use crate::spec::{QParams, QparamsRequest};
use crate::tensor::DType;

/// Scale and zero point for values between `min` and `max`; `None` for types without codes.
pub fn choose_qparams(
    rule: &QparamsRule,
    min: f32,
    max: f32,
    request: &QparamsRequest,
) -> Option<QParams> {
    let codes = Codes::new(rule, request)?;
    let (low, high) = (exact(min), exact(max));
    let zero = Ratio::zero();
    let range = (
        low.clone().min(zero.clone()),
        high.clone().max(zero.clone()),
    );
    let (scale, zero_point) = if !request.symmetric {
        affine(rule, range, &codes, false)
    } else if rule.symmetric != SymmetricScale::PreserveSparsity {
        symmetric(rule, range, &codes, request.dtype)
    } else if low.is_negative() && high.is_positive() {
        affine(rule, stretched(&low, &high, &codes), &codes, true)
    } else {
        affine(rule, range, &codes, false)
    };
    let kept = match rule.precision {
        ScalePrecision::F64NarrowedLast => F32.fit(scale),
        ScalePrecision::F32 | ScalePrecision::F64 | ScalePrecision::F64ThenF32 => scale,
    };
    // A rational has no sign of zero: that of the quotient extreme / lowest code.
    let signed = request.symmetric && rule.symmetric == SymmetricScale::SignedExtreme;
    let below = low.is_negative() && high <= -low;
    let scale = match kept.to_f64() {
        0.0 if signed && !below => -0.0,
        scale => scale,
    };
    Some(QParams {
        scale,
        zero_point: i32::try_from(zero_point).ok()?,
    })
}

/// Scale and a zero point that is no code, for values between `min` and `max`, all in f32; `None`
/// for types without codes.
pub fn choose_real_qparams(
    rule: &QparamsRule,
    (min, max): (f32, f32),
    request: &QparamsRequest,
) -> Option<(f64, f64)> {
    let codes = Codes::new(rule, request)?;
    let below = Real::from(-min);
    let width = F32.div(
        &F32.add(&Real::from(max), &below),
        &Real::integer(codes.steps()),
    );
    let scale = match width.to_f64() > f64::from(f32::EPSILON) {
        true => width,
        false => Real::integer(1),
    };
    Some((scale.to_f64(), F32.div(&below, &scale).to_f64()))
}

/// The range of codes.
struct Codes {
    low: i64,
    high: i64,
}

impl Codes {
    fn new(rule: &QparamsRule, request: &QparamsRequest) -> Option<Self> {
        let (low, high) = request.range.or(request.dtype.code_range())?;
        let halved = |code: i64| floor(&(integer(code) * half())).to_i64();
        Some(match rule.reduce_range {
            _ if !request.reduce_range => Self { low, high },
            ReduceRange::Ignored => Self { low, high },
            ReduceRange::Halve => Self {
                low: halved(low)?,
                high: halved(high)?,
            },
            ReduceRange::Symmetric64 if low < 0 => Self { low: -64, high: 64 },
            ReduceRange::Symmetric64 => Self { low: 0, high: 127 },
        })
    }

    fn steps(&self) -> i64 {
        self.high - self.low
    }

    /// The middle, ties to even.
    fn middle(&self) -> i64 {
        nearest_even(&(integer(self.low + self.high) * half()))
            .to_i64()
            .expect("between the codes")
    }

    fn hold(&self, value: &Ratio) -> Ratio {
        value.clone().min(integer(self.high)).max(integer(self.low))
    }
}

fn exact(value: f32) -> Ratio {
    match Real::from(value) {
        Real::Finite(value) => value,
        Real::Nan | Real::Infinite(_) => Ratio::zero(),
    }
}

fn f32_epsilon() -> Ratio {
    exact(f32::EPSILON)
}

/// 6.1e-5 as an f32: the least scale of ChooseQuantizationParams.
fn cutoff() -> Ratio {
    exact(6.1e-5)
}

fn quotient(precision: ScalePrecision, width: &Real, steps: &Real) -> Real {
    match precision {
        ScalePrecision::F32 => F32.div(width, steps),
        ScalePrecision::F64 | ScalePrecision::F64NarrowedLast => F64.div(width, steps),
        ScalePrecision::F64ThenF32 => F32.fit(F64.div(width, steps)),
    }
}

/// The format in which ends of the range are divided by the scale.
fn working(precision: ScalePrecision) -> Format {
    match precision {
        ScalePrecision::F32 => F32,
        ScalePrecision::F64 | ScalePrecision::F64ThenF32 | ScalePrecision::F64NarrowedLast => F64,
    }
}

fn symmetric(
    rule: &QparamsRule,
    (min, max): (Ratio, Ratio),
    codes: &Codes,
    dtype: DType,
) -> (Real, i64) {
    let half_steps = integer(codes.steps()) * half();
    let low_wins = |min: &Ratio, max: &Ratio| {
        let in_f32 = |end: &Ratio, code| F32.div(&Real::Finite(end.clone()), &Real::integer(code));
        match (in_f32(min, codes.low), in_f32(max, codes.high)) {
            (Real::Finite(low), Real::Finite(high)) => codes.low < 0 && low > high,
            _ => false,
        }
    };
    let (greatest, steps) = match rule.symmetric {
        SymmetricScale::Qmax => (max.max(-min), integer(codes.high)),
        SymmetricScale::HalfRange | SymmetricScale::PreserveSparsity => (max.max(-min), half_steps),
        SymmetricScale::EachSide if codes.low < 0 && low_wins(&min, &max) => {
            (min, integer(codes.low))
        }
        SymmetricScale::EachSide => (max, integer(codes.high)),
        SymmetricScale::SignedExtreme => {
            let lowest = floor(&-half_steps);
            let extreme = if max > -min.clone() { max } else { min };
            (extreme, Ratio::from_integer(lowest))
        }
    };
    let scale = quotient(
        rule.precision,
        &Real::Finite(greatest),
        &working(rule.precision).round(&steps),
    );
    let reduced = codes.steps() == 127;
    let middle = if rule.symmetric_zero_point == SymmetricZeroPoint::RoundedMiddle {
        codes.middle()
    } else if rule.symmetric_zero_point == SymmetricZeroPoint::MiddleUp {
        super::real::floor(&(integer(codes.low + codes.high + 1) * half()))
            .to_i64()
            .expect("codes are small")
    } else if dtype != DType::U8 {
        match dtype.code_range() {
            Some((0, high)) if codes.high == high => (high + 1) / 2,
            _ => 0,
        }
    } else if dtype.code_range() == Some((codes.low, codes.high)) || reduced {
        128
    } else {
        (codes.low + codes.high).div_euclid(2)
    };
    let Real::Finite(value) = &scale else {
        return (scale, middle);
    };
    match rule.small_scale {
        SmallScale::FloorEps => {
            let floored = value.clone().max(f32_epsilon());
            (Real::Finite(floored), middle)
        }
        SmallScale::FloorTwoPowMinus12 => {
            let floored = value.clone().max(power_of_two(-12));
            (Real::Finite(floored), middle)
        }
        SmallScale::TenthAndCutoff if value.is_zero() => (Real::from(0.1), middle),
        SmallScale::One | SmallScale::UnitRange if value.is_zero() => (Real::integer(1), middle),
        SmallScale::TinyToOne if *value < exact(f32::MIN_POSITIVE) => (Real::integer(1), 0),
        _ => (scale, middle),
    }
}

/// The range over multiples of (−128, 127), for 8 bits, that holds both ends.
fn stretched(min: &Ratio, max: &Ratio, codes: &Codes) -> (Ratio, Ratio) {
    let half_steps = codes.steps() / 2;
    let ends = (Real::integer(-(half_steps + 1)), Real::integer(half_steps));
    let magnitude = |end: &Ratio, steps: &Real| match F32
        .div(&Real::Finite(end.clone()), &F32.fit(steps.clone()))
    {
        Real::Finite(value) => value.abs(),
        Real::Nan | Real::Infinite(_) => unreachable!("ends are finite, steps are not 0"),
    };
    let factor = Real::Finite(magnitude(min, &ends.0).max(magnitude(max, &ends.1)));
    let end = |steps: &Real| match F32.fit(F64.mul(&factor, &F32.fit(steps.clone()))) {
        Real::Finite(value) => value,
        // A finite range that overflows when stretched keeps its greatest finite end.
        Real::Infinite(positive) => exact(if positive { f32::MAX } else { f32::MIN }),
        Real::Nan => unreachable!("finite factors"),
    };
    (end(&ends.0), end(&ends.1))
}

fn affine(
    rule: &QparamsRule,
    (mut min, mut max): (Ratio, Ratio),
    codes: &Codes,
    preserve: bool,
) -> (Real, i64) {
    if rule.small_scale == SmallScale::UnitRange && min == max {
        max = integer(1);
    }
    let finite = |value: &Ratio| Real::Finite(value.clone());
    let steps = Real::integer(codes.steps());
    let width = working(rule.precision).add(&finite(&max), &finite(&-&min));
    let mut scale = quotient(
        rule.precision,
        &width,
        &working(rule.precision).fit(steps.clone()),
    );
    if let Real::Finite(value) = scale.clone() {
        match rule.small_scale {
            SmallScale::FloorEps => scale = Real::Finite(value.max(f32_epsilon())),
            SmallScale::FloorTwoPowMinus12 => scale = Real::Finite(value.max(power_of_two(-12))),
            SmallScale::One if min == max => scale = Real::integer(1),
            SmallScale::TinyToOne if value < exact(f32::MIN_POSITIVE) => {
                return (Real::integer(1), 0);
            }
            SmallScale::Kept if value.is_zero() => return (scale, codes.low),
            SmallScale::TenthAndCutoff => {
                scale = cut_off(scale, &steps, &mut min, &mut max);
            }
            SmallScale::One | SmallScale::UnitRange | SmallScale::TinyToOne | SmallScale::Kept => {}
        }
    }
    let zero_point = if preserve {
        codes.middle()
    } else {
        zero_point(rule, (&min, &max), &scale, codes)
    };
    (scale, zero_point)
}

/// A scale of 0, or one whose reciprocal overflows in f32, becomes 0.1; one below the
/// cut-off becomes the cut-off, and the range grows to match.
fn cut_off(scale: Real, steps: &Real, min: &mut Ratio, max: &mut Ratio) -> Real {
    let narrow = F32.fit(scale.clone());
    let unusable = narrow == Real::integer(0) || F32.recip(&narrow) == Real::Infinite(true);
    let scale = if unusable { Real::from(0.1) } else { scale };
    let (Real::Finite(value), Real::Finite(least)) = (&scale, &Real::Finite(cutoff())) else {
        return scale;
    };
    if value >= least {
        return scale;
    }
    let least = Real::Finite(least.clone());
    let set = |end: &mut Ratio, value: Real| {
        if let Real::Finite(value) = value {
            *end = value;
        }
    };
    let whole = F32.mul(&least, &F32.fit(steps.clone()));
    let growth = F32.div(&least, &F32.fit(scale.clone()));
    if min.is_zero() {
        set(max, whole);
    } else if max.is_zero() {
        set(min, whole);
        *min = -min.clone();
    } else {
        set(min, F32.mul(&Real::Finite(min.clone()), &growth));
        set(max, F32.mul(&Real::Finite(max.clone()), &growth));
    }
    least
}

fn zero_point(
    rule: &QparamsRule,
    (min, max): (&Ratio, &Ratio),
    scale: &Real,
    codes: &Codes,
) -> i64 {
    let format = working(rule.precision);
    let clamps_first = rule.zero_point_rounding == ZeroPointRounding::ClampThenTiesEven;
    if clamps_first && format.div(&Real::Finite(min.clone()), scale) == Real::Nan {
        return codes.high;
    }
    let steps_to = |end: &Ratio| {
        match format.div(&Real::Finite(end.clone()), scale) {
            Real::Finite(value) => value,
            // x / s with a finite s > 0 that overflows lies beyond every code.
            Real::Infinite(positive) => integer(if positive { i64::MAX } else { i64::MIN }),
            Real::Nan => Ratio::zero(),
        }
    };
    let (to_min, to_max) = (steps_to(min), steps_to(max));
    let (low, high) = (integer(codes.low), integer(codes.high));
    let subtract = |code: &Ratio, steps: &Ratio| match format.round(&(code - steps)) {
        Real::Finite(value) => value,
        Real::Infinite(_) | Real::Nan => code - steps,
    };
    let from_min = rule.zero_point_from == ZeroPointFrom::Min;
    if from_min && rule.zero_point_rounding == ZeroPointRounding::TiesEvenThenClamp {
        // The quotient is rounded, then subtracted as an integer.
        return held(codes, &(low - integer(nearest_even(&to_min))));
    }
    let error = |code: &Ratio, steps: &Ratio, sign: i64| {
        F64.round(&(code.abs() + integer(sign) * steps.abs()))
            .to_f64()
    };
    let use_min = match rule.zero_point_from {
        ZeroPointFrom::Min => true,
        ZeroPointFrom::SmallerErrorSum => error(&low, &to_min, 1) < error(&high, &to_max, 1),
        ZeroPointFrom::SmallerErrorDifference => {
            error(&low, &to_min, -1) < error(&high, &to_max, -1)
        }
    };
    let real = if use_min {
        subtract(&low, &to_min)
    } else {
        subtract(&high, &to_max)
    };
    match rule.zero_point_rounding {
        ZeroPointRounding::TiesEvenThenClamp => held(codes, &integer(nearest_even(&real))),
        ZeroPointRounding::ClampThenTiesEven => {
            let rounded = nearest_even(&codes.hold(&real));
            rounded.to_i64().expect("between the codes")
        }
        ZeroPointRounding::TiesAwayThenClamp => held(codes, &integer(nearest_away(&real))),
        ZeroPointRounding::TiesEvenUnclamped => {
            let rounded = nearest_even(&real);
            rounded.to_i64().unwrap_or(if rounded.is_negative() {
                i64::MIN
            } else {
                i64::MAX
            })
        }
    }
}

fn held(codes: &Codes, value: &Ratio) -> i64 {
    codes
        .hold(value)
        .to_integer()
        .to_i64()
        .expect("between the codes")
}
