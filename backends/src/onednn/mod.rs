//! The oneDNN family: blocked weights, batch-reduce micro-kernels, direct
//! convolution over channel-last activations, an epilogue in f32 with the zero
//! point added and the range enforced before rounding. Written once over [`Isa`].
//!
//! - [`linear`], [`conv`]: from a spec to a prepared kernel
//! - `dynamic`, `weight_only`, `depthwise`: the forms with loops of their own
//! - `direct`, `window`, `lines`, `brgemm`, `steps`: loops, geometry, copied lines, micro-kernel
//! - `weights`, `epilogue`, `outputs`: the layout that goes in, the arithmetic that comes out
//! - `quantize`, `requantize`, `store`: element-wise, and how values become codes

mod brgemm;
pub mod conv;
mod depthwise;
mod direct;
mod dynamic;
mod epilogue;
pub mod linear;
mod lines;
mod outputs;
mod quantize;
mod requantize;
mod steps;
mod store;
mod weight_only;
mod weights;
mod window;

use qassay_golden::profile::Profile;
use qassay_golden::spec::{Constants, OpSpec};

use crate::backend::{Backend, Declaration, Execution, Kernel, Refusal};
use crate::dequantize;
use crate::isa::Isa;

/// The family on one instruction set.
pub struct Onednn<I> {
    isa: I,
    execution: Execution,
    declaration: &'static Declaration,
    profile: &'static Profile,
}

impl<I: Isa> Onednn<I> {
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

impl<I: Isa> Backend for Onednn<I> {
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
            OpSpec::Requantize(spec) => requantize::prepare(isa, spec),
            OpSpec::Linear(spec) => linear::prepare(isa, profile, spec, constants),
            OpSpec::Conv(spec) => conv::prepare(isa, profile, spec, constants),
            _ => Err(Refusal::Unsupported(
                "onednn has no kernel for this op".into(),
            )),
        }
    }
}
