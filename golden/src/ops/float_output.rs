//! Sums of products to f32, under a [`FloatOutputRule`]: the last step of
//! dynamic linear.
//!
//! Sources: FBGEMM `src/QuantUtilsAvx2.cc` (requantizeForFloatAvx2) and
//! `include/fbgemm/OutputProcessing-inl.h` (ReQuantizeForFloat); for oneDNN (3 in
//! PyTorch 2.15, 2.6 in 1.13) and for the fused multiply-add of FBGEMM in PyTorch, the captures of real
//! dynamic linear layers.

use crate::profile::{DynamicBias, DynamicScale, FloatOutputRule};

/// The scales of one output channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FloatScales {
    scale: DynamicScale,
    bias: DynamicBias,
    activation: f32,
    weight: f32,
    /// both scales in one number, where the rule multiplies only once
    product: f32,
    /// the reciprocals of both scales in one number
    reciprocal: f32,
}

impl FloatScales {
    /// The scales of a channel, from those of the activations and its weights.
    pub(crate) fn new(rule: &FloatOutputRule, activation: f64, weight: f64) -> Self {
        let reciprocal = (1.0 / activation) as f32 * (1.0 / weight as f32);
        let product = match rule.scale {
            DynamicScale::Product | DynamicScale::LeftToRight => activation as f32 * weight as f32,
            DynamicScale::DoubleReciprocal => {
                let activation = 1.0 / ((1.0 / activation) as f32);
                let weight = 1.0 / (1.0 / weight as f32);
                activation * weight
            }
            DynamicScale::RecipOfRecips => 1.0 / reciprocal,
        };
        Self {
            scale: rule.scale,
            bias: rule.bias,
            activation: activation as f32,
            weight: weight as f32,
            product,
            reciprocal,
        }
    }

    /// `sum` in real units, plus `bias`.
    pub(crate) fn apply(&self, sum: i32, bias: Option<f32>) -> f32 {
        let sum = sum as f32;
        let (left, right) = match self.scale {
            DynamicScale::Product
            | DynamicScale::DoubleReciprocal
            | DynamicScale::RecipOfRecips => (sum, self.product),
            DynamicScale::LeftToRight => (sum * self.activation, self.weight),
        };
        if let (Some(bias), DynamicBias::BeforeScale) = (bias, self.bias) {
            let sum = sum + bias * self.reciprocal;
            return match self.scale {
                DynamicScale::LeftToRight => sum * self.activation * self.weight,
                _ => sum * self.product,
            };
        }
        match (bias, self.bias) {
            (None, _) | (_, DynamicBias::BeforeScale) => left * right,
            (Some(bias), DynamicBias::MulThenAdd) => left * right + bias,
            (Some(bias), DynamicBias::Fma) => left.mul_add(right, bias),
        }
    }
}
