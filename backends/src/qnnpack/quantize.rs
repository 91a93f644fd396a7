//! f32 to codes, element by element.

use qassay_golden::profile::Profile;
use qassay_golden::spec::QuantizeSpec;

use super::element::Element;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa};
use crate::rows::{self, Along, Channels, Codes, Narrowing};
use crate::view::{View, ViewMut};

/// Prepares the op.
///
/// # Errors
/// [`Refusal::Unsupported`] for types and ranges that hold no codes, and profiles with another
/// arithmetic.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &QuantizeSpec,
) -> Result<Box<dyn Kernel>, Refusal> {
    let range = rows::code_range(spec.dtype, spec.range)?;
    let element = Element::new::<I>(&profile.quantize, spec.dtype, range)?;
    let qparams = rows::all_qparams(&spec.granularity);
    Ok(Box::new(Quantize {
        isa,
        element,
        channels: Channels::new(&spec.granularity, &spec.shape)?,
        factor: qparams.iter().map(|q| element.factor(q.scale)).collect(),
        zero_point: qparams.iter().map(|q| q.zero_point).collect(),
        narrowing: Narrowing::none(spec.dtype),
        chosen: Chosen {
            micro_kernel: format!(
                "quantize-f32-{}-{}-x{}",
                spec.dtype.name(),
                element.name(),
                4 * I::LANES
            ),
            tile: None,
            fallback: None,
        },
    }))
}

struct Quantize<I> {
    isa: I,
    element: Element,
    channels: Channels,
    factor: Vec<f32>,
    zero_point: Vec<i32>,
    narrowing: Narrowing,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Quantize<I> {
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
    op: &'a Quantize<I>,
    input: View<'a>,
    output: &'a mut ViewMut<'v>,
}

impl<I: Isa> WithIsa<I> for All<'_, '_, I> {
    type Output = ();
    #[inline(always)]
    fn call(mut self, isa: I) {
        if self.op.channels == Channels::Columns {
            self.rows::<true>(isa);
        } else {
            self.rows::<false>(isa);
        }
    }
}

impl<I: Isa> All<'_, '_, I> {
    #[inline(always)]
    fn rows<const COLUMNS: bool>(&mut self, isa: I) {
        let (op, input) = (self.op, self.input);
        for row in 0..input.rows() {
            let first = op.channels.first(row);
            let codes = Row::<COLUMNS> {
                from: &input.f32()[row * input.row_stride()..][..input.row_len()],
                element: op.element,
                factor: Along(&op.factor[first..]),
                zero_point: Along(&op.zero_point[first..]),
            };
            rows::write_row(isa, &codes, op.narrowing, rows::code_row(self.output, row));
        }
    }
}

struct Row<'a, const COLUMNS: bool> {
    from: &'a [f32],
    element: Element,
    factor: Along<'a, f32, COLUMNS>,
    zero_point: Along<'a, i32, COLUMNS>,
}

impl<I: Isa, const COLUMNS: bool> Codes<I> for Row<'_, COLUMNS> {
    #[inline(always)]
    fn codes(&self, isa: I, column: usize, lanes: usize) -> I::V {
        let values = rows::load_f32(isa, self.from, column, lanes);
        let factor = self.factor.lanes(isa, column, lanes);
        let zero_point = self.zero_point.lanes(isa, column, lanes);
        self.element.codes(isa, values, factor, zero_point)
    }
}
