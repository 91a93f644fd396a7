//! Cases of ops without weights.

use super::draw::Draw;
use super::{Cases, problem, quantized};
use crate::spec::{BinarySpec, OpSpec, PoolSpec, Quantized, ReluSpec};
use crate::tensor::{DType, Data};

/// Parameters of two inputs and an output: exact ties, scales of no pattern,
/// those of an addition of PyTorch's captures, zero points at the ends.
fn parameters() -> [(&'static str, [Quantized; 3]); 5] {
    let u8 = |scale, zero_point| quantized(DType::U8, scale, zero_point);
    let s8 = |scale, zero_point| quantized(DType::I8, scale, zero_point);
    let captured = [0.037_103_81f32, 0.021_900_952, 0.051_727_66].map(f64::from);
    [
        ("ties", [u8(0.5, 1), u8(1.0, 3), u8(1.0, 11)]),
        (
            "captured",
            [
                u8(captured[0], 61),
                u8(captured[1], 200),
                u8(captured[2], 113),
            ],
        ),
        (
            "ends",
            [
                u8(0.1f32.into(), 0),
                u8(0.3f32.into(), 255),
                u8(0.2f32.into(), 255),
            ],
        ),
        (
            "s8",
            [
                s8(0.1f32.into(), -128),
                s8(0.05f32.into(), 127),
                s8(0.11f32.into(), -15),
            ],
        ),
        (
            "no-f32",
            [
                u8(0.012_345_678_9, 100),
                u8(0.033_333_333_3, 90),
                u8(0.01, 128),
            ],
        ),
    ]
}

fn binary(make: fn(BinarySpec) -> OpSpec) -> Cases {
    let mut cases = Cases::new();
    for (name, [a, b, output]) in parameters() {
        for relu in [false, true] {
            let name = if relu {
                format!("{name}/relu")
            } else {
                name.to_owned()
            };
            let mut draw = Draw::new(&name);
            let inputs = vec![edges_then_random(a.dtype, &mut draw), {
                let mut codes: Vec<i64> = codes(&edges_then_random(b.dtype, &mut draw));
                codes.reverse();
                Data::from_codes(b.dtype, codes)
            }];
            let spec = BinarySpec {
                shape: vec![inputs[0].len()],
                a,
                b,
                output,
                relu: relu.into(),
            };
            cases.push((name, problem(make(spec), inputs)));
        }
    }
    cases
}

fn edges_then_random(dtype: DType, draw: &mut Draw) -> Data {
    let (lo, hi) = dtype.code_range().expect("an integer type");
    let mut all = vec![lo, lo + 1, hi - 1, hi, 0, 1];
    all.extend(codes(&draw.codes(dtype, 60)));
    Data::from_codes(dtype, all)
}

fn codes(data: &Data) -> Vec<i64> {
    (0..data.len()).map(|i| data.code(i)).collect()
}

pub(super) fn add() -> Cases {
    binary(OpSpec::Add)
}

pub(super) fn sub() -> Cases {
    binary(OpSpec::Sub)
}

pub(super) fn mul() -> Cases {
    binary(OpSpec::Mul)
}

pub(super) fn relu() -> Cases {
    [
        (DType::U8, 0),
        (DType::U8, 128),
        (DType::I8, -128),
        (DType::I8, 5),
        (DType::I8, 127),
    ]
    .map(|(dtype, zero_point)| {
        let (lo, hi) = dtype.code_range().expect("an integer type");
        let spec = ReluSpec {
            shape: vec![256],
            tensor: quantized(dtype, 0.5, zero_point),
        };
        let codes = Data::from_codes(dtype, lo..=hi);
        let name = format!("{}/zp{zero_point}", dtype.name());
        (name, problem(OpSpec::Relu(spec), vec![codes]))
    })
    .into()
}

struct Window {
    name: &'static str,
    input: &'static [usize],
    kernel: &'static [usize],
    stride: usize,
    pad: usize,
}

const WINDOWS: [Window; 4] = [
    Window {
        name: "k2s2",
        input: &[4, 4],
        kernel: &[2, 2],
        stride: 2,
        pad: 0,
    },
    Window {
        name: "k3s2p1",
        input: &[5, 4],
        kernel: &[3, 3],
        stride: 2,
        pad: 1,
    },
    Window {
        name: "k3s1p1-1d",
        input: &[7],
        kernel: &[3],
        stride: 1,
        pad: 1,
    },
    Window {
        name: "k2s1p1-3d",
        input: &[2, 3, 2],
        kernel: &[2, 2, 2],
        stride: 1,
        pad: 1,
    },
];

fn pool(window: &Window, channels: usize, activation: Quantized, output: Quantized) -> PoolSpec {
    PoolSpec {
        batch: 1,
        input: window.input.to_vec(),
        channels,
        kernel: window.kernel.to_vec(),
        stride: vec![window.stride; window.kernel.len()],
        pad: vec![window.pad; window.kernel.len()],
        pad_end: None,
        count_include_pad: true,
        activation,
        output,
    }
}

fn image(spec: &PoolSpec, name: &str) -> Data {
    let len = spec.input.iter().product::<usize>() * spec.channels;
    Draw::new(name).codes(spec.activation.dtype, len)
}

pub(super) fn avg_pool() -> Cases {
    let mut cases = Cases::new();
    for window in &WINDOWS {
        for (dtype, scales, zero_points) in [
            (DType::U8, [0.5, 0.5], [61, 61]),
            (DType::U8, [f64::from(0.1f32), f64::from(0.07f32)], [255, 3]),
            (
                DType::I8,
                [f64::from(0.1f32), f64::from(0.3f32)],
                [-7, -128],
            ),
        ] {
            for count_include_pad in [true, false] {
                let activation = quantized(dtype, scales[0], zero_points[0]);
                let output = quantized(dtype, scales[1], zero_points[1]);
                let spec = PoolSpec {
                    count_include_pad,
                    ..pool(window, 9, activation, output)
                };
                let name = format!(
                    "{}/{}/zp{}/{}",
                    window.name,
                    dtype.name(),
                    zero_points[0],
                    if count_include_pad {
                        "with-padding"
                    } else {
                        "without-padding"
                    }
                );
                let data = image(&spec, &name);
                cases.push((name, problem(OpSpec::AvgPool(spec), vec![data])));
            }
        }
    }
    cases
}

pub(super) fn max_pool() -> Cases {
    let mut cases = Cases::new();
    for window in &WINDOWS {
        for (dtype, zero_point) in [(DType::U8, 200), (DType::I8, 127)] {
            let tensor = quantized(dtype, 0.5, zero_point);
            let spec = pool(window, 3, tensor, tensor);
            let name = format!("{}/{}", window.name, dtype.name());
            let data = image(&spec, &name);
            cases.push((name, problem(OpSpec::MaxPool(spec), vec![data])));
        }
    }
    cases
}
