//! Least divergence of one-sided bins, the first bin left out.
//!
//! Source: BUG1989/caffe-int8-convert-tools caffe-int8-convert-tool-dev-weight.py
//! `threshold_distribution`, `QuantizeLayer.quantize_blob`; scipy.stats `entropy`.

use super::entropy_means::divergence;
use super::{Bins, Failure, numpy};

/// What zeros become.
const EPSILON: f64 = 0.0001;
/// The greatest code.
const QUANTIZE_NUM: f64 = 127.0;

/// The bin with the least divergence, and 127 / threshold.
pub(super) fn bin_and_scale(bins: &Bins, groups: usize) -> Result<(f64, f64), Failure> {
    let counts = bins.counts.get(1..).unwrap_or(&[]);
    if groups == 0 || counts.len() <= groups {
        return Err(Failure(format!(
            "{groups} quantized bins of {}",
            counts.len()
        )));
    }
    let mut beyond: f64 = counts[groups..].iter().sum();
    let mut divergences = Vec::new();
    for length in groups..counts.len() {
        divergences.push(slice(&counts[..length], beyond, groups));
        beyond -= counts[length];
    }
    let best = numpy::argmin(divergences.into_iter());
    let bin = (best.ok_or_else(|| Failure("nothing to search".into()))? + groups) as f64;
    let width = bins.range.1 as f32 / bins.counts.len() as f32;
    Ok((bin, QUANTIZE_NUM / ((bin + 0.5) * f64::from(width))))
}

fn slice(sliced: &[f64], beyond: f64, groups: usize) -> f64 {
    let length = sliced.len();
    let mut p = sliced.to_vec();
    p[length - 1] += beyond;
    let merged = length / groups;
    let mut q = vec![0.0; length];
    for group in 0..groups {
        let from = group * merged;
        // The last group is summed to the end, but spread over all of it but the last bin.
        let (sum, to) = match group == groups - 1 {
            true => (sliced[from..].iter().sum::<f64>(), length - 1),
            false => (sliced[from..from + merged].iter().sum(), from + merged),
        };
        let to = to.max(from);
        let filled = p[from..to].iter().filter(|&&count| count != 0.0).count();
        for index in from..to {
            if p[index] != 0.0 {
                q[index] = sum / filled as f64;
            }
        }
    }
    for count in p.iter_mut().chain(&mut q) {
        if *count == 0.0 {
            *count = EPSILON;
        }
    }
    divergence(&p, &q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_group_leaves_out_its_last_bin() {
        // One group of four bins that are all full: the last bin gets ε.
        let exact = slice(&[1.0, 1.0, 1.0, 1.0], 0.0, 1);
        let third = 4.0 / 3.0;
        assert_eq!(
            exact,
            divergence(&[1.0; 4], &[third, third, third, EPSILON])
        );
    }

    #[test]
    fn an_empty_histogram_gives_the_first_bin() {
        let bins = Bins {
            counts: vec![0.0; 16],
            edges: (0..=16).map(f64::from).collect(),
            range: (0.0, 16.0),
            seen: (-16.0, -1.0),
            whole: true,
        };
        assert_eq!(bin_and_scale(&bins, 4), Ok((4.0, 127.0 / 4.5)));
    }
}
