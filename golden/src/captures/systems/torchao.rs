//! torchao: affine primitives on blocks, and what its configurations make of a
//! layer's weights.

use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::narrow::InBlocks;
use crate::captures::problem::{choose_qparams, code_type};
use crate::captures::vector::{Builder, Found};
use crate::spec::QparamsRequest;
use crate::tensor::{DType, Data, Tensor};

const ENGINE: &str = "torchao";

/// A file of torchao.
pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (kind, name) = file
        .entry
        .file
        .split_once('/')
        .unwrap_or(("", &file.entry.file));
    match kind {
        "affine" => affine(file, found),
        _ => {
            let values = file.entry.values(|a| !matches!(a, "x" | "w" | "b"));
            found.skip(name.trim_end_matches(".npz"), values, "no reference op");
            Ok(())
        }
    }
}

/// choose_qparams_affine for each block, then quantize_affine and dequantize_affine.
fn affine(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let mapping = params.text("mapping").unwrap_or_default();
    let profile = match mapping {
        "SYMMETRIC" | "ASYMMETRIC" => "torchao",
        "SYMMETRIC_NO_CLIPPING_ERR" => "torchao-no-clipping",
        other => return Err(file.problem(format!("`{other}` is no mapping type"))),
    };
    let x = file.array("x")?.tensor()?;
    let (scale, zero) = (file.array("scale")?, file.array("zp")?);
    let codes = file.array("q")?;
    let dtype = code_type(codes)?;
    let range = (params.integer("qmin")?, params.integer("qmax")?);
    let block = params.sizes("block")?;
    let request = QparamsRequest {
        dtype,
        range: Some(range),
        symmetric: mapping != "ASYMMETRIC",
        reduce_range: false,
    };
    let (scales, zeros) = (scale.floats()?, zero.integers()?);
    let parts = blocks(file, &x, &block)?;
    if parts.len() != scales.len() || parts.len() != zeros.len() {
        return Err(scale.error(format!(
            "has not one entry for each of {} blocks",
            parts.len()
        )));
    }
    for (number, values) in parts.into_iter().enumerate() {
        let part = format!("block{number}");
        let mut v = Builder::new(file, &part, choose_qparams(values, request));
        super::torch_observers::chosen(
            file,
            &mut v,
            ENGINE,
            profile,
            scales[number],
            zeros[number],
        )?;
        v.into(found);
    }
    let in_blocks = |values: Tensor| -> Result<InBlocks, CaptureError> {
        Ok(InBlocks {
            values,
            scales: scale.tensor()?,
            zero_points: Some(zero.tensor()?),
            block: block.clone(),
        })
    };
    let problem = in_blocks(x)?.quantize(scale, dtype, Some(range), false)?;
    let mut v = Builder::new(file, "q", problem);
    v.output(ENGINE, profile, 0, codes.tensor()?)?;
    v.into(found);
    let problem = in_blocks(codes.tensor()?)?.dequantize(scale, DType::F32)?;
    let mut v = Builder::new(file, "deq", problem);
    v.output(ENGINE, profile, 0, file.array("deq")?.tensor()?)?;
    v.into(found);
    Ok(())
}

/// The values of each block of a matrix, in the order of scales.
pub(super) fn blocks(
    file: &CapturedFile<'_>,
    x: &Tensor,
    block: &[usize],
) -> Result<Vec<Vec<f32>>, CaptureError> {
    let (&[rows, columns], &[height, width], Data::F32(values)) = (x.shape(), block, x.data())
    else {
        return Err(file.problem("blocks are cut from an f32 matrix"));
    };
    if height == 0 || width == 0 {
        return Err(file.problem("blocks must not be empty"));
    }
    let mut parts = Vec::new();
    for top in (0..rows).step_by(height) {
        for left in (0..columns).step_by(width) {
            let rows = top..rows.min(top + height);
            let part = rows.flat_map(|row| {
                &values[row * columns + left..row * columns + columns.min(left + width)]
            });
            parts.push(part.copied().collect());
        }
    }
    Ok(parts)
}
