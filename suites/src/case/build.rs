//! A checked case to a problem: spec, constants and inputs.

use qassay_golden::spec::*;
use qassay_golden::tensor::{DType, Data, Tensor};

use super::fields::*;
use super::parameters::Parameters;
use crate::data;

/// The problem of a case that [`check`](super::check::check) accepted.
pub(super) fn problem(made: &Made) -> Problem {
    let parameters = Parameters::of(made);
    let op = spec(made, &parameters);
    let constants = Constants {
        weights: made.op.is_product().then(|| weights(made, &parameters)),
        bias: bias(made, &parameters),
    };
    let inputs = inputs(made, &parameters, &op);
    Problem {
        op,
        constants,
        inputs,
    }
}

fn spec(made: &Made, p: &Parameters) -> OpSpec {
    let quantized = |slot: usize, dtype: DType| Quantized {
        dtype,
        qparams: p.one(slot),
    };
    let output = match made.output {
        DType::F32 => Output::Float,
        DType::I32 => Output::Sums,
        dtype => Output::Quantized(quantized(2, dtype)),
    };
    match (&made.shape, made.op) {
        (Shape::Dims(shape), Op::Quantize) => OpSpec::Quantize(QuantizeSpec {
            shape: shape.clone(),
            dtype: made.dtype,
            granularity: p.granularity(2),
            range: made.range,
        }),
        (Shape::Dims(shape), Op::Dequantize) => OpSpec::Dequantize(DequantizeSpec {
            shape: shape.clone(),
            dtype: made.dtype,
            granularity: p.granularity(0),
        }),
        (&Shape::Rows { m, n }, _) => OpSpec::Requantize(RequantizeSpec {
            rows: m,
            columns: n,
            dtype: made.dtype,
            zero_point: p.one(2).zero_point,
            multipliers: p.multipliers(),
            relu: made.relu,
        }),
        (Shape::Dims(shape), Op::ChooseQparams) => OpSpec::ChooseQparams(ChooseQparamsSpec {
            len: shape[0],
            request: QparamsRequest {
                dtype: made.dtype,
                range: made.range,
                symmetric: made.symmetric,
                reduce_range: made.reduce_range,
            },
        }),
        (Shape::Dims(shape), Op::Add | Op::Mul) => {
            let spec = BinarySpec {
                shape: shape.clone(),
                a: quantized(0, made.dtype),
                b: quantized(1, made.dtype),
                output: quantized(2, made.dtype),
                relu: made.relu.into(),
            };
            if made.op == Op::Add {
                OpSpec::Add(spec)
            } else {
                OpSpec::Mul(spec)
            }
        }
        (Shape::Dims(shape), Op::Relu) => OpSpec::Relu(ReluSpec {
            shape: shape.clone(),
            tensor: quantized(0, made.dtype),
        }),
        (Shape::Dims(shape), Op::Clamp) => {
            let (low, high) = made.range.expect("a clamp is checked to have a range");
            OpSpec::Clamp(ClampSpec {
                shape: shape.clone(),
                dtype: made.dtype,
                low: low as i32,
                high: high as i32,
            })
        }
        (Shape::Dims(shape), Op::Sigmoid | Op::Tanh) => {
            let spec = FunctionSpec {
                shape: shape.clone(),
                input: quantized(0, made.dtype),
                output: quantized(2, made.dtype),
            };
            if made.op == Op::Sigmoid {
                OpSpec::Sigmoid(spec)
            } else {
                OpSpec::Tanh(spec)
            }
        }
        (Shape::Dims(shape), op) => OpSpec::Observe(ObserveSpec {
            kind: op
                .observer(made.per_channel.is_some())
                .expect("the other ops with dims stand above"),
            shape: shape.clone(),
            batches: made.batches,
            axis: made.per_channel.unwrap_or(0),
        }),
        (&Shape::Matrix { m, n, k }, op) => OpSpec::Linear(LinearSpec {
            m,
            n,
            k,
            activation: match op {
                Op::LinearDynamic => Activation::Dynamic {
                    reduce_range: made.reduce_range,
                },
                Op::LinearWeightOnly => Activation::Float,
                _ => Activation::Quantized(quantized(0, made.dtype)),
            },
            weights: p.granularity(1),
            bias: made.bias,
            output: if op == Op::Linear {
                output
            } else {
                Output::Float
            },
            relu: made.relu.into(),
        }),
        (Shape::Image(image), Op::Conv) => OpSpec::Conv(ConvSpec {
            batch: image.batch,
            input: image.input.clone(),
            in_channels: image.channels,
            out_channels: image.out_channels.expect("a conv's shape has o"),
            kernel: image.kernel.clone(),
            stride: image.stride.clone(),
            pad_begin: image.pad_begin.clone(),
            pad_end: image.pad_end.clone(),
            dilation: image.dilation.clone(),
            groups: image.groups,
            activation: quantized(0, made.dtype),
            weights: p.granularity(1),
            bias: made.bias,
            output,
            relu: made.relu.into(),
        }),
        (Shape::Image(image), op) => {
            let activation = quantized(0, made.dtype);
            let spec = PoolSpec {
                batch: image.batch,
                input: image.input.clone(),
                channels: image.channels,
                kernel: image.kernel.clone(),
                stride: image.stride.clone(),
                pad: image.pad_begin.clone(),
                pad_end: None,
                count_include_pad: !made.exclude_pad,
                activation,
                output: if op == Op::AvgPool {
                    quantized(2, made.dtype)
                } else {
                    activation
                },
            };
            if op == Op::AvgPool {
                OpSpec::AvgPool(spec)
            } else {
                OpSpec::MaxPool(spec)
            }
        }
    }
}

fn weights(made: &Made, p: &Parameters) -> Tensor {
    let shape = match &made.shape {
        &Shape::Matrix { n, k, .. } => vec![n, k],
        Shape::Image(image) => {
            let mut shape = vec![image.out_channels.expect("a conv's shape has o")];
            shape.extend(&image.kernel);
            shape.push(image.channels / image.groups);
            shape
        }
        _ => unreachable!("only products have weights, and their shapes are these"),
    };
    let data = match &made.data {
        Source::Given(given) => bits_to_data(&given.w, DType::I8),
        Source::Class(class) => {
            let k: usize = shape[1..].iter().product();
            Data::I8(
                (0..shape[0])
                    .flat_map(|n| data::weights(made, *class, n, k, p.channel(1, n).zero_point))
                    .collect(),
            )
        }
    };
    tensor(shape, data)
}

fn bias(made: &Made, p: &Parameters) -> Option<Tensor> {
    let dtype = match made.bias {
        BiasKind::None => return None,
        BiasKind::F32 => DType::F32,
        BiasKind::I32 => DType::I32,
    };
    let n = match &made.shape {
        Shape::Matrix { n, .. } => *n,
        Shape::Image(image) => image.out_channels.expect("a conv's shape has o"),
        _ => unreachable!("only products have a bias, and their shapes are these"),
    };
    let data = match &made.data {
        Source::Given(given) => bits_to_data(&given.bias, dtype),
        Source::Class(class) if dtype == DType::I32 => Data::I32(
            (0..n)
                .map(|n| data::bias_steps(made, *class, n, p.spread()))
                .collect(),
        ),
        Source::Class(class) => Data::F32(
            (0..n)
                .map(|n| data::float_bias(made, *class, n, p.spread(), p.step(n)))
                .collect(),
        ),
    };
    Some(tensor(vec![n], data))
}

fn inputs(made: &Made, p: &Parameters, op: &OpSpec) -> Vec<Tensor> {
    let class = match &made.data {
        Source::Given(given) => {
            let mut rest = &given.x[..];
            return op
                .inputs()
                .into_iter()
                .enumerate()
                .map(|(number, (shape, dtype))| {
                    let bits = if number == 1 && made.op.is_binary() {
                        &given.w[..]
                    } else {
                        let (head, tail) = rest.split_at(shape.iter().product());
                        rest = tail;
                        head
                    };
                    tensor(shape, bits_to_data(bits, dtype))
                })
                .collect();
        }
        Source::Class(class) => *class,
    };
    op.inputs()
        .into_iter()
        .enumerate()
        .map(|(number, (shape, dtype))| {
            let data = match (made.op, dtype) {
                (Op::Requantize, _) => Data::I32(data::sums(made, class, &shape, p)),
                (_, DType::F32) => Data::F32(data::floats(made, class, &shape, number, p)),
                (op, _) if op.is_product() => Data::from_codes(
                    dtype,
                    data::activation_codes(made, class, &shape, p.one(0).zero_point),
                ),
                _ if number == 1 => {
                    Data::from_codes(dtype, data::second_codes(made, class, &shape, p.one(1)))
                }
                _ => Data::from_codes(dtype, data::codes(made, class, &shape, p)),
            };
            tensor(shape, data)
        })
        .collect()
}

fn bits_to_data(bits: &[u32], dtype: DType) -> Data {
    match dtype {
        DType::U8 => Data::U8(bits.iter().map(|&b| b as u8).collect()),
        DType::I8 => Data::I8(bits.iter().map(|&b| b as u8 as i8).collect()),
        DType::I32 => Data::I32(bits.iter().map(|&b| b as i32).collect()),
        DType::F32 => Data::F32(bits.iter().map(|&b| f32::from_bits(b)).collect()),
        _ => unreachable!("case ids have no operand of type {}", dtype.name()),
    }
}

fn tensor(shape: Vec<usize>, data: Data) -> Tensor {
    Tensor::new(shape, data).expect("operands are made to the spec's shapes")
}
