//! Convolution in 1, 2 or 3 dimensions: depthwise by a kernel of its own, 1×1
//! with stride 1 and no padding by GEMM, everything else by the indirection
//! buffer (QNNPACK `src/convolution.c`).

use qassay_golden::profile::Profile;
use qassay_golden::spec::{Constants, ConvSpec, Output};

use super::depthwise::Depthwise;
use super::geometry::Geometry;
use super::output::{Finish, Parts};
use super::pack::WeightCodes;
use super::product::{self, Codes, Product, Sizes};
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::Isa;
use crate::view::{View, ViewMut};

/// Prepares a convolution under `profile`.
///
/// # Errors
/// When the profile, a type or a parameter is not this family's.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &ConvSpec,
    constants: &Constants,
) -> Result<Box<dyn Kernel>, Refusal> {
    if spec.output == Output::Float {
        let message = "convolution to f32 is not defined; codes and s32 sums are".into();
        return Err(Refusal::Unsupported(message));
    }
    let geometry = Geometry::of_conv(spec)?;
    let rule = &profile.accumulate;
    let accumulation = match (spec.is_depthwise(), spec.groups) {
        (true, _) => rule.depthwise,
        (false, 1) => rule.conv,
        (false, _) => rule.grouped,
    };
    product::check_sums(profile, accumulation)?;
    let weights = WeightCodes::new(constants, &spec.weights, spec.out_channels, spec.k())?;
    let parts = Parts {
        activation_scale: spec.activation.qparams.scale,
        weights: &spec.weights,
        columns: spec.out_channels,
        bias: spec.bias,
        constants,
        output: spec.output,
        relu: spec.relu.is_zero(),
    };
    let (finish, bias) = Finish::new::<I>(profile, parts)?;
    let activation = (spec.activation.dtype, spec.activation.qparams.zero_point);
    let plan = if spec.is_depthwise() {
        let depthwise = Depthwise::new::<I>(&geometry, &weights, activation, finish, &bias)?;
        Plan::Depthwise(depthwise)
    } else {
        let sizes = Sizes {
            groups: spec.groups,
            columns: spec.out_channels / spec.groups,
            k: spec.in_channels / spec.groups,
            outputs: geometry.outputs(),
            geometry: (!geometry.is_pointwise()).then_some(geometry),
        };
        Plan::Product(Product::new::<I>(
            sizes, &weights, activation, finish, &bias,
        )?)
    };
    let chosen = match &plan {
        Plan::Product(product) => product.chosen::<I>(),
        Plan::Depthwise(depthwise) => depthwise.chosen(),
    };
    Ok(Box::new(Conv { isa, plan, chosen }))
}

struct Conv<I> {
    isa: I,
    plan: Plan,
    chosen: Chosen,
}

enum Plan {
    Product(Product),
    Depthwise(Depthwise),
}

impl<I: Isa> Kernel for Conv<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let codes = Codes {
            bytes: inputs[0].codes(),
            stride: inputs[0].row_stride(),
        };
        match &mut self.plan {
            Plan::Product(product) => product.run(self.isa, codes, &mut outputs[0]),
            Plan::Depthwise(depthwise) => depthwise.run(self.isa, codes, &mut outputs[0]),
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}
