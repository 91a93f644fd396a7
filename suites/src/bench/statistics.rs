//! What samples allow to say: medians, bootstrap intervals, and the words that
//! follow from them.
//!
//! Intervals are percentiles of the medians of `RESAMPLES` draws with replacement
//! (Efron's bootstrap), from a generator with a fixed seed: the same samples always
//! give the same interval. Samples of one pass are more alike than those of
//! different passes, so passes are drawn first, and then samples within each.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::record::Compared;

/// Samples drawn from the samples.
const RESAMPLES: usize = 1000;
/// The share of resampled medians outside an interval, on each side.
const TAIL: f64 = 0.025;
/// An interval of the median wider than this share of it is unstable.
const UNSTABLE: f64 = 0.05;
/// A ratio this near to 1 is none that matters.
const ALIKE: f64 = 0.02;

/// The middle value, or the mean of the two middle ones.
///
/// # Panics
/// Without samples.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    median_in_place(&mut sorted)
}

fn median_in_place(samples: &mut [f64]) -> f64 {
    let middle = samples.len() / 2;
    let odd = !samples.len().is_multiple_of(2);
    let (below, &mut upper, _) = samples.select_nth_unstable_by(middle, f64::total_cmp);
    if odd {
        return upper;
    }
    let lower = below.iter().copied().max_by(f64::total_cmp);
    f64::midpoint(
        lower.expect("an even number of samples is at least two"),
        upper,
    )
}

/// The samples of each of `passes` passes, in the order they were taken. All passes have as
/// many; what is no whole pass is left out.
pub fn by_pass(samples: &[f64], passes: usize) -> std::slice::ChunksExact<'_, f64> {
    samples.chunks_exact((samples.len() / passes.max(1)).max(1))
}

/// 95 % bootstrap interval of the median of samples taken in `passes` passes.
///
/// # Panics
/// Without samples.
pub fn interval(samples: &[f64], passes: usize) -> [f64; 2] {
    let passes: Vec<&[f64]> = by_pass(samples, passes).collect();
    let mut generator = ChaCha8Rng::seed_from_u64(0);
    let mut below =
        move |count: usize| ((u64::from(generator.next_u32()) * count as u64) >> 32) as usize;
    let mut drawn = Vec::with_capacity(samples.len());
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            drawn.clear();
            for _ in 0..passes.len() {
                let pass = passes[below(passes.len())];
                drawn.extend((0..pass.len()).map(|_| pass[below(pass.len())]));
            }
            median_in_place(&mut drawn)
        })
        .collect();
    medians.sort_unstable_by(f64::total_cmp);
    let last = RESAMPLES - 1;
    let low = (TAIL * last as f64).floor() as usize;
    [medians[low], medians[last - low]]
}

/// Median and interval of the base's time ÷ the own time, round by round: what changes between
/// rounds (the clock's frequency, other work on the machine) meets both and falls out.
///
/// # Panics
/// Without samples, or where the two have not been sampled in the same rounds.
pub fn ratio(base: &[f64], own: &[f64], passes: usize) -> (f64, [f64; 2]) {
    assert_eq!(base.len(), own.len(), "rounds");
    let ratios: Vec<f64> = base.iter().zip(own).map(|(base, own)| base / own).collect();
    (median(&ratios), interval(&ratios, passes))
}

/// Whether an interval is too wide for the median to say much.
pub fn unstable(median: f64, interval: [f64; 2]) -> bool {
    interval[1] - interval[0] > UNSTABLE * median
}

/// What the interval of a ratio allows to say.
pub fn compared([low, high]: [f64; 2]) -> Compared {
    if low > 1.0 {
        Compared::Faster
    } else if high < 1.0 {
        Compared::Slower
    } else if low >= 1.0 - ALIKE && high <= 1.0 + ALIKE {
        Compared::Alike
    } else {
        Compared::Inconclusive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[9.0, 1.0, 4.0]), 4.0);
        assert_eq!(median(&[8.0, 1.0, 3.0, 4.0]), 3.5);
        assert_eq!(median(&[5.0, 5.0, 1.0, 1000.0, 5.0]), 5.0);
    }

    #[test]
    fn the_interval_holds_the_median_and_narrows_with_samples() {
        assert_eq!(interval(&[7.0; 9], 1), [7.0, 7.0]);
        // The exact 95 % interval of a median is between order statistics; with 0, 1, ..., 100
        // it is about 50 ± 10 (binomial: 1.96·√101/2).
        let samples: Vec<f64> = (0..101).map(f64::from).collect();
        let [low, high] = interval(&samples, 1);
        assert!((37.0..=43.0).contains(&low), "{low}");
        assert!((57.0..=63.0).contains(&high), "{high}");
        let more: Vec<f64> = (0..1010).map(|i| f64::from(i) / 10.0).collect();
        let [least, most] = interval(&more, 1);
        assert!(most - least < (high - low) / 2.0, "{least} {most}");
    }

    #[test]
    fn passes_that_differ_widen_the_interval() {
        // Five passes of nine samples: within a pass 0.4 %, from pass to pass 8 %.
        let samples: Vec<f64> = [100.0, 104.0, 98.0, 102.0, 96.0]
            .into_iter()
            .flat_map(|pass| (0..9).map(move |i| pass + 0.05 * f64::from(i)))
            .collect();
        assert_eq!(by_pass(&samples, 5).count(), 5);
        assert!(by_pass(&samples, 5).all(|pass| pass.len() == 9));
        let [low, high] = interval(&samples, 5);
        let [near, far] = interval(&samples, 1);
        assert!(high - low > 1.3 * (far - near), "{low} {high} {near} {far}");
        assert!(low < 98.0 && high > 102.0, "{low} {high}");
    }

    #[test]
    fn a_minority_of_outliers_moves_neither_median_nor_interval_far() {
        let mut samples: Vec<f64> = (0..31).map(|i| 100.0 + f64::from(i % 3)).collect();
        samples[3] = 5000.0;
        samples[17] = 9000.0;
        let [low, high] = interval(&samples, 1);
        assert!(low >= 100.0 && high <= 102.0, "{low} {high}");
    }

    #[test]
    fn what_slows_both_in_a_round_leaves_their_ratio() {
        let base: Vec<f64> = (0..20).map(|i| 100.0 * (1.0 + f64::from(i))).collect();
        let own: Vec<f64> = base.iter().map(|time| time * 2.0).collect();
        assert_eq!(ratio(&base, &own, 4), (0.5, [0.5, 0.5]));
        assert_eq!(ratio(&own, &base, 4), (2.0, [2.0, 2.0]));
    }

    #[test]
    fn words_follow_from_intervals() {
        assert_eq!(compared([1.01, 1.2]), Compared::Faster);
        assert_eq!(compared([0.8, 0.999]), Compared::Slower);
        assert_eq!(compared([0.99, 1.015]), Compared::Alike);
        assert_eq!(compared([0.9, 1.1]), Compared::Inconclusive);
        assert_eq!(compared([0.99, 1.2]), Compared::Inconclusive);
        assert!(unstable(100.0, [97.0, 103.0]));
        assert!(!unstable(100.0, [98.0, 102.0]));
    }
}
