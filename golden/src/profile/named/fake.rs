//! The profiles of systems that fake-quantize, that is, give real values. Their
//! other stages are those of `exact`.

use super::NamedProfile;
use super::arithmetic::{EXACT, OBSERVER_QPARAMS};
use crate::profile::*;

/// PyTorch's rule. It takes scales; where limits are given, they are divided.
pub(super) const PYTORCH: FakeQuantizeRule = FakeQuantizeRule {
    limits: LimitsForm::Quotient,
    bound: ValueBound::None,
    origin: StepOrigin::Zero,
    transform: StepTransform::MulRecipF32,
    rounding: Rounding::TiesEven,
    zero_point: FakeZeroPoint::AfterRound,
    clamp: FakeClamp::AfterZeroPoint,
    codes: FakeCodes::Integers,
    nan: FakeNan::LowestCode,
    value: FakeValue::SubMul,
    result: FakeResult::Value,
    gradient: FakeGradient::CodesWithin,
    scale_gradient: ScaleGradient::None,
    mean: ChannelMean::InOrder,
    logarithm: Logarithm::Rounded,
    subnormals: Subnormals::Kept,
};

const FLOATS: FakeQuantizeRule = FakeQuantizeRule {
    zero_point: FakeZeroPoint::NegativeBeforeRound,
    codes: FakeCodes::Floats,
    nan: FakeNan::Kept,
    ..PYTORCH
};

const NVIDIA: FakeQuantizeRule = FakeQuantizeRule {
    limits: LimitsForm::Threshold,
    transform: StepTransform::MulReciprocal,
    value: FakeValue::SubDiv,
    ..FLOATS
};

const TENSORFLOW: FakeQuantizeRule = FakeQuantizeRule {
    limits: LimitsForm::Nudged,
    bound: ValueBound::Codes,
    origin: StepOrigin::LowestLessZero,
    transform: StepTransform::MulReciprocal,
    rounding: Rounding::UpViaFloorHalf,
    zero_point: FakeZeroPoint::AfterRound,
    clamp: FakeClamp::None,
    ..FLOATS
};

const TENSORFLOW_SCALED_EVEN: FakeQuantizeRule = FakeQuantizeRule {
    limits: LimitsForm::LesserRatio,
    bound: ValueBound::Codes,
    transform: StepTransform::MulReciprocal,
    clamp: FakeClamp::None,
    ..FLOATS
};

const TENSORFLOW_COMBINED: FakeQuantizeRule = FakeQuantizeRule {
    limits: LimitsForm::FromLowest,
    bound: ValueBound::Limits,
    origin: StepOrigin::Lowest,
    transform: StepTransform::MulReciprocal,
    rounding: Rounding::AwayViaFloorHalf,
    zero_point: FakeZeroPoint::BeforeRound,
    clamp: FakeClamp::None,
    value: FakeValue::MulAddLowest,
    ..PYTORCH
};

const TENSORFLOW_ONEDNN: FakeQuantizeRule = FakeQuantizeRule {
    limits: LimitsForm::StepsOverGreatest,
    transform: StepTransform::MulReciprocal,
    zero_point: FakeZeroPoint::BeforeRound,
    ..PYTORCH
};

const NNI: FakeQuantizeRule = FakeQuantizeRule {
    transform: StepTransform::DivF32,
    zero_point: FakeZeroPoint::BeforeRound,
    clamp: FakeClamp::BeforeRound,
    gradient: FakeGradient::StepsNotBeyond,
    scale_gradient: ScaleGradient::LearnedStep,
    ..FLOATS
};

const PADDLESLIM_LSQ: FakeQuantizeRule = FakeQuantizeRule {
    rounding: Rounding::AwayViaFloorHalf,
    zero_point: FakeZeroPoint::NegativeBeforeRound,
    scale_gradient: ScaleGradient::None,
    ..NNI
};

const DISTILLER: FakeQuantizeRule = FakeQuantizeRule {
    limits: LimitsForm::RecipTimesSteps,
    transform: StepTransform::MulReciprocal,
    value: FakeValue::AddDiv,
    ..FLOATS
};

/// Rounds with the gradient passed straight through, and so the whole result.
const QKERAS: FakeQuantizeRule = FakeQuantizeRule {
    transform: StepTransform::DivF32,
    codes: FakeCodes::RoundedThrough,
    result: FakeResult::StraightThrough,
    mean: ChannelMean::FourSumsInGroupsOf8,
    logarithm: Logarithm::EigenF32,
    subnormals: Subnormals::Flushed,
    ..FLOATS
};

const COREML: FakeQuantizeRule = FakeQuantizeRule {
    transform: StepTransform::DivF32,
    nan: FakeNan::CodeZero,
    ..PYTORCH
};

const fn of(
    name: &'static str,
    summary: &'static str,
    source: &'static str,
    fake_quantize: FakeQuantizeRule,
) -> NamedProfile {
    NamedProfile {
        name,
        summary,
        source,
        profile: Profile {
            fake_quantize,
            ..EXACT
        },
    }
}

/// The table.
pub(super) const FAKE: [NamedProfile; 25] = [
    of(
        "nvidia-fake-quantize",
        "NVIDIA's pytorch-quantization: multiply by 127 / amax, nearest-even, divide by the same",
        "pytorch-quantization pytorch_quantization/tensor_quant.py (_tensor_quant); captures nvidia-pytorch-quantization",
        NVIDIA,
    ),
    of(
        "tensorflow-fake-quant",
        "TensorFlow's FakeQuantWithMinMaxArgs and VarsPerChannel: nudged limits, steps from the lowest value by multiplication, floor(t + 1/2)",
        "TensorFlow tensorflow/core/kernels/fake_quant_ops_functor.h (FakeQuantWithMinMaxArgsFunctor); captures tensorflow",
        TENSORFLOW,
    ),
    of(
        "tensorflow-fake-quant-vars",
        "TensorFlow's FakeQuantWithMinMaxVars: as tensorflow-fake-quant, by division",
        "TensorFlow tensorflow/core/kernels/fake_quant_ops_functor.h (FakeQuantWithMinMaxVarsFunctor); captures tensorflow",
        FakeQuantizeRule {
            transform: StepTransform::DivF32,
            ..TENSORFLOW
        },
    ),
    of(
        "tensorflow-scaled-even",
        "TensorFlow's QuantizeAndDequantize and QuantizeV2 in SCALED form: one multiplier for both limits, ties to even",
        "TensorFlow tensorflow/core/kernels/quantize_and_dequantize_op.h, quantize_op.cc; captures tensorflow",
        TENSORFLOW_SCALED_EVEN,
    ),
    of(
        "tensorflow-scaled-up",
        "TensorFlow's QuantizeAndDequantize with HALF_UP: as tensorflow-scaled-even, floor(t + 1/2)",
        "TensorFlow tensorflow/core/kernels/quantize_and_dequantize_op.h; captures tensorflow",
        FakeQuantizeRule {
            rounding: Rounding::UpViaFloorHalf,
            ..TENSORFLOW_SCALED_EVEN
        },
    ),
    of(
        "tensorflow-scaled-away",
        "TensorFlow's QuantizeV2, SCALED with HALF_AWAY_FROM_ZERO: as tensorflow-scaled-even, ties away from zero",
        "TensorFlow tensorflow/core/kernels/quantize_op.cc (QuantizeV2Op); captures tensorflow",
        FakeQuantizeRule {
            rounding: Rounding::TiesAway,
            ..TENSORFLOW_SCALED_EVEN
        },
    ),
    of(
        "tensorflow-min-combined",
        "TensorFlow's QuantizeV2, MIN_COMBINED: steps from the lower limit, the lowest code added before rounding, sign(t)·floor(|t| + 1/2)",
        "TensorFlow tensorflow/core/kernels/quantize_op.cc (QuantizeV2Op); captures tensorflow",
        TENSORFLOW_COMBINED,
    ),
    of(
        "tensorflow-min-first",
        "TensorFlow's QuantizeV2, MIN_FIRST: steps from 0 less the rounded steps of the lower limit",
        "TensorFlow tensorflow/core/kernels/quantization_utils.h (QuantizeTensorInPlace); captures tensorflow",
        FakeQuantizeRule {
            limits: LimitsForm::RoundedLowest,
            origin: StepOrigin::Zero,
            rounding: Rounding::TiesAway,
            zero_point: FakeZeroPoint::AfterRound,
            clamp: FakeClamp::AfterZeroPoint,
            value: FakeValue::SubMul,
            ..TENSORFLOW_COMBINED
        },
    ),
    of(
        "tensorflow-onednn-min-first",
        "TensorFlow's QuantizeV2 by oneDNN (its default on x86), MIN_FIRST to u8: x times steps per unit plus a zero point that is not rounded, nearest-even",
        "TensorFlow tensorflow/core/kernels/mkl/mkl_quantize_op.cc (MklQuantizeV2Op); TensorFlow 2.21 captured by scripts/upstream",
        FakeQuantizeRule {
            limits: LimitsForm::ExactLowest,
            ..TENSORFLOW_ONEDNN
        },
    ),
    of(
        "tensorflow-onednn-scaled",
        "TensorFlow's QuantizeV2 by oneDNN (its default on x86), SCALED with HALF_TO_EVEN: 127.5 or 255 steps to the greater limit, nearest-even",
        "TensorFlow tensorflow/core/kernels/mkl/mkl_quantize_op.cc (MklQuantizeV2Op); TensorFlow 2.21 captured by scripts/upstream",
        TENSORFLOW_ONEDNN,
    ),
    NamedProfile {
        profile: Profile {
            fake_quantize: NNI,
            qparams: QparamsRule {
                symmetric_zero_point: SymmetricZeroPoint::MiddleUp,
                ..OBSERVER_QPARAMS
            },
            ..EXACT
        },
        ..of(
            "nni",
            "NNI's QAT, LSQ+ and DoReFa: divide, add the zero point, hold to the codes, then nearest-even; scales not below f32 epsilon",
            "NNI nni/compression/base/apply_method.py (ClampRound), nni/compression/quantization/lsq_plus_quantizer.py, qat_quantizer.py (update_scale_zp); captures nni-3.0",
            NNI,
        )
    },
    of(
        "nni-lsq",
        "NNI's LSQ: as nni, without a zero point",
        "NNI nni/compression/quantization/lsq_quantizer.py (LsqClampRound); captures nni-3.0",
        FakeQuantizeRule {
            zero_point: FakeZeroPoint::NegativeBeforeRound,
            ..NNI
        },
    ),
    of(
        "nni-bnn",
        "NNI's BNN: signs, 0 and NaN are positive",
        "NNI nni/compression/quantization/bnn_quantizer.py; captures nni-3.0",
        FakeQuantizeRule {
            nan: FakeNan::HighestCode,
            ..NNI
        },
    ),
    of(
        "qkeras",
        "QKeras' quantized_bits with a given alpha, quantized_relu, quantized_po2, binary and ternary: round, then hold; x + (q − x) in f32",
        "QKeras qkeras/quantizers.py; captures qkeras-0.9.0, qkeras-git-78ea90f",
        QKERAS,
    ),
    of(
        "qkeras-auto",
        "QKeras' quantized_bits with alpha auto or auto_po2: as qkeras, sign(x)·floor(|x| / s + 1/2)",
        "QKeras qkeras/quantizers.py (quantized_bits); captures qkeras-0.9.0, qkeras-git-78ea90f",
        FakeQuantizeRule {
            rounding: Rounding::AwayViaFloorHalf,
            codes: FakeCodes::Floats,
            nan: FakeNan::CodeZero,
            ..QKERAS
        },
    ),
    of(
        "qkeras-ternary",
        "QKeras' ternary with alpha auto or auto_po2: as qkeras, a channel of zeros stays",
        "QKeras qkeras/quantizers.py (ternary); captures qkeras-0.9.0",
        FakeQuantizeRule {
            nan: FakeNan::CodeZero,
            ..QKERAS
        },
    ),
    of(
        "qkeras-linear",
        "QKeras' quantized_linear: as qkeras, held to the codes, then rounded; scales not below 1e-7",
        "QKeras qkeras/quantizers.py (quantized_linear); captures qkeras-git-78ea90f",
        FakeQuantizeRule {
            limits: LimitsForm::QuotientAboveEps,
            zero_point: FakeZeroPoint::BeforeRound,
            clamp: FakeClamp::BeforeRound,
            ..QKERAS
        },
    ),
    of(
        "qkeras-activation",
        "QKeras' quantized_tanh and quantized_sigmoid: as qkeras, the value itself",
        "QKeras qkeras/quantizers.py (quantized_tanh, quantized_sigmoid); captures qkeras-0.9.0",
        FakeQuantizeRule {
            result: FakeResult::Value,
            ..QKERAS
        },
    ),
    of(
        "distiller",
        "Distiller's range-linear quantizers: multiply by steps per unit, subtract the zero point, nearest-even, then hold to the codes",
        "Distiller distiller/quantization/q_utils.py (linear_quantize_clamp, linear_dequantize); captures distiller, distiller-d859fc8",
        DISTILLER,
    ),
    of(
        "distiller-binary",
        "Distiller's DoReFa with one bit: as distiller, codes are multiplied by the scale",
        "Distiller distiller/quantization/clipped_linear.py (DorefaParamsBinarizationSTE); captures distiller-d859fc8",
        FakeQuantizeRule {
            value: FakeValue::SubMul,
            ..DISTILLER
        },
    ),
    of(
        "distiller-clipped",
        "Distiller's PACT, WRPN and clipped quantizers: as distiller, values held to the limits and codes to nothing",
        "Distiller distiller/quantization/clipped_linear.py; captures distiller-d859fc8",
        FakeQuantizeRule {
            bound: ValueBound::Limits,
            clamp: FakeClamp::None,
            ..DISTILLER
        },
    ),
    of(
        "coremltools-linear",
        "coremltools' linear quantization of weights: divide, nearest-even, zero point after rounding; a channel of zeros has scale 0 and codes 0",
        "coremltools coremltools/optimize/_utils.py (quantize_weight); captures coremltools",
        COREML,
    ),
    of(
        "coremltools-palette",
        "coremltools' uniform palettes: steps from the least weight, entries computed in f64",
        "captures coremltools (palette/uniform_*)",
        FakeQuantizeRule {
            limits: LimitsForm::CountedFromLowest,
            origin: StepOrigin::Lowest,
            clamp: FakeClamp::None,
            value: FakeValue::MulAddLowestF64,
            ..COREML
        },
    ),
    of(
        "paddleslim-lsq",
        "PaddleSlim's LSQ: divide, hold to the codes, then sign(t)·floor(|t| + 1/2)",
        "PaddleSlim paddleslim/quant/quanters (LsqFunc); captures paddleslim-2.6.0",
        PADDLESLIM_LSQ,
    ),
    of(
        "paddleslim-lsq-plus",
        "PaddleSlim's LSQ+: as paddleslim-lsq, steps counted from a real offset",
        "PaddleSlim paddleslim/quant/quanters (LsqPlusActFunc); captures paddleslim-2.6.0",
        FakeQuantizeRule {
            origin: StepOrigin::Lowest,
            value: FakeValue::MulAddLowest,
            ..PADDLESLIM_LSQ
        },
    ),
];
