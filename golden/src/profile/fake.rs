//! Axes of fake quantization: real values to the values that codes stand for.

use super::Rounding;
use super::axis::{axis, rule};

axis! {
    /// How limits of real values become a scale, its reciprocal and a zero point. n is the number of steps between the lowest and the highest code.
    LimitsForm {
        /// scale (hi ⊖ lo) ⊘ n, reciprocal n ⊘ (hi ⊖ lo), zero point half away of (qmin ⊖ lo ⊘ scale), held to the codes; limits 0 and 0 give zeros
        Nudged = "nudged",
        /// reciprocal qmax ⊘ hi, zero point 0; for hi not above 2^-24 values are multiplied by 0 and divided by 1
        Threshold = "threshold",
        /// reciprocal (1 ⊘ span) ⊗ n, zero point qmin − reciprocal ⊗ lo; the span holds 0; symmetric: half of n, (1 ⊘ max |x|) ⊗ n/2; a span of 0 gives reciprocal 1
        RecipTimesSteps = "recip-times-steps",
        /// scale (hi ⊖ lo) ⊘ n, zero point even-rounded (qmin ⊗ hi ⊖ qmax ⊗ lo) ⊘ (hi ⊖ lo), held to the codes; symmetric: the middle code
        Quotient = "quotient",
        /// reciprocal: the lesser of qmin ⊘ lo and qmax ⊘ hi that are positive; zero point 0
        LesserRatio = "lesser-ratio",
        /// as quotient, the scale not below f32(1e-7)
        QuotientAboveEps = "quotient-above-1e-7",
        /// reciprocal n ⊘ (hi ⊖ lo); the lowest code stands for lo
        FromLowest = "from-lowest",
        /// reciprocal n ⊘ (hi ⊖ lo), zero point qmin minus half away of (lo ⊗ reciprocal)
        RoundedLowest = "rounded-lowest",
        /// as rounded-lowest, the zero point qmin ⊖ lo ⊗ reciprocal not rounded
        ExactLowest = "exact-lowest",
        /// reciprocal n ⊘ max |limit|, half of n where there are negative codes; zero point 0
        StepsOverGreatest = "steps-over-greatest",
        /// scale (hi ⊖ lo) ⊘ n; the code 0 stands for lo
        CountedFromLowest = "counted-from-lowest",
        /// reciprocal qmax ⊗ (1 ⊘ hi), with hi ⊕ 1e-6 for hi up to 1e-30; zero point 0
        RecipOfLimit = "recip-of-limit",
    }
}

axis! {
    /// How a real value becomes a number of steps.
    StepTransform {
        /// multiply by the reciprocal of the scale: x ⊗ (1 ⊘ s)
        MulRecipF32 = "mul-recip-f32",
        /// multiply by the reciprocal that the limits give, or f32(1 / s) of a given scale
        MulReciprocal = "mul-reciprocal",
        /// divide: x ⊘ s
        DivF32 = "div-f32",
    }
}

axis! {
    /// Which bounds real values are held to before anything else.
    ValueBound {
        /// none
        None = "none",
        /// the values of the lowest and the highest code: (qmin − z) ⊗ s and (qmax − z) ⊗ s
        Codes = "codes",
        /// the limits as they are given
        Limits = "limits",
    }
}

axis! {
    /// From where steps are counted.
    StepOrigin {
        /// from 0
        Zero = "zero",
        /// from the lowest value: its difference to x is transformed
        Lowest = "lowest",
        /// from the lowest value, less the steps from there to 0, floor((0 ⊖ lowest) ⊗ reciprocal ⊕ ½)
        LowestLessZero = "lowest-less-zero",
    }
}

axis! {
    /// Where the zero point is added to steps, in f32.
    FakeZeroPoint {
        /// after rounding
        AfterRound = "after-round",
        /// before rounding
        BeforeRound = "before-round",
        /// before rounding, by subtracting its negative: −0 steps stay −0 where it is 0
        NegativeBeforeRound = "negative-before-round",
    }
}

axis! {
    /// Where steps are held to the range of codes, in f32.
    FakeClamp {
        /// nowhere
        None = "none",
        /// before rounding
        BeforeRound = "before-round",
        /// after rounding and the zero point
        AfterZeroPoint = "after-zero-point",
    }
}

axis! {
    /// What codes are while they are held.
    FakeCodes {
        /// floats: −0 stays −0
        Floats = "floats",
        /// floats until they are held to the range, then integers
        Integers = "integers",
        /// floats, rounded as t ⊕ (round(t) ⊖ t): −0 becomes 0, ±∞ become NaN
        RoundedThrough = "rounded-through",
        /// x86 cvttss2si to i64 before they are held to the range: i64::MIN for what does not fit
        IntegersBeforeClamp = "integers-before-clamp",
    }
}

axis! {
    /// What NaN becomes.
    FakeNan {
        /// it stays NaN
        Kept = "kept",
        /// the value of the lowest code
        LowestCode = "lowest-code",
        /// the value of the highest code
        HighestCode = "highest-code",
        /// the value of code 0; so does a NaN zero point become 0
        CodeZero = "code-zero",
    }
}

axis! {
    /// How a code becomes a real value.
    FakeValue {
        /// (q ⊖ z) ⊗ s
        SubMul = "sub-mul",
        /// (q ⊖ z) ⊘ reciprocal
        SubDiv = "sub-div",
        /// (q ⊕ −z) ⊘ reciprocal: −0 becomes 0
        AddDiv = "add-div",
        /// (q ⊖ z) ⊗ s ⊕ lowest
        MulAddLowest = "mul-add-lowest",
        /// f32((q ⊖ z) · s + lowest) in f64
        MulAddLowestF64 = "mul-add-lowest-f64",
        /// (q ⊖ z) ⊗ limit ⊘ qmax; the limit of a given scale is f32(s · qmax)
        MulLimitDiv = "mul-limit-div",
    }
}

axis! {
    /// What the quantizer gives.
    FakeResult {
        /// the value
        Value = "value",
        /// x ⊕ (value ⊖ x), which is not the value where |x| is much greater
        StraightThrough = "straight-through",
    }
}

axis! {
    /// Where the gradient is passed straight through to the input; elsewhere it is multiplied by 0.
    FakeGradient {
        /// where the code, before it is held to the range, lies in it
        CodesWithin = "codes-within",
        /// where the number of steps, before it is rounded, is not beyond the range; NaN is not
        StepsNotBeyond = "steps-not-beyond",
    }
}

axis! {
    /// The gradients of scale and zero point, where they are learned.
    ScaleGradient {
        /// they are not learned
        None = "none",
        /// LSQ: what the clamped codes, or what rounding took, times the gradient above, times 1 / √(qmax · count), summed as PyTorch sums
        LearnedStep = "learned-step",
    }
}

axis! {
    /// How the mean over a channel of a channel-last tensor is summed, in f32.
    ChannelMean {
        /// in order
        InOrder = "in-order",
        /// channels that make whole groups of 8 in 4 sums of every fourth value, which are then added in order; others in order
        FourSumsInGroupsOf8 = "four-sums-in-groups-of-8",
    }
}

axis! {
    /// How the logarithm of an f32 is computed where exponents are chosen by it.
    Logarithm {
        /// rounded to the nearest f32
        Rounded = "rounded",
        /// Cephes' polynomial as Eigen evaluates it, with fused multiply-adds
        EigenF32 = "eigen-f32",
    }
}

axis! {
    /// What powers of two below the least normal f32 are.
    Subnormals {
        /// subnormal numbers
        Kept = "kept",
        /// 0
        Flushed = "flushed",
    }
}

rule! {
    /// How real values are held to the values of codes; all in f32.
    FakeQuantizeRule {
        /// limits to scale and zero point
        limits: LimitsForm,
        /// bounds of real values
        bound: ValueBound,
        /// from where steps are counted
        origin: StepOrigin,
        /// value to steps
        transform: StepTransform,
        /// steps to integer
        rounding: Rounding,
        /// where the zero point is added
        zero_point: FakeZeroPoint,
        /// where the range is enforced
        clamp: FakeClamp,
        /// what codes are
        codes: FakeCodes,
        /// NaN
        nan: FakeNan,
        /// code to value
        value: FakeValue,
        /// what is given
        result: FakeResult,
        /// where the gradient passes
        gradient: FakeGradient,
        /// gradients of scale and zero point
        scale_gradient: ScaleGradient,
        /// sums that scales are fitted by
        mean: ChannelMean,
        /// logarithms that exponents are chosen by
        logarithm: Logarithm,
        /// powers of two that are subnormal
        subnormals: Subnormals,
    }
}
