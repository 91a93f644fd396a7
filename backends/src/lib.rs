//! Kernel families over instruction sets, native and modelled.
//!
//! - [`backend`]: the two traits and what a backend declares
//! - [`registry`]: the one table of backends
//! - [`select`]: choosing backends by what people type
//! - [`view`]: tensors as kernels get them
//! - [`isa`]: instruction sets, native and modelled

pub mod backend;
pub mod isa;
pub mod onednn;
pub mod registry;
pub mod select;
pub mod view;
