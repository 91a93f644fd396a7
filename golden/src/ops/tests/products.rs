//! Sums of products, against values worked out by hand.

use super::*;
use crate::profile::{Accumulation, Outliers, PaddingTap, SignedActivation, SignedLinear};
use crate::spec::{Activation, BiasKind, ConvSpec, Granularity, LinearSpec, Output, Relu};
use crate::witness::Event;

fn linear_spec(activation: Quantized, k: usize, weight_zero_point: i32) -> LinearSpec {
    LinearSpec {
        m: 1,
        n: 1,
        k,
        activation: Activation::Quantized(activation),
        weights: Granularity::PerTensor(qparams(0.5, weight_zero_point)),
        bias: BiasKind::None,
        output: Output::Sums,
        relu: Relu::None,
    }
}

fn weights(shape: &[usize], codes: &[i8]) -> Constants {
    Constants {
        weights: Some(Tensor::new(shape, Data::I8(codes.to_vec())).unwrap()),
        bias: None,
    }
}

fn linear(profile: &Profile, activation: Quantized, a: Data, w: &[i8], zw: i32) -> (i32, Witness) {
    let mut witness = Witness::default();
    let spec = linear_spec(activation, w.len(), zw);
    let constants = weights(&[1, w.len()], w);
    let sums = run(
        OpSpec::Linear(spec),
        constants,
        vec![a],
        profile,
        &mut witness,
    );
    let Data::I32(sums) = sums else {
        panic!("sums are s32")
    };
    (sums[0], witness)
}

fn with(accumulation: Accumulation) -> Profile {
    let mut profile = profile("exact");
    profile.accumulate.linear = accumulation;
    profile.accumulate.conv = accumulation;
    profile
}

const U8: Quantized = Quantized {
    dtype: DType::U8,
    qparams: QParams {
        scale: 1.0,
        zero_point: 0,
    },
};
const S8: Quantized = Quantized {
    dtype: DType::I8,
    qparams: QParams {
        scale: 1.0,
        zero_point: 0,
    },
};

#[test]
fn zero_points_are_taken_off_both_sides() {
    let activation = quantized(DType::U8, 1.0, 2);
    let (sum, witness) = linear(
        &profile("exact"),
        activation,
        Data::U8(vec![3, 5]),
        &[-1, 4],
        1,
    );
    assert_eq!(sum, -2 + 3 * 3);
    assert_eq!(witness.events.count(Event::WeightZeroPoint), 1);
}

#[test]
fn a_pair_beyond_i16_saturates_where_the_rule_says_so() {
    let a = || Data::U8(vec![255; 3]);
    let (exact, witness) = linear(&with(Accumulation::Exact), U8, a(), &[127; 3], 0);
    assert_eq!(exact, 3 * 255 * 127);
    assert_eq!(
        witness.events.count(Event::PairSaturated),
        1,
        "told under exact sums too"
    );
    let (pairs, witness) = linear(&with(Accumulation::PairsI16), U8, a(), &[127; 3], 0);
    assert_eq!(pairs, 32767 + 255 * 127);
    assert_eq!(witness.events.count(Event::PairSaturated), 1);
    let (low, _) = linear(&with(Accumulation::PairsI16), U8, a(), &[-128; 3], 0);
    assert_eq!(low, -32768 - 255 * 128);
}

#[test]
fn pairs_just_inside_i16_are_exact() {
    // 2·129·127 = 32766 and −2·128·128 = −32768 fit; one more does not.
    let (sum, witness) = linear(
        &with(Accumulation::PairsI16),
        U8,
        Data::U8(vec![129, 129]),
        &[127, 127],
        0,
    );
    assert_eq!(
        (sum, witness.events.count(Event::PairSaturated)),
        (32766, 0)
    );
    let (sum, witness) = linear(
        &with(Accumulation::PairsI16),
        U8,
        Data::U8(vec![128, 128]),
        &[-128, -128],
        0,
    );
    assert_eq!(
        (sum, witness.events.count(Event::PairSaturated)),
        (-32768, 0)
    );
    let (sum, witness) = linear(
        &with(Accumulation::PairsI16),
        U8,
        Data::U8(vec![129, 128]),
        &[-128, -128],
        0,
    );
    assert_eq!(
        (sum, witness.events.count(Event::PairSaturated)),
        (-32768, 1)
    );
}

#[test]
fn sums_of_pairs_saturate_until_they_are_spilled() {
    let a = || Data::U8(vec![255; 258]);
    let (sum, witness) = linear(
        &with(Accumulation::SumsI16Spill256),
        U8,
        a(),
        &[127; 258],
        0,
    );
    assert_eq!(sum, 2 * 32767);
    assert_eq!(witness.events.count(Event::SumSaturated), 127);
    let (sum, _) = linear(
        &with(Accumulation::SumsI16Spill128),
        U8,
        a(),
        &[127; 258],
        0,
    );
    assert_eq!(sum, 3 * 32767);
}

#[test]
fn outliers_are_multiplied_exactly() {
    let mut profile = with(Accumulation::SumsI16Spill256);
    profile.accumulate.outliers = Outliers::SplitBeyond7Bits;
    let a = || Data::U8(vec![255; 4]);
    assert_eq!(linear(&profile, U8, a(), &[127; 4], 0).0, 4 * 255 * 127);
    // 63 and −64 are no outliers: two pairs of 32130 leave i16, −32640 twice as well.
    assert_eq!(linear(&profile, U8, a(), &[63; 4], 0).0, 32767);
    assert_eq!(linear(&profile, U8, a(), &[-64; 4], 0).0, -32768);
    assert_eq!(linear(&profile, U8, a(), &[64; 4], 0).0, 4 * 255 * 64);
}

#[test]
fn signed_activations_saturate_on_the_codes_that_the_instruction_sees() {
    let mut profile = with(Accumulation::PairsI16);
    let a = || Data::I8(vec![127; 2]);
    profile.accumulate.signed_activation = SignedActivation::Direct;
    assert_eq!(linear(&profile, S8, a(), &[127; 2], 0).0, 2 * 127 * 127);
    profile.accumulate.signed_activation = SignedActivation::Shifted128;
    assert_eq!(linear(&profile, S8, a(), &[127; 2], 0).0, 32767 - 128 * 254);
}

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

#[test]
fn signed_linear_saturates_only_at_a_zero_point_of_0() {
    let mut profile = with(Accumulation::PairsI16);
    profile.accumulate.signed_linear = SignedLinear::Shifted128AtZeroPoint0;
    let a = || Data::I8(vec![127; 2]);
    assert_eq!(linear(&profile, S8, a(), &[127; 2], 0).0, 32767 - 128 * 254);
    let shifted = quantized(DType::I8, 1.0, -64);
    assert_eq!(
        linear(&profile, shifted, a(), &[127; 2], 0).0,
        2 * 191 * 127
    );
    let pair = Data::I8(vec![63, 0]);
    let (sum, _) = linear(&profile, shifted, pair, &[127; 2], 0);
    assert_eq!(sum, (63 + 64) * 127 + 64 * 127);
    // Codes of u8 saturate whatever their zero point.
    let unsigned = quantized(DType::U8, 1.0, 7);
    let codes = Data::U8(vec![255; 2]);
    assert_eq!(
        linear(&profile, unsigned, codes, &[127; 2], 0).0,
        32767 - 7 * 254
    );
}

/// As oneDNN 3.2 and PyTorch 2.15's oneDNN were seen to sum on AVX2.
#[test]
fn long_rows_restart_pairs_in_the_middle_under_that_rule() {
    let profile = with(Accumulation::PairsI16InHalves);
    let sum = |k: usize| linear(&profile, U8, Data::U8(vec![255; k]), &vec![127; k], 0).0;
    let (pair, one) = (32767, 255 * 127);
    assert_eq!(sum(255), 127 * pair + one);
    // 129 and 128: the middle one is on its own.
    assert_eq!(sum(257), 128 * pair + one);
    assert_eq!(sum(258), 128 * pair + 2 * one, "129 and 129");
    assert_eq!(sum(260), 130 * pair, "130 and 130");
    assert_eq!(sum(766), 382 * pair + 2 * one, "383 and 383");
    assert_eq!(sum(770), 385 * pair, "blocks of even length");
    // A weight zero point counts for what is there alone.
    let (shifted, _) = linear(&profile, U8, Data::U8(vec![1; 258]), &[3; 258], 1);
    assert_eq!(shifted, 258 * 2);
}

#[test]
fn min_times_min_is_exact_and_told() {
    for signed in [SignedActivation::Direct, SignedActivation::Shifted128] {
        let mut profile = with(Accumulation::Exact);
        profile.accumulate.signed_activation = signed;
        let (sum, witness) = linear(&profile, S8, Data::I8(vec![-128; 3]), &[-128, 1, -128], 0);
        assert_eq!(sum, 2 * 16384 - 128);
        assert_eq!(witness.events.count(Event::MinTimesMin), 2);
    }
}

#[test]
fn sums_wrap_at_32_bits() {
    let k = 70_000;
    let (sum, _) = linear(
        &profile("exact"),
        U8,
        Data::U8(vec![255; k]),
        &vec![127; k],
        0,
    );
    assert_eq!(i64::from(sum), 255 * 127 * k as i64 - (1 << 32));
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

#[test]
fn bias_and_relu_act_on_sums() {
    let mut spec = linear_spec(U8, 1, 0);
    (spec.m, spec.bias, spec.relu) = (2, BiasKind::I32, Relu::Zero);
    let mut constants = weights(&[1, 1], &[-3]);
    constants.bias = Some(Tensor::new([1], Data::I32(vec![10])).unwrap());
    let mut witness = Witness::with_steps();
    let sums = run(
        OpSpec::Linear(spec),
        constants,
        vec![Data::U8(vec![2, 5])],
        &profile("exact"),
        &mut witness,
    );
    assert_eq!(sums, Data::I32(vec![4, 0]));
    assert_eq!(witness.events.count(Event::ReluClamped), 1);
    assert_eq!(witness.steps.unwrap()[1].accumulator, Some(-5));
}

#[test]
fn ill_fitting_tensors_are_one_clear_line() {
    let spec = linear_spec(U8, 2, 0);
    let mut problem = Problem {
        op: OpSpec::Linear(spec),
        constants: weights(&[1, 3], &[1; 3]),
        inputs: vec![Tensor::new([1, 2], Data::U8(vec![1, 2])).unwrap()],
    };
    let exact = profile("exact");
    let error = |problem: &Problem| {
        reference(problem, &exact, &mut Witness::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(&problem),
        "weights have shape [1, 3], the spec asks for [1, 2]"
    );
    problem.inputs.clear();
    assert_eq!(error(&problem), "0 inputs were given, the op takes 1");
}
