//! One value to its code, and a code to its value, in f32.

use super::held;
use super::limits::Steps;
use crate::ops::landing::round;
use crate::profile::{
    FakeClamp, FakeCodes, FakeNan, FakeQuantizeRule, FakeValue, FakeZeroPoint, StepOrigin,
    StepTransform, ValueBound,
};
use crate::spec::{FakeQuantizeSpec, Levels};
use crate::witness::{Event, Witness};

/// One value to its code.
pub(super) fn code(
    rule: &FakeQuantizeRule,
    spec: &FakeQuantizeSpec,
    steps: &Steps,
    x: f32,
    witness: &mut Witness,
) -> f32 {
    if steps.empty {
        return 0.0;
    }
    let range = (spec.range.0 as f32, spec.range.1 as f32);
    let code = match spec.levels {
        Levels::Steps => counted(rule, steps, range, x, witness),
        _ if x.is_nan() => x,
        Levels::Signs if x < 0.0 => -1.0,
        Levels::ZeroOne if x < 0.0 => 0.0,
        Levels::Signs | Levels::ZeroOne => 1.0,
        Levels::Threshold(least) if x.abs() >= least as f32 => 1f32.copysign(x),
        Levels::Threshold(_) => 0.0,
    };
    let code = match rule.nan {
        FakeNan::LowestCode if code.is_nan() => range.0,
        FakeNan::HighestCode if code.is_nan() => range.1,
        FakeNan::CodeZero if code.is_nan() => 0.0,
        _ => code,
    };
    match rule.codes {
        FakeCodes::Floats | FakeCodes::RoundedThrough => code,
        // Integers have one zero.
        FakeCodes::Integers | FakeCodes::IntegersBeforeClamp => code + 0.0,
    }
}

/// One value to a whole number of steps, held to the range.
fn counted(
    rule: &FakeQuantizeRule,
    steps: &Steps,
    range: (f32, f32),
    x: f32,
    witness: &mut Witness,
) -> f32 {
    let before = before(rule, steps, range, x);
    witness
        .events
        .hit_if(Event::ExactTie, before - before.floor() == 0.5);
    let before = match rule.clamp {
        FakeClamp::BeforeRound => held_counted(before, range, witness),
        FakeClamp::None | FakeClamp::AfterZeroPoint => before,
    };
    let code = whole(rule, steps, before);
    let code = match rule.codes {
        FakeCodes::IntegersBeforeClamp => as_x86(code),
        FakeCodes::Floats | FakeCodes::RoundedThrough | FakeCodes::Integers => code,
    };
    match rule.clamp {
        FakeClamp::AfterZeroPoint => held_counted(code, range, witness),
        FakeClamp::None | FakeClamp::BeforeRound => code,
    }
}

/// The number of steps before it is rounded.
pub(super) fn before(rule: &FakeQuantizeRule, steps: &Steps, range: (f32, f32), x: f32) -> f32 {
    let bounded = match rule.bound {
        ValueBound::None => x,
        ValueBound::Codes => {
            let of = |code: f32| (code - steps.zero_point) * steps.scale;
            held(x, (of(range.0), of(range.1)))
        }
        ValueBound::Limits => held(x, steps.limits),
    };
    let shifted = match rule.origin {
        StepOrigin::Zero => bounded,
        StepOrigin::Lowest | StepOrigin::LowestLessZero => bounded - steps.lowest,
    };
    let factor = steps.factor(rule.transform);
    let transformed = match rule.transform {
        StepTransform::DivF32 => shifted / factor,
        StepTransform::MulRecipF32 | StepTransform::MulReciprocal => shifted * factor,
    };
    let from_origin = match rule.origin {
        StepOrigin::LowestLessZero => {
            transformed - ((0.0 - steps.lowest) * steps.reciprocal + 0.5).floor()
        }
        StepOrigin::Zero | StepOrigin::Lowest => transformed,
    };
    match rule.zero_point {
        FakeZeroPoint::AfterRound => from_origin,
        FakeZeroPoint::BeforeRound => steps.zero_point + from_origin,
        FakeZeroPoint::NegativeBeforeRound => from_origin - (0.0 - steps.zero_point),
    }
}

/// A number of steps to a whole one with the zero point, not held to the range.
pub(super) fn whole(rule: &FakeQuantizeRule, steps: &Steps, before: f32) -> f32 {
    let rounded = round(rule.rounding, f64::from(before), true) as f32;
    let rounded = match rule.codes {
        FakeCodes::RoundedThrough => before + (rounded - before),
        FakeCodes::Floats | FakeCodes::Integers | FakeCodes::IntegersBeforeClamp => rounded,
    };
    match rule.zero_point {
        FakeZeroPoint::AfterRound => rounded + steps.zero_point,
        FakeZeroPoint::BeforeRound | FakeZeroPoint::NegativeBeforeRound => rounded,
    }
}

/// The value of a code.
pub(super) fn value(rule: &FakeQuantizeRule, qmax: i64, steps: &Steps, code: f32) -> f32 {
    if steps.empty {
        return 0.0;
    }
    let (scale, reciprocal) = (steps.of_values).unwrap_or((steps.scale, steps.reciprocal));
    let value = match rule.value {
        FakeValue::SubMul => (code - steps.zero_point) * scale,
        FakeValue::SubDiv => (code - steps.zero_point) / reciprocal,
        FakeValue::AddDiv => (code + (0.0 - steps.zero_point)) / reciprocal,
        FakeValue::MulAddLowest => (code - steps.zero_point) * scale + steps.lowest,
        FakeValue::MulAddLowestF64 => {
            let count = f64::from(code - steps.zero_point);
            (count * f64::from(scale) + f64::from(steps.lowest)) as f32
        }
        FakeValue::MulLimitDiv => {
            let of_scale = || (f64::from(scale) * qmax as f64) as f32;
            (code - steps.zero_point) * steps.limit.unwrap_or_else(of_scale) / qmax as f32
        }
    };
    value * steps.gain
}

fn held_counted(x: f32, range: (f32, f32), witness: &mut Witness) -> f32 {
    witness.events.hit_if(Event::ClampedLow, x < range.0);
    witness.events.hit_if(Event::ClampedHigh, x > range.1);
    held(x, range)
}

/// A float through i64, as x86 converts.
fn as_x86(x: f32) -> f32 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x) {
        x as i64 as f32
    } else {
        i64::MIN as f32
    }
}
