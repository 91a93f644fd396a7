//! How a value becomes a code, a vector at a time: the axes of the profile's
//! quantize stage that vector kernels meet (PyTorch
//! `aten/src/ATen/native/quantized/cpu/kernels/QuantizedOpKernels.cpp`,
//! quantize_tensor_per_tensor_affine; with FBGEMM its `src/QuantUtilsAvx2.cc`).

use qassay_golden::profile::{
    Cast, ClampAt, NanRule, PreClamp, QuantizeRule, Rounding, Transform, ZeroPointAt,
};

use crate::backend::Refusal;
use crate::isa::{Conversion, Isa};

/// How steps become codes.
#[derive(Debug, Clone, Copy)]
pub struct Element {
    transform: Transform,
    bound: bool,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// converted, zero point added in i32, clamped
    Wide,
    /// converted, narrowed to i16, zero point added in i16 that saturates, clamped
    Narrow,
    /// held to the range less the zero point, converted, zero point added
    Held,
}

impl Element {
    /// By `rule`, to 8-bit codes unless `wide`.
    ///
    /// # Errors
    /// When the family or the instruction set has no such arithmetic.
    pub fn new<I: Isa>(rule: &QuantizeRule, wide: bool) -> Result<Self, Refusal> {
        if rule.rounding != Rounding::TiesEven {
            return refuse("rounding other than to nearest-even");
        }
        if rule.transform == Transform::DivF64 {
            return refuse("division in f64");
        }
        let place = match (rule.clamp, rule.zero_point) {
            (ClampAt::AfterZeroPoint, ZeroPointAt::AfterI32Wrapping) => Place::Wide,
            (ClampAt::AfterZeroPoint, ZeroPointAt::AfterI16Saturating) if !wide => Place::Narrow,
            (ClampAt::BeforeRound, ZeroPointAt::AfterI64) if !wide => Place::Held,
            // Within 8 bits i64 holds what i16 that saturates holds.
            (ClampAt::AfterZeroPoint, ZeroPointAt::AfterI64) if !wide => Place::Narrow,
            _ => return refuse("zero point or clamp at this place"),
        };
        let cast = match (rule.cast, I::CONVERSION) {
            _ if place == Place::Held => true,
            (Cast::Open, _)
            | (Cast::X86IndefiniteI32, Conversion::Indefinite)
            | (Cast::Saturate, Conversion::Saturating) => true,
            // Bounded from above, only NaN and the far negative are left, and both give i32::MIN.
            _ => false,
        };
        let nan = match rule.nan {
            NanRule::Open => true,
            NanRule::ThroughCast => place != Place::Held,
            NanRule::LowestCode => place == Place::Held,
            NanRule::HighestCode | NanRule::CodeZero => false,
        };
        if !cast || !nan {
            return refuse("conversion of NaN and of what does not fit i32 in this way");
        }
        Ok(Self {
            transform: rule.transform,
            bound: rule.pre_clamp == PreClamp::MinBelow2Pow31,
            place,
        })
    }

    /// What values are multiplied with, or divided by.
    pub fn factor(self, scale: f64) -> f32 {
        match self.transform {
            Transform::MulRecipF32 => 1.0 / scale as f32,
            Transform::MulRecipF64 => (1.0 / scale) as f32,
            Transform::DivF32 | Transform::DivF64 => scale as f32,
        }
    }

    /// What records call it.
    pub fn name(self) -> &'static str {
        match self.place {
            Place::Wide => "i32",
            Place::Narrow => "i16",
            Place::Held => "held",
        }
    }

    /// The codes of `LANES` values, in i32 lanes; each lane has its factor and zero point.
    #[inline(always)]
    pub fn codes<I: Isa>(
        self,
        isa: I,
        values: I::F,
        factor: I::F,
        zero_point: I::V,
        (low, high): (i32, i32),
    ) -> I::V {
        let mut steps = if self.transform == Transform::DivF32 {
            isa.div_f32(values, factor)
        } else {
            isa.mul_f32(values, factor)
        };
        if self.bound {
            steps = isa.min_f32(steps, isa.splat_f32(2_147_483_520.0));
        }
        let (low, high) = (isa.splat_i32(low), isa.splat_i32(high));
        match self.place {
            Place::Held => {
                let bound = |end| isa.i32_to_f32(isa.sub_i32(end, zero_point));
                // In this order NaN gives the lower bound.
                let held = isa.min_f32(isa.max_f32(steps, bound(low)), bound(high));
                isa.add_i32(isa.f32_to_i32_even(held), zero_point)
            }
            place => {
                let mut codes = isa.f32_to_i32_even(steps);
                if place == Place::Narrow {
                    codes = isa.saturate_to_i16(codes);
                }
                let codes = isa.add_i32(codes, zero_point);
                isa.min_i32(isa.max_i32(codes, low), high)
            }
        }
    }
}

fn refuse<T>(what: &str) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(format!(
        "qnnpack quantizes without {what}"
    )))
}
