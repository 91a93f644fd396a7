//! caffe-int8-convert-tools: the threshold of activations, and scales of weights.

use super::calibrated::{given, scalar, solved};
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::Found;
use crate::spec::{Calibrator, Choose, Collect};

const CALIBRATOR: Calibrator = Calibrator::Histogram {
    collect: Collect::TwoPasses { bins: 2048 },
    choose: Choose::EntropyWithoutFirst { groups: 128 },
};

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    match file.entry.file.as_str() {
        "inputs.npz" => return Ok(()),
        "kl.npz" => {}
        _ => return weights(file, found),
    }
    let inputs = file.beside("inputs.npz")?;
    for input in file.npz().names().filter_map(|n| n.strip_suffix(".scale")) {
        let of = |what: &str| -> Result<f64, CaptureError> {
            let array = file.array(&format!("{input}.{what}"))?;
            let value = array.floats()?.first().copied();
            value.ok_or_else(|| array.error("is empty"))
        };
        let bin = file.array(&format!("{input}.threshold_bin"))?;
        let &[number] = bin.integers()?.as_slice() else {
            return Err(bin.error("is no single bin"));
        };
        let expected = vec![scalar(number as f64), scalar(of("scale")?)];
        solved(file, input, CALIBRATOR, given(&inputs, input)?, expected)?.into(found);
    }
    Ok(())
}

/// Scales by output channel: 127 steps, or 31 for layers that Winograd's algorithm runs
/// (`wino1`), over the greatest |w|; 0 where that is below 1e-4.
fn weights(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let inputs = file.beside("inputs.npz")?;
    for part in file.npz().names().filter(|name| name.ends_with(".scale")) {
        let (input, _) = part.split_once('.').unwrap_or((part, ""));
        let steps = if part.contains("wino1") { 31.0 } else { 127.0 };
        let calibrator = Calibrator::StepsPerUnit { steps, least: 1e-4 };
        let expected = vec![file.array(part)?.tensor()?];
        solved(file, part, calibrator, given(&inputs, input)?, expected)?.into(found);
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

    #[test]
    fn counts_are_those_of_two_passes() {
        let folder = captures("caffe-int8-convert-tools");
        let inputs = Npz::read(&folder.join("inputs.npz")).unwrap();
        let npz = Npz::read(&folder.join("kl.npz")).unwrap();
        for input in [
            "norm", "relu", "allneg", "outlier", "laplace", "exp", "asym", "batches",
        ] {
            let values = values(&inputs, input);
            let batches: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
            let collect = Collect::TwoPasses { bins: 2048 };
            let bins = collected(collect, &batches, &mut Witness::default()).unwrap();
            let of = |what: &str| {
                npz.array(&format!("{input}.{what}"))
                    .unwrap()
                    .floats()
                    .unwrap()
            };
            assert!(bins.counts == of("hist"), "{input}");
            assert_eq!(vec![bins.range.1], of("blob_max"), "{input}");
        }
    }
}
