//! Linear: `y[m, n] = Σ_k x[m, k] · w[n, k] + bias[n]`, with static, dynamic or
//! no quantization of the activations.

use super::ReferenceError;
use super::accumulate::Accumulator;
use super::product::Product;
use crate::profile::Profile;
use crate::spec::{Activation, Constants, LinearSpec, Quantized};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// Computes a linear op.
///
/// # Errors
/// When constants do not fit the spec, or the profile does not define it.
pub(crate) fn linear(
    spec: &LinearSpec,
    constants: &Constants,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let product = Product::new(
        constants,
        &[spec.n, spec.k],
        &spec.weights,
        spec.bias,
        spec.output,
        spec.relu,
    )?;
    let data = match spec.activation {
        Activation::Quantized(activation) => {
            super::check::quantized("activations", &activation)?;
            let sums = sums(spec, &product, input.data(), activation, profile, witness);
            product.finish(sums, activation.qparams, profile, witness)?
        }
        Activation::Dynamic { .. } => {
            return Err(ReferenceError::Undefined(
                "dynamic linear is not defined yet".into(),
            ));
        }
        Activation::Float => {
            return Err(ReferenceError::Undefined(
                "weight-only linear is not defined yet".into(),
            ));
        }
    };
    Ok(Tensor::new([spec.m, spec.n], data).expect("one value per row and channel"))
}

fn sums(
    spec: &LinearSpec,
    product: &Product<'_>,
    codes: &Data,
    activation: Quantized,
    profile: &Profile,
    witness: &mut Witness,
) -> Vec<i32> {
    let zero_point = activation.qparams.zero_point;
    product.count_parameters(activation.dtype, zero_point, witness);
    let rule = &profile.accumulate;
    let accumulator = Accumulator::new(rule, rule.linear, activation.dtype, 1, spec.k);
    let weights: Vec<_> = (0..spec.n)
        .map(|n| {
            accumulator.weights(
                product.weights_of(n),
                product.granularity.channel(n).zero_point,
            )
        })
        .collect();
    let mut row = accumulator.activation_row();
    let mut sums = Vec::with_capacity(spec.m * spec.n);
    for m in 0..spec.m {
        let start = m * spec.k;
        accumulator.fill(
            &mut row,
            codes,
            zero_point,
            |_| Some(start),
            &mut witness.events,
        );
        sums.extend(
            (weights.iter())
                .map(|weights| accumulator.sum(&row, zero_point, weights, &mut witness.events)),
        );
    }
    sums
}
