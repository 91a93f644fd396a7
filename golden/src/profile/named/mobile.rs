//! What the profiles of kernels for phones are: QNNPACK, gemmlowp and XNNPACK.

use super::arithmetic::{DYNAMIC_QPARAMS, OBSERVER_QPARAMS};
use super::fbgemm::FBGEMM_EXACT;
use crate::profile::*;

pub(super) const QNNPACK_SSE2: Profile = Profile {
    requantize: RequantizeRule {
        bias_per_tensor: Bias::I32,
        bias_per_channel: Bias::I32,
        multiplier: Multiplier::F32ProductRecip,
        ..FBGEMM_EXACT.requantize
    },
    qparams: QparamsRule {
        reduce_range: ReduceRange::Ignored,
        ..DYNAMIC_QPARAMS
    },
    float_output: FloatOutputRule {
        bias: DynamicBias::MulThenAdd,
        ..FBGEMM_EXACT.float_output
    },
    pointwise: PointwiseRule {
        add: AddForm::FixedPoint21,
        avg_pool_body: AvgPoolForm::ProductMulF32,
        avg_pool_tail: AvgPoolForm::ProductMulF32,
        avg_pool_count: PoolCount::WholeWindow,
        function: FunctionForm::Table,
        hard_function: HardForm::Table,
        ..FBGEMM_EXACT.pointwise
    },
    ..FBGEMM_EXACT
};

pub(super) const QNNPACK: Profile = Profile {
    // ATen's own kernel for 64-bit ARM: vcvtnq, vqmovn, vqadd, vqmovun. NaN converts to 0.
    quantize: QuantizeRule {
        transform: Transform::MulRecipF32,
        pre_clamp: PreClamp::None,
        rounding: Rounding::TiesEven,
        zero_point: ZeroPointAt::AfterI16Saturating,
        clamp: ClampAt::AfterZeroPoint,
        cast: Cast::Saturate,
        nan: NanRule::ThroughCast,
        tail: QuantizeTail::AsBody,
        per_channel: ChannelQuantize::AsPerTensor,
        width: BodyWidth::Whole,
    },
    requantize: RequantizeRule {
        cast: Cast::Saturate,
        ..QNNPACK_SSE2.requantize
    },
    ..QNNPACK_SSE2
};

pub(super) const QNNPACK_MAGIC: Profile = Profile {
    // ATen's kernel for 32-bit ARM adds 1.5·2^23 without a clamp; the bits of a NaN are above all.
    quantize: QuantizeRule {
        nan: NanRule::HighestCode,
        ..QNNPACK.quantize
    },
    requantize: RequantizeRule {
        zero_point: ZeroPointAt::AfterI64,
        clamp: ClampAt::BeforeRound,
        ..QNNPACK.requantize
    },
    ..QNNPACK
};

pub(super) const QNNPACK_Q31: Profile = Profile {
    requantize: RequantizeRule {
        multiplier: Multiplier::F32ProductDiv,
        scaling: Scaling::QnnpackQ31,
        ..QNNPACK.requantize
    },
    pointwise: PointwiseRule {
        avg_pool_body: AvgPoolForm::FixedPoint24,
        avg_pool_tail: AvgPoolForm::FixedPoint24,
        hard_function: HardForm::Undefined,
        real_ops: RealOps::Undefined,
        ..QNNPACK.pointwise
    },
    ..QNNPACK
};

pub(super) const QNNPACK_PRECISE: Profile = Profile {
    requantize: RequantizeRule {
        scaling: Scaling::QnnpackPrecise,
        ..QNNPACK_Q31.requantize
    },
    ..QNNPACK_Q31
};

pub(super) const GEMMLOWP: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::DivF32,
        rounding: Rounding::TiesAway,
        zero_point: ZeroPointAt::BeforeF32,
        clamp: ClampAt::BeforeRound,
        nan: NanRule::Open,
        ..QNNPACK.quantize
    },
    qparams: QparamsRule {
        zero_point_rounding: ZeroPointRounding::TiesAwayThenClamp,
        ..OBSERVER_QPARAMS
    },
    requantize: RequantizeRule {
        scaling: Scaling::Q31SrdhmRdbpot,
        zero_point: ZeroPointAt::AfterI32Wrapping,
        ..QNNPACK_Q31.requantize
    },
    ..QNNPACK_Q31
};

pub(super) const XNNPACK_FP32: Profile = Profile {
    quantize: QuantizeRule {
        zero_point: ZeroPointAt::AfterI64,
        clamp: ClampAt::BeforeRound,
        nan: NanRule::HighestCode,
        ..QNNPACK.quantize
    },
    requantize: RequantizeRule {
        multiplier: Multiplier::F32ProductDiv,
        ..QNNPACK_MAGIC.requantize
    },
    pointwise: PointwiseRule {
        add: AddForm::FixedPoint20Up,
        mul: MulForm::IntegerProductDivF32,
        avg_pool_body: AvgPoolForm::FixedPoint24OrGlobal,
        avg_pool_tail: AvgPoolForm::FixedPoint24OrGlobal,
        function: FunctionForm::DequantizeF32,
        recode: RecodeForm::Fixed8Up,
        hard_function: HardForm::Undefined,
        real_ops: RealOps::Undefined,
        leaky_relu: LeakyReluForm::Fixed8Up,
        ..QNNPACK.pointwise
    },
    along: AlongRule {
        mean: MeanForm::MulAddF32,
        sum: MeanForm::MulAddF32,
        rows: RowQuantization::Asymmetric,
        ..QNNPACK.along
    },
    float_output: FloatOutputRule {
        scale: DynamicScale::LeftToRight,
        bias: DynamicBias::Fma,
        ..QNNPACK.float_output
    },
    ..QNNPACK
};

pub(super) const XNNPACK_RNDNU: Profile = Profile {
    requantize: RequantizeRule {
        scaling: Scaling::Q31Rshu,
        ..XNNPACK_FP32.requantize
    },
    float_output: QNNPACK.float_output,
    ..XNNPACK_FP32
};
