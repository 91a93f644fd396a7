//! i32 sums to codes, as FBGEMM's requantizeOutputProcessingAvx2 ends
//! (src/QuantUtilsAvx2.cc): f32 product, cvtps2dq, packs to i16, zero point in
//! saturating i16, packs to 8 bits, lower bound for relu. The portable form
//! (src/RefImplementations.cc, requantize_u8acc32_ref) adds in 64 bits.

use qassay_golden::profile::{Cast, Profile, ZeroPointAt};
use qassay_golden::spec::RequantizeSpec;
use qassay_golden::tensor::DType;

use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Conversion, Isa, WithIsa};
use crate::rows::{self, Along, Channels, Codes, Narrowing};
use crate::view::{View, ViewMut};

/// Prepares the op.
///
/// # Errors
/// [`Refusal::Unsupported`] for outputs other than u8 and s8.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &RequantizeSpec,
) -> Result<Box<dyn Kernel>, Refusal> {
    if !matches!(spec.dtype, DType::U8 | DType::I8) {
        return Err(Refusal::Unsupported(format!(
            "requantize to {}; fbgemm's goes to u8 or s8",
            spec.dtype.name()
        )));
    }
    let (low, high) = rows::code_range(spec.dtype, None)?;
    let zero_point = i64::from(spec.zero_point);
    let Ok(narrow_zero_point) = i16::try_from(spec.zero_point) else {
        return Err(Refusal::Unsupported(format!(
            "an output zero point of {zero_point}; {low} to {high} is right for {}",
            spec.dtype.name()
        )));
    };
    let floor = if spec.relu {
        zero_point.clamp(low, high)
    } else {
        low
    };
    let rule = &profile.requantize;
    let portable = match (rule.zero_point, rule.cast, I::CONVERSION) {
        (ZeroPointAt::AfterI16Saturating, Cast::X86IndefiniteI32, Conversion::Saturating) => {
            return Err(Refusal::Unsupported(
                "x86's conversion on instructions that saturate".into(),
            ));
        }
        (ZeroPointAt::AfterI64, Cast::Saturate, Conversion::Indefinite) => {
            return Err(Refusal::Unsupported(
                "a saturating conversion on x86's instructions".into(),
            ));
        }
        // What saturates in i32 and i16 is clamped as what saturates in i64.
        (ZeroPointAt::AfterI64, Cast::Saturate, Conversion::Saturating)
            if (-128..=255).contains(&zero_point) =>
        {
            false
        }
        (ZeroPointAt::AfterI64, Cast::Saturate, Conversion::Saturating) => {
            return Err(Refusal::Unsupported(format!(
                "an output zero point of {zero_point}; {low} to {high} is right for {}",
                spec.dtype.name()
            )));
        }
        (zero_point, ..) => zero_point != ZeroPointAt::AfterI16Saturating,
    };
    let form = if portable { "portable" } else { "vector" };
    Ok(Box::new(Requantize {
        isa,
        portable,
        channels: Channels::of_columns(spec.multipliers.len(), spec.columns)?,
        multipliers: spec.multipliers.clone(),
        zero_point,
        range: (floor, high),
        narrowing: Narrowing {
            zero_point: narrow_zero_point,
            floor: floor as i32,
        },
        chosen: Chosen {
            micro_kernel: format!(
                "requantize-s32-{}-{form}-x{}",
                spec.dtype.name(),
                4 * I::LANES
            ),
            tile: None,
            fallback: None,
        },
    }))
}

struct Requantize<I> {
    isa: I,
    portable: bool,
    channels: Channels,
    multipliers: Vec<f32>,
    zero_point: i64,
    /// the lowest and highest code that may come out
    range: (i64, i64),
    narrowing: Narrowing,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Requantize<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let (input, output) = (inputs[0], &mut outputs[0]);
        if self.portable {
            self.run_portable(input, output);
        } else {
            self.isa.vectorize(Rows {
                op: self,
                input,
                output,
            });
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

impl<I: Isa> Requantize<I> {
    /// `lrintf` to 64 bits, where what does not fit becomes i64::MIN as on x86.
    fn run_portable(&self, input: View<'_>, output: &mut ViewMut<'_>) {
        const TWO_POW_63: f32 = 9_223_372_036_854_775_808.0;
        let columns = usize::from(self.channels == Channels::Columns);
        for row in 0..input.rows() {
            let from = &input.i32()[row * input.row_stride()..][..input.row_len()];
            rows::write_row_portable(rows::code_row(output, row), |j| {
                let scaled = (from[j] as f32 * self.multipliers[j * columns]).round_ties_even();
                let integer = if (-TWO_POW_63..TWO_POW_63).contains(&scaled) {
                    scaled as i64
                } else {
                    i64::MIN
                };
                integer
                    .saturating_add(self.zero_point)
                    .clamp(self.range.0, self.range.1)
            });
        }
    }
}

/// All rows of one run.
struct Rows<'a, 'v, I> {
    op: &'a Requantize<I>,
    input: View<'a>,
    output: &'a mut ViewMut<'v>,
}

impl<I: Isa> WithIsa<I> for Rows<'_, '_, I> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        let (op, input) = (self.op, self.input);
        for row in 0..input.rows() {
            let from = &input.i32()[row * input.row_stride()..][..input.row_len()];
            let to = rows::code_row(self.output, row);
            if op.channels == Channels::Columns {
                let multipliers = Along::<f32, true>(&op.multipliers);
                rows::write_row(isa, &Row { from, multipliers }, op.narrowing, to);
            } else {
                let multipliers = Along::<f32, false>(&op.multipliers);
                rows::write_row(isa, &Row { from, multipliers }, op.narrowing, to);
            }
        }
    }
}

struct Row<'a, const COLUMNS: bool> {
    from: &'a [i32],
    multipliers: Along<'a, f32, COLUMNS>,
}

impl<I: Isa, const COLUMNS: bool> Codes<I> for Row<'_, COLUMNS> {
    #[inline(always)]
    fn codes(&self, isa: I, column: usize, lanes: usize) -> I::V {
        let sums = isa.i32_to_f32(rows::load_i32(isa, self.from, column, lanes));
        isa.f32_to_i32_even(isa.mul_f32(sums, self.multipliers.lanes(isa, column, lanes)))
    }
}
