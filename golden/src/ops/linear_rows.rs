//! Linear of f32 activations with s8 weights, each row of activations quantized to s8 by its
//! own values at run time.
//!
//! Sources: TFLite `kernels/fully_connected.cc` (EvalHybridDense),
//! `reference/portable_tensor_utils.cc` (PortableSymmetricQuantizeFloats),
//! `optimized/neon_tensor_utils.cc` (NeonAsymmetricQuantizeFloats); XNNPACK
//! `src/xnnpack/quantization.h` (xnn_qd8_asymmetric_quantization_params), `src/qd8-f32-qc8w-gemm`.

use super::ReferenceError;
use super::float_output::FloatScales;
use super::product::{Product, f32_at};
use crate::profile::{Profile, RowQuantization, SumOf};
use crate::spec::{BiasKind, Constants, LinearRowsSpec, Output, Relu};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// Computes a linear op row by row.
///
/// # Errors
/// When constants do not fit the spec, an activation is not finite, or the profile has no such
/// op.
pub(crate) fn linear_rows(
    spec: &LinearRowsSpec,
    constants: &Constants,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let product = Product::new(
        SumOf::Linear,
        constants,
        &[spec.n, spec.k],
        &spec.weights,
        if spec.bias {
            BiasKind::F32
        } else {
            BiasKind::None
        },
        Output::Float,
        Relu::None,
    )?;
    let symmetric = (0..spec.n).all(|n| product.granularity.channel(n).zero_point == 0);
    if product.weight_type != DType::I8 || !symmetric {
        return Err(ReferenceError::Undefined(
            "rows are multiplied with s8 weights of zero point 0 only".into(),
        ));
    }
    let Data::F32(values) = input.data() else {
        unreachable!("inputs were checked to be of the spec's type");
    };
    if values.iter().any(|value| !value.is_finite()) {
        return Err(ReferenceError::Undefined(
            "rows with values that are not finite have no parameters".into(),
        ));
    }
    let mut outputs = Vec::with_capacity(spec.m * spec.n);
    for m in 0..spec.m {
        let values = &values[m * spec.k..][..spec.k];
        let row = Row::of(profile.along.rows, values, spec.symmetric, witness)?;
        for n in 0..spec.n {
            let weights = product.weights_of(n).iter();
            let sum = (weights.zip(&row.codes)).fold(0i32, |sum, (&weight, &code)| {
                sum.wrapping_add(i32::from(weight) * (code - row.zero_point))
            });
            let weight = product.granularity.channel(n).scale;
            let scales = FloatScales::new(&profile.float_output, row.scale.into(), weight);
            let value = scales.apply(sum, product.bias.map(|bias| f32_at(bias, n)));
            witness.step(Some(sum.into()), value.into());
            outputs.push(value);
        }
    }
    Ok(Tensor::new([spec.m, spec.n], Data::F32(outputs)).expect("one value per row and channel"))
}

/// A quantized row.
struct Row {
    codes: Vec<i32>,
    scale: f32,
    zero_point: i32,
}

impl Row {
    fn of(
        rule: RowQuantization,
        values: &[f32],
        symmetric: bool,
        witness: &mut Witness,
    ) -> Result<Self, ReferenceError> {
        let least = values.iter().copied().fold(0f32, f32::min);
        let greatest = values.iter().copied().fold(0f32, f32::max);
        let empty = least == greatest;
        witness.events.hit_if(Event::EmptyRange, empty);
        let quiet = Self {
            codes: vec![0; values.len()],
            scale: 1.0,
            zero_point: 0,
        };
        Ok(match rule {
            RowQuantization::Undefined => {
                return Err(ReferenceError::Undefined(
                    "this profile does not say how rows are quantized".into(),
                ));
            }
            _ if empty => quiet,
            RowQuantization::AsAsked if symmetric => {
                Self::symmetric(values, (-least).max(greatest))
            }
            RowQuantization::AsAsked => Self::away(values, least, greatest),
            RowQuantization::Asymmetric => Self::even(values, least, greatest),
        })
    }

    /// Codes from −127 to 127.
    fn symmetric(values: &[f32], greatest: f32) -> Self {
        let factor = 127.0 / greatest;
        let code = |value: &f32| ((value * factor).round() as i32).clamp(-127, 127);
        Self {
            codes: values.iter().map(code).collect(),
            scale: greatest / 127.0,
            zero_point: 0,
        }
    }

    /// Halves away from zero; the zero point after rounding.
    fn away(values: &[f32], least: f32, greatest: f32) -> Self {
        let scale = f64::from(greatest - least) / 255.0;
        let (below, above) = (f64::from(least) / scale, f64::from(greatest) / scale);
        let zero_point = if 128.0 + below.abs() < 127.0 + above.abs() {
            -128.0 - below
        } else {
            127.0 - above
        };
        let zero_point = (zero_point.round() as i32).clamp(-128, 127);
        let factor = 1.0 / scale as f32;
        let code = |value: &f32| (zero_point + (value * factor).round() as i32).clamp(-128, 127);
        Self {
            codes: values.iter().map(code).collect(),
            scale: scale as f32,
            zero_point,
        }
    }

    /// Halves to even; the zero point after rounding.
    fn even(values: &[f32], least: f32, greatest: f32) -> Self {
        let factor = 255.0 / (greatest - least);
        let (below, above) = (least * factor, greatest * factor);
        let zero_point = if (-128.0 + below) + (127.0 + above) > 0.0 {
            -128.0 - below
        } else {
            127.0 - above
        };
        let zero_point = zero_point.clamp(-128.0, 127.0).round_ties_even() as i32;
        let code = |value: &f32| {
            let steps = (value * factor).round_ties_even() as i32;
            (zero_point + steps).clamp(-128, 127)
        };
        Self {
            codes: values.iter().map(code).collect(),
            scale: 1.0 / factor,
            zero_point,
        }
    }
}
