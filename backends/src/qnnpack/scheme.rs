//! Requantization: i32 sums to codes, by one of the schemes that the profile
//! selects. Every parameter stands once a column, so that schemes with one
//! multiplier and with one per channel are the same code.
//!
//! Sources: QNNPACK `src/requantization/{fp32,q31,precise,gemmlowp}-*.c`,
//! `src/qnnpack/requantization.h`; for rndnu XNNPACK `src/qs8-requantization/rndnu-*.c`.

use qassay_golden::profile::{Cast, ClampAt, RequantizeRule, Rounding, Scaling, ZeroPointAt};
use qassay_golden::tensor::DType;

use super::fixed_point::{Columns, FixedPoint};
use crate::backend::Refusal;
use crate::isa::{Conversion, Isa};
use crate::rows;

/// Room after the last column, so that whole vectors can be read from any column.
pub const PADDING: usize = 32;

/// Sums to codes.
#[derive(Debug)]
pub struct Requantization {
    scheme: Scheme,
    low: i32,
    high: i32,
    zero_point: i32,
    /// whether the zero point is added in i32 that wraps, before the clamp
    wraps: bool,
}

#[derive(Debug)]
enum Scheme {
    /// f32 product, converted to nearest-even (fp32, aarch64)
    Convert {
        multipliers: Vec<f32>,
        /// hold the product within i32 first, where the conversion would not
        hold: bool,
    },
    /// f32 product held to the range of codes, then converted by adding 1.5·2^23 (fp32, armv7)
    Magic { multipliers: Vec<f32> },
    /// integer multiplier and shift
    Fixed(FixedPoint),
}

/// 1.5·2^23: added to a value below 2^22, it leaves the value's nearest integer in the low bits.
const MAGIC: f32 = 12_582_912.0;

impl Requantization {
    /// By `rule`, with one multiplier per column, to codes of `dtype`; with `relu` nothing lies
    /// below the zero point.
    ///
    /// # Errors
    /// When the family, the instruction set or the scheme has no such arithmetic.
    pub fn new<I: Isa>(
        rule: &RequantizeRule,
        mut multipliers: Vec<f32>,
        dtype: DType,
        zero_point: i32,
        relu: bool,
    ) -> Result<Self, Refusal> {
        if !matches!(dtype, DType::U8 | DType::I8) {
            return refuse(&format!("outputs of type {}", dtype.name()));
        }
        let (low, high) = rows::code_range(dtype, None)?;
        if !(low..=high).contains(&i64::from(zero_point)) {
            return refuse(&format!("an output zero point of {zero_point}"));
        }
        if let Some(bad) = multipliers.iter().find(|m| !(m.is_finite() && **m > 0.0)) {
            return refuse(&format!("a multiplier of {bad}"));
        }
        let scheme = if rule.scaling == Scaling::MultiplyF32 {
            multipliers.resize(multipliers.len() + PADDING, 0.0);
            float::<I>(rule, multipliers)?
        } else {
            let columns = Columns::of(rule.scaling, &multipliers, PADDING)?;
            Scheme::Fixed(FixedPoint::new(rule.scaling, columns)?)
        };
        let wraps = match rule.zero_point {
            ZeroPointAt::AfterI32Wrapping => true,
            // Zero points are codes, so i16 that saturates and integers that never overflow
            // give the same codes once they are clamped.
            ZeroPointAt::AfterI16Saturating | ZeroPointAt::AfterI64 => false,
            // Integers have no place before their rounding.
            _ if matches!(scheme, Scheme::Fixed(_)) => false,
            _ => return refuse("a zero point added in f32"),
        };
        Ok(Self {
            scheme,
            low: if relu { zero_point } else { low as i32 },
            high: high as i32,
            zero_point,
            wraps,
        })
    }

    /// What records call the scheme.
    pub fn name(&self) -> &'static str {
        match &self.scheme {
            Scheme::Convert { .. } => "fp32",
            Scheme::Magic { .. } => "magic",
            Scheme::Fixed(fixed) => fixed.name(),
        }
    }

    /// The codes, in i32 lanes, of the sums of `LANES` columns from `column` on. Columns up to
    /// [`PADDING`] past the last may be asked; theirs are meaningless.
    ///
    /// # Panics
    /// When there are no such columns.
    #[inline(always)]
    pub fn codes<I: Isa>(&self, isa: I, sums: I::V, column: usize) -> I::V {
        let (low, high) = (self.low - self.zero_point, self.high - self.zero_point);
        let steps = match &self.scheme {
            Scheme::Convert { multipliers, hold } => {
                let mut value = product(isa, sums, multipliers, column);
                if *hold {
                    value = isa.min_f32(value, isa.splat_f32(2_147_483_520.0));
                }
                isa.f32_to_i32_even(value)
            }
            Scheme::Magic { multipliers } => {
                let value = product(isa, sums, multipliers, column);
                let value = isa.max_f32(value, isa.splat_f32(low as f32));
                let value = isa.min_f32(value, isa.splat_f32(high as f32));
                let bits = isa.bits_of_f32(isa.add_f32(value, isa.splat_f32(MAGIC)));
                let zero = MAGIC.to_bits() as i32 - self.zero_point;
                return isa.sub_i32(bits, isa.splat_i32(zero));
            }
            Scheme::Fixed(fixed) => fixed.steps(isa, sums, column),
        };
        let zero_point = isa.splat_i32(self.zero_point);
        if self.wraps {
            let code = isa.add_i32(steps, zero_point);
            let held = isa.max_i32(code, isa.splat_i32(self.low));
            return isa.min_i32(held, isa.splat_i32(self.high));
        }
        let held = isa.max_i32(steps, isa.splat_i32(low));
        isa.add_i32(isa.min_i32(held, isa.splat_i32(high)), zero_point)
    }
}

/// f32(sums) ⊗ multipliers.
#[inline(always)]
fn product<I: Isa>(isa: I, sums: I::V, multipliers: &[f32], column: usize) -> I::F {
    let multipliers = &multipliers[column..][..I::LANES];
    // SAFETY: the slice is a whole vector.
    let multipliers = unsafe { isa.load_f32(multipliers.as_ptr()) };
    isa.mul_f32(isa.i32_to_f32(sums), multipliers)
}

fn float<I: Isa>(rule: &RequantizeRule, multipliers: Vec<f32>) -> Result<Scheme, Refusal> {
    if rule.rounding != Rounding::TiesEven {
        return refuse("float products rounded otherwise than to nearest-even");
    }
    if rule.clamp == ClampAt::BeforeRound {
        return Ok(Scheme::Magic { multipliers });
    }
    let hold = match (rule.cast, I::CONVERSION) {
        (Cast::Open, _)
        | (Cast::X86IndefiniteI32, Conversion::Indefinite)
        | (Cast::Saturate, Conversion::Saturating) => false,
        (Cast::Saturate, Conversion::Indefinite) => true,
        (Cast::X86IndefiniteI32, Conversion::Saturating) => {
            return refuse("conversions that give i32::MIN on an instruction set that saturates");
        }
        (Cast::X86IndefiniteI64, _) => return refuse("conversions to 64 bits"),
    };
    Ok(Scheme::Convert { multipliers, hold })
}

fn refuse<T>(what: &str) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(format!("qnnpack has no {what}")))
}
