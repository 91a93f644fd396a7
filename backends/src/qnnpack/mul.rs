//! Product of two quantized tensors: of steps in integers, scaled in f32 by one multiplier.
//!
//! Sources: XNNPACK `src/qs8-vmul/*.c`, `src/microparams-init.c`
//! (xnn_init_qs8_mul_minmax_fp32_params); PyTorch `QuantizedOpKernels.cpp` (qmul_kernel), which
//! its qnnpack engine runs, too.

use qassay_golden::profile::{MulForm, Profile};
use qassay_golden::spec::BinarySpec;

use super::pairwise::{self, Combine, Held};
use crate::backend::{Kernel, Refusal};
use crate::isa::Isa;

/// Prepares the op under `profile`.
///
/// # Errors
/// When the profile multiplies in another way, or a type is not of 8 bits.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &BinarySpec,
) -> Result<Box<dyn Kernel>, Refusal> {
    let held = Held::of(spec)?;
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
    let product = Product {
        multiplier,
        zero_points: [a.zero_point, b.zero_point],
    };
    Ok(pairwise::kernel(isa, spec, held, "q8vmul", product))
}

/// `(qa − za) · (qb − zb) · multiplier`
struct Product {
    multiplier: f32,
    /// the inputs'
    zero_points: [i32; 2],
}

impl<I: Isa> Combine<I> for Product {
    #[inline(always)]
    fn codes(&self, isa: I, inputs: [I::V; 2], held: &Held) -> I::V {
        let a = isa.sub_i32(inputs[0], isa.splat_i32(self.zero_points[0]));
        let b = isa.sub_i32(inputs[1], isa.splat_i32(self.zero_points[1]));
        // At most 255 · 255 in magnitude: exact in f32.
        let product = isa.i32_to_f32(isa.mul_i32(a, b));
        let steps = isa.mul_f32(product, isa.splat_f32(self.multiplier));
        // Held in f32 first, so that no conversion overflows.
        let within = isa.max_f32(steps, isa.splat_f32(held.low as f32));
        let within = isa.min_f32(within, isa.splat_f32(held.high as f32));
        isa.add_i32(isa.f32_to_i32_even(within), isa.splat_i32(held.zero_point))
    }
}
