//! 1/√x of codes; the highest code where x is 0.
//!
//! Sources: TFLite `kernels/elementwise.cc` (SetRsqrtOutputMultiplier, RsqrtEvalQuantizedInt8).

use super::fixed_point::FixedPoint;
use super::interpolated::{Interpolated, interpolated};
use super::store::Store;
use super::{ReferenceError, q31};
use crate::profile::{Profile, RsqrtForm};
use crate::spec::{FunctionSpec, Relu};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Binary places in which 1/√(q − z) is kept.
const PLACES: i32 = 20;

/// 1/√x of each code.
///
/// # Errors
/// When types or parameters do not fit, a code stands for a negative number, or the profile has
/// no such function.
pub(crate) fn rsqrt(
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::function(spec, witness)?;
    if spec.input.dtype == DType::I16 {
        return interpolated(Interpolated::Rsqrt, spec, input, profile, witness);
    }
    if profile.pointwise.rsqrt == RsqrtForm::Undefined {
        return Err(ReferenceError::Undefined(
            "1/√x of 8-bit codes is not defined by this profile".into(),
        ));
    }
    let scale =
        f64::from((spec.input.qparams.scale as f32).sqrt() * spec.output.qparams.scale as f32);
    let (multiplier, power) = FixedPoint::gemmlowp_of(1.0 / scale)?.parts();
    let last = FixedPoint::gemmlowp(multiplier as i32, power - PLACES)?;
    let store = Store::new(&spec.output, Relu::None);
    let (_, high) = spec.output.dtype.code_range().expect("8-bit codes");
    let codes = (0..input.len())
        .map(|i| {
            let from_zero = input.data().code(i) - i64::from(spec.input.qparams.zero_point);
            if from_zero < 0 {
                return Err(negative(from_zero));
            }
            if from_zero == 0 {
                witness.step(Some(0), f64::INFINITY);
                return Ok(high);
            }
            let (multiplier, power) = q31::inverse_root(from_zero as i32);
            let root = FixedPoint::gemmlowp(multiplier, power + PLACES)?.apply(1);
            Ok(store.fixed(last, root as i32, witness))
        })
        .collect::<Result<Vec<_>, ReferenceError>>()?;
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}

/// What a code below the zero point gives.
pub(super) fn negative(from_zero: i64) -> ReferenceError {
    ReferenceError::Undefined(format!(
        "1/√x is not defined for the code {from_zero} steps from the zero point"
    ))
}
