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
            DynamicScale::DoubleReciprocal | DynamicScale::LeftToRightOfRecips => {
                let (activation, weight) = twice_inverted(activation, weight);
                activation * weight
            }
            DynamicScale::RecipOfRecips => 1.0 / reciprocal,
        };
        let (activation, weight) = match rule.scale {
            DynamicScale::LeftToRightOfRecips => twice_inverted(activation, weight),
            _ => (activation as f32, weight as f32),
        };
        Self {
            scale: rule.scale,
            bias: rule.bias,
            activation,
            weight,
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
            DynamicScale::LeftToRight | DynamicScale::LeftToRightOfRecips => {
                (sum * self.activation, self.weight)
            }
        };
        if let (Some(bias), DynamicBias::BeforeScale) = (bias, self.bias) {
            let sum = sum + bias * self.reciprocal;
            return match self.scale {
                DynamicScale::LeftToRight | DynamicScale::LeftToRightOfRecips => {
                    sum * self.activation * self.weight
                }
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

/// Both scales after their reciprocals were taken twice.
fn twice_inverted(activation: f64, weight: f64) -> (f32, f32) {
    let activation = 1.0 / ((1.0 / activation) as f32);
    (activation, 1.0 / (1.0 / weight as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{FloatAccumulation, HalfSums};

    fn scales(scale: DynamicScale, bias: DynamicBias, step: f64) -> FloatScales {
        let rule = FloatOutputRule {
            scale,
            bias,
            weight_only: FloatAccumulation::SequentialFma,
            float_conv: FloatAccumulation::SequentialFma,
            half_weights: HalfSums::Undefined,
        };
        FloatScales::new(&rule, step, step)
    }

    /// The square of this step needs 25 bits; f32 keeps 24 and rounds to 1 + 2^-11.
    const STEP: f64 = 1.0 + 1.0 / 4096.0;

    #[test]
    fn the_order_of_the_two_scales_shows() {
        let value = |scale| scales(scale, DynamicBias::MulThenAdd, STEP).apply(3, None);
        assert_eq!(value(DynamicScale::Product), 3.0 * (1.0 + 1.0 / 2048.0));
        // (3 + 3·2^-12)·(1 + 2^-12) = 3 + 3·2^-11 + 3·2^-24, a unit in the last place being 2^-22.
        let both = 3.0 + 3.0 / 2048.0 + 1.0 / 4_194_304.0;
        assert_eq!(value(DynamicScale::LeftToRight), both);
    }

    #[test]
    fn a_reciprocal_of_a_reciprocal_is_not_the_scale() {
        let value = |scale, step| scales(scale, DynamicBias::Fma, step).apply(1, None);
        let differing = (1..100)
            .map(|i| f64::from(i) / 128.0)
            .filter(|&step| {
                value(DynamicScale::Product, step) != value(DynamicScale::DoubleReciprocal, step)
            })
            .count();
        assert!((1..99).contains(&differing), "{differing}");
        assert_eq!(value(DynamicScale::DoubleReciprocal, 0.25), 0.0625);
    }

    #[test]
    fn reciprocals_of_reciprocals_one_after_the_other() {
        // Scales of powers of two lose nothing: 3 · 2^-2 · 2^-2, bias added.
        let form = |scale, step| scales(scale, DynamicBias::MulThenAdd, step);
        let stepwise = form(DynamicScale::LeftToRightOfRecips, 0.25);
        assert_eq!(stepwise.apply(3, Some(1.0)), 1.1875);
        // For some other steps it is neither the plain product of steps nor one product of both.
        let differs = |other| {
            (1..100).map(|i| f64::from(i) / 128.0).any(|step| {
                let stepwise = form(DynamicScale::LeftToRightOfRecips, step);
                stepwise.apply(3, None) != form(other, step).apply(3, None)
            })
        };
        assert!(differs(DynamicScale::LeftToRight));
        assert!(differs(DynamicScale::DoubleReciprocal));
    }

    #[test]
    fn a_fused_bias_rounds_once() {
        let value = |bias| {
            let bias_value = -1.0 - 1.0 / 2048.0;
            scales(DynamicScale::LeftToRight, bias, STEP).apply(1, Some(bias_value))
        };
        assert_eq!(value(DynamicBias::MulThenAdd), 0.0);
        assert_eq!(value(DynamicBias::Fma), 1.0 / 16_777_216.0);
    }
}
