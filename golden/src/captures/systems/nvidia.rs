//! NVIDIA's pytorch-quantization toolkit: calibrators. Histograms are counted by
//! torch (the default); what entropy and percentile choose is checked.

use super::calibrated::one;
use crate::captures::error::CaptureError;
use crate::captures::fake;
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::Found;
use crate::spec::{Calibrator, Choose, Collect};

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    match file.entry.file.as_str() {
        "inputs.npz" => Ok(()),
        "max.npz" => max(file, found),
        name if name.starts_with("hist_") => histogram(file, found),
        _ => fake_tensor_quant(file, found),
    }
}

/// `<kind>.x`, `.amax`, `.y`, `.q` and `.scale`, for kinds of codes.
fn fake_tensor_quant(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    for kind in file.npz().names().filter_map(|n| n.strip_suffix(".x")) {
        let of = |what: &str| file.array(&format!("{kind}.{what}"));
        let range = match kind {
            "i8w" => (-128, 127),
            "u8" => (0, 255),
            "i4" => (-7, 7),
            _ => (-127, 127),
        };
        let threshold = of("amax")?;
        let &[amax] = threshold.floats()?.as_slice() else {
            return Err(threshold.error("is no single threshold"));
        };
        let limits = fake::limits((-amax, amax), true);
        let problem = fake::plain(of("x")?.tensor()?, range, None, limits);
        let expected = vec![
            (fake::VALUES, of("y")?.tensor()?),
            (fake::CODES, fake::floats(of("q")?)?),
            (fake::FACTORS, fake::row(of("scale")?)?),
        ];
        let profile = "nvidia-fake-quantize";
        fake::solved(file, (kind, "torch"), profile, problem, expected, found)?;
    }
    Ok(())
}

fn max(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    for array in file.npz().names() {
        let (input, axis) = match array.split_once(".ax") {
            None => (array, None),
            Some((input, axis)) => {
                let axis = axis.parse();
                let axis = axis.map_err(|_| file.problem(format!("`{array}` names no axis")))?;
                (input, Some(axis))
            }
        };
        let calibrator = Calibrator::AbsMax { axis, floor: 0.0 };
        one(file, (array, input), calibrator, found)?;
    }
    Ok(())
}

fn histogram(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let size = |name: &str| -> Result<usize, CaptureError> {
        let value = params.integer(name)?;
        usize::try_from(value).map_err(|_| params.error(name, "is negative".into()))
    };
    let collect = Collect::AbsFromZero {
        bins: size("num_bins")?,
    };
    let sign = usize::from(!params.flag("unsigned")?);
    let groups = 1 << (size("num_bits")? - sign);
    for array in file.npz().names() {
        let (input, what) = array.split_once('.').unwrap_or((array, ""));
        let choose = match what {
            "entropy" => Choose::EntropyOfMeans {
                groups,
                start_bin: 128,
                stride: 1,
            },
            // Counts and edges decide what is chosen; a test holds them to the collector.
            "hist" | "edges" => continue,
            _ => {
                let percent = what.strip_prefix("percentile").and_then(|p| p.parse().ok());
                let percent = percent
                    .ok_or_else(|| file.problem(format!("`{array}` is of no known kind")))?;
                Choose::Percentile { percent }
            }
        };
        one(
            file,
            (array, input),
            Calibrator::Histogram { collect, choose },
            found,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::calibrators::collected;
    use crate::captures::npz::Npz;
    use crate::captures::systems::calibrated::{captures, values};
    use crate::spec::Collect;
    use crate::witness::Witness;

    #[test]
    fn bins_are_those_of_torch_bit_for_bit() {
        let folder = captures("nvidia-pytorch-quantization");
        let inputs = Npz::read(&folder.join("inputs.npz")).unwrap();
        for (name, bins) in [("hist_b8_bins2048_u0", 2048), ("hist_b8_bins128_u0", 128)] {
            let npz = Npz::read(&folder.join(format!("{name}.npz"))).unwrap();
            for input in ["norm", "relu", "outlier", "laplace", "exp", "batches"] {
                let values = values(&inputs, input);
                let batches: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
                let collect = Collect::AbsFromZero { bins };
                let bins = collected(collect, &batches, &mut Witness::default()).unwrap();
                let of = |what: &str| {
                    let array = npz.array(&format!("{input}.{what}")).unwrap();
                    array.floats().unwrap()
                };
                assert!(bins.counts == of("hist"), "{name} {input}");
                assert!(bins.edges == of("edges"), "{name} {input}");
            }
        }
    }
}
