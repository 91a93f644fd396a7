//! The greater and the lesser of two codes. Systems compare codes as they are: both tensors and
//! the output share scale and zero point, or the result means nothing.
//!
//! Sources: TFLite `kernels/maximum_minimum.cc`.

use super::ReferenceError;
use crate::spec::CodePairSpec;
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extreme {
    /// the greater
    Maximum,
    /// the lesser
    Minimum,
}

/// One of each two codes.
///
/// # Errors
/// When the type is not of 8 bits or s16.
pub(crate) fn code_pair(
    which: Extreme,
    spec: &CodePairSpec,
    a: &Tensor,
    b: &Tensor,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    if !matches!(spec.dtype, DType::U8 | DType::I8 | DType::I16) {
        return Err(ReferenceError::Undefined(format!(
            "the greater of {} codes is not defined here; of u8, s8 and s16 it is",
            spec.dtype.name()
        )));
    }
    let codes = (0..a.len())
        .map(|i| {
            let (a, b) = (a.data().code(i), b.data().code(i));
            let code = match which {
                Extreme::Maximum => a.max(b),
                Extreme::Minimum => a.min(b),
            };
            witness.step(Some(code), code as f64);
            code
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per pair of codes"))
}
