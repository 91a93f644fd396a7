//! Sums of products once more, as the instructions define them: pair after pair, each held to
//! i16 where the rule says so, in integers that nothing overflows.
//!
//! Sources: Intel's description of `vpmaddubsw`; what oneDNN 3.2 was seen to compute on AVX2.

use crate::profile::{
    AccumulateRule, Accumulation, Outliers, PaddingTap, SignedActivation, SignedLinear,
};

/// The op that a sum is of.
#[derive(Debug, Clone, Copy)]
pub enum ProductOf {
    /// linear
    Linear,
    /// convolution in one dimension, where FBGEMM has no kernel for depthwise
    Conv {
        /// groups of channels
        groups: usize,
        /// input channels of a group
        inputs: usize,
        /// output channels of a group
        outputs: usize,
    },
}

/// The operands of one sum.
#[derive(Debug, Clone, Copy)]
pub struct Operands<'a> {
    /// the codes at each kernel position; `None` outside the image
    pub codes: &'a [Option<Vec<i64>>],
    /// whether they are s8
    pub signed: bool,
    /// their zero point
    pub zero_point: i64,
    /// the weights at each kernel position
    pub weights: &'a [Vec<i64>],
    /// whether they are s8: products of u8 by u8 never saturate
    pub signed_weights: bool,
    /// their zero point
    pub weight_zero_point: i64,
}

/// The sum of products, both zero points taken off, wrapped to i32.
pub fn sum_of_products(rule: &AccumulateRule, op: ProductOf, operands: Operands<'_>) -> i32 {
    let shifted_linear = rule.signed_linear == SignedLinear::Shifted128AtZeroPoint0;
    let mut accumulation = match op {
        ProductOf::Linear => rule.linear,
        ProductOf::Conv { groups: 1, .. } => rule.conv,
        ProductOf::Conv {
            inputs: 1,
            outputs: 1,
            ..
        } => rule.depthwise,
        ProductOf::Conv { .. } => rule.grouped,
    };
    if let Accumulation::PairsI16PerTapInFours = accumulation {
        accumulation = match op {
            ProductOf::Conv {
                groups,
                inputs,
                outputs,
            } if groups > 1 && inputs % 4 == 0 && outputs % 4 == 0 => Accumulation::PairsI16PerTap,
            _ => Accumulation::Exact,
        };
    }
    let mut way = rule.signed_activation;
    if matches!(op, ProductOf::Linear) && shifted_linear {
        way = SignedActivation::Shifted128;
        if operands.signed && operands.zero_point != 0 {
            accumulation = Accumulation::Exact;
        }
    }
    if !operands.signed_weights || accumulation == Accumulation::PairsI16InDepthwiseKernels {
        accumulation = Accumulation::Exact;
    }
    let added = match way {
        _ if !operands.signed => 0,
        SignedActivation::Direct => 0,
        SignedActivation::Shifted128 | SignedActivation::Shifted128HalvedWeights => 128,
    };
    let depthwise = matches!(
        op,
        ProductOf::Conv { groups, inputs: 1, outputs: 1 } if groups > 1
    );
    let halves = operands.signed
        && operands.signed_weights
        && way == SignedActivation::Shifted128HalvedWeights
        && (accumulation != Accumulation::Exact || depthwise);
    let zero_point = operands.zero_point + added;
    let skipped = rule.padding == PaddingTap::Skipped;
    let mut laid = Vec::new();
    let (mut apart, mut corrected) = (0, 0);
    for (codes, weights) in operands.codes.iter().zip(operands.weights) {
        for (channel, &weight) in weights.iter().enumerate() {
            let code = match codes {
                Some(codes) => codes[channel] + added,
                None if skipped => 0,
                None => zero_point,
            };
            let weight = if halves { half(weight) } else { weight };
            let split = rule.outliers == Outliers::SplitBeyond7Bits && !(-64..64).contains(&weight);
            if split {
                apart += code * weight;
            }
            laid.push((code, if split { 0 } else { weight }));
            if codes.is_some() || !skipped {
                corrected -= zero_point * weight + operands.weight_zero_point * code;
                corrected += zero_point * operands.weight_zero_point;
            }
        }
        if accumulation == Accumulation::PairsI16PerTap && laid.len() % 2 == 1 {
            laid.push((0, 0));
        }
    }
    let sum = match accumulation {
        Accumulation::Exact
        | Accumulation::PairsI16InDepthwiseKernels
        | Accumulation::PairsI16PerTapInFours => {
            laid.iter().map(|(code, weight)| code * weight).sum()
        }
        Accumulation::PairsI16InHalves
            if matches!(op, ProductOf::Linear) && laid.len() > 256 && laid.len() < 768 =>
        {
            let (first, second) = laid.split_at(laid.len().div_ceil(2));
            pairs(first).sum::<i64>() + pairs(second).sum::<i64>()
        }
        Accumulation::PairsI16 | Accumulation::PairsI16PerTap | Accumulation::PairsI16InHalves => {
            pairs(&laid).sum()
        }
        Accumulation::SumsI16Spill128 => blocks(&laid, 128),
        Accumulation::SumsI16Spill256 => blocks(&laid, 256),
    };
    let sum: i64 = sum + apart + corrected;
    (if halves { 2 * sum } else { sum }) as i32
}

/// Half of an integer, to even where it is halfway.
fn half(weight: i64) -> i64 {
    match weight.rem_euclid(4) {
        0 | 2 => weight / 2,
        1 => (weight - 1) / 2,
        _ => (weight + 1) / 2,
    }
}

fn to_i16(value: i64) -> i64 {
    value.clamp(-0x8000, 0x7fff)
}

/// The sums of neighbours, each held to i16.
fn pairs(laid: &[(i64, i64)]) -> impl Iterator<Item = i64> + '_ {
    laid.chunks(2)
        .map(|pair| to_i16(pair.iter().map(|(code, weight)| code * weight).sum()))
}

/// Blocks of `k` products, in each of which pairs are added up in i16.
fn blocks(laid: &[(i64, i64)], k: usize) -> i64 {
    laid.chunks(k)
        .map(|block| pairs(block).fold(0, |sum, pair| to_i16(sum + pair)))
        .sum()
}
