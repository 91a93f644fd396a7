//! What the profiles of LiteRT's (TensorFlow Lite's) own kernels are. Its
//! XNNPACK delegate has those of XNNPACK.

use super::mobile::GEMMLOWP;
use crate::profile::*;

/// Built as releases are: requantization rounds twice (TFLITE_SINGLE_ROUNDING is off).
pub(super) const LITERT_REFERENCE: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::DivF32,
        pre_clamp: PreClamp::None,
        rounding: Rounding::TiesAway,
        zero_point: ZeroPointAt::AfterI32Wrapping,
        clamp: ClampAt::AfterZeroPoint,
        cast: Cast::X86IndefiniteI32,
        nan: NanRule::ThroughCast,
    },
    dequantize: DequantizeRule {
        body: DequantizeForm::MulF64,
        tail: DequantizeForm::MulF64,
        width: BodyWidth::Whole,
    },
    requantize: RequantizeRule {
        bias_per_tensor: Bias::I32,
        bias_per_channel: Bias::I32,
        multiplier: Multiplier::F64,
        scaling: Scaling::Q31SrdhmRdbpot,
        scaling_linear: OpScaling::MultiplyF64,
        scaling_wide: WideScaling::Q15Rshu,
        rounding: Rounding::TiesAway,
        zero_point: ZeroPointAt::AfterI32Wrapping,
        clamp: ClampAt::AfterZeroPoint,
        cast: Cast::X86IndefiniteI32,
        ..GEMMLOWP.requantize
    },
    pointwise: PointwiseRule {
        add: AddForm::Gemmlowp20,
        mul: MulForm::Gemmlowp,
        avg_pool_body: AvgPoolForm::CodesDivided,
        avg_pool_tail: AvgPoolForm::CodesDivided,
        avg_pool_count: PoolCount::AsAsked,
        function: FunctionForm::DequantizeF32Away,
        recode: RecodeForm::Q31SrdhmRdbpot,
        recode_wide: RecodeForm::Q31SrdhmRdbpot,
        ..GEMMLOWP.pointwise
    },
    ..GEMMLOWP
};

pub(super) const LITERT_OPTIMIZED: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::MulRecipF32,
        rounding: Rounding::TiesEven,
        ..LITERT_REFERENCE.quantize
    },
    dequantize: DequantizeRule {
        body: DequantizeForm::MulAddPremul,
        tail: DequantizeForm::MulF64,
        width: BodyWidth::Groups8,
    },
    requantize: RequantizeRule {
        scaling: Scaling::Q31SrdhmRshu,
        scaling_linear: OpScaling::Same,
        scaling_depthwise_tail: OpScaling::Q31SrdhmRdbpot,
        depthwise_width: BodyWidth::Groups8,
        ..LITERT_REFERENCE.requantize
    },
    pointwise: PointwiseRule {
        recode: RecodeForm::Q31SrdhmRshu,
        ..LITERT_REFERENCE.pointwise
    },
    ..LITERT_REFERENCE
};
