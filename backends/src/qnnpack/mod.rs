//! The QNNPACK family: convolution by an indirection buffer, small tiles without
//! cache blocking, weights' zero points taken off in the kernel, biases folded
//! with zero points into packed weights, requantization schemes to select.
//! Written once over [`Isa`].
//!
//! - [`linear`], [`conv`]: from a spec to a prepared kernel
//! - `product`, `micro_kernel`, `mmla`, `depthwise`: loops and tiles
//! - `pack`, `form`, `geometry`, `indirection`: operands on their way to a tile
//! - `output`, `scheme`, `fixed_point`: from sums to outputs
//! - `dynamic`, `element`, `quantize`, `requantize`: values to codes, sums to codes
//! - `pool`, `mean`, `clamp`, `table`, `add` and `mul` (what they share is in `pairwise`): ops
//!   without weights

mod add;
mod clamp;
pub mod conv;
mod depthwise;
mod dynamic;
mod element;
mod fixed_point;
mod form;
mod geometry;
mod indirection;
pub mod linear;
mod mean;
mod micro_kernel;
mod mmla;
mod mul;
mod output;
mod pack;
mod pairwise;
mod pool;
mod product;
mod quantize;
mod requantize;
mod scheme;
mod table;

use qassay_golden::profile::Profile;
use qassay_golden::spec::{Constants, OpSpec};

use crate::backend::{Backend, Declaration, Execution, Kernel, Refusal};
use crate::dequantize;
use crate::isa::Isa;
use table::Function;

/// The family on one instruction set.
pub struct Qnnpack<I> {
    isa: I,
    execution: Execution,
    declaration: &'static Declaration,
    profile: &'static Profile,
}

impl<I: Isa> Qnnpack<I> {
    /// The family on `isa`, which is `execution`, with the arithmetic of `profile`.
    pub fn new(
        isa: I,
        execution: Execution,
        declaration: &'static Declaration,
        profile: &'static Profile,
    ) -> Self {
        Self {
            isa,
            execution,
            declaration,
            profile,
        }
    }
}

impl<I: Isa> Backend for Qnnpack<I> {
    fn declaration(&self) -> &'static Declaration {
        self.declaration
    }

    fn execution(&self) -> Execution {
        self.execution
    }

    fn prepare(&self, op: &OpSpec, constants: &Constants) -> Result<Box<dyn Kernel>, Refusal> {
        Refusal::of_types(op, constants)?;
        let (isa, profile) = (self.isa, self.profile);
        match op {
            OpSpec::Quantize(spec) => quantize::prepare(isa, profile, spec),
            OpSpec::Dequantize(spec) => dequantize::prepare(isa, profile, spec),
            OpSpec::Requantize(spec) => requantize::prepare(isa, profile, spec),
            OpSpec::Linear(spec) => linear::prepare(isa, profile, spec, constants),
            OpSpec::Conv(spec) => conv::prepare(isa, profile, spec, constants),
            OpSpec::AvgPool(spec) => pool::prepare_average(isa, profile, spec),
            OpSpec::MaxPool(spec) => pool::prepare_max(isa, spec),
            OpSpec::Add(spec) => add::prepare(isa, profile, spec),
            OpSpec::Mul(spec) => mul::prepare(isa, profile, spec),
            OpSpec::Relu(spec) => clamp::prepare_relu(isa, spec),
            OpSpec::Clamp(spec) => clamp::prepare_clamp(isa, spec),
            OpSpec::Sigmoid(spec) => table::prepare(profile, Function::Sigmoid, spec),
            OpSpec::Tanh(spec) => table::prepare(profile, Function::Tanh, spec),
            _ => Err(Refusal::Unsupported(
                "qnnpack has no kernel for this op".into(),
            )),
        }
    }
}
