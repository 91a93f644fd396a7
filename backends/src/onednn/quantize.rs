//! f32 to codes: a reorder with a scale and a zero point. The reference divides
//! by the scale (src/cpu/simple_reorder.hpp); generated kernels multiply by its
//! reciprocal (src/cpu/x64/jit_uni_reorder.cpp).

use qassay_golden::profile::{Profile, Transform};
use qassay_golden::spec::QuantizeSpec;

use super::store::Store;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa};
use crate::rows::{self, Along, Channels, Codes, Narrowing};
use crate::view::{View, ViewMut};

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
    let divides = profile.quantize.transform == Transform::DivF32;
    let form = if divides { "divide" } else { "reciprocal" };
    let scale = |scale: f64| {
        if divides {
            scale as f32
        } else {
            1.0 / scale as f32
        }
    };
    Ok(Box::new(Quantize {
        isa,
        divides,
        channels: Channels::new(&spec.granularity, &spec.shape)?,
        scale: qparams.iter().map(|q| scale(q.scale)).collect(),
        zero_point: qparams.iter().map(|q| q.zero_point as f32).collect(),
        store: Store::new(range),
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
    divides: bool,
    channels: Channels,
    /// the scale, or its reciprocal
    scale: Vec<f32>,
    zero_point: Vec<f32>,
    store: Store,
    narrowing: Narrowing,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Quantize<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        self.isa.vectorize(Rows {
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
struct Rows<'a, 'v, I> {
    op: &'a Quantize<I>,
    input: View<'a>,
    output: &'a mut ViewMut<'v>,
}

impl<I: Isa> WithIsa<I> for Rows<'_, '_, I> {
    type Output = ();
    #[inline(always)]
    fn call(mut self, isa: I) {
        match (self.op.channels == Channels::Columns, self.op.divides) {
            (false, false) => self.all::<false, false>(isa),
            (false, true) => self.all::<false, true>(isa),
            (true, false) => self.all::<true, false>(isa),
            (true, true) => self.all::<true, true>(isa),
        }
    }
}

impl<I: Isa> Rows<'_, '_, I> {
    #[inline(always)]
    fn all<const COLUMNS: bool, const DIVIDES: bool>(&mut self, isa: I) {
        let (op, input) = (self.op, self.input);
        for row in 0..input.rows() {
            let first = op.channels.first(row);
            let codes = Row::<COLUMNS, DIVIDES> {
                from: &input.f32()[row * input.row_stride()..][..input.row_len()],
                scale: Along(&op.scale[first..]),
                zero_point: Along(&op.zero_point[first..]),
                store: op.store,
            };
            rows::write_row(isa, &codes, op.narrowing, rows::code_row(self.output, row));
        }
    }
}

struct Row<'a, const COLUMNS: bool, const DIVIDES: bool> {
    from: &'a [f32],
    scale: Along<'a, f32, COLUMNS>,
    zero_point: Along<'a, f32, COLUMNS>,
    store: Store,
}

impl<I: Isa, const COLUMNS: bool, const DIVIDES: bool> Codes<I> for Row<'_, COLUMNS, DIVIDES> {
    #[inline(always)]
    fn codes(&self, isa: I, column: usize, lanes: usize) -> I::V {
        let values = rows::load_f32(isa, self.from, column, lanes);
        let scale = self.scale.lanes(isa, column, lanes);
        let steps = if DIVIDES {
            isa.div_f32(values, scale)
        } else {
            isa.mul_f32(values, scale)
        };
        let zero_point = self.zero_point.lanes(isa, column, lanes);
        self.store.codes(isa, steps, zero_point)
    }
}
