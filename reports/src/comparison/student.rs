//! Student's t: how far a mean of few values may lie off by chance.

use std::f64::consts::FRAC_PI_2;

/// Steps of Simpson's rule; even.
const STEPS: usize = 128;
/// Halvings of the range in which the quantile is sought.
const HALVINGS: usize = 40;
/// More degrees of freedom than this make no difference that matters.
const MOST_DEGREES: f64 = 120.0;

/// The `t` that a variable of `degrees` degrees of freedom (at least 1) passes, either way, with
/// this probability (above 0, below 1).
///
/// With `t = √degrees · tan θ` the density of θ is `cosᵈ⁻¹ θ` but for a factor, so that
/// probabilities are ratios of two integrals.
pub(super) fn quantile(probability: f64, degrees: f64) -> f64 {
    let degrees = degrees.clamp(1.0, MOST_DEGREES);
    let whole = integral(0.0, degrees);
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if integral(middle, degrees) / whole > probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    degrees.sqrt() * f64::midpoint(low, high).tan()
}

/// Integral of `cosᵈ⁻¹` from `from` to π/2, by Simpson's rule.
fn integral(from: f64, degrees: f64) -> f64 {
    let step = (FRAC_PI_2 - from) / STEPS as f64;
    let sum: f64 = (0..=STEPS)
        .map(|i| {
            let weight = match i {
                0 | STEPS => 1.0,
                i if i.is_multiple_of(2) => 2.0,
                _ => 4.0,
            };
            weight
                * step
                    .mul_add(i as f64, from)
                    .cos()
                    .max(0.0)
                    .powf(degrees - 1.0)
        })
        .sum();
    sum * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (probability, degrees, expected) in [
            (0.05, 1.0, 12.706),
            (0.05, 2.0, 4.303),
            (0.05, 4.0, 2.776),
            (0.05, 10.0, 2.228),
            (0.01, 5.0, 4.032),
            (0.001, 8.0, 5.041),
            (0.001, 120.0, 3.373),
            (0.2, 30.0, 1.310),
        ] {
            let found = quantile(probability, degrees);
            assert!(
                (found - expected).abs() < 2e-3 * expected,
                "{degrees}: {found}"
            );
        }
    }

    #[test]
    fn fewer_degrees_and_smaller_probabilities_reach_farther() {
        assert!(quantile(0.05, 3.5) > quantile(0.05, 4.0));
        assert!(quantile(0.001, 9.0) > quantile(0.01, 9.0));
        assert!(quantile(1e-5, 12.0) < quantile(1e-5, 8.0));
    }
}
