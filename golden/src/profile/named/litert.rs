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
        tail: QuantizeTail::AsBody,
        per_channel: ChannelQuantize::AsPerTensor,
        width: BodyWidth::Whole,
    },
    dequantize: DequantizeRule {
        body: DequantizeForm::SubMul,
        tail: DequantizeForm::SubMul,
        per_channel: ChannelDequantize::AsPerTensor,
        width: BodyWidth::Whole,
    },
    requantize: RequantizeRule {
        bias_per_tensor: Bias::I32,
        bias_per_channel: Bias::I32,
        multiplier: Multiplier::F64OfSingles,
        multiplier_u8: OpMultiplier::F32ProductF64Div,
        multiplier_batch: OpMultiplier::F32ProductF64Div,
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
        hard_function: HardForm::Fixed16,
        function_wide: WideFunctionForm::SigmoidTable,
        exponential: ExponentialForm::DequantizeF32Away,
        interpolated: InterpolatedForm::Table513,
        rsqrt: RsqrtForm::Newton,
        abs: AbsForm::Gemmlowp,
        leaky_relu: LeakyReluForm::Gemmlowp,
        squared_difference: SquaredDifferenceForm::Gemmlowp7,
        ..GEMMLOWP.pointwise
    },
    along: AlongRule {
        softmax: SoftmaxForm::Gemmlowp,
        softmax_wide: WideSoftmaxForm::Interpolated,
        l2_normalize: L2NormalizeForm::Newton,
        mean: MeanForm::Gemmlowp,
        sum: MeanForm::Gemmlowp,
        rows: RowQuantization::AsAsked,
    },
    qparams: QparamsRule {
        symmetric: SymmetricScale::Qmax,
        ..GEMMLOWP.qparams
    },
    float_output: FloatOutputRule {
        scale: DynamicScale::Product,
        bias: DynamicBias::MulThenAdd,
        ..GEMMLOWP.float_output
    },
    ..GEMMLOWP
};

pub(super) const LITERT_OPTIMIZED: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::MulRecipF32,
        rounding: Rounding::TiesEven,
        tail: QuantizeTail::DivF64Away,
        per_channel: ChannelQuantize::DivF32Away,
        width: BodyWidth::Groups8,
        ..LITERT_REFERENCE.quantize
    },
    dequantize: DequantizeRule {
        body: DequantizeForm::MulAddPremul,
        tail: DequantizeForm::SubMul,
        per_channel: ChannelDequantize::SubMul,
        width: BodyWidth::Groups8,
    },
    requantize: RequantizeRule {
        scaling: Scaling::Q31SrdhmRshu,
        scaling_linear: OpScaling::Same,
        scaling_transposed: OpScaling::Q31SrdhmRdbpot,
        scaling_batch: OpScaling::Q31SrdhmRdbpot,
        multiplier_linear: OpMultiplier::F32ProductF64Div,
        scaling_depthwise_tail: OpScaling::Q31SrdhmRdbpot,
        depthwise_width: BodyWidth::Groups8,
        ..LITERT_REFERENCE.requantize
    },
    pointwise: PointwiseRule {
        add: AddForm::Gemmlowp20Vector,
        recode: RecodeForm::Q31SrdhmRshu,
        ..LITERT_REFERENCE.pointwise
    },
    along: AlongRule {
        softmax: SoftmaxForm::TableF32,
        sum: MeanForm::MulAddF32Away,
        ..LITERT_REFERENCE.along
    },
    ..LITERT_REFERENCE
};
