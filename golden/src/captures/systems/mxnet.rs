//! MXNet: the entropy calibrator over 8001 bins, and its quantized operators,
//! whose tensors carry limits of real values instead of a scale.

use super::calibrated::{given, scalar, solved};
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::Array;
use crate::captures::problem::{self, Product};
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::DType;

const BINS: usize = 8001;
/// Quantized bins with a sign; without one, twice as many and one.
const GROUPS: usize = 255;

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    match file.entry.file.as_str() {
        "inputs.npz" => Ok(()),
        "entropy.npz" => entropy(file, found),
        "quantize.npz" => quantize(file, found),
        "qfc.npz" => fully_connected(file, found),
        "requantize.npz" => requantize(file, found),
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

const PROFILE: &str = "mxnet";
const ENGINE: &str = "onednn";

/// `NAME.i8` and `NAME.u8`: quantized between the limits of the input, the limits that the codes
/// carry, and the codes dequantized.
fn quantize(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let inputs = file.beside("inputs.npz")?;
    for array in file.npz().names() {
        let Some(part) = array.strip_suffix(".q") else {
            continue;
        };
        let (x, dtype) = match part.split_once('.') {
            Some((input, "i8")) => (inputs.array(input)?, DType::I8),
            Some((input, "u8")) => (inputs.array(input)?, DType::U8),
            // Quantized between −12.7 and 12.7.
            _ => (file.array("edge.x")?, DType::I8),
        };
        let codes = file.array(array)?.tensor()?;
        let range = format!("{part}.range");
        let limit = match file.npz().has(&range) {
            true => limit(file.array(&range)?)?,
            false => 12.7,
        };
        if limit == 0.0 {
            let values = codes.len() as u64 * 2;
            found.skip("quantize", values, "limits of 0 and 0 have no scale");
            continue;
        }
        let granularity = Granularity::PerTensor(QParams {
            scale: step(limit, dtype),
            zero_point: 0,
        });
        let mut v = Builder::new(
            file,
            array,
            problem::quantize(x.tensor()?, dtype, granularity, None),
        );
        v.output(ENGINE, PROFILE, 0, codes.clone())?;
        v.into(found);
        if part == "edge" {
            continue;
        }
        if dtype == DType::I8 {
            // The limits are made equal.
            let calibrator = Calibrator::AbsMax {
                axis: None,
                floor: 0.0,
            };
            let expected = vec![scalar(f64::from(limit))];
            solved(file, &range, calibrator, vec![x.tensor()?], expected)?.into(found);
        }
        // Dequantized, half a code lies beyond each limit.
        let half = if dtype == DType::I8 { 127.5 } else { 255.5 };
        let granularity = Granularity::PerTensor(QParams {
            scale: f64::from(limit / half),
            zero_point: 0,
        });
        let deq = format!("{part}.deq");
        let mut v = Builder::new(file, &deq, problem::dequantize(codes, granularity));
        v.output(ENGINE, PROFILE, 0, file.array(&deq)?.tensor()?)?;
        v.into(found);
    }
    Ok(())
}

/// The greater magnitude of two limits.
fn limit(range: &Array) -> Result<f32, CaptureError> {
    match range.floats()?.as_slice() {
        &[low, high] => Ok(low.abs().max(high.abs()) as f32),
        _ => Err(range.error("is no [least, greatest]")),
    }
}

/// The scale whose reciprocal is f32(codes) ⊘ limit, the number that MXNet multiplies by.
fn step(limit: f32, dtype: DType) -> f64 {
    let codes = if dtype == DType::I8 { 127.0 } else { 255.0f32 };
    let reciprocal = codes / limit;
    match reciprocal.is_finite() {
        true => 1.0 / f64::from(reciprocal),
        // Subnormal limits: infinite in f32 either way.
        false => f64::from(limit) / f64::from(codes),
    }
}

/// `_contrib_quantized_fully_connected` of s8 by s8 without bias, to sums.
fn fully_connected(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let steps = QParams {
        scale: 1.0,
        zero_point: 0,
    };
    let product = Product {
        activation: Activation::Quantized(Quantized {
            dtype: DType::I8,
            qparams: steps,
        }),
        weights: Granularity::PerTensor(steps),
        output: Output::Sums,
        relu: Relu::None,
    };
    let (x, w) = (file.array("x")?.tensor()?, file.array("w")?.tensor()?);
    let problem = problem::linear(file, x, w, None, product)?;
    let mut v = Builder::new(file, "y", problem);
    v.output(ENGINE, PROFILE, 0, file.array("y")?.tensor()?)?;
    v.into(found);
    let limits = file.entry.values(|array| array == "mn" || array == "mx");
    let reason = "limits of sums: those of the operands were not captured";
    found.skip("linear", limits, reason);
    Ok(())
}

/// `_contrib_requantize` of sums with limits to s8 between −1.5 and 1.5.
fn requantize(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let bounds = [file.array("in_min")?, file.array("in_max")?];
    let bounds = [bounds[0].floats()?, bounds[1].floats()?].concat();
    let greatest = bounds.iter().fold(0.0f64, |a, b| a.max(b.abs())) as f32;
    let x = file.array("x")?.tensor()?;
    let &[rows, columns] = x.shape() else {
        return Err(file.array("x")?.error("has not 2 dimensions"));
    };
    let spec = RequantizeSpec {
        rows,
        columns,
        dtype: DType::I8,
        zero_point: 0,
        multipliers: vec![(greatest / i32::MAX as f32) * (127.0 / 1.5f32)],
        relu: false,
    };
    let mut v = Builder::new(file, "q", problem::plain(OpSpec::Requantize(spec), vec![x]));
    v.output(ENGINE, PROFILE, 0, file.array("q")?.tensor()?)?;
    v.into(found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrators::collected;
    use crate::captures::npz::Npz;
    use crate::captures::systems::calibrated::{captures, numbers, values};
    use crate::witness::Witness;

    /// Where a profile takes f32 of the reciprocal of the scale, it finds MXNet's own number.
    #[test]
    fn a_scale_has_the_reciprocal_that_mxnet_multiplies_by() {
        for limit in [3.751_635f32, 12.7, 1e-30, 2.8e30, 0.73, f32::MIN_POSITIVE] {
            assert_eq!((1.0 / step(limit, DType::I8)) as f32, 127.0 / limit);
            assert_eq!((1.0 / step(limit, DType::U8)) as f32, 255.0 / limit);
        }
        assert_eq!((1.0 / step(3e-40, DType::I8)) as f32, f32::INFINITY);
        // The reciprocal of a scale in f32 is another number.
        assert_ne!(1.0 / (0.3f32 / 127.0), 127.0 / 0.3f32);
    }

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
