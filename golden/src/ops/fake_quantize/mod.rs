//! Fake quantize: real values to the values that codes stand for, in f32.

mod domain;
mod element;
mod fit;
mod gradient;
mod limits;
mod scale_gradient;

pub(super) use self::gradient::gradient;
pub(super) use self::scale_gradient::scale_gradient;

use self::domain::within;
use self::limits::Steps;
use super::ReferenceError;
use super::approximate_scale::check_bits;
use super::cascade_sum;
use super::channels::Channels;
use crate::calibrators::clip;
use crate::profile::{FakeQuantizeRule, FakeResult, Profile};
use crate::spec::{Domain, FakeParameters, FakeQuantizeSpec};
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// Codes are kept as f32; beyond 2^24 they are rounded as f32.
const MOST: i64 = 1 << 31;

/// Quantizes `input` (`spec.shape`, f32) under `profile.fake_quantize`, and dequantizes:
/// values, codes, factors and zero points as [`FakeQuantizeSpec`] says.
///
/// # Errors
/// When the parameters do not fit the shape, or codes do not fit i32.
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
    if low >= high || low < -MOST || high > MOST {
        return Err(ReferenceError::Mismatch(format!(
            "codes [{low}, {high}] are not a range within ±2^31"
        )));
    }
    let channels = channels(spec)?;
    let rule = &profile.fake_quantize;
    let within = within(spec.domain, given);
    let (steps, kept) = steps(spec, &within.seen, channels, rule)?;
    for channel in &steps {
        let empty = channel.limits.0 == channel.limits.1;
        witness.events.hit_if(Event::EmptyRange, empty);
    }
    let mut values = Vec::with_capacity(given.len());
    let mut codes = Vec::with_capacity(given.len());
    for (index, (&x, &straight)) in within.seen.iter().zip(&within.straight).enumerate() {
        witness.events.input(x);
        let steps = &steps[channels.of(index)];
        let code = match &kept {
            Some(codes) => codes[index],
            None => element::code(rule, spec, steps, x, witness),
        };
        let value = element::value(rule, high, steps, code);
        let value = domain::result(spec.domain, value);
        let value = through(rule.result, straight, value);
        values.push(match spec.domain {
            Domain::HalvedUnit => 2.0 * value - 1.0,
            _ => value,
        });
        // Codes are numbers: they have one zero.
        codes.push(code + 0.0);
    }
    let factors = steps.iter().map(|s| s.factor(rule.transform)).collect();
    let zero_points = steps.iter().map(|s| s.zero_point + 0.0).collect();
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

/// What is given for `x` and the value of its code.
pub(super) fn through(result: FakeResult, x: f32, value: f32) -> f32 {
    match result {
        FakeResult::Value => value,
        FakeResult::StraightThrough => x + (value - x),
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

/// The steps of each channel; and codes, where they were found with the steps.
fn steps(
    spec: &FakeQuantizeSpec,
    values: &[f32],
    channels: Channels,
    rule: &FakeQuantizeRule,
) -> Result<(Vec<Steps>, Option<Vec<f32>>), ReferenceError> {
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
            for bits in scales.iter().filter_map(|s| s.approximate_bits) {
                check_bits(bits)?;
            }
            Ok((scales.iter().map(Steps::given).collect(), None))
        }
        FakeParameters::Limits { limits, request } => {
            fits(limits.len())?;
            let of = |&(lo, hi): &(f64, f64)| {
                Steps::of_limits(rule, (lo as f32, hi as f32), spec.range, *request)
            };
            Ok((limits.iter().map(of).collect(), None))
        }
        FakeParameters::Measured(request) => {
            let mut limits = vec![(f32::INFINITY, f32::NEG_INFINITY); count];
            for (index, &x) in values.iter().enumerate() {
                let (lo, hi) = &mut limits[channels.of(index)];
                *lo = -greater(-*lo, -x);
                *hi = greater(*hi, x);
            }
            let of = |&limits| Steps::of_limits(rule, limits, spec.range, *request);
            Ok((limits.iter().map(of).collect(), None))
        }
        FakeParameters::Clipped { clip, request } => {
            fits(1)?;
            let rows = spec.shape.first().copied().unwrap_or(1);
            let limits = clip::limits(*clip, request.symmetric, rows, values)?;
            Ok((
                vec![Steps::of_limits(rule, limits, spec.range, *request)],
                None,
            ))
        }
        FakeParameters::MeanAbs => {
            fits(1)?;
            summable(values)?;
            let sizes: Vec<f32> = values.iter().map(|x| x.abs()).collect();
            Ok((vec![Steps::fitted(cascade_sum::mean(&sizes), 0.0)], None))
        }
        FakeParameters::Fitted(fit) => fit::fit(spec, fit, values, channels, rule),
    }
}

/// Whether the order in which these values are summed is fixed.
///
/// # Errors
/// When it is not.
fn summable(values: &[f32]) -> Result<(), ReferenceError> {
    if (1..=cascade_sum::MOST).contains(&values.len()) {
        return Ok(());
    }
    Err(ReferenceError::Undefined(format!(
        "a sum of {} values: 1 to {} are summed in a fixed order",
        values.len(),
        cascade_sum::MOST
    )))
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

fn greater(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else {
        a.max(b)
    }
}

/// 2 to a whole power, rounded to f32; NaN of NaN.
pub(super) fn two_to(exponent: f32) -> f32 {
    if exponent.is_nan() {
        return exponent;
    }
    // Exponents that an f64 has; beyond them f32 is infinite or 0 as well.
    let exponent = exponent.clamp(-1000.0, 1000.0) as i64;
    f64::from_bits(((exponent + 1023) as u64) << 52) as f32
}

#[cfg(test)]
mod tests;
