//! A window's sum to a code: one multiplication by the quotient of scales and
//! count, rounded, zero point added.
//!
//! Sources: QNNPACK `src/average-pooling.c`, `src/qnnpack/requantization.h`
//! (qnnp_compute_avgpool_quantization_params, qnnp_avgpool_quantize): a
//! multiplier of 24 bits, rounded half away; in PyTorch a float one. XNNPACK has
//! both: the float one for means of whole images.

use qassay_golden::profile::AvgPoolForm;

use super::fixed_point::{mantissa, multiply_half_away};
use crate::backend::Refusal;
use crate::isa::Isa;

/// How sums become codes.
#[derive(Debug, Clone, Copy)]
pub struct Mean {
    form: AvgPoolForm,
    zero_point: i32,
    low: i32,
    high: i32,
}

/// What a sum is multiplied with.
#[derive(Debug, Clone, Copy)]
pub enum Multiplier {
    /// a float
    Real(f32),
    /// 24 bits, and how far the product is shifted
    Fixed(i32, i32),
}

impl Mean {
    /// By `form`, from codes of scale `scales.0` to those of `scales.1` with `zero_point`, in
    /// `range`.
    ///
    /// # Errors
    /// When the form does not hold the ratio of the scales.
    pub fn new(
        form: AvgPoolForm,
        scales: (f32, f32),
        zero_point: i32,
        range: (i32, i32),
    ) -> Result<Self, Refusal> {
        let ratio = scales.0 / scales.1;
        let bounded = matches!(
            form,
            AvgPoolForm::ProductMulF32 | AvgPoolForm::FixedPoint24 | AvgPoolForm::FixedPoint24Up
        );
        if bounded && !(1.0 / 256.0..256.0).contains(&ratio) {
            return Err(Refusal::Unsupported(format!(
                "a ratio of input to output scale of {ratio}; averages hold [2^-8, 2^8)"
            )));
        }
        Ok(Self {
            form,
            zero_point,
            low: range.0,
            high: range.1,
        })
    }

    /// The multiplier of a window of `count` codes.
    ///
    /// # Errors
    /// When the fixed point does not hold it.
    pub fn multiplier(self, scales: (f32, f32), count: usize) -> Result<Multiplier, Refusal> {
        let count = count as f32;
        let product = scales.0 / (scales.1 * count);
        let quotient = scales.0 / scales.1 / count;
        Ok(match self.form {
            AvgPoolForm::MulF32 | AvgPoolForm::MulAddF32 => Multiplier::Real(quotient),
            AvgPoolForm::DoubleRecipF32 => Multiplier::Real(1.0 / (1.0 / quotient)),
            AvgPoolForm::ProductMulF32 => Multiplier::Real(product),
            AvgPoolForm::FixedPoint24 | AvgPoolForm::FixedPoint24Up => {
                let (mantissa, exponent) = mantissa(product, 256.0)?;
                Multiplier::Fixed(mantissa, 150 - exponent)
            }
            AvgPoolForm::FixedPoint24OrGlobal => {
                let message = "a mean whose form depends on the window is chosen by window".into();
                return Err(Refusal::Unsupported(message));
            }
            AvgPoolForm::RealsOrGlobal => {
                let message = "qnnpack has no mean of real values".into();
                return Err(Refusal::Unsupported(message));
            }
            AvgPoolForm::CodesDivided | AvgPoolForm::Reciprocal30 => {
                let message = "qnnpack has no mean by integer arithmetic alone".into();
                return Err(Refusal::Unsupported(message));
            }
        })
    }

    /// The codes of `LANES` sums, zero points taken off.
    #[inline(always)]
    pub fn codes<I: Isa>(self, isa: I, sums: I::V, multiplier: Multiplier) -> I::V {
        let before = self.form == AvgPoolForm::MulAddF32;
        let rest = if before { 0 } else { self.zero_point };
        let (low, high) = (self.low - rest, self.high - rest);
        let steps = match multiplier {
            Multiplier::Real(multiplier) => {
                let mut value = isa.mul_f32(isa.i32_to_f32(sums), isa.splat_f32(multiplier));
                if before {
                    value = isa.add_f32(value, isa.splat_f32(self.zero_point as f32));
                }
                let held = isa.max_f32(value, isa.splat_f32(low as f32));
                isa.f32_to_i32_even(isa.min_f32(held, isa.splat_f32(high as f32)))
            }
            Multiplier::Fixed(multiplier, shift) => {
                let (multiplier, shift) = (isa.splat_i32(multiplier), isa.splat_i32(shift));
                match self.form {
                    AvgPoolForm::FixedPoint24 => multiply_half_away(isa, sums, multiplier, shift),
                    _ => isa.mul_round_shift(sums, multiplier, shift),
                }
            }
        };
        let held = isa.max_i32(steps, isa.splat_i32(low));
        isa.add_i32(isa.min_i32(held, isa.splat_i32(high)), isa.splat_i32(rest))
    }
}
