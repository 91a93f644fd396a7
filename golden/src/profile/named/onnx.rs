//! ONNX: ONNX Runtime on integers and between quantize and dequantize nodes, and the reference
//! of the standard.

use super::arithmetic::{OBSERVER_QPARAMS, SUM_PAIRS};
use super::fbgemm::FBGEMM_SCALAR;
use super::narrow::{CONVERT_BITS, CONVERT_ML_DTYPES};
use crate::profile::*;

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
