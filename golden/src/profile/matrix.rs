//! Axes of matrix products and convolutions: how products are summed, and how
//! a sum becomes an output.

use super::axis::{axis, rule};
use super::element::{BodyWidth, Cast, ClampAt, Rounding, ZeroPointAt};
use crate::spec::{ConvSpec, Quantized};
use crate::tensor::DType;

axis! {
    /// How u8·s8 products are summed along k. k runs over (kernel position, channel), channel fastest.
    Accumulation {
        /// every product and sum exact in i32 (vpmaddwd on i16, vpdpbusd)
        Exact = "exact",
        /// each pair of adjacent k is summed saturating to i16 (vpmaddubsw); pairs run through all of k
        PairsI16 = "i16-pairs",
        /// as i16-pairs, but pairs restart at each kernel position (odd channel counts are padded)
        PairsI16PerTap = "i16-pairs-per-tap",
        /// as i16-pairs; in linear of more than 256 and less than 768 k, pairs restart at ⌈k/2⌉ (oneDNN's gemm, which then takes k in two blocks)
        PairsI16InHalves = "i16-pairs-in-halves",
        /// as i16-pairs in convolutions that FBGEMM has a depthwise kernel for (channels in eights, kernels of 3 or 5, strides of 1 or 2, padded to keep the size), which never uses VNNI; exact elsewhere
        PairsI16InDepthwiseKernels = "i16-pairs-in-depthwise-kernels",
        /// as i16-pairs-per-tap in convolutions whose groups have input and output channels in fours, for which oneDNN generates kernels; exact elsewhere
        PairsI16PerTapInFours = "i16-pairs-per-tap-in-fours",
        /// pairs saturate to i16 and are summed saturating in i16, spilled to i32 every 128 k (fbgemm acc16, avx512)
        SumsI16Spill128 = "i16-sums-spill-128",
        /// pairs saturate to i16 and are summed saturating in i16, spilled to i32 every 256 k (fbgemm acc16, avx2)
        SumsI16Spill256 = "i16-sums-spill-256",
    }
}

axis! {
    /// How signed activations meet an instruction that wants unsigned ones.
    SignedActivation {
        /// multiplied as they are
        Direct = "direct",
        /// shifted by +128 to u8, the sum compensated by −128·Σw; saturation then sees the shifted codes
        Shifted128 = "shifted-128",
        /// as shifted-128; where pairs saturate, and in depthwise of one or two dimensions, each weight is halved, half to even, when it is packed, so that none does, and the sum of halves is doubled (oneDNN's generated convolutions without VNNI)
        Shifted128HalvedWeights = "shifted-128-halved-weights",
    }
}

axis! {
    /// How signed activations meet that instruction in linear, where it has a way of its own.
    SignedLinear {
        /// as in convolution: the axis for signed activations
        Same = "same",
        /// shifted by +128 where their zero point is 0; where it is another, every sum is exact (oneDNN's products of matrices without VNNI)
        Shifted128AtZeroPoint0 = "shifted-128-at-zero-point-0",
    }
}

axis! {
    /// What a kernel position outside the image contributes to saturating pairs (exact sums do not differ).
    PaddingTap {
        /// the activation zero point, like a real code
        ZeroPoint = "zero-point",
        /// nothing: its code is taken as 0 and its share of the zero point correction is left out
        Skipped = "skipped",
    }
}

axis! {
    /// Weights too large for i16 sums (fbgemm acc16).
    Outliers {
        /// weights are used as they are
        Kept = "kept",
        /// weights outside \[−64, 63\] are taken out and multiplied exactly in i32
        SplitBeyond7Bits = "split-beyond-7-bits",
    }
}

rule! {
    /// How products are summed, by kind of op.
    AccumulateRule {
        /// linear
        linear: Accumulation,
        /// convolution with one group
        conv: Accumulation,
        /// convolution with several groups that is not depthwise
        grouped: Accumulation,
        /// depthwise convolution: one input and one output channel a group
        depthwise: Accumulation,
        /// signed activations
        signed_activation: SignedActivation,
        /// signed activations of linear
        signed_linear: SignedLinear,
        /// positions outside the image
        padding: PaddingTap,
        /// large weights
        outliers: Outliers,
    }
}

impl AccumulateRule {
    /// This rule as it is for linear with activations of that type and zero point.
    pub fn of_linear(mut self, activation: Quantized) -> Self {
        match self.signed_linear {
            SignedLinear::Same => {}
            SignedLinear::Shifted128AtZeroPoint0 => {
                self.signed_activation = SignedActivation::Shifted128;
                if activation.dtype == DType::I8 && activation.qparams.zero_point != 0 {
                    self.linear = Accumulation::Exact;
                }
            }
        }
        self
    }
}

axis! {
    /// How a float bias enters.
    Bias {
        /// rounded half-even to i32 steps of (activation scale · weight scale) and added to the sum
        I32 = "i32",
        /// f32(sum) ⊕ bias ⊘ (f32(sa) ⊗ f32(sw))
        F32DivByActW = "f32-div-by-act-w",
        /// f32(sum) ⊕ bias ⊗ (1 ⊘ (f32(sa) ⊗ f32(sw)))
        F32RecipOfActW = "f32-recip-of-act-w",
        /// added in f32 after the source and weight scales
        F32AfterScale = "f32-after-scale",
        /// added in f32 after the source and weight scales, fused with that multiplication
        F32FusedAfterScale = "f32-fused-after-scale",
    }
}

axis! {
    /// How the multiplier from sum to output steps is built, where it is one number.
    Multiplier {
        /// (f32(sa) ⊗ f32(sw)) ⊘ f32(so)
        F32ProductDiv = "f32-product-div",
        /// (f32(sw) ⊗ f32(sa)) ⊗ (1 ⊘ f32(so))
        F32ProductRecip = "f32-product-recip",
        /// f32(sa·sw/so) computed in f64
        F64ThenF32 = "f64-then-f32",
        /// sa·sw/so in f64, not narrowed; scalings in f32 narrow it
        F64 = "f64",
        /// f64(f32(sa))·f64(f32(sw))/f64(f32(so)) in f64, not narrowed: scales are kept as f32 (LiteRT)
        F64OfSingles = "f64-of-f32",
        /// f64(f32(sa) ⊗ f32(sw))/f64(f32(so)) in f64, not narrowed
        F32ProductF64Div = "f32-product-f64-div",
    }
}

axis! {
    /// How the multiplier of one kind of op is built, where that kind builds its own.
    OpMultiplier {
        /// as all other ops: the multiplier axis
        Same = "same",
        /// f64(f32(sa) ⊗ f32(sw))/f64(f32(so)) in f64 (LiteRT kernels/kernel_util.cc, GetQuantizedConvolutionMultipler)
        F32ProductF64Div = "f32-product-f64-div",
    }
}

axis! {
    /// How the sum is scaled.
    Scaling {
        /// f32(sum) ⊗ multiplier
        MultiplyF32 = "multiply-f32",
        /// f64(sum) · multiplier in f64, the zero point added in f64 where it comes before rounding
        MultiplyF64 = "multiply-f64",
        /// f32(sum) ⊗ f32(sa) ⊗ f32(sw), bias, then ⊘ f32(so)
        StepwiseDiv = "stepwise-div",
        /// f32(sum) ⊗ f32(sa) ⊗ f32(sw), bias, then ⊗ (1 ⊘ f32(so))
        StepwiseMulRecip = "stepwise-mul-recip",
        /// f32(sum) ⊗ (f32(sa) ⊗ f32(sw)), bias, then ⊘ f32(so)
        ProductThenDiv = "product-then-div",
        /// f32(sum) ⊗ (f32(sa) ⊗ f32(sw)), bias, then ⊗ (1 ⊘ f32(so))
        ProductThenMulRecip = "product-then-mul-recip",
        /// the multiplier's bits, one rounding shift of the 64-bit product, ties up; 2^−32 ≤ multiplier < 2^8 (XNNPACK's rndnu)
        Q31Rshu = "q31-rshu",
        /// gemmlowp: high multiply rounded half up, then shift rounded half away; a multiplier of 1 or more (below 2^30) shifts the sum left first, in i32 that wraps; one below 2^−32 is 0
        Q31SrdhmRdbpot = "q31-srdhm-rdbpot",
        /// as q31-srdhm-rdbpot, but the shift is rounded half up, as NEON's vrshl does it
        Q31SrdhmRshu = "q31-srdhm-rshu",
        /// QNNPACK's q31: high multiply rounded half up, then shift rounded half away (gemmlowp's codes); 2^−32 ≤ multiplier < 1
        QnnpackQ31 = "qnnpack-q31",
        /// QNNPACK's precise: 64-bit product of the mantissa, rounded half away once; 2^−32 ≤ multiplier < 1
        QnnpackPrecise = "qnnpack-precise",
        /// TOSA's scale32: 31-bit multiplier, one rounding shift by 2 to 62 bits, ties up; a sum beyond the shift or i32 is left open
        TosaScale32 = "tosa-scale32",
        /// as tosa-scale32; above a shift of 31, 2^30 is added to the product of a sum that is not negative and taken from that of a negative one
        TosaScale32Double = "tosa-scale32-double",
        /// TOSA's scale16: 15-bit multiplier, one rounding shift by 2 to 62 bits, ties up; results beyond i32 are left open
        TosaScale16 = "tosa-scale16",
    }
}

axis! {
    /// How the sum of one kind of op is scaled, where that kind has kernels of its own.
    OpScaling {
        /// as all other ops: the scaling axis
        Same = "same",
        /// f64(sum) · multiplier in f64
        MultiplyF64 = "multiply-f64",
        /// gemmlowp: high multiply rounded half up, then shift rounded half away
        Q31SrdhmRdbpot = "q31-srdhm-rdbpot",
        /// high multiply rounded half up, then shift rounded half up
        Q31SrdhmRshu = "q31-srdhm-rshu",
    }
}

axis! {
    /// How an i64 sum of products of 16-bit activations is scaled, where it is not multiplied in f64.
    WideScaling {
        /// not at all: there are no such products
        Undefined = "undefined",
        /// sum times the multiplier in 15 bits, one shift rounded half up (TFLite's 16x8)
        Q15Rshu = "q15-rshu",
    }
}

rule! {
    /// How a sum becomes a code.
    RequantizeRule {
        /// float bias when the weights have one scale
        bias_per_tensor: Bias,
        /// float bias when the weights have a scale per channel
        bias_per_channel: Bias,
        /// how the multiplier is built
        multiplier: Multiplier,
        /// how that of linear is built where the weights have one scale
        multiplier_linear: OpMultiplier,
        /// how that of convolutions to u8 codes is built where the weights have one scale
        multiplier_u8: OpMultiplier,
        /// how that of products of two run-time matrices is built
        multiplier_batch: OpMultiplier,
        /// how the sum is scaled
        scaling: Scaling,
        /// how the sum of linear is scaled
        scaling_linear: OpScaling,
        /// how the sum of transposed convolution is scaled
        scaling_transposed: OpScaling,
        /// how the sum of products of two run-time matrices is scaled
        scaling_batch: OpScaling,
        /// how the tail of depthwise convolution is scaled: the channels that do not fill a vector
        scaling_depthwise_tail: OpScaling,
        /// where that tail starts, counted along output channels
        depthwise_width: BodyWidth,
        /// how the sum of products of 16-bit activations is scaled
        scaling_wide: WideScaling,
        /// scaled value to integer
        rounding: Rounding,
        /// where the output zero point is added
        zero_point: ZeroPointAt,
        /// where the range is enforced
        clamp: ClampAt,
        /// conversion outside the integer range
        cast: Cast,
    }
}

/// The kinds of ops whose sums a [`RequantizeRule`] may scale in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumOf {
    /// linear
    Linear,
    /// convolution that is not depthwise, and requantize by itself
    Conv,
    /// depthwise convolution
    Depthwise,
    /// transposed convolution
    Transposed,
    /// products of two run-time matrices
    Batch,
}

impl SumOf {
    /// The kind of a convolution: depthwise where each input channel is a group
    /// of its own, also with several output channels each.
    pub fn of(spec: &ConvSpec) -> Self {
        if spec.groups > 1 && spec.groups == spec.in_channels {
            Self::Depthwise
        } else {
            Self::Conv
        }
    }
}

impl RequantizeRule {
    /// What requantize with given multipliers reads of the rule.
    pub(crate) const fn of_given(&self) -> (Scaling, Rounding, ZeroPointAt, ClampAt, Cast) {
        (
            self.scaling,
            self.rounding,
            self.zero_point,
            self.clamp,
            self.cast,
        )
    }

    /// This rule as it is for `channel` of the `channels` outputs of an op: its
    /// scaling is what the axes for that kind of op say.
    pub fn of(mut self, op: SumOf, channel: usize, channels: usize) -> Self {
        let tail = channel >= self.depthwise_width.body_of(channels);
        let own = match op {
            SumOf::Linear => self.scaling_linear,
            SumOf::Depthwise if tail => self.scaling_depthwise_tail,
            SumOf::Transposed => self.scaling_transposed,
            SumOf::Batch => self.scaling_batch,
            SumOf::Depthwise | SumOf::Conv => OpScaling::Same,
        };
        self.scaling = match own {
            OpScaling::Same => self.scaling,
            OpScaling::MultiplyF64 => Scaling::MultiplyF64,
            OpScaling::Q31SrdhmRdbpot => Scaling::Q31SrdhmRdbpot,
            OpScaling::Q31SrdhmRshu => Scaling::Q31SrdhmRshu,
        };
        self
    }

    /// This rule with the multiplier of an op to codes of `output`.
    pub fn built_for(self, op: SumOf, output: DType, per_channel: bool) -> Self {
        Self {
            multiplier: self.multiplier_of(op, output, per_channel),
            ..self
        }
    }

    /// How the multiplier of an op to codes of `output` is built.
    pub fn multiplier_of(&self, op: SumOf, output: DType, per_channel: bool) -> Multiplier {
        let own = match op {
            SumOf::Batch => self.multiplier_batch,
            _ if per_channel => OpMultiplier::Same,
            SumOf::Linear => self.multiplier_linear,
            _ if output == DType::U8 => self.multiplier_u8,
            _ => OpMultiplier::Same,
        };
        match own {
            OpMultiplier::Same => self.multiplier,
            OpMultiplier::F32ProductF64Div => Multiplier::F32ProductF64Div,
        }
    }
}

axis! {
    /// How the two scales of a float-output product are applied.
    DynamicScale {
        /// f32(sum) ⊗ (f32(sa) ⊗ f32(sw))
        Product = "product",
        /// (f32(sum) ⊗ f32(sa)) ⊗ f32(sw)
        LeftToRight = "left-to-right",
        /// (f32(sum) ⊗ X) ⊗ W, X = 1 ⊘ f32(1/sa), W = 1 ⊘ (1 ⊘ f32(sw)): reciprocals of reciprocals, one after the other
        LeftToRightOfRecips = "left-to-right-of-recips",
        /// f32(sum) ⊗ f32(X·W), X = 1 ⊘ f32(1/sa), W = 1 ⊘ (1 ⊘ f32(sw)): reciprocals of reciprocals
        DoubleReciprocal = "double-reciprocal",
        /// f32(sum) ⊗ (1 ⊘ r), r = f32(1/sa) ⊗ (1 ⊘ f32(sw)): the reciprocal of a product of reciprocals
        RecipOfRecips = "recip-of-recips",
    }
}

axis! {
    /// How the bias of a float-output product is added.
    DynamicBias {
        /// multiply, round, add, round
        MulThenAdd = "mul-then-add",
        /// fused multiply-add
        Fma = "fma",
        /// added to f32(sum) before it is scaled, after multiplication by f32(1/sa) ⊗ (1 ⊘ f32(sw))
        BeforeScale = "before-scale",
    }
}

axis! {
    /// How float activations and float weights are multiplied and summed (weight-only linear,
    /// and convolutions between nodes that quantize).
    FloatAccumulation {
        /// k ascending, product rounded, then sum rounded
        SequentialMulAdd = "sequential-mul-add",
        /// k ascending, fused multiply-add
        SequentialFma = "sequential-fma",
        /// fused multiply-add, the first onto the bias; k ascending, in convolutions 8 channels at a time through all kernel positions (oneDNN's generated convolutions of f32)
        FmaFromBias = "fma-from-bias",
        /// products and sums rounded apart; k goes in turn to 4 sums, added (0 + 2) + (1 + 3), or to 8, likewise by halves, in columns after the last whole 4; k in such steps, 2 columns or more, else undefined (MKL's sgemm without AVX, 2 to 7 rows a thread)
        SideBySide = "side-by-side",
        /// in f64, rounded to f32 once at the end
        F64 = "f64",
    }
}

axis! {
    /// In which order f32 activations times weights of half precision are summed.
    HalfSums {
        /// k ascending, fused multiply-add, in blocks of 512; rows that FBGEMM's kernels for AVX2 take one or two at a time in four or two sums side by side
        FbgemmAvx2 = "fbgemm-avx2",
        /// not at all: the system has no such op, or its order is not known
        Undefined = "undefined",
    }
}

rule! {
    /// How a sum becomes a float output (dynamic and weight-only linear), and how floats are summed.
    FloatOutputRule {
        /// scales
        scale: DynamicScale,
        /// bias
        bias: DynamicBias,
        /// weight-only sums
        weight_only: FloatAccumulation,
        /// convolutions of f32
        float_conv: FloatAccumulation,
        /// sums with weights of half precision
        half_weights: HalfSums,
    }
}
