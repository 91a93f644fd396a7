//! What the profile of MXNet is: oneDNN with MXNet's own scales.

use super::arithmetic::OBSERVER_QPARAMS;
use super::onednn::{ONEDNN, ONEDNN_2_JIT_AVX2};
use crate::profile::*;

pub(super) const MXNET: Profile = Profile {
    quantize: QuantizeRule {
        // 127 or 255 over the greatest magnitude, in f32; the zero point is 0.
        transform: Transform::MulRecipF64,
        nan: NanRule::HighestCode,
        ..ONEDNN.quantize
    },
    qparams: QparamsRule {
        symmetric: SymmetricScale::Qmax,
        ..OBSERVER_QPARAMS
    },
    pointwise: PointwiseRule {
        hard_function: HardForm::Undefined,
        real_ops: RealOps::Undefined,
        ..ONEDNN_2_JIT_AVX2.pointwise
    },
    ..ONEDNN_2_JIT_AVX2
};
