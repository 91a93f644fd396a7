//! Least divergence over the upper half of bins, as two sums of logarithms.
//!
//! Counts that are f32 pass through numpy scalars in places, which makes single
//! terms f32; integer counts stay in f64.
//!
//! Source: Paddle static/quantization/cal_kl_threshold.py and PaddleSlim
//! quant/observers/kl.py `cal_kl_threshold`, `expand_quantized_bins`, `safe_entropy`.

use super::logarithm::ln;
use super::{Bins, Failure, numpy};
use crate::spec::Precision;

/// The middle of the bin with the least divergence, counted from 0.
pub(super) fn threshold(bins: &Bins, bits: u32, width: Precision) -> Result<f64, Failure> {
    let counts = &bins.counts;
    if counts.is_empty() {
        return Ok(bins.range.1);
    }
    if !(3..=16).contains(&bits) {
        return Err(Failure(format!("{bits} bits")));
    }
    let groups = (1usize << (bits - 1)) - 1;
    let start = (counts.len() - 1) / 2;
    let mut best: Option<(usize, f64)> = None;
    for length in start.max(1)..counts.len() {
        if counts[length - 1] == 0.0 {
            continue;
        }
        let divergence = divergence(counts, length, groups, bins.whole)?;
        if best.is_none_or(|(_, least)| divergence < least) {
            best = Some((length, divergence));
        }
    }
    let bin = best.map_or_else(
        || {
            (1..=start)
                .rev()
                .find(|&bin| counts[bin] != 0.0)
                .unwrap_or(0)
        },
        |(length, _)| length,
    );
    let middle = bin as f64 + 0.5;
    Ok(match width {
        Precision::F32 => {
            let width = bins.edges[1] as f32 - bins.edges[0] as f32;
            f64::from(middle as f32 * width)
        }
        Precision::F64 => middle * ((bins.range.1 - bins.range.0) / counts.len() as f64),
    })
}

/// Of the first `length` counts, what lies beyond added to the last, from their
/// means over `groups`.
fn divergence(counts: &[f64], length: usize, groups: usize, whole: bool) -> Result<f64, Failure> {
    let kept = &counts[..length];
    let beyond = match whole {
        true => counts[length..].iter().sum(),
        false => f64::from(
            counts[length..]
                .iter()
                .fold(0.0f32, |sum, &c| sum + c as f32),
        ),
    };
    let single = |value: f64| match whole {
        true => value,
        false => f64::from(value as f32),
    };
    let last = single(kept[length - 1] + beyond);
    let p_sum = match whole {
        true => counts.iter().sum(),
        false => {
            let counts: Vec<f32> = counts.iter().map(|&count| count as f32).collect();
            f64::from(numpy::sum(&counts))
        }
    };
    let q = means(kept, groups);
    let q_sum = q.iter().fold(0.0, |sum, mean| sum + mean);
    let (mut own, mut other) = (0.0, 0.0);
    for (index, (&count, &mean)) in kept.iter().zip(&q).enumerate() {
        let is_last = index == length - 1;
        let p = if is_last { last } else { count };
        if p == 0.0 {
            continue;
        }
        if mean == 0.0 {
            return Err(Failure("the logarithm of 0".into()));
        }
        let other_ln = ln(single(single(p_sum) * single(mean)));
        if is_last {
            let own_ln = ln(single(single(q_sum) * p));
            own = single(single(own) + single(p * single(own_ln)));
            other = single(single(other) + single(p * single(other_ln)));
        } else {
            own += p * ln(q_sum * p);
            other += p * other_ln;
        }
    }
    Ok(single(single(own - other) / p_sum))
}

/// Each count replaced by the mean of its group's counts that are not 0; 0 stays.
fn means(counts: &[f64], groups: usize) -> Vec<f64> {
    let merged = counts.len() / groups;
    let mut means = vec![0.0; counts.len()];
    for group in 0..groups {
        let from = group * merged;
        let to = if group == groups - 1 {
            counts.len()
        } else {
            from + merged
        };
        let sum = counts[from..to].iter().fold(0.0, |sum, count| sum + count);
        let filled = counts[from..to].iter().filter(|&&c| c != 0.0).count();
        for index in from..to {
            if counts[index] != 0.0 {
                means[index] = sum / filled as f64;
            }
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(counts: Vec<f64>) -> Bins {
        let high = counts.len() as f64;
        Bins {
            edges: (0..=counts.len()).map(|edge| edge as f64).collect(),
            counts,
            range: (0.0, high),
            seen: (0.0, high),
            whole: true,
        }
    }

    #[test]
    fn the_last_group_runs_to_the_end() {
        assert_eq!(
            means(&[1.0, 3.0, 0.0, 4.0, 8.0], 2),
            [2.0, 2.0, 0.0, 6.0, 6.0]
        );
    }

    #[test]
    fn an_empty_upper_half_walks_down() {
        let mut counts = vec![0.0; 64];
        counts[5] = 1.0;
        assert_eq!(threshold(&bins(counts), 4, Precision::F64), Ok(5.5));
        assert_eq!(threshold(&bins(vec![0.0; 64]), 4, Precision::F32), Ok(0.5));
    }

    #[test]
    fn equal_shares_keep_the_first_length() {
        assert_eq!(threshold(&bins(vec![1.0; 64]), 4, Precision::F64), Ok(63.5));
        assert!(threshold(&bins(vec![1.0; 64]), 1, Precision::F64).is_err());
    }
}
