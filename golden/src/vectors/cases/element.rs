//! Cases of quantize, dequantize and requantize.

use super::draw::Draw;
use super::{Cases, problem, qparams};
use crate::spec::{DequantizeSpec, Granularity, OpSpec, QParams, QuantizeSpec, RequantizeSpec};
use crate::tensor::{DType, Data};

/// Scales: powers of two (exact ties), 0.1 and 1/3 as f32 (division and
/// multiplication by the reciprocal differ), one from FBGEMM's own comments
/// (0.00214854861 at 0.273939937), and one that is no f32.
const SCALES: [(&str, f64); 6] = [
    ("half", 0.5),
    ("one", 1.0),
    ("tenth", 0.1f32 as f64),
    ("third", (1.0f32 / 3.0) as f64),
    ("fbgemm", 0.002_148_548_6f32 as f64),
    ("f64", 0.012_345_678_901_234_567),
];

fn zero_points(dtype: DType) -> [i32; 4] {
    match dtype {
        DType::U8 => [0, 61, 128, 255],
        _ => [-128, -7, 0, 127],
    }
}

pub(super) fn quantize() -> Cases {
    let mut cases = Cases::new();
    let mut add = |name: String, spec: QuantizeSpec, values: Vec<f32>| {
        let op = OpSpec::Quantize(spec);
        cases.push((name, problem(op, vec![Data::F32(values)])));
    };
    for dtype in [DType::U8, DType::I8] {
        for (scale_name, scale) in SCALES {
            for zero_point in zero_points(dtype) {
                let name = format!("{}/{scale_name}/zp{zero_point}", dtype.name());
                let values = boundary_values(scale, &mut Draw::new(&name));
                let spec = QuantizeSpec {
                    shape: vec![values.len()],
                    dtype,
                    granularity: Granularity::PerTensor(qparams(scale, zero_point)),
                    range: None,
                };
                add(name, spec, values);
            }
        }
    }
    let mut values = boundary_values(0.5, &mut Draw::new("narrow"));
    let narrow = QuantizeSpec {
        shape: vec![values.len()],
        dtype: DType::I8,
        granularity: Granularity::PerTensor(qparams(0.5, 0)),
        range: Some((-127, 127)),
    };
    add("s8/narrow".into(), narrow.clone(), values.clone());
    let wide = QuantizeSpec {
        dtype: DType::I32,
        range: None,
        ..narrow
    };
    add("s32/half".into(), wide, values.clone());
    for axis in 0..3 {
        values.truncate(24);
        let channels = [2, 3, 4][axis];
        let spec = QuantizeSpec {
            shape: vec![2, 3, 4],
            dtype: DType::U8,
            granularity: per_channel(axis, channels),
            range: None,
        };
        add(format!("u8/per-channel/axis{axis}"), spec, values.clone());
    }
    cases
}

fn per_channel(axis: usize, channels: usize) -> Granularity {
    let qparams = (0..channels)
        .map(|channel| QParams {
            scale: SCALES[channel].1,
            zero_point: [0, 128, 255, 61][channel],
        })
        .collect();
    Granularity::PerChannel { axis, qparams }
}

/// Ties and their neighbours, values around both ends of the range, random
/// ones, and what IEEE 754 has besides numbers.
fn boundary_values(scale: f64, draw: &mut Draw) -> Vec<f32> {
    let mut values = Vec::new();
    for steps in [
        -128.5, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 126.5, 127.5, 254.5,
    ] {
        let tie = (steps * scale) as f32;
        values.extend([tie.next_down(), tie, tie.next_up()]);
    }
    values.extend((0..12).map(|_| draw.real(260.0 * scale as f32)));
    values.extend([
        0.0,
        -0.0,
        f32::MIN_POSITIVE,
        f32::from_bits(1),
        -f32::from_bits(1),
    ]);
    values.push(0.273_939_94);
    values.extend([
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        f32::MIN,
    ]);
    // In steps: around the ends of i32 and of fbgemm's bound.
    for steps in [2_147_483_648.0, 2_147_483_520.0, 2_147_483_392.0f64] {
        values.extend([(steps * scale) as f32, (-steps * scale) as f32]);
    }
    values
}

pub(super) fn dequantize() -> Cases {
    let mut cases = Cases::new();
    for dtype in [DType::U8, DType::I8] {
        for (scale_name, scale) in [SCALES[0], SCALES[2], SCALES[5]] {
            for zero_point in [zero_points(dtype)[1], zero_points(dtype)[3]] {
                let (lo, hi) = dtype.code_range().expect("an integer type");
                let spec = DequantizeSpec {
                    shape: vec![256],
                    dtype,
                    granularity: Granularity::PerTensor(qparams(scale, zero_point)),
                };
                let codes = Data::from_codes(dtype, lo..=hi);
                let name = format!("{}/{scale_name}/zp{zero_point}", dtype.name());
                cases.push((name, problem(OpSpec::Dequantize(spec), vec![codes])));
            }
        }
    }
    for axis in 0..2 {
        let name = format!("u8/per-channel/axis{axis}");
        let codes = Draw::new(&name).codes(DType::U8, 12);
        let spec = DequantizeSpec {
            shape: vec![3, 4],
            dtype: DType::U8,
            granularity: per_channel(axis, [3, 4][axis]),
        };
        cases.push((name, problem(OpSpec::Dequantize(spec), vec![codes])));
    }
    let mut codes = vec![
        0,
        1,
        -1,
        16_777_217,
        -16_777_217,
        16_777_219,
        i64::from(i32::MAX),
    ];
    codes.push(i64::from(i32::MIN));
    let spec = DequantizeSpec {
        shape: vec![codes.len()],
        dtype: DType::I32,
        granularity: Granularity::PerTensor(qparams(SCALES[2].1, 0)),
    };
    let data = Data::from_codes(DType::I32, codes);
    cases.push((
        "s32/tenth".into(),
        problem(OpSpec::Dequantize(spec), vec![data]),
    ));
    cases
}

pub(super) fn requantize() -> Cases {
    let mut cases = Cases::new();
    let multipliers = [
        ("half", 0.5),
        ("eighth", 0.125),
        ("tenth", 0.1),
        ("third", 1.0 / 3.0),
        ("large", 1.5),
        ("small", 0.000_123),
        // Products past i64, where conversions part.
        ("huge", 1e10),
    ];
    for dtype in [DType::U8, DType::I8] {
        for (name, multiplier) in multipliers {
            for zero_point in zero_points(dtype) {
                let name = format!("{}/{name}/zp{zero_point}", dtype.name());
                let sums = boundary_sums(multiplier, &mut Draw::new(&name));
                let spec = RequantizeSpec {
                    rows: sums.len(),
                    columns: 1,
                    dtype,
                    zero_point,
                    multipliers: vec![multiplier],
                    relu: zero_point % 2 != 0,
                };
                let data = vec![Data::I32(sums)];
                cases.push((name, problem(OpSpec::Requantize(spec), data)));
            }
        }
    }
    let sums = boundary_sums(0.25, &mut Draw::new("per-column"));
    let rows = sums.len() / 4;
    let spec = RequantizeSpec {
        rows,
        columns: 4,
        dtype: DType::U8,
        zero_point: 3,
        multipliers: vec![0.5, 0.25, 0.1, 0.7],
        relu: false,
    };
    let data = vec![Data::I32(sums[..rows * 4].to_vec())];
    cases.push((
        "u8/per-column".into(),
        problem(OpSpec::Requantize(spec), data),
    ));
    cases
}

/// Sums around zero (ties for binary fractions), at both clamps, at the limits
/// of f32's integers and of i32, and random ones.
fn boundary_sums(multiplier: f32, draw: &mut Draw) -> Vec<i32> {
    let mut sums: Vec<i32> = (-12..=12).collect();
    for codes in [-256.0, -128.0, 127.0, 128.0, 255.0, 256.0f32] {
        let sum = (codes / multiplier) as i32;
        sums.extend([sum - 1, sum, sum + 1]);
    }
    sums.extend([16_777_217, -16_777_217, 33_554_431]);
    sums.extend([i32::MAX, i32::MAX - 1, i32::MIN, i32::MIN + 1]);
    let reach = (300.0 / multiplier) as i64;
    sums.extend((0..8).map(|_| draw.integer(-reach, reach) as i32));
    sums
}
