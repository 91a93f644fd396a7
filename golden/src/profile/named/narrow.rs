//! How narrow types are converted, and what the profiles of narrow codes in
//! blocks are: torchao, ONNX Runtime's tools and packed weights, and real zero points.

use super::arithmetic::OBSERVER_QPARAMS;
use super::onnx::ONNXRUNTIME;
use super::pytorch::{PYTORCH_DECOMPOSED, PYTORCH_SCALAR};
use crate::profile::*;

pub(super) const CONVERT_OPEN: ConvertRule = ConvertRule {
    overflow: FloatOverflow::InfinityOrNan,
    nan: NanWithout::Open,
    integer: IntegerConversion::Open,
    zero_point: FloatZeroPoint::Ignored,
};

pub(super) const CONVERT_BITS: ConvertRule = ConvertRule {
    overflow: FloatOverflow::BitArithmetic,
    ..CONVERT_OPEN
};

pub(super) const CONVERT_ML_DTYPES: ConvertRule = ConvertRule {
    nan: NanWithout::MinusZero,
    integer: IntegerConversion::TruncateWrapping,
    zero_point: FloatZeroPoint::AddedToFinite,
    ..CONVERT_OPEN
};

pub(super) const PYTORCH_FLOAT_QPARAMS: Profile = Profile {
    quantize: QuantizeRule {
        zero_point: ZeroPointAt::AfterI32Wrapping,
        cast: Cast::X86IndefiniteI64,
        nan: NanRule::ThroughCast,
        ..PYTORCH_SCALAR.quantize
    },
    dequantize: PYTORCH_DECOMPOSED.dequantize,
    ..PYTORCH_SCALAR
};

pub(super) const TORCHAO: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::MulRecipF32,
        ..PYTORCH_DECOMPOSED.quantize
    },
    qparams: QparamsRule {
        symmetric_zero_point: SymmetricZeroPoint::RoundedMiddle,
        ..OBSERVER_QPARAMS
    },
    float_output: FloatOutputRule {
        weight_only: FloatAccumulation::SequentialFma,
        float_conv: FloatAccumulation::SequentialFma,
        ..PYTORCH_DECOMPOSED.float_output
    },
    ..PYTORCH_DECOMPOSED
};

pub(super) const TORCHAO_FLOAT8: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::DivF32,
        ..TORCHAO.quantize
    },
    ..TORCHAO
};

pub(super) const TORCHAO_NO_CLIPPING: Profile = Profile {
    qparams: QparamsRule {
        symmetric: SymmetricScale::EachSide,
        ..TORCHAO.qparams
    },
    ..TORCHAO
};

pub(super) const ONNXRUNTIME_NBITS: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::MulRecipF32,
        rounding: Rounding::TiesAway,
        zero_point: ZeroPointAt::BeforeF32,
        clamp: ClampAt::AfterZeroPoint,
        nan: NanRule::Open,
        ..ONNXRUNTIME.quantize
    },
    qparams: QparamsRule {
        symmetric: SymmetricScale::SignedExtreme,
        symmetric_zero_point: SymmetricZeroPoint::RoundedMiddle,
        zero_point_rounding: ZeroPointRounding::TiesAwayThenClamp,
        small_scale: SmallScale::Kept,
        ..OBSERVER_QPARAMS
    },
    ..ONNXRUNTIME
};

pub(super) const ONNXRUNTIME_TOOLS: Profile = Profile {
    quantize: QuantizeRule {
        clamp: ClampAt::AfterZeroPoint,
        ..ONNXRUNTIME.quantize
    },
    qparams: QparamsRule {
        precision: ScalePrecision::F64NarrowedLast,
        symmetric_zero_point: SymmetricZeroPoint::RoundedMiddle,
        small_scale: SmallScale::TinyToOne,
        zero_point_rounding: ZeroPointRounding::TiesEvenUnclamped,
        reduce_range: ReduceRange::Symmetric64,
        ..OBSERVER_QPARAMS
    },
    ..ONNXRUNTIME
};

pub(super) const ONNXRUNTIME_TOOLS_BIAS: Profile = Profile {
    quantize: QuantizeRule {
        transform: Transform::DivF64,
        ..ONNXRUNTIME_TOOLS.quantize
    },
    ..ONNXRUNTIME_TOOLS
};

pub(super) const ONNXRUNTIME_TOOLS_BLOCKED: Profile = Profile {
    qparams: QparamsRule {
        precision: ScalePrecision::F32,
        ..ONNXRUNTIME_TOOLS.qparams
    },
    ..ONNXRUNTIME_TOOLS
};
