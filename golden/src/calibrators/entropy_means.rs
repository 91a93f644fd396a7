//! Least divergence between the counts and the means of their groups.
//!
//! Source: NVIDIA/TensorRT tools/pytorch-quantization calib/histogram.py
//! `_compute_amax_entropy`; scipy.stats `entropy`.

use super::logarithm::{ln, ln_1p};
use super::numpy;
use super::{Bins, Failure};

/// The edge that keeps the last of the numbers of bins with the least divergence.
pub(super) fn threshold(
    bins: &Bins,
    groups: usize,
    start_bin: usize,
    stride: usize,
) -> Result<f64, Failure> {
    let mut counts = bins.counts.clone();
    if counts.len() < start_bin.max(2) || groups == 0 || stride == 0 || start_bin == 0 {
        return Err(Failure(format!(
            "{} bins, the search starts at {start_bin}",
            counts.len()
        )));
    }
    // Upstream copies the second count over the first.
    counts[0] = counts[1];
    let total: f64 = counts.iter().sum();
    let mut divergences = Vec::new();
    for length in (start_bin..=counts.len()).step_by(stride) {
        let means = means(&counts[..length], groups);
        let beyond: f64 = counts[length..].iter().sum();
        if (numpy::sum(&means) + beyond).round_ties_even() != total {
            return Err(Failure("count mismatch".into()));
        }
        let mut reference = counts[..length].to_vec();
        reference[length - 1] += beyond;
        divergences.push(divergence(&reference, &means));
    }
    let last = numpy::argmin(divergences.iter().rev().copied())
        .ok_or_else(|| Failure("nothing to search".into()))?;
    Ok(bins.edges[(divergences.len() - 1 - last) * stride + start_bin])
}

/// Each count replaced by the mean of the counts in its group that are not 0; 0 stays.
fn means(counts: &[f64], groups: usize) -> Vec<f64> {
    let length = counts.len();
    // The group of bin `i` is the last whose start is not beyond it (linspace, digitize).
    let step = length as f64 / groups as f64;
    let mut sums = vec![(0.0, 0u32); groups];
    let mut group_of = Vec::with_capacity(length);
    let mut group = 0;
    for (index, &count) in counts.iter().enumerate() {
        while group + 1 < groups && (group + 1) as f64 * step <= index as f64 {
            group += 1;
        }
        group_of.push(group);
        if count != 0.0 {
            sums[group].0 += count;
            sums[group].1 += 1;
        }
    }
    (counts.iter().zip(group_of))
        .map(|(&count, group)| match count {
            0.0 => 0.0,
            _ => sums[group].0 / f64::from(sums[group].1),
        })
        .collect()
}

/// Σ p·ln(p / q) of two distributions that are normalised first.
pub(super) fn divergence(p: &[f64], q: &[f64]) -> f64 {
    let (p_sum, q_sum) = (numpy::sum(p), numpy::sum(q));
    let terms: Vec<f64> = (p.iter().zip(q))
        .map(|(p, q)| relative(p / p_sum, q / q_sum))
        .collect();
    numpy::sum(&terms)
}

/// scipy.special `rel_entr`: p·ln(p / q), by ln(1 + u) where p and q are close.
fn relative(p: f64, q: f64) -> f64 {
    if p.is_nan() || q.is_nan() {
        return f64::NAN;
    }
    if p <= 0.0 || q <= 0.0 {
        return if p == 0.0 && q >= 0.0 {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let ratio = p / q;
    if 0.5 < ratio && ratio < 2.0 {
        p * ln_1p((p - q) / q)
    } else if ratio > f64::MIN_POSITIVE && ratio < f64::INFINITY {
        p * ln(ratio)
    } else {
        p * (ln(p) - ln(q))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_means_of_what_is_not_zero() {
        assert_eq!(means(&[1.0, 3.0, 0.0, 5.0], 2), [2.0, 2.0, 0.0, 5.0]);
        // With 5 bins in 2 groups, the second starts at 2.5: bins 0, 1, 2 belong to the first.
        assert_eq!(
            means(&[1.0, 2.0, 3.0, 4.0, 6.0], 2),
            [2.0, 2.0, 2.0, 5.0, 5.0]
        );
    }

    #[test]
    fn divergence_is_zero_only_for_equal_shapes() {
        assert_eq!(divergence(&[1.0, 2.0], &[2.0, 4.0]), 0.0);
        assert!(divergence(&[1.0, 2.0], &[2.0, 1.0]) > 0.0);
        assert_eq!(divergence(&[1.0, 2.0], &[2.0, 0.0]), f64::INFINITY);
    }

    #[test]
    fn of_equal_divergences_the_last_wins() {
        let bins = Bins {
            counts: vec![1.0; 8],
            edges: (0..=8).map(f64::from).collect(),
            range: (0.0, 8.0),
            seen: (0.0, 8.0),
            whole: true,
        };
        assert_eq!(threshold(&bins, 2, 2, 1), Ok(8.0));
        assert!(threshold(&bins, 2, 9, 1).is_err());
    }
}
