//! Relu on codes: nothing below the zero point, which is the code of 0.

use super::ReferenceError;
use crate::spec::ReluSpec;
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// `max(q, zero_point)`, parameters unchanged.
///
/// # Errors
/// When the type or the parameters do not fit.
pub(crate) fn relu(
    spec: &ReluSpec,
    input: &Tensor,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::codes("the tensor", &spec.tensor)?;
    let zero_point = spec.tensor.qparams.zero_point;
    witness.zero_point(spec.tensor.dtype, zero_point);
    let codes = (0..input.len())
        .map(|i| {
            let code = input.data().code(i);
            let clamped = code < i64::from(zero_point);
            witness.events.hit_if(Event::ReluClamped, clamped);
            witness.step(Some(code), code as f64);
            if clamped { i64::from(zero_point) } else { code }
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.tensor.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}
