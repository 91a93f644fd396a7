//! Leaky relu of codes.
//!
//! Source: PyTorch `QuantizedOpKernels.cpp` (leaky_qrelu_out_kernel).

use super::super::{ReferenceError, through_real};
use crate::profile::Profile;
use crate::spec::LeakyReluSpec;
use crate::tensor::Tensor;
use crate::witness::Witness;

/// Leaky relu of each code.
///
/// # Errors
/// When types, parameters or the slope do not fit, or the profile has no such op.
pub(crate) fn leaky_relu(
    spec: &LeakyReluSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let tensors = [("input", spec.input), ("output", spec.output)];
    through_real::check("leaky relu", profile, &tensors, witness)?;
    let slope = spec.slope as f32;
    if !slope.is_finite() {
        return Err(ReferenceError::Mismatch(format!(
            "the slope {} is not a finite f32",
            spec.slope
        )));
    }
    let function = |x: f32| if x > 0.0 { x } else { x * slope };
    let from_to = (spec.input, spec.output);
    Ok(through_real::map(input, from_to, function, witness))
}
