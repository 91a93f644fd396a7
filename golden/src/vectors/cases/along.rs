//! Cases of ops along axes, and of products whose operands are known or quantized at run time.

use super::draw::Draw;
use super::{Cases, problem, qparams, quantized, tensor, with_constants};
use crate::spec::{
    BatchMatmulSpec, Constants, FunctionSpec, Granularity, LinearRowsSpec, OpSpec, Quantized,
    ReduceSpec, SoftmaxSpec,
};
use crate::tensor::{DType, Data};

/// Codes of one drawn row after another, and a row of one code.
fn rows(name: &str, dtype: DType, rows: usize, row: usize) -> Data {
    let mut draw = Draw::new(name);
    let drawn = match dtype {
        DType::I16 => super::wide::codes(&mut draw, rows * row),
        _ => draw.codes(dtype, rows * row),
    };
    let codes = (0..rows * row).map(|i| drawn.code(if i < row { 0 } else { i }));
    Data::from_codes(dtype, codes.collect::<Vec<_>>())
}

pub(super) fn softmax() -> Cases {
    let u8 = |scale, zero_point| quantized(DType::U8, scale, zero_point);
    let s8 = |scale, zero_point| quantized(DType::I8, scale, zero_point);
    let s16 = |scale| quantized(DType::I16, scale, 0);
    let eighth_bit = 1.0 / 256.0;
    let to_u8 = u8(eighth_bit, 0);
    let to_s8 = s8(eighth_bit, -128);
    let to_s16 = s16(1.0 / 32_768.0);
    [
        ("u8", u8(0.037f32.into(), 61), to_u8, 1.0),
        ("s8", s8(0.037f32.into(), -67), to_s8, 1.0),
        ("s8/coarse", s8(3.0, 4), to_s8, 1.0),
        ("s8/fine", s8(0.0001, 4), to_s8, 1.0),
        ("s8/beta", s8(0.02, 4), to_s8, 4.5),
        ("s16", s16(0.000_37), to_s16, 1.0),
        ("s16/coarse", s16(0.25), to_s16, 1.0),
        ("s16/beta", s16(0.000_1), to_s16, 0.5),
    ]
    .map(|(name, input, output, beta)| {
        let spec = SoftmaxSpec {
            shape: vec![4, 10],
            axis: 1,
            input,
            output,
            beta,
        };
        let codes = rows(name, input.dtype, 4, 10);
        (name.into(), problem(OpSpec::Softmax(spec), vec![codes]))
    })
    .into()
}

pub(super) fn l2_normalize() -> Cases {
    [
        ("u8", DType::U8, 61, 128),
        ("u8/end", DType::U8, 0, 128),
        ("s8", DType::I8, -67, 0),
        ("s8/middle", DType::I8, 0, 0),
    ]
    .map(|(name, dtype, input, output)| {
        let spec = FunctionSpec {
            shape: vec![4, 10],
            input: quantized(dtype, 0.037f32.into(), input),
            output: quantized(dtype, 1.0 / 128.0, output),
        };
        let codes = rows(name, dtype, 4, 10);
        (name.into(), problem(OpSpec::L2Normalize(spec), vec![codes]))
    })
    .into()
}

/// Rows, columns, and all that is not channels.
fn reduce(make: fn(ReduceSpec) -> OpSpec, parameters: &[(Quantized, Quantized)]) -> Cases {
    let mut cases = Cases::new();
    for &(input, output) in parameters {
        for axes in [vec![1], vec![3], vec![1, 2], vec![0, 1, 2]] {
            let name = format!(
                "{}/{}-to-{}/axes-{axes:?}",
                input.dtype.name(),
                input.qparams.scale,
                output.qparams.scale
            );
            let spec = ReduceSpec {
                shape: vec![2, 3, 5, 4],
                axes,
                input,
                output,
            };
            let codes = rows(&name, input.dtype, 30, 4);
            cases.push((name, problem(make(spec), vec![codes])));
        }
    }
    cases
}

pub(super) fn mean() -> Cases {
    reduce(OpSpec::Mean, &parameters())
}

pub(super) fn sum() -> Cases {
    reduce(OpSpec::Sum, &parameters())
}

fn parameters() -> [(Quantized, Quantized); 4] {
    let s8 = |scale: f32, zero_point| quantized(DType::I8, scale.into(), zero_point);
    let u8 = |scale: f32, zero_point| quantized(DType::U8, scale.into(), zero_point);
    let s16 = |scale: f32| quantized(DType::I16, scale.into(), 0);
    [
        (s8(0.037, -67), s8(0.11, -15)),
        (s8(0.5, 3), s8(0.5, 3)),
        (u8(0.02, 255), u8(0.31, 0)),
        (s16(0.001), s16(0.004)),
    ]
}

pub(super) fn reduce_max() -> Cases {
    let parameters = [DType::I8, DType::U8].map(|dtype| {
        let tensor = quantized(dtype, 0.5, 7);
        (tensor, tensor)
    });
    reduce(OpSpec::ReduceMax, &parameters)
}

pub(super) fn batch_matmul() -> Cases {
    let s8 = |scale: f32, zero_point| quantized(DType::I8, scale.into(), zero_point);
    let s16 = |scale: f32| quantized(DType::I16, scale.into(), 0);
    [
        ("s8", s8(0.037, -67), s8(0.02, 72), s8(1.7, -15)),
        ("s8/no-zero-points", s8(0.5, 0), s8(0.5, 0), s8(8.0, 0)),
        ("s16", s16(0.000_1), s16(0.000_3), s16(0.004)),
    ]
    .map(|(name, a, b, output)| {
        let spec = BatchMatmulSpec {
            batch: 2,
            m: 3,
            n: 4,
            k: 5,
            a,
            b,
            output,
        };
        let first = rows(&format!("{name}/a"), a.dtype, 6, 5);
        let second = rows(&format!("{name}/b"), b.dtype, 10, 4);
        let inputs = vec![first, second];
        (name.into(), problem(OpSpec::BatchMatmul(spec), inputs))
    })
    .into()
}

/// Rows of usual values, of positive ones alone, of 0, and with halves between codes.
pub(super) fn linear_rows() -> Cases {
    let mut cases = Cases::new();
    for symmetric in [false, true] {
        for per_channel in [false, true] {
            let name = format!(
                "{}/{}",
                if symmetric { "symmetric" } else { "asymmetric" },
                if per_channel {
                    "per-channel"
                } else {
                    "per-tensor"
                }
            );
            let mut draw = Draw::new(&name);
            let mut values = draw.reals(2.0, 16);
            values[8..]
                .iter_mut()
                .for_each(|value| *value = value.abs());
            values.extend([0.0; 8]);
            values.extend([-128.0, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 127.0]);
            let weights = match per_channel {
                false => Granularity::PerTensor(qparams(0.013f32.into(), 0)),
                true => Granularity::PerChannel {
                    axis: 0,
                    qparams: (1..=3)
                        .map(|i| qparams(f64::from(0.007 * i as f32), 0))
                        .collect(),
                },
            };
            let spec = LinearRowsSpec {
                m: 4,
                n: 3,
                k: 8,
                symmetric,
                weights,
                bias: per_channel,
            };
            let constants = Constants {
                weights: Some(tensor([3, 8], draw.codes(DType::I8, 24))),
                bias: per_channel.then(|| tensor([3], Data::F32(vec![0.0, -1.25, 3e-3]))),
            };
            let inputs = vec![Data::F32(values)];
            let problem = with_constants(OpSpec::LinearRows(spec), constants, inputs);
            cases.push((name, problem));
        }
    }
    cases
}
