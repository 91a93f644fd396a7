//! Codes to f32: scale ⊗ f32(code − zero point). All families here share this
//! one arithmetic: FBGEMM's Dequantize (include/fbgemm/QuantUtils.h) and
//! oneDNN's reorder to f32 with a scale and a zero point.

use qassay_golden::profile::{DequantizeForm, Profile};
use qassay_golden::spec::DequantizeSpec;
use qassay_golden::tensor::DType;

use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa};
use crate::rows::{self, Along, Channels};
use crate::view::{View, ViewMut};

/// Prepares the op.
///
/// # Errors
/// [`Refusal::Unsupported`] for types that hold no codes, and profiles with another arithmetic.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &DequantizeSpec,
) -> Result<Box<dyn Kernel>, Refusal> {
    rows::code_range(spec.dtype, None)?;
    let rule = profile.dequantize;
    if (rule.body, rule.tail) != (DequantizeForm::SubMul, DequantizeForm::SubMul) {
        return Err(Refusal::Unsupported(
            "dequantize in another form than scale times difference".into(),
        ));
    }
    let qparams = rows::all_qparams(&spec.granularity);
    Ok(Box::new(Dequantize {
        isa,
        channels: Channels::new(&spec.granularity, &spec.shape)?,
        scale: qparams.iter().map(|q| q.scale as f32).collect(),
        zero_point: qparams.iter().map(|q| q.zero_point).collect(),
        chosen: Chosen {
            micro_kernel: format!("dequantize-{}-f32-x{}", spec.dtype.name(), I::LANES),
            tile: None,
            fallback: None,
        },
    }))
}

struct Dequantize<I> {
    isa: I,
    channels: Channels,
    scale: Vec<f32>,
    zero_point: Vec<i32>,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Dequantize<I> {
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
    op: &'a Dequantize<I>,
    input: View<'a>,
    output: &'a mut ViewMut<'v>,
}

impl<I: Isa> WithIsa<I> for Rows<'_, '_, I> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        let Self { op, input, output } = self;
        let (len, stride) = (input.row_len(), output.row_stride());
        let streamed = rows::is_streamed(output);
        for row in 0..input.rows() {
            let start = row * input.row_stride();
            let to = &mut output.f32_mut()[row * stride..][..len];
            match input.dtype() {
                DType::U8 => op.row(isa, row, &input.u8()[start..][..len], to, streamed),
                DType::I8 => op.row(isa, row, &input.i8()[start..][..len], to, streamed),
                _ => op.row(isa, row, &input.i32()[start..][..len], to, streamed),
            }
        }
    }
}

/// A type of codes that widens to i32 lanes.
trait Code: Copy {
    /// The first `lanes` codes of `part`, which holds at least as many.
    fn widen<I: Isa>(isa: I, part: &[Self], lanes: usize) -> I::V;
}

impl Code for u8 {
    #[inline(always)]
    fn widen<I: Isa>(isa: I, part: &[u8], lanes: usize) -> I::V {
        let part = &part[..lanes];
        // SAFETY: `part` holds `lanes` codes, a whole vector where `lanes` is LANES.
        unsafe {
            if lanes == I::LANES {
                isa.load_u8_as_i32(part.as_ptr())
            } else {
                isa.load_u8_as_i32_partial(part.as_ptr(), lanes)
            }
        }
    }
}

impl Code for i8 {
    #[inline(always)]
    fn widen<I: Isa>(isa: I, part: &[i8], lanes: usize) -> I::V {
        let part = &part[..lanes];
        // SAFETY: `part` holds `lanes` codes, a whole vector where `lanes` is LANES.
        unsafe {
            if lanes == I::LANES {
                isa.load_i8_as_i32(part.as_ptr())
            } else {
                isa.load_i8_as_i32_partial(part.as_ptr(), lanes)
            }
        }
    }
}

impl Code for i32 {
    #[inline(always)]
    fn widen<I: Isa>(isa: I, part: &[i32], lanes: usize) -> I::V {
        rows::load_i32(isa, part, 0, lanes)
    }
}

impl<I: Isa> Dequantize<I> {
    #[inline(always)]
    fn row<T: Code>(&self, isa: I, row: usize, from: &[T], to: &mut [f32], streamed: bool) {
        let first = self.channels.first(row);
        if self.channels == Channels::Columns {
            self.row_of::<T, true>(isa, first, from, to, streamed);
        } else {
            self.row_of::<T, false>(isa, first, from, to, streamed);
        }
    }

    #[inline(always)]
    fn row_of<T: Code, const COLUMNS: bool>(
        &self,
        isa: I,
        first: usize,
        from: &[T],
        to: &mut [f32],
        streamed: bool,
    ) {
        let scale = Along::<f32, COLUMNS>(&self.scale[first..]);
        let zero_point = Along::<i32, COLUMNS>(&self.zero_point[first..]);
        let along = (&scale, &zero_point);
        let mut column = if streamed {
            rows::head(to, 4 * I::LANES)
        } else {
            0
        };
        let (first, to) = to.split_at_mut(column);
        if !first.is_empty() {
            // SAFETY: `first` holds as many values.
            unsafe {
                let values = values(isa, along, from, 0, first.len());
                isa.store_f32_partial(first.as_mut_ptr(), values, first.len());
            }
        }
        let mut whole = to.chunks_exact_mut(I::LANES);
        for part in whole.by_ref() {
            let values = values(isa, along, from, column, I::LANES);
            // SAFETY: `part` holds LANES values, on a multiple of their bytes where streamed.
            unsafe {
                if streamed {
                    isa.stream_bytes(part.as_mut_ptr().cast(), isa.bits_of_f32(values));
                } else {
                    isa.store_f32(part.as_mut_ptr(), values);
                }
            }
            column += I::LANES;
        }
        if streamed {
            isa.fence();
        }
        let rest = whole.into_remainder();
        if !rest.is_empty() {
            // SAFETY: `rest` holds as many values.
            unsafe {
                let values = values(isa, along, from, column, rest.len());
                isa.store_f32_partial(rest.as_mut_ptr(), values, rest.len());
            }
        }
    }
}

/// `lanes` values from `column` on.
#[inline(always)]
fn values<I: Isa, T: Code, const COLUMNS: bool>(
    isa: I,
    (scale, zero_point): (&Along<'_, f32, COLUMNS>, &Along<'_, i32, COLUMNS>),
    from: &[T],
    column: usize,
    lanes: usize,
) -> I::F {
    let codes = T::widen(isa, &from[column..], lanes);
    let steps = isa.sub_i32(codes, zero_point.lanes(isa, column, lanes));
    isa.mul_f32(scale.lanes(isa, column, lanes), isa.i32_to_f32(steps))
}
