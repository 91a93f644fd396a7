//! The square of the difference of two quantized tensors, element by element.
//!
//! Sources: TFLite `kernels/squared_difference.cc` (Prepare, SquaredDifference).

use super::ReferenceError;
use super::fixed_point::FixedPoint;
use super::store::Store;
use crate::profile::{Profile, SquaredDifferenceForm};
use crate::spec::{BinarySpec, QParams};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Bits that inputs gain before they are brought to one scale.
const LEFT_SHIFT: u32 = 7;

/// (a − b)².
///
/// # Errors
/// When types or parameters do not fit, or the profile has no such op.
pub(crate) fn squared_difference(
    spec: &BinarySpec,
    a: &Tensor,
    b: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::binary(spec, witness)?;
    if profile.pointwise.squared_difference == SquaredDifferenceForm::Undefined {
        return Err(ReferenceError::Undefined(
            "the square of a difference is not defined by this profile".into(),
        ));
    }
    if [spec.a, spec.b, spec.output]
        .iter()
        .any(|tensor| tensor.dtype != DType::I8)
    {
        return Err(ReferenceError::Undefined(
            "the square of a difference is defined of s8 codes only".into(),
        ));
    }
    let (sa, sb) = (spec.a.qparams.scale, spec.b.qparams.scale);
    let twice_max = 2.0 * sa.max(sb);
    let by_a = FixedPoint::gemmlowp_of(sa / twice_max)?;
    let by_b = FixedPoint::gemmlowp_of(sb / twice_max)?;
    let unit = f64::from(1 << (2 * LEFT_SHIFT)) * spec.output.qparams.scale;
    let by_square = FixedPoint::gemmlowp_of(twice_max * twice_max / unit)?;
    let shifted =
        |code: i64, qparams: QParams| ((code - i64::from(qparams.zero_point)) << LEFT_SHIFT) as i32;
    let store = Store::new(&spec.output, spec.relu);
    let codes = (0..a.len())
        .map(|i| {
            let a = by_a.apply(shifted(a.data().code(i), spec.a.qparams));
            let b = by_b.apply(shifted(b.data().code(i), spec.b.qparams));
            // At most (255 · 2^7)², which i32 holds.
            let difference = a - b;
            store.fixed(by_square, (difference * difference) as i32, witness)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per pair of codes"))
}
