//! ONNX Runtime on narrow types: QuantizeLinear to 8-bit floats, blocks of 4-bit
//! codes, and weights that its tools pack in blocks of 2, 4 and 8 bits.

use super::onnxruntime::ENGINES;
use super::onnxruntime_tools::narrowed;
use super::torch_observers::chosen;
use super::torchao::blocks;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::narrow::{InBlocks, across, along, narrow};
use crate::captures::problem::{choose_qparams, flat};
use crate::captures::vector::{Builder, Found};
use crate::spec::{Constants, LinearBlocksSpec, OpSpec, Problem, QparamsRequest, RowActivation};
use crate::tensor::{DType, Data, Tensor};

const BLOCKED: &str = "onnxruntime-tools-blocked";
const PACKED: &str = "onnxruntime-nbits";

/// `fp8_<type>_sat<0|1>_s<scale>.npz`: f32 to 8-bit floats; what was kept are
/// their values in f32, so they are cast back.
pub(super) fn floats(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let name = file.entry.file.rsplit('/').next().unwrap_or_default();
    let codes = match name.split('_').nth(1) {
        Some("e4m3fn") => DType::F8E4M3FN,
        Some("e4m3fnuz") => DType::F8E4M3FNUZ,
        Some("e5m2") => DType::F8E5M2,
        Some("e5m2fnuz") => DType::F8E5M2FNUZ,
        _ => return Err(file.problem("its name holds no type of 8-bit floats")),
    };
    let params = file.params();
    let x = file.array("x")?;
    let scale = flat(Data::F32(vec![params.float("scale")? as f32]));
    let blocks = InBlocks {
        values: x.tensor()?,
        scales: scale,
        zero_points: None,
        block: across(&x.shape(), usize::MAX),
    };
    let saturate = params.integer("saturate")? != 0;
    let problem = blocks.quantize(x, codes, None, saturate)?;
    let mut v = Builder::new(file, "", problem);
    for (engine, profile) in ENGINES {
        let name = format!("{engine}.out0");
        if file.npz().has(&name) {
            let reals = file.array(&name)?.floats()?;
            let format = codes.float_format().expect("a float type");
            // Every captured value is one of the type's, NaN included.
            let bits = reals.iter().map(|&value| {
                (0..256u16).find(|&bits| {
                    let known = format.value(u64::from(bits));
                    known.to_bits() == value.to_bits() || (known.is_nan() && value.is_nan())
                })
            });
            let bits = bits.collect::<Option<Vec<_>>>().ok_or_else(|| {
                file.problem(format!(
                    "`{name}` holds values that are no {}",
                    codes.name()
                ))
            })?;
            v.output(engine, profile, 0, flat(Data::from_bits(codes, bits)))?;
        }
    }
    v.into(found);
    Ok(())
}

/// `blocked_u4_bs<n>.npz`: QuantizeLinear and DequantizeLinear of 4-bit codes in blocks.
pub(super) fn blocked(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let size = usize::try_from(file.params().integer("block_size")?)
        .map_err(|_| file.problem("the block size must not be negative"))?;
    let (x, scales, zeros) = (file.array("x")?, file.array("scales")?, file.array("zps")?);
    let in_blocks = |values: Tensor| -> Result<InBlocks, CaptureError> {
        Ok(InBlocks {
            block: along(values.shape(), 1, size),
            values,
            scales: scales.tensor()?,
            zero_points: Some(narrow(zeros, DType::U4)?),
        })
    };
    let problem = in_blocks(x.tensor()?)?.quantize(scales, DType::U4, None, true)?;
    let mut v = Builder::new(file, "q", problem);
    let mut back = Vec::new();
    for (engine, profile) in ENGINES {
        let [codes, reals] = ["out0", "out1"].map(|out| format!("{engine}.{out}"));
        if !file.npz().has(&codes) {
            continue;
        }
        let codes = narrow(file.array(&codes)?, DType::U4)?;
        v.output(engine, profile, 0, codes.clone())?;
        // Each engine dequantizes the codes that it made itself.
        let problem = in_blocks(codes)?.dequantize(scales, DType::F32)?;
        let mut deq = Builder::new(file, "deq", problem);
        deq.output(engine, profile, 0, file.array(&reals)?.tensor()?)?;
        back.push(deq);
    }
    v.into(found);
    back.into_iter().for_each(|deq| deq.into(found));
    Ok(())
}

/// `blocked.npz` of the tools: `<type>_ax<axis>_sym<0|1>.{scale,zp}` of one matrix.
pub(super) fn blocked_qparams(
    file: &CapturedFile<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let size = usize::try_from(file.params().integer("block_size")?)
        .map_err(|_| file.problem("the block size must not be negative"))?;
    let w = file.array("w")?.tensor()?;
    for part in file.npz().names().filter_map(|n| n.strip_suffix(".scale")) {
        let of = |what: &str| file.array(&format!("{part}.{what}"));
        let words: Vec<&str> = part.split('_').collect();
        let &[kind, axis, symmetry] = words.as_slice() else {
            return Err(file.problem(format!("`{part}` is no type, axis and symmetry")));
        };
        let dtype = match kind {
            "u8" => DType::U8,
            "i8" => DType::I8,
            "u4" => DType::U4,
            "i4" => DType::I4,
            _ => return Err(file.problem(format!("`{kind}` is no known type"))),
        };
        let axis = usize::from(axis == "ax1");
        let symmetric = symmetry == "sym1";
        let request = QparamsRequest {
            dtype,
            range: Some(narrowed(kind, symmetric, false)),
            symmetric,
            reduce_range: false,
        };
        let (scales, zeros) = (of("scale")?.floats()?, of("zp")?.integers()?);
        let parts = blocks(file, &w, &along(w.shape(), axis, size))?;
        if parts.len() != scales.len() || parts.len() != zeros.len() {
            return Err(of("scale")?.error(format!("has not {} entries", parts.len())));
        }
        for (number, values) in parts.into_iter().enumerate() {
            let name = format!("{part}[{number}]");
            let mut v = Builder::new(file, &name, choose_qparams(values, request));
            chosen(
                file,
                &mut v,
                "tools",
                BLOCKED,
                scales[number],
                zeros[number],
            )?;
            v.into(found);
        }
    }
    Ok(())
}

/// `nbits/b<bits>_sym<0|1>_blk<size>.npz`: weights `[k, n]` packed for MatMulNBits,
/// codes and zero points low bits first, each column's blocks filled up with zeros.
pub(super) fn packed(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let bits = params.integer("bits")? as u32;
    let symmetric = params.flag("symmetric")?;
    let dtype = match bits {
        2 => DType::U2,
        4 => DType::U4,
        8 => DType::U8,
        _ => return Err(params.error("bits", "must be 2, 4 or 8".into())),
    };
    let size = usize::try_from(params.integer("block")?)
        .map_err(|_| file.problem("the block size must not be negative"))?;
    let w = file.array("w")?.permuted(&[1, 0])?;
    let (&[n, k], Data::F32(values), true) = (w.shape(), w.data(), size > 0) else {
        return Err(file.array("w")?.error("is no f32 matrix to cut in blocks"));
    };
    let count = k.div_ceil(size);
    let padded = (0..n).flat_map(|row| {
        (0..count * size).map(move |at| if at < k { values[row * k + at] } else { 0.0 })
    });
    let padded = Tensor::new([n, count * size], Data::F32(padded.collect()))
        .map_err(|e| file.problem(e.to_string()))?;
    let codes = unpacked(&file.array("packed")?.integers()?, bits, count * size);
    let zeros = match symmetric {
        true => vec![1 << (bits - 1); n * count],
        false => unpacked(&file.array("zp")?.integers()?, bits, count),
    };
    let scales = file.array("scales")?;
    if codes.len() != n * count * size || zeros.len() != n * count {
        return Err(file
            .array("packed")?
            .error("does not hold one code for each weight"));
    }
    let request = QparamsRequest {
        dtype,
        range: None,
        symmetric,
        reduce_range: false,
    };
    let parts = blocks(file, &padded, &[1, size])?;
    for ((number, values), scale) in parts.into_iter().enumerate().zip(scales.floats()?) {
        let name = format!("block{number}");
        let mut v = Builder::new(file, &name, choose_qparams(values, request));
        chosen(file, &mut v, "tools", PACKED, scale, zeros[number])?;
        v.into(found);
    }
    let in_blocks = InBlocks {
        values: padded,
        scales: scales.tensor()?,
        zero_points: Some(flat(Data::from_codes(dtype, zeros))),
        block: vec![1, size],
    };
    let problem = in_blocks.quantize(scales, dtype, None, false)?;
    let mut v = Builder::new(file, "codes", problem);
    let codes = Tensor::new([n, count * size], Data::from_codes(dtype, codes));
    v.output(
        "tools",
        PACKED,
        0,
        codes.map_err(|e| file.problem(e.to_string()))?,
    )?;
    v.into(found);
    Ok(())
}

/// `ops/MatMulNBits_acc<level>.npz`: f32 activations times weights in blocks.
pub(super) fn matmul_nbits(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    if params.integer("accuracy_level")? == 4 {
        let reason = "activations quantized per block: sums in an order not identified";
        found.skip(
            "MatMulNBits",
            file.entry.values(|a| a.contains(".out")),
            reason,
        );
        return Ok(());
    }
    let size = |key: &str| -> Result<usize, CaptureError> {
        usize::try_from(params.integer(key)?)
            .map_err(|_| params.error(key, "must not be negative".into()))
    };
    let (n, k, block) = (size("N")?, size("K")?, size("block_size")?);
    if params.integer("bits")? != 4 || block == 0 {
        return Err(params.error("bits", "must be 4, in blocks of at least 1".into()));
    }
    let x = file.array("x")?.tensor()?;
    let m = x.shape().first().copied().unwrap_or(1);
    let count = k.div_ceil(block);
    let shaped =
        |shape: [usize; 2], data| Tensor::new(shape, data).map_err(|e| file.problem(e.to_string()));
    let codes = |name: &str, row: usize| -> Result<Data, CaptureError> {
        let codes = unpacked(&file.array(name)?.integers()?, 4, row);
        Ok(Data::from_codes(DType::U4, codes))
    };
    let spec = LinearBlocksSpec {
        m,
        n,
        k,
        block,
        codes: DType::U4,
        scale: DType::F32,
        zero_point: Some(DType::U4),
        activation: RowActivation::Float,
        bias: false,
    };
    let problem = Problem {
        op: OpSpec::LinearBlocks(spec),
        constants: Constants {
            weights: Some(shaped([n, k], codes("w", k)?)?),
            bias: None,
        },
        inputs: vec![
            x,
            shaped([n, count], file.array("scales")?.tensor()?.data().clone())?,
            shaped([n, count], codes("zps", count)?)?,
        ],
    };
    let mut v = Builder::new(file, "", problem);
    for (engine, profile) in ENGINES {
        let name = format!("{engine}.out0");
        if file.npz().has(&name) {
            v.output(engine, profile, 0, file.array(&name)?.tensor()?)?;
        }
    }
    v.into(found);
    Ok(())
}

/// Codes of `bits` from bytes, low bits first; rows of `row` codes start at a byte.
fn unpacked(bytes: &[i64], bits: u32, row: usize) -> Vec<i64> {
    let per_byte = (8 / bits) as usize;
    let codes = bytes.chunks(row.div_ceil(per_byte)).flat_map(|bytes| {
        let codes = bytes.iter().flat_map(|byte| {
            (0..per_byte as u32).map(move |i| byte >> (bits * i) & ((1 << bits) - 1))
        });
        codes.take(row)
    });
    codes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unpacked_low_bits_first_row_by_row() {
        assert_eq!(unpacked(&[0x21, 0x43], 4, 4), [1, 2, 3, 4]);
        assert_eq!(unpacked(&[0x21, 0x43], 4, 1), [1, 3]);
        assert_eq!(unpacked(&[0b11_10_01_00], 2, 4), [0, 1, 2, 3]);
        assert_eq!(unpacked(&[7, 200], 8, 2), [7, 200]);
    }
}
