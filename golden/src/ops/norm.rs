//! Layer norm and batch norm of codes.
//!
//! Sources: PyTorch `QuantizedOpKernels.cpp` (quantized_normalize_kernel,
//! q_batch_norm_kernel), `Normalization.cpp` (compute_fused_params). A row's sums of codes and
//! of their squares are exact integers. Whether a build fuses multiplications with sums in
//! layer norm, the captures do not tell; here they are not fused.

use super::store::Store;
use super::through_real::{self, ToCode};
use super::{ReferenceError, check};
use crate::profile::Profile;
use crate::spec::{BatchNormSpec, Constants, LayerNormSpec};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// ((q − z) ⊖ mean) ⊗ (sx / deviation) ⊗ gamma ⊕ beta, by rows.
///
/// # Errors
/// When types, parameters or constants do not fit, or the profile has no such op.
pub(crate) fn layer_norm(
    spec: &LayerNormSpec,
    constants: &Constants,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let tensors = [("input", spec.input), ("output", spec.output)];
    through_real::check("layer norm", profile, &tensors, witness)?;
    check::epsilon(spec.epsilon)?;
    let affine = match (&constants.weights, &constants.bias) {
        (None, None) => None,
        (gamma, beta) => Some((
            check::reals("gamma", gamma.as_ref(), spec.len)?,
            check::reals("beta", beta.as_ref(), spec.len)?,
        )),
    };
    let scale = spec.input.qparams.scale as f32;
    let zero_point = i64::from(spec.input.qparams.zero_point);
    let to_code = ToCode::new(&spec.output);
    let mut codes = Vec::with_capacity(input.len());
    for row in 0..spec.rows {
        let row: Vec<i64> = (row * spec.len..(row + 1) * spec.len)
            .map(|i| input.data().code(i))
            .collect();
        let count = spec.len as f32;
        let sum: i64 = row.iter().sum();
        let squares: i64 = row.iter().map(|code| code * code).sum();
        let with_zero_point = sum as f32 / count;
        let mean = with_zero_point - zero_point as f32;
        let spread = squares as f32 / count - with_zero_point * with_zero_point;
        let variance = spread.max(0.0) * scale * scale;
        let factor = f64::from(scale) / (f64::from(variance) + spec.epsilon).sqrt();
        let factor = factor as f32;
        for (column, &code) in row.iter().enumerate() {
            let value = ((code - zero_point) as f32 - mean) * factor;
            let value = match affine {
                Some((gamma, beta)) => value * gamma[column] + beta[column],
                None => value,
            };
            codes.push(to_code.code(codes.len(), Some(code), value, witness));
        }
    }
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new([spec.rows, spec.len], data).expect("one code per code"))
}

/// fma(alpha, q − z, beta), alpha and beta folded from the four numbers of a channel, then half
/// to even.
///
/// # Errors
/// When types, parameters or constants do not fit, or the profile has no such op.
pub(crate) fn batch_norm(
    spec: &BatchNormSpec,
    constants: &Constants,
    inputs: &[Tensor],
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let tensors = [("input", spec.input), ("output", spec.output)];
    through_real::check("batch norm", profile, &tensors, witness)?;
    check::epsilon(spec.epsilon)?;
    let gamma = check::reals("gamma", constants.weights.as_ref(), spec.channels)?;
    let beta = check::reals("beta", constants.bias.as_ref(), spec.channels)?;
    let mean = check::reals("mean", Some(&inputs[1]), spec.channels)?;
    let variance = check::reals("variance", Some(&inputs[2]), spec.channels)?;
    let scale = spec.output.qparams.scale;
    let ratio = spec.input.qparams.scale / scale;
    let folded: Vec<(f32, f32)> = (0..spec.channels)
        .map(|c| {
            let deviation = (variance[c] + spec.epsilon as f32).sqrt();
            let factor = (1.0 / f64::from(deviation)) as f32;
            let slope = (f64::from(factor * gamma[c]) * ratio) as f32;
            let rest = beta[c] - mean[c] * factor * gamma[c];
            (slope, (f64::from(rest) / scale) as f32)
        })
        .collect();
    let zero_point = i64::from(spec.input.qparams.zero_point);
    let store = Store::new(&spec.output, spec.relu.into());
    let codes = (0..inputs[0].len())
        .map(|index| {
            let code = inputs[0].data().code(index);
            let (slope, rest) = folded[index % spec.channels];
            let steps = slope.mul_add((code - zero_point) as f32, rest);
            store.round_then_add(index, Some(code), steps, witness)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new([spec.pixels, spec.channels], data).expect("one code per code"))
}
