//! Kernel families over instruction sets, native and modelled.
//!
//! - [`backend`]: the two traits and what a backend declares
//! - [`registry`]: the one table of backends
//! - [`select`]: choosing backends by what people type
//! - [`external`]: backends that are not of this build: plugins and programs
//! - [`profile_name`]: profiles as people type them
//! - [`view`]: tensors as kernels get them
//! - [`float_control`]: the CPU's rounding direction and flushing of subnormals
//! - [`isa`]: instruction sets, native and modelled
//! - [`fbgemm`], [`onednn`], [`qnnpack`]: the families
//! - [`threads`]: how many threads kernels may use
//! - [`mutants`]: the families with seeded faults
//! - [`ceiling`]: what a CPU can do at most, which kernels are held against
//! - [`rows`], [`dequantize`], [`range`]: what element-wise kernels and dynamic ops of the families share

pub mod backend;
pub mod ceiling;
pub mod dequantize;
pub mod external;
pub mod fbgemm;
pub mod float_control;
pub mod isa;
pub mod mutants;
pub mod onednn;
pub mod profile_name;
pub mod qnnpack;
pub mod range;
pub mod registry;
pub mod rows;
pub mod select;
pub mod threads;
pub mod view;
