//! Paddle's quantizers and PaddleSlim's observers.

use super::calibrated::{given, joined, one, scalar, solved};
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::Found;
use crate::spec::{Calibrator, Choose, Collect, Loss, Precision};

const ABS_MAX: Calibrator = Calibrator::AbsMax {
    axis: None,
    floor: 0.0,
};
const NO_OP: &str = "no reference op";

/// Paddle 3.3.1: `AbsmaxQuantizer`, `KLQuantizer`, `cal_kl_threshold`.
pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let calibrator = match file.entry.file.as_str() {
        "inputs.npz" => return Ok(()),
        "AbsmaxQuantizer.npz" => ABS_MAX,
        "KLQuantizer.npz" => entropy(1024, false, Precision::F64),
        "cal_kl_threshold.npz" => entropy(2048, true, Precision::F32),
        _ => {
            found.skip("-", file.entry.values(|a| !a.contains("hist")), NO_OP);
            return Ok(());
        }
    };
    for array in file.npz().names() {
        let (input, kind) = array.split_once('.').unwrap_or((array, ""));
        match kind {
            "hist" | "width" => {}
            "thr8" if input == "zeros" => {
                let reason = "a histogram of zeros, given by hand: of values that are all 0 the quantizers keep none";
                found.skip("calibrate", 1, reason);
            }
            "thr8" => {
                let given = joined(given(&file.beside("inputs.npz")?, input)?);
                let expected = vec![file.array(array)?.tensor()?];
                solved(file, array, calibrator, given, expected)?.into(found);
            }
            _ => one(file, (array, input), calibrator, found)?,
        }
    }
    Ok(())
}

fn entropy(bins: usize, whole: bool, width: Precision) -> Calibrator {
    Calibrator::Histogram {
        collect: Collect::AbsRescaled { bins, whole },
        choose: Choose::EntropyUpperHalf { bits: 8, width },
    }
}

/// PaddleSlim 2.6: observers of activations, channel-wise abs-max of weights.
pub(super) fn read_slim(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (folder, name) = file.entry.file.split_once('/').unwrap_or(("", ""));
    let kind = name.split('.').next().unwrap_or_default();
    let (kind, bits) = kind.rsplit_once("_b").unwrap_or((kind, "8"));
    let bits = bits.parse().map_err(|_| file.problem("names no bits"))?;
    let collect = Collect::Rescaled { bins: 2048 };
    let calibrator = match (folder, kind) {
        ("observers", "abs_max") => Calibrator::AbsMax {
            axis: None,
            floor: 1e-7,
        },
        ("observers", "avg") => Calibrator::AverageAbsMax,
        ("observers", "mse") => Calibrator::LeastLoss {
            loss: Loss::SquaredError,
            bits,
        },
        ("observers", "emd") => Calibrator::LeastLoss {
            loss: Loss::MeanAndDeviation,
            bits,
        },
        ("observers", "hist") => Calibrator::Histogram {
            collect,
            choose: Choose::PercentileBin { share: 0.999 },
        },
        ("observers", "kl") => Calibrator::Histogram {
            collect,
            choose: Choose::EntropyUpperHalf {
                bits,
                width: Precision::F64,
            },
        },
        ("weight", "absmax_cw") => {
            let abs_max = |axis| Calibrator::AbsMax {
                axis: Some(axis),
                floor: 0.0,
            };
            return weights(file, abs_max, found);
        }
        ("weight", "mse_cw") => {
            let least_loss = |axis| Calibrator::LeastLossOfChannels { axis, bits };
            return weights(file, least_loss, found);
        }
        ("weight", "group64") => return super::paddleslim::groups(file, found),
        ("uniform", _) => {
            let reason = "scales and zero points in f64 of a least and a greatest value in f64: what chooses parameters here takes f32 values";
            let chosen = file.entry.values(|a| a == "scale" || a == "zero_point");
            found.skip("choose_qparams", chosen, reason);
            return Ok(());
        }
        ("lsq", _) => return super::paddleslim::learned(file, found),
        _ if file.entry.file == "inputs.npz" => return Ok(()),
        _ if file.entry.file == "cal_kl_threshold.npz" => {
            let reason = "thresholds of histograms alone: the values that were counted are not in the file, and a calibrator here takes values";
            found.skip(
                "calibrate",
                file.entry.values(|a| a.contains(".thr")),
                reason,
            );
            return Ok(());
        }
        _ => {
            found.skip(folder, file.entry.values(|_| true), NO_OP);
            return Ok(());
        }
    };
    let inputs = file.beside("inputs.npz")?;
    for input in file.npz().names().filter(|name| !name.contains('.')) {
        let mut batches = Vec::new();
        while inputs.has(&format!("{input}.{}", batches.len())) {
            let batch = inputs.array(&format!("{input}.{}", batches.len()))?;
            batches.push(batch.tensor()?);
        }
        let threshold = file.array(input)?.floats()?.first().copied();
        let threshold = threshold.ok_or_else(|| file.problem(format!("{input} is empty")))?;
        solved(file, input, calibrator, batches, vec![scalar(threshold)])?.into(found);
    }
    Ok(())
}

/// Scales of weights by channel; `calibrator` is that of an axis.
fn weights(
    file: &CapturedFile<'_>,
    calibrator: impl Fn(usize) -> Calibrator,
    found: &mut Found,
) -> Result<(), CaptureError> {
    for input in file.npz().names().filter(|name| !name.contains('.')) {
        let axis = file.array(&format!("{input}.axis"))?.integers()?;
        let axis = axis.first().and_then(|&axis| usize::try_from(axis).ok());
        let axis = axis.ok_or_else(|| file.problem(format!("{input} has no axis")))?;
        let calibrator = calibrator(axis);
        let part = format!("{input}.scale");
        let expected = vec![file.array(&part)?.tensor()?];
        solved(file, &part, calibrator, given(file.npz(), input)?, expected)?.into(found);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrators::collected;
    use crate::captures::npz::Npz;
    use crate::captures::systems::calibrated::{captures, values};
    use crate::witness::Witness;

    fn bins(collect: Collect, batches: &[Vec<f32>]) -> (Vec<f64>, (f64, f64)) {
        let batches: Vec<&[f32]> = batches.iter().map(Vec::as_slice).collect();
        let bins = collected(collect, &batches, &mut Witness::default()).unwrap();
        (bins.counts, bins.range)
    }

    #[test]
    fn counts_over_a_growing_range_are_those_of_paddle() {
        let folder = captures("paddle");
        let inputs = Npz::read(&folder.join("inputs.npz")).unwrap();
        let npz = Npz::read(&folder.join("KLQuantizer.npz")).unwrap();
        for input in ["norm", "outlier", "const_neg", "asym", "batches"] {
            let collect = Collect::AbsRescaled {
                bins: 1024,
                whole: false,
            };
            let (counts, _) = bins(collect, &values(&inputs, input));
            let expected = npz.array(&format!("{input}.hist")).unwrap().floats();
            assert!(counts == expected.unwrap(), "{input}");
        }
    }

    #[test]
    fn ranges_and_counts_are_those_of_paddleslim() {
        let folder = captures("paddleslim-2.6.0");
        let inputs = Npz::read(&folder.join("inputs.npz")).unwrap();
        let npz = Npz::read(&folder.join("observers/hist_b8.npz")).unwrap();
        for (input, count) in [
            ("norm", 1),
            ("batches", 5),
            ("shrinking", 3),
            ("two_batches_negmax", 2),
        ] {
            let batches: Vec<Vec<f32>> = (0..count)
                .flat_map(|batch| values(&inputs, &format!("{input}.{batch}")))
                .collect();
            let (counts, range) = bins(Collect::Rescaled { bins: 2048 }, &batches);
            let of = |what: &str| {
                npz.array(&format!("{input}.{what}"))
                    .unwrap()
                    .floats()
                    .unwrap()
            };
            assert_eq!(vec![range.0, range.1], of("range"), "{input}");
            assert!(counts == of("hist"), "{input}");
        }
    }
}
