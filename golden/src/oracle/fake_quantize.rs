//! Fake quantize and its limits, in exact rationals. Zeros have no sign here.

use super::ratio::Ratio;
use super::real::{F32, F64, Real, floor, half, integer, nearest_away, nearest_even, nearest_up};
use crate::profile::{
    FakeClamp, FakeCodes, FakeNan, FakeQuantizeRule, FakeResult, FakeValue, FakeZeroPoint,
    LimitsForm, Rounding, StepOrigin, StepTransform, ValueBound,
};
use crate::spec::{LimitsRequest, RealQParams};

/// How steps are counted: all are f32.
#[derive(Debug, Clone)]
pub struct Counting {
    scale: Real,
    reciprocal: Real,
    zero_point: Real,
    lowest: Real,
    limits: Option<(Real, Real)>,
    limit: Option<Real>,
    /// scale of values and its reciprocal, where it is 1 instead of that of steps
    of_values: Option<Real>,
    empty: bool,
}

impl Counting {
    /// By a given scale.
    pub fn given(qparams: &RealQParams) -> Self {
        let f32_of = |value: f64| F32.fit(Real::from(value));
        Self {
            scale: f32_of(qparams.scale),
            reciprocal: F32.fit(F64.recip(&Real::from(qparams.scale))),
            zero_point: f32_of(qparams.zero_point),
            lowest: f32_of(qparams.lowest),
            limits: None,
            limit: None,
            of_values: None,
            empty: false,
        }
    }

    /// By limits `lo` < `hi`.
    pub fn of_limits(
        rule: &FakeQuantizeRule,
        (lo, hi): (f32, f32),
        range: (i64, i64),
        request: LimitsRequest,
    ) -> Self {
        let (least, most) = (Real::from(lo), Real::from(hi));
        let (qmin, qmax) = (Real::integer(range.0), Real::integer(range.1));
        let n = Real::integer(range.1 - range.0);
        let span = sub(&most, &least);
        let zero = Real::integer(0);
        let farther = Real::from(lo.abs().max(hi.abs()));
        let (inner_lo, inner_hi) = (Real::from(lo.min(0.0)), Real::from(hi.max(0.0)));
        let mut this = Self {
            scale: F32.div(&span, &n),
            reciprocal: F32.div(&n, &span),
            zero_point: zero.clone(),
            lowest: zero.clone(),
            limits: Some((least.clone(), most.clone())),
            limit: None,
            of_values: None,
            empty: false,
        };
        match rule.limits {
            LimitsForm::Nudged => {
                let code = sub(&qmin, &F32.div(&least, &this.scale));
                this.zero_point = clamp(&rounded(Rounding::TiesAway, &code), &qmin, &qmax);
                this.lowest = F32.mul(&sub(&qmin, &this.zero_point), &this.scale);
            }
            LimitsForm::Threshold => {
                let threshold = match request.symmetric {
                    true => Real::from(hi.max(-lo)),
                    false => most,
                };
                this.reciprocal = F32.div(&qmax, &threshold);
                this.scale = F32.recip(&this.reciprocal);
                let least = Real::Finite(super::real::power_of_two(-24));
                if !less(&least, &threshold) {
                    this.reciprocal = zero.clone();
                    this.of_values = Some(Real::integer(1));
                }
            }
            LimitsForm::RecipOfLimit => {
                let limit = match request.symmetric {
                    true => Real::from(hi.max(-lo)),
                    false => most,
                };
                let small = !less(&Real::from(1e-30f32), &limit);
                let divisor = match small {
                    true => F32.add(&limit, &Real::from(1e-6f32)),
                    false => limit.clone(),
                };
                this.reciprocal = F32.mul(&qmax, &F32.recip(&divisor));
                this.scale = F32.recip(&this.reciprocal);
                this.limit = Some(limit);
            }
            LimitsForm::RecipTimesSteps if request.symmetric => {
                let half_n = F32.mul(&n, &Real::Finite(half()));
                this.reciprocal = F32.mul(&F32.recip(&farther), &half_n);
                this.scale = F32.recip(&this.reciprocal);
            }
            LimitsForm::RecipTimesSteps => {
                let span = sub(&inner_hi, &inner_lo);
                this.reciprocal = F32.mul(&F32.recip(&span), &n);
                this.scale = F32.recip(&this.reciprocal);
                let exact = F32.mul(&this.reciprocal, &inner_lo);
                let steps = match request.integral_zero_point {
                    true => rounded(Rounding::TiesEven, &exact),
                    false => exact,
                };
                this.zero_point = sub(&zero, &sub(&steps, &qmin));
            }
            LimitsForm::Quotient | LimitsForm::QuotientAboveEps => {
                let (lo, hi) = match request.symmetric {
                    true => (sub(&zero, &farther), farther),
                    false => (inner_lo, inner_hi),
                };
                let span = sub(&hi, &lo);
                this.scale = F32.div(&span, &n);
                let eps = Real::from(1e-7f32);
                if rule.limits == LimitsForm::QuotientAboveEps && less(&this.scale, &eps) {
                    this.scale = eps;
                }
                this.reciprocal = F32.recip(&this.scale);
                this.zero_point = if request.symmetric {
                    F32.mul(&F32.add(&qmin, &qmax), &Real::Finite(half()))
                } else {
                    let above = sub(&F32.mul(&qmin, &hi), &F32.mul(&qmax, &lo));
                    let code = F32.div(&above, &span);
                    let code = match request.integral_zero_point {
                        true => rounded(Rounding::TiesEven, &code),
                        false => code,
                    };
                    clamp(&code, &qmin, &qmax)
                };
            }
            LimitsForm::LesserRatio => {
                let ratio = |code: &Real, limit: &Real| {
                    let ratio = F32.div(code, limit);
                    match less(&zero, &ratio) {
                        true => ratio,
                        false => Real::from(f32::MAX),
                    }
                };
                let (low, high) = (ratio(&qmin, &least), ratio(&qmax, &most));
                (this.reciprocal, this.scale) = match less(&low, &high) {
                    true => (low, F32.div(&least, &qmin)),
                    false => (high, F32.div(&most, &qmax)),
                };
            }
            LimitsForm::FromLowest => {
                this.zero_point = qmin;
                this.lowest = least;
            }
            LimitsForm::RoundedLowest => {
                let steps = F32.mul(&least, &this.reciprocal);
                this.zero_point = sub(&qmin, &rounded(Rounding::TiesAway, &steps));
            }
            LimitsForm::ExactLowest => {
                this.zero_point = sub(&qmin, &F32.mul(&least, &this.reciprocal));
            }
            LimitsForm::StepsOverGreatest => {
                let count = match range.0 < 0 {
                    true => F32.mul(&n, &Real::Finite(half())),
                    false => n,
                };
                this.reciprocal = F32.div(&count, &farther);
                this.scale = F32.div(&farther, &count);
            }
            LimitsForm::CountedFromLowest => {
                this.reciprocal = F32.recip(&this.scale);
                this.lowest = least;
            }
        }
        this
    }

    /// What values are multiplied with or divided by, and the zero point.
    pub fn parameters(&self, transform: StepTransform) -> (f64, f64) {
        let factor = match transform {
            StepTransform::MulRecipF32 => F32.recip(&self.scale),
            StepTransform::MulReciprocal => self.reciprocal.clone(),
            StepTransform::DivF32 => self.scale.clone(),
        };
        (factor.to_f64(), self.zero_point.to_f64())
    }
}

/// The value that `x` becomes, and its code.
pub fn fake_quantize(
    rule: &FakeQuantizeRule,
    x: f32,
    counting: &Counting,
    range: (i64, i64),
) -> (f64, f64) {
    if counting.empty {
        return (0.0, 0.0);
    }
    let Counting {
        scale,
        reciprocal,
        zero_point,
        lowest,
        ..
    } = counting;
    let (qmin, qmax) = (Real::integer(range.0), Real::integer(range.1));
    let zero = Real::integer(0);
    let x = Real::from(x);
    let bounded = match (rule.bound, &counting.limits) {
        (ValueBound::Codes, _) => {
            let of = |code: &Real| F32.mul(&sub(code, zero_point), scale);
            clamp(&x, &of(&qmin), &of(&qmax))
        }
        (ValueBound::Limits, Some((least, most))) => clamp(&x, least, most),
        (ValueBound::Limits | ValueBound::None, _) => x.clone(),
    };
    let shifted = match rule.origin {
        StepOrigin::Zero => bounded,
        StepOrigin::Lowest | StepOrigin::LowestLessZero => sub(&bounded, lowest),
    };
    let transformed = match rule.transform {
        StepTransform::MulRecipF32 => F32.mul(&shifted, &F32.recip(scale)),
        StepTransform::MulReciprocal => F32.mul(&shifted, reciprocal),
        StepTransform::DivF32 => F32.div(&shifted, scale),
    };
    let steps = match rule.origin {
        StepOrigin::LowestLessZero => {
            let to_zero = F32.mul(&sub(&zero, lowest), reciprocal);
            sub(&transformed, &rounded(Rounding::UpViaFloorHalf, &to_zero))
        }
        StepOrigin::Zero | StepOrigin::Lowest => transformed,
    };
    let inside = rule.zero_point != FakeZeroPoint::AfterRound;
    let before = match inside {
        true => F32.add(&steps, zero_point),
        false => steps,
    };
    let before = match rule.clamp {
        FakeClamp::BeforeRound => clamp(&before, &qmin, &qmax),
        FakeClamp::None | FakeClamp::AfterZeroPoint => before,
    };
    let whole = rounded(rule.rounding, &before);
    let whole = match rule.codes {
        FakeCodes::RoundedThrough => F32.add(&before, &sub(&whole, &before)),
        _ => whole,
    };
    let code = match inside {
        true => whole,
        false => F32.add(&whole, zero_point),
    };
    let code = match rule.codes {
        FakeCodes::IntegersBeforeClamp => through_i64(&code),
        FakeCodes::Floats | FakeCodes::RoundedThrough | FakeCodes::Integers => code,
    };
    let code = match rule.clamp {
        FakeClamp::AfterZeroPoint => clamp(&code, &qmin, &qmax),
        FakeClamp::None | FakeClamp::BeforeRound => code,
    };
    let code = match (rule.nan, code) {
        (FakeNan::LowestCode, Real::Nan) => qmin,
        (FakeNan::HighestCode, Real::Nan) => qmax.clone(),
        (FakeNan::CodeZero, Real::Nan) => zero,
        (_, code) => code,
    };
    let count = sub(&code, zero_point);
    let (scale, reciprocal) = match &counting.of_values {
        Some(other) => (other, other),
        None => (scale, reciprocal),
    };
    let value = match rule.value {
        FakeValue::SubMul => F32.mul(&count, scale),
        FakeValue::SubDiv | FakeValue::AddDiv => F32.div(&count, reciprocal),
        FakeValue::MulAddLowest => F32.add(&F32.mul(&count, scale), lowest),
        FakeValue::MulLimitDiv => {
            let of_scale = || F32.fit(F64.mul(scale, &qmax));
            let limit = counting.limit.clone().unwrap_or_else(of_scale);
            F32.div(&F32.mul(&count, &limit), &qmax)
        }
        FakeValue::MulAddLowestF64 => F32.fit(F64.add(&F64.mul(&count, scale), lowest)),
    };
    let value = match rule.result {
        FakeResult::Value => value,
        FakeResult::StraightThrough => F32.add(&x, &sub(&value, &x)),
    };
    (value.to_f64(), code.to_f64())
}

/// a − b
fn sub(a: &Real, b: &Real) -> Real {
    let negative = match b {
        Real::Nan => Real::Nan,
        Real::Infinite(positive) => Real::Infinite(!positive),
        Real::Finite(value) => Real::Finite(-value),
    };
    F32.add(a, &negative)
}

/// Whether a < b.
fn less(a: &Real, b: &Real) -> bool {
    match (a, b) {
        (Real::Nan, _) | (_, Real::Nan) => false,
        (Real::Finite(a), Real::Finite(b)) => a < b,
        (Real::Infinite(a), Real::Infinite(b)) => !a && *b,
        (Real::Infinite(a), _) => !a,
        (_, Real::Infinite(b)) => *b,
    }
}

fn clamp(value: &Real, low: &Real, high: &Real) -> Real {
    if less(value, low) {
        low.clone()
    } else if less(high, value) {
        high.clone()
    } else {
        value.clone()
    }
}

fn rounded(rounding: Rounding, value: &Real) -> Real {
    let Real::Finite(exact) = value else {
        return value.clone();
    };
    let above = |value: &Real| match F32.add(value, &Real::Finite(half())) {
        Real::Finite(sum) => floor(&sum),
        _ => exact.to_integer(),
    };
    let whole = match rounding {
        Rounding::TiesEven => nearest_even(exact),
        Rounding::TiesAway => nearest_away(exact),
        Rounding::TiesUp => nearest_up(exact),
        Rounding::TowardZero => exact.to_integer(),
        Rounding::UpViaFloorHalf => above(value),
        Rounding::AwayViaFloorHalf if *exact < Ratio::zero() => -above(&Real::Finite(-exact)),
        Rounding::AwayViaFloorHalf => above(value),
    };
    Real::Finite(integer(whole))
}

/// i64::MIN for what does not fit i64.
fn through_i64(code: &Real) -> Real {
    let least = Real::Finite(-super::real::power_of_two(63));
    let fits = |code: &Real| {
        !less(code, &least) && less(code, &Real::Finite(super::real::power_of_two(63)))
    };
    match code {
        Real::Finite(value) if fits(code) => Real::Finite(integer(value.to_integer())),
        _ => least,
    }
}
