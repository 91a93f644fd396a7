//! Exp and elu of codes. Each 8-bit code has one output code; e^x is correctly rounded here.
//!
//! Sources: TFLite `kernels/exp.cc` (Prepare), `kernels/activations.cc` (EluPrepare),
//! `kernels/internal/common.h` (LUTPopulateInt8).

use super::ReferenceError;
use super::interpolated::{Interpolated, interpolated};
use super::transcendental::{exp_f32, exp_less_one_f32};
use crate::profile::{ExponentialForm, Profile};
use crate::spec::{EluSpec, FunctionSpec};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// e^x of each code.
///
/// # Errors
/// When types or parameters do not fit, or the profile has no exp.
pub(crate) fn exp(
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::function(spec, witness)?;
    if spec.input.dtype == DType::I16 {
        return interpolated(Interpolated::Exp, spec, input, profile, witness);
    }
    of_bytes(Exponential::Exp, spec, input, profile, witness)
}

/// The exponential linear unit of each code.
///
/// # Errors
/// When types or parameters do not fit, or the profile has no elu, or none of this alpha.
pub(crate) fn elu(
    spec: &EluSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let function = spec.function();
    super::check::function(&function, witness)?;
    if spec.input.dtype == DType::I16 || spec.alpha != 1.0 {
        return Err(ReferenceError::Undefined(
            "elu is defined of 8-bit codes only, and of alpha 1".into(),
        ));
    }
    of_bytes(Exponential::Elu, &function, input, profile, witness)
}

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exponential {
    /// e^x
    Exp,
    /// x where it is at least 0, e^x − 1 elsewhere
    Elu,
}

fn of_bytes(
    which: Exponential,
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    if profile.pointwise.exponential == ExponentialForm::Undefined {
        return Err(ReferenceError::Undefined(
            "exp and elu are not defined by this profile".into(),
        ));
    }
    let (from, to) = (spec.input.qparams, spec.output.qparams);
    let (low, high) = (spec.output.dtype.code_range()).expect("8-bit codes have a range");
    let codes = (0..input.len())
        .map(|index| {
            let code = input.data().code(index);
            let x = from.scale as f32 * (code - i64::from(from.zero_point)) as f32;
            let value = match which {
                Exponential::Exp => exp_f32(x),
                Exponential::Elu if x < 0.0 => exp_less_one_f32(x),
                Exponential::Elu => x,
            };
            let steps = value * (1.0 / to.scale as f32);
            witness.step(Some(code), steps.into());
            let tie = steps - steps.floor() == 0.5;
            witness.events.hit_if(Event::ExactTie, tie);
            // The zero point is added in f32, and the sum converted to i32.
            let sum = steps.round() + to.zero_point as f32;
            if !(-2_147_483_648.0..2_147_483_648.0).contains(&sum) {
                witness.events.hit(Event::ConversionOverflow);
                witness.open.push((0, index));
            }
            let code = sum as i64;
            witness.events.hit_if(Event::ClampedLow, code < low);
            witness.events.hit_if(Event::ClampedHigh, code > high);
            code.clamp(low, high)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}
