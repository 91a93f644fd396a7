//! Cases of linear, and what cases of convolution share with them.

use super::draw::Draw;
use super::{Cases, qparams, quantized, tensor, with_constants};
use crate::spec::{Activation, BiasKind, Constants, Granularity, LinearSpec, OpSpec, Output, Relu};
use crate::tensor::{DType, Data, Tensor};

/// Which operands a case draws.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Operands {
    /// over the whole range
    Random,
    /// near the ends: pairs leave i16
    Extreme,
    /// every code the lowest of its type
    Lowest,
}

impl Operands {
    pub(super) fn codes(self, draw: &mut Draw, dtype: DType, len: usize) -> Data {
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

pub(super) fn weight_parameters(
    channels: usize,
    per_channel: bool,
    zero_point: i32,
) -> Granularity {
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

pub(super) fn constants(
    draw: &mut Draw,
    weights: Data,
    shape: Vec<usize>,
    bias: BiasKind,
) -> Constants {
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
pub(super) fn output(dtype: DType, k: usize, zero_point: i32) -> Output {
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
