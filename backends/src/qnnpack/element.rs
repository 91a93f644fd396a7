//! How a value becomes a code, a vector at a time: the axes of the profile's
//! quantize stage that vector kernels meet (PyTorch
//! `aten/src/ATen/native/quantized/cpu/kernels/QuantizedOpKernels.cpp`,
//! quantize_tensor_per_tensor_affine; with FBGEMM its `src/QuantUtilsAvx2.cc`).

use qassay_golden::profile::{
    Cast, ChannelQuantize, ClampAt, NanRule, PreClamp, QuantizeRule, QuantizeTail, Rounding,
    Transform, ZeroPointAt,
};
use qassay_golden::tensor::DType;

use crate::backend::Refusal;
use crate::isa::{Conversion, Isa};
use crate::rows;

/// How steps become codes.
#[derive(Debug, Clone, Copy)]
pub struct Element {
    transform: Transform,
    /// steps are held below 2^31, NaN with them
    bound: bool,
    /// steps are held within i32, because the conversion does not saturate
    hold: bool,
    place: Place,
    nan: Nan,
    range: (i32, i32),
    /// the range in f32, not reaching outside it
    bounds: (f32, f32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// converted, zero point added in i32, clamped
    Wide,
    /// converted, narrowed to i16, zero point added, clamped; codes are of 8 bits
    Narrow,
    /// held to the range less the zero point, converted, zero point added
    Held,
    /// zero point added, held to the range, rounded half away, converted
    BeforeAway,
}

/// What NaN becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nan {
    /// whatever the conversion and the clamp make of it
    Through,
    /// 0 steps
    NoSteps,
    /// the highest code
    Highest,
}

impl Element {
    /// By `rule`, to codes of `dtype` in `range`.
    ///
    /// # Errors
    /// When the family or the instruction set has no such arithmetic.
    pub fn new<I: Isa>(
        rule: &QuantizeRule,
        dtype: DType,
        range: (i64, i64),
    ) -> Result<Self, Refusal> {
        let eight = dtype != DType::I32;
        let place = match (rule.rounding, rule.clamp, rule.zero_point) {
            (Rounding::TiesEven, ClampAt::AfterZeroPoint, ZeroPointAt::AfterI32Wrapping) => {
                Place::Wide
            }
            // Within 8 bits i64 holds what i16 that saturates holds.
            (
                Rounding::TiesEven,
                ClampAt::AfterZeroPoint,
                ZeroPointAt::AfterI16Saturating | ZeroPointAt::AfterI64,
            ) if eight => Place::Narrow,
            (Rounding::TiesEven, ClampAt::BeforeRound, ZeroPointAt::AfterI64) if eight => {
                Place::Held
            }
            (Rounding::TiesAway, ClampAt::BeforeRound, ZeroPointAt::BeforeF32) => Place::BeforeAway,
            _ => return refuse("this rounding with zero point and clamp at these places"),
        };
        if matches!(
            rule.transform,
            Transform::DivF64 | Transform::DivF64BySingle
        ) {
            return refuse("division in f64");
        }
        if rule.tail != QuantizeTail::AsBody || rule.per_channel != ChannelQuantize::AsPerTensor {
            return refuse(
                "values that fill no vector, or have scales by channel, by another rule",
            );
        }
        let clamped_first = matches!(place, Place::Held | Place::BeforeAway);
        let hold = match (rule.cast, I::CONVERSION) {
            _ if clamped_first => false,
            (Cast::Open, _)
            | (Cast::X86IndefiniteI32, Conversion::Indefinite)
            | (Cast::Saturate, Conversion::Saturating) => false,
            (Cast::Saturate, Conversion::Indefinite) => true,
            (Cast::X86IndefiniteI32, Conversion::Saturating) | (Cast::X86IndefiniteI64, _) => {
                return refuse("conversions as x86 does them on instructions that saturate");
            }
        };
        let nan = match rule.nan {
            NanRule::Open => Nan::Through,
            NanRule::ThroughCast if hold => Nan::NoSteps,
            NanRule::ThroughCast => Nan::Through,
            NanRule::LowestCode if clamped_first => Nan::Through,
            NanRule::HighestCode => Nan::Highest,
            NanRule::LowestCode | NanRule::CodeZero => return refuse("NaN to this code"),
        };
        Ok(Self {
            transform: rule.transform,
            bound: rule.pre_clamp == PreClamp::MinBelow2Pow31,
            hold,
            place,
            nan,
            range: (range.0 as i32, range.1 as i32),
            bounds: rows::float_range(range),
        })
    }

    /// What values are multiplied with, or divided by.
    pub fn factor(self, scale: f64) -> f32 {
        match self.transform {
            Transform::MulRecipF32 => 1.0 / scale as f32,
            Transform::MulRecipF64 => (1.0 / scale) as f32,
            Transform::DivF32 | Transform::DivF64 | Transform::DivF64BySingle => scale as f32,
        }
    }

    /// What records call it.
    pub fn name(self) -> &'static str {
        match self.place {
            Place::Wide => "i32",
            Place::Narrow => "i16",
            Place::Held => "held",
            Place::BeforeAway => "away",
        }
    }

    /// The codes of `LANES` values, in i32 lanes; each lane has its factor and zero point.
    #[inline(always)]
    pub fn codes<I: Isa>(self, isa: I, values: I::F, factor: I::F, zero_point: I::V) -> I::V {
        let mut steps = if self.transform == Transform::DivF32 {
            isa.div_f32(values, factor)
        } else {
            isa.mul_f32(values, factor)
        };
        let nan = isa.nan_mask(steps);
        if self.bound || self.hold {
            steps = isa.min_f32(steps, isa.splat_f32(2_147_483_520.0));
        }
        if self.hold {
            steps = isa.max_f32(steps, isa.splat_f32(-2_147_483_648.0));
        }
        let (low, high) = (isa.splat_i32(self.range.0), isa.splat_i32(self.range.1));
        let codes = match self.place {
            Place::Held => {
                let bound = |end| isa.i32_to_f32(isa.sub_i32(end, zero_point));
                // In this order NaN gives the lower bound.
                let held = isa.min_f32(isa.max_f32(steps, bound(low)), bound(high));
                isa.add_i32(isa.f32_to_i32_even(held), zero_point)
            }
            Place::BeforeAway => {
                let moved = isa.add_f32(steps, isa.i32_to_f32(zero_point));
                let held = isa.max_f32(moved, isa.splat_f32(self.bounds.0));
                round_half_away(isa, isa.min_f32(held, isa.splat_f32(self.bounds.1)))
            }
            Place::Wide | Place::Narrow => {
                let mut codes = isa.f32_to_i32_even(steps);
                if self.nan == Nan::NoSteps {
                    codes = isa.and(codes, isa.xor(nan, isa.splat_i32(-1)));
                }
                if self.place == Place::Narrow {
                    codes = isa.saturate_to_i16(codes);
                }
                codes = isa.add_i32(codes, zero_point);
                isa.min_i32(isa.max_i32(codes, low), high)
            }
        };
        if self.nan == Nan::Highest {
            let kept = isa.and(codes, isa.xor(nan, isa.splat_i32(-1)));
            return isa.or(kept, isa.and(nan, high));
        }
        codes
    }
}

/// Values within i32 to the nearest integer, ties away from zero.
#[inline(always)]
fn round_half_away<I: Isa>(isa: I, values: I::F) -> I::V {
    let whole = isa.f32_to_i32_trunc(values);
    // The rest is exact, and twice it is 1 or more from a half on.
    let rest = isa.sub_f32(values, isa.i32_to_f32(whole));
    isa.add_i32(whole, isa.f32_to_i32_trunc(isa.add_f32(rest, rest)))
}

fn refuse<T>(what: &str) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(format!("qnnpack has no {what}")))
}
