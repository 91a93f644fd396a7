//! L2 normalization of codes: each row over the root of the sum of its squares.
//!
//! Sources: TFLite `kernels/l2norm.cc` (Prepare), `reference/integer_ops/l2normalization.h` and
//! `reference/l2normalization.h` (L2Normalization of int8_t and of uint8_t).

use super::fixed_point::FixedPoint;
use super::store::Store;
use super::{ReferenceError, q31};
use crate::profile::{L2NormalizeForm, Profile};
use crate::spec::{FunctionSpec, QParams, Relu};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Binary places of an output step.
const PLACES: i32 = 7;

/// Each row over its length.
///
/// # Errors
/// When types or parameters do not fit, or the profile has no such op.
pub(crate) fn l2_normalize(
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::function(spec, witness)?;
    if profile.along.l2_normalize == L2NormalizeForm::Undefined {
        return Err(ReferenceError::Undefined(
            "L2 normalization is not defined by this profile".into(),
        ));
    }
    super::check::quantized("input", &spec.input)?;
    let unsigned = spec.output.dtype == DType::U8;
    let zero_point = if unsigned { 128 } else { 0 };
    let wanted = QParams {
        scale: 1.0 / 128.0,
        zero_point,
    };
    if spec.output.qparams != wanted {
        return Err(ReferenceError::Undefined(format!(
            "L2 normalization gives scale 1/128 and zero point {zero_point} only, not scale {} and zero point {}",
            spec.output.qparams.scale, spec.output.qparams.zero_point
        )));
    }
    let row = (spec.shape.last().copied()).ok_or_else(|| {
        ReferenceError::Mismatch("L2 normalization needs at least one dimension".into())
    })?;
    let steps: Vec<i32> = (0..input.len())
        .map(|i| (input.data().code(i) - i64::from(spec.input.qparams.zero_point)) as i32)
        .collect();
    let store = Store::new(&spec.output, Relu::None);
    let mut codes = Vec::with_capacity(steps.len());
    for row in steps.chunks(row.max(1)) {
        let squares = (row.iter()).fold(0i32, |sum, &step| sum.wrapping_add(step * step));
        if squares < 0 {
            return Err(ReferenceError::Undefined(
                "the sum of squares of a row is beyond i32".into(),
            ));
        }
        let (multiplier, power) = q31::inverse_root(squares);
        let fixed = match unsigned {
            true => FixedPoint::gemmlowp(multiplier, power)?,
            false => FixedPoint::gemmlowp(multiplier, power + PLACES)?,
        };
        codes.extend(row.iter().map(|&step| {
            let step = if unsigned { step << PLACES } else { step };
            store.fixed(fixed, step, witness)
        }));
    }
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}
