//! Ops of codes that are computed on real values: what they share is how a code becomes an
//! f32 and how an f32 becomes a code.
//!
//! Source: PyTorch `quantized/cpu/kernels/QuantizedOpKernels.cpp`: each kernel dequantizes,
//! computes in f32 and quantizes. Its vector body dequantizes by a fused multiply-add, its tail
//! by a subtraction first; no captured output tells them apart, and the tail's form stands here.

use super::ReferenceError;
use super::store::Store;
use crate::profile::{Profile, RealOps};
use crate::spec::{QParams, Quantized, Relu};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// Checks that the profile has the op `what` and that its tensors are of 8 bits with possible
/// parameters; counts zero points at an end.
///
/// # Errors
/// Says what is not defined, or which tensor should have what.
pub(crate) fn check(
    what: &str,
    profile: &Profile,
    tensors: &[(&str, Quantized)],
    witness: &mut Witness,
) -> Result<(), ReferenceError> {
    if profile.pointwise.real_ops == RealOps::Undefined {
        return Err(ReferenceError::Undefined(format!(
            "{what} is not defined by this profile"
        )));
    }
    for (name, tensor) in tensors {
        super::check::quantized(name, tensor)?;
        witness.zero_point(tensor.dtype, tensor.qparams.zero_point);
    }
    Ok(())
}

/// The real value of a code, in f32.
pub(crate) fn real(code: i64, qparams: QParams) -> f32 {
    qparams.scale as f32 * (code - i64::from(qparams.zero_point)) as f32
}

/// How real values become codes of one tensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToCode {
    store: Store,
    inverse: f32,
}

impl ToCode {
    /// For this output.
    pub(crate) fn new(output: &Quantized) -> Self {
        Self {
            store: Store::new(output, Relu::None),
            inverse: 1.0 / output.qparams.scale as f32,
        }
    }

    /// The code of `value`, element `index` of the output; `accumulator` is for display.
    pub(crate) fn code(
        &self,
        index: usize,
        accumulator: Option<i64>,
        value: f32,
        witness: &mut Witness,
    ) -> i64 {
        let steps = value * self.inverse;
        self.store
            .round_then_add(index, accumulator, steps, witness)
    }
}

/// `function` of the real value of each code.
pub(crate) fn map(
    input: &Tensor,
    (from, to): (Quantized, Quantized),
    function: impl Fn(f32) -> f32,
    witness: &mut Witness,
) -> Tensor {
    let to_code = ToCode::new(&to);
    let codes = (0..input.len())
        .map(|index| {
            let code = input.data().code(index);
            let value = function(real(code, from.qparams));
            to_code.code(index, Some(code), value, witness)
        })
        .collect::<Vec<_>>();
    Tensor::new(input.shape(), Data::from_codes(to.dtype, codes)).expect("one code per code")
}
