//! Leaky relu of codes: x where it is at least 0, `slope · x` elsewhere.
//!
//! Sources: TFLite `kernels/activations.cc` (LeakyReluPrepare),
//! `kernels/internal/reference/leaky_relu.h` (QuantizeLeakyRelu); XNNPACK
//! `src/microparams-init.c` (xnn_init_qs8_lrelu_scalar_params), `src/qs8-vlrelu`.

use super::ReferenceError;
use super::fixed_point::FixedPoint;
use super::store::Store;
use crate::profile::{LeakyReluForm, Profile};
use crate::spec::{LeakyReluSpec, Relu};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Leaky relu of each code.
///
/// # Errors
/// When types or parameters do not fit, or the profile's fixed point does not hold the ratio of
/// scales.
pub(crate) fn leaky_relu(
    spec: &LeakyReluSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::one_type(&spec.input, &spec.output, witness)?;
    if !(spec.slope.is_finite() && spec.slope > 0.0) {
        return Err(ReferenceError::Mismatch(format!(
            "slope {} is not finite and positive",
            spec.slope
        )));
    }
    let (above, below) = multipliers(spec, profile.pointwise.leaky_relu)?;
    let store = Store::new(&spec.output, Relu::None);
    let codes = (0..input.len())
        .map(|i| {
            let steps = input.data().code(i) - i64::from(spec.input.qparams.zero_point);
            let fixed = if steps >= 0 { above } else { below };
            store.fixed(fixed, steps as i32, witness)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}

/// What steps at or above the zero point, and below it, are multiplied with.
fn multipliers(
    spec: &LeakyReluSpec,
    form: LeakyReluForm,
) -> Result<(FixedPoint, FixedPoint), ReferenceError> {
    let (from, to) = (
        spec.input.qparams.scale as f32,
        spec.output.qparams.scale as f32,
    );
    let slope = spec.slope as f32;
    match form {
        LeakyReluForm::Gemmlowp => Ok((
            FixedPoint::gemmlowp_of((from / to).into())?,
            FixedPoint::gemmlowp_of((from * slope / to).into())?,
        )),
        LeakyReluForm::Fixed8Up if spec.input.dtype == DType::I16 => Err(
            ReferenceError::Undefined("this leaky relu takes codes of 8 bits".into()),
        ),
        LeakyReluForm::Fixed8Up => {
            let ratios = [from / to, from / to * slope];
            if let Some(ratio) = (ratios.iter()).find(|r| !(1.0 / 256.0..=128.0).contains(*r)) {
                return Err(ReferenceError::Undefined(format!(
                    "this leaky relu takes ratios of input to output scale in [2^-8, 2^7], not {ratio}"
                )));
            }
            Ok((
                FixedPoint::eight_places_up(ratios[0]),
                FixedPoint::eight_places_up(ratios[1]),
            ))
        }
        LeakyReluForm::Undefined => Err(ReferenceError::Undefined(
            "leaky relu is not defined by this profile".into(),
        )),
    }
}
