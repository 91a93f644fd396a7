//! Product of two quantized tensors: of steps in integers, scaled in f32 by one multiplier.
//!
//! Sources: XNNPACK `src/qs8-vmul/*.c`, `src/microparams-init.c`
//! (xnn_init_qs8_mul_minmax_fp32_params); PyTorch `QuantizedOpKernels.cpp` (qmul_kernel), which
//! its qnnpack engine runs, too.

use qassay_golden::profile::{MulForm, Profile};
use qassay_golden::spec::BinarySpec;
use qassay_golden::tensor::DType;

use super::pool::eight_bits;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa, each};
use crate::rows::{self, Codes, Narrowing};
use crate::view::{View, ViewMut};

/// Prepares the op under `profile`.
///
/// # Errors
/// When the profile multiplies in another way, or a type is not of 8 bits.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &BinarySpec,
) -> Result<Box<dyn Kernel>, Refusal> {
    for tensor in [&spec.a, &spec.b] {
        eight_bits(tensor.dtype)?;
    }
    let (low, high) = eight_bits(spec.output.dtype)?;
    let (a, b, output) = (spec.a.qparams, spec.b.qparams, spec.output.qparams);
    let product = a.scale as f32 * b.scale as f32;
    let multiplier = match profile.pointwise.mul {
        MulForm::IntegerProduct => product * (1.0 / output.scale as f32),
        MulForm::IntegerProductDiv => (a.scale * b.scale / output.scale) as f32,
        MulForm::IntegerProductDivF32 => product / output.scale as f32,
        _ => {
            let message = "qnnpack multiplies steps by one f32 and adds the zero point last".into();
            return Err(Refusal::Unsupported(message));
        }
    };
    let zero_point = output.zero_point;
    let floor = if spec.relu.is_zero() {
        low.max(zero_point)
    } else {
        low
    };
    Ok(Box::new(Mul {
        isa,
        multiplier,
        signed: [spec.a.dtype == DType::I8, spec.b.dtype == DType::I8],
        zero_points: [a.zero_point, b.zero_point],
        zero_point,
        low: floor - zero_point,
        high: high - zero_point,
        narrowing: Narrowing::none(spec.output.dtype),
        chosen: Chosen {
            micro_kernel: format!("q8vmul-{}-x{}", spec.output.dtype.name(), 4 * I::LANES),
            tile: None,
            fallback: None,
        },
    }))
}

struct Mul<I> {
    isa: I,
    multiplier: f32,
    /// whether the inputs are s8
    signed: [bool; 2],
    zero_points: [i32; 2],
    /// the output's
    zero_point: i32,
    /// the range of codes, less the zero point
    low: i32,
    high: i32,
    narrowing: Narrowing,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Mul<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        self.isa.vectorize(All {
            op: self,
            inputs: [inputs[0], inputs[1]],
            output: &mut outputs[0],
        });
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

struct All<'a, 'v, I> {
    op: &'a Mul<I>,
    inputs: [View<'a>; 2],
    output: &'a mut ViewMut<'v>,
}

impl<I: Isa> WithIsa<I> for All<'_, '_, I> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        for row in 0..self.output.rows() {
            let [a, b] = self
                .inputs
                .map(|input| &input.codes()[row * input.row_stride()..][..input.row_len()]);
            let codes = Row { op: self.op, a, b };
            let to = rows::code_row(self.output, row);
            rows::write_row(isa, &codes, self.op.narrowing, to);
        }
    }
}

struct Row<'a, I> {
    op: &'a Mul<I>,
    a: &'a [u8],
    b: &'a [u8],
}

impl<I: Isa> Codes<I> for Row<'_, I> {
    #[inline(always)]
    fn codes(&self, isa: I, column: usize, lanes: usize) -> I::V {
        let rows = [self.a, self.b];
        let [a, b] = each!(isa.splat_i32(0), |index| {
            let row = rows[index];
            let codes = &row[column.min(row.len())..][..lanes];
            // SAFETY: the slice holds `lanes` ≤ LANES codes.
            let codes = unsafe {
                if self.op.signed[index] {
                    isa.load_i8_as_i32_partial(codes.as_ptr().cast(), lanes)
                } else {
                    isa.load_u8_as_i32_partial(codes.as_ptr(), lanes)
                }
            };
            isa.sub_i32(codes, isa.splat_i32(self.op.zero_points[index]))
        });
        // At most 255 · 255 in magnitude: exact in f32.
        let product = isa.i32_to_f32(isa.mul_i32(a, b));
        let steps = isa.mul_f32(product, isa.splat_f32(self.op.multiplier));
        // Held in f32 first, so that no conversion overflows.
        let held = isa.max_f32(steps, isa.splat_f32(self.op.low as f32));
        let held = isa.min_f32(held, isa.splat_f32(self.op.high as f32));
        isa.add_i32(isa.f32_to_i32_even(held), isa.splat_i32(self.op.zero_point))
    }
}
