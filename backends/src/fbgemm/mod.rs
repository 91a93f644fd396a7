//! FBGEMM's kernels: packed B in blocks, output pipeline in f32, zero point
//! added after rounding. Written once over [`Isa`].
//!
//! - `linear`, `conv`, `depthwise`, `depthwise_lines`, `weight_only`: the products
//! - `micro_kernel`, `proved`, `matrix`, `tiles`, `acc16`: tiles of sums in registers; `engine`: which one an op takes
//! - `pack_b`, `pack_a`, `im2col`, `windows`, `dynamic`: operands on their way to a tile
//! - `gemm`: the loops around it; `columns`, `output`: from sums to outputs
//! - `quantize`, `requantize`: element-wise
//! - `observe`, `extremes`, `histogram`: observers; `choose`: scale and zero point

mod acc16;
mod aligned;
mod choose;
mod columns;
mod conv;
mod depthwise;
mod depthwise_lines;
mod dynamic;
mod engine;
mod extremes;
mod gemm;
mod histogram;
mod im2col;
mod linear;
mod matrix;
mod micro_kernel;
mod observe;
mod output;
mod pack_a;
mod pack_b;
mod products;
mod proof;
mod proved;
mod quantize;
mod requantize;
mod tiles;
mod weight_only;
mod windows;

use qassay_golden::profile::Profile;
use qassay_golden::spec::{Constants, OpSpec};

use crate::backend::{Backend, Declaration, Execution, Kernel, Precondition, REDUCED_MAX, Refusal};
use crate::dequantize;
use crate::isa::Isa;

/// How the micro-kernel's name begins that sums in i16 what is proved not to overflow there.
pub const PROVED: &str = proved::NAME;

/// The family on one instruction set.
pub struct Fbgemm<I> {
    isa: I,
    execution: Execution,
    declaration: &'static Declaration,
    profile: &'static Profile,
}

impl<I: Isa> Fbgemm<I> {
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

impl<I> Fbgemm<I> {
    /// The highest u8 code of activations.
    fn most_code(&self) -> u8 {
        let reduced = Precondition::ReducedActivations;
        if self.declaration.preconditions.contains(&reduced) {
            REDUCED_MAX
        } else {
            u8::MAX
        }
    }
}

impl<I: Isa> Backend for Fbgemm<I> {
    fn declaration(&self) -> &'static Declaration {
        self.declaration
    }

    fn execution(&self) -> Execution {
        self.execution
    }

    fn prepare(&self, op: &OpSpec, constants: &Constants) -> Result<Box<dyn Kernel>, Refusal> {
        Refusal::of_types(op, constants)?;
        match op {
            OpSpec::Linear(spec) => {
                linear::prepare(self.isa, self.profile, spec, constants, self.most_code())
            }
            OpSpec::Conv(spec) => {
                conv::prepare(self.isa, self.profile, spec, constants, self.most_code())
            }
            OpSpec::Quantize(spec) => quantize::prepare(self.isa, self.profile, spec),
            OpSpec::Dequantize(spec) => dequantize::prepare(self.isa, self.profile, spec),
            OpSpec::Observe(spec) => observe::prepare(self.isa, spec),
            OpSpec::ChooseQparams(spec) => choose::prepare(self.isa, self.profile, spec),
            OpSpec::Requantize(spec) => requantize::prepare(self.isa, self.profile, spec),
            _ => Err(Refusal::Unsupported(
                "fbgemm has no kernel for this op".into(),
            )),
        }
    }
}
