//! ONNX Runtime's Python tools: scale and zero point of weights and ranges, and
//! the codes under them.

use super::onnxruntime::NO_TYPE;
use super::torch_observers::chosen;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem::{self, flat};
use crate::captures::vector::{Builder, Found};
use crate::spec::{Granularity, QparamsRequest};
use crate::tensor::{DType, Data};

const CALIBRATOR_INPUTS: &str = "calibrators/inputs.npz";
const TOOLS: &str = "onnxruntime-tools";

/// A file of onnxruntime-tools.
pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let name = &file.entry.file;
    let values = || file.entry.values(|a| a != "x" && a != "w");
    if name.ends_with("min_real_range.npz") {
        least_range(file, found)?;
    } else if name.starts_with("models/") {
        super::onnxruntime_models::read(file, found)?;
    } else if name.starts_with("quantize_data/") {
        weights(file, found)?;
    } else if name == "blocked.npz" {
        super::onnxruntime_blocks::blocked_qparams(file, found)?;
    } else if name.starts_with("nbits/") {
        super::onnxruntime_blocks::packed(file, found)?;
    } else {
        let op = file.entry.op.as_deref().unwrap_or("-");
        found.skip(op.trim_start_matches("ort."), values(), "no reference op");
    }
    Ok(())
}

/// `<type>_sym<0|1>_red<0|1>.{scale,zp,q}` of one tensor.
fn weights(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let x = file.array("x")?.tensor()?;
    let Data::F32(values) = x.data() else {
        return Err(file.array("x")?.error("is not f32"));
    };
    let mut wide = 0;
    for part in file.npz().names().filter_map(|n| n.strip_suffix(".scale")) {
        let of = |what: &str| file.array(&format!("{part}.{what}"));
        let mut words = part.split('_');
        let kind = words.next().unwrap_or_default();
        let Some((dtype, whole)) = tool_type(kind) else {
            wide += 2;
            continue;
        };
        let (symmetric, reduced) = (words.next() == Some("sym1"), words.next() == Some("red1"));
        let (scale, zero_point) = (of("scale")?.floats()?, of("zp")?.integers()?);
        let (&[scale], &[zero_point]) = (scale.as_slice(), zero_point.as_slice()) else {
            return Err(of("scale")?.error("is no single scale"));
        };
        let request = QparamsRequest {
            dtype,
            range: Some(narrowed(kind, symmetric, reduced)),
            symmetric,
            reduce_range: false,
        };
        let mut v = Builder::new(file, part, problem::choose_qparams(values.clone(), request));
        chosen(file, &mut v, "tools", TOOLS, scale, zero_point)?;
        v.into(found);
        // A zero point outside the type leaves no codes.
        if file.npz().has(&format!("{part}.q")) {
            let pair = Granularity::PerTensor(problem::qparams(file, scale, zero_point)?);
            let x = flat(x.data().clone());
            // 4-bit codes of either sign are stored as s8.
            let codes = problem::code_type(of("q")?)?;
            let problem = problem::quantize(x, codes, pair, whole);
            let mut v = Builder::new(file, &format!("{part}.q"), problem);
            v.output("tools", TOOLS, 0, of("q")?.tensor()?)?;
            v.into(found);
        }
    }
    if wide > 0 {
        found.skip("choose_qparams", wide, NO_TYPE);
    }
    Ok(())
}

/// `<type>_sym<0|1>_<least range>.{scale,zp,q}`: the codes under scales of a range that was
/// widened to a least one.
fn least_range(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let x = file.array("x")?.tensor()?;
    for part in file.npz().names().filter_map(|n| n.strip_suffix(".q")) {
        let of = |what: &str| file.array(&format!("{part}.{what}"));
        let q = of("q")?;
        let steps = problem::granularity(file, of("scale")?, of("zp")?, 0)?;
        let problem = problem::quantize(x.clone(), problem::code_type(q)?, steps, None);
        let mut v = Builder::new(file, &format!("{part}.q"), problem);
        v.output("tools", TOOLS, 0, q.tensor()?)?;
        v.into(found);
        let reason = "a least range of real values: no axis for it";
        found.skip("choose_qparams", 2, reason);
    }
    Ok(())
}

/// The range of codes from which the tools choose a scale.
pub(super) fn narrowed(kind: &str, symmetric: bool, reduced: bool) -> (i64, i64) {
    match (kind, symmetric, reduced) {
        ("u8", _, true) => (0, 127),
        ("u8", _, false) => (0, 255),
        ("i8", _, true) => (-64, 64),
        ("i8", true, false) => (-127, 127),
        ("i8", false, false) => (-128, 127),
        ("u16", _, true) => (0, 32_767),
        ("u16", _, false) => (0, 65_535),
        ("i16", _, true) => (-16_384, 16_384),
        ("i16", true, false) => (-32_767, 32_767),
        ("i16", false, false) => (-32_768, 32_767),
        ("u4", _, true) => (0, 7),
        ("u4", _, false) => (0, 15),
        (_, _, true) => (-4, 3),
        _ => (-8, 7),
    }
}

/// The range of codes that the tools call by this name.
pub(super) fn tool_type(name: &str) -> Option<(DType, Option<(i64, i64)>)> {
    match name {
        "u8" => Some((DType::U8, None)),
        "i8" => Some((DType::I8, None)),
        "u16" => Some((DType::U16, None)),
        "i16" => Some((DType::I16, None)),
        "u4" => Some((DType::U8, Some((0, 15)))),
        "i4" => Some((DType::I8, Some((-8, 7)))),
        _ => None,
    }
}

/// `compute_scale_zp(min, max, qmin, qmax, symmetric)`: `[scale, zp, qmin, qmax]`.
pub(super) fn compute_scale_zp(
    file: &CapturedFile<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let inputs = file.beside(CALIBRATOR_INPUTS)?;
    let mut wide = 0;
    for name in file.npz().names() {
        let values = file.array(name)?.floats()?;
        let (&[tensor, kind, sym, _], &[scale, zero_point, qmin, qmax]) = (
            name.split('.').collect::<Vec<_>>().as_slice(),
            values.as_slice(),
        ) else {
            return Err(file
                .array(name)?
                .error("is no [scale, zp, qmin, qmax] of a known name"));
        };
        let Some((dtype, _)) = tool_type(kind) else {
            wide += 2;
            continue;
        };
        let x = inputs.array(tensor)?.tensor()?;
        let Data::F32(x) = x.data() else {
            return Err(inputs.array(tensor)?.error("is not f32"));
        };
        // The range says what reduce_range made of it; the tools compute it before.
        let request = QparamsRequest {
            dtype,
            range: Some((qmin as i64, qmax as i64)),
            symmetric: sym == "sym1",
            reduce_range: false,
        };
        let mut v = Builder::new(file, name, problem::choose_qparams(x.clone(), request));
        chosen(file, &mut v, "tools", TOOLS, scale, zero_point as i64)?;
        v.into(found);
    }
    if wide > 0 {
        found.skip("choose_qparams", wide, NO_TYPE);
    }
    Ok(())
}

/// `quantize_data(x, type, symmetric)`: the codes under the parameters that it chose.
pub(super) fn quantize_data(
    file: &CapturedFile<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let inputs = file.beside(CALIBRATOR_INPUTS)?;
    for name in file.npz().names().filter_map(|n| n.strip_suffix(".q")) {
        let values = file.array(&format!("{name}.params"))?.floats()?;
        let parts: Vec<&str> = name.split('.').collect();
        let (&[tensor, _, _], Some((dtype, _))) = (
            parts.as_slice(),
            parts.get(1).and_then(|kind| tool_type(kind)),
        ) else {
            return Err(file.problem(format!("`{name}` is no tensor.type.symmetry")));
        };
        let x = inputs.array(tensor)?.tensor()?;
        let q = file.array(&format!("{name}.q"))?;
        let &[zero_point, scale] = values.as_slice() else {
            return Err(file.problem(format!("`{name}.params` is no [zero point, scale]")));
        };
        let zero_point = zero_point as i64;
        let pair = Granularity::PerTensor(problem::qparams(file, scale, zero_point)?);
        let mut v = Builder::new(
            file,
            name,
            problem::quantize(flat(x.data().clone()), dtype, pair, None),
        );
        v.output("tools", TOOLS, 0, q.tensor()?)?;
        v.into(found);
    }
    Ok(())
}
