//! The oneDNN family: blocked weights, batch-reduce micro-kernels, direct
//! convolution over channel-last activations, an epilogue in f32.
//!
//! - [`linear`], [`conv`]: from a spec to a prepared kernel
//! - `dynamic`, `weight_only`, `depthwise`: the forms with loops of their own
//! - `direct`, `window`, `brgemm`: loops, geometry, micro-kernel
//! - `weights`, `epilogue`: the layout that goes in, the arithmetic that comes out

mod brgemm;
pub mod conv;
mod depthwise;
mod direct;
mod dynamic;
mod epilogue;
pub mod linear;
mod weight_only;
mod weights;
mod window;

#[cfg(test)]
mod tests;
