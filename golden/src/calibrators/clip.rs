//! Limits from statistics of one tensor. Source: Distiller distiller/quantization/q_utils.py
//! (get_tensor_avg_min_max, get_tensor_mean_n_stds_min_max, AciqSymmetricClipper,
//! AciqAsymmetricClipper); sums are PyTorch's.

use super::{greatest, least};
use crate::ops::ReferenceError;
use crate::ops::cascade_sum::{MOST, deviation, mean};
use crate::spec::{Clip, Distribution};

/// How many mean distances from the mean are kept of a Laplace distribution, by bits (0 to 8).
const LAPLACE: [f32; 9] = [1.05, 1.86, 2.83, 3.89, 5.03, 6.2, 7.41, 8.64, 9.89];
/// As [`LAPLACE`], of a distribution whose negative half is cut off.
const LAPLACE_HALF: [f32; 9] = [1.86, 2.83, 3.89, 5.02, 6.2, 7.41, 8.64, 9.89, 11.16];
/// How many deviations from the mean are kept of a normal distribution, by bits (1 to 8).
const GAUSS: [f32; 8] = [1.24, 1.71, 2.15, 2.55, 2.93, 3.28, 3.61, 3.92];
/// As [`GAUSS`], of a distribution whose negative half is cut off.
const GAUSS_HALF: [f32; 8] = [1.71, 2.15, 2.55, 2.93, 3.28, 3.61, 3.92, 4.2];

/// The least and the greatest value that are kept of `values`, in `rows` along the first axis;
/// `symmetric` ones are as far from 0.
///
/// # Errors
/// When there are no values, or so many that PyTorch sums them in no fixed order, or the rule
/// has no factor for these bits.
pub(crate) fn limits(
    clip: Clip,
    symmetric: bool,
    rows: usize,
    values: &[f32],
) -> Result<(f32, f32), ReferenceError> {
    if values.is_empty() || values.len() > MOST {
        return Err(ReferenceError::Undefined(format!(
            "statistics of {} values: 1 to {MOST} are summed in a fixed order",
            values.len()
        )));
    }
    let found = match clip {
        Clip::MeanOfRows => {
            let row = (values.len() / rows.max(1)).max(1);
            let of = |extreme: fn(&[f32]) -> f32| {
                mean(&values.chunks(row).map(extreme).collect::<Vec<f32>>())
            };
            (of(least), of(greatest))
        }
        Clip::Deviations(count) => {
            let (mean, most) = (mean(values), count as f32 * deviation(values));
            (
                larger(least(values), mean - most),
                0.0 - larger(0.0 - greatest(values), 0.0 - (mean + most)),
            )
        }
        Clip::Aciq {
            distribution,
            bits,
            half,
        } => {
            let factor = factor(distribution, bits, half)?;
            let mean = mean(values);
            let alpha = factor * spread(distribution, mean, values);
            if symmetric {
                return Ok((0.0 - (mean.abs() + alpha), mean.abs() + alpha));
            }
            let low = larger(least(values), mean - alpha);
            (low, low + if half { alpha } else { 2.0 * alpha })
        }
    };
    Ok(match symmetric {
        true => {
            let farther = larger(found.0.abs(), found.1.abs());
            (0.0 - farther, farther)
        }
        false => found,
    })
}

fn spread(distribution: Distribution, mean: f32, values: &[f32]) -> f32 {
    match distribution {
        Distribution::Gauss => deviation(values),
        Distribution::Laplace => {
            let distances: Vec<f32> = values.iter().map(|x| (x - mean).abs()).collect();
            crate::ops::cascade_sum::mean(&distances)
        }
    }
}

fn factor(distribution: Distribution, bits: u32, half: bool) -> Result<f32, ReferenceError> {
    let (factors, first): (&[f32], u32) = match (distribution, half) {
        (Distribution::Laplace, false) => (&LAPLACE, 0),
        (Distribution::Laplace, true) => (&LAPLACE_HALF, 0),
        (Distribution::Gauss, false) => (&GAUSS, 1),
        (Distribution::Gauss, true) => (&GAUSS_HALF, 1),
    };
    let index = bits.checked_sub(first).map(|index| index as usize);
    let factor = index.and_then(|index| factors.get(index));
    factor.copied().ok_or_else(|| {
        ReferenceError::Undefined(format!("{bits} bits: there are factors for {first} to 8"))
    })
}

/// The larger one; NaN of a NaN (`torch.max`).
fn larger(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else {
        a.max(b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_weigh_the_same() {
        let values = [1.0, 2.0, -4.0, 8.0];
        let of = |symmetric| limits(Clip::MeanOfRows, symmetric, 2, &values).unwrap();
        assert_eq!(of(false), (-1.5, 5.0));
        assert_eq!(of(true), (-5.0, 5.0));
    }

    #[test]
    fn deviations_do_not_leave_the_values() {
        let values = [0.0, 0.0, 0.0, 6.0];
        // mean 1.5, deviation 3
        assert_eq!(
            limits(Clip::Deviations(1.0), false, 1, &values).unwrap(),
            (0.0, 4.5)
        );
        assert_eq!(
            limits(Clip::Deviations(9.0), true, 1, &values).unwrap(),
            (-6.0, 6.0)
        );
    }

    #[test]
    fn aciq_keeps_a_factor_of_the_spread() {
        let of = |distribution, symmetric, half| {
            let clip = Clip::Aciq {
                distribution,
                bits: 4,
                half,
            };
            limits(clip, symmetric, 1, &[-3.0, 1.0, 1.0, 5.0]).unwrap()
        };
        // mean 1, mean distance 2
        let alpha = 5.03f32 * 2.0;
        assert_eq!(
            of(Distribution::Laplace, true, false),
            (-(1.0 + alpha), 1.0 + alpha)
        );
        assert_eq!(
            of(Distribution::Laplace, false, false),
            (-3.0, -3.0 + 2.0 * alpha)
        );
        assert_eq!(
            of(Distribution::Laplace, false, true),
            (-3.0, -3.0 + 6.2f32 * 2.0)
        );
        let deviation = (32.0f64 / 3.0).sqrt() as f32;
        assert_eq!(
            of(Distribution::Gauss, false, true),
            (-3.0, -3.0 + 2.93f32 * deviation)
        );
    }

    #[test]
    fn bits_without_a_factor_and_sums_without_an_order_are_refused() {
        assert!(factor(Distribution::Gauss, 0, false).is_err());
        assert!(factor(Distribution::Laplace, 9, true).is_err());
        assert_eq!(factor(Distribution::Gauss, 1, false), Ok(1.24));
        assert!(limits(Clip::MeanOfRows, false, 1, &vec![0.0; MOST + 1]).is_err());
    }
}
