//! torchao: affine primitives on blocks, and what its configurations make of a
//! layer's weights.

use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::narrow::InBlocks;
use crate::captures::problem::{self, choose_qparams, code_type, plain};
use crate::captures::vector::{Builder, Found};
use crate::ops::{ReferenceError, reference};
use crate::profile::named;
use crate::spec::{
    Constants, Granularity, LinearBlocksSpec, OpSpec, Problem, QparamsRequest, RoundTripSpec,
    RowActivation,
};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

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
        "configs" => configuration(file, name.trim_end_matches(".npz"), found),
        "pt2e" => exported(file, found),
        _ => {
            found.skip(kind, file.entry.values(|_| true), "no reference op");
            Ok(())
        }
    }
}

const WHOLE: &str = "whole exported networks in f32: only their last output is captured";
const UNTOUCHED: &str = "this configuration left the captured layer as it was: its weights are the float ones, bit for bit";

/// What a configuration makes of a linear layer: its weights after the round
/// trip, and the output.
fn configuration(
    file: &CapturedFile<'_>,
    name: &str,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let (x, w) = (file.array("x")?.tensor()?, file.array("w")?.tensor()?);
    let (&[m, k], &[n, _]) = (x.shape(), w.shape()) else {
        return Err(file.problem("x and w of a linear must be matrices"));
    };
    // Type of the codes, values that share a scale, profile, what becomes of activations.
    let (codes, block, profile, activation) = match name {
        "Int8WeightOnlyConfig" => (DType::I8, k, "torchao", RowActivation::FloatTimesCodes),
        "IntxWeightOnlyConfig" => (DType::I8, k, "torchao", RowActivation::Float),
        "Int8DynamicActivationInt8WeightConfig" => {
            let rows = RowActivation::Quantized(DType::I8);
            (DType::I8, k, "torchao", rows)
        }
        "Int8DynamicActivationIntxWeightConfig" => {
            let rows = RowActivation::RoundTrip(DType::I8);
            (DType::I8, 32, "torchao", rows)
        }
        "Float8WeightOnlyConfig" => {
            let codes = DType::F8E4M3FN;
            (codes, k, "torchao-float8", RowActivation::Float)
        }
        _ => {
            found.skip(
                name,
                file.entry.values(|a| matches!(a, "y" | "wdeq")),
                UNTOUCHED,
            );
            return Ok(());
        }
    };
    let trip = RoundTripSpec {
        shape: w.shape().to_vec(),
        block: vec![1, block],
        codes,
        range: None,
        symmetric: true,
    };
    let problem = plain(OpSpec::RoundTrip(trip.clone()), vec![w.clone()]);
    let mut v = Builder::new(file, "weights", problem);
    v.output(ENGINE, profile, 0, file.array("wdeq")?.tensor()?)?;
    v.into(found);
    // The captured weights are real; their codes are those of the checked round trip.
    let (scales, weights) = weight_codes(file, trip, &w, profile)?;
    let spec = LinearBlocksSpec {
        m,
        n,
        k,
        block,
        codes,
        scale: DType::F32,
        zero_point: None,
        activation,
        bias: true,
    };
    let problem = Problem {
        op: OpSpec::LinearBlocks(spec),
        constants: Constants {
            weights: Some(weights),
            bias: Some(file.array("b")?.tensor()?),
        },
        inputs: vec![x, scales],
    };
    let mut v = Builder::new(file, "", problem);
    v.output(ENGINE, profile, 0, file.array("y")?.tensor()?)?;
    v.into(found);
    Ok(())
}

/// Codes and scales of captured dequantized weights: every weight is a code times the scale
/// that its block gets in the round trip.
fn weight_codes(
    file: &CapturedFile<'_>,
    trip: RoundTripSpec,
    w: &Tensor,
    profile: &str,
) -> Result<(Tensor, Tensor), CaptureError> {
    let profile = &named::find(profile).expect("a named profile").profile;
    let (block, dtype) = (trip.block[1], trip.codes);
    let problem = plain(OpSpec::RoundTrip(trip), vec![w.clone()]);
    let fail = |e: ReferenceError| file.problem(e.to_string());
    let outputs = reference(&problem, profile, &mut Witness::default()).map_err(fail)?;
    let real = file.array("wdeq")?.tensor()?;
    let scales = &outputs[1];
    let steps =
        (0..real.len()).map(|index| real.data().real(index) / scales.data().real(index / block));
    let codes = match dtype.float_format() {
        Some(format) => {
            let bits = steps.map(|steps| {
                let sign = if steps < 0.0 { format.sign_bit() } else { 0 };
                (sign | format.nearest(steps.abs())) as u16
            });
            Data::from_bits(dtype, bits)
        }
        None => {
            let codes = steps.map(|steps| (steps.round_ties_even() as i64).clamp(-128, 127));
            Data::from_codes(dtype, codes.collect::<Vec<_>>())
        }
    };
    let codes = Tensor::new(w.shape(), codes).map_err(|e| file.problem(e.to_string()))?;
    Ok((scales.clone(), codes))
}

/// The export path: scales of weights and the weights' codes.
fn exported(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    for (number, weights) in ["c_weight", "l_weight"].into_iter().enumerate() {
        let w = file.array(weights)?.tensor()?;
        let Data::F32(values) = w.data() else {
            return Err(file.array(weights)?.error("is not f32"));
        };
        let per_channel = format!("_scale_{number}");
        let (scales, range, parts) = if file.npz().has(&per_channel) {
            let row = w.len() / w.shape().first().copied().unwrap_or(1).max(1);
            let rows = values.chunks(row.max(1)).map(<[f32]>::to_vec).collect();
            (file.array(&per_channel)?.floats()?, None, rows)
        } else {
            let scale = exported_scale(file, number)?;
            (vec![scale], Some((-127, 127)), vec![values.clone()])
        };
        let request = QparamsRequest {
            dtype: DType::I8,
            range,
            symmetric: true,
            reduce_range: false,
        };
        let parts: Vec<Vec<f32>> = parts;
        if parts.len() != scales.len() {
            return Err(file
                .array(weights)?
                .error("has not one scale for each channel"));
        }
        for (channel, (part, &scale)) in parts.into_iter().zip(&scales).enumerate() {
            let name = format!("{weights}[{channel}]");
            let mut v = Builder::new(file, &name, choose_qparams(part, request));
            super::torch_observers::chosen(file, &mut v, ENGINE, "pytorch-pt2e", scale, 0)?;
            v.into(found);
        }
        let pairs = (scales.iter())
            .map(|&scale| problem::qparams(file, scale, 0))
            .collect::<Result<Vec<_>, _>>()?;
        let granularity = match pairs.as_slice() {
            &[pair] => Granularity::PerTensor(pair),
            _ => Granularity::PerChannel {
                axis: 0,
                qparams: pairs,
            },
        };
        let codes = file.array(&format!("_frozen_param{number}"))?.tensor()?;
        let quantize = problem::quantize(w, DType::I8, granularity, range);
        let mut v = Builder::new(file, &format!("{weights}.codes"), quantize);
        v.output(ENGINE, "pytorch-pt2e", 0, codes)?;
        v.into(found);
    }
    found.skip("pt2e output", file.entry.values(|a| a == "y"), WHOLE);
    Ok(())
}

/// The scale of node `number` of the exported graph, from the manifest.
fn exported_scale(file: &CapturedFile<'_>, number: usize) -> Result<f64, CaptureError> {
    let params = file.params();
    let nodes = params.get("nodes")?;
    let text = nodes.get(number).and_then(|node| node.get(0)?.as_str());
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| params.error("nodes", format!("gives no scale for node {number}")))
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
