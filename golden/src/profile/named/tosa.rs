//! What the profiles of TOSA are: exact sums and integer scales.

use super::arithmetic::{EXACT, OBSERVER_QPARAMS};
use crate::profile::*;

pub(super) const TOSA: Profile = Profile {
    // MUL by f32(1 / s), ADD of the zero point, CAST.
    quantize: QuantizeRule {
        transform: Transform::MulRecipF64,
        pre_clamp: PreClamp::None,
        rounding: Rounding::TiesEven,
        zero_point: ZeroPointAt::BeforeF32,
        clamp: ClampAt::AfterZeroPoint,
        cast: Cast::Saturate,
        nan: NanRule::Open,
        tail: QuantizeTail::AsBody,
        per_channel: ChannelQuantize::AsPerTensor,
        width: BodyWidth::Whole,
    },
    // CAST, SUB of the zero point, MUL by s.
    dequantize: DequantizeRule {
        body: DequantizeForm::FloatSubMul,
        tail: DequantizeForm::FloatSubMul,
        per_channel: ChannelDequantize::AsPerTensor,
        ..EXACT.dequantize
    },
    qparams: OBSERVER_QPARAMS,
    requantize: RequantizeRule {
        bias_per_tensor: Bias::I32,
        bias_per_channel: Bias::I32,
        multiplier: Multiplier::F64ThenF32,
        scaling: Scaling::TosaScale32,
        ..EXACT.requantize
    },
    pointwise: PointwiseRule {
        avg_pool_body: AvgPoolForm::Reciprocal30,
        avg_pool_tail: AvgPoolForm::Reciprocal30,
        rescale: InexactRescale::MultiplyF32,
        ..EXACT.pointwise
    },
    ..EXACT
};

pub(super) const TOSA_DOUBLE_ROUND: Profile = Profile {
    requantize: RequantizeRule {
        scaling: Scaling::TosaScale32Double,
        ..TOSA.requantize
    },
    ..TOSA
};

pub(super) const TOSA_SCALE16: Profile = Profile {
    requantize: RequantizeRule {
        scaling: Scaling::TosaScale16,
        ..TOSA.requantize
    },
    ..TOSA
};
