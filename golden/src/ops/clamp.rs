//! Clamp on codes: nothing outside two codes.
//!
//! Sources: QNNPACK `src/clamp.c`, `src/u8clamp/neon.c`; PyTorch
//! `QuantizedOpKernels.cpp` (qclamp_kernel, qrelu6_kernel).

use super::ReferenceError;
use crate::spec::ClampSpec;
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// `min(max(q, low), high)`.
///
/// # Errors
/// When the type is not of 8 or 16 bits, or the bounds are not in order within it.
pub(crate) fn clamp(
    spec: &ClampSpec,
    input: &Tensor,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    if !matches!(spec.dtype, DType::U8 | DType::I8 | DType::I16) {
        return Err(ReferenceError::Undefined(format!(
            "clamp of {} codes is not defined here; u8, s8 and s16 are",
            spec.dtype.name()
        )));
    }
    let (low, high) = (i64::from(spec.low), i64::from(spec.high));
    let (least, greatest) = spec.dtype.code_range().expect("codes have a range");
    if !(least <= low && low <= high && high <= greatest) {
        return Err(ReferenceError::Mismatch(format!(
            "clamp to {low}..={high}: the bounds must be in order within {least}..={greatest}, the codes of {}",
            spec.dtype.name()
        )));
    }
    let codes = (0..input.len())
        .map(|i| {
            let code = input.data().code(i);
            witness.events.hit_if(Event::ClampedLow, code < low);
            witness.events.hit_if(Event::ClampedHigh, code > high);
            witness.step(Some(code), code as f64);
            code.clamp(low, high)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}
