//! Observers: running statistics of values, from which scale and zero point are
//! chosen. One file each; every observer takes batches one at a time.
//!
//! Source, where a file names no other: PyTorch torch/ao/quantization/observer.py, v2.6.0.

mod growing_histogram;
mod histogram;
mod min_max;
mod moving_average;
mod per_channel;
mod search;
mod weighted_average;

pub use growing_histogram::GrowingHistogram;
pub use histogram::{BINS, Histogram};
pub(crate) use histogram::{histc, linspace};
pub use min_max::MinMax;
pub use moving_average::MovingAverage;
pub use per_channel::PerChannel;
pub use search::search_range;
pub use weighted_average::WeightedAverage;

use crate::ops::ReferenceError;
use crate::spec::{ObserveSpec, ObserverKind};
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// A running statistic of single values.
pub trait Observer {
    /// Takes one batch. An empty batch changes nothing.
    fn observe(&mut self, batch: &[f32]);
    /// The least and greatest value so far; (+∞, −∞) before the first batch.
    fn range(&self) -> (f32, f32);
}

/// Runs an observer over batches: minima, maxima, and the bins of a histogram.
///
/// # Errors
/// When the channel axis does not exist, or a histogram meets NaN (upstream raises).
pub(crate) fn observe(
    spec: &ObserveSpec,
    batches: &[Tensor],
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let batches = values_of(batches, "observers")?;
    for value in batches.iter().flat_map(|batch| batch.iter()) {
        witness.events.input(*value);
    }
    match spec.kind {
        ObserverKind::MinMax => Ok(single(MinMax::default(), &batches, witness)),
        ObserverKind::MovingAverage => Ok(single(MovingAverage::default(), &batches, witness)),
        ObserverKind::WeightedAverage => Ok(single(WeightedAverage::default(), &batches, witness)),
        ObserverKind::PerChannelMinMax => channels::<MinMax>(spec, &batches, witness),
        ObserverKind::PerChannelMovingAverage => channels::<MovingAverage>(spec, &batches, witness),
        ObserverKind::Histogram
        | ObserverKind::HistogramOf { .. }
        | ObserverKind::GrowingHistogram { .. } => histogram(spec.kind, &batches, witness),
    }
}

/// The values of each batch, for `whom` to take.
///
/// # Errors
/// When they are not f32.
pub(crate) fn values_of<'a>(
    batches: &'a [Tensor],
    whom: &str,
) -> Result<Vec<&'a [f32]>, ReferenceError> {
    (batches.iter())
        .map(|batch| match batch.data() {
            Data::F32(values) => Ok(values.as_slice()),
            _ => Err(ReferenceError::Mismatch(format!(
                "{whom} take f32, not {}",
                batch.dtype().name()
            ))),
        })
        .collect()
}

fn histogram(
    kind: ObserverKind,
    batches: &[&[f32]],
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let bins = kind.bins().expect("histograms have bins");
    if bins == 0 {
        return Err(ReferenceError::Mismatch(
            "a histogram needs at least 1 bin".into(),
        ));
    }
    let mut growing = GrowingHistogram::new(bins);
    let mut plain = Histogram::new(bins);
    let is_growing = matches!(kind, ObserverKind::GrowingHistogram { .. });
    let observer: &mut dyn Observer = if is_growing { &mut growing } else { &mut plain };
    for batch in batches {
        if batch.iter().any(|value| value.is_nan()) {
            return Err(ReferenceError::Undefined("NaN in a histogram".into()));
        }
        if is_growing && batch.iter().any(|value| value.is_infinite()) {
            return Err(ReferenceError::Undefined(
                "infinite values in a histogram of this kind".into(),
            ));
        }
        let before = observer.range();
        observer.observe(batch);
        let grew = before.0 <= before.1 && before != observer.range();
        witness.events.hit_if(Event::HistogramGrew, grew);
    }
    let (min, max) = observer.range();
    witness.events.hit_if(Event::EmptyRange, min == max);
    let bins = if is_growing {
        growing.bins()
    } else {
        plain.bins()
    };
    let mut outputs = ranges(vec![min], vec![max]);
    outputs.push(tensor(bins.to_vec()));
    Ok(outputs)
}

fn single(mut observer: impl Observer, batches: &[&[f32]], witness: &mut Witness) -> Vec<Tensor> {
    for batch in batches {
        observer.observe(batch);
    }
    let (min, max) = observer.range();
    witness.events.hit_if(Event::EmptyRange, min == max);
    ranges(vec![min], vec![max])
}

fn channels<O: Observer + Default>(
    spec: &ObserveSpec,
    batches: &[&[f32]],
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let mut observer = PerChannel::<O>::new(&spec.shape, spec.axis).ok_or_else(|| {
        ReferenceError::Mismatch(format!("shape {:?} has no axis {}", spec.shape, spec.axis))
    })?;
    for batch in batches {
        observer.observe(batch);
    }
    let (minima, maxima): (Vec<f32>, Vec<f32>) = observer.ranges().into_iter().unzip();
    for (min, max) in minima.iter().zip(&maxima) {
        witness.events.hit_if(Event::EmptyRange, min == max);
    }
    Ok(ranges(minima, maxima))
}

fn ranges(minima: Vec<f32>, maxima: Vec<f32>) -> Vec<Tensor> {
    vec![tensor(minima), tensor(maxima)]
}

fn tensor(values: Vec<f32>) -> Tensor {
    Tensor::new([values.len()], Data::F32(values)).expect("one dimension of that length")
}
