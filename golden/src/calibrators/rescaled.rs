//! Histograms with a fixed number of bins: when a batch leaves the range, the
//! range grows to a multiple of a 64th of the old bins' width, and the old bins
//! are cut into 64 parts and put together again.
//!
//! Source: Paddle quantization/imperative/ptq_quantizer.py
//! `combine_abs_max_and_hist` (|x| from 0); PaddleSlim quant/observers/base_hist.py
//! `BaseHistObserver._update_min_max_and_hist`, `_relax_min_max`, `_merge_histograms`.

use super::{Bins, Collector, Failure, greatest, greatest_abs, least, numpy};
use crate::spec::Precision;

/// Into how many parts an old bin is cut.
const PARTS: usize = 64;

/// The running histogram.
pub(super) struct Rescaled {
    bins: usize,
    absolute: bool,
    whole: bool,
    range: Option<(f64, f64)>,
    counts: Vec<f64>,
    seen: (f32, f32),
}

impl Rescaled {
    /// Of |x| over `[0, max]`, or else of x over `[min, max]`. `whole`: counts are
    /// integers until they are spread.
    pub(super) fn new(bins: usize, absolute: bool, whole: bool) -> Self {
        Self {
            bins,
            absolute,
            whole,
            range: None,
            counts: Vec::new(),
            seen: (f32::INFINITY, f32::NEG_INFINITY),
        }
    }

    fn count(&self, values: &[f32], range: (f64, f64)) -> Result<Vec<f64>, Failure> {
        let edges = numpy::edges(range, self.bins, Precision::F64)?;
        Ok(numpy::counts(values.iter().copied(), &edges, range))
    }

    /// The wider range, into how many of the old parts a new bin falls, and at
    /// which part the old range starts.
    fn relaxed(&self, old: (f64, f64), (low, high): (f64, f64)) -> ((f64, f64), usize, usize) {
        let part = (old.1 - old.0) / (self.bins * PARTS) as f64;
        let bins = self.bins as f64;
        if self.absolute {
            let parts = (high / (bins * part)).ceil();
            return ((0.0, bins * part * parts), parts as usize, 0);
        }
        let parts = ((high - low) / (bins * part)).ceil();
        let error = parts * bins * part - (high - low);
        let start = ((old.0 - low) / part).round_ties_even();
        ((low, high + error), parts as usize, start as usize)
    }

    /// The old counts in bins of `parts` parts each, f32.
    fn spread(&self, parts: usize, start: usize) -> Result<Vec<f64>, Failure> {
        let length = self.bins * parts;
        if start + self.bins * PARTS > length {
            return Err(Failure("the old range does not fit into the new".into()));
        }
        let (mut sum, mut before) = (0.0, 0.0);
        let mut spread = Vec::with_capacity(self.bins);
        for index in 0..length {
            if (start..start + self.bins * PARTS).contains(&index) {
                sum += self.counts[(index - start) / PARTS];
            }
            if (index + 1) % parts == 0 {
                spread.push(f64::from(((sum - before) / PARTS as f64) as f32));
                before = sum;
            }
        }
        Ok(spread)
    }
}

impl Collector for Rescaled {
    fn collect(&mut self, batch: &[f32]) -> Result<(), Failure> {
        self.seen.0 = self.seen.0.min(least(batch));
        self.seen.1 = self.seen.1.max(greatest(batch));
        let (values, range): (Vec<f32>, _) = if self.absolute {
            let values = batch.iter().map(|value| value.abs()).collect();
            (values, (0.0, f64::from(greatest_abs(batch))))
        } else {
            let range = (f64::from(least(batch)), f64::from(greatest(batch)));
            (batch.to_vec(), range)
        };
        let empty = range.0 == range.1;
        let Some(old) = self.range else {
            self.range = Some(range);
            if !empty {
                self.counts = self.count(&values, range)?;
            }
            return Ok(());
        };
        if empty {
            return Ok(());
        }
        self.whole = false;
        if old.0 == old.1 {
            self.counts = self.count(&values, range)?;
            self.range = Some(range);
            return Ok(());
        }
        let (new, moved) = if range.1 <= old.1 && range.0 >= old.0 {
            (old, self.counts.clone())
        } else {
            let wide = (range.0.min(old.0), range.1.max(old.1));
            let (new, parts, start) = self.relaxed(old, wide);
            (new, self.spread(parts, start)?)
        };
        self.counts = (self.count(&values, new)?.into_iter().zip(moved))
            .map(|(new, old)| f64::from(new as f32 + old as f32))
            .collect();
        self.range = Some(new);
        Ok(())
    }

    fn bins(&self) -> Option<Bins> {
        // Without any width, quantizers of |x| keep the range alone; others have no histogram.
        if self.counts.is_empty() && !self.absolute {
            return None;
        }
        let range = self.range?;
        Some(Bins {
            counts: self.counts.clone(),
            edges: match self.counts.len() {
                0 => Vec::new(),
                bins => numpy::edges(range, bins, Precision::F64).ok()?,
            },
            range,
            seen: (f64::from(self.seen.0), f64::from(self.seen.1)),
            whole: self.whole,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mass_is_kept_and_the_range_is_a_multiple_of_a_part() {
        let mut collector = Rescaled::new(4, true, false);
        collector.collect(&[1.0, -4.0, 2.5]).unwrap();
        collector.collect(&[-6.01]).unwrap();
        let bins = collector.bins().unwrap();
        // 6.01 / 4 = 1.5025 becomes 97 parts of 1/64.
        assert_eq!(bins.range, (0.0, 97.0 / 16.0));
        assert_eq!(bins.counts.iter().sum::<f64>(), 4.0);
        assert_eq!(bins.counts[3], 1.0);
        assert!(!bins.whole);
    }

    #[test]
    fn the_old_range_starts_where_it_was() {
        let mut collector = Rescaled::new(2, false, true);
        collector.collect(&[0.0, 2.0, 2.0]).unwrap();
        collector.collect(&[-2.0, 0.0]).unwrap();
        let bins = collector.bins().unwrap();
        assert_eq!(bins.range, (-2.0, 2.0));
        assert_eq!(bins.counts, [1.0, 4.0]);
        // A batch of one value changes nothing, wherever it lies.
        collector.collect(&[9.0, 9.0]).unwrap();
        assert_eq!(collector.bins().unwrap().counts, bins.counts);
    }

    #[test]
    fn without_width_there_is_no_histogram() {
        let mut collector = Rescaled::new(4, false, true);
        collector.collect(&[1.0, 1.0]).unwrap();
        assert_eq!(collector.bins(), None);
    }
}
