//! What is asked of kernels, and how answers are judged and explained.
//!
//! - [`case`]: cases and their ids
//! - [`data`]: data classes
//! - [`suite`]: which cases make a suite
//! - [`judge`]: one case on one backend, with [`arena`] and [`compare`]
//! - [`leak`]: whether backends that are not of this build free what they allocate
//! - [`count`]: one kernel over and over, for tools that count instructions
//! - [`recognise`]: whose bits one answer is, for backends that do not say
//! - [`runner`]: whole runs, in worker processes ([`worker`], [`protocol`])
//! - [`explain`], [`shrink`]: why a backend differs, and the smallest case that shows it
//! - [`parting`]: where two profiles give other bits, and the smallest case that shows it
//! - [`identify`]: whose arithmetic captured outputs are
//! - [`model`]: a whole network on engines and backends, node after node
//! - [`mod@bench`]: how fast, beside each other and against what the CPU can do
//! - [`host`]: the CPU that runs, and its peaks
//! - [`record`]: run files
//! - [`stages`]: where the time of a run goes
//! - [`os`]: guard pages, faults, ends of processes: all that differs between systems

pub mod arena;
pub mod bench;
pub mod case;
pub mod compare;
pub mod count;
pub mod data;
pub mod executed;
pub mod explain;
pub mod host;
pub mod identify;
pub mod judge;
pub mod leak;
pub mod model;
pub mod os;
mod panics;
pub mod parting;
#[cfg(test)]
mod planted;
pub mod protocol;
pub mod recognise;
pub mod record;
pub mod runner;
pub mod shrink;
mod spread;
pub mod stages;
pub mod suite;
pub mod worker;
