//! f32 to codes, as FBGEMM's QuantizeAvx2 does it (src/QuantUtilsAvx2.cc), and
//! its portable Quantize (include/fbgemm/QuantUtils.h).

use qassay_golden::profile::{Cast, Profile, ZeroPointAt};
use qassay_golden::spec::QuantizeSpec;

use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Conversion, Isa, WithIsa};
use crate::rows::{self, Along, Channels, Codes, Narrowing};
use crate::view::{View, ViewMut};

/// The greatest f32 below 2^31: what FBGEMM bounds scaled values by.
const BELOW_2_POW_31: f32 = 2_147_483_520.0;

/// Prepares the op.
///
/// # Errors
/// [`Refusal::Unsupported`] for types and ranges that hold no codes.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &QuantizeSpec,
) -> Result<Box<dyn Kernel>, Refusal> {
    let range = rows::code_range(spec.dtype, spec.range)?;
    let qparams = rows::all_qparams(&spec.granularity);
    let portable = profile.quantize.zero_point == ZeroPointAt::AfterF32;
    if profile.quantize.cast == Cast::X86IndefiniteI32 && I::CONVERSION != Conversion::Indefinite {
        return Err(Refusal::Unsupported(
            "x86's conversion on instructions that saturate".into(),
        ));
    }
    let form = if portable { "portable" } else { "vector" };
    Ok(Box::new(Quantize {
        isa,
        portable,
        channels: Channels::new(&spec.granularity, &spec.shape)?,
        inverse: qparams.iter().map(|q| 1.0 / q.scale as f32).collect(),
        zero_point: qparams.iter().map(|q| q.zero_point).collect(),
        range,
        narrowing: Narrowing::none(spec.dtype),
        chosen: Chosen {
            micro_kernel: format!(
                "quantize-f32-{}-{form}-x{}",
                spec.dtype.name(),
                4 * I::LANES
            ),
            tile: None,
            fallback: None,
        },
    }))
}

struct Quantize<I> {
    isa: I,
    portable: bool,
    channels: Channels,
    inverse: Vec<f32>,
    zero_point: Vec<i32>,
    range: (i64, i64),
    narrowing: Narrowing,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Quantize<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let (input, output) = (inputs[0], &mut outputs[0]);
        if self.portable && I::CONVERSION != Conversion::Saturating {
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

impl<I: Isa> Quantize<I> {
    /// Zero point added in f32 after rounding, then a clamp that saturates.
    fn run_portable(&self, input: View<'_>, output: &mut ViewMut<'_>) {
        for row in 0..input.rows() {
            let from = &input.f32()[row * input.row_stride()..][..input.row_len()];
            let first = self.channels.first(row);
            let columns = usize::from(self.channels == Channels::Columns);
            rows::write_row_portable(rows::code_row(output, row), |j| {
                let channel = first + j * columns;
                let steps = (from[j] * self.inverse[channel]).round_ties_even();
                let code = steps + self.zero_point[channel] as f32;
                (code as i64).clamp(self.range.0, self.range.1)
            });
        }
    }
}

/// All rows of one run.
struct Rows<'a, 'v, I> {
    op: &'a Quantize<I>,
    input: View<'a>,
    output: &'a mut ViewMut<'v>,
}

impl<I: Isa> WithIsa<I> for Rows<'_, '_, I> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        let (op, input) = (self.op, self.input);
        let (low, high) = (op.range.0 as i32, op.range.1 as i32);
        for row in 0..input.rows() {
            let from = &input.f32()[row * input.row_stride()..][..input.row_len()];
            let to = rows::code_row(self.output, row);
            let first = op.channels.first(row);
            let (inverse, zero_point) = (&op.inverse[first..], &op.zero_point[first..]);
            // Only where conversions saturate does the portable arithmetic come here.
            let portable = op.portable;
            if op.channels == Channels::Columns {
                let steps: Row<'_, true> = Row::new(from, inverse, zero_point, low, high, portable);
                rows::write_row(isa, &steps, op.narrowing, to);
            } else {
                let steps: Row<'_, false> =
                    Row::new(from, inverse, zero_point, low, high, portable);
                rows::write_row(isa, &steps, op.narrowing, to);
            }
        }
    }
}

struct Row<'a, const COLUMNS: bool> {
    from: &'a [f32],
    inverse: Along<'a, f32, COLUMNS>,
    zero_point: Along<'a, i32, COLUMNS>,
    low: i32,
    high: i32,
    portable: bool,
}

impl<'a, const COLUMNS: bool> Row<'a, COLUMNS> {
    #[inline(always)]
    fn new(
        from: &'a [f32],
        inverse: &'a [f32],
        zero_point: &'a [i32],
        low: i32,
        high: i32,
        portable: bool,
    ) -> Self {
        Self {
            from,
            inverse: Along(inverse),
            zero_point: Along(zero_point),
            low,
            high,
            portable,
        }
    }
}

impl<I: Isa, const COLUMNS: bool> Codes<I> for Row<'_, COLUMNS> {
    #[inline(always)]
    fn codes(&self, isa: I, column: usize, lanes: usize) -> I::V {
        let values = rows::load_f32(isa, self.from, column, lanes);
        let steps = isa.mul_f32(values, self.inverse.lanes(isa, column, lanes));
        let zero_point = self.zero_point.lanes(isa, column, lanes);
        let codes = if self.portable {
            // Integral, as both addends are; it saturates to i32, which is then clamped.
            let code = isa.add_f32(isa.round_even_f32(steps), isa.i32_to_f32(zero_point));
            isa.f32_to_i32_trunc(code)
        } else {
            let steps = isa.min_f32(steps, isa.splat_f32(BELOW_2_POW_31));
            isa.add_i32(isa.f32_to_i32_even(steps), zero_point)
        };
        isa.min_i32(
            isa.max_i32(codes, isa.splat_i32(self.low)),
            isa.splat_i32(self.high),
        )
    }
}
