//! Asks the oracle, which shares no code with the reference, for the two values
//! that an axis makes different.

use qassay_golden::oracle::{self, SumBias, SumScale};
use qassay_golden::profile::{Profile, RequantizeRule, SumOf};
use qassay_golden::spec::{
    Activation, BiasKind, Granularity, OpSpec, Output, Problem, QParams, Quantized, Relu,
};
use qassay_golden::tensor::Data;
use qassay_golden::witness::Step;

use super::element::Element;

/// What the oracle says of the two values of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oracle {
    /// it gives both
    Confirms,
    /// it gives something else
    Contradicts,
    /// it does not cover this op, or one of the values is no code
    NotAsked,
}

/// Asks for the element's value under both profiles.
pub(super) fn confirm(problem: &Problem, pair: &[Profile; 2], element: &Element) -> Oracle {
    if let OpSpec::ChooseQparams(_) = problem.op {
        return qparams(problem, pair);
    }
    let Some(codes) = element.codes else {
        return Oracle::NotAsked;
    };
    let asked = [0, 1].map(|at| code(problem, &pair[at], element, element.steps[at]));
    match asked {
        [Some(a), Some(b)] if [a, b] == codes => Oracle::Confirms,
        [Some(_), Some(_)] => Oracle::Contradicts,
        _ => Oracle::NotAsked,
    }
}

fn code(
    problem: &Problem,
    profile: &Profile,
    element: &Element,
    step: Option<Step>,
) -> Option<i64> {
    match &problem.op {
        OpSpec::Quantize(spec) => {
            let Granularity::PerTensor(qparams) = spec.granularity else {
                return None;
            };
            let Data::F32(values) = problem.inputs[0].data() else {
                return None;
            };
            let range = spec.range.or(spec.dtype.code_range())?;
            oracle::quantize(&profile.quantize, values[element.number], qparams, range)
        }
        OpSpec::Requantize(spec) => {
            let column = element.number % spec.columns;
            let multiplier = *spec.multipliers.get(column).or(spec.multipliers.first())?;
            let output = Quantized {
                dtype: spec.dtype,
                qparams: QParams {
                    scale: 1.0,
                    zero_point: spec.zero_point,
                },
            };
            let sum = i32::try_from(problem.inputs[0].data().code(element.number)).ok()?;
            let scale = SumScale::Given(multiplier);
            oracle::requantize(
                &profile.requantize,
                sum,
                scale,
                SumBias::None,
                output,
                spec.relu.into(),
            )
        }
        OpSpec::Linear(spec) => {
            let Activation::Quantized(activation) = spec.activation else {
                return None;
            };
            let channel = element.number % spec.n;
            let weights = spec.weights.channel(channel);
            product(
                &(profile.requantize.of(SumOf::Linear, channel, spec.n)).built_for(
                    SumOf::Linear,
                    spec.output.dtype(),
                    spec.weights.is_per_channel(),
                ),
                step?,
                activation,
                weights,
                spec.bias,
                spec.output,
                spec.relu,
            )
        }
        OpSpec::Conv(spec) => {
            let channel = element.number % spec.out_channels;
            let weights = spec.weights.channel(channel);
            product(
                &(profile
                    .requantize
                    .of(SumOf::of(spec), channel, spec.out_channels))
                .built_for(
                    SumOf::of(spec),
                    spec.output.dtype(),
                    spec.weights.is_per_channel(),
                ),
                step?,
                spec.activation,
                weights,
                spec.bias,
                spec.output,
                spec.relu,
            )
        }
        _ => None,
    }
}

/// The code of a product's sum; an i32 bias is in the sum already, a real one is not asked for.
fn product(
    rule: &RequantizeRule,
    step: Step,
    activation: Quantized,
    weights: QParams,
    bias: BiasKind,
    output: Output,
    relu: Relu,
) -> Option<i64> {
    let (Output::Quantized(output), BiasKind::None | BiasKind::I32) = (output, bias) else {
        return None;
    };
    let sum = i32::try_from(step.accumulator?).ok()?;
    let scale = SumScale::OfProduct {
        activation: activation.qparams.scale,
        weight: weights.scale,
    };
    oracle::requantize(rule, sum, scale, SumBias::None, output, relu)
}

/// Scale and zero point of the range of the input, under both profiles.
fn qparams(problem: &Problem, pair: &[Profile; 2]) -> Oracle {
    let (OpSpec::ChooseQparams(spec), Data::F32(values)) = (&problem.op, problem.inputs[0].data())
    else {
        return Oracle::NotAsked;
    };
    if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
        return Oracle::NotAsked;
    }
    let min = values.iter().copied().fold(f32::INFINITY, f32::min);
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for profile in pair {
        let Some(answer) = super::Answer::of(problem, profile) else {
            return Oracle::NotAsked;
        };
        let Some(asked) = oracle::choose_qparams(&profile.qparams, min, max, &spec.request) else {
            return Oracle::NotAsked;
        };
        let (Data::F64(scale), zero_point) = (answer.outputs[0].data(), answer.outputs[1].data())
        else {
            return Oracle::NotAsked;
        };
        if scale[0].to_bits() != asked.scale.to_bits()
            || zero_point.code(0) != i64::from(asked.zero_point)
        {
            return Oracle::Contradicts;
        }
    }
    Oracle::Confirms
}
