//! Leaky relu of codes: x where it is at least 0, `slope · x` elsewhere.
//!
//! Sources: TFLite `kernels/activations.cc` (LeakyReluPrepare),
//! `kernels/internal/reference/leaky_relu.h` (QuantizeLeakyRelu); XNNPACK
//! `src/microparams-init.c` (xnn_init_qs8_lrelu_scalar_params), `src/qs8-vlrelu`; ONNX Runtime `contrib_ops/cpu/quantization/qlinear_lookup_table.cc`
//! (QlinearBuildLookupTable), `qlinear_activations.cc` (QLinearLeakyRelu).

use super::ReferenceError;
use super::dequantize::dequantize_value;
use super::fixed_point::FixedPoint;
use super::quantize::quantize_value;
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
    if profile.pointwise.leaky_relu == LeakyReluForm::ThroughReal {
        return through_real(spec, input, profile, witness);
    }
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

/// Each code to its real value and back.
fn through_real(
    spec: &LeakyReluSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let (from, to) = (spec.input, spec.output);
    let slope = spec.slope as f32;
    if from.dtype == DType::I16 {
        return Err(ReferenceError::Undefined(
            "this leaky relu takes codes of 8 bits".into(),
        ));
    }
    if !slope.is_finite() {
        return Err(ReferenceError::Mismatch(format!(
            "the slope {} is not a finite f32",
            spec.slope
        )));
    }
    let range = to.dtype.code_range().expect("8-bit codes");
    let codes = (0..input.len())
        .map(|index| {
            let code = input.data().code(index);
            let x = dequantize_value(profile.dequantize.body, from.dtype, code, from.qparams);
            let y = if x >= 0.0 { x } else { slope * x };
            quantize_value(&profile.quantize, y, to.qparams, range, index, witness)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(to.dtype, codes);
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
        LeakyReluForm::Undefined | LeakyReluForm::ThroughReal => Err(ReferenceError::Undefined(
            "leaky relu is not defined by this profile".into(),
        )),
    }
}
