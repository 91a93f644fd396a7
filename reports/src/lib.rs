//! What people see of a run: in the terminal, as a site, as files for other tools.
//!
//! Every function here takes what a run file holds ([`qassay_suites::record`])
//! and gives text; nothing is measured or judged here.
//!
//! - [`input`]: run files in, as much of them as can be read; parts become one run
//! - [`survey`]: runs as one picture; [`agreement`], [`speed`] on it
//! - [`site`]: a static site, with [`plot`]s
//! - [`tidy`]: CSV; [`markdown`]: comments and statements; [`junit`]: JUnit XML
//! - [`terminal`]: a report in a terminal; [`matrix`]: backend × suite
//! - [`comparison`]: one run against another; [`bundle`]: submissions
//! - [`case_view`]: one case in full
//! - [`coverage`]: events that the data reached
//! - [`captures`]: the reference against vectors of real systems
//! - [`explanation`]: why a backend differs
//! - [`identified`]: whose bits those of backends without a profile are
//! - [`failure`]: cases that crashed, hung, or wrote where they must not
//! - [`model`]: a whole network, node by node
//! - [`mutants`]: what became of seeded faults, and which data classes are needed
//! - [`mod@bench`]: how fast, case by case while a bench run goes on, and what the CPU can do at most
//! - [`stages`]: where the time of a run went
//! - [`paint`]: colour, only where asked for

#![forbid(unsafe_code)]

pub mod agreement;
pub mod bench;
pub mod bundle;
pub mod captures;
pub mod case_view;
pub mod comparison;
pub mod coverage;
pub mod explanation;
pub mod failure;
pub mod identified;
pub mod identify;
pub mod input;
pub mod junit;
pub mod markdown;
pub mod matrix;
pub mod model;
pub mod mutants;
mod name;
pub mod paint;
pub mod parting;
pub mod plot;
pub mod profile_table;
#[cfg(test)]
mod sample;
pub mod site;
pub mod speed;
pub mod stages;
pub mod survey;
pub mod terminal;
pub mod tidy;
