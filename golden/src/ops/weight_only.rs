//! Weight-only linear: f32 activations times dequantized weights, summed under
//! a [`FloatAccumulation`](crate::profile::FloatAccumulation).
//!
//! k ascends in one chain of operations. A kernel that sums in another order
//! has another profile; none of the captured systems documents its order.

use super::ReferenceError;
use super::dequantize::dequantize_value;
use super::product::{Product, f32_at, relu_f32};
use crate::profile::{FloatAccumulation, Profile};
use crate::spec::{LinearSpec, Output};
use crate::tensor::Data;
use crate::witness::Witness;

/// The output of a weight-only linear for `[m, k]` activations.
///
/// # Errors
/// When the output is not f32 or the bias is not f32.
pub(crate) fn weight_only(
    spec: &LinearSpec,
    product: &Product<'_>,
    activations: &[f32],
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Data, ReferenceError> {
    if spec.output != Output::Float {
        return Err(ReferenceError::Undefined(
            "linear on f32 activations gives f32, no codes or sums".into(),
        ));
    }
    let bias = match product.bias {
        Some(Data::I32(_)) => {
            return Err(ReferenceError::Undefined(
                "linear on f32 activations has no step for an s32 bias; use f32 or none".into(),
            ));
        }
        bias => bias,
    };
    let form = profile.dequantize.body;
    let weights: Vec<Vec<f32>> = (0..spec.n)
        .map(|n| {
            let qparams = product.granularity.channel(n);
            (product.weights_of(n).iter())
                .map(|&code| dequantize_value(form, product.weight_type, i64::from(code), qparams))
                .collect()
        })
        .collect();
    let mut values = Vec::with_capacity(spec.m * spec.n);
    for m in 0..spec.m {
        let x = &activations[m * spec.k..][..spec.k];
        for (n, w) in weights.iter().enumerate() {
            let bias = bias.map(|bias| f32_at(bias, n));
            let value = dot(profile.float_output.weight_only, x, w, bias);
            witness.step(None, f64::from(value));
            values.push(relu_f32(value, spec.relu, witness));
        }
    }
    Ok(Data::F32(values))
}

pub(super) fn dot(accumulation: FloatAccumulation, x: &[f32], w: &[f32], bias: Option<f32>) -> f32 {
    let pairs = x.iter().zip(w);
    let single = |sum: f32| bias.map_or(sum, |bias| sum + bias);
    match accumulation {
        FloatAccumulation::SequentialMulAdd => single(pairs.fold(0.0, |sum, (x, w)| sum + x * w)),
        FloatAccumulation::SequentialFma => {
            single(pairs.fold(0.0, |sum, (x, &w)| x.mul_add(w, sum)))
        }
        FloatAccumulation::F64 => {
            let sum = pairs.fold(0.0, |sum, (&x, &w)| sum + f64::from(x) * f64::from(w));
            (sum + bias.map_or(0.0, f64::from)) as f32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_accumulation_rounds_where_it_says() {
        // x·x = 1 + 2^-11 + 2^-24 needs 25 bits.
        let x = 1.0 + 1.0 / 4096.0;
        let (a, b) = ([-1.0 - 1.0 / 2048.0, x], [1.0, x]);
        assert_eq!(dot(FloatAccumulation::SequentialMulAdd, &a, &b, None), 0.0);
        let rest = 1.0 / 16_777_216.0;
        assert_eq!(dot(FloatAccumulation::SequentialFma, &a, &b, None), rest);
        assert_eq!(dot(FloatAccumulation::F64, &a, &b, None), rest);
        // A bias of 1 swallows the rest when it is added in f32 …
        assert_eq!(
            dot(FloatAccumulation::SequentialFma, &a, &b, Some(1.0)),
            1.0
        );
        // … and 2^-24 more makes f64 round up, where f32 saw two ties to even.
        let bias = 1.0 + 1.0 / 8_388_608.0;
        let f64_sum = dot(
            FloatAccumulation::F64,
            &[rest, rest / 2.0],
            &[1.0, 1.0],
            Some(bias),
        );
        assert_eq!(f64_sum, 1.0 + 2.0 / 8_388_608.0);
    }
}
