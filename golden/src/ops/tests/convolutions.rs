//! Sums of convolutions: in groups, depthwise, at padding and with signed codes, against values
//! worked out by hand.

use super::products::{S8, weights, with};
use super::*;
use crate::profile::{Accumulation, PaddingTap, SignedActivation};
use crate::spec::{BiasKind, ConvSpec, Granularity, Output, Relu};
use crate::witness::Event;

/// oneDNN 3.2 was seen to give these with ONEDNN_MAX_CPU_ISA=AVX2: -2 · 2 · 2, -94 · -4 · 2; and
/// at a zero point of -64, (63 + 64) · 127 + 64 · 127 in linear.
#[test]
fn weights_of_signed_convolutions_are_halved_to_even_and_sums_doubled() {
    let profile = profile("onednn-3-jit-avx2");
    let sum = |x: i8, w: i8, groups: usize, zero_point: i32| {
        let spec = ConvSpec {
            in_channels: groups,
            out_channels: groups,
            groups,
            activation: Quantized {
                dtype: DType::I8,
                qparams: qparams(1.0, zero_point),
            },
            ..conv_row(1, 1, 1, 0, 0)
        };
        let constants = weights(&[groups, 1, 1], &vec![w; groups]);
        let inputs = vec![Data::I8(vec![x; groups])];
        match run(
            OpSpec::Conv(spec),
            constants,
            inputs,
            &profile,
            &mut Witness::default(),
        ) {
            Data::I32(sums) => sums[0],
            other => panic!("sums are s32, not {other:?}"),
        }
    };
    for groups in [1, 3] {
        assert_eq!(sum(-2, 3, groups, 0), -8);
        assert_eq!(sum(-94, -9, groups, 0), 752);
        assert_eq!(
            sum(-94, -11, groups, 6),
            2 * -100 * -6,
            "half to even, also below 0"
        );
        assert_eq!(sum(100, 4, groups, 6), 94 * 4, "even weights are exact");
    }
    // In three dimensions depthwise is plain code.
    let spec = ConvSpec {
        input: vec![1; 3],
        in_channels: 2,
        out_channels: 2,
        kernel: vec![1; 3],
        stride: vec![1; 3],
        pad_begin: vec![0; 3],
        pad_end: vec![0; 3],
        dilation: vec![1; 3],
        groups: 2,
        activation: S8,
        ..conv_row(1, 1, 1, 0, 0)
    };
    let constants = weights(&[2, 1, 1, 1, 1], &[-3, 5]);
    let inputs = vec![Data::I8(vec![115, -7])];
    let mut witness = Witness::default();
    let sums = run(
        OpSpec::Conv(spec),
        constants,
        inputs,
        &profile,
        &mut witness,
    );
    assert_eq!(sums, Data::I32(vec![-345, -35]));
    // A whole pair at the ends of its types: no half of a weight saturates.
    let mut pair = with(Accumulation::PairsI16PerTap);
    pair.accumulate.signed_activation = SignedActivation::Shifted128HalvedWeights;
    let spec = || ConvSpec {
        activation: S8,
        ..conv_row(2, 1, 1, 0, 0)
    };
    let inputs = vec![Data::I8(vec![127; 2])];
    let constants = weights(&[1, 1, 2], &[-128; 2]);
    let mut witness = Witness::default();
    let sums = run(OpSpec::Conv(spec()), constants, inputs, &pair, &mut witness);
    assert_eq!(sums, Data::I32(vec![-2 * 127 * 128]));
}

fn conv_row(channels: usize, width: usize, kernel: usize, pad: usize, za: i32) -> ConvSpec {
    ConvSpec {
        batch: 1,
        input: vec![width],
        in_channels: channels,
        out_channels: 1,
        kernel: vec![kernel],
        stride: vec![1],
        pad_begin: vec![pad],
        pad_end: vec![0],
        dilation: vec![1],
        groups: 1,
        activation: quantized(DType::U8, 1.0, za),
        weights: Granularity::PerTensor(qparams(1.0, 0)),
        bias: BiasKind::None,
        output: Output::Sums,
        relu: Relu::None,
    }
}

fn conv(profile: &Profile, spec: ConvSpec, a: Vec<u8>, w: &[i8]) -> (Vec<i32>, Witness) {
    let mut witness = Witness::default();
    let shape = [1, spec.kernel[0], spec.in_channels];
    let constants = weights(&shape, w);
    let data = run(
        OpSpec::Conv(spec),
        constants,
        vec![Data::U8(a)],
        profile,
        &mut witness,
    );
    let Data::I32(sums) = data else {
        panic!("sums are s32")
    };
    (sums, witness)
}

#[test]
fn pairs_restart_at_each_tap_only_under_that_rule() {
    let spec = || conv_row(3, 2, 2, 0, 0);
    let through = conv(
        &with(Accumulation::PairsI16),
        spec(),
        vec![255; 6],
        &[127; 6],
    )
    .0;
    assert_eq!(through, [3 * 32767]);
    let restart = conv(
        &with(Accumulation::PairsI16PerTap),
        spec(),
        vec![255; 6],
        &[127; 6],
    )
    .0;
    assert_eq!(restart, [2 * (32767 + 255 * 127)]);
}

#[test]
fn padding_saturates_like_a_code_unless_it_is_skipped() {
    let spec = || conv_row(1, 1, 2, 1, 255);
    let mut profile = with(Accumulation::PairsI16);
    let (sums, witness) = conv(&profile, spec(), vec![255], &[127; 2]);
    assert_eq!(sums, [32767 - 255 * 254]);
    assert_eq!(witness.events.count(Event::PaddingTap), 1);
    profile.accumulate.padding = PaddingTap::Skipped;
    assert_eq!(conv(&profile, spec(), vec![255], &[127; 2]).0, [0]);
}

/// The middle sum of a depthwise 3 × 3 over 3 × 3 pixels of 255, weights 127.
fn depthwise(channels: usize, pad: usize) -> i32 {
    let spec = ConvSpec {
        input: vec![3, 3],
        in_channels: channels,
        out_channels: channels,
        kernel: vec![3, 3],
        stride: vec![1, 1],
        pad_begin: vec![pad; 2],
        pad_end: vec![pad; 2],
        dilation: vec![1, 1],
        groups: channels,
        ..conv_row(1, 1, 1, 0, 0)
    };
    let (middle, count) = (spec.output_size().iter().product::<usize>() / 2, channels);
    let constants = weights(&[channels, 3, 3, 1], &vec![127; 9 * channels]);
    let data = run(
        OpSpec::Conv(spec),
        constants,
        vec![Data::U8(vec![255; 9 * channels])],
        &profile("fbgemm-vnni"),
        &mut Witness::default(),
    );
    let Data::I32(sums) = data else {
        panic!("sums are s32")
    };
    sums[middle * count]
}

#[test]
fn pairs_saturate_in_depthwise_kernels_only() {
    // Nine products in four pairs and one: the pairs saturate in the kernel for eights.
    assert_eq!(depthwise(8, 1), 4 * 32767 + 255 * 127);
    assert_eq!(
        depthwise(7, 1),
        9 * 255 * 127,
        "no kernel for seven channels"
    );
    assert_eq!(depthwise(8, 0), 9 * 255 * 127, "no kernel without padding");
}

#[test]
fn groups_in_fours_saturate_pairs_and_other_groups_do_not() {
    let sum = |of_group: usize| {
        let spec = ConvSpec {
            input: vec![1],
            in_channels: 2 * of_group,
            out_channels: 2 * of_group,
            kernel: vec![1],
            groups: 2,
            ..conv_row(1, 1, 1, 0, 0)
        };
        let constants = weights(
            &[2 * of_group, 1, of_group],
            &vec![127; 2 * of_group * of_group],
        );
        let data = run(
            OpSpec::Conv(spec),
            constants,
            vec![Data::U8(vec![255; 2 * of_group])],
            &profile("onednn-jit-avx2"),
            &mut Witness::default(),
        );
        let Data::I32(sums) = data else {
            panic!("sums are s32")
        };
        sums[0]
    };
    assert_eq!(sum(4), 2 * 32767);
    assert_eq!(sum(2), 2 * 255 * 127);
}

#[test]
fn a_window_steps_by_stride_and_reaches_by_dilation() {
    let mut spec = conv_row(1, 7, 2, 1, 1);
    (spec.stride, spec.dilation, spec.pad_end) = (vec![3], vec![4], vec![1]);
    // Windows at −1 and 2: positions (−1, 3) and (2, 6).
    let (sums, _) = conv(&profile("exact"), spec, vec![1, 2, 3, 4, 5, 6, 7], &[10, 1]);
    assert_eq!(sums, [3, 2 * 10 + 6]);
}
