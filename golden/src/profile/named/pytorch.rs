//! PyTorch itself: observers, quantize in its forms, and the decomposed ops of exported networks.

use super::arithmetic::{DYNAMIC_QPARAMS, OBSERVER_QPARAMS};
use super::fbgemm::{FBGEMM, FBGEMM_SCALAR};
use crate::profile::*;

pub(super) const PYTORCH_OBSERVER: Profile = Profile {
    qparams: OBSERVER_QPARAMS,
    ..FBGEMM
};

pub(super) const PYTORCH_DYNAMIC: Profile = Profile {
    qparams: DYNAMIC_QPARAMS,
    ..FBGEMM
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
