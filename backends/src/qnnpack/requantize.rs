//! i32 sums to codes as an op of its own: QNNPACK's requantization functions
//! (`src/requantization`), over rows of columns.

use qassay_golden::profile::Profile;
use qassay_golden::spec::RequantizeSpec;

use super::scheme::Requantization;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa};
use crate::rows::{self, Codes, Narrowing};
use crate::view::{View, ViewMut};

/// Prepares the op.
///
/// # Errors
/// [`Refusal::Unsupported`] for outputs other than u8 and s8, and for multipliers and schemes
/// that the family does not have.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &RequantizeSpec,
) -> Result<Box<dyn Kernel>, Refusal> {
    let multipliers = match &spec.multipliers[..] {
        [one] => vec![*one; spec.columns],
        all if all.len() == spec.columns => all.to_vec(),
        all => {
            return Err(Refusal::Unsupported(format!(
                "{} multipliers for {} columns; one, or one per column, is needed",
                all.len(),
                spec.columns
            )));
        }
    };
    let rule = &profile.requantize;
    let scheme =
        Requantization::new::<I>(rule, multipliers, spec.dtype, spec.zero_point, spec.relu)?;
    Ok(Box::new(Requantize {
        isa,
        narrowing: Narrowing::none(spec.dtype),
        chosen: Chosen {
            micro_kernel: format!(
                "requantize-s32-{}-{}-x{}",
                spec.dtype.name(),
                scheme.name(),
                4 * I::LANES
            ),
            tile: None,
            fallback: None,
        },
        scheme,
    }))
}

struct Requantize<I> {
    isa: I,
    scheme: Requantization,
    narrowing: Narrowing,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Requantize<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        self.isa.vectorize(All {
            op: self,
            input: inputs[0],
            output: &mut outputs[0],
        });
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

/// All rows of one run.
struct All<'a, 'v, I> {
    op: &'a Requantize<I>,
    input: View<'a>,
    output: &'a mut ViewMut<'v>,
}

impl<I: Isa> WithIsa<I> for All<'_, '_, I> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        let (op, input) = (self.op, self.input);
        for row in 0..input.rows() {
            let codes = Row {
                from: &input.i32()[row * input.row_stride()..][..input.row_len()],
                scheme: &op.scheme,
            };
            rows::write_row(isa, &codes, op.narrowing, rows::code_row(self.output, row));
        }
    }
}

struct Row<'a> {
    from: &'a [i32],
    scheme: &'a Requantization,
}

impl<I: Isa> Codes<I> for Row<'_> {
    #[inline(always)]
    fn codes(&self, isa: I, column: usize, lanes: usize) -> I::V {
        // Past the last column nothing is asked; parameters may not be there.
        let column = column.min(self.from.len());
        let sums = rows::load_i32(isa, self.from, column, lanes);
        self.scheme.codes(isa, sums, column)
    }
}
