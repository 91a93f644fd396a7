//! Products of 16-bit activations: exact sums in i64, and their way to codes.
//! TOSA keeps the sums, in 48 bits.
//!
//! Sources: TFLite `reference/integer_ops/conv.h`, `depthwise_conv.h`
//! (ConvPerChannel and DepthwiseConvPerChannel on int16_t), `fully_connected.h`;
//! `internal/common.cc` (MultiplyByQuantizedMultiplier of int64_t); TOSA specification (CONV2D,
//! TRANSPOSE_CONV2D and MATMUL of i16 with an accumulator of i48).

use super::ReferenceError;
use super::fixed_point::FixedPoint;
use super::landing::{Landing, Steps};
use super::product::Product;
use super::requantize::multiplier_of;
use super::window::Windows;
use crate::profile::{Profile, Scaling, WideScaling};
use crate::spec::{ConvSpec, LinearSpec, Output, QParams, Quantized, Relu};
use crate::tensor::{DType, Data};
use crate::witness::{Event, Witness};

/// Checks activations of 16 bits.
///
/// # Errors
/// When they are not s16, or have a zero point: no captured system has one.
pub(super) fn activations(quantized: &Quantized) -> Result<(), ReferenceError> {
    super::check::qparams("activations", quantized.dtype, quantized.qparams)?;
    if quantized.dtype != DType::I16 || quantized.qparams.zero_point != 0 {
        return Err(ReferenceError::Undefined(format!(
            "activations: {} codes with zero point {} are not defined here; u8, s8, and s16 with zero point 0 are",
            quantized.dtype.name(),
            quantized.qparams.zero_point
        )));
    }
    Ok(())
}

/// The sums of a linear.
pub(super) fn linear(spec: &LinearSpec, product: &Product<'_>, codes: &Data) -> Vec<i64> {
    (0..spec.m)
        .flat_map(|row| {
            (0..spec.n).map(move |channel| dot(product, channel, 0, spec.k, codes, row * spec.k))
        })
        .collect()
}

/// The sums of a convolution; positions outside of the image add nothing.
pub(super) fn conv(
    spec: &ConvSpec,
    windows: &Windows,
    product: &Product<'_>,
    codes: &Data,
    witness: &mut Witness,
) -> Vec<i64> {
    let group_in = spec.in_channels / spec.groups;
    let group_out = spec.out_channels / spec.groups;
    let mut sums = Vec::with_capacity(spec.batch * windows.count() * spec.out_channels);
    for image in 0..spec.batch {
        for window in 0..windows.count() {
            let positions = windows.positions(window);
            let outside = positions.iter().filter(|position| position.is_none());
            witness
                .events
                .add(Event::PaddingTap, outside.count() as u64);
            for channel in 0..spec.out_channels {
                let first = channel / group_out * group_in;
                let inside = positions.iter().enumerate();
                sums.push(
                    inside
                        .filter_map(|(tap, position)| Some((tap, (*position)?)))
                        .map(|(tap, position)| {
                            let pixel = image * windows.pixels() + position;
                            let start = pixel * spec.in_channels + first;
                            dot(product, channel, tap * group_in, group_in, codes, start)
                        })
                        .sum(),
                );
            }
        }
    }
    sums
}

/// Products of `len` weights of `channel` from `from` on with the codes from `start` on.
fn dot(
    product: &Product<'_>,
    channel: usize,
    from: usize,
    len: usize,
    codes: &Data,
    start: usize,
) -> i64 {
    let zero_point = i64::from(product.granularity.channel(channel).zero_point);
    (product.weights_of(channel)[from..from + len].iter())
        .zip(start..)
        .map(|(&weight, at)| (i64::from(weight) - zero_point) * codes.code(at))
        .sum()
}

/// Sums (rows of one value per channel, bias not yet added) to codes, or as they are.
///
/// # Errors
/// When the output is f32, or the profile does not say how such sums are scaled.
pub(super) fn finish(
    product: &Product<'_>,
    sums: Vec<i64>,
    activation: QParams,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Data, ReferenceError> {
    let output = match product.output {
        Output::Quantized(output) => output,
        Output::Sums => return plain_sums(product, sums, witness),
        Output::Float => {
            return Err(ReferenceError::Undefined(
                "products of s16 activations give codes or sums, no f32".into(),
            ));
        }
    };
    let bias = match product.bias {
        None => None,
        Some(Data::I32(bias)) => Some(bias),
        Some(_) => {
            return Err(ReferenceError::Undefined(
                "products of s16 activations take an s32 bias or none".into(),
            ));
        }
    };
    let channels = product.channels;
    let zero_point = i64::from(output.qparams.zero_point);
    let scales: Vec<_> = (0..channels)
        .map(|channel| {
            let rule = profile.requantize.of(product.op, channel, channels);
            let weight = product.granularity.channel(channel).scale;
            let per_channel = product.granularity.is_per_channel();
            let form = rule.multiplier_of(product.op, output.dtype, per_channel);
            let scales = (activation.scale, weight);
            let multiplier = multiplier_of(form, scales, output.qparams.scale);
            let landing = Landing::requantize(&rule, output.dtype, zero_point, product.relu);
            let fixed = match (rule.scaling, rule.scaling_wide) {
                (_, WideScaling::Undefined) => {
                    return Err(ReferenceError::Undefined(
                        "this profile does not say how products of s16 activations are scaled"
                            .into(),
                    ));
                }
                (Scaling::MultiplyF64, _) => None,
                (_, WideScaling::Q15Rshu) => Some(FixedPoint::fifteen_bits_up(multiplier)?),
            };
            Ok((landing, multiplier, fixed))
        })
        .collect::<Result<_, ReferenceError>>()?;
    let codes = (sums.into_iter().enumerate()).map(|(index, sum)| {
        let channel = index % channels;
        let (landing, multiplier, fixed) = &scales[channel];
        let sum = sum.wrapping_add(bias.map_or(0, |bias| i64::from(bias[channel])));
        let Some(fixed) = fixed else {
            let value = sum as f64 * multiplier;
            witness.step(Some(sum), value);
            let single = false;
            return landing.land(index, Steps { value, single }, zero_point, witness);
        };
        witness.step(Some(sum), sum as f64 * multiplier);
        landing.land_integer(fixed.apply_wide(sum), zero_point, witness)
    });
    Ok(Data::from_codes(output.dtype, codes.collect::<Vec<_>>()))
}

/// Sums with their bias.
fn plain_sums(
    product: &Product<'_>,
    mut sums: Vec<i64>,
    witness: &mut Witness,
) -> Result<Data, ReferenceError> {
    if product.relu != Relu::None || matches!(product.bias, Some(Data::F32(_))) {
        return Err(ReferenceError::Undefined(
            "sums of s16 activations take an integer bias or none, and no relu".into(),
        ));
    }
    for (index, sum) in sums.iter_mut().enumerate() {
        let bias = product.bias;
        *sum = sum.wrapping_add(bias.map_or(0, |bias| bias.code(index % product.channels)));
        witness.step(Some(*sum), *sum as f64);
    }
    Ok(Data::I64(sums))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::reference;
    use crate::oracle;
    use crate::profile::named;
    use crate::spec::{Activation, BiasKind, Constants, Granularity, OpSpec, Problem};
    use crate::tensor::Tensor;

    fn s16(scale: f64) -> Quantized {
        Quantized {
            dtype: DType::I16,
            qparams: QParams {
                scale,
                zero_point: 0,
            },
        }
    }

    /// A kernel of one position and one weight of 1 over a line of codes.
    fn conv_of(codes: Vec<i16>, scale: f64, bias: Option<i32>) -> Problem {
        Problem {
            op: OpSpec::Conv(ConvSpec {
                batch: 1,
                input: vec![codes.len()],
                in_channels: 1,
                out_channels: 1,
                kernel: vec![1],
                stride: vec![1],
                pad_begin: vec![0],
                pad_end: vec![0],
                dilation: vec![1],
                groups: 1,
                activation: s16(scale),
                weights: Granularity::PerTensor(QParams {
                    scale: 1.0,
                    zero_point: 0,
                }),
                bias: bias.map_or(BiasKind::None, |_| BiasKind::I32),
                output: Output::Quantized(s16(1.0)),
                relu: Relu::None,
            }),
            constants: Constants {
                weights: Some(Tensor::new([1, 1, 1], Data::I8(vec![1])).unwrap()),
                bias: bias.map(|bias| Tensor::new([1], Data::I32(vec![bias])).unwrap()),
            },
            inputs: vec![Tensor::new([1, codes.len(), 1], Data::I16(codes)).unwrap()],
        }
    }

    fn codes(problem: &Problem, profile: &str) -> Vec<i64> {
        let profile = named::find(profile).unwrap().profile;
        let outputs = reference(problem, &profile, &mut Witness::default()).unwrap();
        (0..outputs[0].len())
            .map(|i| outputs[0].data().code(i))
            .collect()
    }

    #[test]
    fn ties_go_up_in_convolution_and_away_in_linear() {
        let given = vec![-6, -2, 2, 6];
        let conv = conv_of(given.clone(), 0.25, None);
        assert_eq!(codes(&conv, "litert-reference"), [-1, 0, 1, 2]);
        let linear = Problem {
            op: OpSpec::Linear(LinearSpec {
                m: 4,
                n: 1,
                k: 1,
                activation: Activation::Quantized(s16(0.25)),
                weights: Granularity::PerTensor(QParams {
                    scale: 1.0,
                    zero_point: 0,
                }),
                bias: BiasKind::None,
                output: Output::Quantized(s16(1.0)),
                relu: Relu::None,
            }),
            constants: Constants {
                weights: Some(Tensor::new([1, 1], Data::I8(vec![1])).unwrap()),
                bias: None,
            },
            inputs: vec![Tensor::new([4, 1], Data::I16(given)).unwrap()],
        };
        assert_eq!(codes(&linear, "litert-reference"), [-2, -1, 1, 2]);
    }

    #[test]
    fn the_multiplier_keeps_fifteen_bits() {
        // 2/3 as 21845.33 / 2^15 = 21845 / 2^15: 30000 · 21845 / 2^15 = 19999.7.
        let conv = conv_of(vec![30_000, 24_575], 2.0 / 3.0, Some(0));
        assert_eq!(codes(&conv, "litert-reference"), [20_000, 16_383]);
        let mut random = 7u64;
        // LiteRT has its scales in f32.
        for scale in [0.77f32, 1e-3, 3.9e-5, 1.0f32.next_down(), 1.7].map(f64::from) {
            for bias in [0, -123_456_789, i32::MAX] {
                let given: Vec<i16> = (0..40)
                    .map(|_| {
                        random = random
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1);
                        (random >> 48) as i16
                    })
                    .collect();
                let got = codes(
                    &conv_of(given.clone(), scale, Some(bias)),
                    "litert-reference",
                );
                for (&code, got) in given.iter().zip(got) {
                    let sum = i64::from(code) + i64::from(bias);
                    assert_eq!(oracle::fifteen_bits_up(scale, sum, DType::I16), Some(got));
                }
            }
        }
    }

    #[test]
    fn sums_do_not_wrap_in_32_bits() {
        let conv = conv_of(vec![i16::MAX], 2f64.powi(-20), Some(i32::MAX));
        // (2^31 + 32766) / 2^20
        assert_eq!(codes(&conv, "litert-reference"), [2048]);
    }

    #[test]
    fn sums_are_kept_in_more_than_32_bits() {
        let mut conv = conv_of(vec![i16::MAX, -2], 1.0, Some(0));
        let OpSpec::Conv(spec) = &mut conv.op else {
            unreachable!()
        };
        spec.output = Output::Sums;
        let bias = i64::from(i32::MAX) * 100;
        conv.constants = Constants {
            weights: Some(Tensor::new([1, 1, 1], Data::I16(vec![i16::MIN])).unwrap()),
            bias: Some(Tensor::new([1], Data::I64(vec![bias])).unwrap()),
        };
        let product = i64::from(i16::MAX) * i64::from(i16::MIN);
        assert_eq!(codes(&conv, "tosa"), [product + bias, 65_536 + bias]);
        // Activations of 8 bits have no such weights, and no such bias.
        let OpSpec::Conv(spec) = &mut conv.op else {
            unreachable!()
        };
        spec.activation.dtype = DType::I8;
        conv.inputs = vec![Tensor::new([1, 2, 1], Data::I8(vec![1, 2])).unwrap()];
        let error = |conv: &Problem| {
            let found = reference(
                conv,
                &named::find("tosa").unwrap().profile,
                &mut Witness::default(),
            );
            found.unwrap_err().to_string()
        };
        assert!(error(&conv).contains("s64 bias"), "{}", error(&conv));
        conv.constants.bias = Some(Tensor::new([1], Data::I32(vec![1])).unwrap());
        assert!(error(&conv).contains("s16 weights"), "{}", error(&conv));
    }

    #[test]
    fn profiles_without_such_products_and_zero_points_are_refused() {
        let error = |problem: &Problem, profile: &str| {
            let profile = named::find(profile).unwrap().profile;
            let found = reference(problem, &profile, &mut Witness::default());
            found.unwrap_err().to_string()
        };
        let mut conv = conv_of(vec![1], 0.5, None);
        for profile in ["exact", "onnx-reference"] {
            assert!(error(&conv, profile).contains("does not say"), "{profile}");
        }
        let OpSpec::Conv(spec) = &mut conv.op else {
            unreachable!()
        };
        spec.activation.qparams.zero_point = 1;
        assert!(error(&conv, "litert-reference").contains("zero point 1"));
    }
}
