//! What is asked of kernels, and how answers are judged and explained.
//!
//! - [`record`]: run files

pub mod record;
