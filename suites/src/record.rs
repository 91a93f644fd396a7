//! Run files: JSON lines. The first line is a [`Header`], then [`Record`]s (one
//! judged case on one backend), [`Identified`]s (whose bits a backend's are that
//! declares no profile) and [`Explanation`]s (why a backend differs in a suite), or
//! [`Measurement`]s (one timed case on one backend), or [`Fate`]s (what became of a
//! mutant), then one [`Summary`]. Reports
//! read nothing else.

mod measurement;
mod mutant;
mod spread;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use measurement::{
    Bandwidth, Caches, Clock, Compared, Measurement, Measuring, Peak, Peaks, Place, Ratio, Share,
    Time, Work,
};
pub use mutant::{Fate, Kills, Prey};
pub use spread::{Spread, Unit};

/// The version of the run file's schema.
pub const SCHEMA: u32 = 1;

/// One line of a run file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// the first line
    Header(Header),
    /// one case on one backend
    Record(Record),
    /// whose bits those of a backend without a profile of its own are
    Identified(Identified),
    /// why a backend differs in a suite
    Explanation(Explanation),
    /// one case on one backend, timed
    Measurement(Measurement),
    /// what became of a seeded fault
    Mutant(Fate),
    /// the last line
    Summary(Summary),
}

/// What a run was made with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// see [`SCHEMA`]
    pub schema: u32,
    /// qassay's version
    pub version: String,
    /// the source revision, if it was built from a checkout
    pub revision: Option<String>,
    /// the compiler
    pub toolchain: String,
    /// the CPU that ran it; stable fields only
    pub cpu: CpuFingerprint,
    /// hash over the reference's golden vectors
    pub golden_hash: String,
    /// the command line, without paths
    pub command: Vec<String>,
    /// smoke, standard or exhaustive
    pub level: String,
    /// the seed that all case seeds come from
    pub seed: u64,
    /// K/N, if only a part of the cases was run
    pub shard: Option<String>,
    /// how times were taken, in runs of `bench`
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub measuring: Option<Measuring>,
}

/// A CPU, by fields that do not change between boots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CpuFingerprint {
    /// x86_64, aarch64
    pub architecture: String,
    /// e.g. AuthenticAMD
    pub vendor: String,
    /// the CPU's own name
    pub model_name: String,
    /// family, model, stepping
    pub family: u32,
    /// model
    pub model: u32,
    /// stepping
    pub stepping: u32,
    /// features that kernels use, sorted
    pub features: Vec<String>,
    /// L1d, L2, L3 in KiB, where known
    pub caches_kib: Vec<u64>,
}

/// The outcome of one case on one backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// every output bit is what the profile says
    Conforms,
    /// the data could not have told right from wrong
    Vacuous,
    /// the backend does not have this op, type or parameter
    Unsupported,
    /// a declared precondition does not hold for the data
    PreconditionNotMet,
    /// some output bit is not what the profile says
    Differs,
    /// every output bit is right, but what runs allocate is never freed
    Leaked,
    /// wrote outside its output
    WroteOutside,
    /// SIGSEGV, SIGILL, abort or panic
    Crashed,
    /// no answer within the time limit
    TimedOut,
}

impl Verdict {
    /// Whether this outcome makes a run fail.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Differs
                | Self::Leaked
                | Self::WroteOutside
                | Self::Crashed
                | Self::TimedOut
                | Self::Vacuous
        )
    }

    /// Whether outputs were compared.
    pub fn is_judged(self) -> bool {
        matches!(self, Self::Conforms | Self::Differs | Self::Leaked)
    }

    /// The word in tables and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::Vacuous => "vacuous",
            Self::Unsupported => "unsupported",
            Self::PreconditionNotMet => "precondition-not-met",
            Self::Differs => "differs",
            Self::Leaked => "leaked",
            Self::WroteOutside => "wrote-outside",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed-out",
        }
    }
}

/// One case on one backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// the case id: everything that is needed to repeat it
    pub case: String,
    /// the suite: the first part of the id
    pub suite: String,
    /// the backend's name
    pub backend: String,
    /// the instruction set
    pub isa: String,
    /// `native` or `modelled`
    pub execution: String,
    /// the profile it was held to
    pub profile: String,
    /// the outcome
    pub verdict: Verdict,
    /// output values compared bit for bit
    pub values: u64,
    /// output values left open by the profile
    pub open: u64,
    /// output values that differ
    pub mismatches: u64,
    /// the first wrong element
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<Mismatch>,
    /// what the kernel chose inside: micro-kernel, tile, fall-back
    pub chosen: String,
    /// blake3 of constants and inputs, first 16 hex digits
    pub data_hash: String,
    /// blake3 of the outputs, first 16 hex digits, any NaN as one; absent where there are none,
    /// or where hashing would cost too much. Backends with the same hash gave the same bits
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output_hash: Option<String>,
    /// where the output of the first wrong element is wrong, and by how much
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub spread: Option<Spread>,
    /// events that the data reached, by key; zero counts are left out
    pub events: BTreeMap<String, u64>,
    /// more about the verdict, in one line
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub detail: String,
}

/// One wrong output element.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mismatch {
    /// which output
    pub output: usize,
    /// the index in each dimension
    pub index: Vec<usize>,
    /// the sum of products, if the op has one
    pub accumulator: Option<i64>,
    /// the exact scaled value before rounding
    pub scaled: Option<f64>,
    /// what the profile says (decimal; floats with their bits)
    pub expected: String,
    /// what the kernel gave
    pub got: String,
}

/// Whose bits those of a backend are that declares no profile, in one suite. It
/// was asked a sample of the suite's cases and then held to `held_to` in all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identified {
    /// the backend
    pub backend: String,
    /// the suite
    pub suite: String,
    /// every named profile that gives all of the sample's bits; the sample does not tell them apart
    pub profiles: Vec<String>,
    /// the profile that it was held to: one of `profiles`, or the nearest if there is none
    pub held_to: String,
    /// cases of the sample that the backend answered
    pub answered: u64,
    /// those whose every bit `held_to` gives
    pub explained: u64,
}

/// Why a backend differs in a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// the backend
    pub backend: String,
    /// the suite
    pub suite: String,
    /// the profile it was held to
    pub held_to: String,
    /// the axes whose change explains every mismatch; empty if none was found
    pub axes: Vec<AxisChange>,
    /// a named profile that gives the same bits on all failing cases, if there is one
    pub identified: Option<String>,
    /// axes on which the declared profile differs from the one it was held to but which this data cannot tell apart
    pub indistinguishable: Vec<AxisChange>,
    /// how many failing cases the explanation was checked on
    pub checked_cases: u64,
    /// the smallest failing case
    pub shrunk_case: String,
    /// the first wrong element of the smallest case
    pub first: Option<Mismatch>,
    /// the command that repeats it
    pub repro: String,
    /// the explanation in one sentence
    pub sentence: String,
}

/// One axis and its two choices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AxisChange {
    /// `stage.axis`
    pub axis: String,
    /// the choice of the profile it was held to
    pub expected: String,
    /// the choice that explains the backend
    pub actual: String,
    /// what the actual choice does
    pub meaning: String,
}

/// Totals of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// pairs of case and backend whose outputs were compared
    pub judged: u64,
    /// distinct case ids
    pub cases: u64,
    /// output values compared bit for bit
    pub values: u64,
    /// pairs by verdict word
    pub verdicts: BTreeMap<String, u64>,
    /// events over all cases, by key; zeros are kept
    pub events: BTreeMap<String, u64>,
    /// seconds
    pub seconds: f64,
    /// seconds by stage, summed over all workers; of `conform`
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub stages: BTreeMap<String, f64>,
    /// whether the run was ended before it was through; what is there is whole
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub interrupted: bool,
}
