//! A quantized tensor plus or times a real number: where it can, the op changes scale and
//! zero point and leaves the codes as they are.
//!
//! Sources: PyTorch `native/quantized/cpu/BinaryOps.cpp` (_add_scalar_out), `qmul.cpp`
//! (_mul_scalar_out), `QuantizedOpKernels.cpp` (qadd_scalar_kernel).

use super::store::Store;
use super::{ReferenceError, through_real};
use crate::profile::Profile;
use crate::spec::{QParams, Quantized, Relu, ScalarSpec};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// Codes, scale and zero point of the input plus the number.
///
/// # Errors
/// When type, parameters or the number do not fit, or the profile has no such op.
pub(crate) fn add_scalar(
    spec: &ScalarSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let (qmin, qmax) = prepared("add_scalar", spec, profile, witness)?;
    let QParams { scale, zero_point } = spec.input.qparams;
    let addend = (spec.scalar / scale).round_ties_even();
    if addend.abs() > f64::from(1 << 24) {
        return Err(ReferenceError::Undefined(format!(
            "{} is more than 2^24 steps of {scale}",
            spec.scalar
        )));
    }
    let addend = addend as i64;
    let moved = i64::from(zero_point) - addend;
    let span = (qmax - qmin) as f64;
    let (new_scale, new_zero_point) = if moved < qmin {
        ((qmax - moved) as f64 / span * scale, qmin)
    } else if moved > qmax {
        ((moved - qmin) as f64 / span * scale, qmax)
    } else {
        let codes = (0..input.len()).map(|index| input.data().code(index));
        return Ok(outputs(spec, codes.collect(), scale, moved));
    };
    let output = quantized(spec, new_scale, new_zero_point);
    let store = Store::new(&output, Relu::None);
    let multiplier = scale as f32 * (1.0 / new_scale as f32);
    let codes = (0..input.len())
        .map(|index| {
            let sum = input.data().code(index) - i64::from(zero_point) + addend;
            store.round_then_add(index, Some(sum), sum as f32 * multiplier, witness)
        })
        .collect();
    Ok(outputs(spec, codes, new_scale, new_zero_point))
}

/// Codes, scale and zero point of the input times the number.
///
/// # Errors
/// When type, parameters or the number do not fit, or the profile has no such op.
pub(crate) fn mul_scalar(
    spec: &ScalarSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let (qmin, qmax) = prepared("mul_scalar", spec, profile, witness)?;
    let QParams { scale, zero_point } = spec.input.qparams;
    let codes = || (0..input.len()).map(|index| input.data().code(index));
    if spec.scalar == 0.0 {
        return Ok(outputs(spec, vec![0; input.len()], 1.0, 0));
    }
    let new_scale = spec.scalar.abs() * scale;
    if spec.scalar > 0.0 {
        return Ok(outputs(
            spec,
            codes().collect(),
            new_scale,
            zero_point.into(),
        ));
    }
    // A negative number turns the codes around.
    let turned = codes().map(|code| qmax + qmin - code).collect();
    let turned_zero = qmax - (i64::from(zero_point) - qmin);
    Ok(outputs(spec, turned, new_scale, turned_zero))
}

fn prepared(
    what: &str,
    spec: &ScalarSpec,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<(i64, i64), ReferenceError> {
    through_real::check(what, profile, &[("input", spec.input)], witness)?;
    if !spec.scalar.is_finite() {
        return Err(ReferenceError::Mismatch(format!(
            "the number {} is not finite",
            spec.scalar
        )));
    }
    Ok(spec
        .input
        .dtype
        .code_range()
        .expect("8-bit codes have a range"))
}

fn quantized(spec: &ScalarSpec, scale: f64, zero_point: i64) -> Quantized {
    Quantized {
        dtype: spec.input.dtype,
        qparams: QParams {
            scale,
            zero_point: zero_point as i32,
        },
    }
}

fn outputs(spec: &ScalarSpec, codes: Vec<i64>, scale: f64, zero_point: i64) -> Vec<Tensor> {
    let codes = Data::from_codes(spec.input.dtype, codes);
    vec![
        Tensor::new(spec.shape.clone(), codes).expect("one code per code"),
        Tensor::new([1], Data::F64(vec![scale])).expect("one scale"),
        Tensor::new([1], Data::I32(vec![zero_point as i32])).expect("one zero point"),
    ]
}
