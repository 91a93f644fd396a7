//! The greatest |x| of all batches, for the tensor or per channel.
//!
//! Source: NVIDIA/TensorRT tools/pytorch-quantization calib/max.py
//! `MaxCalibrator.collect`; PaddleSlim quant/observers/abs_max.py
//! `AbsmaxObserverLayer.cal_min_max` (which starts at 1e−7); Paddle
//! quantization/imperative/ptq_quantizer.py `AbsmaxQuantizer`; for steps per unit
//! caffe-int8-convert-tools caffe-int8-convert-tool-dev-weight.py `QuantizeLayer.quantize_weight`.

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

/// What each greatest |x| along the first axis makes of `steps`; 0 where it is below `least`.
pub(super) fn steps_per_unit(
    spec: &CalibrateSpec,
    (steps, least): (f32, f32),
    batches: &[&[f32]],
) -> Result<Vec<f64>, ReferenceError> {
    let greatest = of(spec, Some(0), 0.0, batches)?;
    let scale = |greatest: f64| match greatest as f32 {
        greatest if greatest < least => 0.0,
        greatest => f64::from(steps / greatest),
    };
    Ok(greatest.into_iter().map(scale).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Calibrator;

    #[test]
    fn steps_are_counted_in_f32_and_not_of_what_is_too_small() {
        let (steps, least) = (127.0, 1e-4);
        let spec = CalibrateSpec {
            calibrator: Calibrator::StepsPerUnit { steps, least },
            shape: vec![3, 2],
            batches: 1,
        };
        let batch: &[f32] = &[0.3, -0.7, 9e-5, 0.0, 1e-4, 0.0];
        let got = steps_per_unit(&spec, (steps, least), &[batch]).unwrap();
        assert_eq!(
            got,
            [f64::from(127.0f32 / 0.7), 0.0, f64::from(127.0 / 1e-4f32)]
        );
    }
}
