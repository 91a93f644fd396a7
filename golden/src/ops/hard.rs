//! Hardswish and hardsigmoid of codes: x · relu6(x + 3) / 6, and relu6(x + 3) / 6.
//!
//! Sources: PyTorch `QuantizedOpKernels.cpp` (qhardswish_kernel,
//! qhardsigmoid_kernel); `hardswish.c` and `hardsigmoid.c` of PyTorch's QNNPACK.

use super::ReferenceError;
use crate::profile::{HardForm, Profile};
use crate::spec::FunctionSpec;
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HardFunction {
    /// x · relu6(x + 3) / 6
    Swish,
    /// relu6(x + 3) / 6
    Sigmoid,
}

/// The function of each code.
///
/// # Errors
/// When types or parameters do not fit, or the profile has no such function.
pub(crate) fn hard(
    which: HardFunction,
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    for (name, tensor) in [("input", &spec.input), ("output", &spec.output)] {
        super::check::quantized(name, tensor)?;
        witness.zero_point(tensor.dtype, tensor.qparams.zero_point);
    }
    let form = profile.pointwise.hard_function;
    if form == HardForm::Undefined {
        return Err(ReferenceError::Undefined(
            "hardswish and hardsigmoid are not defined by this profile".into(),
        ));
    }
    let range = (spec.output.dtype.code_range()).expect("8-bit codes have a range");
    let codes = (0..input.len())
        .map(|index| {
            let code = input.data().code(index);
            let value = value(which, code - i64::from(spec.input.qparams.zero_point), spec);
            landed(form, index, code, value, spec, range, witness)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}

/// The function of the real value of a code, in f32; `from_zero` is the code less its zero point.
fn value(which: HardFunction, from_zero: i64, spec: &FunctionSpec) -> f32 {
    let x = spec.input.qparams.scale as f32 * from_zero as f32;
    let gate = (x + 3.0).clamp(0.0, 6.0);
    match which {
        HardFunction::Swish => x * gate / 6.0,
        HardFunction::Sigmoid => gate / 6.0,
    }
}

/// A real value to a code of the output.
fn landed(
    form: HardForm,
    index: usize,
    code: i64,
    value: f32,
    spec: &FunctionSpec,
    (low, high): (i64, i64),
    witness: &mut Witness,
) -> i64 {
    let zero_point = spec.output.qparams.zero_point;
    let steps = value * (1.0 / spec.output.qparams.scale as f32);
    // In a table the zero point is inside the rounding, and steps are held to the codes first.
    let (steps, rest) = match form {
        HardForm::Table => (steps + zero_point as f32, 0),
        HardForm::DequantizeF32 | HardForm::Undefined => (steps, i64::from(zero_point)),
    };
    witness.step(Some(code), f64::from(steps));
    let tie = steps - steps.floor() == 0.5;
    witness.events.hit_if(Event::ExactTie, tie);
    if form == HardForm::DequantizeF32 && (steps.is_nan() || steps.abs() >= 2_147_483_648.0) {
        witness.events.hit(Event::ConversionOverflow);
        witness.open.push((0, index));
    }
    let landed = (steps.round_ties_even() as i64).saturating_add(rest);
    witness.events.hit_if(Event::ClampedLow, landed < low);
    witness.events.hit_if(Event::ClampedHigh, landed > high);
    landed.clamp(low, high)
}
