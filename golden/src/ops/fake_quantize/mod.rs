//! Fake quantize: real values to the values that codes stand for, in f32.

mod limits;

use self::limits::Steps;
use super::ReferenceError;
use super::channels::Channels;
use super::landing::round;
use crate::profile::{
    FakeClamp, FakeCodes, FakeNan, FakeQuantizeRule, FakeResult, FakeValue, FakeZeroPoint, Profile,
    StepOrigin, StepTransform, ValueBound,
};
use crate::spec::{Domain, FakeParameters, FakeQuantizeSpec};
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// Codes are kept as f32: they must be exact there.
const EXACT: i64 = 1 << 24;

/// Quantizes `input` (`spec.shape`, f32) under `profile.fake_quantize`, and dequantizes:
/// values, codes, factors and zero points as [`FakeQuantizeSpec`] says.
///
/// # Errors
/// When the parameters do not fit the shape, or codes are not exact in f32.
pub(super) fn fake_quantize(
    spec: &FakeQuantizeSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let Data::F32(given) = input.data() else {
        return Err(ReferenceError::Mismatch(format!(
            "fake_quantize takes f32, not {}",
            input.dtype().name()
        )));
    };
    let (low, high) = spec.range;
    if low >= high || low < -EXACT || high > EXACT {
        return Err(ReferenceError::Mismatch(format!(
            "codes [{low}, {high}] are not a range within ±2^24"
        )));
    }
    let channels = channels(spec)?;
    let rule = &profile.fake_quantize;
    let inner: Vec<f32> = within(spec.domain, given);
    let steps = steps(spec, &inner, channels, rule)?;
    for channel in &steps {
        let empty = channel.limits.0 == channel.limits.1;
        witness.events.hit_if(Event::EmptyRange, empty);
    }
    let range = (low as f32, high as f32);
    let mut values = Vec::with_capacity(inner.len());
    let mut codes = Vec::with_capacity(inner.len());
    for (index, &x) in inner.iter().enumerate() {
        count(x, witness);
        let (value, code) = element(rule, &steps[channels.of(index)], range, x, witness);
        let value = match rule.result {
            FakeResult::Value => value,
            FakeResult::StraightThrough => x + (value - x),
        };
        values.push(match spec.domain {
            Domain::HalvedUnit => 2.0 * value - 1.0,
            Domain::Plain | Domain::Unit => value,
        });
        // Codes are numbers: they have one zero.
        codes.push(code + 0.0);
    }
    let factors = steps.iter().map(|s| s.factor(rule.transform)).collect();
    let zero_points = steps.iter().map(|s| s.zero_point).collect();
    let of = |shape: &[usize], data: Vec<f32>| {
        Tensor::new(shape, Data::F32(data)).expect("as many values as the shape has")
    };
    Ok(vec![
        of(&spec.shape, values),
        of(&spec.shape, codes),
        of(&[spec.channels()], factors),
        of(&[spec.channels()], zero_points),
    ])
}

/// Values as they are when they are quantized.
fn within(domain: Domain, given: &[f32]) -> Vec<f32> {
    match domain {
        Domain::Plain => given.to_vec(),
        Domain::Unit => given.iter().map(|&x| held(x, (0.0, 1.0))).collect(),
        Domain::HalvedUnit => {
            let twice = 2.0 * greatest(given.iter().map(|x| x.abs()));
            given.iter().map(|&x| x / twice + 0.5).collect()
        }
    }
}

fn channels(spec: &FakeQuantizeSpec) -> Result<Channels, ReferenceError> {
    let Some(axis) = spec.axis else {
        return Ok(Channels::one());
    };
    Channels::along(&spec.shape, axis).ok_or_else(|| {
        ReferenceError::Mismatch(format!("shape {:?} has no axis {axis}", spec.shape))
    })
}

/// The steps of each channel.
fn steps(
    spec: &FakeQuantizeSpec,
    values: &[f32],
    channels: Channels,
    rule: &FakeQuantizeRule,
) -> Result<Vec<Steps>, ReferenceError> {
    let count = spec.channels();
    let fits = |given: usize| {
        (given == count).then_some(()).ok_or_else(|| {
            ReferenceError::Mismatch(format!("{given} scales or limits for {count} channels"))
        })
    };
    match &spec.parameters {
        FakeParameters::Scales(scales) => {
            fits(scales.len())?;
            if let Some(bad) = (scales.iter()).find(|s| !(s.scale.is_finite() && s.scale > 0.0)) {
                return Err(ReferenceError::Mismatch(format!(
                    "scale {} is not finite and positive",
                    bad.scale
                )));
            }
            Ok(scales.iter().map(Steps::given).collect())
        }
        FakeParameters::Limits { limits, request } => {
            fits(limits.len())?;
            let of = |&(lo, hi): &(f64, f64)| {
                Steps::of_limits(rule, (lo as f32, hi as f32), spec.range, *request)
            };
            Ok(limits.iter().map(of).collect())
        }
        FakeParameters::Measured(request) => {
            let mut limits = vec![(f32::INFINITY, f32::NEG_INFINITY); count];
            for (index, &x) in values.iter().enumerate() {
                let (lo, hi) = &mut limits[channels.of(index)];
                *lo = -greater(-*lo, -x);
                *hi = greater(*hi, x);
            }
            let of = |&limits| Steps::of_limits(rule, limits, spec.range, *request);
            Ok(limits.iter().map(of).collect())
        }
    }
}

/// One value to the value of its code, and the code.
fn element(
    rule: &FakeQuantizeRule,
    steps: &Steps,
    range: (f32, f32),
    x: f32,
    witness: &mut Witness,
) -> (f32, f32) {
    if steps.empty {
        return (0.0, 0.0);
    }
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
    let before = match rule.zero_point {
        FakeZeroPoint::AfterRound => from_origin,
        FakeZeroPoint::BeforeRound => steps.zero_point + from_origin,
        FakeZeroPoint::NegativeBeforeRound => from_origin - (0.0 - steps.zero_point),
    };
    witness
        .events
        .hit_if(Event::ExactTie, before - before.floor() == 0.5);
    let before = match rule.clamp {
        FakeClamp::BeforeRound => held_counted(before, range, witness),
        FakeClamp::None | FakeClamp::AfterZeroPoint => before,
    };
    let rounded = round(rule.rounding, f64::from(before), true) as f32;
    let code = match rule.zero_point {
        FakeZeroPoint::AfterRound => rounded + steps.zero_point,
        FakeZeroPoint::BeforeRound | FakeZeroPoint::NegativeBeforeRound => rounded,
    };
    let code = match rule.codes {
        FakeCodes::IntegersBeforeClamp => as_x86(code),
        FakeCodes::Floats | FakeCodes::Integers => code,
    };
    let code = match rule.clamp {
        FakeClamp::AfterZeroPoint => held_counted(code, range, witness),
        FakeClamp::None | FakeClamp::BeforeRound => code,
    };
    let code = match rule.nan {
        FakeNan::LowestCode if code.is_nan() => range.0,
        FakeNan::CodeZero if code.is_nan() => 0.0,
        _ => code,
    };
    let code = match rule.codes {
        FakeCodes::Floats => code,
        // Integers have one zero.
        FakeCodes::Integers | FakeCodes::IntegersBeforeClamp => code + 0.0,
    };
    let value = match rule.value {
        FakeValue::SubMul => (code - steps.zero_point) * steps.scale,
        FakeValue::SubDiv => (code - steps.zero_point) / steps.reciprocal,
        FakeValue::AddDiv => (code + (0.0 - steps.zero_point)) / steps.reciprocal,
        FakeValue::MulAddLowest => (code - steps.zero_point) * steps.scale + steps.lowest,
        FakeValue::MulAddLowestF64 => {
            let count = f64::from(code - steps.zero_point);
            (count * f64::from(steps.scale) + f64::from(steps.lowest)) as f32
        }
    };
    (value, code)
}

/// `x` between the bounds; NaN stays NaN.
fn held(x: f32, (low, high): (f32, f32)) -> f32 {
    if x < low {
        low
    } else if x > high {
        high
    } else {
        x
    }
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

/// The greatest value; NaN if there is one; −∞ of none.
fn greatest(values: impl Iterator<Item = f32>) -> f32 {
    values.fold(f32::NEG_INFINITY, greater)
}

fn greater(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else {
        a.max(b)
    }
}

fn count(x: f32, witness: &mut Witness) {
    witness.events.hit_if(Event::NanInput, x.is_nan());
    witness.events.hit_if(Event::InfiniteInput, x.is_infinite());
    witness
        .events
        .hit_if(Event::SubnormalInput, x.is_subnormal());
}

#[cfg(test)]
mod tests;
