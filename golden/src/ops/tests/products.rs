//! Sums of products of linear layers, against values worked out by hand.

use super::*;
use crate::profile::{Accumulation, Outliers, SignedActivation, SignedLinear};
use crate::spec::{Activation, BiasKind, Granularity, LinearSpec, Output, Relu};
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

pub(super) fn weights(shape: &[usize], codes: &[i8]) -> Constants {
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

pub(super) fn with(accumulation: Accumulation) -> Profile {
    let mut profile = profile("exact");
    profile.accumulate.linear = accumulation;
    profile.accumulate.conv = accumulation;
    profile
}

pub(super) const U8: Quantized = Quantized {
    dtype: DType::U8,
    qparams: QParams {
        scale: 1.0,
        zero_point: 0,
    },
};
pub(super) const S8: Quantized = Quantized {
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
