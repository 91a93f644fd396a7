//! What the profiles of Paddle's fake-quantize operators are.

use super::arithmetic::{EXACT, OBSERVER_QPARAMS};
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
        ..EXACT.dequantize
    },
    qparams: QparamsRule {
        symmetric: SymmetricScale::Qmax,
        ..OBSERVER_QPARAMS
    },
    ..EXACT
};

pub(super) const PADDLE_TIES_AWAY: Profile = Profile {
    quantize: QuantizeRule {
        rounding: Rounding::TiesAway,
        ..PADDLE.quantize
    },
    ..PADDLE
};
