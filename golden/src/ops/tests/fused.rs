//! A fused clamp to two codes, and scalings that differ by kind of op, against
//! values worked out by hand.

use super::*;
use crate::profile::OpScaling;
use crate::spec::{Activation, BiasKind, ConvSpec, Granularity, LinearSpec, Output, Relu};
use crate::witness::Event;

const ONE: Granularity = Granularity::PerTensor(QParams {
    scale: 1.0,
    zero_point: 0,
});

/// One weight of 1: the sums are the codes, and their multiplier is `multiplier`.
fn line(multiplier: f64, relu: Relu) -> LinearSpec {
    LinearSpec {
        m: 5,
        n: 1,
        k: 1,
        activation: Activation::Quantized(quantized(DType::I8, multiplier, 0)),
        weights: ONE,
        bias: BiasKind::None,
        output: Output::Quantized(quantized(DType::I8, 1.0, 1)),
        relu,
    }
}

fn linear(profile: &Profile, spec: LinearSpec, codes: [i8; 5]) -> (Vec<i64>, Witness) {
    let mut witness = Witness::default();
    let constants = Constants {
        weights: Some(Tensor::new([1, 1], Data::I8(vec![1])).unwrap()),
        bias: None,
    };
    let inputs = vec![Data::I8(codes.to_vec())];
    let data = run(
        OpSpec::Linear(spec),
        constants,
        inputs,
        profile,
        &mut witness,
    );
    ((0..data.len()).map(|i| data.code(i)).collect(), witness)
}

#[test]
fn a_clamp_to_two_codes_holds_both_ends_where_the_clamp_is_before_or_after_rounding() {
    let relu = Relu::Codes { low: -2, high: 4 };
    for name in [
        "exact",
        "onednn",
        "xnnpack-fp32",
        "gemmlowp",
        "litert-reference",
    ] {
        let (codes, witness) = linear(&profile(name), line(0.5, relu), [-128, -8, 4, 8, 127]);
        assert_eq!(codes, [-2, -2, 3, 4, 4], "{name}");
        assert_eq!(witness.events.count(Event::ReluClamped), 4, "{name}");
        assert_eq!(witness.events.count(Event::ClampedLow), 0, "{name}");
    }
}

#[test]
fn a_clamp_that_leaves_no_codes_is_refused() {
    let problem = |relu, output| {
        let mut spec = line(0.5, relu);
        spec.output = output;
        Problem {
            op: OpSpec::Linear(spec),
            constants: Constants {
                weights: Some(Tensor::new([1, 1], Data::I8(vec![1])).unwrap()),
                bias: None,
            },
            inputs: vec![Tensor::new([5, 1], Data::I8(vec![0; 5])).unwrap()],
        }
    };
    let error = |relu, output| {
        let problem = problem(relu, output);
        let error = reference(&problem, &profile("exact"), &mut Witness::default());
        error.expect_err("the clamp fits nothing").to_string()
    };
    let codes = Output::Quantized(quantized(DType::I8, 1.0, 1));
    for (low, high) in [(5, 4), (-129, 0), (0, 128)] {
        let error = error(Relu::Codes { low, high }, codes);
        assert_eq!(
            error,
            format!(
                "relu to {low}..={high}: the bounds must be in order within -128..=127, the codes of s8"
            )
        );
    }
    let relu = Relu::Codes { low: 0, high: 6 };
    for output in [Output::Float, Output::Sums] {
        assert!(error(relu, output).contains("needs an output of codes"));
    }
}

#[test]
fn linear_may_be_scaled_in_its_own_way() {
    // A quarter of −6 and 6 is a tie: −1.5 and 1.5.
    let of = |profile: &Profile| linear(profile, line(0.25, Relu::None), [-6, -2, 2, 6, 7]).0;
    let mut profile = profile("litert-reference");
    assert_eq!(of(&profile), [-1, 0, 2, 3, 3], "half away in f64");
    profile.requantize.scaling_linear = OpScaling::Q31SrdhmRshu;
    assert_eq!(of(&profile), [0, 1, 2, 3, 3], "the shift goes up");
    profile.requantize.scaling_linear = OpScaling::Q31SrdhmRdbpot;
    assert_eq!(of(&profile), [-1, 0, 2, 3, 3], "the shift goes away");
    // −3/2: the high multiply rounds up first, so gemmlowp's form differs from f64's there.
    let halves = |profile: &Profile| linear(profile, line(0.5, Relu::None), [-3, -1, 1, 3, 5]).0;
    assert_eq!(halves(&profile), [0, 1, 2, 3, 4]);
    profile.requantize.scaling_linear = OpScaling::MultiplyF64;
    assert_eq!(halves(&profile), [-1, 0, 2, 3, 4]);
}

#[test]
fn depthwise_channels_that_do_not_fill_a_vector_are_scaled_as_the_tail() {
    let of = |channels: usize, groups: usize| {
        let spec = ConvSpec {
            batch: 1,
            input: vec![1],
            in_channels: groups,
            out_channels: channels,
            kernel: vec![1],
            stride: vec![1],
            pad_begin: vec![0],
            pad_end: vec![0],
            dilation: vec![1],
            groups,
            activation: quantized(DType::I8, 0.25, 0),
            weights: ONE,
            bias: BiasKind::None,
            output: Output::Quantized(quantized(DType::I8, 1.0, 0)),
            relu: Relu::None,
        };
        let constants = Constants {
            weights: Some(Tensor::new([channels, 1, 1], Data::I8(vec![1; channels])).unwrap()),
            bias: None,
        };
        let inputs = vec![Data::I8(vec![-6; groups])];
        let mut witness = Witness::default();
        let data = run(
            OpSpec::Conv(spec),
            constants,
            inputs,
            &profile("litert-optimized"),
            &mut witness,
        );
        (0..channels).map(|i| data.code(i)).collect::<Vec<_>>()
    };
    // −1.5 goes up in the body, away in the tail.
    assert_eq!(of(10, 10), [-1, -1, -1, -1, -1, -1, -1, -1, -2, -2]);
    assert_eq!(of(10, 5), [-1, -1, -1, -1, -1, -1, -1, -1, -2, -2]);
    assert_eq!(of(10, 1), [-1; 10], "a convolution that is not depthwise");
}
