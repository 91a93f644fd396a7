//! The absolute value and leaky relu of a code, and the square of a difference.

use super::code::wrap_i32;
use super::real::{F32, F64, Real, integer, nearest_even, nearest_up, power_of_two};
use super::requantize::fixed_point;
use super::whole::Whole;
use crate::profile::{AbsForm, LeakyReluForm, Scaling, SquaredDifferenceForm};
use crate::spec::Quantized;
use crate::tensor::DType;

/// The code of |x|; `None` where the form has none or does not hold the ratio of scales.
pub fn abs(form: AbsForm, code: i64, input: Quantized, output: Quantized) -> Option<i64> {
    let steps = steps(code, input).abs();
    let (from, to) = (narrow(input), narrow(output));
    let scaled = match form {
        AbsForm::Undefined => return None,
        AbsForm::Gemmlowp if from == to => Whole::from(steps),
        AbsForm::Gemmlowp => gemmlowp(&F32.div(&from, &to), steps)?,
    };
    landed(scaled, output)
}

/// The code of x, or of slope · x where x is negative; `None` as of [`abs`].
pub fn leaky_relu(
    form: LeakyReluForm,
    code: i64,
    slope: f64,
    input: Quantized,
    output: Quantized,
) -> Option<i64> {
    let steps = steps(code, input);
    let (from, to) = (narrow(input), narrow(output));
    let slope = match steps < 0 {
        true => F32.fit(Real::from(slope)),
        false => Real::integer(1),
    };
    let scaled = match form {
        LeakyReluForm::Undefined => return None,
        LeakyReluForm::ThroughReal => {
            let x = F32.mul(&from, &Real::integer(steps));
            let Real::Finite(quotient) = F32.div(&F32.mul(&x, &slope), &to) else {
                return None;
            };
            nearest_even(&quotient)
        }
        LeakyReluForm::Gemmlowp => gemmlowp(&F32.div(&F32.mul(&from, &slope), &to), steps)?,
        LeakyReluForm::Fixed8Up => {
            let Real::Finite(ratio) = F32.mul(&F32.div(&from, &to), &slope) else {
                return None;
            };
            let multiplier = nearest_even(&(ratio * power_of_two(8)));
            nearest_up(&(integer(multiplier * steps) * power_of_two(-8)))
        }
    };
    landed(scaled, output)
}

/// The code of (x − y)²; `None` as of [`abs`].
pub fn squared_difference(
    form: SquaredDifferenceForm,
    (a, b): (i64, i64),
    (from_a, from_b): (Quantized, Quantized),
    output: Quantized,
) -> Option<i64> {
    if form == SquaredDifferenceForm::Undefined || output.dtype != DType::I8 {
        return None;
    }
    let scales = [from_a, from_b, output].map(|tensor| Real::from(tensor.qparams.scale));
    let [sa, sb, so] = &scales;
    let greater = match from_a.qparams.scale > from_b.qparams.scale {
        true => sa,
        false => sb,
    };
    let twice = F64.mul(&Real::integer(2), greater);
    let part =
        |scale: &Real, code, tensor| gemmlowp(&F64.div(scale, &twice), steps(code, tensor) * 128);
    let difference = part(sa, a, from_a)? - part(sb, b, from_b)?;
    let square = wrap_i32(&difference * &difference).to_i64()?;
    let unit = F64.mul(&Real::integer(1 << 14), so);
    let scaled = gemmlowp(&F64.div(&F64.mul(&twice, &twice), &unit), square)?;
    landed(scaled, output)
}

fn steps(code: i64, tensor: Quantized) -> i64 {
    code - i64::from(tensor.qparams.zero_point)
}

fn narrow(tensor: Quantized) -> Real {
    F32.fit(Real::from(tensor.qparams.scale))
}

fn gemmlowp(multiplier: &Real, value: i64) -> Option<Whole> {
    fixed_point(
        Scaling::Q31SrdhmRdbpot,
        multiplier,
        i32::try_from(value).ok()?,
    )
}

fn landed(scaled: Whole, output: Quantized) -> Option<i64> {
    let (low, high) = output.dtype.code_range()?;
    let code = scaled + output.qparams.zero_point;
    code.clamp(low.into(), high.into()).to_i64()
}
