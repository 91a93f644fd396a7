//! Sigmoid and tanh of s16 codes: one table of sigmoid and lines between its entries.
//!
//! Sources: TFLite `reference/integer_ops/logistic.h` (Logistic of int16_t), `tanh.h` (Tanh of
//! int16_t), `kernels/activations.cc` (TanhPrepare, SigmoidPrepare), `kernels/internal/common.h`
//! (sigmoid_table_uint16), `kernels/internal/quantization_util.cc` (CheckedLog2).

use super::ReferenceError;
use super::function::Function;
use super::transcendental::{Wide, sigmoid};
use crate::profile::{Profile, WideFunctionForm};
use crate::spec::FunctionSpec;
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// The entries that are one more than the nearest integer to 2^16 · sigmoid(i/24).
const ONE_MORE: [usize; 44] = [
    4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41,
    43, 44, 45, 46, 49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255,
];

/// The function of each s16 code.
///
/// # Errors
/// When parameters do not fit, or the profile has no such function.
pub(super) fn by_table(
    which: Function,
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::symmetric_s16(spec)?;
    if profile.pointwise.function_wide == WideFunctionForm::Undefined {
        return Err(ReferenceError::Undefined(
            "sigmoid and tanh of s16 codes are not defined by this profile".into(),
        ));
    }
    if spec.output.qparams.scale != 1.0 / 32_768.0 {
        return Err(ReferenceError::Undefined(format!(
            "sigmoid and tanh of s16 codes give scale 2^-15 only, not {}",
            spec.output.qparams.scale
        )));
    }
    let (multiplier, shift) = multiplier(which, spec.input.qparams.scale)?;
    let table = table();
    let codes = (0..input.len())
        .map(|i| {
            let code = input.data().code(i);
            // In steps of 1/(24 · 512).
            let product = (code as i32).wrapping_mul(multiplier);
            let x = i64::from(product.wrapping_add((1 << shift) >> 1) >> shift);
            let output = match which {
                Function::Sigmoid => sigmoid_of(x, &table),
                Function::Tanh => tanh_of(x, &table),
            };
            witness.step(Some(code), output as f64);
            output
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}

fn table() -> Vec<i64> {
    (0..256)
        .map(|i: usize| {
            let x = Wide::product(i as f64, 1.0) / Wide::from(24.0);
            let nearest = (65_536.0 * sigmoid(x).to_f64()).round() as i64;
            nearest + i64::from(ONE_MORE.contains(&i))
        })
        .collect()
}

/// What codes are multiplied with, and the shift to the right that follows.
fn multiplier(which: Function, scale: f64) -> Result<(i32, u32), ReferenceError> {
    // A scale within a thousandth of a power of two, counted in powers, is taken for it.
    const NEAR_ONE: (f64, f64) = (0.999_307_093, 1.000_693_387_5);
    let shifts = if which == Function::Tanh {
        0..=1
    } else {
        0..=0
    };
    for left in shifts {
        let rest = scale * f64::from(1 << (12 - left));
        if NEAR_ONE.0 < rest && rest < NEAR_ONE.1 {
            return Ok((3 << left, 0));
        }
    }
    let (mut multiplier, mut shift) = (scale * 4096.0 * 3.0, 0);
    while multiplier <= 32_767.0 / 2.0 && shift <= 30 {
        multiplier *= 2.0;
        shift += 1;
    }
    if multiplier > 65_535.0 {
        return Err(ReferenceError::Undefined(format!(
            "sigmoid and tanh of s16 codes hold scales below 16/3, not {scale}"
        )));
    }
    Ok((multiplier as i32, shift))
}

fn sigmoid_of(x: i64, table: &[i64]) -> i64 {
    let (index, part) = ((x.abs() >> 9) as usize, x.abs() & 0x1ff);
    let value = if index >= 255 {
        0x7fff << 10
    } else {
        (table[index] << 9) + part * (table[index + 1] - table[index])
    };
    if x >= 0 {
        (value + (1 << 9)) >> 10
    } else {
        ((1 << 25) - value + (1 << 9) - 1) >> 10
    }
}

fn tanh_of(x: i64, table: &[i64]) -> i64 {
    let (index, part) = ((x.abs() >> 8) as usize, x.abs() & 0xff);
    let value = if index >= 255 {
        0xffff << 8
    } else {
        (table[index] << 8) + part * (table[index + 1] - table[index])
    };
    if x >= 0 {
        (value - (1 << 23) + (1 << 7)) >> 8
    } else {
        (-value + (1 << 23) + (1 << 7) - 1) >> 8
    }
}
