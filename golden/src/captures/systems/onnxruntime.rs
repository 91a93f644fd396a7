//! ONNX Runtime and the onnx reference evaluator: QuantizeLinear,
//! DequantizeLinear, DynamicQuantizeLinear. Ops with weights and pointwise ops
//! are in `onnxruntime_ops`, the Python tools in `onnxruntime_tools`.

use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::Array;
use crate::captures::problem::{self, granularity};
use crate::captures::vector::{Builder, Found};
use crate::spec::{Granularity, QparamsRequest};
use crate::tensor::{DType, Data};

/// Arrays of an engine start with its name and a dot.
pub(super) const ENGINES: &[(&str, &str)] = &[
    ("ort", "onnxruntime-avx2"),
    ("ort_x64precise", "onnxruntime"),
    ("onnx_ref", "onnx-reference"),
];

pub(super) const NO_TYPE: &str = "codes of a type that has no reference";

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
        ("quantize", "blocked") => super::onnxruntime_blocks::blocked(file, found)?,
        ("quantize", "fp8") => super::onnxruntime_blocks::floats(file, found)?,
        ("quantize", _) => found.skip("quantize", outputs(), NO_TYPE),
        ("dequantize", _) if code_type(file.array("q")?).is_some() => dequantize(file, found)?,
        ("dequantize", _) => found.skip("dequantize", outputs(), NO_TYPE),
        ("dynamic", _) => dynamic(file, found)?,
        ("qparams", "compute") => super::onnxruntime_tools::compute_scale_zp(file, found)?,
        ("qparams", _) => super::onnxruntime_tools::quantize_data(file, found)?,
        ("ops", _) => super::onnxruntime_ops::read(file, found)?,
        _ if name == "inputs.npz" => {}
        ("calibrators", _) => super::onnxruntime_calibrators::read(file, found)?,
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
