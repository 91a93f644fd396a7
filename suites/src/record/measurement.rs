//! Measurements: how long a backend takes on a case, and against what that is
//! held: another backend in the same run, and what this CPU can do at most.
//!
//! All times are nanoseconds of one run of the kernel. Rates follow from
//! [`Work`] and the median: `2·macs / median_ns` is GOP/s, `bytes / median_ns` GB/s.

use serde::{Deserialize, Serialize};

use super::Verdict;

/// One case on one backend, timed. Where the outputs are not what the profile
/// says, or the kernel does not run, there is a verdict and no time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// the case id: everything that is needed to repeat it
    pub case: String,
    /// the suite: the first part of the id
    pub suite: String,
    /// where the case comes from, if it is of a named set of shapes
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<Place>,
    /// the backend's name
    pub backend: String,
    /// whether it is a peer: timed also where it differs, and no matter of the run's verdict
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub peer: bool,
    /// the instruction set
    pub isa: String,
    /// `native`; what runs on models only is not timed
    pub execution: String,
    /// the profile it was held to
    pub profile: String,
    /// how its outputs were judged, before the first and after every sample
    pub verdict: Verdict,
    /// more about the verdict, in one line
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub detail: String,
    /// output values that differ from those of exact accumulation: what saturation costs.
    /// Absent where the op has no accumulator or nothing was compared
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inexact: Option<u64>,
    /// output values compared bit for bit
    pub values: u64,
    /// what the kernel chose inside: micro-kernel, tile, fall-back
    pub chosen: String,
    /// blake3 of constants and inputs, first 16 hex digits
    pub data_hash: String,
    /// threads that the kernel could use
    pub threads: usize,
    /// whether operands were in the caches when a run began
    pub caches: Caches,
    /// how much one run does
    pub work: Work,
    /// the scheme of the CPU's peaks that it is held against, e.g. `avx2/vpmaddwd`; empty if none
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub scheme: String,
    /// nanoseconds that preparing took: packing weights, allocating (median of a few)
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prepare_ns: Option<f64>,
    /// instructions that one run executes, counted under valgrind; absent unless asked for
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instructions: Option<u64>,
    /// how long one run takes; absent unless the verdict is `conforms`, or `differs` of a peer
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time: Option<Time>,
}

/// A case's place in a named set of shapes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// the set, e.g. `gemm`, `net:resnet50`
    pub set: String,
    /// what it is there, e.g. `layer1.0.conv2`
    pub name: String,
    /// how often a network runs it
    pub times: u64,
}

/// Whether operands are in the caches when a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caches {
    /// as the runs before left them
    Warm,
    /// a larger buffer was read and written before each run
    Cold,
}

impl Caches {
    /// `warm` or `cold`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Cold => "cold",
        }
    }
}

/// How much one run of a kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Work {
    /// multiply-accumulates, 0 where the op has none; those with padding count
    pub macs: u64,
    /// elements of the largest input or output
    pub elements: u64,
    /// bytes of inputs, weights and bias, each once
    pub bytes_in: u64,
    /// bytes of outputs, each once
    pub bytes_out: u64,
}

impl Work {
    /// Bytes of all operands and outputs, each once.
    pub fn bytes(&self) -> u64 {
        self.bytes_in + self.bytes_out
    }
}

/// How long one run takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// the clock: `thread` (CPU time of the thread that runs the kernel) or `wall`
    pub clock: Clock,
    /// runs in each sample
    pub iterations: u64,
    /// nanoseconds of one run, by sample, in the order they were taken; sample `i` of all
    /// backends of a case was taken in round `i`
    pub samples_ns: Vec<f64>,
    /// passes over all cases in which they were taken, as many in each, one pass after the other
    #[serde(default = "one")]
    pub passes: usize,
    /// nanoseconds of one run of a fixed piece of work, by round: how fast the machine was then,
    /// whatever the kernel is
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub yardstick_ns: Vec<f64>,
    /// the median of the samples
    pub median_ns: f64,
    /// 95 % bootstrap interval of the median, passes drawn first
    pub interval_ns: [f64; 2],
    /// the samples differ so much that the median says little
    pub unstable: bool,
    /// against the base backend; absent for the base itself and without one
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ratio: Option<Ratio>,
    /// against what this CPU can do; absent where that was not measured
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub share: Option<Share>,
}

/// Files of before there were passes.
fn one() -> usize {
    1
}

impl Time {
    /// Billions of operations a second; a multiply-accumulate is two.
    pub fn gops(&self, work: &Work) -> f64 {
        2.0 * work.macs as f64 / self.median_ns
    }

    /// Billions of bytes a second.
    pub fn gbytes(&self, work: &Work) -> f64 {
        work.bytes() as f64 / self.median_ns
    }
}

/// What is read to take times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// CPU time of one thread: what else the machine does is left out
    Thread,
    /// time that passes: for several threads
    Wall,
}

impl Clock {
    /// `thread` or `wall`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Wall => "wall",
        }
    }
}

/// Speed against the base backend in the same rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// the base's name
    pub base: String,
    /// median over rounds of the base's time ÷ its own: above 1 is faster than the base
    pub ratio: f64,
    /// 95 % bootstrap interval, rounds resampled in pairs
    pub interval: [f64; 2],
    /// what the interval allows to say
    pub word: Compared,
}

/// What can be said of two backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// the interval lies above 1
    Faster,
    /// the interval lies below 1
    Slower,
    /// the interval holds 1 and lies within 2 % of it
    Alike,
    /// the interval holds 1 and is wider
    Inconclusive,
}

impl Compared {
    /// The word in tables and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Alike => "alike",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// Share of the least time that this CPU allows: the longer of computing at
/// the peak of the scheme and moving all bytes once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// least time ÷ median; above 1 where a kernel does better than the scheme
    pub share: f64,
    /// the name of what limits: a [`Peak`] or a [`Bandwidth`], e.g. `avx2/vpmaddwd`, `read 2 MiB`
    pub limit: String,
}

/// What this CPU can do at most, measured in the same run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Peaks {
    /// cycles of a nanosecond, from a chain of dependent additions
    pub ghz: f64,
    /// multiply-accumulates in registers, by scheme
    pub schemes: Vec<Peak>,
    /// moving bytes, by size of the array
    pub bandwidths: Vec<Bandwidth>,
}

/// Multiply-accumulates of one scheme, operands in registers and L1, one thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// instruction set and instructions, e.g. `avx2/vpmaddwd`
    pub scheme: String,
    /// whether its sums are exact for all u8·s8 operands
    pub exact: bool,
    /// billions of operations a second (2 per multiply-accumulate), the best of all rounds
    pub gops: f64,
    /// the median of all rounds
    pub median_gops: f64,
}

/// How fast bytes move, one thread, the best of all rounds; GB/s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// the smallest cache that holds the array: `L1`, `L2`, `L3`, or `memory`
    pub level: String,
    /// bytes of the array (of both together, for copy)
    pub bytes: u64,
    /// reading
    pub read: f64,
    /// writing
    pub write: f64,
    /// writing past the caches, where the CPU has such stores
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub write_non_temporal: Option<f64>,
    /// copying, bytes read and bytes written together
    pub copy: f64,
}

/// How a bench run measured: part of the run file's header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measuring {
    /// threads that kernels could use
    pub threads: usize,
    /// whether operands were in the caches
    pub caches: Caches,
    /// what times were read from
    pub clock: Clock,
    /// the backend that others are held against
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base: Option<String>,
    /// passes over all cases
    #[serde(default = "one")]
    pub passes: usize,
    /// least nanoseconds of a sample
    pub sample_ns: f64,
    /// most samples of a case
    pub most_samples: usize,
    /// what this CPU can do at most
    pub peaks: Peaks,
}
