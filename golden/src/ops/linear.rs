//! Linear: `y[m, n] = Σ_k x[m, k] · w[n, k] + bias[n]`, with static, dynamic or
//! no quantization of the activations.

use super::ReferenceError;
use super::accumulate::Accumulator;
use super::choose_qparams::{choose, min_max};
use super::product::Product;
use super::quantize::quantize_value;
use crate::profile::{Profile, SumOf};
use crate::spec::{Activation, Constants, LinearSpec, QParams, QparamsRequest, Quantized};
use crate::tensor::{DType, Data, Tensor};
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
        SumOf::Linear,
        constants,
        &[spec.n, spec.k],
        &spec.weights,
        spec.bias,
        spec.output,
        spec.relu,
    )?;
    if spec.activation.dtype() != DType::I16 {
        product.of_bytes()?;
    }
    let data = match spec.activation {
        Activation::Quantized(activation) if activation.dtype.size() > 1 => {
            super::wide::activations(&activation)?;
            product.count_parameters(activation.dtype, 0, witness);
            let sums = super::wide::linear(spec, &product, input.data());
            super::wide::finish(&product, sums, activation.qparams, profile, witness)?
        }
        Activation::Quantized(activation) => {
            super::check::quantized("activations", &activation)?;
            let sums = sums(spec, &product, input.data(), activation, profile, witness);
            product.finish(sums, activation.qparams, profile, witness)?
        }
        Activation::Dynamic { reduce_range } => {
            let activation = Quantized {
                dtype: DType::U8,
                qparams: dynamic_qparams(input, reduce_range, profile, witness)?,
            };
            let codes = dynamic_codes(input, activation, profile, witness);
            let sums = sums(spec, &product, &codes, activation, profile, witness);
            product.finish(sums, activation.qparams, profile, witness)?
        }
        Activation::Float => {
            let activations = f32s(input);
            super::weight_only::weight_only(spec, &product, activations, profile, witness)?
        }
    };
    Ok(Tensor::new([spec.m, spec.n], data).expect("one value per row and channel"))
}

/// Parameters for the whole input, as u8.
///
/// # Errors
/// When a value is not finite: no system defines that.
fn dynamic_qparams(
    input: &Tensor,
    reduce_range: bool,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<QParams, ReferenceError> {
    let values = f32s(input);
    if values.is_empty() {
        return Ok(QParams {
            scale: 1.0,
            zero_point: 0,
        });
    }
    let request = QparamsRequest {
        dtype: DType::U8,
        range: None,
        symmetric: false,
        reduce_range,
    };
    let (min, max) = min_max(values, witness)?;
    choose(&profile.qparams, min, max, &request)
}

/// The input as codes. Steps are kept for the output alone.
fn dynamic_codes(
    input: &Tensor,
    activation: Quantized,
    profile: &Profile,
    witness: &mut Witness,
) -> Data {
    let values = f32s(input);
    let mut quiet = Witness::default();
    let codes = (values.iter().enumerate())
        .map(|(index, &value)| {
            let rule = &profile.quantize;
            quantize_value(rule, value, activation.qparams, (0, 255), index, &mut quiet)
        })
        .collect::<Vec<_>>();
    witness.events.merge(&quiet.events);
    Data::from_codes(DType::U8, codes)
}

fn f32s(input: &Tensor) -> &[f32] {
    match input.data() {
        Data::F32(values) => values,
        _ => unreachable!("inputs were checked to be of the spec's type"),
    }
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
    let rule = &profile.accumulate.of_linear(activation);
    let accumulator = Accumulator::new(
        rule,
        rule.linear,
        (activation.dtype, product.weight_type),
        1,
        spec.k,
    );
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
