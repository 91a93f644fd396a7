//! Exp and elu of codes. Each 8-bit code has one output code; e^x is correctly rounded here.
//!
//! Sources: TFLite `kernels/exp.cc` (Prepare), `kernels/activations.cc` (EluPrepare),
//! `kernels/internal/common.h` (LUTPopulateInt8).

use super::ReferenceError;
use super::interpolated::{Interpolated, interpolated};
use super::transcendental::{exp_f32, exp_less_one_f32};
use crate::profile::{ExponentialForm, Profile};
use crate::spec::FunctionSpec;
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exponential {
    /// e^x
    Exp,
    /// x where it is at least 0, e^x − 1 elsewhere
    Elu,
}

/// The function of each code.
///
/// # Errors
/// When types or parameters do not fit, or the profile has no such function.
pub(crate) fn exponential(
    which: Exponential,
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::function(spec, witness)?;
    if spec.input.dtype == DType::I16 {
        return match which {
            Exponential::Exp => interpolated(Interpolated::Exp, spec, input, profile, witness),
            Exponential::Elu => Err(ReferenceError::Undefined(
                "elu is defined of 8-bit codes only".into(),
            )),
        };
    }
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
