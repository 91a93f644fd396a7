//! What is asked of kernels, and how answers are judged and explained.
//!
//! - [`case`]: cases and their ids
//! - [`data`]: data classes
//! - [`suite`]: which cases make a suite
//! - [`record`]: run files

pub mod case;
pub mod data;
pub mod record;
pub mod suite;
