//! A histogram over `[0, max |x|]` in two passes: all batches give the range, then
//! all are counted. Negative values are left out.
//!
//! Source: BUG1989/caffe-int8-convert-tools caffe-int8-convert-tool-dev-weight.py
//! `QuantizeLayer.initial_blob_max`, `initial_histograms`.

use super::{Bins, Collector, Failure, greatest, greatest_abs, least, numpy};
use crate::spec::Precision;

/// Batches are kept until the range is known.
pub(super) struct TwoPasses {
    bins: usize,
    values: Vec<f32>,
}

impl TwoPasses {
    pub(super) fn new(bins: usize) -> Self {
        Self {
            bins,
            values: Vec::new(),
        }
    }

    /// What all batches together give; counts of batches add up exactly.
    ///
    /// # Errors
    /// When the range has no room for the bins.
    pub(super) fn counted(&self) -> Result<Bins, Failure> {
        let range = (0.0, f64::from(greatest_abs(&self.values)));
        let edges = numpy::edges(range, self.bins, Precision::F64)?;
        let seen = (least(&self.values), greatest(&self.values));
        Ok(Bins {
            counts: numpy::counts(self.values.iter().copied(), &edges, range),
            edges,
            range,
            seen: (f64::from(seen.0), f64::from(seen.1)),
            whole: true,
        })
    }
}

impl Collector for TwoPasses {
    fn collect(&mut self, batch: &[f32]) -> Result<(), Failure> {
        self.values.extend(batch);
        self.counted().map(drop)
    }

    fn bins(&self) -> Option<Bins> {
        self.counted().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_of_all_batches_and_negative_values_do_not_count() {
        let mut collector = TwoPasses::new(4);
        collector.collect(&[1.0, -0.5]).unwrap();
        collector.collect(&[-4.0, 3.0]).unwrap();
        let bins = collector.bins().unwrap();
        assert_eq!(bins.range, (0.0, 4.0));
        assert_eq!(bins.counts, [0.0, 1.0, 0.0, 1.0]);
    }
}
