//! Histograms over `[−T, T]` that grow on both sides by bins of the same width.
//!
//! Source: mxnet python/mxnet/contrib/quantization.py `combine_histogram`;
//! onnxruntime quantization/calibrate.py `HistogramCollector.collect_value` and
//! `merge_histogram`. The two differ in numpy's version alone: before numpy 2,
//! edges between f32 bounds were computed in f64.

use super::{Bins, Collector, Failure, greatest, greatest_abs, least, numpy};
use crate::spec::Precision;

/// The running histogram.
pub(super) struct Mirrored {
    first_bins: usize,
    precision: Precision,
    state: Option<State>,
}

struct State {
    threshold: f32,
    counts: Vec<f64>,
    edges: Vec<f64>,
    seen: (f32, f32),
}

impl Mirrored {
    pub(super) fn new(bins: usize, precision: Precision) -> Self {
        Self {
            first_bins: bins,
            precision,
            state: None,
        }
    }

    fn edges(&self, threshold: f32, bins: usize) -> Result<Vec<f64>, Failure> {
        numpy::edges(ends(threshold), bins, self.precision)
    }
}

impl Collector for Mirrored {
    fn collect(&mut self, batch: &[f32]) -> Result<(), Failure> {
        let threshold = greatest_abs(batch);
        let seen = (least(batch), greatest(batch));
        let values = || batch.iter().copied();
        let Some(old) = self.state.take() else {
            let edges = self.edges(threshold, self.first_bins)?;
            self.state = Some(State {
                threshold,
                counts: numpy::counts(values(), &edges, ends(threshold)),
                edges,
                seen,
            });
            return Ok(());
        };
        let seen = (old.seen.0.min(seen.0), old.seen.1.max(seen.1));
        let bins = old.counts.len();
        let (threshold, more) = if threshold <= old.threshold {
            (old.threshold, 0)
        } else if old.threshold == 0.0 {
            (threshold, 0)
        } else {
            let width = 2.0 * old.threshold / bins as f32;
            let more = ((threshold - old.threshold) / width).floor() + 1.0;
            (more * width + old.threshold, more as usize)
        };
        let edges = self.edges(threshold, bins + 2 * more)?;
        let mut counts = numpy::counts(values(), &edges, ends(threshold));
        for (count, old) in counts[more..].iter_mut().zip(&old.counts) {
            *count += old;
        }
        self.state = Some(State {
            threshold,
            counts,
            edges,
            seen,
        });
        Ok(())
    }

    fn bins(&self) -> Option<Bins> {
        self.state.as_ref().map(|state| Bins {
            counts: state.counts.clone(),
            edges: state.edges.clone(),
            range: ends(state.threshold),
            seen: (f64::from(state.seen.0), f64::from(state.seen.1)),
            whole: true,
        })
    }
}

/// `(−threshold, threshold)`.
fn ends(threshold: f32) -> (f64, f64) {
    (-f64::from(threshold), f64::from(threshold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_grow_and_old_counts_stay_in_the_middle() {
        let mut collector = Mirrored::new(4, Precision::F32);
        collector.collect(&[-2.0, 0.5, 2.0]).unwrap();
        collector.collect(&[-3.5]).unwrap();
        let bins = collector.bins().unwrap();
        assert_eq!(bins.edges[0], -4.0);
        assert_eq!(bins.counts, [1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(bins.seen, (-3.5, 2.0));
        collector.collect(&[0.5]).unwrap();
        assert_eq!(collector.bins().unwrap().counts[4], 2.0);
    }
}
