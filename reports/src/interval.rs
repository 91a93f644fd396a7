//! Bootstrap intervals of ratios of medians (Efron), from a generator with a
//! fixed seed: the same samples always give the same interval.

use qassay_suites::bench::statistics::{self, median};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// How often samples are drawn anew.
const RESAMPLES: usize = 1000;
/// The share outside the interval on each side.
const TAIL: f64 = 0.025;

/// Median of `base[i] ÷ own[i]` over rounds `i` with its 95 % interval, as a bench run has it.
/// `None` without common rounds.
pub fn paired(base: &[f64], own: &[f64]) -> Option<(f64, [f64; 2])> {
    let rounds = base.len().min(own.len());
    (rounds > 0).then(|| statistics::ratio(&base[..rounds], &own[..rounds]))
}

/// Median of `base` ÷ median of `own` with its 95 % interval, each drawn by itself: for
/// samples of different runs. `None` without samples.
pub fn unpaired(base: &[f64], own: &[f64]) -> Option<(f64, [f64; 2])> {
    if base.is_empty() || own.is_empty() {
        return None;
    }
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let drawn = (0..RESAMPLES)
        .map(|_| {
            let upper = median(&redraw(base, &mut random));
            upper / median(&redraw(own, &mut random))
        })
        .collect();
    let ratio = median(base) / median(own);
    Some((ratio, ends(drawn)))
}

fn redraw(samples: &[f64], random: &mut ChaCha8Rng) -> Vec<f64> {
    (0..samples.len())
        .map(|_| {
            let at = (u64::from(random.next_u32()) * samples.len() as u64) >> 32;
            samples[at as usize]
        })
        .collect()
}

fn ends(mut drawn: Vec<f64>) -> [f64; 2] {
    drawn.sort_unstable_by(f64::total_cmp);
    let last = drawn.len() - 1;
    let at = |share: f64| drawn[(share * last as f64).round() as usize];
    [at(TAIL), at(1.0 - TAIL)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_lies_in_its_interval_and_pairs_cancel_common_noise() {
        // Both slow down together: pairs see the ratio, medians by themselves see the noise.
        let noise: Vec<f64> = (0..40)
            .map(|i| 1.0 + f64::from((i * 7) % 11) / 10.0)
            .collect();
        let base: Vec<f64> = noise.iter().map(|n| 100.0 * n).collect();
        let own: Vec<f64> = noise.iter().map(|n| 200.0 * n).collect();
        let (ratio, [low, high]) = paired(&base, &own).unwrap();
        assert!((ratio - 0.5).abs() < 1e-9 && high - low < 1e-9);
        let (ratio, [low, high]) = unpaired(&base, &own).unwrap();
        assert!(
            low < ratio && ratio < high && high - low > 0.05,
            "{low} {ratio} {high}"
        );
        assert_eq!(unpaired(&base, &own), unpaired(&base, &own));
        assert_eq!((paired(&[], &own), unpaired(&base, &[])), (None, None));
    }
}
