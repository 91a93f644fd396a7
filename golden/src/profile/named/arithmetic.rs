//! What each named profile is: values over the axes, most of them written as
//! what they change in a related one. The table of names is in the parent.

use super::narrow::{CONVERT_BITS, CONVERT_ML_DTYPES, CONVERT_OPEN};
use crate::profile::*;

pub(super) const OBSERVER_QPARAMS: QparamsRule = QparamsRule {
    precision: ScalePrecision::F32,
    symmetric: SymmetricScale::HalfRange,
    symmetric_zero_point: SymmetricZeroPoint::Conventional,
    zero_point_from: ZeroPointFrom::Min,
    zero_point_rounding: ZeroPointRounding::TiesEvenThenClamp,
    small_scale: SmallScale::FloorEps,
    reduce_range: ReduceRange::Halve,
};

pub(super) const DYNAMIC_QPARAMS: QparamsRule = QparamsRule {
    precision: ScalePrecision::F64,
    symmetric: SymmetricScale::PreserveSparsity,
    symmetric_zero_point: SymmetricZeroPoint::Conventional,
    zero_point_from: ZeroPointFrom::SmallerErrorDifference,
    zero_point_rounding: ZeroPointRounding::TiesEvenThenClamp,
    small_scale: SmallScale::TenthAndCutoff,
    reduce_range: ReduceRange::Halve,
};

pub(super) const SUM_EXACT: AccumulateRule = AccumulateRule {
    linear: Accumulation::Exact,
    conv: Accumulation::Exact,
    grouped: Accumulation::Exact,
    depthwise: Accumulation::Exact,
    signed_activation: SignedActivation::Direct,
    signed_linear: SignedLinear::Same,
    padding: PaddingTap::ZeroPoint,
    outliers: Outliers::Kept,
};

pub(super) const SUM_PAIRS: AccumulateRule = AccumulateRule {
    linear: Accumulation::PairsI16,
    conv: Accumulation::PairsI16,
    grouped: Accumulation::PairsI16,
    depthwise: Accumulation::PairsI16,
    ..SUM_EXACT
};

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

pub(super) const EXACT: Profile = Profile {
    quantize: QuantizeRule {
        pre_clamp: PreClamp::None,
        zero_point: ZeroPointAt::AfterI64,
        cast: Cast::Open,
        nan: NanRule::Open,
        ..FBGEMM_EXACT.quantize
    },
    requantize: RequantizeRule {
        zero_point: ZeroPointAt::AfterI64,
        cast: Cast::Open,
        ..FBGEMM_EXACT.requantize
    },
    pointwise: PointwiseRule {
        function: FunctionForm::Exact,
        hard_function: HardForm::Undefined,
        real_ops: RealOps::Undefined,
        ..FBGEMM_EXACT.pointwise
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

pub(super) const ONNXRUNTIME: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::DivF32,
        pre_clamp: PreClamp::None,
        rounding: Rounding::TiesEven,
        zero_point: ZeroPointAt::AfterI64,
        clamp: ClampAt::BeforeRound,
        cast: Cast::Saturate,
        nan: NanRule::LowestCode,
        tail: QuantizeTail::AsBody,
        per_channel: ChannelQuantize::AsPerTensor,
        width: BodyWidth::Whole,
    },
    qparams: QparamsRule {
        precision: ScalePrecision::F32,
        small_scale: SmallScale::One,
        zero_point_rounding: ZeroPointRounding::ClampThenTiesEven,
        ..OBSERVER_QPARAMS
    },
    requantize: RequantizeRule {
        bias_per_tensor: Bias::I32,
        bias_per_channel: Bias::I32,
        multiplier: Multiplier::F32ProductDiv,
        zero_point: ZeroPointAt::AfterI64,
        clamp: ClampAt::BeforeRound,
        cast: Cast::Saturate,
        ..FBGEMM_SCALAR.requantize
    },
    float_output: FloatOutputRule {
        weight_only: FloatAccumulation::SequentialFma,
        float_conv: FloatAccumulation::SequentialFma,
        half_weights: HalfSums::Undefined,
        scale: DynamicScale::Product,
        bias: DynamicBias::MulThenAdd,
    },
    pointwise: PointwiseRule {
        add: AddForm::FmaFixed,
        mul: MulForm::IntegerProductDivAdd,
        avg_pool_body: AvgPoolForm::RealsOrGlobal,
        avg_pool_tail: AvgPoolForm::RealsOrGlobal,
        function: FunctionForm::DequantizeDivF32,
        hard_function: HardForm::Undefined,
        real_ops: RealOps::Undefined,
        leaky_relu: LeakyReluForm::ThroughReal,
        concat: ConcatForm::ThroughReal,
        nearest_pixel: NearestPixel::DivRatio,
        ..FBGEMM_SCALAR.pointwise
    },
    along: AlongRule {
        softmax: SoftmaxForm::ExpTable,
        ..FBGEMM_SCALAR.along
    },
    convert: CONVERT_BITS,
    ..FBGEMM_SCALAR
};

pub(super) const ONNXRUNTIME_AVX2: Profile = Profile {
    accumulate: AccumulateRule {
        depthwise: Accumulation::Exact,
        ..SUM_PAIRS
    },
    ..ONNXRUNTIME
};

pub(super) const PYTORCH_OBSERVER: Profile = Profile {
    qparams: OBSERVER_QPARAMS,
    ..FBGEMM
};

pub(super) const PYTORCH_DYNAMIC: Profile = Profile {
    qparams: DYNAMIC_QPARAMS,
    ..FBGEMM
};

pub(super) const ONNXRUNTIME_QDQ: Profile = Profile {
    pointwise: PointwiseRule {
        add: AddForm::DequantizeDiv,
        mul: MulForm::DequantizeDiv,
        ..ONNXRUNTIME.pointwise
    },
    // A softmax between such nodes is one of floats.
    along: FBGEMM_SCALAR.along,
    ..ONNXRUNTIME
};

pub(super) const ONNX_REFERENCE: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::DivF32,
        pre_clamp: PreClamp::None,
        rounding: Rounding::TiesEven,
        zero_point: ZeroPointAt::AfterI32Wrapping,
        clamp: ClampAt::AfterZeroPoint,
        cast: Cast::X86IndefiniteI32,
        nan: NanRule::ThroughCast,
        tail: QuantizeTail::AsBody,
        per_channel: ChannelQuantize::AsPerTensor,
        width: BodyWidth::Whole,
    },
    qparams: QparamsRule {
        small_scale: SmallScale::UnitRange,
        ..ONNXRUNTIME.qparams
    },
    requantize: RequantizeRule {
        scaling: Scaling::MultiplyF64,
        zero_point: ZeroPointAt::BeforeF32,
        ..ONNXRUNTIME.requantize
    },
    pointwise: PointwiseRule {
        leaky_relu: LeakyReluForm::Undefined,
        concat: ConcatForm::Undefined,
        nearest_pixel: NearestPixel::Undefined,
        ..ONNXRUNTIME_QDQ.pointwise
    },
    along: FBGEMM_SCALAR.along,
    convert: CONVERT_ML_DTYPES,
    ..ONNXRUNTIME
};

pub(super) const PYTORCH_FUSED_OBSERVER: Profile = Profile {
    qparams: QparamsRule {
        precision: ScalePrecision::F64NarrowedLast,
        ..DYNAMIC_QPARAMS
    },
    ..FBGEMM
};

pub(super) const PYTORCH_SCALAR: Profile = Profile {
    quantize: QuantizeRule {
        nan: NanRule::CodeZero,
        ..FBGEMM_SCALAR.quantize
    },
    dequantize: DequantizeRule {
        body: DequantizeForm::SubMul,
        tail: DequantizeForm::SubMul,
        per_channel: ChannelDequantize::MulF64,
        width: BodyWidth::Whole,
    },
    ..FBGEMM
};

pub(super) const PYTORCH_NATIVE: Profile = Profile {
    quantize: QuantizeRule {
        zero_point: ZeroPointAt::AfterF32,
        cast: Cast::X86IndefiniteI64,
        nan: NanRule::ThroughCast,
        ..FBGEMM_SCALAR.quantize
    },
    dequantize: PYTORCH_SCALAR.dequantize,
    fake_quantize: FakeQuantizeRule {
        codes: FakeCodes::IntegersBeforeClamp,
        ..FBGEMM.fake_quantize
    },
    ..FBGEMM
};

pub(super) const PYTORCH_CONTIGUOUS: Profile = Profile {
    pointwise: PointwiseRule {
        avg_pool_body: AvgPoolForm::MulAddF32,
        avg_pool_tail: AvgPoolForm::MulAddF32,
        ..FBGEMM.pointwise
    },
    ..FBGEMM
};

pub(super) const PYTORCH_PT2E: Profile = Profile {
    qparams: QparamsRule {
        small_scale: SmallScale::FloorTwoPowMinus12,
        ..OBSERVER_QPARAMS
    },
    ..PYTORCH_DECOMPOSED
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

pub(super) const PYTORCH_DECOMPOSED: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::MulRecipF64,
        nan: NanRule::CodeZero,
        ..FBGEMM_SCALAR.quantize
    },
    dequantize: DequantizeRule {
        body: DequantizeForm::FloatSubMul,
        tail: DequantizeForm::FloatSubMul,
        per_channel: ChannelDequantize::AsPerTensor,
        width: BodyWidth::Whole,
    },
    qparams: OBSERVER_QPARAMS,
    ..FBGEMM
};

pub(super) const PYTORCH_DECOMPOSED_AVX2: Profile = Profile {
    float_output: FloatOutputRule {
        weight_only: FloatAccumulation::SideBySide,
        float_conv: FloatAccumulation::FmaFromBias,
        ..PYTORCH_DECOMPOSED.float_output
    },
    ..PYTORCH_DECOMPOSED
};
