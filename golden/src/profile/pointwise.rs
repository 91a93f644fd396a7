//! Axes of ops without weights: add, mul, average pool, functions of one value.

use super::axis::{axis, rule};
use super::element::BodyWidth;

axis! {
    /// How two quantized tensors are added.
    AddForm {
        /// sa ⊗ (a − za) ⊕ sb ⊗ (b − zb), then quantized by multiplying with 1 ⊘ so
        Dequantize = "dequantize",
        /// sa ⊗ (a − za) ⊕ sb ⊗ (b − zb), then quantized by dividing by so (ONNX: DequantizeLinear, Add, QuantizeLinear)
        DequantizeDiv = "dequantize-div",
        /// fma(sa, a, −sa·za) ⊕ fma(sb, b, −sb·zb), then ⊗ (1 ⊘ so) (ATen vector kernel)
        FmaPremul = "fma-premul",
        /// fma(a, ra, fma(b, rb, zo ⊖ fma(ra, za, rb ⊗ zb))) with r = s ⊘ so, then rounded (ONNX Runtime)
        FmaFixed = "fma-fixed",
        /// fixed-point multipliers below 2^22 and a shift rounded half away; ratios of scales in \[2^−14, 2^8) (QNNPACK)
        FixedPoint21 = "fixed-point-21",
        /// fixed-point multipliers of at most 2^21 and a shift rounded half up; ratios of scales in \[2^−10, 2^8) (XNNPACK)
        FixedPoint20Up = "fixed-point-20-up",
        /// scales in f32, all else of them in f64; both inputs by 2^20 (16 bits: 2^15), each by its ratio to twice the larger scale, the sum by the rest: three gemmlowp multiplications, each rounded half up, then half away (TFLite)
        Gemmlowp20 = "gemmlowp-20",
        /// as gemmlowp-20; in whole groups of 16 inputs of 8 bits with a sign lose the bits of their ratio's shift before the high multiplication, in whole groups of 8 without one after it, rounded down; no other than sums (TFLite's vector kernels)
        Gemmlowp20Vector = "gemmlowp-20-vector",
    }
}

axis! {
    /// How two quantized tensors are multiplied.
    MulForm {
        /// f32((a − za)(b − zb)) ⊗ (sa ⊗ sb ⊗ (1 ⊘ so))
        IntegerProduct = "integer-product",
        /// (sa ⊗ (a − za)) ⊗ (sb ⊗ (b − zb)) ⊘ so
        DequantizeDiv = "dequantize-div",
        /// f32((a − za)(b − zb)) ⊗ (sa ⊗ sb ⊘ so) ⊕ zo, then rounded (ONNX Runtime)
        IntegerProductDivAdd = "integer-product-div-add",
        /// f32((a − za)(b − zb)) ⊗ f32(sa·sb/so)
        IntegerProductDiv = "integer-product-div",
        /// f32((a − za)(b − zb)) ⊗ (sa ⊗ sb ⊘ so) (XNNPACK)
        IntegerProductDivF32 = "integer-product-div-f32",
        /// (a − za)(b − zb) times sa ⊗ sb ⊘ so by gemmlowp: high multiply rounded half up, then shift rounded half away (TFLite)
        Gemmlowp = "gemmlowp",
    }
}

axis! {
    /// How a window's mean is scaled.
    AvgPoolForm {
        /// f32(Σ(q − z)) ⊗ (sx ⊘ sy ⊘ count)
        MulF32 = "mul-f32",
        /// f32(Σ(q − z)) ⊗ (1 ⊘ (1 ⊘ (sx ⊘ sy ⊘ count))): the reciprocal of a reciprocal
        DoubleRecipF32 = "double-recip-f32",
        /// f32(Σ(q − z)) ⊗ (sx ⊘ sy ⊘ count) ⊕ zy, then rounded (PyTorch on channel-first tensors)
        MulAddF32 = "mul-add-f32",
        /// f32(Σ(q − z)) ⊗ (sx ⊘ (sy ⊗ count)); sx ⊘ sy in \[2^−8, 2^8) (QNNPACK in PyTorch)
        ProductMulF32 = "product-mul-f32",
        /// Σ(q − z) times the 24 bits of sx ⊘ (sy ⊗ count), one shift rounded half away; sx ⊘ sy in \[2^−8, 2^8) (QNNPACK)
        FixedPoint24 = "fixed-point-24",
        /// as fixed-point-24, one shift rounded half up
        FixedPoint24Up = "fixed-point-24-up",
        /// as fixed-point-24; over a whole image as product-mul-f32 (XNNPACK)
        FixedPoint24OrGlobal = "fixed-point-24-or-global",
        /// Σq divided by the count in integers, half away from zero; input and output have the same scale and zero point (TFLite)
        CodesDivided = "codes-divided",
        /// Σ(q − z) times ⌊(2^30 + 1)·2^k / count⌋, shifted right by 30 + k with ties up, 2^k the least power of two that is at least count: means halfway go away from zero; input and output have one scale (TOSA)
        Reciprocal30 = "reciprocal-30",
        /// Σ(sx ⊗ (q − zx)), position after position, ⊘ count ⊘ sy ⊕ zy, then rounded; a window that is the whole image as mul-f32 (ONNX Runtime's QLinearAveragePool and QLinearGlobalAveragePool)
        RealsOrGlobal = "reals-or-global",
    }
}

axis! {
    /// By what a window's sum is divided when part of it lies outside the image.
    PoolCount {
        /// as the op's count_include_pad says
        AsAsked = "as-asked",
        /// always the whole window (QNNPACK in PyTorch ignores the flag)
        WholeWindow = "whole-window",
    }
}

axis! {
    /// How sigmoid and tanh of a code are computed. exp and tanh are correctly rounded, as no C library promises.
    FunctionForm {
        /// the function of sx·(q − zx), exactly, then one rounding to steps of so, half to even
        Exact = "exact",
        /// x = sx ⊗ (q − zx); 1 ⊘ (1 ⊕ expf(−x)) or tanhf(x); ⊗ (1 ⊘ so), half to even, then the zero point (ATen)
        DequantizeF32 = "dequantize-f32",
        /// as dequantize-f32, but ⊘ so (ONNX Runtime)
        DequantizeDivF32 = "dequantize-div-f32",
        /// as dequantize-f32, but half away from zero (TFLite)
        DequantizeF32Away = "dequantize-f32-away",
        /// 256 ⊘ (1 ⊕ expf(−x)) to scale 1/256 and zero point 0, or f32(128·tanh(x) + 128 in f64) to 1/128 and 128; clamp, then half to even; u8 (QNNPACK)
        Table = "table",
    }
}

axis! {
    /// How codes become codes of another scale.
    RecodeForm {
        /// dequantized by the body's rule, then quantized, each as this profile does it
        ThroughReal = "through-real",
        /// q − z by gemmlowp: high multiply rounded half up, then shift rounded half away (TFLite)
        Q31SrdhmRdbpot = "q31-srdhm-rdbpot",
        /// as q31-srdhm-rdbpot, but the shift is rounded half up (TFLite's vector code)
        Q31SrdhmRshu = "q31-srdhm-rshu",
        /// q − z times the ratio of scales in 8 binary places, shifted right with ties up; ratios in \[2^−8, 2^7\] (XNNPACK)
        Fixed8Up = "fixed-8-up",
    }
}

axis! {
    /// How hardswish and hardsigmoid of a code are computed: x = sx ⊗ (q − zx), g = min(max(x ⊕ 3, 0), 6), (x ⊗ g) ⊘ 6 or g ⊘ 6.
    HardForm {
        /// ⊗ (1 ⊘ so), half to even, then the zero point (ATen)
        DequantizeF32 = "dequantize-f32",
        /// ⊗ (1 ⊘ so) ⊕ zo, clamp, then half to even (QNNPACK)
        Table = "table",
        /// hardswish alone, in 16-bit fixed point: x · 2^7 by the ratio of scales and, saturating, by its share of 3, both high multiplies rounded; their product cut toward zero, then a shift rounded half away (TFLite)
        Fixed16 = "fixed-16",
        /// not at all: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
    }
}

axis! {
    /// How ops go that have no axis of their own and are computed on real values: gelu, leaky relu, elu, softmax, mean, concat, addition of and multiplication with a number, resizing, layer and batch norm, the product of two activations.
    RealOps {
        /// x = sx ⊗ (q − zx), the function in f32, ⊗ (1 ⊘ so), half to even, then the zero point; means and variances from integer sums (ATen)
        DequantizeF32 = "dequantize-f32",
        /// not at all: the system has no such ops, or their arithmetic is not known
        Undefined = "undefined",
    }
}

axis! {
    /// How sigmoid and tanh of an s16 code are computed; outputs are in steps of 2^−15.
    WideFunctionForm {
        /// not at all: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
        /// sigmoid(i/24) in 16 binary places for i in 0..256, lines between; tanh x = 2·sigmoid(2x) − 1 (TFLite)
        SigmoidTable = "sigmoid-table",
    }
}

axis! {
    /// How exp and elu of an 8-bit code are computed. e^x is correctly rounded, as no C library promises.
    ExponentialForm {
        /// not at all: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
        /// x = sx ⊗ (q − zx); expf(x), or expm1f(x) below 0; ⊗ (1 ⊘ so), half away from zero, then the zero point (TFLite)
        DequantizeF32Away = "dequantize-f32-away",
    }
}

axis! {
    /// How exp and 1/√x of an s16 code are computed.
    InterpolatedForm {
        /// not at all: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
        /// a table of 513 entries, each moved by half of what a line to the next errs in the middle, and lines between them (TFLite)
        Table513 = "table-513",
    }
}

axis! {
    /// How 1/√x of an 8-bit code is computed.
    RsqrtForm {
        /// not at all: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
        /// in gemmlowp's numbers by five Newton steps, kept in 20 binary places, then times 1/(√sx · so) by gemmlowp (TFLite)
        Newton = "newton",
    }
}

axis! {
    /// How |x| is computed.
    AbsForm {
        /// not at all: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
        /// |q − z| times sx ⊘ so by gemmlowp: high multiply rounded half up, then shift rounded half away; unchanged where both scales are one (TFLite)
        Gemmlowp = "gemmlowp",
    }
}

axis! {
    /// How leaky relu is computed.
    LeakyReluForm {
        /// not at all: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
        /// q − z times sx ⊘ so, or times sx ⊗ slope ⊘ so below 0, by gemmlowp (TFLite)
        Gemmlowp = "gemmlowp",
        /// q − z times sx ⊘ so, or times sx ⊘ so ⊗ slope below 0, in 8 binary places, shifted right with ties up; 8 bits, ratios in \[2^−8, 2^7\] (XNNPACK)
        Fixed8Up = "fixed-8-up",
        /// dequantized by the body's rule, ⊗ slope below 0, then quantized, each as this profile does it; 8 bits (ONNX Runtime's table of 256 codes)
        ThroughReal = "through-real",
    }
}

axis! {
    /// How tensors are joined by a profile whose ops on real values have no rule of their own.
    ConcatForm {
        /// not at all: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
        /// codes of the output's own scale and zero point stay; others are dequantized by the body's rule, then quantized, each as this profile does it; one type of 8 bits (ONNX Runtime)
        ThroughReal = "through-real",
    }
}

axis! {
    /// Which pixel is the nearest for a profile whose ops on real values have no rule of their own.
    NearestPixel {
        /// none: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
        /// position i takes ⌊i ⊘ (output ⊘ input)⌋, at most the last (ONNX Runtime: asymmetric coordinates, floor)
        DivRatio = "div-ratio",
    }
}

axis! {
    /// How the square of a difference is computed.
    SquaredDifferenceForm {
        /// not at all: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
        /// both inputs by 2^7, each by its ratio to twice the larger scale, the square of their difference in i32 by the rest: three gemmlowp multiplications; s8 (TFLite)
        Gemmlowp7 = "gemmlowp-7",
    }
}

axis! {
    /// What rescale gives where inexact rounding is asked for.
    InexactRescale {
        /// left open: TOSA allows any rounding, and such outputs are not compared
        Open = "open",
        /// f32(q − z) ⊗ (f32(multiplier) / 2^shift), half to even (TOSA's reference model)
        MultiplyF32 = "multiply-f32",
    }
}

rule! {
    /// Ops without weights.
    PointwiseRule {
        /// addition
        add: AddForm,
        /// multiplication
        mul: MulForm,
        /// average pool, body
        avg_pool_body: AvgPoolForm,
        /// average pool, tail
        avg_pool_tail: AvgPoolForm,
        /// where the average pool's tail starts, counted along channels
        avg_pool_width: BodyWidth,
        /// the divisor at the border
        avg_pool_count: PoolCount,
        /// sigmoid and tanh
        function: FunctionForm,
        /// recode, both types of 8 bits
        recode: RecodeForm,
        /// recode from or to a wider type
        recode_wide: RecodeForm,
        /// rescale with inexact rounding
        rescale: InexactRescale,
        /// hardswish and hardsigmoid
        hard_function: HardForm,
        /// ops on real values without an axis of their own
        real_ops: RealOps,
        /// sigmoid and tanh, 16 bits
        function_wide: WideFunctionForm,
        /// exp and elu, 8 bits
        exponential: ExponentialForm,
        /// exp and 1/√x, 16 bits
        interpolated: InterpolatedForm,
        /// 1/√x, 8 bits
        rsqrt: RsqrtForm,
        /// the absolute value
        abs: AbsForm,
        /// leaky relu
        leaky_relu: LeakyReluForm,
        /// joining tensors, where `real_ops` is undefined
        concat: ConcatForm,
        /// the nearest pixel, where `real_ops` is undefined
        nearest_pixel: NearestPixel,
        /// the square of a difference
        squared_difference: SquaredDifferenceForm,
    }
}
