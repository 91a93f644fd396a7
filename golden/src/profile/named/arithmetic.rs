//! Parts that several named profiles share, and exact arithmetic, which is that of no engine.

use super::fbgemm::FBGEMM_EXACT;
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
