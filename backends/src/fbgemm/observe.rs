//! Observers: min-max and moving average, per tensor and per channel, and the
//! histogram (PyTorch torch/ao/quantization/observer.py). Statistics start anew
//! with every run.

use qassay_golden::spec::{Granularity, ObserveSpec, ObserverKind, QParams};

use super::extremes::Extremes;
use super::histogram::Histogram;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::Isa;
use crate::rows::Channels;
use crate::view::{View, ViewMut};

/// The share of a new batch in a moving average.
const AVERAGING_CONSTANT: f32 = 0.01;

/// Prepares the op.
///
/// # Errors
/// [`Refusal::Unsupported`] when the channel axis does not exist.
pub fn prepare<I: Isa>(isa: I, spec: &ObserveSpec) -> Result<Box<dyn Kernel>, Refusal> {
    let chosen = |name: &str| Chosen {
        micro_kernel: format!("observe-{name}-x{}", I::LANES),
        tile: None,
        fallback: None,
    };
    let (name, averages, per_channel) = match spec.kind {
        ObserverKind::Histogram => {
            return Ok(Box::new(ObserveHistogram {
                isa,
                histogram: Histogram::new(),
                chosen: chosen("histogram"),
            }));
        }
        ObserverKind::HistogramOf { .. } | ObserverKind::GrowingHistogram { .. } => {
            return Err(Refusal::Unsupported(
                "histograms of other than 2048 bins, and growing ones".into(),
            ));
        }
        ObserverKind::WeightedAverage => {
            return Err(Refusal::Unsupported(
                "moving averages in two products".into(),
            ));
        }
        ObserverKind::MinMax => ("min-max", false, false),
        ObserverKind::MovingAverage => ("moving-average", true, false),
        ObserverKind::PerChannelMinMax => ("per-channel-min-max", false, true),
        ObserverKind::PerChannelMovingAverage => ("per-channel-moving-average", true, true),
    };
    let count = if per_channel {
        *spec.shape.get(spec.axis).ok_or_else(|| {
            Refusal::Unsupported(format!("shape {:?} has no axis {}", spec.shape, spec.axis))
        })?
    } else {
        1
    };
    let channels = if per_channel {
        let unit = QParams {
            scale: 1.0,
            zero_point: 0,
        };
        let along = Granularity::PerChannel {
            axis: spec.axis,
            qparams: vec![unit; count],
        };
        Channels::new(&along, &spec.shape)?
    } else {
        Channels::Rows { rows: 1, count: 1 }
    };
    Ok(Box::new(ObserveRange {
        isa,
        averages,
        channels,
        minima: vec![0.0; count],
        maxima: vec![0.0; count],
        chosen: chosen(name),
    }))
}

struct ObserveRange<I> {
    isa: I,
    averages: bool,
    channels: Channels,
    /// of the current batch
    minima: Vec<f32>,
    maxima: Vec<f32>,
    chosen: Chosen,
}

impl<I: Isa> Kernel for ObserveRange<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let (minima_out, maxima_out) = outputs.split_at_mut(1);
        let minima = &mut minima_out[0].f32_mut()[..self.minima.len()];
        let maxima = &mut maxima_out[0].f32_mut()[..self.maxima.len()];
        minima.fill(f32::INFINITY);
        maxima.fill(f32::NEG_INFINITY);
        let mut first = true;
        for batch in inputs {
            if batch.rows() == 0 || batch.row_len() == 0 {
                continue;
            }
            if !self.averages || first {
                // A running range takes the batch in as it is; so does an average its first.
                self.isa.vectorize(Extremes {
                    batch: *batch,
                    channels: self.channels,
                    minima: &mut *minima,
                    maxima: &mut *maxima,
                });
                first = false;
                continue;
            }
            self.minima.fill(f32::INFINITY);
            self.maxima.fill(f32::NEG_INFINITY);
            self.isa.vectorize(Extremes {
                batch: *batch,
                channels: self.channels,
                minima: &mut self.minima,
                maxima: &mut self.maxima,
            });
            average(minima, &self.minima);
            average(maxima, &self.maxima);
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

/// `m ⊕ 0.01 ⊗ (current ⊖ m)`, each step in f32.
fn average(running: &mut [f32], current: &[f32]) {
    for (running, current) in running.iter_mut().zip(current) {
        *running += AVERAGING_CONSTANT * (current - *running);
    }
}

struct ObserveHistogram<I> {
    isa: I,
    histogram: Histogram,
    chosen: Chosen,
}

impl<I: Isa> Kernel for ObserveHistogram<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        self.histogram.clear();
        for batch in inputs {
            self.histogram.observe(self.isa, *batch);
        }
        let (min, max) = self.histogram.range();
        outputs[0].f32_mut()[0] = min;
        outputs[1].f32_mut()[0] = max;
        let bins = self.histogram.bins();
        outputs[2].f32_mut()[..bins.len()].copy_from_slice(bins);
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}
