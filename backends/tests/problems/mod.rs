//! Small problems for every op: all tails, ends of ranges, ties, special
//! values. One list, used by every test of the registry.

mod plain;

use qassay_golden::spec::{
    Activation, BiasKind, Constants, ConvSpec, DequantizeSpec, Granularity, LinearSpec,
    ObserveSpec, ObserverKind, OpSpec, Output, Problem, QParams, QuantizeSpec, Quantized,
    RequantizeSpec,
};
use qassay_golden::tensor::{DType, Data, Tensor};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Names (`op/..`) and problems.
pub fn all() -> Vec<(String, Problem)> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut problems = Vec::new();
    quantize(&mut rng, &mut problems);
    dequantize(&mut rng, &mut problems);
    requantize(&mut rng, &mut problems);
    observe(&mut rng, &mut problems);
    linear(&mut rng, &mut problems);
    conv(&mut rng, &mut problems);
    plain::plain(&mut rng, &mut problems);
    problems
}

/// Shapes with rows around every vector width, and each axis that parameters can lie along.
fn shapes() -> Vec<(Vec<usize>, Vec<Option<usize>>)> {
    let mut shapes: Vec<(Vec<usize>, Vec<Option<usize>>)> = [0, 1, 3, 4, 7, 8, 15, 16, 17]
        .into_iter()
        .chain([31, 32, 33, 47, 63, 64, 65, 100, 127, 129, 200])
        .map(|len| (vec![2, len], vec![None, Some(0), Some(1)]))
        .collect();
    shapes.push((vec![300], vec![None, Some(0)]));
    shapes.push((
        vec![2, 3, 2, 21],
        vec![None, Some(0), Some(1), Some(2), Some(3)],
    ));
    shapes
}

fn granularity(
    rng: &mut ChaCha8Rng,
    shape: &[usize],
    axis: Option<usize>,
    dtype: DType,
) -> Granularity {
    let (low, high) = dtype.code_range().expect("a type of codes");
    // s32 zero points as far as the reference and f32 agree on them.
    let (low, high) = (low.max(-1000), high.min(1000));
    let mut one = || QParams {
        scale: f64::from([0.1f32, 0.5, 1.0, 0.002_148_548_7, 3.7][rng.random_range(0..5)]),
        zero_point: match rng.random_range(0..4) {
            0 => low,
            1 => high,
            _ => rng.random_range(low..=high),
        } as i32,
    };
    match axis {
        None => Granularity::PerTensor(one()),
        Some(axis) => Granularity::PerChannel {
            axis,
            qparams: (0..shape[axis]).map(|_| one()).collect(),
        },
    }
}

fn problem(op: OpSpec, shape: &[usize], data: Data) -> Problem {
    Problem {
        op,
        constants: Constants::default(),
        inputs: vec![Tensor::new(shape.to_vec(), data).expect("as many values as the shape holds")],
    }
}

fn quantize(rng: &mut ChaCha8Rng, problems: &mut Vec<(String, Problem)>) {
    let special = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        3e9,
        -3e9,
        2_147_483_520.0,
        1e38,
        -1e38,
        1e-45,
        -0.0,
    ];
    for (shape, axes) in shapes() {
        for axis in axes {
            for dtype in [DType::U8, DType::I8, DType::I32] {
                for range in [None, Some((-5, 11)), Some((3, 100))] {
                    let inside = |(low, high): &(i64, i64)| {
                        let whole = dtype.code_range().expect("a type of codes");
                        whole.0 <= *low && *high <= whole.1
                    };
                    if range.as_ref().is_some_and(|range| !inside(range)) {
                        continue;
                    }
                    let granularity = granularity(rng, &shape, axis, dtype);
                    let step = granularity_step(&granularity);
                    let len: usize = shape.iter().product();
                    let values = (0..len)
                        .map(|_| match rng.random_range(0..8) {
                            0 => special[rng.random_range(0..special.len())],
                            // Half steps: ties.
                            1..4 => (f64::from(rng.random_range(-600i32..600)) * 0.5 * step) as f32,
                            _ => ((rng.random::<f64>() - 0.5) * 400.0 * step) as f32,
                        })
                        .collect();
                    let name = format!(
                        "quantize/{shape:?}/{}/axis {axis:?}/range {range:?}",
                        dtype.name()
                    );
                    let op = OpSpec::Quantize(QuantizeSpec {
                        shape: shape.clone(),
                        dtype,
                        granularity,
                        range,
                    });
                    problems.push((name, problem(op, &shape, Data::F32(values))));
                }
            }
        }
    }
}

fn granularity_step(granularity: &Granularity) -> f64 {
    match granularity {
        Granularity::PerTensor(qparams) => qparams.scale,
        Granularity::PerChannel { qparams, .. } => qparams.first().map_or(1.0, |q| q.scale),
    }
}

fn dequantize(rng: &mut ChaCha8Rng, problems: &mut Vec<(String, Problem)>) {
    for (shape, axes) in shapes() {
        for axis in axes {
            for dtype in [DType::U8, DType::I8, DType::I32] {
                let len: usize = shape.iter().product();
                let codes = (0..len).map(|_| rng.next_u32());
                let data = match dtype {
                    DType::U8 => Data::U8(codes.map(|x| x as u8).collect()),
                    DType::I8 => Data::I8(codes.map(|x| x as i8).collect()),
                    _ => Data::I32(codes.map(|x| x as i32).collect()),
                };
                let name = format!("dequantize/{shape:?}/{}/axis {axis:?}", dtype.name());
                let op = OpSpec::Dequantize(DequantizeSpec {
                    shape: shape.clone(),
                    dtype,
                    granularity: granularity(rng, &shape, axis, dtype),
                });
                problems.push((name, problem(op, &shape, data)));
            }
        }
    }
}

fn requantize(rng: &mut ChaCha8Rng, problems: &mut Vec<(String, Problem)>) {
    for columns in [1, 3, 8, 16, 17, 31, 32, 33, 63, 64, 65, 130, 257] {
        for per_column in [false, true] {
            for dtype in [DType::U8, DType::I8] {
                for relu in [false, true] {
                    let (low, high) = dtype.code_range().expect("a type of codes");
                    let zero_point = [low, high, 3][rng.random_range(0..3)] as i32;
                    let count = if per_column { columns } else { 1 };
                    // From far below one step to overflow beyond i32 and beyond i64.
                    let choices = [0.5f32, 0.001, 0.25, 1.0, 2.0, 300.0, 1e20, 0.037_4];
                    let multipliers: Vec<f32> = (0..count)
                        .map(|_| choices[rng.random_range(0..8)])
                        .collect();
                    let sums = (0..3 * columns)
                        .map(|_| match rng.random_range(0..6) {
                            0 => [i32::MIN, i32::MAX, 0, -1, 1][rng.random_range(0..5)],
                            1 => rng.next_u32() as i32,
                            2 => rng.random_range(-100_000..100_000),
                            _ => rng.random_range(-600..600),
                        })
                        .collect();
                    let name = format!(
                        "requantize/{columns}/{}/per column {per_column}/relu {relu}",
                        dtype.name()
                    );
                    let op = OpSpec::Requantize(RequantizeSpec {
                        rows: 3,
                        columns,
                        dtype,
                        zero_point,
                        multipliers,
                        relu,
                    });
                    problems.push((name, problem(op, &[3, columns], Data::I32(sums))));
                }
            }
        }
    }
}

fn observe(rng: &mut ChaCha8Rng, problems: &mut Vec<(String, Problem)>) {
    let kinds = [
        ObserverKind::MinMax,
        ObserverKind::MovingAverage,
        ObserverKind::PerChannelMinMax,
        ObserverKind::PerChannelMovingAverage,
        ObserverKind::Histogram,
    ];
    for (shape, axes) in shapes() {
        for axis in axes.into_iter().flatten() {
            for kind in kinds {
                let histogram = kind == ObserverKind::Histogram;
                // A histogram costs its 2048 bins, and does not know axes.
                if histogram && (axis > 0 || rng.random_range(0..3) > 0) {
                    continue;
                }
                for batches in [1, 3] {
                    let inputs = (0..batches)
                        .map(|batch| {
                            let data = observed(rng, &shape, !histogram, batch);
                            Tensor::new(shape.clone(), data).expect("as many as the shape holds")
                        })
                        .collect();
                    let op = OpSpec::Observe(ObserveSpec {
                        kind,
                        shape: shape.clone(),
                        batches,
                        axis,
                    });
                    let problem = Problem {
                        op,
                        constants: Constants::default(),
                        inputs,
                    };
                    let name = format!("observe/{kind:?}/{shape:?}/axis {axis}/{batches} batches");
                    problems.push((name, problem));
                }
            }
        }
    }
}

/// One batch: values around 0 with zeros of both signs, at times constant, with
/// infinite values, or, if asked for, with NaN.
fn observed(rng: &mut ChaCha8Rng, shape: &[usize], nan: bool, batch: usize) -> Data {
    let special = match rng.random_range(0..4) {
        0 => f32::INFINITY,
        1 => f32::NEG_INFINITY,
        2 if nan => f32::NAN,
        _ => -0.0,
    };
    // Later batches reach further, so that histograms grow.
    let reach = [0.0f32, 1.0, 1.0, 1e-30, 2e38][rng.random_range(0..5)] * (batch + 1) as f32;
    let len: usize = shape.iter().product();
    let values = (0..len)
        .map(|_| match rng.random_range(0..60) {
            0 => special,
            1..4 => 0.0,
            4..7 => -0.0,
            _ => (rng.random::<f32>() - 0.4) * reach,
        })
        .collect();
    Data::F32(values)
}

fn quantized(dtype: DType, scale: f32, zero_point: i32) -> Quantized {
    Quantized {
        dtype,
        qparams: QParams {
            scale: f64::from(scale),
            zero_point,
        },
    }
}

fn codes(rng: &mut ChaCha8Rng, shape: &[usize], dtype: DType) -> Tensor {
    let len: usize = shape.iter().product();
    // A third of the codes lie at the ends, where pairs saturate.
    let byte = (0..len).map(|_| match rng.random_range(0..6) {
        0 => 0x7f,
        1 => 0xff,
        _ => rng.next_u32() as u8,
    });
    let data = match dtype {
        DType::U8 => Data::U8(byte.collect()),
        _ => Data::I8(byte.map(|x| x as i8).collect()),
    };
    Tensor::new(shape.to_vec(), data).expect("as many codes as the shape holds")
}

/// Weights, their scales, and a bias, for `n` output columns.
fn constants(
    rng: &mut ChaCha8Rng,
    shape: &[usize],
    per_channel: bool,
    bias: BiasKind,
) -> (Constants, Granularity) {
    let n = shape[0];
    let one = |i: usize| QParams {
        scale: f64::from([0.05f32, 0.003, 0.7][i % 3]),
        zero_point: 0,
    };
    let granularity = if per_channel {
        Granularity::PerChannel {
            axis: 0,
            qparams: (0..n).map(one).collect(),
        }
    } else {
        Granularity::PerTensor(one(0))
    };
    let bias = match bias {
        BiasKind::None => None,
        BiasKind::F32 => {
            let values = (0..n).map(|_| (rng.random::<f32>() - 0.5) * 30.0).collect();
            Some(Data::F32(values))
        }
        BiasKind::I32 => {
            let values = (0..n).map(|_| rng.random_range(-5000..5000)).collect();
            Some(Data::I32(values))
        }
    };
    let constants = Constants {
        weights: Some(codes(rng, shape, DType::I8)),
        bias: bias.map(|data| Tensor::new([n], data).expect("one a column")),
    };
    (constants, granularity)
}

fn linear(rng: &mut ChaCha8Rng, problems: &mut Vec<(String, Problem)>) {
    let to_u8 = Output::Quantized(quantized(DType::U8, 0.9, 7));
    let fixed = Activation::Quantized(quantized(DType::U8, 0.1, 100));
    let dynamic = Activation::Dynamic {
        reduce_range: false,
    };
    for (activation, output) in [
        (fixed, to_u8),
        (fixed, Output::Sums),
        (dynamic, Output::Float),
        (Activation::Float, Output::Float),
    ] {
        for (m, n, k) in [(1, 1, 1), (3, 17, 5), (13, 33, 66), (7, 48, 300)] {
            for per_channel in [false, true] {
                let bias = match output {
                    Output::Sums => BiasKind::None,
                    _ => BiasKind::F32,
                };
                let (constants, weights) = constants(rng, &[n, k], per_channel, bias);
                let input = match activation.dtype() {
                    DType::F32 => {
                        let values = (0..m * k).map(|_| rng.random::<f32>() - 0.3).collect();
                        Tensor::new([m, k], Data::F32(values)).expect("m rows of k")
                    }
                    dtype => codes(rng, &[m, k], dtype),
                };
                let name = format!("linear/{activation:?}/{m}.{n}.{k}/per channel {per_channel}");
                let op = OpSpec::Linear(LinearSpec {
                    m,
                    n,
                    k,
                    activation,
                    weights,
                    bias,
                    output,
                    relu: false.into(),
                });
                let inputs = vec![input];
                let problem = Problem {
                    op,
                    constants,
                    inputs,
                };
                problems.push((name, problem));
            }
        }
    }
}

fn conv(rng: &mut ChaCha8Rng, problems: &mut Vec<(String, Problem)>) {
    // in channels, out channels, groups: one group, several, depthwise; odd counts
    for (c, n, groups) in [
        (3, 17, 1),
        (8, 6, 2),
        (19, 19, 19),
        (32, 32, 32),
        (16, 40, 1),
    ] {
        for kernel in [vec![3], vec![3, 3], vec![1, 1], vec![2, 3, 2]] {
            let dims = kernel.len();
            let mut shape = vec![n];
            shape.extend(&kernel);
            shape.push(c / groups);
            let (constants, weights) = constants(rng, &shape, dims == 2, BiasKind::F32);
            let spec = ConvSpec {
                batch: 2,
                input: vec![5; dims],
                in_channels: c,
                out_channels: n,
                stride: vec![if dims == 1 { 2 } else { 1 }; dims],
                pad_begin: kernel.iter().map(|size| size / 2).collect(),
                pad_end: kernel.iter().map(|size| (size - 1) / 2).collect(),
                dilation: vec![1; dims],
                kernel,
                groups,
                activation: quantized(DType::U8, 0.1, 90),
                weights,
                bias: BiasKind::F32,
                output: Output::Quantized(quantized(DType::U8, 1.3, 11)),
                relu: false.into(),
            };
            let mut image = vec![2];
            image.extend(&spec.input);
            image.push(c);
            let inputs = vec![codes(rng, &image, DType::U8)];
            let name = format!("conv/{:?}/{c}.{n}.g{groups}", spec.kernel);
            let op = OpSpec::Conv(spec);
            let problem = Problem {
                op,
                constants,
                inputs,
            };
            problems.push((name, problem));
        }
    }
}
