//! i32 sums to codes: the epilogue of int8 kernels with one multiplier given
//! (src/cpu/x64/jit_uni_x8s8s32x_conv_kernel.cpp, store_output).

use qassay_golden::spec::RequantizeSpec;

use super::store::Store;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa};
use crate::rows::{self, Along, Channels, Codes, Narrowing};
use crate::view::{View, ViewMut};

/// Prepares the op.
///
/// # Errors
/// [`Refusal::Unsupported`] for types that hold no codes.
pub fn prepare<I: Isa>(isa: I, spec: &RequantizeSpec) -> Result<Box<dyn Kernel>, Refusal> {
    let (low, high) = rows::code_range(spec.dtype, None)?;
    let floor = if spec.relu {
        i64::from(spec.zero_point).clamp(low, high)
    } else {
        low
    };
    Ok(Box::new(Requantize {
        isa,
        channels: Channels::of_columns(spec.multipliers.len(), spec.columns)?,
        multipliers: spec.multipliers.clone(),
        zero_point: [spec.zero_point as f32],
        store: Store::new((floor, high)),
        narrowing: Narrowing::none(spec.dtype),
        chosen: Chosen {
            micro_kernel: format!("requantize-s32-{}-x{}", spec.dtype.name(), 4 * I::LANES),
            tile: None,
            fallback: None,
        },
    }))
}

struct Requantize<I> {
    isa: I,
    channels: Channels,
    multipliers: Vec<f32>,
    zero_point: [f32; 1],
    store: Store,
    narrowing: Narrowing,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Requantize<I> {
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
    op: &'a Requantize<I>,
    input: View<'a>,
    output: &'a mut ViewMut<'v>,
}

impl<I: Isa> WithIsa<I> for Rows<'_, '_, I> {
    type Output = ();
    #[inline(always)]
    fn call(mut self, isa: I) {
        if self.op.channels == Channels::Columns {
            self.all::<true>(isa);
        } else {
            self.all::<false>(isa);
        }
    }
}

impl<I: Isa> Rows<'_, '_, I> {
    #[inline(always)]
    fn all<const COLUMNS: bool>(&mut self, isa: I) {
        let (op, input) = (self.op, self.input);
        for row in 0..input.rows() {
            let codes = Row::<COLUMNS> {
                from: &input.i32()[row * input.row_stride()..][..input.row_len()],
                multipliers: Along(&op.multipliers),
                zero_point: Along(&op.zero_point),
                store: op.store,
            };
            rows::write_row(isa, &codes, op.narrowing, rows::code_row(self.output, row));
        }
    }
}

struct Row<'a, const COLUMNS: bool> {
    from: &'a [i32],
    multipliers: Along<'a, f32, COLUMNS>,
    zero_point: Along<'a, f32, false>,
    store: Store,
}

impl<I: Isa, const COLUMNS: bool> Codes<I> for Row<'_, COLUMNS> {
    #[inline(always)]
    fn codes(&self, isa: I, column: usize, lanes: usize) -> I::V {
        let sums = isa.i32_to_f32(rows::load_i32(isa, self.from, column, lanes));
        let steps = isa.mul_f32(sums, self.multipliers.lanes(isa, column, lanes));
        self.store
            .codes(isa, steps, self.zero_point.lanes(isa, column, lanes))
    }
}
