//! The one table of backends. Listing, tests, benches, the command line and
//! reports follow from it.

use qassay_golden::profile::Profile;

use crate::backend::{Backend, Declaration, Execution, Precondition};
use crate::fbgemm::Fbgemm;
use crate::isa::{
    Amx, Avx2, Avx2Exact, Avx512, Avx512Exact, Avx512Vnni, AvxVnni, InstructionSet, Neon, NeonDot,
    NeonI8mm, Scalar,
};
use crate::onednn::Onednn;
use crate::qnnpack::Qnnpack;

/// One backend: what it declares and how to have it.
pub struct Entry {
    /// what it declares
    pub declaration: &'static Declaration,
    /// the backend under a profile, on this CPU's own instructions; `None` where the CPU lacks them
    pub native: fn(&'static Profile) -> Option<Box<dyn Backend>>,
    /// the backend under a profile, on models of the instructions
    pub modelled: fn(&'static Profile) -> Box<dyn Backend>,
}

/// Whether this CPU has the instruction set that backends here call `isa`; `None` of a name that
/// none of them has.
pub fn runs_here(isa: &str) -> Option<bool> {
    let with = |entry: &Entry| entry.declaration.isa == isa;
    let known: Vec<Entry> = entries().into_iter().filter(with).collect();
    (!known.is_empty()).then(|| known.iter().any(|entry| entry.native().is_some()))
}

impl Entry {
    /// The declared profile.
    ///
    /// # Panics
    /// When the declaration names no profile; a test of this table rules that out.
    pub fn profile(&self) -> &'static Profile {
        let named = self.declaration.named_profile();
        &named.expect("a declaration names a known profile").profile
    }

    /// The backend on this CPU's own instructions; `None` where the CPU lacks them.
    pub fn native(&self) -> Option<Box<dyn Backend>> {
        self.native_under(self.profile())
    }

    /// The backend on models of the instructions.
    pub fn modelled(&self) -> Box<dyn Backend> {
        self.modelled_under(self.profile())
    }

    /// Natively where this CPU can, else modelled.
    pub fn open(&self) -> Box<dyn Backend> {
        self.native().unwrap_or_else(|| self.modelled())
    }

    /// As [`Entry::native`], with the arithmetic of `profile` instead of the declared one.
    /// What the family cannot do under it, it refuses.
    pub fn native_under(&self, profile: &'static Profile) -> Option<Box<dyn Backend>> {
        (self.native)(profile)
    }

    /// As [`Entry::modelled`], with the arithmetic of `profile` instead of the declared one.
    pub fn modelled_under(&self, profile: &'static Profile) -> Box<dyn Backend> {
        (self.modelled)(profile)
    }
}

/// One line per backend: its name, family type, instruction set, the names of
/// family and instruction set, its profile and its preconditions.
macro_rules! table {
    ($($name:literal: $backend:ident on $set:ident, $family:literal / $isa:literal,
        $profile:literal, [$($precondition:ident),*];)+) => {
        vec![$({
            static DECLARATION: Declaration = Declaration {
                name: $name,
                family: $family,
                isa: $isa,
                architecture: <$set as InstructionSet>::ARCHITECTURE,
                profile: $profile,
                preconditions: &[$(Precondition::$precondition),*],
                ops: &[],
            };
            Entry {
                declaration: &DECLARATION,
                native: |profile| {
                    let isa = <$set as InstructionSet>::native()?;
                    Some(Box::new($backend::new(isa, Execution::Native, &DECLARATION, profile)))
                },
                modelled: |profile| {
                    let isa = <$set as InstructionSet>::model();
                    Box::new($backend::new(isa, Execution::Modelled, &DECLARATION, profile))
                },
            }
        },)+]
    };
}

/// Every backend, families together, instruction sets from plain to special.
pub fn entries() -> Vec<Entry> {
    table! {
        "fbgemm/scalar": Fbgemm on Scalar, "fbgemm" / "scalar", "fbgemm-scalar", [];
        "fbgemm/avx2": Fbgemm on Avx2, "fbgemm" / "avx2", "fbgemm", [];
        "fbgemm/avx2-exact": Fbgemm on Avx2Exact, "fbgemm" / "avx2", "fbgemm-exact", [];
        "fbgemm/avx2-reduced": Fbgemm on Avx2Exact, "fbgemm" / "avx2", "fbgemm-exact", [ReducedActivations];
        "fbgemm/avx2-acc16": Fbgemm on Avx2, "fbgemm" / "avx2", "fbgemm-acc16", [];
        "fbgemm/avxvnni": Fbgemm on AvxVnni, "fbgemm" / "avxvnni", "fbgemm-exact", [];
        "fbgemm/avx512": Fbgemm on Avx512, "fbgemm" / "avx512", "fbgemm", [];
        "fbgemm/avx512-exact": Fbgemm on Avx512Exact, "fbgemm" / "avx512", "fbgemm-exact", [];
        "fbgemm/avx512-reduced": Fbgemm on Avx512Exact, "fbgemm" / "avx512", "fbgemm-exact", [ReducedActivations];
        "fbgemm/avx512-acc16": Fbgemm on Avx512, "fbgemm" / "avx512", "fbgemm-acc16", [];
        "fbgemm/avx512vnni": Fbgemm on Avx512Vnni, "fbgemm" / "avx512vnni", "fbgemm-vnni", [];
        "fbgemm/avx512vnni-exact": Fbgemm on Avx512Vnni, "fbgemm" / "avx512vnni", "fbgemm-exact", [];
        "fbgemm/amx": Fbgemm on Amx, "fbgemm" / "amx", "fbgemm-exact", [];
        "fbgemm/neon": Fbgemm on Neon, "fbgemm" / "neon", "fbgemm-neon", [];
        "fbgemm/neondot": Fbgemm on NeonDot, "fbgemm" / "neondot", "fbgemm-neon", [];
        "fbgemm/neoni8mm": Fbgemm on NeonI8mm, "fbgemm" / "neoni8mm", "fbgemm-neon", [];
        "onednn/scalar": Onednn on Scalar, "onednn" / "scalar", "onednn", [SymmetricWeights];
        "onednn/avx2": Onednn on Avx2, "onednn" / "avx2", "onednn-jit-avx2", [SymmetricWeights];
        "onednn/avx2-exact": Onednn on Avx2Exact, "onednn" / "avx2", "onednn-jit", [SymmetricWeights];
        "onednn/avxvnni": Onednn on AvxVnni, "onednn" / "avxvnni", "onednn-jit", [SymmetricWeights];
        "onednn/avx512": Onednn on Avx512, "onednn" / "avx512", "onednn-jit-avx2", [SymmetricWeights];
        "onednn/avx512-exact": Onednn on Avx512Exact, "onednn" / "avx512", "onednn-jit", [SymmetricWeights];
        "onednn/avx512vnni": Onednn on Avx512Vnni, "onednn" / "avx512vnni", "onednn-jit", [SymmetricWeights];
        "onednn/avx512vnni-brgemm": Onednn on Avx512Vnni, "onednn" / "avx512vnni", "onednn-brgemm", [SymmetricWeights];
        "onednn/neon": Onednn on Neon, "onednn" / "neon", "onednn", [SymmetricWeights];
        "onednn/neondot": Onednn on NeonDot, "onednn" / "neondot", "onednn", [SymmetricWeights];
        "onednn/neoni8mm": Onednn on NeonI8mm, "onednn" / "neoni8mm", "onednn", [SymmetricWeights];
        "qnnpack/scalar": Qnnpack on Scalar, "qnnpack" / "scalar", "qnnpack", [];
        "qnnpack/avx2": Qnnpack on Avx2Exact, "qnnpack" / "avx2", "qnnpack-sse2", [];
        "qnnpack/avxvnni": Qnnpack on AvxVnni, "qnnpack" / "avxvnni", "qnnpack-sse2", [];
        "qnnpack/avx512": Qnnpack on Avx512Exact, "qnnpack" / "avx512", "qnnpack-sse2", [];
        "qnnpack/avx512vnni": Qnnpack on Avx512Vnni, "qnnpack" / "avx512vnni", "qnnpack-sse2", [];
        "qnnpack/neon": Qnnpack on Neon, "qnnpack" / "neon", "qnnpack", [];
        "qnnpack/neondot": Qnnpack on NeonDot, "qnnpack" / "neondot", "qnnpack", [];
        "qnnpack/neoni8mm": Qnnpack on NeonI8mm, "qnnpack" / "neoni8mm", "qnnpack", [];
        "qnnpack/scalar-magic": Qnnpack on Scalar, "qnnpack" / "scalar", "qnnpack-magic", [];
        "qnnpack/avx2-magic": Qnnpack on Avx2Exact, "qnnpack" / "avx2", "qnnpack-magic", [];
        "qnnpack/neon-magic": Qnnpack on Neon, "qnnpack" / "neon", "qnnpack-magic", [];
        "qnnpack/scalar-q31": Qnnpack on Scalar, "qnnpack" / "scalar", "qnnpack-q31", [];
        "qnnpack/avx2-q31": Qnnpack on Avx2Exact, "qnnpack" / "avx2", "qnnpack-q31", [];
        "qnnpack/neon-q31": Qnnpack on Neon, "qnnpack" / "neon", "qnnpack-q31", [];
        "qnnpack/scalar-precise": Qnnpack on Scalar, "qnnpack" / "scalar", "qnnpack-precise", [];
        "qnnpack/avx2-precise": Qnnpack on Avx2Exact, "qnnpack" / "avx2", "qnnpack-precise", [];
        "qnnpack/neon-precise": Qnnpack on Neon, "qnnpack" / "neon", "qnnpack-precise", [];
        "qnnpack/scalar-gemmlowp": Qnnpack on Scalar, "qnnpack" / "scalar", "gemmlowp", [];
        "qnnpack/avx2-gemmlowp": Qnnpack on Avx2Exact, "qnnpack" / "avx2", "gemmlowp", [];
        "qnnpack/neon-gemmlowp": Qnnpack on Neon, "qnnpack" / "neon", "gemmlowp", [];
        "qnnpack/scalar-rndnu": Qnnpack on Scalar, "qnnpack" / "scalar", "xnnpack-rndnu", [];
        "qnnpack/avx2-rndnu": Qnnpack on Avx2Exact, "qnnpack" / "avx2", "xnnpack-rndnu", [];
        "qnnpack/neon-rndnu": Qnnpack on Neon, "qnnpack" / "neon", "xnnpack-rndnu", [];
    }
}
