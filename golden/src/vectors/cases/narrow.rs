//! Cases of narrow types: casts, and quantization in blocks.

use super::draw::Draw;
use super::{Cases, problem, tensor, with_constants};
use crate::spec::{
    BlockSpec, CastSpec, ChooseQparamsSpec, Constants, LinearBlocksSpec, OpSpec, PowerRounding,
    Problem, QparamsRequest, RoundTripSpec, RowActivation,
};
use crate::tensor::{DType, Data};

const FLOATS: [DType; 8] = [
    DType::F16,
    DType::BF16,
    DType::F8E4M3FN,
    DType::F8E4M3FNUZ,
    DType::F8E5M2,
    DType::F8E5M2FNUZ,
    DType::F8E8M0,
    DType::F4E2M1,
];

pub(super) fn cast() -> Cases {
    let mut cases = Cases::new();
    let mut add = |name: String, to, saturate, power, data: Data| {
        let spec = CastSpec {
            shape: vec![data.len()],
            from: data.dtype(),
            to,
            saturate,
            power,
        };
        cases.push((name, problem(OpSpec::Cast(spec), vec![data])));
    };
    for to in FLOATS {
        for saturate in [false, true] {
            let name = format!(
                "f32-{}/{}",
                to.name(),
                if saturate { "saturate" } else { "free" }
            );
            let values = Data::F32(boundaries(to, &mut Draw::new(&name)));
            if to != DType::F8E8M0 {
                add(name, to, saturate, PowerRounding::Up, values);
                continue;
            }
            for (word, power) in [
                ("up", PowerRounding::Up),
                ("down", PowerRounding::Down),
                ("nearest", PowerRounding::Nearest),
            ] {
                add(
                    format!("{name}/{word}"),
                    to,
                    saturate,
                    power,
                    values.clone(),
                );
            }
        }
        if to.size() == 1 {
            let every = Data::from_bits(to, 0..1u16 << to.bits());
            add(
                format!("{}-f32", to.name()),
                DType::F32,
                true,
                PowerRounding::Up,
                every,
            );
        }
    }
    let whole: Vec<f32> = (-12..=20).map(|i| i as f32).collect();
    for to in [
        DType::I4,
        DType::U4,
        DType::I2,
        DType::U2,
        DType::I16,
        DType::U8,
    ] {
        let mut values = whole.clone();
        values.extend([0.5, 1.5, -0.5, 7.75, 65_535.0, -1e6]);
        add(
            format!("f32-{}", to.name()),
            to,
            true,
            PowerRounding::Up,
            Data::F32(values),
        );
        let half = Data::from_codes(to, [0, 1]);
        add(
            format!("{}-f16", to.name()),
            DType::F16,
            true,
            PowerRounding::Up,
            half,
        );
    }
    cases
}

/// Values around the ends and the smallest steps of a float type, ties and
/// their neighbours, NaN and infinities, and some in between.
fn boundaries(to: DType, draw: &mut Draw) -> Vec<f32> {
    let format = to.float_format().expect("a float type");
    let (least, max) = (format.value(1) as f32, format.value(format.max()) as f32);
    let below = format.value(format.max() - 1) as f32;
    let step = max - below;
    let mut values = vec![
        0.0,
        -0.0,
        least,
        least / 2.0,
        (least / 2.0).next_up(),
        least * 1.5,
        -least / 4.0,
        max,
        -max,
        below + step / 2.0,
        max + step / 2.0,
        (max + step / 2.0).next_up(),
        max + step,
        -(max + step * 1.25),
        max + step * 1.5,
        max + step * 2.0,
        1e30,
        -1e30,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        1e-40,
    ];
    values.extend(draw.reals(max.min(1e4), 6));
    values.extend(draw.reals(2.0, 6));
    values
}

/// A block spec with its inputs: scales that are powers of two (ties) and not,
/// zero points at the ends.
fn in_blocks(
    name: &str,
    codes: DType,
    zero_point: Option<DType>,
    saturate: bool,
) -> (BlockSpec, Data, Option<Data>, Draw) {
    let spec = BlockSpec {
        shape: vec![3, 7],
        block: vec![1, 4],
        real: DType::F32,
        scale: DType::F32,
        codes,
        zero_point,
        range: None,
        saturate,
    };
    let scales = Data::F32(vec![0.5, 0.1, 1.0, 1.0 / 3.0, 0.023_5, 2.0]);
    let zero_points = zero_point.map(|dtype| match dtype.code_range() {
        Some((lo, hi)) => Data::from_codes(dtype, [lo, hi, 0, 1, hi - 1, lo]),
        None => Data::F32(vec![0.0, 2.5, -3.25, 100.7, 7.0, 0.1]),
    });
    (spec, scales, zero_points, Draw::new(name))
}

const CODES: [(&str, DType, Option<DType>); 9] = [
    ("s4", DType::I4, Some(DType::I4)),
    ("u4", DType::U4, Some(DType::U4)),
    ("s2", DType::I2, Some(DType::I2)),
    ("u2/symmetric", DType::U2, None),
    ("u16", DType::U16, Some(DType::U16)),
    ("s16", DType::I16, Some(DType::I16)),
    ("u8/real-zero-point", DType::U8, Some(DType::F32)),
    ("f8e4m3fn", DType::F8E4M3FN, None),
    ("f4e2m1", DType::F4E2M1, None),
];

fn filled(op: OpSpec, values: Data, scales: Data, zero_points: Option<Data>) -> Problem {
    let mut inputs = vec![values, scales];
    inputs.extend(zero_points);
    problem(op, inputs)
}

pub(super) fn quantize_blocks() -> Cases {
    let mut cases = Cases::new();
    for (name, codes, zero_point) in CODES {
        for saturate in [false, true] {
            if saturate && codes.code_range().is_some() {
                continue;
            }
            let name = format!("{name}{}", if saturate { "/saturate" } else { "" });
            let (spec, scales, zeros, mut draw) = in_blocks(&name, codes, zero_point, saturate);
            let mut values = vec![0.25, -0.75, 1.75, 1e6, -1e6, -0.05, 0.15, 4.5, -0.0];
            values.extend(draw.reals(12.0, 12));
            let op = OpSpec::QuantizeBlocks(spec);
            cases.push((name, filled(op, Data::F32(values), scales, zeros)));
        }
    }
    cases
}

pub(super) fn dequantize_blocks() -> Cases {
    let mut cases = Cases::new();
    for (name, codes, zero_point) in CODES {
        for real in [DType::F32, DType::F16] {
            let name = format!("{name}/{}", real.name());
            let (mut spec, scales, zeros, mut draw) = in_blocks(&name, codes, zero_point, false);
            spec.real = real;
            let values = match codes.code_range() {
                Some(_) => draw.codes(codes, 21),
                None => Data::from_bits(
                    codes,
                    (0..21).map(|i| (i * 13 % (1 << codes.bits())) as u16),
                ),
            };
            cases.push((
                name,
                filled(OpSpec::DequantizeBlocks(spec), values, scales, zeros),
            ));
        }
    }
    cases
}

pub(super) fn choose_real_qparams() -> Cases {
    let ranges: [(&str, &[f32]); 6] = [
        ("both-sides", &[-1.0, 0.3, 2.5]),
        ("above-zero", &[1.0, 52.0]),
        ("below-zero", &[-3.0, -2.7]),
        ("narrow", &[0.0, 1e-6]),
        ("one", &[-0.7]),
        ("nan", &[f32::NAN, 1.0]),
    ];
    let mut cases = Cases::new();
    for (name, values) in ranges {
        for (dtype, reduce_range) in [(DType::U8, false), (DType::I8, true), (DType::U4, false)] {
            let spec = ChooseQparamsSpec {
                len: values.len(),
                request: QparamsRequest {
                    dtype,
                    range: None,
                    symmetric: false,
                    reduce_range,
                },
            };
            let name = format!("{}/{name}", dtype.name());
            let op = OpSpec::ChooseRealQparams(spec);
            cases.push((name, problem(op, vec![Data::F32(values.to_vec())])));
        }
    }
    cases
}

pub(super) fn round_trip() -> Cases {
    let kinds = [
        ("s8/rows", DType::I8, [1, 8], true),
        ("s4/groups", DType::I4, [1, 4], true),
        ("u4/groups", DType::U4, [1, 4], false),
        ("u2/tensor", DType::U2, [3, 8], false),
        ("f8e4m3fn/rows", DType::F8E4M3FN, [1, 8], true),
        ("f4e2m1/groups", DType::F4E2M1, [2, 4], true),
    ];
    kinds
        .map(|(name, codes, block, symmetric)| {
            let spec = RoundTripSpec {
                shape: vec![3, 8],
                block: block.to_vec(),
                codes,
                range: None,
                symmetric,
            };
            let values = Draw::new(name).reals(3.0, 24);
            let op = OpSpec::RoundTrip(spec);
            (name.to_owned(), problem(op, vec![Data::F32(values)]))
        })
        .into()
}

pub(super) fn linear_blocks() -> Cases {
    let rows = RowActivation::Quantized(DType::I8);
    let kinds = [
        (
            "u4/blocks-of-4",
            DType::U4,
            Some(DType::U4),
            4,
            RowActivation::Float,
            false,
        ),
        (
            "s4/cut-off-block",
            DType::I4,
            None,
            8,
            RowActivation::Float,
            true,
        ),
        (
            "u4/real-zero-points",
            DType::U4,
            Some(DType::F32),
            6,
            RowActivation::Float,
            true,
        ),
        ("s8/rows-quantized", DType::I8, None, 12, rows, true),
        (
            "u8/rows-quantized",
            DType::U8,
            Some(DType::U8),
            12,
            rows,
            false,
        ),
        ("s8/rows-and-groups", DType::I8, None, 4, rows, false),
        (
            "s8/times-codes",
            DType::I8,
            None,
            12,
            RowActivation::FloatTimesCodes,
            true,
        ),
        (
            "s8/rows-and-back",
            DType::I8,
            None,
            4,
            RowActivation::RoundTrip(DType::I8),
            true,
        ),
    ];
    kinds
        .map(|(name, codes, zero_point, block, activation, bias)| {
            let (m, n, k) = (2, 3, 12);
            let spec = LinearBlocksSpec {
                m,
                n,
                k,
                block,
                codes,
                scale: DType::F32,
                zero_point,
                activation,
                bias,
            };
            let mut draw = Draw::new(name);
            let count = n * k.div_ceil(block);
            let constants = Constants {
                weights: Some(tensor([n, k], draw.codes(codes, n * k))),
                bias: bias.then(|| tensor([n], Data::F32(draw.reals(1.0, n)))),
            };
            let scales = draw.reals(0.25, count).into_iter();
            let scales = scales.map(|scale| scale.abs() + 0.015_625).collect();
            let mut inputs = vec![Data::F32(draw.reals(4.0, m * k)), Data::F32(scales)];
            inputs.extend(zero_point.map(|dtype| match dtype.code_range() {
                Some(_) => draw.codes(dtype, count),
                None => Data::F32(draw.reals(8.0, count)),
            }));
            let op = OpSpec::LinearBlocks(spec);
            (name.to_owned(), with_constants(op, constants, inputs))
        })
        .into()
}
