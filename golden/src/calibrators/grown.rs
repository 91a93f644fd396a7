//! Histograms of |x| that grow on the right, by bins of the first batch's width.
//!
//! Source: NVIDIA/TensorRT tools/pytorch-quantization calib/histogram.py
//! `HistogramCalibrator.collect`, with `torch_hist` (counts from 0) and without
//! (counts from the least |x| of the first batch); onnxruntime
//! quantization/calibrate.py `HistogramCollector.collect_absolute_value` (as the latter).

use super::{Bins, Collector, Failure, greatest, greatest_abs, least, numpy};
use crate::observers::histc;
use crate::spec::Precision;

/// |x| over `[0, max]`, counted by `torch.histc`.
pub(super) struct AbsFromZero {
    first_bins: usize,
    counts: Vec<f32>,
    edges: Vec<f32>,
    seen: (f32, f32),
}

impl AbsFromZero {
    pub(super) fn new(bins: usize) -> Self {
        Self {
            first_bins: bins,
            counts: Vec::new(),
            edges: Vec::new(),
            seen: (f32::INFINITY, f32::NEG_INFINITY),
        }
    }
}

impl Collector for AbsFromZero {
    fn collect(&mut self, batch: &[f32]) -> Result<(), Failure> {
        self.seen = widened(self.seen, batch);
        let values: Vec<f32> = batch.iter().map(|value| value.abs()).collect();
        let max = greatest_abs(batch);
        if self.edges.is_empty() {
            let bins = self.first_bins;
            self.counts = histc(&values, (0.0, max), bins);
            self.edges = linspace(max, bins);
            return Ok(());
        }
        let mut bins = self.counts.len();
        if max > self.edges[self.edges.len() - 1] {
            let width = self.edges[1] - self.edges[0];
            bins = (max / width).ceil() as usize;
            self.edges = arange(max + width, width);
        }
        let mut counts = histc(&values, (0.0, self.edges[self.edges.len() - 1]), bins);
        if counts.len() < self.counts.len() {
            return Err(Failure("fewer bins than before".into()));
        }
        for (count, old) in counts.iter_mut().zip(&self.counts) {
            *count += old;
        }
        self.counts = counts;
        Ok(())
    }

    fn bins(&self) -> Option<Bins> {
        (!self.edges.is_empty()).then(|| Bins {
            // Counts are read as i32.
            counts: self
                .counts
                .iter()
                .map(|&count| f64::from(count as i32))
                .collect(),
            edges: self.edges.iter().copied().map(f64::from).collect(),
            range: ends(&self.edges),
            seen: (f64::from(self.seen.0), f64::from(self.seen.1)),
            whole: true,
        })
    }
}

/// `torch.linspace(0, end, bins + 1)` as f32: counted from the nearer end, each product
/// fused with its sum (ATen/native/cpu/RangeFactoriesKernel.cpp, compiled for AVX2).
fn linspace(end: f32, bins: usize) -> Vec<f32> {
    let step = end / bins as f32;
    (0..=bins)
        .map(|index| match index < bins.div_ceil(2) {
            true => step * index as f32,
            false => (-step).mul_add((bins - index) as f32, end),
        })
        .collect()
}

/// `torch.arange(0, stop, step)` as f32: eight at a time, each block from its own
/// rounded start (ATen/native/cpu/RangeFactoriesKernel.cpp).
fn arange(stop: f32, step: f32) -> Vec<f32> {
    let (stop, step) = (f64::from(stop), f64::from(step));
    let length = (stop / step).ceil() as usize;
    let whole = length - length % 8;
    (0..length)
        .map(|index| {
            if index >= whole {
                return (step * index as f64) as f32;
            }
            let start = (step * (index - index % 8) as f64) as f32;
            (f64::from(start) + step * (index % 8) as f64) as f32
        })
        .collect()
}

/// |x| over `[min |x|, max |x|]`, counted by `numpy.histogram`.
pub(super) struct AbsFromLeast {
    first_bins: usize,
    counts: Vec<f64>,
    edges: Vec<f64>,
    seen: (f32, f32),
}

impl AbsFromLeast {
    pub(super) fn new(bins: usize) -> Self {
        Self {
            first_bins: bins,
            counts: Vec::new(),
            edges: Vec::new(),
            seen: (f32::INFINITY, f32::NEG_INFINITY),
        }
    }
}

impl Collector for AbsFromLeast {
    fn collect(&mut self, batch: &[f32]) -> Result<(), Failure> {
        self.seen = widened(self.seen, batch);
        let values: Vec<f32> = batch.iter().map(|value| value.abs()).collect();
        let (min, max) = (least(&values), greatest(&values));
        if self.edges.is_empty() {
            let range = (f64::from(min), f64::from(max));
            self.edges = numpy::edges(range, self.first_bins, Precision::F32)?;
            self.counts = numpy::counts(values.into_iter(), &self.edges, range);
            return Ok(());
        }
        let last = self.edges[self.edges.len() - 1] as f32;
        if max > last {
            let width = self.edges[1] as f32 - self.edges[0] as f32;
            let more = numpy::arange(last + width, max + width, width);
            self.edges.extend(more.into_iter().map(f64::from));
        }
        let mut counts = numpy::counts_between(values.into_iter(), &self.edges);
        for (count, old) in counts.iter_mut().zip(&self.counts) {
            *count += old;
        }
        self.counts = counts;
        Ok(())
    }

    fn bins(&self) -> Option<Bins> {
        (!self.edges.is_empty()).then(|| Bins {
            counts: self.counts.clone(),
            edges: self.edges.clone(),
            range: ends(&self.edges),
            seen: (f64::from(self.seen.0), f64::from(self.seen.1)),
            whole: true,
        })
    }
}

/// First and last edge.
fn ends<T: Copy + Into<f64>>(edges: &[T]) -> (f64, f64) {
    (edges[0].into(), edges[edges.len() - 1].into())
}

fn widened(seen: (f32, f32), batch: &[f32]) -> (f32, f32) {
    (seen.0.min(least(batch)), seen.1.max(greatest(batch)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greater_value_adds_bins_and_keeps_counts() {
        for mut collector in [
            Box::new(AbsFromZero::new(4)) as Box<dyn Collector>,
            Box::new(AbsFromLeast::new(4)),
        ] {
            collector.collect(&[0.0, -1.0, 4.0]).unwrap();
            collector.collect(&[-6.5]).unwrap();
            let bins = collector.bins().unwrap();
            assert_eq!(bins.edges[..5], [0.0, 1.0, 2.0, 3.0, 4.0]);
            assert_eq!(bins.counts, [1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
            assert_eq!(bins.seen, (-6.5, 4.0));
        }
    }
}
