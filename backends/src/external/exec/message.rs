//! What Qassay and an external worker say to each other, as JSON
//! (`backends/PROTOCOL.md`). Tensors travel beside it, in the same frame.

use qassay_golden::spec::OpSpec;
use serde::{Deserialize, Serialize};

/// The versions of the protocol that this build speaks.
pub const PROTOCOLS: &[u32] = &[1];

/// Qassay to worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request<'a> {
    /// which versions there are; asks for a declaration
    Hello {
        /// every version that Qassay speaks
        protocols: Vec<u32>,
        /// Qassay's version
        qassay: String,
    },
    /// make kernels; constants travel along
    Prepare {
        /// one entry for each kernel
        #[serde(borrow)]
        cases: Vec<Prepare<'a>>,
    },
    /// run kernels; inputs travel along
    Run {
        /// one entry for each kernel
        cases: Vec<Kernel>,
    },
    /// these kernels are not asked again
    Release {
        /// their numbers
        kernels: Vec<u64>,
    },
    /// the end
    Bye {},
}

/// One kernel to be made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Prepare<'a> {
    /// the number it gets
    pub kernel: u64,
    /// the op, in the form of golden vectors
    pub op: std::borrow::Cow<'a, OpSpec>,
}

/// One kernel to be run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kernel {
    /// its number
    pub kernel: u64,
}

/// Worker to Qassay.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// to `hello`
    Declare {
        /// the version that is spoken from here on
        protocol: u32,
        /// the declaration, as all external backends give it
        backend: serde_json::Value,
    },
    /// to `hello`: nothing can be asked
    Refuse {
        /// why, in one line
        why: String,
    },
    /// to `prepare`
    Prepared {
        /// one entry for each case
        cases: Vec<Prepared>,
    },
    /// to `run`; outputs travel along
    Ran {
        /// one entry for each case
        cases: Vec<Ran>,
    },
}

/// What became of a kernel.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prepared {
    /// it can run
    Ready {
        /// what was chosen inside
        #[serde(default)]
        chosen: Option<String>,
    },
    /// no such op, type or parameter
    Unsupported(String),
    /// a declared precondition does not hold
    Precondition(String),
    /// the engine failed
    Error(String),
}

/// What became of a run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ran {
    /// the outputs are there
    Done {},
    /// the engine failed
    Error(String),
}
