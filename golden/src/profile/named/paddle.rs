//! What the profiles of Paddle's fake-quantize operators are.

use super::arithmetic::{EXACT, OBSERVER_QPARAMS};
use super::fake::PYTORCH;
use crate::profile::*;

pub(super) const PADDLE: Profile = Profile {
    quantize: QuantizeRule {
        // qmax ⊗ (1 ⊘ limit) in f32; codes are floats, and NaN stays NaN.
        transform: Transform::MulRecipF64,
        clamp: ClampAt::BeforeRound,
        cast: Cast::Saturate,
        ..EXACT.quantize
    },
    dequantize: DequantizeRule {
        body: DequantizeForm::MulLimitDiv,
        tail: DequantizeForm::MulLimitDiv,
        per_channel: ChannelDequantize::AsPerTensor,
        ..EXACT.dequantize
    },
    qparams: QparamsRule {
        symmetric: SymmetricScale::Qmax,
        ..OBSERVER_QPARAMS
    },
    fake_quantize: FakeQuantizeRule {
        limits: LimitsForm::RecipOfLimit,
        transform: StepTransform::MulReciprocal,
        zero_point: FakeZeroPoint::NegativeBeforeRound,
        codes: FakeCodes::Floats,
        nan: FakeNan::Kept,
        value: FakeValue::MulLimitDiv,
        ..PYTORCH
    },
    ..EXACT
};

pub(super) const PADDLE_TIES_AWAY: Profile = Profile {
    quantize: QuantizeRule {
        rounding: Rounding::TiesAway,
        ..PADDLE.quantize
    },
    fake_quantize: FakeQuantizeRule {
        bound: ValueBound::Limits,
        rounding: Rounding::TiesAway,
        clamp: FakeClamp::None,
        ..PADDLE.fake_quantize
    },
    ..PADDLE
};
