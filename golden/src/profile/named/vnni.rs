//! Profiles of engines on CPUs with VNNI, where they are not simply exact.

use super::arithmetic::{FBGEMM_EXACT, ONEDNN_JIT, SUM_EXACT};
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
