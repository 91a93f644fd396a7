//! oneDNN: the plain kernels, those compiled at run time, and those of versions and workflows.

use super::arithmetic::SUM_EXACT;
use super::fbgemm::{FBGEMM_EXACT, FBGEMM_SCALAR};
use super::pytorch::PYTORCH_DECOMPOSED;
use crate::profile::*;

pub(super) const ONEDNN: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::DivF32,
        pre_clamp: PreClamp::None,
        rounding: Rounding::TiesEven,
        zero_point: ZeroPointAt::BeforeF32,
        clamp: ClampAt::BeforeRound,
        cast: Cast::Saturate,
        nan: NanRule::Open,
        tail: QuantizeTail::AsBody,
        per_channel: ChannelQuantize::AsPerTensor,
        width: BodyWidth::Whole,
    },
    accumulate: AccumulateRule {
        signed_activation: SignedActivation::Shifted128,
        padding: PaddingTap::ZeroPoint,
        ..SUM_EXACT
    },
    requantize: RequantizeRule {
        bias_per_tensor: Bias::F32AfterScale,
        bias_per_channel: Bias::F32AfterScale,
        scaling: Scaling::StepwiseDiv,
        zero_point: ZeroPointAt::BeforeF32,
        clamp: ClampAt::BeforeRound,
        cast: Cast::Saturate,
        ..FBGEMM_SCALAR.requantize
    },
    float_output: FloatOutputRule {
        scale: DynamicScale::DoubleReciprocal,
        bias: DynamicBias::MulThenAdd,
        weight_only: FloatAccumulation::SequentialFma,
        float_conv: FloatAccumulation::SequentialFma,
        half_weights: HalfSums::Undefined,
    },
    ..FBGEMM_EXACT
};

pub(super) const ONEDNN_JIT: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::MulRecipF32,
        ..ONEDNN.quantize
    },
    requantize: RequantizeRule {
        scaling: Scaling::StepwiseMulRecip,
        ..ONEDNN.requantize
    },
    ..ONEDNN
};

pub(super) const ONEDNN_JIT_AVX2: Profile = Profile {
    accumulate: AccumulateRule {
        linear: Accumulation::PairsI16,
        conv: Accumulation::PairsI16PerTap,
        grouped: Accumulation::PairsI16PerTapInFours,
        padding: PaddingTap::Skipped,
        ..ONEDNN.accumulate
    },
    ..ONEDNN_JIT
};

pub(super) const ONEDNN_PT2E_JIT_AVX2: Profile = Profile {
    quantize: PYTORCH_DECOMPOSED.quantize,
    dequantize: PYTORCH_DECOMPOSED.dequantize,
    float_output: FloatOutputRule {
        scale: DynamicScale::Product,
        bias: DynamicBias::MulThenAdd,
        ..ONEDNN_JIT_AVX2.float_output
    },
    ..ONEDNN_JIT_AVX2
};

pub(super) const ONEDNN_2_JIT_AVX2: Profile = Profile {
    float_output: FloatOutputRule {
        scale: DynamicScale::RecipOfRecips,
        bias: DynamicBias::BeforeScale,
        ..ONEDNN_JIT_AVX2.float_output
    },
    ..ONEDNN_JIT_AVX2
};
