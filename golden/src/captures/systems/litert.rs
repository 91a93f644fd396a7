//! LiteRT, and TensorFlow Lite before it: outputs of the reference kernels, the
//! optimized kernels, and the XNNPACK delegate, which leaves to the optimized
//! kernels what it does not know.

use super::litert_ops::{self as ops, Unread};
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::{Builder, Found, Uncovered};
use crate::tensor::DType;

/// Ops with weights.
const OF_PRODUCTS: [&str; 5] = [
    "FULLY_CONNECTED",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "TRANSPOSE_CONV",
    "BATCH_MATMUL",
];
/// Why the reference kernel of SUM shows no sum of signed codes.
const READ_AS_U8: &str =
    "the reference kernel reads signed codes as u8 (reduce.cc, QuantizedMeanOrSum)";
const REFERENCE: &str = "litert-reference";
const OPTIMIZED: &str = "litert-optimized";
const XNNPACK: &str = "xnnpack-fp32";
/// The system whose delegate takes every product of two run-time matrices.
const TENSORFLOW: &str = "tf-2.21-lite";

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (kind, name) = (file.entry.file)
        .split_once('/')
        .unwrap_or(("", &file.entry.file));
    let name = name.trim_end_matches(".npz");
    let op = ops::name(name);
    let problem = match ops::problem(file, kind, name, op) {
        Ok(problem) => problem,
        Err(Unread::Skipped(why)) => {
            let values = file.entry.values(|array| array.starts_with("out_"));
            found.skip(if op.is_empty() { kind } else { op }, values, why);
            return Ok(());
        }
        Err(Unread::Error(error)) => return Err(error),
    };
    let mut v = Builder::new(file, "", problem);
    for (engine, array) in [
        ("reference", "out_ref"),
        ("optimized", "out_opt"),
        ("xnnpack", "out_xnnpack"),
    ] {
        if file.npz().has(array) && engine == "reference" && name.starts_with("SUM_i") {
            found.uncovered.push(Uncovered {
                op: op.to_owned(),
                engine: engine.to_owned(),
                values: file.entry.values(|a| a == array),
                reason: READ_AS_U8.to_owned(),
            });
        } else if file.npz().has(array) {
            let values = file.array(array)?.tensor()?;
            v.output(engine, profile(file, engine, kind, name, op)?, 0, values)?;
        }
    }
    v.into(found);
    Ok(())
}

/// Whose arithmetic `engine` shows.
fn profile(
    file: &CapturedFile<'_>,
    engine: &str,
    kind: &str,
    name: &str,
    op: &str,
) -> Result<&'static str, CaptureError> {
    Ok(match engine {
        "reference" => REFERENCE,
        "xnnpack" if delegated(file, kind, name, op)? => XNNPACK,
        // On 16-bit activations the optimized kernels are the reference's.
        _ if OF_PRODUCTS.contains(&op) && name.contains("_i16") => REFERENCE,
        // One channel is no group of its own here: a convolution, in the depthwise kernel's arithmetic.
        _ if name.starts_with("DEPTHWISE_CONV_2D_ties") => REFERENCE,
        // The output stage of the optimized u8 depthwise kernel is that of the reference.
        _ if op == "DEPTHWISE_CONV_2D" && name.contains("_u8u8") => REFERENCE,
        _ => OPTIMIZED,
    })
}

/// Whether XNNPACK ran the op: of quantized ones, those on 8-bit codes that it has.
fn delegated(
    file: &CapturedFile<'_>,
    kind: &str,
    name: &str,
    op: &str,
) -> Result<bool, CaptureError> {
    let codes = if kind == "quantize" {
        "out_xnnpack"
    } else {
        "in0"
    };
    let dtype = file.array(codes)?.dtype();
    if dtype == Some(DType::F32) {
        return Ok(!name.contains("_i4"));
    }
    if !matches!(dtype, Some(DType::U8 | DType::I8)) || name.contains("i8i4") {
        return Ok(false);
    }
    Ok(match (kind, op) {
        ("quantize" | "dequantize", _) => true,
        // Between codes of 8 bits of one type.
        ("requantize", _) => Some(file.array("out_ref")?.dtype()) == Some(dtype),
        ("ops", "DEPTHWISE_CONV_2D") => dtype == Some(DType::I8),
        (
            "ops",
            "FULLY_CONNECTED" | "CONV_2D" | "ADD" | "MUL" | "SUB" | "MAX_POOL_2D" | "LOGISTIC"
            | "TANH" | "LEAKY_RELU" | "MEAN" | "SUM" | "TRANSPOSE_CONV",
        ) => true,
        // LiteRT leaves to the kernels what XNNPACK computes wrongly.
        ("ops", "BATCH_MATMUL") => {
            let (_, zero_point) = file.params().pair("b")?;
            zero_point == 0 || file.folder.manifest.system == TENSORFLOW
        }
        _ => false,
    })
}
