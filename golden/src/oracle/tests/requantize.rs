//! Requantize: the op itself, and what linear and convolution do with a sum.

use proptest::prelude::*;

use super::{all, missed};
use crate::ops::reference;
use crate::ops::requantize::{ChannelBias, Epilogue};
use crate::oracle::{self, SumBias, SumScale};
use crate::profile::named::{self, PROFILES};
use crate::profile::{Bias, Profile, RequantizeRule, Scaling, SumOf};
use crate::spec::{
    Constants, Granularity, OpSpec, Problem, QParams, Quantized, Relu, RequantizeSpec,
};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

fn quantized(dtype: DType, scale: f64, zero_point: i32) -> Quantized {
    Quantized {
        dtype,
        qparams: QParams { scale, zero_point },
    }
}

/// Sums that land on k + ½ for multipliers 2^−n, their neighbours, and the ends of i32.
fn sums() -> Vec<i32> {
    let mut sums: Vec<i32> = (-12..12).collect();
    for n in [2, 9] {
        for k in [-260i32, -129, -128, -2, -1, 0, 1, 126, 127, 254, 255, 300] {
            let tie = (2 * k + 1) << (n - 1);
            sums.extend([tie - 1, tie, tie + 1]);
        }
    }
    sums.extend([i32::MIN, i32::MIN + 1, i32::MAX - 1, i32::MAX, 16_777_217]);
    sums
}

const MULTIPLIERS: [f32; 9] = [
    0.5,
    0.25,
    1.0 / 32.0,
    1.0 / 512.0,
    1.0 / 32768.0,
    0.000_71,
    0.333_333_34,
    1.0,
    3.7,
];

/// The codes of the requantize op; `None` where the profile has none.
fn op_codes(
    profile: &Profile,
    sums: &[i32],
    multiplier: f32,
    output: Quantized,
    relu: bool,
) -> Option<Vec<Option<i64>>> {
    let problem = Problem {
        op: OpSpec::Requantize(RequantizeSpec {
            rows: 1,
            columns: sums.len(),
            dtype: output.dtype,
            zero_point: output.qparams.zero_point,
            multipliers: vec![multiplier],
            relu,
        }),
        constants: Constants::default(),
        inputs: vec![Tensor::new([1, sums.len()], Data::I32(sums.to_vec())).unwrap()],
    };
    let mut witness = Witness::default();
    let outputs = reference(&problem, profile, &mut witness).ok()?;
    let code = |i| (!witness.open.contains(&(0, i))).then(|| outputs[0].data().code(i));
    Some((0..sums.len()).map(code).collect())
}

/// The first sum on which the requantize op and the oracle differ.
fn difference(
    profile: &Profile,
    rule: &RequantizeRule,
    sums: &[i32],
    multiplier: f32,
    output: Quantized,
    relu: bool,
) -> Option<String> {
    let oracle = |sum| {
        let scale = SumScale::Given(multiplier);
        oracle::requantize(rule, sum, scale, SumBias::None, output, relu.into())
    };
    let Some(got) = op_codes(profile, sums, multiplier, output, relu) else {
        return oracle(1).map(|code| format!("{multiplier}: reference none, oracle {code}"));
    };
    (sums.iter().zip(got)).find_map(|(&sum, got)| {
        let expected = oracle(sum);
        (got != expected).then(|| {
            format!("{sum} · {multiplier} ({output:?}): reference {got:?}, oracle {expected:?}")
        })
    })
}

#[test]
fn every_named_profile_on_ties_and_the_ends_of_i32() {
    let sums = sums();
    let mut seen = Vec::new();
    for named in PROFILES {
        let rule = named.profile.requantize;
        if seen.contains(&rule) {
            continue;
        }
        seen.push(rule);
        for (dtype, zero_point) in [
            (DType::U8, 0),
            (DType::U8, 7),
            (DType::U8, 255),
            (DType::I8, -128),
            (DType::I8, 3),
        ] {
            for multiplier in MULTIPLIERS {
                for relu in [false, true] {
                    let output = quantized(dtype, 1.0, zero_point);
                    let profile = named.profile;
                    let found = difference(
                        &profile,
                        &profile.requantize,
                        &sums,
                        multiplier,
                        output,
                        relu,
                    );
                    assert_eq!(found, None, "{}", named.name);
                }
            }
        }
    }
}

/// A sum and a bias through the reference's epilogue; `None` where it is open or refused.
fn epilogue_code(
    (op, rule): (SumOf, &RequantizeRule),
    sum: i32,
    (activation, weight): (f64, f64),
    bias: ChannelBias,
    output: Quantized,
    per_channel: bool,
) -> Option<i64> {
    let qparams = QParams {
        scale: weight,
        zero_point: 0,
    };
    let weights = if per_channel {
        Granularity::PerChannel {
            axis: 0,
            qparams: vec![qparams],
        }
    } else {
        Granularity::PerTensor(qparams)
    };
    let epilogue = Epilogue::new(rule, (op, 1), activation, &weights, output, Relu::None).ok()?;
    let mut witness = Witness::default();
    let code = epilogue.finish(0, sum, 0, bias, &mut witness);
    witness.open.is_empty().then_some(code)
}

/// Scales that make the multiplier in every way, and rules that land the steps in every way:
/// the two halves do not know of each other.
fn combinations() -> Vec<RequantizeRule> {
    let base = named::find("fbgemm").unwrap().profile.requantize;
    let mut rules = Vec::new();
    for &scaling in all() {
        for &multiplier in all() {
            rules.extend(all::<Bias>().iter().map(|&bias| RequantizeRule {
                bias_per_tensor: bias,
                bias_per_channel: bias,
                multiplier,
                scaling,
                ..base
            }));
        }
    }
    for scaling in [Scaling::StepwiseDiv, Scaling::QnnpackQ31] {
        for &rounding in all() {
            for &zero_point in all() {
                for &clamp in all() {
                    rules.extend(all().iter().map(|&cast| RequantizeRule {
                        scaling,
                        rounding,
                        zero_point,
                        clamp,
                        cast,
                        ..base
                    }));
                }
            }
        }
    }
    rules
}

/// Products whose epilogues round differently: (activation scale, weight scale, output scale).
const SCALES: [(f64, f64, f64); 3] = [
    (0.021, 0.0137, 0.11),
    (0.1, 0.1, 0.02),
    (1.0 / 3.0, 0.7, 1.9),
];

/// A sum with a float bias, the scales around it and the output, as the oracle takes them.
struct Epilogued {
    sum: i32,
    bias: Option<f32>,
    /// activation, weight
    scales: (f64, f64),
    output: Quantized,
    per_channel: bool,
}

impl Epilogued {
    fn reference(&self, rule: &RequantizeRule) -> Option<i64> {
        self.reference_of(SumOf::Conv, rule)
    }

    fn reference_of(&self, op: SumOf, rule: &RequantizeRule) -> Option<i64> {
        let bias = self.bias.map_or(ChannelBias::None, ChannelBias::F32);
        let (scales, output) = (self.scales, self.output);
        epilogue_code((op, rule), self.sum, scales, bias, output, self.per_channel)
    }

    fn oracle(&self, rule: &RequantizeRule) -> Option<i64> {
        self.oracle_of(SumOf::Conv, rule)
    }

    fn oracle_of(&self, op: SumOf, rule: &RequantizeRule) -> Option<i64> {
        let rule = &(rule.of(op, 0, 1)).built_for(op, self.output.dtype, self.per_channel);
        let how = if self.per_channel {
            rule.bias_per_channel
        } else {
            rule.bias_per_tensor
        };
        let bias = (self.bias).map_or(SumBias::None, |bias| SumBias::F32(bias, how));
        let (activation, weight) = self.scales;
        let scale = SumScale::OfProduct { activation, weight };
        oracle::requantize(rule, self.sum, scale, bias, self.output, Relu::None)
    }
}

#[test]
fn every_choice_of_every_axis_with_a_float_bias() {
    for rule in combinations() {
        for (sum, bias) in [(12_345, 0.7), (-1_790, 1.3), (i32::MAX, 1e4), (-77, -3e38)] {
            let (activation, weight, output) = SCALES[0];
            let problem = Epilogued {
                sum,
                bias: Some(bias),
                scales: (activation, weight),
                output: quantized(DType::U8, output, 5),
                per_channel: false,
            };
            let (got, expected) = (problem.reference(&rule), problem.oracle(&rule));
            assert_eq!(got, expected, "{sum} {bias} {rule:?}");
        }
    }
}

/// Sums and biases that lead to k + ½ steps of the output, or next to it.
fn ties_of_epilogues() -> Vec<Epilogued> {
    let mut problems = Vec::new();
    for per_channel in [false, true] {
        for (activation, weight, output) in SCALES {
            for k in 0..100 {
                for sum in [0, 50, 1000] {
                    let tie = (f64::from(k) + 0.5) * output;
                    let without_sum = tie - f64::from(sum) * activation * weight;
                    problems.push(Epilogued {
                        sum,
                        bias: Some(without_sum as f32),
                        scales: (activation, weight),
                        output: quantized(DType::U8, output, 3),
                        per_channel,
                    });
                }
            }
        }
    }
    // Sums on which multipliers that differ in their last bit give different codes.
    for (sum, activation, weight, output) in [
        (9_250, 0.44, 0.019, 0.38),
        (358_800, 0.005, 0.035, 0.26),
        (1_924, 0.85, 0.05, 0.74),
        // In fixed point: division against reciprocal, and against f64.
        (189_196, 0.13, 0.0034, 0.75),
        (86_588, 0.72, 0.0024, 0.95),
        // Ties on both sides of zero, and a sum that f32 rounds to a tie.
        (-6, 1.0, 1.0, 4.0),
        (2, 1.0, 1.0, 4.0),
        ((1 << 25) + 1, 1.0, 1.0, 67_108_864.0),
    ] {
        problems.push(Epilogued {
            sum,
            bias: None,
            scales: (activation, weight),
            output: quantized(DType::U8, output, 2),
            per_channel: false,
        });
    }
    problems
}

/// Choices that nothing tells from the profile's own.
const UNSEEN: [&str; 20] = [
    // Where i16 saturates, the code is clamped in any case.
    "fbgemm zero_point=after-round-i64",
    "fbgemm zero_point=after-round-f32",
    // Stepwise scaling builds no multiplier.
    "onednn multiplier=f32-product-recip",
    "onednn multiplier=f64-then-f32",
    "onednn multiplier=f64",
    // The clamp comes first and its bounds are integers: nothing out of range is converted.
    "onednn clamp=after-zero-point",
    "onednn cast=x86-indefinite-i32",
    "onednn cast=x86-indefinite-i64",
    "onednn cast=open",
    "qnnpack zero_point=after-round-i64",
    "qnnpack zero_point=after-round-f32",
    // What saturates is clamped in any case (qnnpack-magic), and no product leaves i64.
    "qnnpack clamp=before-round",
    "qnnpack cast=x86-indefinite-i64",
    "onnxruntime zero_point=after-round-i32-wrapping",
    "onnxruntime zero_point=after-round-i16-saturating",
    "onnxruntime zero_point=after-round-f32",
    "onnxruntime clamp=after-zero-point",
    "onnxruntime cast=x86-indefinite-i32",
    "onnxruntime cast=x86-indefinite-i64",
    "onnxruntime cast=open",
];

/// Each other choice of an axis gives another code somewhere, or a fault in it would hide.
#[test]
fn a_fault_in_any_axis_is_caught() {
    let given = [
        (0.5, quantized(DType::U8, 1.0, 7)),
        (0.000_71, quantized(DType::U8, 1.0, 7)),
        (3.7, quantized(DType::U8, 1.0, 7)),
        (3.7, quantized(DType::I8, 1.0, -5)),
    ];
    let names = ["fbgemm", "onednn", "qnnpack", "onnxruntime"];
    assert_eq!(missed_with(names, &given), UNSEEN);
}

/// Choices that nothing tells from a fixed-point profile's own.
const UNSEEN_IN_FIXED_POINT: [&str; 27] = [
    // The same codes by other instructions.
    "qnnpack-q31 scaling_linear=q31-srdhm-rdbpot",
    // Where i16 saturates, the code is clamped in any case, and integers need no rounding.
    "qnnpack-q31 zero_point=after-round-i64",
    "qnnpack-q31 zero_point=after-round-f32",
    "qnnpack-q31 zero_point=before-round-f32",
    "qnnpack-precise zero_point=after-round-i64",
    "qnnpack-precise zero_point=after-round-f32",
    "qnnpack-precise zero_point=before-round-f32",
    // Its own scaling.
    "gemmlowp scaling_linear=q31-srdhm-rdbpot",
    "xnnpack-rndnu zero_point=after-round-i16-saturating",
    "xnnpack-rndnu zero_point=after-round-f32",
    "xnnpack-rndnu zero_point=before-round-f32",
    // Where the zero point would leave i32 the code is open, and all else is clamped.
    "tosa zero_point=after-round-i32-wrapping",
    "tosa zero_point=after-round-i16-saturating",
    "tosa zero_point=after-round-f32",
    "tosa zero_point=before-round-f32",
    // TOSA's two roundings in one sum are those that gemmlowp does one after the other.
    "tosa-double-round scaling_linear=q31-srdhm-rdbpot",
    "tosa-double-round zero_point=after-round-i32-wrapping",
    "tosa-double-round zero_point=after-round-i16-saturating",
    "tosa-double-round zero_point=after-round-f32",
    "tosa-double-round zero_point=before-round-f32",
    // The last bit of an f32 does not reach 15 bits here.
    "tosa-scale16 multiplier=f32-product-div",
    "tosa-scale16 multiplier=f32-product-recip",
    "tosa-scale16 multiplier=f64",
    "tosa-scale16 zero_point=after-round-i32-wrapping",
    "tosa-scale16 zero_point=after-round-i16-saturating",
    "tosa-scale16 zero_point=after-round-f32",
    "tosa-scale16 zero_point=before-round-f32",
];

/// The same for fixed-point arithmetic, which has no float to round, clamp or convert.
#[test]
fn a_fault_in_any_fixed_point_scheme_is_caught() {
    let given = [
        (0.5, quantized(DType::U8, 1.0, 7)),
        (0.25, quantized(DType::U8, 1.0, 7)),
        (0.000_71, quantized(DType::U8, 1.0, 7)),
        // The greatest sum and the zero point leave i32.
        (1f32.next_down(), quantized(DType::U8, 1.0, 255)),
        // Beyond QNNPACK's range, and beyond XNNPACK's on both sides.
        (3.7, quantized(DType::U8, 1.0, 7)),
        (300.0, quantized(DType::U8, 1.0, 7)),
        (2f32.powi(-33), quantized(DType::U8, 1.0, 7)),
    ];
    let names = [
        "qnnpack-q31",
        "qnnpack-precise",
        "gemmlowp",
        "xnnpack-rndnu",
        "tosa",
        "tosa-double-round",
        "tosa-scale16",
    ];
    let mut unseen = missed_with(names, &given);
    unseen.retain(|unseen| {
        ["scaling", "multiplier", "zero_point"]
            .iter()
            .any(|axis| unseen.contains(axis))
    });
    assert_eq!(unseen, UNSEEN_IN_FIXED_POINT);
}

/// [`missed`] on ties of epilogues, and on sums with these multipliers.
fn missed_with<const N: usize>(names: [&str; N], given: &[(f32, Quantized)]) -> Vec<String> {
    let (sums, problems) = (sums(), ties_of_epilogues());
    let reference = |profile: &Profile| {
        let rule = &profile.requantize;
        let linear = problems.iter().map(|p| p.reference_of(SumOf::Linear, rule));
        let mut codes: Vec<_> = problems.iter().map(|p| p.reference(rule)).collect();
        codes.extend(linear);
        for &(multiplier, output) in given {
            let of_op = op_codes(profile, &sums, multiplier, output, false);
            codes.extend(of_op.unwrap_or_else(|| vec![None; sums.len()]));
        }
        codes
    };
    let oracle = |profile: &Profile| {
        let rule = &profile.requantize;
        let mut codes: Vec<_> = problems.iter().map(|p| p.oracle(rule)).collect();
        codes.extend(problems.iter().map(|p| p.oracle_of(SumOf::Linear, rule)));
        for &(multiplier, output) in given {
            let scale = SumScale::Given(multiplier);
            let code =
                |&sum| oracle::requantize(rule, sum, scale, SumBias::None, output, Relu::None);
            codes.extend(sums.iter().map(code));
        }
        codes
    };
    let mut unseen = missed(names, "requantize", oracle, reference);
    // The axes of depthwise matter only where both are set: the tests of fused ops do that.
    // Sums of 16-bit activations, transposed convolutions and batches are not asked for here, and
    // these scales are no f32s, nor do they tell f64 quotients of f32s apart.
    const ELSEWHERE: [&str; 7] = [
        "depthwise",
        "scaling_wide",
        "scaling_transposed",
        "scaling_batch",
        "multiplier_batch",
        "=f64-of-f32",
        "=f32-product-f64-div",
    ];
    unseen.retain(|unseen| !ELSEWHERE.iter().any(|part| unseen.contains(part)));
    unseen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_sum_and_bias_under_any_profile(
        index in 0..PROFILES.len(),
        sum in prop_oneof![-100_000i32..100_000, any::<i32>()],
        activation in 1e-3f64..1.0,
        weight in 1e-4f64..0.1,
        steps in 1.0f64..4000.0,
        bias in prop_oneof![
            Just(ChannelBias::None),
            any::<i16>().prop_map(|b| ChannelBias::I32(i32::from(b))),
            (-100f32..100.0).prop_map(ChannelBias::F32),
        ],
        dtype in prop_oneof![Just(DType::U8), Just(DType::I8)],
        zero_point in any::<u8>(),
        per_channel in any::<bool>(),
    ) {
        let rule = PROFILES[index].profile.requantize;
        let offset = if dtype == DType::U8 { 0 } else { 128 };
        // An output scale that leaves the codes within reach.
        let output = quantized(dtype, activation * weight * steps, i32::from(zero_point) - offset);
        let got = epilogue_code((SumOf::Conv, &rule), sum, (activation, weight), bias, output, per_channel);
        let how = if per_channel { rule.bias_per_channel } else { rule.bias_per_tensor };
        let bias = match bias {
            ChannelBias::None => SumBias::None,
            ChannelBias::I32(bias) => SumBias::I32(bias),
            ChannelBias::F32(bias) => SumBias::F32(bias, how),
        };
        let scale = SumScale::OfProduct { activation, weight };
        let rule = rule.built_for(SumOf::Conv, dtype, per_channel);
        let expected = oracle::requantize(&rule, sum, scale, bias, output, Relu::None);
        prop_assert_eq!(got, expected, "{}", PROFILES[index].name);
    }

    #[test]
    fn any_sum_with_any_given_multiplier(
        index in 0..PROFILES.len(),
        sums in prop::collection::vec(any::<i32>(), 8),
        multiplier in prop_oneof![1e-9f32..1.0, 1e-6f32..1e-2, 0.1f32..4.0],
        zero_point in any::<u8>(),
        relu in any::<bool>(),
    ) {
        let profile = PROFILES[index].profile;
        let output = quantized(DType::U8, 1.0, i32::from(zero_point));
        let found = difference(&profile, &profile.requantize, &sums, multiplier, output, relu);
        prop_assert_eq!(found, None, "{}", PROFILES[index].name);
    }
}
