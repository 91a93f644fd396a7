//! What people see of a run: the console matrix, JSON, JUnit XML.
//!
//! Every function here takes what a run file holds ([`qassay_suites::record`])
//! and gives text; nothing is measured or judged here.
//!
//! - [`matrix`]: backend × suite, verdict and counts
//! - [`case_view`]: one case in full
//! - [`coverage`]: events that the data reached
//! - [`captures`]: the reference against vectors of real systems
//! - [`explanation`]: why a backend differs
//! - [`failure`]: cases that crashed, hung, or wrote where they must not
//! - [`junit`]: JUnit XML for CI systems
//! - [`model`]: a whole network, node by node
//! - [`paint`]: colour, only where asked for

#![forbid(unsafe_code)]

pub mod agreement;
pub mod captures;
pub mod case_view;
pub mod coverage;
pub mod explanation;
pub mod failure;
pub mod identify;
pub mod input;
pub mod interval;
pub mod junit;
pub mod matrix;
pub mod model;
pub mod paint;
pub mod parting;
pub mod plot;
pub mod profile_table;
#[cfg(test)]
mod sample;
pub mod site;
pub mod speed;
pub mod survey;
pub mod tidy;
