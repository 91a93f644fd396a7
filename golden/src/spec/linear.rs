//! The spec of linear layers, and what products of all kinds take and give: activations, bias
//! and output.

use super::{Granularity, Quantized, Relu};
use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// `y[m, n] = Σ_k x[m, k] · w[n, k] + bias[n]`.
/// Input: `[m, k]`. Constants: weights `[n, k]` s8 (or u8), bias `[n]`. Output: `[m, n]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearSpec {
    /// rows
    pub m: usize,
    /// output columns
    pub n: usize,
    /// inner length
    pub k: usize,
    /// the activations
    pub activation: Activation,
    /// the weights' scales and zero points (per channel: axis 0)
    pub weights: Granularity,
    /// the bias
    pub bias: BiasKind,
    /// the output
    pub output: Output,
    /// what the output is held to
    pub relu: Relu,
}

/// What the activations of a product are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// codes with known parameters (static quantization)
    Quantized(Quantized),
    /// f32; parameters are chosen from the values at run time, then quantized to u8
    Dynamic {
        /// leave one bit unused
        reduce_range: bool,
    },
    /// f32, multiplied with dequantized weights
    Float,
}

impl Activation {
    /// The type of the input tensor.
    pub fn dtype(&self) -> DType {
        match self {
            Self::Quantized(q) => q.dtype,
            Self::Dynamic { .. } | Self::Float => DType::F32,
        }
    }
}

/// What a product's output is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// codes with these parameters
    Quantized(Quantized),
    /// f32
    Float,
    /// the sums, zero points corrected: s32, or s64 of 16-bit activations
    Sums,
}

impl Output {
    /// The type of the output tensor of a product of such activations.
    pub fn of(&self, activation: DType) -> DType {
        match (self, activation) {
            (Self::Sums, DType::I16) => DType::I64,
            _ => self.dtype(),
        }
    }

    /// The type of the output tensor, activations being of 8 bits.
    pub fn dtype(&self) -> DType {
        match self {
            Self::Quantized(q) => q.dtype,
            Self::Float => DType::F32,
            Self::Sums => DType::I32,
        }
    }
}

/// The type of a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BiasKind {
    /// no bias
    None,
    /// real values, f32
    F32,
    /// s32 in steps of (activation scale · weight scale); s64 too where activations are of 16 bits
    I32,
}
