//! Calibrators: a threshold (or a range) for quantization, chosen from batches of
//! real values. How values are collected into a histogram and what is chosen from
//! it are independent; one file for each way.

mod abs_max;
mod average;
pub(crate) mod clip;
mod entropy_means;
mod entropy_single;
mod entropy_truncated;
mod entropy_upper_half;
mod entropy_without_first;
mod grown;
mod least_loss;
pub(crate) mod logarithm;
mod mirrored;
mod moving_abs_max;
mod numpy;
mod percentile;
mod rescaled;
mod two_passes;

use crate::observers::values_of;
use crate::ops::ReferenceError;
use crate::spec::{CalibrateSpec, Calibrator, Choose, Collect};
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// Why upstream gives no threshold, where it raises an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure(pub String);

/// A histogram of all batches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bins {
    /// how much is in each bin
    pub counts: Vec<f64>,
    /// one more edge than bins
    pub edges: Vec<f64>,
    /// from where to where the bins lie, before edges are rounded
    pub range: (f64, f64),
    /// the least and greatest value that was seen
    pub seen: (f64, f64),
    /// whether upstream holds counts as integers; otherwise f32
    pub whole: bool,
}

/// Something that takes one batch at a time.
trait Collector {
    /// Takes one batch of finite values; it is not empty.
    fn collect(&mut self, batch: &[f32]) -> Result<(), Failure>;
    /// The histogram of what was taken.
    fn bins(&self) -> Option<Bins>;
}

/// Runs a calibrator over batches.
///
/// # Errors
/// When a batch is empty or holds NaN or infinity, and where upstream raises.
pub(crate) fn calibrate(
    spec: &CalibrateSpec,
    batches: &[Tensor],
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let batches = values_of(batches, "calibrators")?;
    if batches.is_empty() || batches.iter().any(|batch| batch.is_empty()) {
        return Err(undefined("no values to calibrate from"));
    }
    for value in batches.iter().flat_map(|batch| batch.iter()) {
        witness.events.input(*value);
        if !value.is_finite() {
            return Err(undefined("NaN or infinity in a calibrator"));
        }
    }
    let outputs = match spec.calibrator {
        Calibrator::AbsMax { axis, floor } => vec![abs_max::of(spec, axis, floor, &batches)?],
        Calibrator::AverageAbsMax => {
            let samples = spec.shape.first().copied().unwrap_or(1);
            vec![vec![average::threshold(samples, &batches)]]
        }
        Calibrator::Clipped { clip, symmetric } => {
            let &[values] = batches.as_slice() else {
                return Err(undefined("statistics of one batch"));
            };
            let rows = spec.shape.first().copied().unwrap_or(1);
            let (low, high) = clip::limits(clip, symmetric, rows, values)?;
            vec![vec![f64::from(low)], vec![f64::from(high)]]
        }
        Calibrator::MovingAbsMax { rate, state, accum } => {
            let kept = moving_abs_max::threshold(rate, state, accum, &batches);
            kept.map(|value| vec![value]).to_vec()
        }
        Calibrator::LeastLoss { loss, bits } if (2..=16).contains(&bits) => {
            vec![vec![least_loss::threshold(loss, bits, &batches)]]
        }
        Calibrator::LeastLossOfChannels { axis, bits } if (2..=16).contains(&bits) => {
            let &[values] = batches.as_slice() else {
                return Err(undefined("shares of the channels of one batch"));
            };
            vec![least_loss::of_channels(&spec.shape, axis, bits, values)?]
        }
        Calibrator::StepsPerUnit { steps, least } => {
            vec![abs_max::steps_per_unit(spec, (steps, least), &batches)?]
        }
        Calibrator::LeastLoss { bits, .. } | Calibrator::LeastLossOfChannels { bits, .. } => {
            return Err(undefined(&format!("codes of {bits} bits")));
        }
        Calibrator::Histogram { collect, choose } => {
            let bins = collected(collect, &batches, witness).map_err(raised)?;
            chosen(choose, &bins)
                .map_err(raised)?
                .into_iter()
                .map(|value| vec![value])
                .collect()
        }
    };
    Ok(outputs
        .into_iter()
        .map(|v| Tensor::new([v.len()], Data::F64(v)).expect("one dimension of that length"))
        .collect())
}

fn undefined(what: &str) -> ReferenceError {
    ReferenceError::Undefined(what.into())
}

fn raised(failure: Failure) -> ReferenceError {
    ReferenceError::Undefined(format!("upstream raises: {}", failure.0))
}

/// The histogram of all batches.
pub(crate) fn collected(
    collect: Collect,
    batches: &[&[f32]],
    witness: &mut Witness,
) -> Result<Bins, Failure> {
    let mut collector: Box<dyn Collector> = match collect {
        Collect::AbsFromZero { bins } => Box::new(grown::AbsFromZero::new(bins)),
        Collect::AbsFromLeast { bins } => Box::new(grown::AbsFromLeast::new(bins)),
        Collect::Mirrored { bins, edges } => Box::new(mirrored::Mirrored::new(bins, edges)),
        Collect::TwoPasses { bins } => Box::new(two_passes::TwoPasses::new(bins)),
        Collect::AbsRescaled { bins, whole } => {
            Box::new(rescaled::Rescaled::new(bins, true, whole))
        }
        Collect::Rescaled { bins } => Box::new(rescaled::Rescaled::new(bins, false, true)),
    };
    let mut before = 0;
    for batch in batches {
        collector.collect(batch)?;
        let now = collector.bins().map_or(0, |bins| bins.edges.len());
        let grew = before != 0 && now != before;
        witness.events.hit_if(Event::HistogramGrew, grew);
        before = now;
    }
    collector
        .bins()
        .ok_or_else(|| Failure("no histogram was made".into()))
}

fn chosen(choose: Choose, bins: &Bins) -> Result<Vec<f64>, Failure> {
    let pair = |(a, b)| vec![a, b];
    Ok(match choose {
        Choose::Percentile { percent } => vec![percentile::edge(bins, percent)],
        Choose::PercentileWithin { percent, symmetric } => {
            pair(percentile::edges_within(bins, percent, symmetric))
        }
        Choose::PercentileBin { share } => vec![percentile::half_bin_below(bins, share)?],
        Choose::EntropyOfMeans {
            groups,
            start_bin,
            stride,
        } => vec![entropy_means::threshold(bins, groups, start_bin, stride)?],
        Choose::EntropyTruncated { groups } => pair(entropy_truncated::range(bins, groups)?),
        Choose::EntropySingle { groups } => pair(entropy_single::threshold(bins, groups)?),
        Choose::EntropyWithoutFirst { groups } => {
            pair(entropy_without_first::bin_and_scale(bins, groups)?)
        }
        Choose::EntropyUpperHalf { bits, width } => {
            vec![entropy_upper_half::threshold(bins, bits, width)?]
        }
    })
}

fn least(batch: &[f32]) -> f32 {
    batch.iter().copied().fold(f32::INFINITY, f32::min)
}

fn greatest(batch: &[f32]) -> f32 {
    batch.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

fn greatest_abs(batch: &[f32]) -> f32 {
    batch.iter().fold(0.0, |max, value| max.max(value.abs()))
}
