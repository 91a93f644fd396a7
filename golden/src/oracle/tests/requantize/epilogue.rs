//! What linear and convolution do with a sum: bias, scales and the landing on a code.

use proptest::prelude::*;

use super::super::all;
use super::quantized;
use crate::ops::requantize::{ChannelBias, Epilogue};
use crate::oracle::{self, SumBias, SumScale};
use crate::profile::named::{self, PROFILES};
use crate::profile::{Bias, RequantizeRule, Scaling, SumOf};
use crate::spec::{Granularity, QParams, Quantized, Relu};
use crate::tensor::DType;
use crate::witness::Witness;

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
pub(super) struct Epilogued {
    sum: i32,
    bias: Option<f32>,
    /// activation, weight
    scales: (f64, f64),
    output: Quantized,
    per_channel: bool,
}

impl Epilogued {
    pub(super) fn reference(&self, rule: &RequantizeRule) -> Option<i64> {
        self.reference_of(SumOf::Conv, rule)
    }

    pub(super) fn reference_of(&self, op: SumOf, rule: &RequantizeRule) -> Option<i64> {
        let bias = self.bias.map_or(ChannelBias::None, ChannelBias::F32);
        let (scales, output) = (self.scales, self.output);
        epilogue_code((op, rule), self.sum, scales, bias, output, self.per_channel)
    }

    pub(super) fn oracle(&self, rule: &RequantizeRule) -> Option<i64> {
        self.oracle_of(SumOf::Conv, rule)
    }

    pub(super) fn oracle_of(&self, op: SumOf, rule: &RequantizeRule) -> Option<i64> {
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
pub(super) fn ties_of_epilogues() -> Vec<Epilogued> {
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
}
