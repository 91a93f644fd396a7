//! The mean over the last dimensions of codes.
//!
//! Source: PyTorch `QuantizedOpKernels.cpp` (qmean_inner_dim_kernel): the sum of codes is
//! exact, and no scale is needed, because the output keeps the input's parameters.

use super::super::store::Store;
use super::super::{ReferenceError, through_real};
use crate::profile::Profile;
use crate::spec::{ReduceSpec, Relu};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// f32(Σ q) ⊘ count, half to even.
///
/// # Errors
/// When types or parameters do not fit, the dimensions are not the last ones, the output has
/// other parameters than the input, or the profile has no such op.
pub(crate) fn mean(
    spec: &ReduceSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let tensors = [("input", spec.input), ("output", spec.output)];
    through_real::check("mean", profile, &tensors, witness)?;
    let dims = spec.shape.len();
    if spec.axes.is_empty() || spec.axes.len() > dims {
        return Err(ReferenceError::Mismatch(format!(
            "shape {:?} has no dimensions {:?}",
            spec.shape, spec.axes
        )));
    }
    if !spec.axes.iter().copied().eq(dims - spec.axes.len()..dims) {
        return Err(ReferenceError::Undefined(format!(
            "this mean runs over the last dimensions, ascending, not over {:?} of {:?}",
            spec.axes, spec.shape
        )));
    }
    if spec.input != spec.output {
        return Err(ReferenceError::Undefined(
            "this mean keeps the input's type, scale and zero point; the output has others".into(),
        ));
    }
    let count: usize = spec.axes.iter().map(|&axis| spec.shape[axis]).product();
    if count == 0 {
        return Err(ReferenceError::Mismatch(format!(
            "there is no mean of no values: {:?} over {:?}",
            spec.shape, spec.axes
        )));
    }
    let store = Store::new(&spec.output, Relu::None);
    let codes = (0..input.len() / count)
        .map(|index| {
            let row = index * count..(index + 1) * count;
            let sum: i64 = row.map(|i| input.data().code(i)).sum();
            // The zero point is part of the codes that are summed.
            store.round(index, Some(sum), sum as f32 / count as f32, witness)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.output_shape(), data).expect("one mean per row"))
}
