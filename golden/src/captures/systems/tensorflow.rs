//! TensorFlow: fake quantization, QuantizeV2, QuantizeAndDequantizeV2, and the
//! quantizers of its model optimization toolkit.

use crate::captures::error::CaptureError;
use crate::captures::fake::{self, CODES, VALUES};
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::Found;
use crate::spec::{FakeParameters, LimitsRequest};

const ENGINE: &str = "tensorflow";
const REQUEST: LimitsRequest = LimitsRequest {
    symmetric: false,
    integral_zero_point: true,
};

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let name = file.entry.file.as_str();
    match name.split_once('/').map_or(name, |(folder, _)| folder) {
        "fakequant" if file.npz().has("min") => per_channel(file, found),
        "fakequant" => args(file, found),
        "quantizeV2" => quantize_v2(file, found),
        "tfmot_quantizers.npz" => toolkit(file, found),
        "qdq_v2_HALF_TO_EVEN.npz" => both(file, "tensorflow-scaled-even", found),
        "qdq_v2_HALF_UP.npz" => both(file, "tensorflow-scaled-up", found),
        "qkeras.npz" => {
            let reason = "parameters are in names only: qkeras-0.9.0 has the same quantizers";
            found.skip("qkeras", file.entry.values(|a| a != "x"), reason);
            Ok(())
        }
        other => {
            found.skip(other, file.entry.values(|_| true), "no reference op");
            Ok(())
        }
    }
}

fn args(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let bits = params.integer("num_bits")?;
    let range = (
        i64::from(params.flag("narrow_range")?),
        (1 << bits.clamp(1, 16)) - 1,
    );
    let limits = fake::limits((params.float("min")?, params.float("max")?), false);
    let problem = fake::plain(file.array("x")?.tensor()?, range, None, limits);
    let expected = vec![(VALUES, file.array("y")?.tensor()?)];
    let profile = "tensorflow-fake-quant";
    fake::solved(file, ("", ENGINE), profile, problem, expected, found)
}

/// Limits from arrays: one pair, or one for each index of the last axis.
fn limits_of(
    file: &CapturedFile<'_>,
    (least, greatest): (&str, &str),
) -> Result<FakeParameters, CaptureError> {
    let least = file.array(least)?.floats()?;
    let greatest = file.array(greatest)?.floats()?;
    Ok(FakeParameters::Limits {
        limits: least.into_iter().zip(greatest).collect(),
        request: REQUEST,
    })
}

fn per_channel(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let x = file.array("x")?.tensor()?;
    let axis = x.shape().len().checked_sub(1);
    let problem = fake::plain(x, (0, 255), axis, limits_of(file, ("min", "max"))?);
    let expected = vec![(VALUES, file.array("y")?.tensor()?)];
    let profile = "tensorflow-fake-quant";
    fake::solved(file, ("", ENGINE), profile, problem, expected, found)
}

/// Captured with the range of signed 8-bit codes in steps of 0.1.
fn both(
    file: &CapturedFile<'_>,
    profile: &'static str,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let limits = fake::limits((-12.8, 12.7), false);
    let problem = fake::plain(file.array("x")?.tensor()?, (-128, 127), None, limits);
    let expected = vec![(VALUES, file.array("y")?.tensor()?)];
    fake::solved(file, ("", ENGINE), profile, problem, expected, found)
}

fn quantize_v2(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let even = params.text("round") == Some("HALF_TO_EVEN");
    let profile = match params.text("mode") {
        Some("MIN_COMBINED") => "tensorflow-min-combined",
        Some("MIN_FIRST") => "tensorflow-min-first",
        Some("SCALED") if even => "tensorflow-scaled-even",
        Some("SCALED") => "tensorflow-scaled-away",
        _ => return Err(file.problem("names no known mode")),
    };
    let codes = file.array("q")?;
    let range = codes.dtype().and_then(|dtype| dtype.code_range());
    let range = range.ok_or_else(|| codes.error("holds no codes"))?;
    let x = file.array("x")?.tensor()?;
    let problem = fake::plain(x, range, None, limits_of(file, ("mn", "mx"))?);
    let expected = vec![(CODES, fake::floats(codes)?)];
    fake::solved(file, ("", ENGINE), profile, problem, expected, found)
}

/// Batches `<quantizer>.<n>.x`, with the range after each.
fn toolkit(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let parts = file.npz().names().filter_map(|n| n.strip_suffix(".x"));
    for part in parts {
        let name = |what: &str| format!("{part}.{what}");
        let limits = limits_of(file, (&name("min_var"), &name("max_var")))?;
        let x = file.array(&name("x"))?.tensor()?;
        let per_channel = part.contains("_pc.");
        let axis = x.shape().len().checked_sub(1).filter(|_| per_channel);
        let range = (i64::from(part.contains("_narrow")), 255);
        let problem = fake::plain(x, range, axis, limits);
        let expected = vec![(VALUES, file.array(&name("y"))?.tensor()?)];
        let profile = match per_channel {
            true => "tensorflow-fake-quant",
            false => "tensorflow-fake-quant-vars",
        };
        fake::solved(file, (part, "tfmot"), profile, problem, expected, found)?;
    }
    let ranges = file.entry.values(|a| a.ends_with("_var"));
    let reason = "ranges of the toolkit: they are given here";
    found.skip("observe", ranges, reason);
    Ok(())
}
