//! Cases of ops on images, rows and matrices that are computed on real values, of transposed
//! convolution, and of tables of embeddings.

use super::draw::Draw;
use super::{Cases, problem, qparams, quantized, tensor, with_constants};
use crate::spec::*;
use crate::tensor::{DType, Data};

fn resize(make: fn(ResizeSpec) -> OpSpec, corners: &[bool]) -> Cases {
    let mut cases = Cases::new();
    for &align_corners in corners {
        for (name, input, output) in [
            ("double", vec![3, 4], vec![6, 8]),
            ("odd", vec![4, 3], vec![5, 7]),
            ("smaller", vec![5, 6], vec![2, 1]),
        ] {
            let name = match align_corners {
                true => format!("{name}/corners"),
                false => name.to_owned(),
            };
            let mut draw = Draw::new(&name);
            let spec = ResizeSpec {
                batch: 1,
                input,
                channels: 3,
                output,
                align_corners,
                tensor: quantized(DType::U8, 0.0371, 61),
            };
            let codes = draw.codes(DType::U8, spec.input_shape().iter().product());
            cases.push((name, problem(make(spec), vec![codes])));
        }
    }
    cases
}

pub(super) fn resize_nearest() -> Cases {
    resize(OpSpec::ResizeNearest, &[false])
}

pub(super) fn resize_bilinear() -> Cases {
    resize(OpSpec::ResizeBilinear, &[false, true])
}

pub(super) fn layer_norm() -> Cases {
    [
        ("plain", 4, 5, false, DType::U8),
        ("affine", 3, 40, true, DType::U8),
        ("s8", 3, 16, true, DType::I8),
    ]
    .map(|(name, rows, len, affine, dtype)| {
        let mut draw = Draw::new(name);
        let spec = LayerNormSpec {
            rows,
            len,
            input: quantized(dtype, 0.0371, 61),
            output: quantized(dtype, 0.0517, 100),
            epsilon: 1e-5,
        };
        let mut row = || tensor([len], Data::F32(draw.reals(2.0, len)));
        let constants = match affine {
            true => Constants {
                weights: Some(row()),
                bias: Some(row()),
            },
            false => Constants::default(),
        };
        let codes = draw.codes(dtype, rows * len);
        let problem = with_constants(OpSpec::LayerNorm(spec), constants, vec![codes]);
        (name.to_owned(), problem)
    })
    .into()
}

pub(super) fn batch_norm() -> Cases {
    [("plain", false, DType::U8), ("relu", true, DType::I8)]
        .map(|(name, relu, dtype)| {
            let (pixels, channels) = (16, 5);
            let mut draw = Draw::new(name);
            let spec = BatchNormSpec {
                pixels,
                channels,
                input: quantized(dtype, 0.0371, 61),
                output: quantized(dtype, 0.0517, 100),
                epsilon: 1e-5,
                relu,
            };
            let constants = Constants {
                weights: Some(tensor([channels], Data::F32(draw.reals(2.0, channels)))),
                bias: Some(tensor([channels], Data::F32(draw.reals(1.0, channels)))),
            };
            let variance = draw
                .reals(2.0, channels)
                .into_iter()
                .map(f32::abs)
                .collect();
            let inputs = vec![
                draw.codes(dtype, pixels * channels),
                Data::F32(draw.reals(1.0, channels)),
                Data::F32(variance),
            ];
            let problem = with_constants(OpSpec::BatchNorm(spec), constants, inputs);
            (name.to_owned(), problem)
        })
        .into()
}

pub(super) fn matmul() -> Cases {
    [
        ("u8", DType::U8, [0.053_5, 0.050_1, 1.42], [133, 124, 119]),
        ("s8-ties", DType::I8, [0.5, 0.25, 8.0], [3, -5, 7]),
    ]
    .map(|(name, dtype, scales, zero_points)| {
        let mut draw = Draw::new(name);
        let of = |i: usize| quantized(dtype, scales[i], zero_points[i]);
        let spec = BatchMatmulSpec {
            batch: 2,
            m: 3,
            n: 4,
            k: 7,
            a: of(0),
            b: of(1),
            output: of(2),
        };
        let inputs = vec![draw.codes(dtype, 42), draw.codes(dtype, 56)];
        (name.to_owned(), problem(OpSpec::BatchMatmul(spec), inputs))
    })
    .into()
}

pub(super) fn conv_transpose() -> Cases {
    let mut cases = Cases::new();
    for (name, input, kernel, stride, pad, dilation) in [
        ("1d", vec![4], vec![3], 2, 0, 1),
        ("2d", vec![3, 4], vec![3, 3], 2, 1, 1),
        ("dilated", vec![3, 3], vec![2, 3], 1, 1, 2),
    ] {
        for per_channel in [false, true] {
            let name = match per_channel {
                true => format!("{name}/per-channel"),
                false => name.to_owned(),
            };
            let mut draw = Draw::new(&name);
            let (in_channels, out_channels) = (4, 3);
            let dims = kernel.len();
            let weights = match per_channel {
                true => Granularity::PerChannel {
                    axis: 0,
                    qparams: [0.01, 0.02, 0.005].map(|scale| qparams(scale, 0)).into(),
                },
                false => Granularity::PerTensor(qparams(0.0125, 0)),
            };
            let spec = ConvTransposeSpec {
                batch: 1,
                input: input.clone(),
                in_channels,
                out_channels,
                kernel: kernel.clone(),
                stride: vec![stride; dims],
                pad_begin: vec![pad; dims],
                pad_end: vec![pad; dims],
                dilation: vec![dilation; dims],
                activation: quantized(DType::U8, 0.0371, 61),
                weights,
                bias: BiasKind::F32,
                output: Output::Quantized(quantized(DType::U8, 0.361, 113)),
                relu: Relu::None,
            };
            let mut shape = vec![out_channels];
            shape.extend(&kernel);
            shape.push(in_channels);
            let len = shape.iter().product();
            let constants = Constants {
                weights: Some(tensor(shape, draw.extreme_codes(DType::I8, len))),
                bias: Some(tensor(
                    [out_channels],
                    Data::F32(draw.reals(1.0, out_channels)),
                )),
            };
            let codes = draw.codes(DType::U8, spec.input_shape().iter().product());
            let op = OpSpec::ConvTranspose(spec);
            cases.push((name, with_constants(op, constants, vec![codes])));
        }
    }
    cases
}

pub(super) fn quantize_rows() -> Cases {
    [DType::U8, DType::U4, DType::U2]
        .map(|codes| {
            let name = codes.name();
            let (rows, columns) = (5, 8);
            let mut values = Draw::new(name).reals(3.0, rows * columns);
            // A constant row, and one whose range is no f16.
            values[8..16].fill(0.75);
            values[16..24].fill(1e-9);
            values[16] = 0.0;
            let spec = QuantizeRowsSpec {
                rows,
                columns,
                codes,
            };
            let op = OpSpec::QuantizeRows(spec);
            (name.to_owned(), problem(op, vec![Data::F32(values)]))
        })
        .into()
}

pub(super) fn linear_half() -> Cases {
    [(7, 20, 33, true), (1, 3, 9, false), (2, 17, 520, true)]
        .map(|(m, n, k, with_bias)| {
            let name = format!("m{m}.n{n}.k{k}");
            let mut draw = Draw::new(&name);
            let mut weights = draw.reals(1.0, n * k);
            weights[1] = 1e5;
            let spec = LinearHalfSpec {
                m,
                n,
                k,
                bias: match with_bias {
                    true => BiasKind::F32,
                    false => BiasKind::None,
                },
            };
            let constants = Constants {
                weights: Some(tensor([n, k], Data::F32(weights))),
                bias: with_bias.then(|| tensor([n], Data::F32(draw.reals(1.0, n)))),
            };
            let inputs = vec![Data::F32(draw.reals(2.0, m * k))];
            let problem = with_constants(OpSpec::LinearHalf(spec), constants, inputs);
            (name, problem)
        })
        .into()
}
