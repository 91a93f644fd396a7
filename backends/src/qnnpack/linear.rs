//! Linear: static and dynamic. One GEMM over `m` rows
//! (QNNPACK `src/fully-connected.c`, PyTorch `qlinear.cpp`, `qlinear_dynamic.cpp`).

use qassay_golden::profile::Profile;
use qassay_golden::spec::{Activation, Constants, LinearSpec};
use qassay_golden::tensor::DType;

use super::dynamic::DynamicLinear;
use super::output::{Finish, Parts};
use super::pack::WeightCodes;
use super::product::{self, Codes, Product, Sizes};
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::Isa;
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
    product::check_sums(profile, profile.accumulate.linear)?;
    let (dtype, scale, zero_point) = match spec.activation {
        Activation::Quantized(activation) => {
            let qparams = activation.qparams;
            (activation.dtype, qparams.scale, qparams.zero_point)
        }
        Activation::Dynamic { .. } => (DType::U8, 1.0, 0),
        Activation::Float => {
            let message = "qnnpack has no products of f32 activations with codes".into();
            return Err(Refusal::Unsupported(message));
        }
    };
    let weights = WeightCodes::new(constants, &spec.weights, spec.n, spec.k)?;
    let parts = Parts {
        activation_scale: scale,
        weights: &spec.weights,
        columns: spec.n,
        bias: spec.bias,
        constants,
        output: spec.output,
        relu: spec.relu.is_zero(),
    };
    let (finish, bias) = Finish::new::<I>(profile, parts)?;
    let sizes = Sizes {
        groups: 1,
        columns: spec.n,
        k: spec.k,
        outputs: spec.m,
        geometry: None,
    };
    let product = Product::new::<I>(sizes, &weights, (dtype, zero_point), finish, &bias)?;
    if let Activation::Dynamic { reduce_range } = spec.activation {
        let dynamic = DynamicLinear::new(isa, profile, spec, reduce_range, product)?;
        return Ok(Box::new(dynamic));
    }
    let chosen = product.chosen::<I>();
    Ok(Box::new(StaticLinear {
        isa,
        product,
        chosen,
    }))
}

struct StaticLinear<I> {
    isa: I,
    product: Product,
    chosen: Chosen,
}

impl<I: Isa> Kernel for StaticLinear<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let codes = Codes {
            bytes: inputs[0].codes(),
            stride: inputs[0].row_stride(),
        };
        self.product.run(self.isa, codes, &mut outputs[0]);
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}
