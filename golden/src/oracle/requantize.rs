//! Sums to codes.

use super::code::{Landing, wrap_i32};
use super::real::{
    F32, F64, Real, exponent_above, integer, nearest_away, nearest_even, nearest_up, power_of_two,
};
use super::whole::Whole;
use crate::profile::{Bias, Multiplier, NanRule, RequantizeRule, Scaling};
use crate::spec::{Quantized, Relu};

/// The scales between a sum and its output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SumScale {
    /// activation scale and weight scale; the output's is in the output
    OfProduct {
        /// real units per activation step
        activation: f64,
        /// real units per weight step
        weight: f64,
    },
    /// one number that holds all three
    Given(f32),
}

/// The bias of one output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SumBias {
    /// none
    None,
    /// in steps of the sum; the sum wraps in i32
    I32(i32),
    /// in real units, and how the profile lets it enter; not with [`SumScale::Given`]
    F32(f32, Bias),
}

/// The code of `sum` under `rule`; `None` where the rule leaves it open, or its
/// fixed-point arithmetic cannot hold the multiplier.
pub fn requantize(
    rule: &RequantizeRule,
    sum: i32,
    scale: SumScale,
    bias: SumBias,
    output: Quantized,
    relu: Relu,
) -> Option<i64> {
    let range = output.dtype.code_range()?;
    let zero_point = i64::from(output.qparams.zero_point);
    let (low, high) = relu.bounds(range, zero_point);
    let landing = Landing {
        rounding: rule.rounding,
        zero_point: rule.zero_point,
        clamp: rule.clamp,
        cast: rule.cast,
        nan: NanRule::Open,
        low,
        high,
    };
    let scales = Scales::new(rule, scale, output.qparams.scale);
    let fixed = is_fixed_point(rule.scaling);
    let (sum, bias) = match bias {
        SumBias::None => (sum, None),
        SumBias::I32(steps) => (sum.wrapping_add(steps), None),
        SumBias::F32(bias, how) if how == Bias::I32 || fixed => {
            (sum.wrapping_add(scales.steps_of(bias)?), None)
        }
        SumBias::F32(bias, how) => (sum, Some((Real::from(bias), how))),
    };
    if fixed {
        let steps = fixed_point(rule.scaling, &scales.multiplier, sum)?;
        if is_tosa(rule.scaling) {
            (&steps + Whole::from(zero_point)).to_i32()?;
        }
        return Some(landing.place(&steps, zero_point));
    }
    if rule.scaling == Scaling::MultiplyF64 {
        let steps = scales.scaled_in_f64(sum, bias);
        return landing.code(&steps, F64, zero_point);
    }
    landing.code(&scales.scaled(rule, sum, bias), F32, zero_point)
}

/// The scales as f32, and what is made of them.
struct Scales {
    activation: Real,
    weight: Real,
    output: Real,
    /// activation scale · weight scale in f64: the step of an i32 bias
    step: Real,
    multiplier: Real,
}

impl Scales {
    fn new(rule: &RequantizeRule, scale: SumScale, output: f64) -> Self {
        match scale {
            SumScale::Given(multiplier) => Self {
                activation: Real::from(multiplier),
                weight: Real::integer(1),
                output: Real::integer(1),
                step: Real::from(multiplier),
                multiplier: Real::from(multiplier),
            },
            SumScale::OfProduct { activation, weight } => {
                let wide = (
                    Real::from(activation),
                    Real::from(weight),
                    Real::from(output),
                );
                let narrow = (
                    F32.fit(wide.0.clone()),
                    F32.fit(wide.1.clone()),
                    F32.fit(wide.2.clone()),
                );
                let product = F32.mul(&narrow.0, &narrow.1);
                let step = F64.mul(&wide.0, &wide.1);
                let multiplier = match rule.multiplier {
                    Multiplier::F32ProductDiv => F32.div(&product, &narrow.2),
                    Multiplier::F32ProductRecip => F32.mul(&product, &F32.recip(&narrow.2)),
                    Multiplier::F64ThenF32 => F32.fit(F64.div(&step, &wide.2)),
                    Multiplier::F64 => F64.div(&step, &wide.2),
                    Multiplier::F64OfSingles => F64.div(&F64.mul(&narrow.0, &narrow.1), &narrow.2),
                    Multiplier::F32ProductF64Div => F64.div(&product, &narrow.2),
                };
                Self {
                    activation: narrow.0,
                    weight: narrow.1,
                    output: narrow.2,
                    step,
                    multiplier,
                }
            }
        }
    }

    /// A bias in steps of the sum, nearest-even, at the ends of i32 beyond it.
    fn steps_of(&self, bias: f32) -> Option<i32> {
        match F64.div(&Real::from(bias), &self.step) {
            Real::Nan => Some(0),
            Real::Infinite(positive) => Some(if positive { i32::MAX } else { i32::MIN }),
            Real::Finite(steps) => nearest_even(&steps)
                .clamp(i32::MIN.into(), i32::MAX.into())
                .to_i32(),
        }
    }

    /// A sum, and a bias in real units, to steps of the output, all in f64.
    fn scaled_in_f64(&self, sum: i32, bias: Option<(Real, Bias)>) -> Real {
        let scaled = F64.mul(&Real::integer(i64::from(sum)), &self.multiplier);
        match bias {
            None => scaled,
            Some((bias, _)) => F64.add(&scaled, &F64.div(&bias, &self.output)),
        }
    }

    /// A sum, and a bias in real units, to steps of the output, in f32.
    fn scaled(&self, rule: &RequantizeRule, sum: i32, bias: Option<(Real, Bias)>) -> Real {
        let product = F32.mul(&self.activation, &self.weight);
        let mut value = F32.fit(Real::integer(i64::from(sum)));
        let mut later = None;
        match bias {
            None | Some((_, Bias::I32)) => {}
            Some((bias, Bias::F32DivByActW)) => {
                value = F32.add(&value, &F32.div(&bias, &product));
            }
            Some((bias, Bias::F32RecipOfActW)) => {
                value = F32.add(&value, &F32.mul(&bias, &F32.recip(&product)));
            }
            Some((bias, Bias::F32AfterScale)) => later = Some((bias, false)),
            Some((bias, Bias::F32FusedAfterScale)) => later = Some((bias, true)),
        }
        let scale_then_bias = |value: &Real, scale: &Real, later: Option<(Real, bool)>| match later
        {
            None => F32.mul(value, scale),
            Some((bias, true)) => F32.fma(value, scale, &bias),
            Some((bias, false)) => F32.add(&F32.mul(value, scale), &bias),
        };
        let stepwise =
            |later| scale_then_bias(&F32.mul(&value, &self.activation), &self.weight, later);
        match rule.scaling {
            Scaling::StepwiseDiv => F32.div(&stepwise(later), &self.output),
            Scaling::StepwiseMulRecip => F32.mul(&stepwise(later), &F32.recip(&self.output)),
            Scaling::ProductThenDiv => {
                F32.div(&scale_then_bias(&value, &product, later), &self.output)
            }
            Scaling::ProductThenMulRecip => F32.mul(
                &scale_then_bias(&value, &product, later),
                &F32.recip(&self.output),
            ),
            Scaling::MultiplyF32
            | Scaling::MultiplyF64
            | Scaling::Q31Rshu
            | Scaling::Q31SrdhmRdbpot
            | Scaling::Q31SrdhmRshu
            | Scaling::QnnpackQ31
            | Scaling::QnnpackPrecise
            | Scaling::TosaScale32
            | Scaling::TosaScale32Double
            | Scaling::TosaScale16 => {
                // The bias is brought to the unit that the multiplier leads to.
                let later = later.map(|(bias, fused)| (F32.div(&bias, &self.output), fused));
                scale_then_bias(&value, &F32.fit(self.multiplier.clone()), later)
            }
        }
    }
}

fn is_fixed_point(scaling: Scaling) -> bool {
    is_tosa(scaling)
        || matches!(
            scaling,
            Scaling::Q31Rshu
                | Scaling::Q31SrdhmRdbpot
                | Scaling::Q31SrdhmRshu
                | Scaling::QnnpackQ31
                | Scaling::QnnpackPrecise
        )
}

fn is_tosa(scaling: Scaling) -> bool {
    matches!(
        scaling,
        Scaling::TosaScale32 | Scaling::TosaScale32Double | Scaling::TosaScale16
    )
}

/// `sum · multiplier` as the fixed-point schemes round it. An f32 fits their 31 bits, so the
/// integer multiplier is exact, and only the roundings of the product remain; a multiplier in
/// f64 is first narrowed, to f32 or, by gemmlowp's schemes, to 31 bits.
pub(super) fn fixed_point(scaling: Scaling, multiplier: &Real, sum: i32) -> Option<Whole> {
    let gemmlowp = matches!(scaling, Scaling::Q31SrdhmRdbpot | Scaling::Q31SrdhmRshu);
    let multiplier = match multiplier {
        Real::Finite(wide) if gemmlowp && wide.is_positive() => {
            let unit = power_of_two(31 - exponent_above(wide));
            Real::Finite(integer(nearest_away(&(wide * &unit))) / unit)
        }
        wide => F32.fit(wide.clone()),
    };
    let Real::Finite(multiplier) = &multiplier else {
        return None;
    };
    if !multiplier.is_positive() {
        return None;
    }
    let product = integer(sum) * multiplier;
    // 2^(exponent − 1) ≤ multiplier < 2^exponent
    let exponent = exponent_above(multiplier);
    let in_qnnpack_range = (power_of_two(-32)..integer(1)).contains(multiplier);
    match scaling {
        Scaling::Q31Rshu => {
            let range = power_of_two(-32)..integer(256);
            range.contains(multiplier).then(|| nearest_up(&product))
        }
        Scaling::QnnpackPrecise => in_qnnpack_range.then(|| nearest_away(&product)),
        Scaling::QnnpackQ31 => in_qnnpack_range.then(|| {
            let first = nearest_up(&(product * power_of_two(-exponent)));
            nearest_away(&(integer(first) * power_of_two(exponent)))
        }),
        Scaling::Q31SrdhmRdbpot | Scaling::Q31SrdhmRshu => {
            if exponent < -31 {
                return Some(Whole::from(0));
            }
            if exponent > 30 {
                return None;
            }
            let right = (-exponent).max(0);
            let shifted = wrap_i32(Whole::from(sum) << exponent.max(0));
            let fraction = multiplier * power_of_two(-exponent);
            let first = nearest_up(&(integer(shifted) * fraction));
            let last = integer(first) * power_of_two(-right);
            Some(match scaling {
                Scaling::Q31SrdhmRdbpot => nearest_away(&last),
                _ => nearest_up(&last),
            })
        }
        _ => super::rescale::requantized(scaling, multiplier, sum),
    }
}
