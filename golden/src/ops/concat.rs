//! Tensors of codes behind one another, each brought to the output's parameters.
//!
//! Sources: PyTorch `native/quantized/cpu/TensorShape.cpp` (quantized_cat_impl): dequantize,
//! quantize; ONNX Runtime `contrib_ops/cpu/quantization/qlinear_concat.cc` (QLinearConcat),
//! `qlinear_lookup_table.cc` (QlinearBuildLookupTable).

use super::dequantize::dequantize_value;
use super::quantize::quantize_value;
use super::through_real::{self, ToCode, real};
use super::{ReferenceError, check};
use crate::profile::{ConcatForm, Profile};
use crate::spec::{ConcatSpec, Quantized};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// The inputs along the axis, in f32 and by the reciprocal of the output's scale.
///
/// # Errors
/// When shapes, types or parameters do not fit, or the profile has no such op.
pub(crate) fn on_real(
    spec: &ConcatSpec,
    inputs: &[Tensor],
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    through_real::check("concat", profile, &tensors(spec), witness)?;
    let to_code = ToCode::new(&spec.output);
    join(spec, inputs, |index, code, from| {
        let value = real(code, from.qparams);
        to_code.code(index, Some(code), value, witness)
    })
}

/// The inputs along the axis, dequantized and quantized as the profile does it.
///
/// # Errors
/// When shapes, types or parameters do not fit, or the profile has no such op.
pub(crate) fn concat(
    spec: &ConcatSpec,
    inputs: &[Tensor],
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    if profile.pointwise.concat == ConcatForm::Undefined {
        return Err(ReferenceError::Undefined(
            "concat is not defined by this profile".into(),
        ));
    }
    for (name, tensor) in tensors(spec) {
        check::quantized(name, &tensor)?;
        witness.zero_point(tensor.dtype, tensor.qparams.zero_point);
    }
    let to = spec.output;
    if let Some(other) = spec.inputs.iter().find(|input| input.dtype != to.dtype) {
        return Err(ReferenceError::Undefined(format!(
            "this concat joins codes of one type, not {} codes to {} codes",
            other.dtype.name(),
            to.dtype.name()
        )));
    }
    let range = to.dtype.code_range().expect("8-bit codes");
    join(spec, inputs, |index, code, from| {
        if from == to {
            return code;
        }
        let value = dequantize_value(profile.dequantize.body, from.dtype, code, from.qparams);
        quantize_value(&profile.quantize, value, to.qparams, range, index, witness)
    })
}

fn tensors(spec: &ConcatSpec) -> Vec<(&'static str, Quantized)> {
    let inputs = spec.inputs.iter().map(|&tensor| ("input", tensor));
    inputs.chain([("output", spec.output)]).collect()
}

/// The inputs along the axis; `to_code` takes the place in the output, a code and its tensor.
fn join(
    spec: &ConcatSpec,
    inputs: &[Tensor],
    mut to_code: impl FnMut(usize, i64, Quantized) -> i64,
) -> Result<Tensor, ReferenceError> {
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
    let mut codes = Vec::new();
    for block in 0..outer {
        for ((tensor, &from), size) in inputs.iter().zip(&spec.inputs).zip(&spec.sizes) {
            let len = size * inner;
            for index in block * len..(block + 1) * len {
                codes.push(to_code(codes.len(), tensor.data().code(index), from));
            }
        }
    }
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.output_shape(), data).expect("one code per code"))
}
