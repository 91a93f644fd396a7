//! The two traits every kernel family implements, and what a backend declares.
//!
//! Packing and running are separate, as in every real engine:
//! [`Backend::prepare`] packs weights and allocates, [`Kernel::run`] does neither.

use qassay_golden::profile::named::NamedProfile;
use qassay_golden::spec::{Constants, OpSpec, Relu};
use qassay_golden::tensor::{Data, Tensor};

use crate::view::{self, View, ViewMut};

/// A kernel family on an instruction set.
pub trait Backend: Send + Sync {
    /// What this backend says of itself.
    fn declaration(&self) -> &'static Declaration;
    /// Whether the instructions run on this CPU or as models.
    fn execution(&self) -> Execution;
    /// Packs the constants and makes a kernel for one op.
    ///
    /// # Errors
    /// [`Refusal`] when the op is not supported or a precondition is not met.
    fn prepare(&self, op: &OpSpec, constants: &Constants) -> Result<Box<dyn Kernel>, Refusal>;
    /// Whether its kernels are code of others that allocates in this process:
    /// what they leave behind is then watched.
    fn allocates_here(&self) -> bool {
        false
    }
    /// Kernels that are alive by its own count, where it keeps one.
    fn live(&self) -> Option<i64> {
        None
    }
}

/// A prepared op. `run` may be called many times.
pub trait Kernel: Send {
    /// Computes the op. Inputs and outputs have the shapes and types that
    /// [`OpSpec::inputs`] and [`OpSpec::outputs`] list; rows may be strided.
    /// Writes every output element, nothing between rows, and does not allocate.
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]);
    /// What was chosen inside.
    fn chosen(&self) -> &Chosen;
    /// What went wrong in the last run, where a kernel can tell: an external one
    /// that answered with an error. Its outputs then count for nothing.
    fn trouble(&self) -> Option<&str> {
        None
    }
}

/// What was chosen when an op was prepared: goes into the record, so that a
/// silent fall-back shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// the micro-kernel, e.g. `u8s8-i32-12x8`
    pub micro_kernel: String,
    /// rows, columns and depth of a tile (`mr`, `nr`, `kc`), where it has one
    pub tile: Option<(usize, usize, usize)>,
    /// why this is not the family's own kernel for the op, if it is not
    pub fallback: Option<String>,
}

/// Why a backend does not run an op.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// the family has no such op, type or parameter
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// a declared precondition does not hold for these operands
    #[error("precondition not met: {0}")]
    Precondition(Precondition),
    /// a precondition that an external backend has, in its own words
    #[error("precondition not met: {0}")]
    OwnPrecondition(String),
}

impl Refusal {
    /// Refuses what no family of this build has: types as in
    /// [`of_views`](Self::of_views), and a fused clamp to two codes.
    ///
    /// # Errors
    /// [`Refusal::Unsupported`], which names the type or the clamp.
    pub fn of_types(op: &OpSpec, constants: &Constants) -> Result<(), Self> {
        let relu = match op {
            OpSpec::Linear(spec) => spec.relu,
            OpSpec::Conv(spec) => spec.relu,
            OpSpec::Add(spec) | OpSpec::Mul(spec) | OpSpec::Sub(spec) => spec.relu,
            _ => Relu::None,
        };
        if let Some((low, high)) = relu.codes() {
            return Err(Self::Unsupported(format!(
                "a fused clamp to the codes {low}..={high}"
            )));
        }
        Self::of_views(op, constants)
    }

    /// Refuses operands that only a run brings and that break a precondition of `declaration`:
    /// kernels do not look at them. Products of u8 activations alone have such a one; what is
    /// quantized at run time is not known before.
    ///
    /// # Errors
    /// [`Refusal::Precondition`].
    pub fn of_inputs(
        declaration: &Declaration,
        op: &OpSpec,
        inputs: &[Tensor],
    ) -> Result<(), Self> {
        let reduced = Precondition::ReducedActivations;
        let is_product = matches!(op, OpSpec::Linear(_) | OpSpec::Conv(_));
        let above = |input: &Tensor| match input.data() {
            Data::U8(codes) => codes.iter().any(|&code| code > REDUCED_MAX),
            _ => false,
        };
        if is_product
            && declaration.preconditions.contains(&reduced)
            && inputs.first().is_some_and(above)
        {
            return Err(Self::Precondition(reduced));
        }
        Ok(())
    }

    /// Refuses what no kernel can be handed: operands or outputs of a type that
    /// [`View`] does not hold, such as 16-bit codes and floats of 8 bits.
    ///
    /// # Errors
    /// [`Refusal::Unsupported`], which names the type.
    pub fn of_views(op: &OpSpec, constants: &Constants) -> Result<(), Self> {
        let run_time = op.inputs().into_iter().chain(op.outputs());
        let known = [&constants.weights, &constants.bias];
        let dtypes = run_time
            .map(|(_, dtype)| dtype)
            .chain(known.into_iter().flatten().map(|tensor| tensor.dtype()));
        match dtypes.into_iter().find(|&dtype| !view::holds(dtype)) {
            Some(dtype) => Err(Self::Unsupported(format!(
                "{}; kernels take and give u8, s8, s32, f32 and f64",
                dtype.name()
            ))),
            None => Ok(()),
        }
    }
}

/// What a backend asks of its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// weights never −128
    NoMinWeights,
    /// weight zero points are 0
    SymmetricWeights,
    /// u8 activations of products use 7 bits: no code above [`REDUCED_MAX`]
    ReducedActivations,
}

/// The highest u8 code of activations that use 7 bits.
pub const REDUCED_MAX: u8 = 127;

impl Precondition {
    /// Every precondition.
    pub const ALL: &'static [Self] = &[
        Self::NoMinWeights,
        Self::SymmetricWeights,
        Self::ReducedActivations,
    ];

    /// The name in declarations of external backends.
    pub fn key(self) -> &'static str {
        match self {
            Self::NoMinWeights => "no-min-weights",
            Self::SymmetricWeights => "symmetric-weights",
            Self::ReducedActivations => "reduced-activations",
        }
    }

    /// The precondition with this [`key`](Self::key).
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|p| p.key() == key)
    }
}

impl std::fmt::Display for Precondition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoMinWeights => "weights must not hold -128",
            Self::SymmetricWeights => "weight zero points must be 0",
            Self::ReducedActivations => "activation codes must be at most 127",
        })
    }
}

/// Whether instructions are the CPU's or models of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Execution {
    /// this CPU has the instructions
    Native,
    /// lane-exact models in plain Rust
    Modelled,
}

impl Execution {
    /// `native` or `modelled`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Modelled => "modelled",
        }
    }
}

/// What a backend says of itself.
#[derive(Debug)]
pub struct Declaration {
    /// `family/isa` or `family/isa-variant`, e.g. `fbgemm/avx2-exact`
    pub name: &'static str,
    /// the kernel family: packing, blocking, epilogue
    pub family: &'static str,
    /// the instruction set
    pub isa: &'static str,
    /// the architecture the instruction set belongs to: `any`, `x86`, `arm`
    pub architecture: &'static str,
    /// the profile whose bits it computes, as [`resolve`](crate::profile_name::resolve)
    /// reads it, or [`UNKNOWN`]
    pub profile: &'static str,
    /// what it asks of operands
    pub preconditions: &'static [Precondition],
    /// the ops that an external backend lists, by [name](crate::external::op_name);
    /// empty where [`Backend::prepare`] alone says what there is
    pub ops: &'static [&'static str],
}

/// What stands in place of a profile where a backend does not say whose bits it computes.
pub const UNKNOWN: &str = "unknown";

impl Declaration {
    /// The declared profile; `None` where it is [`UNKNOWN`]. Every backend of
    /// the registry declares one: a test holds the table to it.
    pub fn named_profile(&self) -> Option<&'static NamedProfile> {
        crate::profile_name::resolve(self.profile).ok()
    }
}
