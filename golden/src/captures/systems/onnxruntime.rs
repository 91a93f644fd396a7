//! ONNX Runtime and the onnx reference evaluator: QuantizeLinear,
//! DequantizeLinear, DynamicQuantizeLinear and the tools' scale functions.
//! Ops with weights and pointwise ops are in `onnxruntime_ops`.

use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::Array;
use crate::captures::problem::{self, flat, granularity};
use crate::captures::vector::{Builder, Found};
use crate::spec::{Granularity, QparamsRequest};
use crate::tensor::{DType, Data};

/// Arrays of an engine start with its name and a dot.
pub(super) const ENGINES: &[(&str, &str)] = &[
    ("ort", "onnxruntime-avx2"),
    ("ort_x64precise", "onnxruntime"),
    ("onnx_ref", "onnx-reference"),
];

const NO_TYPE: &str = "16-bit and 8-bit float codes: no such code type yet";
const CALIBRATOR_INPUTS: &str = "calibrators/inputs.npz";
const TOOLS: &str = "onnxruntime-tools";

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (kind, name) = file
        .entry
        .file
        .split_once('/')
        .unwrap_or(("", &file.entry.file));
    let outputs = || file.entry.values(|a| a.contains(".out"));
    match (kind, name.split('_').next().unwrap_or_default()) {
        ("quantize", "pt") if code_type(file.array("ort.out0")?).is_some() => {
            quantize(file, found)?
        }
        ("quantize", "pc") => per_axis(file, found)?,
        ("quantize", "blocked") => found.skip("quantize", outputs(), "blocks: no axis for them"),
        ("quantize", _) => found.skip("quantize", outputs(), NO_TYPE),
        ("dequantize", _) if code_type(file.array("q")?).is_some() => dequantize(file, found)?,
        ("dequantize", _) => found.skip("dequantize", outputs(), NO_TYPE),
        ("dynamic", _) => dynamic(file, found)?,
        ("qparams", "compute") => compute_scale_zp(file, found)?,
        ("qparams", _) => quantize_data(file, found)?,
        ("ops", _) => super::onnxruntime_ops::read(file, found)?,
        _ if name == "inputs.npz" => {}
        _ => found.skip(kind, file.entry.values(|_| true), "no reference op"),
    }
    Ok(())
}

/// The type of an array's codes, where there is such a type.
fn code_type(array: &Array) -> Option<DType> {
    array.dtype().filter(|dtype| dtype.code_range().is_some())
}

fn one_pair(file: &CapturedFile<'_>) -> Result<Granularity, CaptureError> {
    let params = file.params();
    let pair = problem::qparams(file, params.float("scale")?, params.integer("zero_point")?)?;
    Ok(Granularity::PerTensor(pair))
}

/// Output `from` of each engine in the file as output `to` of the problem.
fn outputs(
    v: &mut Builder<'_>,
    file: &CapturedFile<'_>,
    from: &str,
    to: usize,
) -> Result<(), CaptureError> {
    for (engine, profile) in ENGINES {
        let name = format!("{engine}.{from}");
        if file.npz().has(&name) {
            v.output(engine, profile, to, file.array(&name)?.tensor()?)?;
        }
    }
    Ok(())
}

fn quantize(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let dtype = problem::code_type(file.array("ort.out0")?)?;
    let range = Some((params.integer("qmin")?, params.integer("qmax")?));
    let x = file.array("x")?.tensor()?;
    let mut v = Builder::new(
        file,
        "",
        problem::quantize(x, dtype, one_pair(file)?, range),
    );
    outputs(&mut v, file, "out0", 0)?;
    v.into(found);
    Ok(())
}

fn dequantize(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let codes = file.array("q")?.tensor()?;
    let mut v = Builder::new(file, "", problem::dequantize(codes, one_pair(file)?));
    outputs(&mut v, file, "out0", 0)?;
    v.into(found);
    Ok(())
}

fn per_axis(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let axis = usize::try_from(file.params().integer("axis")?)
        .map_err(|_| file.problem("the channel axis must not be negative"))?;
    let channels = granularity(file, file.array("scales")?, file.array("zps")?, axis)?;
    let dtype = problem::code_type(file.array("zps")?)?;
    let x = file.array("x")?.tensor()?;
    let mut v = Builder::new(
        file,
        "q",
        problem::quantize(x, dtype, channels.clone(), None),
    );
    outputs(&mut v, file, "out0", 0)?;
    v.into(found);
    for (engine, profile) in ENGINES {
        // Each engine dequantizes the codes that it made itself.
        let (codes, reals) = (format!("{engine}.out0"), format!("{engine}.out1"));
        if file.npz().has(&reals) {
            let codes = file.array(&codes)?.tensor()?;
            let problem = problem::dequantize(codes, channels.clone());
            let mut v = Builder::new(file, "deq", problem);
            v.output(engine, profile, 0, file.array(&reals)?.tensor()?)?;
            v.into(found);
        }
    }
    Ok(())
}

const U8: QparamsRequest = QparamsRequest {
    dtype: DType::U8,
    range: None,
    symmetric: false,
    reduce_range: false,
};

/// DynamicQuantizeLinear: parameters from the values, then the codes under these parameters.
fn dynamic(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let x = file.array("x")?.tensor()?;
    let Data::F32(values) = x.data() else {
        return Err(file.array("x")?.error("is not f32"));
    };
    let mut v = Builder::new(file, "qparams", problem::choose_qparams(values.clone(), U8));
    let mut quantized = Vec::new();
    for (engine, profile) in ENGINES {
        let of = |index: usize| format!("{engine}.out{index}");
        if !file.npz().has(&of(1)) {
            continue;
        }
        let (scale, zero_point) = (
            file.array(&of(1))?.floats()?,
            file.array(&of(2))?.integers()?,
        );
        let (&[scale], &[zero_point]) = (scale.as_slice(), zero_point.as_slice()) else {
            return Err(file.array(&of(1))?.error("is no single scale"));
        };
        super::torch_observers::chosen(file, &mut v, engine, profile, scale, zero_point)?;
        let pair = Granularity::PerTensor(problem::qparams(file, scale, zero_point)?);
        let mut q = Builder::new(
            file,
            "q",
            problem::quantize(x.clone(), DType::U8, pair, None),
        );
        q.output(engine, profile, 0, file.array(&of(0))?.tensor()?)?;
        quantized.push(q);
    }
    v.into(found);
    quantized.into_iter().for_each(|q| q.into(found));
    Ok(())
}

/// The range of codes that the tools call by this name.
fn tool_type(name: &str) -> Option<(DType, Option<(i64, i64)>)> {
    match name {
        "u8" => Some((DType::U8, None)),
        "i8" => Some((DType::I8, None)),
        "u4" => Some((DType::U8, Some((0, 15)))),
        "i4" => Some((DType::I8, Some((-8, 7)))),
        _ => None,
    }
}

/// `compute_scale_zp(min, max, qmin, qmax, symmetric)`: `[scale, zp, qmin, qmax]`.
fn compute_scale_zp(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
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
        super::torch_observers::chosen(file, &mut v, "tools", TOOLS, scale, zero_point as i64)?;
        v.into(found);
    }
    if wide > 0 {
        found.skip("choose_qparams", wide, NO_TYPE);
    }
    Ok(())
}

/// `quantize_data(x, type, symmetric)`: the codes under the parameters that it chose.
fn quantize_data(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
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
