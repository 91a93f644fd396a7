//! The arithmetic of quantized kernels: what is right.
//!
//! - [`profile`]: the axes of arithmetic and the named profiles
//! - [`spec`], [`tensor`]: what is asked of a kernel
//! - [`calibrators`]: thresholds and ranges chosen from real values
//! - [`captures`]: vectors captured from real systems, checked against the reference
//! - [`observers`]: running statistics, one file each
//! - [`ops`]: the reference, one file per op
//! - [`vectors`]: golden vectors: cases with their expected outputs, in files
//! - [`oracle`]: a second check of the reference, in exact rationals
//! - [`agreement`]: the reference held to the oracle at length
//! - [`witness`]: what the reference saw (coverage, open outputs, steps)

#![forbid(unsafe_code)]

pub mod agreement;
pub mod calibrators;
pub mod captures;
pub mod observers;
pub mod ops;
pub mod oracle;
pub mod profile;
pub mod spec;
pub mod tensor;
pub mod vectors;
pub mod witness;
