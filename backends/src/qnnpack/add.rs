//! Sum of two quantized tensors in fixed point: two multipliers with one binary
//! point, one rounding shift.
//!
//! Sources: QNNPACK `src/qnnpack/requantization.h`
//! (pytorch_qnnp_compute_add_quantization_params), `src/q8vadd/{neon,sse2}.c`;
//! XNNPACK `src/microparams-init.c` (xnn_init_qs8_add_minmax_scalar_params).

use qassay_golden::profile::{AddForm, Profile};
use qassay_golden::spec::BinarySpec;
use qassay_golden::tensor::DType;

use super::fixed_point::shift_half_away;
use super::pool::eight_bits;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa, each};
use crate::rows::{self, Codes, Narrowing};
use crate::view::{View, ViewMut};

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
    for tensor in [&spec.a, &spec.b] {
        eight_bits(tensor.dtype)?;
    }
    let (low, high) = eight_bits(spec.output.dtype)?;
    let (a, b, output) = (spec.a.qparams, spec.b.qparams, spec.output.qparams);
    let ratio = |scale: f64| scale as f32 / output.scale as f32;
    let mut sum = Sum::new(form, ratio(a.scale), ratio(b.scale))?;
    sum.bias = (sum.a.wrapping_mul(a.zero_point))
        .wrapping_add(sum.b.wrapping_mul(b.zero_point))
        .wrapping_neg();
    let zero_point = output.zero_point;
    let floor = if spec.relu.is_zero() {
        low.max(zero_point)
    } else {
        low
    };
    Ok(Box::new(Add {
        isa,
        sum,
        signed: [spec.a.dtype == DType::I8, spec.b.dtype == DType::I8],
        zero_point,
        low: floor - zero_point,
        high: high - zero_point,
        narrowing: Narrowing::none(spec.output.dtype),
        chosen: Chosen {
            micro_kernel: format!("q8vadd-{}-x{}", spec.output.dtype.name(), 4 * I::LANES),
            tile: None,
            fallback: None,
        },
    }))
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

struct Add<I> {
    isa: I,
    sum: Sum,
    /// whether the inputs are s8
    signed: [bool; 2],
    zero_point: i32,
    /// the range of codes, less the zero point
    low: i32,
    high: i32,
    narrowing: Narrowing,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Add<I> {
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
    op: &'a Add<I>,
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
    op: &'a Add<I>,
    a: &'a [u8],
    b: &'a [u8],
}

impl<I: Isa> Codes<I> for Row<'_, I> {
    #[inline(always)]
    fn codes(&self, isa: I, column: usize, lanes: usize) -> I::V {
        let Sum {
            ties_up,
            a,
            b,
            bias,
            shift,
        } = self.op.sum;
        let rows = [self.a, self.b];
        let [qa, qb] = each!(isa.splat_i32(0), |index| {
            let row = rows[index];
            let codes = &row[column.min(row.len())..][..lanes];
            // SAFETY: the slice holds `lanes` ≤ LANES codes.
            unsafe {
                if self.op.signed[index] {
                    isa.load_i8_as_i32_partial(codes.as_ptr().cast(), lanes)
                } else {
                    isa.load_u8_as_i32_partial(codes.as_ptr(), lanes)
                }
            }
        });
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
        let held = isa.max_i32(steps, isa.splat_i32(self.op.low));
        let held = isa.min_i32(held, isa.splat_i32(self.op.high));
        isa.add_i32(held, isa.splat_i32(self.op.zero_point))
    }
}
