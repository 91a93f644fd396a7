//! numpy's arithmetic where it fixes bits: edges, counts, sums in pairs.
//!
//! Source: numpy lib/_histograms_impl.py `histogram`, _core/function_base.py
//! `linspace`, _core/src/umath/loops_utils.h.src `pairwise_sum`, 2.4.

use super::Failure;
use crate::spec::Precision;

/// Edges of `bins` equal bins over `first..=last`, kept as f32.
///
/// # Errors
/// When neighbouring edges are equal, as upstream raises.
pub(super) fn edges(
    (first, last): (f64, f64),
    bins: usize,
    computed: Precision,
) -> Result<Vec<f64>, Failure> {
    let (first, last) = match (first == last, computed) {
        (false, _) => (first, last),
        (true, Precision::F32) => (f64::from(first as f32 - 0.5), f64::from(last as f32 + 0.5)),
        (true, Precision::F64) => (first - 0.5, last + 0.5),
    };
    let edge = |index: usize| match computed {
        Precision::F32 => {
            let step = (last as f32 - first as f32) / bins as f32;
            index as f32 * step + first as f32
        }
        Precision::F64 => (index as f64 * ((last - first) / bins as f64) + first) as f32,
    };
    let mut edges: Vec<f64> = (0..bins).map(|index| f64::from(edge(index))).collect();
    edges.push(f64::from(last as f32));
    if edges.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(Failure(format!(
            "{bins} bins do not fit between {first} and {last}"
        )));
    }
    Ok(edges)
}

/// How many values lie in each of the equal bins over `first..=last`: the bin is computed in
/// f32 and corrected by one where an edge says so.
pub(super) fn counts(
    values: impl Iterator<Item = f32>,
    edges: &[f64],
    (first, last): (f64, f64),
) -> Vec<f64> {
    let bins = edges.len() - 1;
    // A range without width was widened with its edges.
    let (first, last) = match first == last {
        true => (edges[0], edges[bins]),
        false => (first, last),
    };
    let (low, width) = (first as f32, (last - first) as f32);
    let mut counts = vec![0.0; bins];
    for value in values {
        if value < low || value > last as f32 {
            continue;
        }
        let position = (value - low) / width * bins as f32;
        let mut bin = (position as usize).min(bins - 1);
        if f64::from(value) < edges[bin] {
            bin -= 1;
        }
        if f64::from(value) >= edges[bin + 1] && bin != bins - 1 {
            bin += 1;
        }
        counts[bin] += 1.0;
    }
    counts
}

/// How many values lie between any edges: `[edge, next edge)`, the last bin with its right edge.
pub(super) fn counts_between(values: impl Iterator<Item = f32>, edges: &[f64]) -> Vec<f64> {
    let bins = edges.len() - 1;
    let mut counts = vec![0.0; bins];
    for value in values.map(f64::from) {
        if value >= edges[0] && value <= edges[bins] {
            let above = edges.partition_point(|&edge| edge <= value);
            counts[(above - 1).min(bins - 1)] += 1.0;
        }
    }
    counts
}

/// Elements `start, start + step, …` below `stop` in f32 (`numpy.arange`): the step that is
/// added is the difference of the first two elements.
pub(super) fn arange(start: f32, stop: f32, step: f32) -> Vec<f32> {
    let length = f64::from((stop - start) / step).ceil().max(0.0) as usize;
    let delta = (start + step) - start;
    (0..length)
        .map(|index| match index {
            0 => start,
            1 => start + step,
            _ => start + index as f32 * delta,
        })
        .collect()
}

/// The index of the first share of the running sum that is not less than `share`
/// (`cumsum`, then `searchsorted`).
pub(super) fn reached(counts: &[f64], total: f64, share: f64) -> usize {
    let mut sum = 0.0;
    counts
        .iter()
        .position(|count| {
            sum += count / total;
            sum >= share
        })
        .unwrap_or(counts.len())
}

/// Index of the least value, the first of equals; a NaN is less than all (`argmin`).
pub(super) fn argmin(values: impl Iterator<Item = f64>) -> Option<usize> {
    let mut least: Option<(usize, f64)> = None;
    for (index, value) in values.enumerate() {
        match least {
            Some((_, old)) if old.is_nan() || !(value < old || value.is_nan()) => {}
            _ => least = Some((index, value)),
        }
    }
    least.map(|(index, _)| index)
}

/// A float type that numpy sums in pairs.
pub(super) trait Real: Copy + std::ops::Add<Output = Self> {
    const ZERO: Self;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
}

impl Real for f64 {
    const ZERO: Self = 0.0;
}

/// The sum of contiguous values: eight running sums in blocks of up to 128, halves above.
pub(super) fn sum<T: Real>(values: &[T]) -> T {
    let length = values.len();
    if length < 8 {
        return values.iter().fold(T::ZERO, |sum, &value| sum + value);
    }
    if length > 128 {
        let half = length / 2 - length / 2 % 8;
        return sum(&values[..half]) + sum(&values[half..]);
    }
    let (whole, rest) = values.split_at(length - length % 8);
    let mut lanes: [T; 8] = std::array::from_fn(|lane| whole[lane]);
    for block in whole[8..].chunks_exact(8) {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane = *lane + value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    rest.iter()
        .fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, &value| {
            sum + value
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_edge_belongs_to_the_last_bin_only() {
        let edges = edges((0.0, 4.0), 4, Precision::F32).unwrap();
        assert_eq!(edges, [0.0, 1.0, 2.0, 3.0, 4.0]);
        let values = [-0.5, 0.0, 1.0, 1.5, 4.0, 4.5];
        let expected = [1.0, 2.0, 0.0, 1.0];
        assert_eq!(counts(values.into_iter(), &edges, (0.0, 4.0)), expected);
        assert_eq!(counts_between(values.into_iter(), &edges), expected);
    }

    #[test]
    fn bins_that_no_float_separates_are_refused() {
        assert!(edges((1.0, 1.000_001), 2048, Precision::F32).is_err());
        assert_eq!(edges((2.0, 2.0), 1, Precision::F64).unwrap(), [1.5, 2.5]);
    }

    #[test]
    fn sums_go_in_eight_lanes_and_halves() {
        let mut values = vec![1.0f32; 9];
        values[0] = 16_777_216.0;
        // The ninth value meets the sum of the lanes, in which lane 0 has lost nothing yet.
        assert_eq!(sum(&values), 16_777_216.0 + 8.0);
        values.swap(0, 8);
        assert_eq!(sum(&values), 8.0 + 16_777_216.0);
        assert_eq!(values.iter().rev().sum::<f32>(), 16_777_216.0);
        assert_eq!(sum(&vec![0.5f64; 1000]), 500.0);
    }

    #[test]
    fn the_first_of_equals_is_the_least_and_nan_comes_before_all() {
        assert_eq!(argmin([2.0, 1.0, 1.0].into_iter()), Some(1));
        assert_eq!(argmin([2.0, f64::NAN, 1.0].into_iter()), Some(1));
        assert_eq!(argmin(std::iter::empty()), None);
    }
}
