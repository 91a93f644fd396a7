//! ONNX Runtime's calibrators: entropy and percentile of `HistogramCollector`.

use super::calibrated::{given, scalar, solved};
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::Found;
use crate::spec::{Calibrator, Choose, Collect, Precision};

/// `PercentileCalibrater`'s default.
const PERCENT: f64 = 99.999;

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let method = file.entry.file.trim_start_matches("calibrators/");
    let params = file.params();
    let size = |name: &str| -> Result<usize, CaptureError> {
        let value = params.integer(name)?;
        usize::try_from(value).map_err(|_| params.error(name, "is negative".into()))
    };
    let (bins, groups) = (size("num_bins")?, size("num_quantized_bins")?);
    let symmetric = params.flag("symmetric")?;
    let mirrored = Collect::Mirrored {
        bins,
        edges: Precision::F32,
    };
    let (collect, choose) = match method.split('_').next().unwrap_or_default() {
        "entropy" => (mirrored, Choose::EntropyTruncated { groups }),
        "percentile" => {
            let collect = match symmetric {
                true => Collect::AbsFromLeast { bins },
                false => mirrored,
            };
            let percent = PERCENT;
            (collect, Choose::PercentileWithin { percent, symmetric })
        }
        _ => {
            let reason = "mean and deviation of a distribution: no reference";
            found.skip("calibrate", file.entry.values(|_| true), reason);
            return Ok(());
        }
    };
    let inputs = file.beside("calibrators/inputs.npz")?;
    for input in file.npz().names().filter_map(|n| n.strip_suffix(".range")) {
        let part = format!("{input}.range");
        let range = file.array(&part)?.floats()?;
        let calibrator = Calibrator::Histogram { collect, choose };
        let expected = range.into_iter().map(scalar).collect();
        solved(file, &part, calibrator, given(&inputs, input)?, expected)?.into(found);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::calibrators::collected;
    use crate::captures::npz::Npz;
    use crate::captures::systems::calibrated::{captures, numbers, values};
    use crate::spec::{Collect, Precision};
    use crate::witness::Witness;

    #[test]
    fn bins_are_those_of_numpy_bit_for_bit() {
        let folder = captures("onnxruntime/calibrators");
        let inputs = Npz::read(&folder.join("inputs.npz")).unwrap();
        for bins in [128, 2048] {
            let edges = Precision::F32;
            for (name, collect) in [
                ("entropy_sym0", Collect::Mirrored { bins, edges }),
                ("percentile_sym1", Collect::AbsFromLeast { bins }),
            ] {
                let npz = Npz::read(&folder.join(format!("{name}_bins{bins}_q128.npz"))).unwrap();
                let mut compared = 0;
                for input in npz.names().filter_map(|n| n.strip_suffix(".range")) {
                    let values = values(&inputs, input);
                    let batches: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
                    let bins = collected(collect, &batches, &mut Witness::default()).unwrap();
                    let of = |what: &str| numbers(&npz, &format!("{input}.{what}"));
                    assert!(bins.edges == of("edges"), "edges of {name} {input}");
                    assert!(bins.counts == of("hist"), "counts of {name} {input}");
                    compared += 1;
                }
                assert!(compared >= 20, "{name}: {compared}");
            }
        }
    }
}
