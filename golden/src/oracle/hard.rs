//! Hardswish and hardsigmoid of a code, every rounding to f32 written out.

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::real::{F32, Real, integer, nearest_even};
use crate::profile::HardForm;
use crate::spec::{QParams, Quantized};

/// The code of x · relu6(x + 3) / 6, x the real value of `code`; `None` where the form has none
/// or leaves it open.
pub fn hardswish(form: HardForm, code: i64, input: QParams, output: Quantized) -> Option<i64> {
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
        HardForm::Undefined => return None,
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
    let code = nearest + BigInt::from(rest);
    code.clamp(low.into(), high.into()).to_i64()
}
