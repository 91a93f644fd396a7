//! Cases of linear and convolution.

use super::draw::Draw;
use super::{Cases, qparams, quantized, tensor, with_constants};
use crate::spec::{
    Activation, BiasKind, Constants, ConvSpec, Granularity, LinearSpec, OpSpec, Output, Relu,
};
use crate::tensor::{DType, Data, Tensor};

/// Which operands a case draws.
#[derive(Clone, Copy, PartialEq)]
enum Operands {
    /// over the whole range
    Random,
    /// near the ends: pairs leave i16
    Extreme,
    /// every code the lowest of its type
    Lowest,
}

impl Operands {
    fn codes(self, draw: &mut Draw, dtype: DType, len: usize) -> Data {
        match self {
            Self::Random => draw.codes(dtype, len),
            Self::Extreme => draw.extreme_codes(dtype, len),
            Self::Lowest => {
                let (lo, _) = dtype.code_range().expect("an integer type");
                Data::from_codes(dtype, std::iter::repeat_n(lo, len))
            }
        }
    }
}

fn weight_parameters(channels: usize, per_channel: bool, zero_point: i32) -> Granularity {
    let scale = |channel: usize| f64::from(0.01f32 + channel as f32 / 128.0);
    if per_channel {
        let qparams = (0..channels)
            .map(|c| qparams(scale(c), zero_point))
            .collect();
        Granularity::PerChannel { axis: 0, qparams }
    } else {
        Granularity::PerTensor(qparams(scale(0), zero_point))
    }
}

fn constants(draw: &mut Draw, weights: Data, shape: Vec<usize>, bias: BiasKind) -> Constants {
    let channels = shape[0];
    let bias = match bias {
        BiasKind::None => None,
        BiasKind::F32 => Some(Data::F32(draw.reals(2.0, channels))),
        BiasKind::I32 => {
            let steps = (0..channels).map(|_| draw.integer(-5000, 5000) as i32);
            Some(Data::I32(steps.collect()))
        }
    };
    Constants {
        weights: Some(tensor(shape, weights)),
        bias: bias.map(|bias| tensor([channels], bias)) as Option<Tensor>,
    }
}

/// An output scale at which most sums of `k` products stay in range.
fn output(dtype: DType, k: usize, zero_point: i32) -> Output {
    let k = k as f32;
    Output::Quantized(quantized(dtype, f64::from(0.05f32 + k / 16.0), zero_point))
}

fn linear_case(name: &str, spec: LinearSpec, operands: Operands) -> (String, crate::spec::Problem) {
    let mut draw = Draw::new(name);
    let weights = operands.codes(&mut draw, DType::I8, spec.n * spec.k);
    let constants = constants(&mut draw, weights, vec![spec.n, spec.k], spec.bias);
    let input = match spec.activation {
        Activation::Quantized(q) => operands.codes(&mut draw, q.dtype, spec.m * spec.k),
        Activation::Dynamic { .. } | Activation::Float => {
            Data::F32(draw.reals(3.0, spec.m * spec.k))
        }
    };
    let op = OpSpec::Linear(spec);
    (name.to_owned(), with_constants(op, constants, vec![input]))
}

pub(super) fn linear() -> Cases {
    let mut cases = Cases::new();
    let sums = |dtype, zero_point, weight_zero_point| LinearSpec {
        m: 3,
        n: 4,
        k: 17,
        activation: Activation::Quantized(quantized(dtype, 0.05f32.into(), zero_point)),
        weights: weight_parameters(4, false, weight_zero_point),
        bias: BiasKind::None,
        output: Output::Sums,
        relu: Relu::None,
    };
    let classes = [("random", Operands::Random), ("extreme", Operands::Extreme)];
    for (class, operands) in classes {
        for (dtype, zero_point) in [
            (DType::U8, 0),
            (DType::U8, 255),
            (DType::I8, -128),
            (DType::I8, 9),
        ] {
            for weight_zero_point in [0, -3] {
                let name = format!(
                    "sums/{class}/{}.zp{zero_point}/wzp{weight_zero_point}",
                    dtype.name()
                );
                let spec = sums(dtype, zero_point, weight_zero_point);
                cases.push(linear_case(&name, spec, operands));
            }
        }
    }
    cases.push(linear_case(
        "sums/lowest/s8",
        sums(DType::I8, 0, 0),
        Operands::Lowest,
    ));
    let long = LinearSpec {
        m: 2,
        n: 2,
        k: 300,
        ..sums(DType::U8, 3, 0)
    };
    cases.push(linear_case("sums/long/u8", long, Operands::Extreme));
    let one = LinearSpec {
        m: 1,
        n: 1,
        k: 1,
        ..sums(DType::U8, 3, 1)
    };
    cases.push(linear_case("sums/one/u8", one, Operands::Random));

    for (class, operands) in classes {
        for per_channel in [false, true] {
            for (bias_name, bias) in [
                ("none", BiasKind::None),
                ("f32", BiasKind::F32),
                ("s32", BiasKind::I32),
            ] {
                for (dtype, zero_point, relu) in [(DType::U8, 7, false), (DType::I8, -20, true)] {
                    let granularity = if per_channel {
                        "per-channel"
                    } else {
                        "per-tensor"
                    };
                    let name = format!(
                        "codes/{class}/{granularity}/bias-{bias_name}/{}",
                        dtype.name()
                    );
                    let spec = LinearSpec {
                        weights: weight_parameters(4, per_channel, 0),
                        bias,
                        output: output(dtype, 17, zero_point),
                        relu: relu.into(),
                        ..sums(dtype, zero_point, 0)
                    };
                    cases.push(linear_case(&name, spec, operands));
                }
            }
        }
    }
    // K = 1 with weights 1 and a ratio of scales of 1/2: every other sum is a tie.
    let ties = LinearSpec {
        m: 32,
        n: 1,
        k: 1,
        activation: Activation::Quantized(quantized(DType::U8, 0.5, 100)),
        weights: Granularity::PerTensor(qparams(0.5, 0)),
        bias: BiasKind::None,
        output: Output::Quantized(quantized(DType::U8, 0.5, 7)),
        relu: Relu::None,
    };
    let weights = Constants {
        weights: Some(tensor([1, 1], Data::I8(vec![1]))),
        bias: None,
    };
    let codes = Data::U8((84..116).collect());
    cases.push((
        "codes/ties".into(),
        with_constants(OpSpec::Linear(ties), weights, vec![codes]),
    ));

    for (kind, activation) in [
        (
            "dynamic",
            Activation::Dynamic {
                reduce_range: false,
            },
        ),
        (
            "dynamic-reduced",
            Activation::Dynamic { reduce_range: true },
        ),
        ("weight-only", Activation::Float),
    ] {
        for per_channel in [false, true] {
            for (bias_name, bias) in [("none", BiasKind::None), ("f32", BiasKind::F32)] {
                let granularity = if per_channel {
                    "per-channel"
                } else {
                    "per-tensor"
                };
                let name = format!("{kind}/{granularity}/bias-{bias_name}");
                let spec = LinearSpec {
                    activation,
                    weights: weight_parameters(4, per_channel, 0),
                    bias,
                    output: Output::Float,
                    relu: per_channel.into(),
                    ..sums(DType::U8, 0, 0)
                };
                cases.push(linear_case(&name, spec, Operands::Random));
            }
        }
    }
    cases
}

/// A convolution's shape; lists are per spatial dimension.
struct Shape {
    name: &'static str,
    input: &'static [usize],
    channels: [usize; 2],
    kernel: &'static [usize],
    stride: &'static [usize],
    pad: [&'static [usize]; 2],
    dilation: &'static [usize],
    groups: usize,
}

const SHAPES: [Shape; 8] = [
    Shape {
        name: "1d-k3-pad",
        input: &[6],
        channels: [3, 2],
        kernel: &[3],
        stride: &[1],
        pad: [&[1], &[1]],
        dilation: &[1],
        groups: 1,
    },
    Shape {
        name: "2d-3x3-c3-s2",
        input: &[5, 5],
        channels: [3, 4],
        kernel: &[3, 3],
        stride: &[2, 2],
        pad: [&[1, 1], &[1, 1]],
        dilation: &[1, 1],
        groups: 1,
    },
    Shape {
        name: "2d-1x1",
        input: &[3, 3],
        channels: [8, 3],
        kernel: &[1, 1],
        stride: &[1, 1],
        pad: [&[0, 0], &[0, 0]],
        dilation: &[1, 1],
        groups: 1,
    },
    Shape {
        name: "2d-asymmetric-pad",
        input: &[4, 3],
        channels: [5, 2],
        kernel: &[2, 3],
        stride: &[1, 2],
        pad: [&[1, 0], &[0, 2]],
        dilation: &[1, 1],
        groups: 1,
    },
    Shape {
        name: "2d-dilated",
        input: &[6, 5],
        channels: [2, 2],
        kernel: &[3, 2],
        stride: &[1, 1],
        pad: [&[1, 1], &[1, 1]],
        dilation: &[2, 3],
        groups: 1,
    },
    Shape {
        name: "2d-groups",
        input: &[4, 4],
        channels: [6, 4],
        kernel: &[3, 3],
        stride: &[1, 1],
        pad: [&[1, 1], &[1, 1]],
        dilation: &[1, 1],
        groups: 2,
    },
    Shape {
        name: "2d-depthwise",
        input: &[4, 4],
        channels: [5, 5],
        kernel: &[3, 3],
        stride: &[1, 1],
        pad: [&[1, 1], &[1, 1]],
        dilation: &[1, 1],
        groups: 5,
    },
    Shape {
        name: "3d",
        input: &[3, 2, 3],
        channels: [3, 2],
        kernel: &[2, 2, 2],
        stride: &[1, 1, 1],
        pad: [&[1, 0, 0], &[0, 0, 1]],
        dilation: &[1, 1, 1],
        groups: 1,
    },
];

pub(super) fn conv() -> Cases {
    let mut cases = Cases::new();
    for shape in &SHAPES {
        let variants = [
            (
                "sums/u8",
                DType::U8,
                255,
                BiasKind::None,
                false,
                Operands::Extreme,
            ),
            (
                "sums/s8",
                DType::I8,
                -5,
                BiasKind::I32,
                false,
                Operands::Random,
            ),
            (
                "codes/u8/per-tensor",
                DType::U8,
                3,
                BiasKind::F32,
                false,
                Operands::Extreme,
            ),
            (
                "codes/u8/per-channel",
                DType::U8,
                128,
                BiasKind::F32,
                true,
                Operands::Random,
            ),
            (
                "codes/s8/per-channel",
                DType::I8,
                0,
                BiasKind::I32,
                true,
                Operands::Extreme,
            ),
        ];
        for (variant, dtype, zero_point, bias, per_channel, operands) in variants {
            let name = format!("{}/{variant}", shape.name);
            let codes = variant.starts_with("codes");
            let weight_zero_point = if codes { 0 } else { 2 };
            let k = shape.kernel.iter().product::<usize>() * shape.channels[0] / shape.groups;
            let spec = ConvSpec {
                batch: 1,
                input: shape.input.to_vec(),
                in_channels: shape.channels[0],
                out_channels: shape.channels[1],
                kernel: shape.kernel.to_vec(),
                stride: shape.stride.to_vec(),
                pad_begin: shape.pad[0].to_vec(),
                pad_end: shape.pad[1].to_vec(),
                dilation: shape.dilation.to_vec(),
                groups: shape.groups,
                activation: quantized(dtype, 0.05f32.into(), zero_point),
                weights: weight_parameters(shape.channels[1], per_channel, weight_zero_point),
                bias,
                output: if codes {
                    output(dtype, k, zero_point)
                } else {
                    Output::Sums
                },
                relu: (per_channel && dtype == DType::U8).into(),
            };
            let mut draw = Draw::new(&name);
            let mut weight_shape = vec![spec.out_channels];
            weight_shape.extend(&spec.kernel);
            weight_shape.push(spec.in_channels / spec.groups);
            let len = weight_shape.iter().product();
            let weights = operands.codes(&mut draw, DType::I8, len);
            let constants = constants(&mut draw, weights, weight_shape, bias);
            let pixels: usize = spec.input.iter().product();
            let input = operands.codes(&mut draw, dtype, pixels * spec.in_channels);
            let op = OpSpec::Conv(spec);
            cases.push((name, with_constants(op, constants, vec![input])));
        }
    }
    cases
}
