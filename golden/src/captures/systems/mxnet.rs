//! MXNet: the entropy calibrator over 8001 bins.

use super::calibrated::{given, scalar, solved};
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::Found;
use crate::spec::{Calibrator, Choose, Collect, Precision};

const BINS: usize = 8001;
/// Quantized bins with a sign; without one, twice as many and one.
const GROUPS: usize = 255;

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    match file.entry.file.as_str() {
        "inputs.npz" => Ok(()),
        "entropy.npz" => entropy(file, found),
        _ => {
            found.skip(
                "-",
                file.entry.values(|_| true),
                "no profile of this system yet",
            );
            Ok(())
        }
    }
}

/// `NAME.int8`, `.uint8`, `.auto`: least and greatest value, threshold, divergence.
fn entropy(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let inputs = file.beside("inputs.npz")?;
    let collect = Collect::Mirrored {
        bins: BINS,
        edges: Precision::F64,
    };
    for array in file.npz().names() {
        let (input, kind) = array.split_once('.').unwrap_or((array, ""));
        if matches!(kind, "hist" | "edges") {
            continue;
        }
        let &[min, _, threshold, divergence] = file.array(array)?.floats()?.as_slice() else {
            return Err(file
                .array(array)?
                .error("is no [min, max, threshold, divergence]"));
        };
        let groups = match min >= 0.0 && kind != "int8" {
            true => 2 * GROUPS + 1,
            false => GROUPS,
        };
        let choose = Choose::EntropySingle { groups };
        let calibrator = Calibrator::Histogram { collect, choose };
        let expected = vec![scalar(threshold), scalar(divergence)];
        solved(file, array, calibrator, given(&inputs, input)?, expected)?.into(found);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrators::collected;
    use crate::captures::npz::Npz;
    use crate::captures::systems::calibrated::{captures, numbers, values};
    use crate::witness::Witness;

    #[test]
    fn edges_are_computed_in_f64() {
        let folder = captures("mxnet");
        let inputs = Npz::read(&folder.join("inputs.npz")).unwrap();
        let npz = Npz::read(&folder.join("entropy.npz")).unwrap();
        for input in inputs.names() {
            let values = values(&inputs, input);
            let bins = |edges| {
                let collect = Collect::Mirrored { bins: BINS, edges };
                collected(collect, &[&values[0]], &mut Witness::default()).unwrap()
            };
            let of = |what: &str| numbers(&npz, &format!("{input}.{what}"));
            let exact = bins(Precision::F64);
            assert!(exact.edges == of("edges"), "edges of {input}");
            assert!(exact.counts == of("hist"), "counts of {input}");
            if input == "norm" {
                assert!(bins(Precision::F32).edges != of("edges"), "{input}");
            }
        }
    }
}
