//! Hardswish and hardsigmoid of a code, every rounding to f32 written out.

use super::ratio::Ratio;
use super::real::{
    F32, Real, exponent_above, floor, integer, nearest_away, nearest_even, nearest_up, power_of_two,
};
use super::whole::Whole;
use crate::profile::HardForm;
use crate::spec::{QParams, Quantized};

/// The code of x · relu6(x + 3) / 6, x the real value of `code`; `None` where the form has none
/// or leaves it open.
pub fn hardswish(form: HardForm, code: i64, input: QParams, output: Quantized) -> Option<i64> {
    if form == HardForm::Fixed16 {
        return fixed16(code, input, output);
    }
    let (x, gate) = gate(code, input)?;
    landed(
        form,
        &F32.div(&F32.mul(&x, &gate), &Real::integer(6)),
        output,
    )
}

/// The code of relu6(x + 3) / 6.
pub fn hardsigmoid(form: HardForm, code: i64, input: QParams, output: Quantized) -> Option<i64> {
    let (_, gate) = gate(code, input)?;
    landed(form, &F32.div(&gate, &Real::integer(6)), output)
}

/// Hardswish by integers of 16 bits, each of which stands for itself over 2^15.
fn fixed16(code: i64, input: QParams, output: Quantized) -> Option<i64> {
    let fine = F32.mul(
        &F32.fit(Real::from(input.scale)),
        &Real::Finite(power_of_two(-7)),
    );
    let to_output = F32.div(&fine, &F32.fit(Real::from(output.qparams.scale)));
    let threes = Real::Finite(integer(3) * power_of_two(-15));
    let (multiplier, power) = fifteen_bits(&to_output)?;
    let (gate_multiplier, gate_power) = fifteen_bits(&F32.div(&fine, &threes))?;
    if !(-15..=0).contains(&power) || !(-15..16).contains(&gate_power) {
        return None;
    }
    let x = wrap_i16(integer((code - i64::from(input.zero_point)) * 128));
    let high = |a: &Ratio, b: &Ratio| integer(nearest_up(&(a * b * power_of_two(-15))));
    let saturated = |value: Ratio| value.clamp(integer(-32_768), integer(32_767));
    let mut gate = x.clone();
    if gate_power > 0 {
        gate = saturated(gate * power_of_two(gate_power - 1));
    }
    gate = high(&gate, &gate_multiplier);
    gate = match gate_power {
        1.. => saturated(gate * integer(2)),
        _ => integer(nearest_away(&(gate * power_of_two(gate_power)))),
    };
    let share = integer(floor(&((gate + power_of_two(15)) / integer(2))));
    let product = (share * high(&x, &multiplier) * power_of_two(-15)).trunc();
    let steps = nearest_away(&(product * power_of_two(power)));
    let (low, highest) = output.dtype.code_range()?;
    let code = steps + output.qparams.zero_point;
    code.clamp(low.into(), highest.into()).to_i64()
}

/// A positive number as 15 bits, rounded half away to 31 first, then half up, and the power of
/// two of the bit above them; 0 below 2^−32.
fn fifteen_bits(value: &Real) -> Option<(Ratio, i64)> {
    let Real::Finite(value) = value else {
        return None;
    };
    let mut power = match value.is_positive() {
        true => exponent_above(value),
        false => return None,
    };
    let mut wide = nearest_away(&(value * power_of_two(31 - power)));
    if wide == Whole::from(1i64 << 31) {
        (wide, power) = (wide / 2, power + 1);
    }
    if power > 30 {
        return None;
    }
    if power < -31 {
        (wide, power) = (Whole::from(0), 0);
    }
    let narrow = nearest_up(&(integer(wide) * power_of_two(-16)));
    Some((integer(narrow.min(Whole::from(0x7FFF))), power))
}

fn wrap_i16(value: Ratio) -> Ratio {
    let turns = floor(&((&value + power_of_two(15)) * power_of_two(-16)));
    value - integer(turns) * power_of_two(16)
}

/// x, and x + 3 held to 0 and 6.
fn gate(code: i64, input: QParams) -> Option<(Real, Real)> {
    let from_zero = Real::integer(code - i64::from(input.zero_point));
    let x = F32.mul(&F32.fit(Real::from(input.scale)), &from_zero);
    let gate = match F32.add(&x, &Real::integer(3)) {
        Real::Finite(sum) => Real::Finite(sum.clamp(integer(0), integer(6))),
        Real::Infinite(true) => Real::integer(6),
        Real::Infinite(false) => Real::integer(0),
        Real::Nan => return None,
    };
    Some((x, gate))
}

fn landed(form: HardForm, value: &Real, output: Quantized) -> Option<i64> {
    let (low, high) = output.dtype.code_range()?;
    let recip = F32.recip(&F32.fit(Real::from(output.qparams.scale)));
    let steps = F32.mul(value, &recip);
    let zero_point = i64::from(output.qparams.zero_point);
    let (steps, rest) = match form {
        HardForm::Undefined | HardForm::Fixed16 => return None,
        HardForm::DequantizeF32 => (steps, zero_point),
        HardForm::Table => (F32.add(&steps, &Real::integer(zero_point)), 0),
    };
    let steps = match (form, steps) {
        (_, Real::Finite(steps)) => steps,
        // Held to the codes before it is rounded.
        (HardForm::Table, Real::Infinite(positive)) => {
            return Some(if positive { high } else { low });
        }
        _ => return None,
    };
    let nearest = nearest_even(&steps);
    if form == HardForm::DequantizeF32 {
        nearest.to_i32()?;
    }
    let code = nearest + Whole::from(rest);
    code.clamp(low.into(), high.into()).to_i64()
}
