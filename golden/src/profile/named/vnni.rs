//! Profiles of engines on CPUs with VNNI, where they are not simply exact, and of oneDNN 3 by
//! itself, with VNNI and without.

use super::arithmetic::SUM_EXACT;
use super::fbgemm::FBGEMM_EXACT;
use super::onednn::{ONEDNN_JIT, ONEDNN_JIT_AVX2};
use crate::profile::*;

pub(super) const FBGEMM_VNNI: Profile = Profile {
    accumulate: AccumulateRule {
        grouped: Accumulation::PairsI16InDepthwiseKernels,
        depthwise: Accumulation::PairsI16InDepthwiseKernels,
        ..SUM_EXACT
    },
    ..FBGEMM_EXACT
};

pub(super) const ONEDNN_BRGEMM: Profile = Profile {
    float_output: FloatOutputRule {
        scale: DynamicScale::LeftToRightOfRecips,
        ..ONEDNN_JIT.float_output
    },
    ..ONEDNN_JIT
};

/// Called by itself, not through PyTorch, which hands it reciprocals of reciprocals.
pub(super) const ONEDNN_3_JIT: Profile = Profile {
    dequantize: DequantizeRule {
        body: DequantizeForm::FloatSubMul,
        tail: DequantizeForm::FloatSubMul,
        ..ONEDNN_JIT.dequantize
    },
    requantize: RequantizeRule {
        scaling: Scaling::ProductThenMulRecip,
        ..ONEDNN_JIT.requantize
    },
    float_output: FloatOutputRule {
        scale: DynamicScale::Product,
        ..ONEDNN_JIT.float_output
    },
    ..ONEDNN_JIT
};

pub(super) const ONEDNN_3_JIT_AVX2: Profile = Profile {
    accumulate: AccumulateRule {
        linear: Accumulation::PairsI16InHalves,
        signed_activation: SignedActivation::Shifted128HalvedWeights,
        signed_linear: SignedLinear::Shifted128AtZeroPoint0,
        ..ONEDNN_JIT_AVX2.accumulate
    },
    ..ONEDNN_3_JIT
};
