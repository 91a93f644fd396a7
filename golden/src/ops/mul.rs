//! Multiplication of two quantized tensors, element by element.
//!
//! Sources: PyTorch `QuantizedOpKernels.cpp` (qmul_kernel); ONNX Runtime MLAS
//! `qlmul.cpp`; XNNPACK `src/microparams-init.c`
//! (xnn_init_qs8_mul_minmax_scalar_params); TFLite `reference/integer_ops/mul.h`
//! (MulElementwise). On captured layers all forms agree; that ONNX Runtime adds the zero point
//! before it rounds shows at exact ties under an odd zero point.

use super::ReferenceError;
use super::fixed_point::fixed_point;
use super::store::Store;
use crate::profile::{MulForm, Profile, Scaling};
use crate::spec::BinarySpec;
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// Multiplies `a` and `b`.
///
/// # Errors
/// When types or parameters do not fit, or the profile's fixed point cannot hold the multiplier.
pub(crate) fn mul(
    spec: &BinarySpec,
    a: &Tensor,
    b: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::binary(spec, witness)?;
    let store = Store::new(&spec.output, spec.relu);
    let (za, zb) = (spec.a.qparams.zero_point, spec.b.qparams.zero_point);
    let (sa, sb) = (spec.a.qparams.scale, spec.b.qparams.scale);
    let so = spec.output.qparams.scale;
    let fixed = match profile.pointwise.mul {
        // Scales are f32 in TFLite, and so is what is made of them here.
        MulForm::Gemmlowp => {
            let multiplier = sa as f32 * sb as f32 / so as f32;
            fixed_point(Scaling::Q31SrdhmRdbpot, multiplier.into())?
        }
        _ => None,
    };
    let products = (0..a.len())
        .map(|i| {
            let a = a.data().code(i) - i64::from(za);
            let b = b.data().code(i) - i64::from(zb);
            let product = a * b;
            let steps = match profile.pointwise.mul {
                MulForm::Gemmlowp => {
                    let fixed = fixed.expect("made for this form");
                    witness.step(Some(product), fixed.exact(product as i32));
                    let tie = fixed.is_tie(product as i32);
                    witness.events.hit_if(Event::ExactTie, tie);
                    let zero_point = i64::from(spec.output.qparams.zero_point);
                    return store.clamp(fixed.apply(product as i32) + zero_point, witness);
                }
                MulForm::IntegerProduct => {
                    product as f32 * (sa as f32 * sb as f32 * (1.0 / so as f32))
                }
                MulForm::DequantizeDiv => {
                    (sa as f32 * a as f32) * (sb as f32 * b as f32) / so as f32
                }
                MulForm::IntegerProductDiv => product as f32 * (sa * sb / so) as f32,
                MulForm::IntegerProductDivF32 | MulForm::IntegerProductDivAdd => {
                    product as f32 * (sa as f32 * sb as f32 / so as f32)
                }
            };
            if profile.pointwise.mul == MulForm::IntegerProductDivAdd {
                let code = steps + spec.output.qparams.zero_point as f32;
                store.round(i, Some(product), code, witness)
            } else {
                store.round_then_add(i, Some(product), steps, witness)
            }
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, products);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one product per pair of codes"))
}
