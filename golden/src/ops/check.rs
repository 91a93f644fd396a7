//! Whether the tensors of a problem fit its spec, so that the ops need not ask again.

use super::ReferenceError;
use crate::spec::{BinarySpec, FunctionSpec, PoolSpec, Problem, QParams, Quantized, Relu};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Checks number, shapes and types of the run-time inputs.
///
/// # Errors
/// Says which input differs, and what it should be.
pub(crate) fn inputs(problem: &Problem) -> Result<(), ReferenceError> {
    let expected = problem.op.inputs();
    if problem.inputs.len() != expected.len() {
        return Err(ReferenceError::Mismatch(format!(
            "{} inputs were given, the op takes {}",
            problem.inputs.len(),
            expected.len()
        )));
    }
    for (index, (tensor, (shape, dtype))) in problem.inputs.iter().zip(&expected).enumerate() {
        if tensor.shape() != shape || tensor.dtype() != *dtype {
            return Err(ReferenceError::Mismatch(format!(
                "input {index} is {} {:?}, the spec asks for {} {shape:?}",
                tensor.dtype().name(),
                tensor.shape(),
                dtype.name()
            )));
        }
    }
    Ok(())
}

/// Checks that `quantized` is of 8 bits, with a possible scale and zero point.
///
/// # Errors
/// Says what `name` should have.
pub(crate) fn quantized(name: &str, quantized: &Quantized) -> Result<(), ReferenceError> {
    if !matches!(quantized.dtype, DType::U8 | DType::I8) {
        return Err(ReferenceError::Undefined(format!(
            "{name}: {} codes are not defined here; u8 and s8 are",
            quantized.dtype.name()
        )));
    }
    qparams(name, quantized.dtype, quantized.qparams)
}

/// Checks that `quantized` is of 8 bits or s16, with a possible scale and zero point.
///
/// # Errors
/// Says what `name` should have.
pub(crate) fn codes(name: &str, tensor: &Quantized) -> Result<(), ReferenceError> {
    if tensor.dtype == DType::I16 {
        return qparams(name, tensor.dtype, tensor.qparams);
    }
    quantized(name, tensor)
}

/// Checks that a function goes from s16 to s16 codes, both with zero point 0.
///
/// # Errors
/// Says which tensor should have what.
pub(crate) fn symmetric_s16(spec: &FunctionSpec) -> Result<(), ReferenceError> {
    for (name, tensor) in [("input", &spec.input), ("output", &spec.output)] {
        if tensor.dtype != DType::I16 || tensor.qparams.zero_point != 0 {
            return Err(ReferenceError::Undefined(format!(
                "{name}: {} codes with zero point {} are not defined here; s16 with zero point 0 are",
                tensor.dtype.name(),
                tensor.qparams.zero_point
            )));
        }
        qparams(name, tensor.dtype, tensor.qparams)?;
    }
    Ok(())
}

/// Checks that a function goes from codes of 8 bits or s16 to codes of the same type, and counts
/// zero points at an end.
///
/// # Errors
/// Says which tensor should have what.
pub(crate) fn function(spec: &FunctionSpec, witness: &mut Witness) -> Result<(), ReferenceError> {
    one_type(&spec.input, &spec.output, witness)
}

/// The same of an input and an output.
///
/// # Errors
/// Says which tensor should have what.
pub(crate) fn one_type(
    input: &Quantized,
    output: &Quantized,
    witness: &mut Witness,
) -> Result<(), ReferenceError> {
    for (name, tensor) in [("input", input), ("output", output)] {
        codes(name, tensor)?;
        witness.zero_point(tensor.dtype, tensor.qparams.zero_point);
        if tensor.dtype == DType::I16 && tensor.qparams.zero_point != 0 {
            return Err(ReferenceError::Undefined(format!(
                "{name}: s16 codes with zero point {} are not defined here; with 0 they are",
                tensor.qparams.zero_point
            )));
        }
    }
    if input.dtype != output.dtype {
        return Err(ReferenceError::Undefined(format!(
            "from {} to {} codes is not defined here; codes of one type are",
            input.dtype.name(),
            output.dtype.name()
        )));
    }
    Ok(())
}

/// Checks a scale and zero point against a code type.
///
/// # Errors
/// Says what `name` should have.
pub(crate) fn qparams(name: &str, dtype: DType, qparams: QParams) -> Result<(), ReferenceError> {
    if !(qparams.scale.is_finite() && qparams.scale > 0.0) {
        return Err(ReferenceError::Mismatch(format!(
            "{name}: scale {} is not finite and positive",
            qparams.scale
        )));
    }
    let zero_point = i64::from(qparams.zero_point);
    match dtype.code_range() {
        Some((lo, hi)) if !(lo..=hi).contains(&zero_point) => {
            Err(ReferenceError::Mismatch(format!(
                "{name}: zero point {zero_point} lies outside {lo}..={hi}, the codes of {}",
                dtype.name()
            )))
        }
        _ => Ok(()),
    }
}

/// Checks that a clamp to two codes leaves codes of `dtype`, the type of the output.
///
/// # Errors
/// When the output has no codes, or the bounds are not in order within its type.
pub(crate) fn relu(relu: Relu, dtype: DType) -> Result<(), ReferenceError> {
    let Some((low, high)) = relu.codes() else {
        return Ok(());
    };
    let bounds = (i64::from(low), i64::from(high));
    match dtype.code_range() {
        Some((least, greatest)) if dtype != DType::I32 => {
            if least <= bounds.0 && bounds.0 <= bounds.1 && bounds.1 <= greatest {
                return Ok(());
            }
            Err(ReferenceError::Mismatch(format!(
                "relu to {low}..={high}: the bounds must be in order within {least}..={greatest}, the codes of {}",
                dtype.name()
            )))
        }
        _ => Err(ReferenceError::Undefined(format!(
            "relu to the codes {low}..={high} needs an output of codes, not {}",
            dtype.name()
        ))),
    }
}

/// Checks the types and parameters of an op with two inputs and counts zero points at an end.
///
/// # Errors
/// Says which tensor should have what.
pub(crate) fn binary(spec: &BinarySpec, witness: &mut Witness) -> Result<(), ReferenceError> {
    let tensors = [
        ("input 0", &spec.a),
        ("input 1", &spec.b),
        ("output", &spec.output),
    ];
    for (name, tensor) in tensors {
        codes(name, tensor)?;
        witness.zero_point(tensor.dtype, tensor.qparams.zero_point);
    }
    relu(spec.relu, spec.output.dtype)
}

/// Checks the padding, types and parameters of a pool and counts zero points at an end.
///
/// # Errors
/// Says what should be otherwise.
pub(crate) fn pool(spec: &PoolSpec, witness: &mut Witness) -> Result<(), ReferenceError> {
    let mismatch = |message: String| Err(ReferenceError::Mismatch(message));
    let dims = spec.kernel.len();
    for pad in [&spec.pad[..], spec.pad_end()] {
        if (0..dims).any(|d| 2 * pad[d] > spec.kernel[d]) {
            return mismatch(format!(
                "padding {pad:?} is more than half of the kernel {:?}",
                spec.kernel
            ));
        }
    }
    for (name, tensor) in [("input", &spec.activation), ("output", &spec.output)] {
        codes(name, tensor)?;
        witness.zero_point(tensor.dtype, tensor.qparams.zero_point);
    }
    Ok(())
}

/// Checks that `shape` has dimension `axis`.
///
/// # Errors
/// Says how many dimensions there are.
pub(crate) fn axis(axis: usize, shape: &[usize]) -> Result<(), ReferenceError> {
    if axis < shape.len() {
        return Ok(());
    }
    Err(ReferenceError::Mismatch(format!(
        "axis {axis} does not exist in shape {shape:?}"
    )))
}

/// Checks what is added to a variance.
///
/// # Errors
/// When it is negative or not finite.
pub(crate) fn epsilon(epsilon: f64) -> Result<(), ReferenceError> {
    if epsilon.is_finite() && epsilon >= 0.0 {
        return Ok(());
    }
    Err(ReferenceError::Mismatch(format!(
        "epsilon {epsilon} is negative or not finite"
    )))
}

/// The f32 values of a constant of `len` values.
///
/// # Errors
/// When it is missing, or of another type or shape.
pub(crate) fn reals<'a>(
    name: &str,
    tensor: Option<&'a Tensor>,
    len: usize,
) -> Result<&'a [f32], ReferenceError> {
    reals_of(name, tensor, &[len])
}

/// The f32 values of a constant of this shape.
///
/// # Errors
/// When it is missing, or of another type or shape.
pub(crate) fn reals_of<'a>(
    name: &str,
    tensor: Option<&'a Tensor>,
    shape: &[usize],
) -> Result<&'a [f32], ReferenceError> {
    let tensor =
        tensor.ok_or_else(|| ReferenceError::Mismatch(format!("{name}: there is none")))?;
    match tensor.data() {
        Data::F32(values) if tensor.shape() == shape => Ok(values),
        _ => Err(ReferenceError::Mismatch(format!(
            "{name} is {} {:?}, the spec asks for f32 {shape:?}",
            tensor.dtype().name(),
            tensor.shape()
        ))),
    }
}
