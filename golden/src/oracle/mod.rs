//! The oracle: sums of products, quantize, fake quantize, requantize, rescale, choose_qparams,
//! round trips and linear on blocks of weights, sigmoid, tanh,
//! hardswish, softmax, exp, elu and others once more, in exact rational arithmetic with every rounding to f32 or f64
//! written out.
//!
//! The reference in [`crate::ops`] trusts the machine's floats; the oracle
//! trusts none. It reads the same profiles and shares no other code with the
//! reference, so that a fault in one shows as a difference from the other. It is
//! slow, and made for tests.

mod blocks;
mod choose_qparams;
mod code;
mod fake_quantize;
pub mod float_ops;
mod function;
mod hard;
mod piecewise;
mod products;
mod ratio;
mod real;
mod recode;
mod requantize;
mod rescale;
mod whole;
mod wide;

pub use blocks::{Column, dequantize, linear_blocks, linear_blocks_quantized, round_trip};
pub use choose_qparams::{choose_qparams, choose_real_qparams};
pub use code::quantize;
pub use fake_quantize::{Counting, fake_quantize};
pub use function::{elu, exp_of, sigmoid, tanh};
pub use hard::{hardsigmoid, hardswish};
pub use piecewise::{abs, leaky_relu, squared_difference};
pub use products::{Operands, ProductOf, sum_of_products};
pub use recode::recode;
pub use requantize::{SumBias, SumScale, requantize};
pub use rescale::rescale;
pub use wide::fifteen_bits_up;

#[cfg(test)]
mod tests;
