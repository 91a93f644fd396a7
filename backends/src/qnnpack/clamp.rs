//! Codes held between bounds: clamp, and relu, whose lower bound is the zero point
//! (QNNPACK `src/u8clamp`, `src/clamp.c`).

use qassay_golden::spec::{ClampSpec, ReluSpec};
use qassay_golden::tensor::DType;

use super::pool::eight_bits;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa};
use crate::view::{View, ViewMut};

/// Prepares relu.
///
/// # Errors
/// When the codes are not of 8 bits.
pub fn prepare_relu<I: Isa>(isa: I, spec: &ReluSpec) -> Result<Box<dyn Kernel>, Refusal> {
    let (low, high) = eight_bits(spec.tensor.dtype)?;
    let floor = spec.tensor.qparams.zero_point.clamp(low, high);
    Ok(Box::new(Clamp::new(isa, spec.tensor.dtype, floor, high)))
}

/// Prepares clamp.
///
/// # Errors
/// When the codes are not of 8 bits, or the bounds are not in order within them.
pub fn prepare_clamp<I: Isa>(isa: I, spec: &ClampSpec) -> Result<Box<dyn Kernel>, Refusal> {
    let (low, high) = eight_bits(spec.dtype)?;
    if !(low <= spec.low && spec.low <= spec.high && spec.high <= high) {
        return Err(Refusal::Unsupported(format!(
            "a clamp to {}..={}; bounds in order within {low}..={high} are right",
            spec.low, spec.high
        )));
    }
    Ok(Box::new(Clamp::new(isa, spec.dtype, spec.low, spec.high)))
}

/// Codes held to a range.
struct Clamp<I> {
    isa: I,
    /// bounds of codes moved to u8
    low: u8,
    high: u8,
    /// what moves codes to u8
    moved: u8,
    chosen: Chosen,
}

impl<I: Isa> Clamp<I> {
    fn new(isa: I, dtype: DType, low: i32, high: i32) -> Self {
        let moved = if dtype == DType::I8 { 0x80 } else { 0 };
        Self {
            isa,
            low: low as u8 ^ moved,
            high: high as u8 ^ moved,
            moved,
            chosen: Chosen {
                micro_kernel: format!("{}clamp-x{}", dtype.name(), 4 * I::LANES),
                tile: None,
                fallback: None,
            },
        }
    }
}

impl<I: Isa> Kernel for Clamp<I> {
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

struct All<'a, 'v, I> {
    op: &'a Clamp<I>,
    input: View<'a>,
    output: &'a mut ViewMut<'v>,
}

impl<I: Isa> WithIsa<I> for All<'_, '_, I> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        let Self { op, input, output } = self;
        let (low, high) = (isa.splat_u8(op.low), isa.splat_u8(op.high));
        let moved = isa.splat_u8(op.moved);
        let (len, stride) = (output.row_len(), output.row_stride());
        for row in 0..output.rows() {
            let from = &input.codes()[row * input.row_stride()..][..len];
            let to = &mut output.codes_mut()[row * stride..][..len];
            for (from, to) in from.chunks(4 * I::LANES).zip(to.chunks_mut(4 * I::LANES)) {
                // SAFETY: both chunks hold as many bytes, at most 4·LANES.
                unsafe {
                    let codes = isa.load_bytes_partial(from.as_ptr(), from.len());
                    let held = isa.max_u8(isa.xor(codes, moved), low);
                    let codes = isa.xor(isa.min_u8(held, high), moved);
                    isa.store_bytes_partial(to.as_mut_ptr(), codes, to.len());
                }
            }
        }
    }
}
