//! Sum of two quantized tensors in fixed point: two multipliers with one binary
//! point, one rounding shift.
//!
//! Sources: QNNPACK `src/qnnpack/requantization.h`
//! (pytorch_qnnp_compute_add_quantization_params), `src/q8vadd/{neon,sse2}.c`;
//! XNNPACK `src/microparams-init.c` (xnn_init_qs8_add_minmax_scalar_params).

use qassay_golden::profile::{AddForm, Profile};
use qassay_golden::spec::BinarySpec;

use super::fixed_point::shift_half_away;
use super::pairwise::{self, Combine, Held};
use crate::backend::{Kernel, Refusal};
use crate::isa::Isa;

/// Prepares the op under `profile`.
///
/// # Errors
/// When the profile adds in another way, a type is not of 8 bits, or a ratio of scales does not
/// fit the fixed point.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &BinarySpec,
) -> Result<Box<dyn Kernel>, Refusal> {
    let form = match profile.pointwise.add {
        AddForm::FixedPoint21 => &HALF_AWAY,
        AddForm::FixedPoint20Up => &HALF_UP,
        _ => {
            let message = "qnnpack adds in fixed point, not in real values".into();
            return Err(Refusal::Unsupported(message));
        }
    };
    let held = Held::of(spec)?;
    let (a, b, output) = (spec.a.qparams, spec.b.qparams, spec.output.qparams);
    let ratio = |scale: f64| scale as f32 / output.scale as f32;
    let mut sum = Sum::new(form, ratio(a.scale), ratio(b.scale))?;
    sum.bias = (sum.a.wrapping_mul(a.zero_point))
        .wrapping_add(sum.b.wrapping_mul(b.zero_point))
        .wrapping_neg();
    Ok(pairwise::kernel(isa, spec, held, "q8vadd", sum))
}

/// A fixed point: how many bits, the least ratio of scales as a power of 2, and its ties.
struct Form {
    bits: i32,
    least: i32,
    ties_up: bool,
}

/// QNNPACK's.
const HALF_AWAY: Form = Form {
    bits: 21,
    least: -14,
    ties_up: false,
};
/// XNNPACK's.
const HALF_UP: Form = Form {
    bits: 20,
    least: -10,
    ties_up: true,
};

/// `(a·qa + b·qb + bias) / 2^shift`
#[derive(Debug, Clone, Copy)]
struct Sum {
    ties_up: bool,
    a: i32,
    b: i32,
    bias: i32,
    shift: i32,
}

impl Sum {
    /// From the ratios of input to output scale.
    fn new(form: &Form, ra: f32, rb: f32) -> Result<Self, Refusal> {
        let held = 2f32.powi(form.least)..256.0;
        if let Some(ratio) = [ra, rb].into_iter().find(|ratio| !held.contains(ratio)) {
            return Err(Refusal::Unsupported(format!(
                "a ratio of input to output scale of {ratio}; fixed-point addition holds [2^{}, 2^8)",
                form.least
            )));
        }
        let shift = form.bits - ((ra.max(rb).to_bits() >> 23) as i32 - 127);
        let fixed = |ratio: f32| {
            // A power of two times an f32 is exact; only the integer rounds.
            (f64::from(ratio) * 2f64.powi(shift)).round_ties_even() as i32
        };
        let (a, b) = (fixed(ra), fixed(rb));
        // Sums stay below 2^31: a greater shift leaves nothing of them, as no sum at all does.
        let sum = Self {
            ties_up: form.ties_up,
            a,
            b,
            bias: 0,
            shift,
        };
        Ok(if shift > 31 {
            Self {
                a: 0,
                b: 0,
                shift: 31,
                ..sum
            }
        } else {
            sum
        })
    }
}

impl<I: Isa> Combine<I> for Sum {
    #[inline(always)]
    fn codes(&self, isa: I, [qa, qb]: [I::V; 2], held: &Held) -> I::V {
        let Sum {
            ties_up,
            a,
            b,
            bias,
            shift,
        } = *self;
        let sum = isa.add_i32(
            isa.add_i32(isa.splat_i32(bias), isa.mul_i32(qa, isa.splat_i32(a))),
            isa.mul_i32(qb, isa.splat_i32(b)),
        );
        let shift = isa.splat_i32(shift);
        let steps = if ties_up {
            isa.rounding_shift_right_i32(sum, shift)
        } else {
            let negative = isa.gt_i32(isa.splat_i32(0), sum);
            shift_half_away(isa, sum, negative, shift)
        };
        let within = isa.min_i32(
            isa.max_i32(steps, isa.splat_i32(held.low)),
            isa.splat_i32(held.high),
        );
        isa.add_i32(within, isa.splat_i32(held.zero_point))
    }
}
