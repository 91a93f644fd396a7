//! HistogramObserver of PyTorch 1.13: when a batch leaves the range, the range grows to a
//! whole number of 128ths of its old width, so that each new bin covers a whole number of
//! parts of old ones.
//!
//! Source: torch/ao/quantization/observer.py, v1.13.0 (HistogramObserver.forward,
//! _adjust_min_max, _combine_histograms).

use super::Observer;
use super::histogram::histc;
use super::min_max::min_max;

/// Into how many parts an old bin is cut.
const UPSAMPLE_RATE: usize = 128;

/// The observer's running state. NaN and infinite values are not allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct GrowingHistogram {
    range: Option<(f32, f32)>,
    bins: Vec<f32>,
}

impl GrowingHistogram {
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

impl Observer for GrowingHistogram {
    fn observe(&mut self, batch: &[f32]) {
        let Some(update) = min_max(batch) else {
            return;
        };
        let count = self.bins.len();
        // A range without width is forgotten, with all that was counted.
        let Some(old) = self.range.filter(|range| range.0 != range.1) else {
            self.bins = count_between_integers(batch, update, count);
            self.range = Some(update);
            return;
        };
        let seen = (old.0.min(update.0), old.1.max(update.1));
        let part = (old.1 - old.0) / (count * UPSAMPLE_RATE) as f32;
        let width = count as f32 * part;
        let parts = ((seen.1 - seen.0) / width).ceil();
        let slack = parts * width - (seen.1 - seen.0);
        let new = (seen.0, seen.1 + slack);
        let counted = count_between_integers(batch, new, count);
        let moved = if new == old {
            std::mem::take(&mut self.bins)
        } else {
            let start = ((old.0 - new.0) / part).round_ties_even();
            spread(&self.bins, parts as usize, start as usize)
        };
        self.bins = (counted.iter().zip(&moved))
            .map(|(counted, moved)| counted + moved)
            .collect();
        self.range = Some(new);
    }

    fn range(&self) -> (f32, f32) {
        self.range.unwrap_or((f32::INFINITY, f32::NEG_INFINITY))
    }
}

/// torch.histc over the range with its ends cut to integers; what lies outside is not
/// counted. Where the ends are the same integer, torch.histc takes the range of the values.
fn count_between_integers(values: &[f32], (min, max): (f32, f32), count: usize) -> Vec<f32> {
    let cut = (min.trunc(), max.trunc());
    let range = if cut.0 == cut.1 {
        min_max(values).expect("the batch is not empty")
    } else {
        cut
    };
    histc(values, range, count)
}

/// The old bins' mass in new bins of `parts` parts each; the first old part is part `start`
/// of the new range. Sums run in f64; the sum up to the bin before is kept in f32.
fn spread(bins: &[f32], parts: usize, start: usize) -> Vec<f32> {
    let of_part = |part: usize| -> f64 {
        let old = part.checked_sub(start).map(|part| part / UPSAMPLE_RATE);
        old.and_then(|bin| bins.get(bin))
            .copied()
            .map_or(0.0, f64::from)
    };
    let (mut sum, mut before) = (0.0f64, 0.0f32);
    (0..bins.len())
        .map(|bin| {
            for part in bin * parts..(bin + 1) * parts {
                sum += of_part(part);
            }
            let mass = (sum - f64::from(before)) / UPSAMPLE_RATE as f64;
            before = sum as f32;
            mass as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_integer_ends_are_not_counted() {
        let mut histogram = GrowingHistogram::new(4);
        histogram.observe(&[-1.5, -1.0, 0.5, 1.0, 2.25]);
        assert_eq!(histogram.range(), (-1.5, 2.25));
        assert_eq!(histogram.bins(), [1.0, 0.0, 2.0, 0.0]);
    }

    #[test]
    fn mass_moves_in_parts_of_a_bin() {
        let mut histogram = GrowingHistogram::new(4);
        histogram.observe(&[0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(histogram.bins(), [1.0, 1.0, 1.0, 2.0]);
        histogram.observe(&[5.0]);
        assert_eq!(histogram.range(), (0.0, 5.0));
        assert_eq!(histogram.bins(), [1.25, 1.25, 2.0, 1.5]);
        // Now inside the range: nothing moves.
        histogram.observe(&[5.0]);
        assert_eq!(histogram.bins(), [1.25, 1.25, 2.0, 2.5]);
    }

    #[test]
    fn a_range_grows_to_whole_parts() {
        let mut histogram = GrowingHistogram::new(4);
        histogram.observe(&[0.0, 128.0]);
        histogram.observe(&[128.25]);
        assert_eq!(histogram.range(), (0.0, 129.0));
    }

    #[test]
    fn a_constant_is_forgotten() {
        let mut histogram = GrowingHistogram::new(2);
        histogram.observe(&[7.0; 9]);
        assert_eq!(histogram.bins(), [0.0, 9.0]);
        histogram.observe(&[0.0, 2.0]);
        assert_eq!(histogram.range(), (0.0, 2.0));
        assert_eq!(histogram.bins(), [1.0, 1.0]);
    }
}
