//! The reference: every op, plain and scalar, under any profile. It is what
//! "right" means; it shares no code with any kernel.

use crate::profile::Profile;
use crate::spec::{OpSpec, Problem};
use crate::tensor::Tensor;
use crate::witness::Witness;

/// Why the reference cannot compute a problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The tensors do not fit the spec.
    #[error("{0}")]
    Mismatch(String),
    /// The profile does not define this op on these types.
    #[error("{0}")]
    Undefined(String),
}

/// Computes `problem` under `profile`: the outputs that [`OpSpec::outputs`] lists.
///
/// # Errors
/// When tensors do not fit the spec, or the profile does not define the op.
pub fn reference(
    problem: &Problem,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let _ = (profile, witness);
    match &problem.op {
        OpSpec::Quantize(_)
        | OpSpec::Dequantize(_)
        | OpSpec::Requantize(_)
        | OpSpec::ChooseQparams(_)
        | OpSpec::Observe(_)
        | OpSpec::Linear(_)
        | OpSpec::Conv(_)
        | OpSpec::Add(_)
        | OpSpec::Mul(_)
        | OpSpec::Relu(_)
        | OpSpec::AvgPool(_)
        | OpSpec::MaxPool(_) => Err(ReferenceError::Undefined("not written yet".into())),
    }
}
