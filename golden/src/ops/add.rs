//! Addition and subtraction of two quantized tensors. Subtraction is addition of
//! what `b` stands for with the other sign: no rounding to nearest sees the sign.
//!
//! Sources: PyTorch `QuantizedOpKernels.cpp` (qadd_kernel, scalar and vector
//! body); ONNX Runtime MLAS `qladd.cpp`; QNNPACK `src/qnnpack/requantization.h`
//! (qnnp_compute_add_quantization_params) and `src/add.c`; XNNPACK
//! `src/microparams-init.c` (xnn_init_qs8_add_minmax_scalar_params); TFLite `kernels/add.cc` (Prepare)
//! and `reference/integer_ops/add.h` (AddFunc). The vector
//! forms reproduce the captured layers of real networks.

use super::ReferenceError;
use super::fixed_point::{FixedPoint as FixedMultiplier, fixed_point, srdhm};
use super::store::Store;
use crate::profile::{AddForm, Profile, Scaling};
use crate::spec::{BinarySpec, QParams};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// Whether `b` is added or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// a + b
    Plus,
    /// a − b
    Minus,
}

/// `a` and `b`, or `a` less `b`.
///
/// # Errors
/// When types or parameters do not fit, or the ratio of scales is outside
/// what the profile's fixed point can hold.
pub(crate) fn add(
    sign: Sign,
    spec: &BinarySpec,
    a: &Tensor,
    b: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::binary(spec, witness)?;
    let store = Store::new(&spec.output, spec.relu);
    let (qa, qb, qo) = (spec.a.qparams, spec.b.qparams, spec.output.qparams);
    let minus = sign == Sign::Minus;
    let (sa, so) = (qa.scale as f32, qo.scale as f32);
    let sb = qb.scale as f32 * if minus { -1.0 } else { 1.0 };
    let codes = (0..a.len()).map(|i| (i, a.data().code(i), b.data().code(i)));
    let sums: Vec<i64> = match profile.pointwise.add {
        AddForm::Dequantize => {
            let inverse = 1.0 / so;
            codes
                .map(|(i, a, b)| {
                    let sum = sa * steps(a, qa) + sb * steps(b, qb);
                    store.round_then_add(i, None, sum * inverse, witness)
                })
                .collect()
        }
        AddForm::DequantizeDiv => codes
            .map(|(i, a, b)| {
                let sum = sa * steps(a, qa) + sb * steps(b, qb);
                store.round_then_add(i, None, sum / so, witness)
            })
            .collect(),
        AddForm::FmaPremul => {
            let inverse = 1.0 / so;
            let fixed_a = sa * -(qa.zero_point as f32);
            let fixed_b = sb * -(qb.zero_point as f32);
            codes
                .map(|(i, a, b)| {
                    let sum = sa.mul_add(a as f32, fixed_a) + sb.mul_add(b as f32, fixed_b);
                    store.round_then_add(i, None, sum * inverse, witness)
                })
                .collect()
        }
        AddForm::FmaFixed => {
            let (ra, rb) = (sa / so, sb / so);
            // Compiled with FMA, the first of the two products is not rounded.
            let of_zeros = ra.mul_add(qa.zero_point as f32, rb * qb.zero_point as f32);
            let fixed = qo.zero_point as f32 - of_zeros;
            codes
                .map(|(i, a, b)| {
                    let code = (a as f32).mul_add(ra, (b as f32).mul_add(rb, fixed));
                    store.round(i, None, code, witness)
                })
                .collect()
        }
        form @ (AddForm::Gemmlowp20 | AddForm::Gemmlowp20Vector) => {
            // TFLite keeps scales as f32.
            let of = |qparams: QParams| f64::from(qparams.scale as f32);
            let (sa, sb, so) = (of(qa), of(qb), of(qo));
            let twice_max = 2.0 * sa.max(sb);
            let fixed = |real: f64| -> Result<FixedMultiplier, ReferenceError> {
                let fixed = fixed_point(Scaling::Q31SrdhmRdbpot, real)?;
                Ok(fixed.expect("a fixed-point scaling"))
            };
            let (by_a, by_b) = (fixed(sa / twice_max)?, fixed(sb / twice_max)?);
            let left_shift = left_shift(spec);
            let by_sum = fixed(twice_max / (f64::from(1 << left_shift) * so))?;
            let body = match form {
                AddForm::Gemmlowp20Vector if !minus => vector_body(spec.output.dtype, a.len()),
                _ => 0,
            };
            let brought = |i: usize, by: FixedMultiplier, code: i64, qparams: QParams| {
                let steps = code - i64::from(qparams.zero_point);
                match i < body {
                    true => in_vector(spec.output.dtype, by, steps, left_shift),
                    false => by.apply((steps << left_shift) as i32),
                }
            };
            codes
                .map(|(i, a, b)| {
                    let (a, b) = (brought(i, by_a, a, qa), brought(i, by_b, b, qb));
                    let sum = if minus { a - b } else { a + b } as i32;
                    witness.step(Some(sum.into()), by_sum.exact(sum));
                    witness.events.hit_if(Event::ExactTie, by_sum.is_tie(sum));
                    store.clamp(by_sum.apply(sum) + i64::from(qo.zero_point), witness)
                })
                .collect()
        }
        form @ (AddForm::FixedPoint21 | AddForm::FixedPoint20Up) => {
            let fixed = FixedPoint::new(form, sa / so, sb.abs() / so)?;
            codes
                .map(|(_, a, b)| {
                    let a = fixed.a * (a - i64::from(qa.zero_point));
                    let b = fixed.b * (b - i64::from(qb.zero_point));
                    let sum = if minus { a - b } else { a + b };
                    let scaled = sum as f64 / (1u64 << fixed.shift) as f64;
                    witness.step(Some(sum), scaled);
                    witness
                        .events
                        .hit_if(Event::ExactTie, scaled - scaled.floor() == 0.5);
                    let code = fixed.round(sum) + i64::from(qo.zero_point);
                    store.clamp(code, witness)
                })
                .collect()
        }
    };
    let data = Data::from_codes(spec.output.dtype, sums);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one sum per pair of codes"))
}

/// Bits that inputs gain before TFLite brings them to one scale: kernels/add.cc (Prepare).
fn left_shift(spec: &BinarySpec) -> u32 {
    if spec.output.dtype == DType::I16 {
        15
    } else {
        20
    }
}

/// How many leading elements TFLite's vector kernels take; wider codes have none.
fn vector_body(dtype: DType, len: usize) -> usize {
    let width = match dtype {
        DType::I8 => 16,
        DType::U8 => 8,
        _ => return 0,
    };
    len / width * width
}

/// `steps · 2^left_shift` times a multiplier of at most 1, as TFLite's vector kernels:
/// optimized/integer_ops/add.h (AddElementwiseInt8), optimized/optimized_ops.h
/// (AddElementwise).
fn in_vector(dtype: DType, by: FixedMultiplier, steps: i64, left_shift: u32) -> i64 {
    let (multiplier, power) = by.parts();
    let shifted = |x: i64, power: i32| match power < 0 {
        true => x >> power.unsigned_abs().min(63),
        false => x << power,
    };
    let high = |x: i64| i64::from(srdhm(x as i32, multiplier as i32));
    match dtype {
        DType::I8 => high(shifted(steps, left_shift as i32 + power)),
        _ => shifted(high(steps << left_shift), power),
    }
}

fn steps(code: i64, qparams: QParams) -> f32 {
    (code - i64::from(qparams.zero_point)) as f32
}

/// Two multipliers with a common binary point.
struct FixedPoint {
    a: i64,
    b: i64,
    shift: u32,
    /// ties go up, else away from zero
    ties_up: bool,
}

impl FixedPoint {
    /// From the ratios of input to output scale.
    fn new(form: AddForm, ra: f32, rb: f32) -> Result<Self, ReferenceError> {
        let ties_up = form == AddForm::FixedPoint20Up;
        let (least, bits) = if ties_up { (-10, 20) } else { (-14, 21) };
        for ratio in [ra, rb] {
            if !(2f32.powi(least)..256.0).contains(&ratio) {
                return Err(ReferenceError::Undefined(format!(
                    "fixed-point addition takes ratios of input to output scale in [2^{least}, 2^8), not {ratio}"
                )));
            }
        }
        let exponent = (ra.max(rb).to_bits() >> 23) as i32 - 127;
        let shift = (bits - exponent) as u32;
        // Powers of two times an f32: exact, so only the rounding to integer rounds.
        let fixed = |ratio: f32| (f64::from(ratio) * (1u64 << shift) as f64).round_ties_even();
        Ok(Self {
            a: fixed(ra) as i64,
            b: fixed(rb) as i64,
            shift,
            ties_up,
        })
    }

    /// `sum / 2^shift` to nearest.
    fn round(&self, sum: i64) -> i64 {
        let half = 1i64 << (self.shift - 1);
        if self.ties_up {
            return (sum + half) >> self.shift;
        }
        let magnitude = (sum.abs() + half) >> self.shift;
        if sum < 0 { -magnitude } else { magnitude }
    }
}
