//! Tensors of codes behind one another, each brought to the output's parameters.
//!
//! Source: PyTorch `native/quantized/cpu/TensorShape.cpp` (quantized_cat_impl): dequantize,
//! quantize.

use super::through_real::{self, ToCode, real};
use super::{ReferenceError, check};
use crate::profile::Profile;
use crate::spec::ConcatSpec;
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// The inputs along the axis.
///
/// # Errors
/// When shapes, types or parameters do not fit, or the profile has no such op.
pub(crate) fn concat(
    spec: &ConcatSpec,
    inputs: &[Tensor],
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let mut tensors: Vec<_> = spec
        .inputs
        .iter()
        .map(|&tensor| ("input", tensor))
        .collect();
    tensors.push(("output", spec.output));
    through_real::check("concat", profile, &tensors, witness)?;
    check::axis(spec.axis, &spec.shape)?;
    if spec.sizes.len() != spec.inputs.len() || spec.inputs.is_empty() {
        return Err(ReferenceError::Mismatch(format!(
            "{} sizes for {} inputs; there must be as many, at least 1",
            spec.sizes.len(),
            spec.inputs.len()
        )));
    }
    let outer: usize = spec.shape[..spec.axis].iter().product();
    let inner: usize = spec.shape[spec.axis + 1..].iter().product();
    let to_code = ToCode::new(&spec.output);
    let mut codes = Vec::new();
    for block in 0..outer {
        for ((tensor, parameters), size) in inputs.iter().zip(&spec.inputs).zip(&spec.sizes) {
            let len = size * inner;
            for index in block * len..(block + 1) * len {
                let code = tensor.data().code(index);
                let value = real(code, parameters.qparams);
                codes.push(to_code.code(codes.len(), Some(code), value, witness));
            }
        }
    }
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.output_shape(), data).expect("one code per code"))
}
