//! The share of a batch's greatest value with the least loss by quantization.
//! The least loss is kept over batches, the share is not: where no share of a
//! later batch does better, that batch's whole greatest value is the threshold.
//!
//! Source: PaddleSlim quant/observers/mse.py `MSEObserverLayer.cal_min_max`,
//! emd.py `EMDObserverLayer.cal_min_max`, mse_weight.py
//! `MSEChannelWiseWeightObserver._cal_mse`. Codes are upstream's to the bit (a
//! division by a number is a multiplication by its reciprocal in f32); sums are
//! f64 here, as upstream's order of summation is open.

use super::{greatest, greatest_abs};
use crate::ops::ReferenceError;
use crate::spec::Loss;

/// The threshold after all batches.
pub(super) fn threshold(loss: Loss, bits: u32, batches: &[&[f32]]) -> f64 {
    let mut least = f64::INFINITY;
    let mut threshold = 0.0;
    for batch in batches {
        let greatest = f64::from(match loss {
            Loss::SquaredError => greatest_abs(batch),
            Loss::MeanAndDeviation => greatest(batch),
        });
        let greatest = if greatest == 0.0 { 1e-8 } else { greatest };
        threshold = greatest;
        let mut share = 0.3;
        while share <= 1.0 {
            let candidate = share * greatest;
            share += 0.02;
            let quantized = quantized(batch, candidate, bits);
            let cost = match loss {
                Loss::SquaredError => squared_error(batch, &quantized),
                Loss::MeanAndDeviation => moments(batch, &quantized),
            };
            if cost <= least {
                (least, threshold) = (cost, candidate);
            }
        }
    }
    threshold.max(0.0)
}

/// The threshold of each channel of one batch: shares of its greatest |x| are f32 here, and so are
/// their products with it; a share must do better than the one before.
pub(super) fn of_channels(
    shape: &[usize],
    axis: usize,
    bits: u32,
    values: &[f32],
) -> Result<Vec<f64>, ReferenceError> {
    let Some(&channels) = shape.get(axis) else {
        return Err(ReferenceError::Mismatch(format!(
            "shape {shape:?} has no axis {axis}"
        )));
    };
    let inner: usize = shape[axis + 1..].iter().product();
    let of_channel = |channel: usize| -> Vec<f32> {
        let values = values.iter().enumerate();
        let own = values.filter(|(index, _)| index / inner % channels == channel);
        own.map(|(_, &value)| value).collect()
    };
    let threshold = |channel: usize| {
        let values = of_channel(channel);
        let greatest = greatest_abs(&values);
        let greatest = if greatest == 0.0 { 1e-8 } else { greatest };
        let (mut least, mut threshold) = (f64::INFINITY, greatest);
        let mut share = 0.3;
        while share <= 1.0 {
            let candidate = share as f32 * greatest;
            share += 0.02;
            let cost = squared_error(&values, &quantized(&values, candidate.into(), bits));
            if cost < least {
                (least, threshold) = (cost, candidate);
            }
        }
        f64::from(threshold)
    };
    Ok((0..channels).map(threshold).collect())
}

/// Values after quantization with a step of `threshold` / qmax.
fn quantized(values: &[f32], threshold: f64, bits: u32) -> Vec<f32> {
    let qmax = f64::from((1u32 << (bits - 1)) - 1);
    let (inverse, step) = ((1.0 / threshold) as f32, (1.0 / qmax) as f32);
    let qmax = qmax as f32;
    values
        .iter()
        .map(|value| {
            let code = (value * inverse * qmax).round_ties_even();
            code.clamp(-qmax - 1.0, qmax) * step * threshold as f32
        })
        .collect()
}

fn squared_error(values: &[f32], quantized: &[f32]) -> f64 {
    mean(values.iter().zip(quantized).map(|(x, y)| (x - y) * (x - y)))
}

fn moments(values: &[f32], quantized: &[f32]) -> f64 {
    let of = |values: &[f32]| {
        let mean = mean(values.iter().copied()) as f32;
        let squares: f64 = (values.iter())
            .map(|value| f64::from((value - mean) * (value - mean)))
            .sum();
        (mean, (squares / (values.len() as f64 - 1.0)).sqrt() as f32)
    };
    let (x, y) = (of(values), of(quantized));
    f64::from((x.0 - y.0).abs() + (x.1 - y.1).abs())
}

/// The mean, rounded to f32 once.
fn mean(values: impl ExactSizeIterator<Item = f32>) -> f64 {
    let count = values.len() as f64;
    f64::from((values.map(f64::from).sum::<f64>() / count) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlier_is_cut_where_that_costs_less() {
        let mut values = vec![0.4f32; 4000];
        values.extend([1.0, -0.39, 0.2]);
        let threshold = threshold(Loss::SquaredError, 4, &[&values]);
        // 0.4 is nearly 3 of 7 steps there; a lower threshold would cost more at 1.
        assert!((0.93..0.95).contains(&threshold), "{threshold}");
    }

    #[test]
    fn channels_have_thresholds_of_their_own() {
        let values = [0.7, 0.1, -0.1, 0.9, 0.7, 0.1];
        let got = of_channels(&[3, 2], 1, 8, &values).unwrap();
        let first = of_channels(&[3, 1], 1, 8, &[0.7, -0.1, 0.7]).unwrap();
        let second = of_channels(&[3, 1], 1, 8, &[0.1, 0.9, 0.1]).unwrap();
        assert_eq!(got, [first[0], second[0]]);
        assert!(of_channels(&[3, 2], 2, 8, &values).is_err());
    }

    #[test]
    fn the_least_loss_outlives_its_batch() {
        let exact: &[f32] = &[0.0, 0.0];
        let worse: &[f32] = &[0.3, -0.7, 0.1];
        let both = threshold(Loss::SquaredError, 8, &[exact, worse]);
        assert_eq!(both, f64::from(0.7f32));
        assert_ne!(threshold(Loss::SquaredError, 8, &[worse]), both);
    }

    #[test]
    fn one_value_has_no_deviation_and_negative_values_no_threshold() {
        assert_eq!(threshold(Loss::MeanAndDeviation, 8, &[&[1.5]]), 1.5);
        assert_eq!(threshold(Loss::MeanAndDeviation, 8, &[&[-1.0, -2.0]]), 0.0);
    }
}
