//! FBGEMM: quantize, products and their epilogues, and the ops that PyTorch computes beside it.
//! Other profiles are written as what they change in these.

use super::arithmetic::{DYNAMIC_QPARAMS, SUM_EXACT, SUM_PAIRS};
use super::narrow::CONVERT_OPEN;
use crate::profile::*;

pub(super) const FBGEMM_SCALAR: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::MulRecipF32,
        pre_clamp: PreClamp::None,
        rounding: Rounding::TiesEven,
        zero_point: ZeroPointAt::AfterF32,
        clamp: ClampAt::AfterZeroPoint,
        cast: Cast::Saturate,
        nan: NanRule::Open,
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
    qparams: DYNAMIC_QPARAMS,
    accumulate: SUM_EXACT,
    requantize: RequantizeRule {
        bias_per_tensor: Bias::F32DivByActW,
        bias_per_channel: Bias::F32DivByActW,
        multiplier: Multiplier::F32ProductDiv,
        scaling: Scaling::MultiplyF32,
        scaling_linear: OpScaling::Same,
        scaling_transposed: OpScaling::Same,
        scaling_batch: OpScaling::Same,
        multiplier_linear: OpMultiplier::Same,
        multiplier_u8: OpMultiplier::Same,
        multiplier_batch: OpMultiplier::Same,
        scaling_depthwise_tail: OpScaling::Same,
        depthwise_width: BodyWidth::Whole,
        scaling_wide: WideScaling::Undefined,
        rounding: Rounding::TiesEven,
        zero_point: ZeroPointAt::AfterI64,
        clamp: ClampAt::AfterZeroPoint,
        cast: Cast::X86IndefiniteI64,
    },
    float_output: FloatOutputRule {
        scale: DynamicScale::LeftToRight,
        bias: DynamicBias::MulThenAdd,
        weight_only: FloatAccumulation::SequentialMulAdd,
        float_conv: FloatAccumulation::SequentialMulAdd,
        half_weights: HalfSums::Undefined,
    },
    pointwise: PointwiseRule {
        add: AddForm::Dequantize,
        mul: MulForm::IntegerProduct,
        avg_pool_body: AvgPoolForm::MulF32,
        avg_pool_tail: AvgPoolForm::MulF32,
        avg_pool_width: BodyWidth::Whole,
        avg_pool_count: PoolCount::AsAsked,
        function: FunctionForm::DequantizeF32,
        recode: RecodeForm::ThroughReal,
        recode_wide: RecodeForm::ThroughReal,
        rescale: InexactRescale::Open,
        hard_function: HardForm::DequantizeF32,
        real_ops: RealOps::DequantizeF32,
        function_wide: WideFunctionForm::Undefined,
        exponential: ExponentialForm::Undefined,
        interpolated: InterpolatedForm::Undefined,
        rsqrt: RsqrtForm::Undefined,
        abs: AbsForm::Undefined,
        leaky_relu: LeakyReluForm::Undefined,
        concat: ConcatForm::Undefined,
        nearest_pixel: NearestPixel::Undefined,
        squared_difference: SquaredDifferenceForm::Undefined,
    },
    along: AlongRule {
        softmax: SoftmaxForm::Undefined,
        softmax_wide: WideSoftmaxForm::Undefined,
        l2_normalize: L2NormalizeForm::Undefined,
        mean: MeanForm::Undefined,
        sum: MeanForm::Undefined,
        rows: RowQuantization::Undefined,
    },
    convert: CONVERT_OPEN,
    fake_quantize: super::fake::PYTORCH,
};

pub(super) const FBGEMM_NEON: Profile = Profile {
    requantize: RequantizeRule {
        cast: Cast::Saturate,
        ..FBGEMM_SCALAR.requantize
    },
    ..FBGEMM_SCALAR
};

pub(super) const FBGEMM_EXACT: Profile = Profile {
    quantize: QuantizeRule {
        pre_clamp: PreClamp::MinBelow2Pow31,
        zero_point: ZeroPointAt::AfterI32Wrapping,
        cast: Cast::X86IndefiniteI32,
        nan: NanRule::ThroughCast,
        ..FBGEMM_SCALAR.quantize
    },
    requantize: RequantizeRule {
        bias_per_tensor: Bias::F32RecipOfActW,
        zero_point: ZeroPointAt::AfterI16Saturating,
        cast: Cast::X86IndefiniteI32,
        ..FBGEMM_SCALAR.requantize
    },
    float_output: FloatOutputRule {
        scale: DynamicScale::Product,
        bias: DynamicBias::Fma,
        weight_only: FloatAccumulation::SequentialFma,
        float_conv: FloatAccumulation::SequentialFma,
        half_weights: HalfSums::Undefined,
    },
    pointwise: PointwiseRule {
        add: AddForm::FmaPremul,
        ..FBGEMM_SCALAR.pointwise
    },
    ..FBGEMM_SCALAR
};

pub(super) const FBGEMM: Profile = Profile {
    accumulate: SUM_PAIRS,
    float_output: FloatOutputRule {
        half_weights: HalfSums::FbgemmAvx2,
        ..FBGEMM_EXACT.float_output
    },
    ..FBGEMM_EXACT
};

pub(super) const FBGEMM_ACC16: Profile = Profile {
    accumulate: AccumulateRule {
        linear: Accumulation::SumsI16Spill256,
        conv: Accumulation::SumsI16Spill256,
        grouped: Accumulation::SumsI16Spill256,
        ..SUM_PAIRS
    },
    ..FBGEMM_EXACT
};
