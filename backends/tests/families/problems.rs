//! Linears and convolutions drawn at random, the same for the same seed.

use qassay_golden::spec::{
    Activation, BiasKind, Constants, ConvSpec, Granularity, LinearSpec, OpSpec, Output, Problem,
    QParams, Quantized,
};
use qassay_golden::tensor::{DType, Data, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// How operands are drawn.
#[derive(Clone, Copy, PartialEq)]
pub enum Draw {
    /// all codes alike
    Uniform,
    /// mostly codes at the ends, so that pairs leave i16
    Ends,
}

fn code(rng: &mut ChaCha8Rng, draw: Draw, low: i64, high: i64) -> i64 {
    if draw == Draw::Ends && rng.random_range(0..4) > 0 {
        [low, high][rng.random_range(0..2)]
    } else {
        rng.random_range(low..=high)
    }
}

fn codes(rng: &mut ChaCha8Rng, draw: Draw, dtype: DType, shape: &[usize]) -> Tensor {
    let (low, high) = dtype.code_range().expect("codes");
    let len = shape.iter().product();
    let data = Data::from_codes(dtype, (0..len).map(|_| code(rng, draw, low, high)));
    Tensor::new(shape, data).expect("as many values as the shape holds")
}

fn reals(rng: &mut ChaCha8Rng, range: f32, shape: &[usize]) -> Tensor {
    let len = shape.iter().product();
    let data = Data::F32((0..len).map(|_| rng.random_range(-range..range)).collect());
    Tensor::new(shape, data).expect("as many values as the shape holds")
}

pub fn quantized(rng: &mut ChaCha8Rng, dtype: DType, scale: f64) -> Quantized {
    let (low, high) = dtype.code_range().expect("codes");
    let zero_point = [low, high, (low + high) / 2, rng.random_range(low..=high)];
    Quantized {
        dtype,
        qparams: QParams {
            scale: scale * f64::from(rng.random_range(0.5f32..2.0)),
            zero_point: zero_point[rng.random_range(0..4)] as i32,
        },
    }
}

fn weight_scales(rng: &mut ChaCha8Rng, columns: usize, per_channel: bool) -> Granularity {
    let mut one = || QParams {
        scale: f64::from(rng.random_range(0.001f32..0.02)),
        zero_point: 0,
    };
    if per_channel {
        Granularity::PerChannel {
            axis: 0,
            qparams: (0..columns).map(|_| one()).collect(),
        }
    } else {
        Granularity::PerTensor(one())
    }
}

fn bias(rng: &mut ChaCha8Rng, kind: BiasKind, columns: usize) -> Option<Tensor> {
    let data = match kind {
        BiasKind::None => return None,
        BiasKind::F32 => return Some(reals(rng, 3.0, &[columns])),
        BiasKind::I32 => (0..columns)
            .map(|_| rng.random_range(-40_000..40_000))
            .collect(),
    };
    Some(Tensor::new([columns], Data::I32(data)).expect("one value a column"))
}

pub fn pick<T: Copy>(rng: &mut ChaCha8Rng, all: &[T]) -> T {
    all[rng.random_range(0..all.len())]
}

/// Output, and a bias that goes with it.
fn output_and_bias(rng: &mut ChaCha8Rng, k: usize, float: bool) -> (Output, BiasKind) {
    let scale = 0.02 * (k.max(1) as f64).sqrt();
    match rng.random_range(0..if float { 5 } else { 4 }) {
        0 => (Output::Sums, pick(rng, &[BiasKind::None, BiasKind::I32])),
        1 => (
            Output::Quantized(quantized(rng, DType::I8, scale)),
            pick(rng, &[BiasKind::None, BiasKind::F32]),
        ),
        4 => (Output::Float, pick(rng, &[BiasKind::None, BiasKind::F32])),
        _ => (
            Output::Quantized(quantized(rng, DType::U8, scale)),
            pick(rng, &[BiasKind::None, BiasKind::F32, BiasKind::I32]),
        ),
    }
}

pub fn linear_problem(
    rng: &mut ChaCha8Rng,
    (m, n, k): (usize, usize, usize),
    activation: Activation,
    draw: Draw,
) -> Problem {
    let (output, bias_kind) = match activation {
        Activation::Quantized(_) => output_and_bias(rng, k, true),
        _ => (Output::Float, pick(rng, &[BiasKind::None, BiasKind::F32])),
    };
    let per_channel = rng.random();
    let spec = LinearSpec {
        m,
        n,
        k,
        activation,
        weights: weight_scales(rng, n, per_channel),
        bias: bias_kind,
        output,
        relu: rng.random::<bool>().into(),
    };
    let input = match activation {
        Activation::Quantized(q) => codes(rng, draw, q.dtype, &[m, k]),
        _ => {
            let range = pick(rng, &[1e-3, 1.0, 50.0]);
            reals(rng, range, &[m, k])
        }
    };
    Problem {
        op: OpSpec::Linear(spec),
        constants: Constants {
            weights: Some(codes(rng, draw, DType::I8, &[n, k])),
            bias: bias(rng, bias_kind, n),
        },
        inputs: vec![input],
    }
}

#[derive(Clone)]
pub struct Geometry {
    input: Vec<usize>,
    kernel: Vec<usize>,
    stride: Vec<usize>,
    pad: (Vec<usize>, Vec<usize>),
    dilation: Vec<usize>,
}

pub fn geometry(rng: &mut ChaCha8Rng) -> Geometry {
    let dimensions = pick(rng, &[1, 2, 2, 2, 3]);
    let one = |rng: &mut ChaCha8Rng| {
        let largest = [0, 7, 5, 3][dimensions];
        let kernel = pick(rng, &[1usize, 2, 3, 3, 5, 7]).min(largest);
        let dilation = pick(rng, &[1usize, 1, 2]);
        let window = dilation * (kernel - 1) + 1;
        let pad = (
            rng.random_range(0..=kernel),
            rng.random_range(0..=kernel / 2),
        );
        let spare = rng.random_range(0..[0, 30, 9, 4][dimensions]);
        let input = (window + spare).saturating_sub(pad.0 + pad.1).max(1);
        let missing = window.saturating_sub(input + pad.0 + pad.1);
        (
            input + missing,
            kernel,
            pick(rng, &[1, 1, 2, 3]),
            pad,
            dilation,
        )
    };
    let all: Vec<_> = (0..dimensions).map(|_| one(rng)).collect();
    Geometry {
        input: all.iter().map(|d| d.0).collect(),
        kernel: all.iter().map(|d| d.1).collect(),
        stride: all.iter().map(|d| d.2).collect(),
        pad: (
            all.iter().map(|d| d.3.0).collect(),
            all.iter().map(|d| d.3.1).collect(),
        ),
        dilation: all.iter().map(|d| d.4).collect(),
    }
}

pub fn conv_problem(
    rng: &mut ChaCha8Rng,
    geometry: Geometry,
    (groups, group_in, group_out): (usize, usize, usize),
    draw: Draw,
) -> Problem {
    let k = geometry.kernel.iter().product::<usize>() * group_in;
    let (output, bias_kind) = output_and_bias(rng, k, false);
    let per_channel = rng.random();
    let dtype = pick(rng, &[DType::U8, DType::U8, DType::I8]);
    let spec = ConvSpec {
        batch: pick(rng, &[1, 1, 2]),
        input: geometry.input,
        in_channels: groups * group_in,
        out_channels: groups * group_out,
        kernel: geometry.kernel,
        stride: geometry.stride,
        pad_begin: geometry.pad.0,
        pad_end: geometry.pad.1,
        dilation: geometry.dilation,
        groups,
        activation: quantized(rng, dtype, 0.02),
        weights: weight_scales(rng, groups * group_out, per_channel),
        bias: bias_kind,
        output,
        relu: rng.random::<bool>().into(),
    };
    let mut weights = vec![spec.out_channels];
    weights.extend(&spec.kernel);
    weights.push(group_in);
    let channels = spec.out_channels;
    let op = OpSpec::Conv(spec);
    let (input, _) = op.inputs().remove(0);
    Problem {
        constants: Constants {
            weights: Some(codes(rng, draw, DType::I8, &weights)),
            bias: bias(rng, bias_kind, channels),
        },
        inputs: vec![codes(rng, draw, dtype, &input)],
        op,
    }
}
