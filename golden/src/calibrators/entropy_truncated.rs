//! Least divergence over slices around the middle bin: the quantized distribution
//! is truncated to integers, both are smoothed, sums run in f32.
//!
//! Source: onnxruntime quantization/calibrate.py `get_entropy_threshold`,
//! `entropy`, `rel_entr`; quantization/quant_utils.py `smooth_distribution`.

use super::logarithm::ln;
use super::{Bins, Failure, numpy, percentile};

/// What zeros become, as an amount of a count.
const EPSILON: f64 = 0.0001;

/// The edges of the first slice with the least divergence, within what was seen.
pub(super) fn range(bins: &Bins, groups: usize) -> Result<(f64, f64), Failure> {
    let count = bins.counts.len();
    let (middle, half) = (count / 2, groups / 2);
    if groups == 0 || half > middle {
        return Err(Failure(format!("{groups} quantized bins of {count}")));
    }
    let mut ranges = Vec::new();
    let mut divergences = Vec::new();
    for reach in half..=middle {
        let (start, end) = (middle - reach, (middle + reach + 1).min(count));
        ranges.push((bins.edges[start], bins.edges[end]));
        divergences.push(f64::from(slice(&bins.counts, start, end, groups)?));
    }
    let best = numpy::argmin(divergences.into_iter());
    let best = best.ok_or_else(|| Failure("nothing to search".into()))?;
    Ok(percentile::within(ranges[best], bins.seen))
}

/// The divergence of one slice; infinite where a distribution is empty.
fn slice(counts: &[f64], start: usize, end: usize, groups: usize) -> Result<f32, Failure> {
    let sliced = &counts[start..end];
    let mut p = sliced.to_vec();
    let last = p.len() - 1;
    p[0] += counts[..start].iter().sum::<f64>();
    p[last] += counts[end..].iter().sum::<f64>();
    let merged = sliced.len() / groups;
    let mut q = vec![0.0; p.len()];
    for group in 0..groups {
        let from = group * merged;
        let to = from + merged;
        let mut sum: f64 = sliced[from..to].iter().sum();
        if group == groups - 1 {
            sum += sliced[to..].iter().sum::<f64>();
        }
        let filled = p[from..to].iter().filter(|&&count| count != 0.0).count();
        if filled != 0 {
            q[from..to].fill((sum / filled as f64).trunc());
        }
    }
    match (smoothed(&p)?, smoothed(&q)?) {
        (Some(p), Some(q)) => Ok(divergence(p, q)),
        _ => Ok(f32::INFINITY),
    }
}

/// Zeros become ε; what they got is taken evenly from the rest. None if all are 0.
fn smoothed(counts: &[f64]) -> Result<Option<Vec<f32>>, Failure> {
    let zeros = counts.iter().filter(|&&count| count == 0.0).count();
    let rest = counts.len() - zeros;
    if rest == 0 {
        return Ok(None);
    }
    let taken = EPSILON * zeros as f64 / rest as f64;
    let smooth: Vec<f32> = counts
        .iter()
        .map(|&count| match count {
            0.0 => EPSILON as f32,
            count => count as f32 - taken as f32,
        })
        .collect();
    if taken >= 1.0 || smooth.iter().any(|&count| count <= 0.0) {
        return Err(Failure("a smoothed count is not positive".into()));
    }
    Ok(Some(smooth))
}

fn divergence(p: Vec<f32>, q: Vec<f32>) -> f32 {
    let (p_sum, q_sum) = (numpy::sum(&p), numpy::sum(&q));
    let terms: Vec<f32> = (p.into_iter().zip(q))
        .map(|(p, q)| {
            let (p, q) = (p / p_sum, q / q_sum);
            p * ln(f64::from(p / q)) as f32
        })
        .collect();
    numpy::sum(&terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_the_sum_and_refuses_what_it_would_make_negative() {
        let smooth = smoothed(&[0.0, 4.0, 0.0, 2.0]).unwrap().unwrap();
        assert_eq!(smooth, [1e-4, 4.0 - 1e-4, 1e-4, 2.0 - 1e-4]);
        assert_eq!(smoothed(&[0.0; 3]), Ok(None));
        let mut sparse = vec![0.0; 20_000];
        sparse[0] = 1.0;
        assert!(smoothed(&sparse).is_err());
    }

    #[test]
    fn the_quantized_distribution_is_truncated() {
        // Group sums 3 and 3 over two filled bins each: 1.5 becomes 1.
        let exact = slice(&[1.0, 2.0, 2.0, 1.0], 0, 4, 2).unwrap();
        let same = divergence(vec![1.0, 2.0, 2.0, 1.0], vec![1.0; 4]);
        assert_eq!(exact, same);
    }
}
