//! coremltools: linear quantization and uniform palettes of one weight.

use crate::captures::error::CaptureError;
use crate::captures::fake::{self, CODES, FACTORS, VALUES, ZERO_POINTS};
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::Found;
use crate::spec::{FakeParameters, LimitsRequest};

const ENGINE: &str = "coremltools";

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    match file.entry.file.split_once('/').map_or("", |(f, _)| f) {
        "linear" => linear(file, found),
        "palette" => palette(file, found),
        _ => Ok(()),
    }
}

/// Rows of `block` weights have a scale each: blocks lie along the last axis.
fn linear(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let symmetric = params.text("mode") == Some("linear_symmetric");
    let dtype = params.text("dtype").unwrap_or_default();
    let half = match dtype.ends_with('8') {
        true => 128,
        false => 16 / 2,
    };
    let narrow = i64::from(symmetric);
    let range = match dtype.starts_with('u') {
        true => (0, 2 * half - 1 - narrow),
        false => (-half + narrow, half - 1),
    };
    let of = |what: &str| format!("constexpr_blockwise_shift_scale.{what}");
    let inputs = file.beside("input.npz")?;
    let weight = inputs.array("w")?;
    let scales = file.array(&of("scale"))?;
    let rows = vec![scales.len(), weight.len() / scales.len().max(1)];
    let parameters = FakeParameters::Measured(LimitsRequest {
        symmetric,
        integral_zero_point: true,
    });
    let x = fake::reshaped(file, &weight.tensor()?, &rows)?;
    let problem = fake::plain(x, range, Some(0), parameters);
    let mut expected = vec![
        (
            CODES,
            fake::reshaped(file, &fake::floats(file.array(&of("data"))?)?, &rows)?,
        ),
        (
            VALUES,
            fake::reshaped(file, &file.array(&of("decompressed"))?.tensor()?, &rows)?,
        ),
        (FACTORS, fake::row(scales)?),
    ];
    if file.npz().has(&of("offset")) {
        expected.push((ZERO_POINTS, fake::row(file.array(&of("offset"))?)?));
    }
    let profile = "coremltools-linear";
    fake::solved(file, ("", ENGINE), profile, problem, expected, found)
}

/// The values are entries of the palette, which the reference computes for each index.
fn palette(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let bits = file.params().integer("nbits")?;
    let of = |what: &str| file.array(&format!("constexpr_lut_to_dense.{what}"));
    let inputs = file.beside("input.npz")?;
    let parameters = FakeParameters::Measured(LimitsRequest {
        symmetric: false,
        integral_zero_point: false,
    });
    let range = (0, (1 << bits.clamp(1, 8)) - 1);
    let problem = fake::plain(inputs.array("w")?.tensor()?, range, None, parameters);
    let expected = vec![
        (CODES, fake::floats(of("indices")?)?),
        (VALUES, of("decompressed")?.tensor()?),
    ];
    let profile = "coremltools-palette";
    fake::solved(file, ("", ENGINE), profile, problem, expected, found)
}
