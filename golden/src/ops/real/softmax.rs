//! Softmax of codes along an axis.
//!
//! Source: PyTorch `native/quantized/cpu/SoftMax.cpp` (softmax of a dequantized tensor) and
//! `native/cpu/SoftMaxKernel.cpp`. In which order f32 sums run depends on the axis and the
//! instruction set; here a sum runs in f64 and is rounded once. expf is correctly rounded.

use super::super::through_real::{self, ToCode, real};
use super::super::transcendental::exp_f32;
use super::super::{ReferenceError, check};
use crate::profile::Profile;
use crate::spec::SoftmaxSpec;
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// e^(x − greatest x) over the sum of all such along the axis.
///
/// # Errors
/// When shapes, types or parameters do not fit, or the profile has no such op.
pub(crate) fn softmax(
    spec: &SoftmaxSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let tensors = [("input", spec.input), ("output", spec.output)];
    through_real::check("softmax", profile, &tensors, witness)?;
    check::axis(spec.axis, &spec.shape)?;
    if spec.beta != 1.0 {
        return Err(ReferenceError::Undefined(
            "this softmax multiplies with no beta but 1".into(),
        ));
    }
    let len = spec.shape[spec.axis];
    let inner: usize = spec.shape[spec.axis + 1..].iter().product();
    let to_code = ToCode::new(&spec.output);
    let mut codes = vec![0; input.len()];
    let starts = (0..input.len()).filter(|index| (index / inner).is_multiple_of(len));
    for start in starts {
        let row = || (0..len).map(|step| start + step * inner);
        let values: Vec<f32> = row()
            .map(|index| real(input.data().code(index), spec.input.qparams))
            .collect();
        let greatest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exps: Vec<f32> = values.iter().map(|x| exp_f32(x - greatest)).collect();
        let sum = exps.iter().map(|&e| f64::from(e)).sum::<f64>() as f32;
        for (index, e) in row().zip(&exps) {
            let code = input.data().code(index);
            codes[index] = to_code.code(index, Some(code), e / sum, witness);
        }
    }
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}
