//! The greatest |x| of all batches, for the tensor or per channel.
//!
//! Source: NVIDIA/TensorRT tools/pytorch-quantization calib/max.py
//! `MaxCalibrator.collect`; PaddleSlim quant/observers/abs_max.py
//! `AbsmaxObserverLayer.cal_min_max` (which starts at 1e−7); Paddle
//! quantization/imperative/ptq_quantizer.py `AbsmaxQuantizer`.

use crate::ops::ReferenceError;
use crate::spec::CalibrateSpec;

/// One threshold, or one for each index along `axis`.
pub(super) fn of(
    spec: &CalibrateSpec,
    axis: Option<usize>,
    floor: f32,
    batches: &[&[f32]],
) -> Result<Vec<f64>, ReferenceError> {
    let (channels, inner) = match axis {
        None => (1, 1),
        Some(axis) if axis < spec.shape.len() => {
            (spec.shape[axis], spec.shape[axis + 1..].iter().product())
        }
        Some(axis) => {
            return Err(ReferenceError::Mismatch(format!(
                "shape {:?} has no axis {axis}",
                spec.shape
            )));
        }
    };
    let mut thresholds = vec![floor; channels];
    for batch in batches {
        for (index, value) in batch.iter().enumerate() {
            let threshold = &mut thresholds[index / inner % channels];
            *threshold = threshold.max(value.abs());
        }
    }
    Ok(thresholds.into_iter().map(f64::from).collect())
}
