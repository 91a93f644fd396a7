//! x · (1 + erf(x / √2)) / 2 of codes.
//!
//! Source: PyTorch `native/quantized/cpu/qgelu.cpp` (gelu of a dequantized tensor, quantized
//! with the input's parameters). Libraries differ in the last bits of erf; here the function
//! is rounded to f32 once, from about 50 bits.

use super::transcendental::normal_cdf;
use super::{ReferenceError, through_real};
use crate::profile::Profile;
use crate::spec::FunctionSpec;
use crate::tensor::Tensor;
use crate::witness::Witness;

/// x times the share of the normal distribution below x, of each code.
///
/// # Errors
/// When types or parameters do not fit, or the profile has no such op.
pub(crate) fn gelu(
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let tensors = [("input", spec.input), ("output", spec.output)];
    through_real::check("gelu", profile, &tensors, witness)?;
    let function = |x: f32| (f64::from(x) * normal_cdf(f64::from(x))) as f32;
    let from_to = (spec.input, spec.output);
    Ok(through_real::map(input, from_to, function, witness))
}
