//! What is done to values before they are quantized.

use super::held;
use crate::ops::transcendental::{Wide, sigmoid, tanh};
use crate::spec::Domain;

/// Values as a quantizer takes them.
#[derive(Debug)]
pub(super) struct Within {
    /// what is quantized
    pub(super) seen: Vec<f32>,
    /// what is passed straight through
    pub(super) straight: Vec<f32>,
}

/// The values of a whole tensor in their domain.
pub(super) fn within(domain: Domain, given: &[f32]) -> Within {
    let each = |of: &dyn Fn(f32) -> f32| -> Vec<f32> { given.iter().map(|&x| of(x)).collect() };
    let half = |x: f32| held(0.5 * x + 0.5, (0.0, 1.0));
    let tangent = |x: f32| tanh(Wide::from(f64::from(x))).to_f32();
    let seen = match domain {
        Domain::Plain | Domain::ThroughTanh => given.to_vec(),
        Domain::Unit => each(&|x| held(x, (0.0, 1.0))),
        Domain::HalvedUnit => {
            let greatest = given
                .iter()
                .fold(f32::NEG_INFINITY, |a, x| super::greater(a, x.abs()));
            let twice = 2.0 * greatest;
            each(&|x| x / twice + 0.5)
        }
        Domain::Relu { slope, .. } => each(&|x| rectified(x, slope as f32)),
        Domain::HardSwish => each(&|x| {
            let shifted = x + 3.0;
            x * held(shifted, (0.0, 6.0)) / 6.0
        }),
        Domain::HardSigmoid => each(&half),
        Domain::HardTanh => each(&|x| 2.0 * half(x) - 1.0),
        Domain::Sigmoid => each(&|x| sigmoid(Wide::from(f64::from(x))).to_f32()),
        Domain::Tanh => each(&tangent),
    };
    let straight = match domain {
        Domain::ThroughTanh => each(&tangent),
        Domain::Relu { .. } => seen.iter().map(|&x| result(domain, x)).collect(),
        _ => seen.clone(),
    };
    Within { seen, straight }
}

/// What a domain does to the value of a code.
pub(super) fn result(domain: Domain, value: f32) -> f32 {
    match domain {
        Domain::Relu {
            upper: Some(upper), ..
        } if value > upper as f32 => upper as f32,
        _ => value,
    }
}

/// Negative values times `slope`; 0 where it is 0.
fn rectified(x: f32, slope: f32) -> f32 {
    if x >= 0.0 || x.is_nan() {
        x
    } else if slope == 0.0 {
        0.0
    } else {
        slope * x
    }
}
