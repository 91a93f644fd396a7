//! What sums and products of two quantized tensors share: rows of two inputs, the range of
//! codes, and the kernel around the op's own arithmetic.

use qassay_golden::spec::BinarySpec;
use qassay_golden::tensor::DType;

use super::pool::eight_bits;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa, each};
use crate::rows::{self, Codes, Narrowing};
use crate::view::{View, ViewMut};

/// The codes that an op of two tensors may give.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// the output's zero point
    pub zero_point: i32,
    /// the lowest code, less the zero point
    pub low: i32,
    /// the highest code, less the zero point
    pub high: i32,
}

impl Held {
    /// Those of `spec`.
    ///
    /// # Errors
    /// When a type is not of 8 bits.
    pub fn of(spec: &BinarySpec) -> Result<Self, Refusal> {
        for tensor in [&spec.a, &spec.b] {
            eight_bits(tensor.dtype)?;
        }
        let (low, high) = eight_bits(spec.output.dtype)?;
        let zero_point = spec.output.qparams.zero_point;
        let floor = if spec.relu.is_zero() {
            low.max(zero_point)
        } else {
            low
        };
        Ok(Self {
            zero_point,
            low: floor - zero_point,
            high: high - zero_point,
        })
    }
}

/// An op's own arithmetic.
pub trait Combine<I: Isa>: Send {
    /// The codes that `LANES` pairs of codes give, in i32 lanes as they are.
    fn codes(&self, isa: I, inputs: [I::V; 2], held: &Held) -> I::V;
}

/// The kernel of `spec`, which records call `name`.
pub fn kernel<I: Isa>(
    isa: I,
    spec: &BinarySpec,
    held: Held,
    name: &str,
    op: impl Combine<I> + 'static,
) -> Box<dyn Kernel> {
    Box::new(Pairwise {
        isa,
        op,
        held,
        signed: [spec.a.dtype == DType::I8, spec.b.dtype == DType::I8],
        narrowing: Narrowing::none(spec.output.dtype),
        chosen: Chosen {
            micro_kernel: format!("{name}-{}-x{}", spec.output.dtype.name(), 4 * I::LANES),
            tile: None,
            fallback: None,
        },
    })
}

struct Pairwise<I, C> {
    isa: I,
    op: C,
    held: Held,
    /// whether the inputs are s8
    signed: [bool; 2],
    narrowing: Narrowing,
    chosen: Chosen,
}

impl<I: Isa, C: Combine<I>> Kernel for Pairwise<I, C> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        self.isa.vectorize(All {
            kernel: self,
            inputs: [inputs[0], inputs[1]],
            output: &mut outputs[0],
        });
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

struct All<'a, 'v, I, C> {
    kernel: &'a Pairwise<I, C>,
    inputs: [View<'a>; 2],
    output: &'a mut ViewMut<'v>,
}

impl<I: Isa, C: Combine<I>> WithIsa<I> for All<'_, '_, I, C> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        for row in 0..self.output.rows() {
            let codes = Row {
                kernel: self.kernel,
                inputs: self
                    .inputs
                    .map(|input| &input.codes()[row * input.row_stride()..][..input.row_len()]),
            };
            let to = rows::code_row(self.output, row);
            rows::write_row(isa, &codes, self.kernel.narrowing, to);
        }
    }
}

struct Row<'a, I, C> {
    kernel: &'a Pairwise<I, C>,
    inputs: [&'a [u8]; 2],
}

impl<I: Isa, C: Combine<I>> Codes<I> for Row<'_, I, C> {
    #[inline(always)]
    fn codes(&self, isa: I, column: usize, lanes: usize) -> I::V {
        let inputs = each!(isa.splat_i32(0), |index| {
            let row = self.inputs[index];
            let codes = &row[column.min(row.len())..][..lanes];
            // SAFETY: the slice holds `lanes` ≤ LANES codes.
            unsafe {
                if self.kernel.signed[index] {
                    isa.load_i8_as_i32_partial(codes.as_ptr().cast(), lanes)
                } else {
                    isa.load_u8_as_i32_partial(codes.as_ptr(), lanes)
                }
            }
        });
        self.kernel.op.codes(isa, inputs, &self.kernel.held)
    }
}
