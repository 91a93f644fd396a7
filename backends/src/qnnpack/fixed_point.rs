//! Fixed-point requantization: an integer multiplier and a shift per column
//! instead of a float.

use qassay_golden::profile::Scaling;

use crate::backend::Refusal;
use crate::isa::Isa;

/// A scheme with its parameters.
#[derive(Debug)]
pub struct FixedPoint {
    scheme: Scheme,
    columns: Columns,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// high product rounded half up, shifted right rounded half away by the sum's sign (QNNPACK q31)
    Q31,
    /// magnitude times mantissa, rounded half up once, sign put back (QNNPACK precise)
    Precise,
    /// 64-bit product of the mantissa, one shift rounded half up (XNNPACK rndnu)
    Rndnu,
    /// shifted left, high product rounded half up, shifted right rounded half away (gemmlowp)
    Gemmlowp,
}

/// The parameters of each column, `padding` more than there are.
#[derive(Debug, Default)]
pub struct Columns {
    multiplier: Vec<i32>,
    shift: Vec<i32>,
    /// gemmlowp: the power of two before the multiplication; precise: what i32::MIN becomes;
    /// rndnu: the lowest sum that is told apart
    extra: Vec<i32>,
}

impl Columns {
    /// The fixed-point form of `multipliers` for `scaling`.
    ///
    /// # Errors
    /// When the scheme cannot hold a multiplier, or is not this family's.
    pub fn of(scaling: Scaling, multipliers: &[f32], padding: usize) -> Result<Self, Refusal> {
        let mut columns = Self::default();
        for &real in multipliers {
            let (multiplier, shift, extra) = match scaling {
                Scaling::QnnpackQ31 => {
                    let (mantissa, exponent) = mantissa(real, 1.0)?;
                    (mantissa << 7, 126 - exponent, 0)
                }
                Scaling::QnnpackPrecise => {
                    let (mantissa, exponent) = mantissa(real, 1.0)?;
                    let shift = 150 - exponent;
                    let magnitude = (i64::from(mantissa) << 31) + (1 << (shift - 1));
                    (mantissa, shift, -(magnitude >> shift) as i32)
                }
                Scaling::Q31Rshu => {
                    let (mantissa, exponent) = mantissa(real, 256.0)?;
                    // From 2^20 on every sum is above all codes, and its product may leave i32.
                    let lowest = if real < 1.0 { i32::MIN } else { -1 << 20 };
                    (mantissa, 150 - exponent, lowest)
                }
                Scaling::Q31SrdhmRdbpot => quantize(real)?,
                _ => {
                    let message = "qnnpack has no requantization with this scaling".into();
                    return Err(Refusal::Unsupported(message));
                }
            };
            columns.multiplier.push(multiplier);
            columns.shift.push(shift);
            columns.extra.push(extra);
        }
        for (values, filling) in [
            (&mut columns.multiplier, 0),
            (&mut columns.shift, 1),
            (&mut columns.extra, 0),
        ] {
            values.resize(multipliers.len() + padding, filling);
        }
        Ok(columns)
    }
}

/// The mantissa of 24 bits and the biased exponent of a float in [2^−32, `limit`).
///
/// # Errors
/// When the float lies outside.
pub fn mantissa(real: f32, limit: f32) -> Result<(i32, i32), Refusal> {
    if !(2f32.powi(-32)..limit).contains(&real) {
        return Err(Refusal::Unsupported(format!(
            "a multiplier of {real}; this fixed point holds [2^-32, {limit})"
        )));
    }
    let bits = real.to_bits();
    Ok((((bits & 0x7f_ffff) | 0x80_0000) as i32, (bits >> 23) as i32))
}

/// gemmlowp's form: multiplier of 31 bits, shift to the right, power of two before it
/// (gemmlowp doc/quantization_example.cc, QuantizeMultiplierSmallerThanOne, as TFLite extends
/// it to multipliers above 1).
fn quantize(real: f32) -> Result<(i32, i32, i32), Refusal> {
    if !(f32::MIN_POSITIVE..2f32.powi(30)).contains(&real) {
        return Err(Refusal::Unsupported(format!(
            "a multiplier of {real}; gemmlowp's fixed point holds normal ones below 2^30"
        )));
    }
    let (mut fraction, mut exponent) = (f64::from(real), 0);
    while fraction < 0.5 {
        fraction *= 2.0;
        exponent -= 1;
    }
    while fraction >= 1.0 {
        fraction /= 2.0;
        exponent += 1;
    }
    if exponent < -31 {
        return Ok((0, 0, 1));
    }
    // A fraction of 24 bits, so nothing is rounded and 2^31 is not reached.
    let multiplier = (fraction * 2_147_483_648.0) as i32;
    Ok((multiplier, (-exponent).max(0), 1 << exponent.max(0)))
}

impl FixedPoint {
    /// `scaling` with its parameters.
    ///
    /// # Errors
    /// When the family has no such scheme.
    pub fn new(scaling: Scaling, columns: Columns) -> Result<Self, Refusal> {
        let scheme = match scaling {
            Scaling::QnnpackQ31 => Scheme::Q31,
            Scaling::QnnpackPrecise => Scheme::Precise,
            Scaling::Q31Rshu => Scheme::Rndnu,
            Scaling::Q31SrdhmRdbpot => Scheme::Gemmlowp,
            _ => {
                let message = "qnnpack has no requantization with this scaling".into();
                return Err(Refusal::Unsupported(message));
            }
        };
        Ok(Self { scheme, columns })
    }

    /// What records call the scheme.
    pub fn name(&self) -> &'static str {
        match self.scheme {
            Scheme::Q31 => "q31",
            Scheme::Precise => "precise",
            Scheme::Rndnu => "rndnu",
            Scheme::Gemmlowp => "gemmlowp",
        }
    }

    /// Sums of `LANES` columns from `column` on, scaled and rounded; no zero point yet.
    ///
    /// # Panics
    /// When there are no such columns.
    #[inline(always)]
    pub fn steps<I: Isa>(&self, isa: I, sums: I::V, column: usize) -> I::V {
        let multiplier = lanes(isa, &self.columns.multiplier, column);
        let shift = lanes(isa, &self.columns.shift, column);
        match self.scheme {
            Scheme::Q31 => {
                let negative = isa.gt_i32(isa.splat_i32(0), sums);
                let high = isa.rounding_doubling_high_mul_i32(sums, multiplier);
                // A tie of a negative sum is moved below the half, so that it rounds down.
                shift_half_away(isa, high, negative, shift)
            }
            Scheme::Precise => {
                let steps = multiply_half_away(isa, sums, multiplier, shift);
                // The magnitude of i32::MIN is no i32.
                let least = isa.gt_i32(isa.splat_i32(i32::MIN + 1), sums);
                let extra = lanes(isa, &self.columns.extra, column);
                let kept = isa.and(steps, isa.xor(least, isa.splat_i32(-1)));
                isa.or(kept, isa.and(extra, least))
            }
            Scheme::Rndnu => {
                let lowest = lanes(isa, &self.columns.extra, column);
                let highest = isa.xor(lowest, isa.splat_i32(-1));
                let held = isa.min_i32(isa.max_i32(sums, lowest), highest);
                isa.mul_round_shift(held, multiplier, shift)
            }
            Scheme::Gemmlowp => {
                let power = lanes(isa, &self.columns.extra, column);
                let shifted = isa.mul_i32(sums, power);
                let high = isa.rounding_doubling_high_mul_i32(shifted, multiplier);
                let negative = isa.gt_i32(isa.splat_i32(0), high);
                shift_half_away(isa, high, negative, shift)
            }
        }
    }
}

/// `v · multiplier / 2^shift` to nearest, ties away from zero; `v` is not i32::MIN.
#[inline(always)]
pub fn multiply_half_away<I: Isa>(isa: I, v: I::V, multiplier: I::V, shift: I::V) -> I::V {
    let negative = isa.gt_i32(isa.splat_i32(0), v);
    let rounded = isa.mul_round_shift(isa.abs_i32(v), multiplier, shift);
    isa.sub_i32(isa.xor(rounded, negative), negative)
}

/// `v >> shift`, plus 1 where the remainder, less 1 where `negative` (all ones) says so, is
/// above half of what it can be.
#[inline(always)]
pub fn shift_half_away<I: Isa>(isa: I, v: I::V, negative: I::V, shift: I::V) -> I::V {
    let down = isa.shift_right_i32(v, shift);
    // 2^shift − 1 and half of it, without a shift to the left: bits that shifting back restores.
    let mask = isa.shift_right_i32(
        isa.splat_i32(i32::MAX),
        isa.sub_i32(isa.splat_i32(31), shift),
    );
    let threshold = isa.shift_right_i32(mask, isa.splat_i32(1));
    let remainder = isa.add_i32(isa.and(v, mask), negative);
    isa.sub_i32(down, isa.gt_i32(remainder, threshold))
}

/// The parameters of `LANES` columns from `column` on.
#[inline(always)]
fn lanes<I: Isa>(isa: I, values: &[i32], column: usize) -> I::V {
    let values = &values[column..][..I::LANES];
    // SAFETY: the slice is a whole vector.
    unsafe { isa.load_bytes(values.as_ptr().cast()) }
}
