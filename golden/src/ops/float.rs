//! Ops on f32 between dequantize and quantize, as exported networks have them.
//!
//! Sources: PyTorch aten/src/ATen/native/cpu/AvgPoolKernel.cpp (cpu_avg_pool2d: the sum of a
//! window, row by row, divided by its size); oneDNN src/cpu/x64/jit_avx2_conv_kernel_f32.cpp
//! and jit_avx2_1x1_conv_kernel_f32.cpp for the order of a convolution's sums, seen in captures
//! models/digits-cnn-torch (pt2e_x86inductor: the means after the last convolution) and, for
//! kernels of more than one position, in PyTorch 2.15 with ONEDNN_MAX_CPU_ISA=AVX2.

use super::weight_only::{dot, side_by_side};
use super::window::Windows;
use super::{ReferenceError, check};
use crate::profile::{FloatAccumulation, Profile};
use crate::spec::{Constants, FloatConvSpec, FloatOp, FloatPoolSpec};
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// Computes an op on f32.
///
/// # Errors
/// When shapes or the bias do not fit, or the profile does not define the op.
pub(crate) fn float(
    op: &FloatOp,
    constants: &Constants,
    inputs: &[Tensor],
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let x = f32s(&inputs[0]);
    let values = match op {
        FloatOp::Conv(spec) => conv(spec, constants, (x, f32s(&inputs[1])), profile, witness)?,
        FloatOp::Add { .. } => {
            let pairs = x.iter().zip(f32s(&inputs[1]));
            pairs.map(|(a, b)| a + b).collect()
        }
        FloatOp::Relu { .. } => {
            let relu = |&x: &f32| {
                witness.events.hit_if(Event::ReluClamped, x < 0.0);
                if x < 0.0 { 0.0 } else { x }
            };
            x.iter().map(relu).collect()
        }
        FloatOp::AvgPool(spec) => avg_pool(spec, x),
        FloatOp::Flatten { shape } => flatten(shape, x)?,
        FloatOp::Copy { .. } => x.to_vec(),
    };
    for &value in &values {
        witness.step(None, f64::from(value));
    }
    Ok(Tensor::new(op.output(), Data::F32(values)).expect("one value for each output"))
}

fn conv(
    spec: &FloatConvSpec,
    constants: &Constants,
    (x, w): (&[f32], &[f32]),
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Vec<f32>, ReferenceError> {
    let bias = match &constants.bias {
        None => None,
        bias => Some(check::reals("bias", bias.as_ref(), spec.out_channels)?),
    };
    let group_in = spec.in_channels / spec.groups;
    let group_out = spec.out_channels / spec.groups;
    let windows = Windows::new(spec.sliding());
    let k = windows.taps() * group_in;
    let accumulation = profile.float_output.float_conv;
    let sums = side_by_side(accumulation, spec.out_channels, k)?;
    let together = match accumulation {
        FloatAccumulation::FmaFromBias => CHANNELS,
        _ => group_in.max(1),
    };
    let order = order(windows.taps(), group_in, together);
    let mut values = Vec::with_capacity(spec.batch * windows.count() * spec.out_channels);
    for image in 0..spec.batch {
        for window in 0..windows.count() {
            let positions = windows.positions(window);
            let outside = positions.iter().filter(|p| p.is_none()).count();
            witness.events.add(Event::PaddingTap, outside as u64);
            for (channel, &sums) in sums.iter().enumerate() {
                let first = channel / group_out * group_in;
                // What lies outside the image is 0.
                let at = |&(tap, channel): &(usize, usize)| {
                    positions[tap].map_or(0.0, |position| {
                        let pixel = image * windows.pixels() + position;
                        x[pixel * spec.in_channels + first + channel]
                    })
                };
                let row: Vec<f32> = order.iter().map(at).collect();
                let weights = &w[channel * k..][..k];
                let weights: Vec<f32> = (order.iter())
                    .map(|(tap, channel)| weights[tap * group_in + channel])
                    .collect();
                let bias = bias.map(|bias| bias[channel]);
                values.push(dot(accumulation, sums, &row, &weights, bias));
            }
        }
    }
    Ok(values)
}

/// Channels that oneDNN takes through all kernel positions together: a vector of AVX2.
const CHANNELS: usize = 8;

/// In which order kernel positions and channels are summed, `together` channels at a time.
fn order(taps: usize, channels: usize, together: usize) -> Vec<(usize, usize)> {
    (0..channels)
        .step_by(together)
        .flat_map(|first| {
            let block = first..(first + together).min(channels);
            (0..taps).flat_map(move |tap| block.clone().map(move |channel| (tap, channel)))
        })
        .collect()
}

fn avg_pool(spec: &FloatPoolSpec, x: &[f32]) -> Vec<f32> {
    let windows = Windows::new(spec.sliding());
    let mut values = Vec::with_capacity(spec.batch * windows.count() * spec.channels);
    for image in 0..spec.batch {
        for window in 0..windows.count() {
            let positions = windows.positions(window);
            for channel in 0..spec.channels {
                let inside = positions.iter().flatten();
                let sum = inside.fold(0.0f32, |sum, position| {
                    let pixel = image * windows.pixels() + position;
                    sum + x[pixel * spec.channels + channel]
                });
                values.push(sum / positions.len() as f32);
            }
        }
    }
    values
}

fn flatten(shape: &[usize], x: &[f32]) -> Result<Vec<f32>, ReferenceError> {
    let &[batch, .., channels] = shape else {
        return Err(ReferenceError::Mismatch(format!(
            "flatten takes [batch, spatial.., channels], not {shape:?}"
        )));
    };
    let places = x.len() / (batch * channels).max(1);
    let at = |index: usize| {
        let (image, rest) = (
            index / (places * channels).max(1),
            index % (places * channels).max(1),
        );
        let (channel, place) = (rest / places.max(1), rest % places.max(1));
        x[(image * places + place) * channels + channel]
    };
    Ok((0..x.len()).map(at).collect())
}

fn f32s(tensor: &Tensor) -> &[f32] {
    match tensor.data() {
        Data::F32(values) => values,
        _ => unreachable!("inputs were checked to be f32"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::named;
    use crate::spec::OpSpec;

    const BIG: f32 = 16_777_216.0;

    fn tensor(shape: &[usize], values: Vec<f32>) -> Tensor {
        Tensor::new(shape.to_vec(), Data::F32(values)).unwrap()
    }

    fn values(op: FloatOp, bias: Option<Vec<f32>>, inputs: Vec<Tensor>, profile: &str) -> Vec<f32> {
        let problem = crate::spec::Problem {
            op: OpSpec::Float(op),
            constants: Constants {
                weights: None,
                bias: bias.map(|bias| tensor(&[bias.len()], bias)),
            },
            inputs,
        };
        let profile = &named::find(profile).unwrap().profile;
        let outputs = crate::ops::reference(&problem, profile, &mut Witness::default()).unwrap();
        f32s(&outputs[0]).to_vec()
    }

    fn conv(channels: usize, kernel: usize, groups: usize, pad: usize) -> FloatConvSpec {
        FloatConvSpec {
            batch: 1,
            input: vec![1, 2],
            in_channels: channels,
            out_channels: groups,
            kernel: vec![1, kernel],
            stride: vec![1, 1],
            pad: vec![0, pad],
            dilation: vec![1, 1],
            groups,
        }
    }

    #[test]
    fn eight_channels_go_through_the_kernel_before_the_next() {
        assert_eq!(
            order(2, 3, 3),
            [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
        );
        assert_eq!(
            order(2, 3, 2),
            [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (1, 2)]
        );
        // 2^24 in channel 0 of the first pixel, 1 in its channel 8, −2^24 in channel 0 of the
        // second pixel: the 1 is lost unless both big values come before it.
        let mut x = vec![0.0; 18];
        (x[0], x[8], x[9]) = (BIG, 1.0, -BIG);
        let run = |profile| {
            let inputs = vec![
                tensor(&[1, 1, 2, 9], x.clone()),
                tensor(&[1, 1, 2, 9], vec![1.0; 18]),
            ];
            values(FloatOp::Conv(conv(9, 2, 1, 0)), None, inputs, profile)
        };
        assert_eq!(run("pytorch-decomposed-avx2"), [1.0]);
        assert_eq!(run("fbgemm"), [0.0]);
    }

    #[test]
    fn a_convolution_starts_at_its_bias_or_adds_it() {
        let inputs = || {
            vec![
                tensor(&[1, 1, 2, 1], vec![1.0, 1.0]),
                tensor(&[1, 1, 2, 1], vec![1.0; 2]),
            ]
        };
        let run = |profile| {
            values(
                FloatOp::Conv(conv(1, 2, 1, 0)),
                Some(vec![BIG]),
                inputs(),
                profile,
            )
        };
        assert_eq!(run("pytorch-decomposed-avx2"), [BIG]);
        assert_eq!(run("fbgemm"), [BIG + 2.0]);
    }

    #[test]
    fn groups_do_not_mix_and_padding_is_nothing() {
        let inputs = vec![
            tensor(&[1, 1, 2, 2], vec![1.0, 10.0, 2.0, 20.0]),
            tensor(&[2, 1, 3, 1], vec![1.0, 3.0, 5.0, 1.0, 3.0, 5.0]),
        ];
        let got = values(FloatOp::Conv(conv(2, 3, 2, 1)), None, inputs, "fbgemm");
        assert_eq!(got, [13.0, 130.0, 7.0, 70.0]);
    }

    #[test]
    fn a_mean_is_a_sum_in_order_over_the_count() {
        let spec = FloatPoolSpec {
            batch: 1,
            input: vec![2, 2],
            channels: 1,
            kernel: vec![2, 2],
            stride: vec![2, 2],
        };
        let run = |x: [f32; 4]| {
            let x = tensor(&[1, 2, 2, 1], x.to_vec());
            values(FloatOp::AvgPool(spec.clone()), None, vec![x], "fbgemm")
        };
        assert_eq!(run([BIG, 1.0, 1.0, 0.0]), [BIG / 4.0]);
        assert_eq!(run([1.0, 1.0, BIG, 0.0]), [(BIG + 2.0) / 4.0]);
    }

    #[test]
    fn flattened_values_have_channels_slowest() {
        let x = tensor(&[1, 1, 2, 2], vec![1.0, 10.0, 2.0, 20.0]);
        let shape = x.shape().to_vec();
        let got = values(FloatOp::Flatten { shape }, None, vec![x], "fbgemm");
        assert_eq!(got, [1.0, 2.0, 10.0, 20.0]);
    }

    #[test]
    fn relu_keeps_what_is_not_negative() {
        let x = tensor(&[3], vec![-1.0, 0.5, f32::NAN]);
        let got = values(FloatOp::Relu { shape: vec![3] }, None, vec![x], "fbgemm");
        assert_eq!(got[..2], [0.0, 0.5]);
        assert!(got[2].is_nan());
    }
}
