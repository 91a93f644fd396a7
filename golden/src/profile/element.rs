//! Axes of element quantization (f32 to code) and dequantization (code to f32).

use super::axis::{axis, rule};

axis! {
    /// How a real value becomes a number of steps, before rounding.
    Transform {
        /// multiply by the reciprocal of the scale, both in f32: x ⊗ (1 ⊘ f32(s))
        MulRecipF32 = "mul-recip-f32",
        /// multiply in f32 by the reciprocal taken in f64: x ⊗ f32(1 / s)
        MulRecipF64 = "mul-recip-f64",
        /// divide in f32: x ⊘ f32(s)
        DivF32 = "div-f32",
        /// divide in f64: f64(x) / s
        DivF64 = "div-f64",
        /// divide in f64 by the scale as f32: f64(x) / f64(f32(s))
        DivF64BySingle = "div-f64-by-f32",
    }
}

axis! {
    /// A bound applied to the transformed value before rounding.
    PreClamp {
        /// no bound
        None = "none",
        /// min(t, 2147483520.0) as x86 minps does it: NaN gives the bound (fbgemm QuantizeAvx2)
        MinBelow2Pow31 = "min-2147483520",
    }
}

axis! {
    /// How a real number becomes an integer.
    Rounding {
        /// nearest, ties to even
        TiesEven = "ties-even",
        /// nearest, ties away from zero
        TiesAway = "ties-away",
        /// nearest, ties toward positive infinity, exactly
        TiesUp = "ties-up",
        /// sign(x)·floor(|x| + 0.5) in the working float type
        AwayViaFloorHalf = "away-via-floor-half",
        /// floor(x + 0.5) in the working float type
        UpViaFloorHalf = "up-via-floor-half",
        /// toward zero
        TowardZero = "toward-zero",
    }
}

axis! {
    /// Where, and in which arithmetic, the zero point is added.
    ZeroPointAt {
        /// after rounding, in i32 that wraps
        AfterI32Wrapping = "after-round-i32-wrapping",
        /// after rounding, in i64 (never overflows)
        AfterI64 = "after-round-i64",
        /// after rounding and narrowing to i16, in i16 that saturates
        AfterI16Saturating = "after-round-i16-saturating",
        /// after rounding, in f32
        AfterF32 = "after-round-f32",
        /// before rounding, in f32
        BeforeF32 = "before-round-f32",
    }
}

axis! {
    /// Where the result is held to the range of codes.
    ClampAt {
        /// after the zero point was added and everything was rounded
        AfterZeroPoint = "after-zero-point",
        /// in float before rounding, to bounds from which the zero point was subtracted where it is added later
        BeforeRound = "before-round",
    }
}

axis! {
    /// What a float-to-integer conversion gives for NaN and out-of-range values.
    Cast {
        /// x86 cvtps2dq: i32::MIN for NaN and everything outside i32
        X86IndefiniteI32 = "x86-indefinite-i32",
        /// x86 cvtsd2si: i64::MIN for NaN and everything outside i64
        X86IndefiniteI64 = "x86-indefinite-i64",
        /// the ends of the range for out-of-range values, 0 for NaN
        Saturate = "saturate",
        /// left open: the profile does not say, and outputs that depend on it are not compared
        Open = "open",
    }
}

axis! {
    /// What NaN becomes when quantized.
    NanRule {
        /// whatever the conversion and the clamp make of it
        ThroughCast = "through-cast",
        /// the lowest code (float clamp in the order max(lo, min(hi, x)) of x86 maxps)
        LowestCode = "lowest-code",
        /// the highest code
        HighestCode = "highest-code",
        /// i32::MIN cut to the code type: 0 for 8 bits whatever the zero point, the lowest code for 32 bits
        CodeZero = "code-zero",
        /// left open: the profile does not say, and such outputs are not compared
        Open = "open",
    }
}

axis! {
    /// How many leading elements use the body's arithmetic: a multiple of this width; the rest is the tail.
    BodyWidth {
        /// every element is body
        Whole = "whole",
        /// groups of 8
        Groups8 = "groups-of-8",
        /// groups of 16
        Groups16 = "groups-of-16",
        /// groups of 32
        Groups32 = "groups-of-32",
        /// groups of 64
        Groups64 = "groups-of-64",
    }
}

impl BodyWidth {
    /// How many of `len` elements, from the start, are body.
    pub fn body_of(self, len: usize) -> usize {
        let width = match self {
            Self::Whole => return len,
            Self::Groups8 => 8,
            Self::Groups16 => 16,
            Self::Groups32 => 32,
            Self::Groups64 => 64,
        };
        len / width * width
    }
}

axis! {
    /// How the elements behind the last whole group are quantized.
    QuantizeTail {
        /// as those of the body
        AsBody = "as-body",
        /// divided in f64 by the scale as f32, ties away from zero: what a compiler makes of `round(x / s)` in C++
        DivF64Away = "div-f64-by-f32-ties-away",
    }
}

axis! {
    /// How values become codes where each channel has a scale.
    ChannelQuantize {
        /// as with one scale
        AsPerTensor = "as-per-tensor",
        /// divided in f32, ties away from zero, body and tail alike
        DivF32Away = "div-f32-ties-away",
    }
}

rule! {
    /// How a real value becomes a code.
    QuantizeRule {
        /// value to steps
        transform: Transform,
        /// bound before rounding
        pre_clamp: PreClamp,
        /// steps to integer
        rounding: Rounding,
        /// where the zero point is added
        zero_point: ZeroPointAt,
        /// where the range is enforced
        clamp: ClampAt,
        /// conversion outside the integer range
        cast: Cast,
        /// NaN
        nan: NanRule,
        /// what differs behind the last whole group
        tail: QuantizeTail,
        /// with a scale per channel
        per_channel: ChannelQuantize,
        /// where the tail starts
        width: BodyWidth,
    }
}

impl QuantizeRule {
    /// The rule of element `index` of `len`: that of the body or of the tail, each with nothing
    /// behind it.
    pub fn at(self, index: usize, len: usize) -> Self {
        let tail = index >= self.width.body_of(len) && self.tail == QuantizeTail::DivF64Away;
        let whole = Self {
            tail: QuantizeTail::AsBody,
            width: BodyWidth::Whole,
            ..self
        };
        match tail {
            true => Self {
                transform: Transform::DivF64BySingle,
                rounding: Rounding::TiesAway,
                ..whole
            },
            false => whole,
        }
    }

    /// The rule where each channel has a scale.
    pub fn of_channels(self) -> Self {
        match self.per_channel {
            ChannelQuantize::AsPerTensor => self,
            ChannelQuantize::DivF32Away => Self {
                transform: Transform::DivF32,
                rounding: Rounding::TiesAway,
                tail: QuantizeTail::AsBody,
                width: BodyWidth::Whole,
                ..self
            },
        }
    }
}

axis! {
    /// How a code becomes a real value.
    DequantizeForm {
        /// f32(s) ⊗ f32(q − z)
        SubMul = "sub-mul",
        /// fma(f32(s), f32(q), f32(s) ⊗ f32(−z)): the product with the zero point is rounded first
        FmaPremul = "fma-premul",
        /// f32(q) ⊗ f32(s) ⊕ f32(s) ⊗ f32(−z): every product rounded (LiteRT without fused multiply-add)
        MulAddPremul = "mul-add-premul",
        /// f32(s · (f32(q) − f32(z))), the difference in f32, s and the product in f64
        MulF64 = "mul-f64",
        /// f32(s) ⊗ (f32(q) − f32(z))
        FloatSubMul = "float-sub-mul",
        /// (f32(q − z) ⊗ f32(qmax·s)) ⊘ qmax, qmax the type's greatest code: scales that are kept as limits (Paddle)
        MulLimitDiv = "mul-limit-div",
    }
}

axis! {
    /// How codes become values where each channel has a scale.
    ChannelDequantize {
        /// as with one scale
        AsPerTensor = "as-per-tensor",
        /// f32(s) ⊗ f32(q − z), body and tail alike
        SubMul = "sub-mul",
        /// f32(s · (f32(q) − f32(z))), the difference in f32, s and the product in f64
        MulF64 = "mul-f64",
    }
}

rule! {
    /// How a code becomes a real value; body and tail may differ.
    DequantizeRule {
        /// arithmetic of the body
        body: DequantizeForm,
        /// arithmetic of the tail
        tail: DequantizeForm,
        /// with a scale per channel
        per_channel: ChannelDequantize,
        /// where the tail starts
        width: BodyWidth,
    }
}
