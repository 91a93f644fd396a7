//! The exponential linear unit of codes.
//!
//! Source: PyTorch `QuantizedOpKernels.cpp` (qelu_kernel), scale and input scale 1. Libraries
//! differ in the last bits of expf; here it is correctly rounded.

use super::super::transcendental::exp_f32;
use super::super::{ReferenceError, through_real};
use crate::profile::Profile;
use crate::spec::EluSpec;
use crate::tensor::Tensor;
use crate::witness::Witness;

/// x or (e^x − 1) · alpha, of each code.
///
/// # Errors
/// When types, parameters or alpha do not fit, or the profile has no such op.
pub(crate) fn elu(
    spec: &EluSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let tensors = [("input", spec.input), ("output", spec.output)];
    through_real::check("elu", profile, &tensors, witness)?;
    let alpha = spec.alpha as f32;
    if !alpha.is_finite() {
        return Err(ReferenceError::Mismatch(format!(
            "alpha {} is not a finite f32",
            spec.alpha
        )));
    }
    let function = |x: f32| {
        if x < 0.0 {
            (exp_f32(x) - 1.0) * alpha
        } else {
            x
        }
    };
    let from_to = (spec.input, spec.output);
    Ok(through_real::map(input, from_to, function, witness))
}
