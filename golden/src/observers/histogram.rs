//! HistogramObserver: bins over the range seen so far, 2048 where nobody asks otherwise. When a batch leaves
//! the range, the old bins are spread over the new range.

use super::Observer;
use super::min_max::{greatest, least, min_max};

/// How many bins a histogram has where nobody asks otherwise.
pub const BINS: usize = 2048;
/// Into how many parts an old bin is cut when its mass moves to a new range.
const UPSAMPLE_RATE: usize = 16;

/// HistogramObserver's running state. Infinite values are left out; NaN is not allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    range: Option<(f32, f32)>,
    bins: Vec<f32>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new(BINS)
    }
}

impl Histogram {
    /// An empty histogram of so many bins.
    pub fn new(bins: usize) -> Self {
        Self {
            range: None,
            bins: vec![0.0; bins],
        }
    }

    /// The count in each bin.
    pub fn bins(&self) -> &[f32] {
        &self.bins
    }
}

impl Observer for Histogram {
    fn observe(&mut self, batch: &[f32]) {
        let finite: Vec<f32> = batch
            .iter()
            .copied()
            .filter(|value| !value.is_infinite())
            .collect();
        let Some(update) = min_max(&finite) else {
            return;
        };
        let count = self.bins.len();
        let Some(old) = self.range else {
            self.bins = histc(&finite, update, count);
            self.range = Some(update);
            return;
        };
        let new = (least(old.0, update.0), greatest(old.1, update.1));
        let counted = histc(&finite, new, count);
        let moved = if new == old {
            std::mem::take(&mut self.bins)
        } else if old.0 == old.1 {
            // Upstream weighs the one old value by the count of the update, not by its own.
            let weight: f32 = counted.iter().sum();
            histc(&[old.0], new, count)
                .into_iter()
                .map(|bin| bin * weight)
                .collect()
        } else {
            spread(&self.bins, old, new)
        };
        self.bins = moved
            .iter()
            .zip(&counted)
            .map(|(old, new)| old + new)
            .collect();
        self.range = Some(new);
    }

    fn range(&self) -> (f32, f32) {
        self.range.unwrap_or((f32::INFINITY, f32::NEG_INFINITY))
    }
}

/// torch.histc in f32: ATen/native/cpu/HistogramKernel.cpp. A range without
/// width is widened by 1 on both sides (ATen/native/Histogram.cpp).
pub(crate) fn histc(values: &[f32], (min, max): (f32, f32), count: usize) -> Vec<f32> {
    let (left, right) = if min == max {
        (min - 1.0, max + 1.0)
    } else {
        (min, max)
    };
    let mut bins = vec![0.0; count];
    for &value in values {
        if !(left..=right).contains(&value) {
            continue;
        }
        let position = (value - left) * count as f32 / (right - left);
        bins[(position as usize).min(count - 1)] += 1.0;
    }
    bins
}

/// The old bins' mass in the new range's bins (`_upscale_histogram`).
fn spread(bins: &[f32], old: (f32, f32), new: (f32, f32)) -> Vec<f32> {
    let count = bins.len();
    let parts = count * UPSAMPLE_RATE;
    let half = 0.5 * ((old.1 - old.0) / parts as f32);
    let boundaries: Vec<f32> = (0..=count).map(|i| linspace(new, count + 1, i)).collect();
    let mut moved = vec![0.0; count];
    for part in 0..parts {
        let middle = linspace(old, parts + 1, part) + half;
        let above = boundaries.partition_point(|&boundary| boundary <= middle);
        let bin = above.saturating_sub(1).min(count - 1);
        moved[bin] += bins[part / UPSAMPLE_RATE] / UPSAMPLE_RATE as f32;
    }
    moved
}

/// Element `index` of torch.linspace(start, end, steps) in f32: counted from the nearer end,
/// the product fused with the sum (ATen/native/cpu/RangeFactoriesKernel.cpp, as compiled for
/// AVX2 and AVX-512).
pub(crate) fn linspace((start, end): (f32, f32), steps: usize, index: usize) -> f32 {
    let step = (end - start) / (steps - 1) as f32;
    if index < steps / 2 {
        step.mul_add(index as f32, start)
    } else {
        (-step).mul_add((steps - index - 1) as f32, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_counted_once_and_the_right_edge_belongs_to_the_last_bin() {
        let mut histogram = Histogram::default();
        histogram.observe(&[0.0, 1.0, 2.0, f32::INFINITY]);
        assert_eq!(histogram.range(), (0.0, 2.0));
        assert_eq!(histogram.bins()[0], 1.0);
        assert_eq!(histogram.bins()[BINS / 2], 1.0);
        assert_eq!(histogram.bins()[BINS - 1], 1.0);
        assert_eq!(histogram.bins().iter().sum::<f32>(), 3.0);
    }

    #[test]
    fn mass_is_kept_when_the_range_grows() {
        let mut histogram = Histogram::default();
        histogram.observe(&[-1.0, 0.25, 1.0]);
        histogram.observe(&[3.0, 0.0]);
        assert_eq!(histogram.range(), (-1.0, 3.0));
        assert!((histogram.bins().iter().sum::<f32>() - 5.0).abs() < 1e-4);
    }

    #[test]
    fn a_constant_first_batch_weighs_as_much_as_the_update() {
        let mut histogram = Histogram::default();
        histogram.observe(&[1.0; 7]);
        histogram.observe(&[0.0, 2.0]);
        assert_eq!(histogram.bins()[BINS / 2], 2.0);
        assert_eq!(histogram.bins().iter().sum::<f32>(), 4.0);
    }
}
