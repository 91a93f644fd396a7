//! Least divergence over slices around the middle bin, all in f32, in order.
//!
//! Source: mxnet src/operator/quantization/calibrate.cc `CalibrateComputeCPU`,
//! `SmoothDistribution`, `ComputeEntropy`.

use super::logarithm::ln;
use super::{Bins, Failure};

/// What zeros become, as an amount of a count.
const EPSILON: f32 = 0.0001;

/// The right edge of the first slice with the least divergence, and that divergence.
pub(super) fn threshold(bins: &Bins, groups: usize) -> Result<(f64, f64), Failure> {
    let counts: Vec<f32> = bins.counts.iter().map(|&count| count as f32).collect();
    let (middle, half) = (counts.len() / 2, groups / 2);
    if counts.len().is_multiple_of(2) || groups == 0 || half > middle {
        return Err(Failure(format!(
            "{groups} quantized bins of {}, which must be odd",
            counts.len()
        )));
    }
    let (mut best, mut least) = (half, f32::MAX);
    for reach in half..=middle {
        let divergence = slice(&counts, middle - reach, middle + reach + 1, groups)?;
        if divergence < least {
            (best, least) = (reach, divergence);
        }
    }
    Ok((bins.edges[middle + best + 1], f64::from(least)))
}

/// The divergence of one slice; infinite where the quantized distribution is too sparse.
fn slice(counts: &[f32], start: usize, end: usize, groups: usize) -> Result<f32, Failure> {
    // The first bin of the slice counts as an outlier.
    let mut p = counts[start..end].to_vec();
    let mut sliced = p.clone();
    sliced[0] = 0.0;
    p[0] = counts[..=start].iter().fold(0.0, |sum, count| sum + count);
    let last = p.len() - 1;
    p[last] = counts[end..].iter().fold(p[last], |sum, count| sum + count);
    let merged = sliced.len() / groups;
    let mut q = vec![0.0f32; p.len()];
    for group in 0..groups {
        let from = group * merged;
        let to = if group == groups - 1 {
            sliced.len()
        } else {
            from + merged
        };
        // Counts are summed as integers.
        let sum: f64 = sliced[from..to].iter().copied().map(f64::from).sum();
        let filled = sliced[from..to]
            .iter()
            .filter(|&&count| count != 0.0)
            .count();
        for index in from..to {
            if filled != 0 && p[index] != 0.0 {
                q[index] = sum as f32 / filled as f32;
            }
        }
    }
    match (smoothed(p), smoothed(q)) {
        (_, None) => Ok(f32::INFINITY),
        (Some(p), Some(q)) => divergence(&p, &q),
        (None, Some(_)) => Err(Failure("the distribution is too sparse".into())),
    }
}

/// Zeros become ε; what they got is taken evenly from the rest. None if that is too much.
fn smoothed(mut counts: Vec<f32>) -> Option<Vec<f32>> {
    let zeros = counts.iter().filter(|&&count| count == 0.0).count();
    let rest = counts.len() - zeros;
    if rest == 0 {
        return None;
    }
    let taken = EPSILON * zeros as f32 / rest as f32;
    if taken >= 1.0 {
        return None;
    }
    for count in &mut counts {
        *count += if *count == 0.0 { EPSILON } else { -taken };
    }
    Some(counts)
}

fn divergence(p: &[f32], q: &[f32]) -> Result<f32, Failure> {
    let (p_sum, q_sum) = (in_order(p), in_order(q));
    let mut sum = 0.0;
    // Neighbours are often the same pair.
    let mut known = (0.0, 0.0, 0.0);
    for (p, q) in p.iter().zip(q) {
        let (p, q) = (p / p_sum, q / q_sum);
        if !(p > 0.0 && q > 0.0) {
            return Err(Failure("a smoothed count is not positive".into()));
        }
        if (known.0, known.1) != (p, q) {
            known = (p, q, p * ln(f64::from(p / q)) as f32);
        }
        sum += known.2;
    }
    Ok(sum)
}

fn in_order(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_histogram_keeps_its_whole_range() {
        let bins = Bins {
            counts: vec![8.0; 9],
            edges: (0..10).map(f64::from).collect(),
            range: (0.0, 9.0),
            seen: (0.0, 9.0),
            whole: true,
        };
        let (threshold, divergence) = threshold(&bins, 3).unwrap();
        assert_eq!(threshold, 9.0);
        // The first bin counts as an outlier, but its group's mean is taken without it.
        assert_eq!(divergence, 0.0);
        assert!(super::threshold(&bins, 10).is_err());
    }

    #[test]
    fn too_many_zeros_leave_no_distribution() {
        let mut sparse = vec![0.0; 20_000];
        sparse[7] = 1.0;
        assert_eq!(smoothed(sparse), None);
        assert_eq!(smoothed(vec![0.0, 2.0]), Some(vec![1e-4, 2.0 - 1e-4]));
    }
}
