//! Average pool on codes: the sum of the window's codes inside the image,
//! zero point taken off, scaled once.
//!
//! A window as large as the image is a global average pool.
//!
//! Sources: PyTorch `QuantizedOpKernels.cpp` (qavg_pool2d_nhwc_kernel); QNNPACK
//! `src/average-pooling.c`, `src/global-average-pooling.c` and
//! `src/qnnpack/requantization.h` (qnnp_avgpool_quantize), and PyTorch's fork of
//! them; TFLite `reference/integer_ops/pooling.h` (AveragePool); TOSA's reference
//! model, reference_model/src/quant_util.h (QuantUtil::reciprocal_scale); ONNX Runtime
//! onnxruntime/contrib_ops/cpu/quantization/qlinear_pool.cc (quantize_value); the captures
//! of PyTorch (fbgemm, qnnpack), ONNX Runtime and TOSA.

use super::ReferenceError;
use super::apply_scale::ApplyScale;
use super::fixed_point::FixedPoint;
use super::store::Store;
use super::window::Windows;
use crate::profile::{AvgPoolForm, PoolCount, Profile};
use crate::spec::{PoolSpec, Relu};
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// Averages each window, channel by channel.
///
/// # Errors
/// When shapes, types or parameters do not fit.
pub(crate) fn avg_pool(
    spec: &PoolSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::pool(spec, witness)?;
    let rule = &profile.pointwise;
    let store = Store::new(&spec.output, Relu::None);
    let windows = Windows::new(spec.sliding());
    let whole_window = spec.count_include_pad || rule.avg_pool_count == PoolCount::WholeWindow;
    let (input_scale, output_scale) = (
        spec.activation.qparams.scale as f32,
        spec.output.qparams.scale as f32,
    );
    let ratio = input_scale / output_scale;
    let bounded = [
        AvgPoolForm::ProductMulF32,
        AvgPoolForm::FixedPoint24,
        AvgPoolForm::FixedPoint24Up,
        AvgPoolForm::FixedPoint24OrGlobal,
    ];
    if (bounded.iter()).any(|form| [rule.avg_pool_body, rule.avg_pool_tail].contains(form))
        && !(1.0 / 256.0..256.0).contains(&ratio)
    {
        return Err(ReferenceError::Undefined(format!(
            "this average pool takes a ratio of input to output scale in [2^-8, 2^8), not {ratio}"
        )));
    }
    let divided = [rule.avg_pool_body, rule.avg_pool_tail].contains(&AvgPoolForm::CodesDivided);
    if divided && spec.activation != spec.output {
        return Err(ReferenceError::Undefined(
            "this average pool keeps the input's type, scale and zero point; the output has others"
                .into(),
        ));
    }
    let integers = AvgPoolForm::Reciprocal30;
    if [rule.avg_pool_body, rule.avg_pool_tail].contains(&integers)
        && spec.activation.qparams.scale != spec.output.qparams.scale
    {
        return Err(ReferenceError::Undefined(
            "this average pool keeps the input's scale; the output has another".into(),
        ));
    }
    let body = rule.avg_pool_width.body_of(spec.channels);
    let global = is_global(spec);
    let mut codes = Vec::with_capacity(spec.batch * windows.count() * spec.channels);
    for image in 0..spec.batch {
        for window in 0..windows.count() {
            let positions = windows.positions(window);
            let inside: Vec<_> = positions.iter().flatten().collect();
            witness
                .events
                .add(Event::PaddingTap, (positions.len() - inside.len()) as u64);
            let count = if whole_window {
                positions.len()
            } else {
                inside.len()
            };
            let multiplier = ratio / count as f32;
            let by_product = input_scale / (output_scale * count as f32);
            let zero_points = i64::from(spec.activation.qparams.zero_point) * inside.len() as i64;
            for channel in 0..spec.channels {
                let sum: i64 = (inside.iter())
                    .map(|&&position| {
                        let pixel = image * windows.pixels() + position;
                        input.data().code(pixel * spec.channels + channel)
                    })
                    .sum();
                let codes_sum = sum;
                let sum = sum - zero_points;
                let form = if channel < body {
                    rule.avg_pool_body
                } else {
                    rule.avg_pool_tail
                };
                let index = codes.len();
                codes.push(match form {
                    AvgPoolForm::RealsOrGlobal if !global => {
                        let input_zero = i64::from(spec.activation.qparams.zero_point);
                        let reals = inside.iter().fold(0.0f32, |reals, &&position| {
                            let pixel = image * windows.pixels() + position;
                            let code = input.data().code(pixel * spec.channels + channel);
                            reals + input_scale * (code - input_zero) as f32
                        });
                        let zero_point = spec.output.qparams.zero_point as f32;
                        let code = reals / count as f32 / output_scale + zero_point;
                        store.round(index, Some(sum), code, witness)
                    }
                    AvgPoolForm::MulF32 | AvgPoolForm::RealsOrGlobal => {
                        store.round_then_add(index, Some(sum), sum as f32 * multiplier, witness)
                    }
                    AvgPoolForm::DoubleRecipF32 => {
                        let multiplier = 1.0 / (1.0 / multiplier);
                        store.round_then_add(index, Some(sum), sum as f32 * multiplier, witness)
                    }
                    AvgPoolForm::MulAddF32 => {
                        let zero_point = spec.output.qparams.zero_point as f32;
                        let code = sum as f32 * multiplier + zero_point;
                        store.round(index, Some(sum), code, witness)
                    }
                    AvgPoolForm::FixedPoint24OrGlobal if global => {
                        store.round_then_add(index, Some(sum), sum as f32 * by_product, witness)
                    }
                    AvgPoolForm::ProductMulF32 => {
                        store.round_then_add(index, Some(sum), sum as f32 * by_product, witness)
                    }
                    AvgPoolForm::CodesDivided => {
                        let count = count as i64;
                        witness.step(Some(codes_sum), codes_sum as f64 / count as f64);
                        let tie = 2 * codes_sum.rem_euclid(count) == count;
                        witness.events.hit_if(Event::ExactTie, tie);
                        let half = if codes_sum < 0 {
                            -(count / 2)
                        } else {
                            count / 2
                        };
                        store.clamp((codes_sum + half) / count, witness)
                    }
                    AvgPoolForm::FixedPoint24
                    | AvgPoolForm::FixedPoint24Up
                    | AvgPoolForm::FixedPoint24OrGlobal => {
                        let fixed = match form {
                            AvgPoolForm::FixedPoint24Up => FixedPoint::half_up(by_product),
                            _ => FixedPoint::half_away(by_product),
                        };
                        // The sum is kept in i32.
                        let sum = sum as i32;
                        witness.step(Some(i64::from(sum)), fixed.exact(sum));
                        witness.events.hit_if(Event::ExactTie, fixed.is_tie(sum));
                        witness.near_tie(fixed.exact(sum));
                        let code = fixed.apply(sum) + i64::from(spec.output.qparams.zero_point);
                        store.clamp(code, witness)
                    }
                    AvgPoolForm::Reciprocal30 => {
                        let scale = ApplyScale::reciprocal(count);
                        let zero_point = i64::from(spec.output.qparams.zero_point);
                        witness.step(Some(sum), scale.exact(sum));
                        witness.events.hit_if(
                            Event::ExactTie,
                            2 * sum.rem_euclid(count as i64) == count as i64,
                        );
                        store.clamp(scale.apply(sum) + zero_point, witness)
                    }
                });
            }
        }
    }
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.output_shape(), data).expect("one mean per window and channel"))
}

/// Whether the only window is the image: no position lies outside.
fn is_global(spec: &PoolSpec) -> bool {
    let pads = spec.pad.iter().chain(spec.pad_end());
    spec.kernel == spec.input && pads.into_iter().all(|&pad| pad == 0)
}
