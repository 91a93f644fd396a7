//! Linear: static, dynamic and weight-only. Static is one kernel position over
//! `m` pixels; the other two have files of their own.

use qassay_golden::profile::{Accumulation, Profile};
use qassay_golden::spec::{Activation, Constants, Granularity, LinearSpec, QParams, Quantized};
use qassay_golden::tensor::DType;

use super::direct::{self, Codes, Direct};
use super::dynamic::DynamicLinear;
use super::epilogue::{Epilogue, Parts};
use super::weight_only::WeightOnly;
use super::weights::{BlockedWeights, WeightShape};
use super::window::Window;
use crate::backend::{Chosen, Kernel, Precondition, Refusal};
use crate::isa::Isa;
use crate::threads::Output;
use crate::view::{View, ViewMut};

/// Prepares a linear under `profile`.
///
/// # Errors
/// When the profile, a type or a parameter is not this family's.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &LinearSpec,
    constants: &Constants,
) -> Result<Box<dyn Kernel>, Refusal> {
    check_weights(&spec.weights, spec.n)?;
    match spec.activation {
        Activation::Quantized(activation) => {
            let direct = direct::<I>(
                profile,
                spec,
                constants,
                (activation.dtype, activation.qparams),
            )?;
            let chosen = direct.chosen::<I>();
            Ok(Box::new(StaticLinear {
                isa,
                direct,
                chosen,
            }))
        }
        Activation::Dynamic { reduce_range } => {
            let any = QParams {
                scale: 1.0,
                zero_point: 0,
            };
            let direct = direct::<I>(profile, spec, constants, (DType::U8, any))?;
            let dynamic = DynamicLinear::new(isa, profile, spec, reduce_range, direct)?;
            Ok(Box::new(dynamic))
        }
        Activation::Float => Ok(Box::new(WeightOnly::new(isa, profile, spec, constants)?)),
    }
}

struct StaticLinear<I> {
    isa: I,
    direct: Direct,
    chosen: Chosen,
}

impl<I: Isa> Kernel for StaticLinear<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let output = Output::of(&mut outputs[0]);
        self.direct.run(self.isa, Codes::of(&inputs[0]), output);
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

fn direct<I: Isa>(
    profile: &Profile,
    spec: &LinearSpec,
    constants: &Constants,
    activation: (DType, QParams),
) -> Result<Direct, Refusal> {
    let activation_codes = Quantized {
        dtype: activation.0,
        qparams: activation.1,
    };
    let rule = &profile.accumulate.of_linear(activation_codes);
    let shape = WeightShape {
        columns: spec.n,
        taps: 1,
        k: spec.k,
    };
    let form = direct::form::<I>(rule.linear, shape)?;
    let shift = direct::shift::<I>(activation.0, rule, rule.linear == Accumulation::Exact)?;
    let codes = direct::weight_codes(constants, spec.n * spec.k)?;
    let weights = BlockedWeights::pack(codes, shape, I::LANES, form);
    let parts = Parts {
        constants,
        bias: spec.bias,
        weights: &spec.weights,
        weight_sums: weights.sums(),
        output: spec.output,
        relu: spec.relu.is_zero(),
        shift,
    };
    Ok(Direct::new(
        Window::of_rows(spec.m),
        None,
        rule.padding,
        vec![weights],
        spec.n,
        Epilogue::new(profile, parts)?,
        activation,
    ))
}

/// Refuses weights with zero points, and scales that do not fit the output channels.
pub fn check_weights(weights: &Granularity, columns: usize) -> Result<(), Refusal> {
    let all = match weights {
        Granularity::PerTensor(qparams) => std::slice::from_ref(qparams),
        Granularity::PerChannel { axis, qparams } => {
            if *axis != 0 || qparams.len() != columns {
                return Err(Refusal::Unsupported(format!(
                    "{} weight scales along axis {axis}; there are {columns} along axis 0",
                    qparams.len()
                )));
            }
            qparams
        }
    };
    if all.iter().any(|qparams| qparams.zero_point != 0) {
        return Err(Refusal::Precondition(Precondition::SymmetricWeights));
    }
    Ok(())
}
