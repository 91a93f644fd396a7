//! The absolute value of codes.
//!
//! Sources: TFLite `kernels/elementwise.cc` (SetAbsOutputMultiplier, AbsEvalQuantized).

use super::ReferenceError;
use super::fixed_point::FixedPoint;
use super::store::Store;
use crate::profile::{AbsForm, Profile};
use crate::spec::{FunctionSpec, Relu};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// |x| of each code.
///
/// # Errors
/// When types or parameters do not fit, or the profile has no such function.
pub(crate) fn abs(
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::function(spec, witness)?;
    if profile.pointwise.abs == AbsForm::Undefined {
        return Err(ReferenceError::Undefined(
            "abs is not defined by this profile".into(),
        ));
    }
    let (from, to) = (spec.input.qparams, spec.output.qparams);
    let (from_scale, to_scale) = (from.scale as f32, to.scale as f32);
    let fixed = match from_scale == to_scale {
        true => None,
        false => Some(FixedPoint::gemmlowp_of((from_scale / to_scale).into())?),
    };
    let store = Store::new(&spec.output, Relu::None);
    let codes = (0..input.len())
        .map(|i| {
            let steps = (input.data().code(i) - i64::from(from.zero_point)).abs();
            match fixed {
                Some(fixed) => store.fixed(fixed, steps as i32, witness),
                None => {
                    witness.step(Some(steps), steps as f64);
                    store.clamp(steps + i64::from(to.zero_point), witness)
                }
            }
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}
