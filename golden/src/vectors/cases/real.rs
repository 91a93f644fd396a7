//! Cases of ops on single codes and rows that are computed on real values.

use super::draw::Draw;
use super::{Cases, problem, quantized};
use crate::spec::*;
use crate::tensor::{DType, Data};

fn every_code(dtype: DType) -> Data {
    let (low, high) = dtype.code_range().expect("an integer type");
    Data::from_codes(dtype, low..=high)
}

/// Names, inputs and outputs: exact ties, steps of no pattern, a scale of more than 24 bits,
/// zero points at the ends, steps so fine that every output is clamped.
fn parameters() -> [(&'static str, Quantized, Quantized); 5] {
    let u8 = |scale, zero_point| quantized(DType::U8, scale, zero_point);
    let s8 = |scale, zero_point| quantized(DType::I8, scale, zero_point);
    [
        ("ties", u8(0.125, 128), u8(0.25, 61)),
        ("captured", u8(0.0371, 61), u8(0.0517, 113)),
        ("no-f32", u8(0.023_456_789_012, 255), u8(0.05, 0)),
        ("s8", s8(0.031f32.into(), -7), s8(0.025f32.into(), -100)),
        ("fine", u8(0.5, 100), u8(1e-4, 7)),
    ]
}

fn by_code(make: impl Fn(Vec<usize>, Quantized, Quantized) -> OpSpec) -> Cases {
    parameters()
        .map(|(name, input, output)| {
            let op = make(vec![256], input, output);
            (name.to_owned(), problem(op, vec![every_code(input.dtype)]))
        })
        .into()
}

pub(super) fn gelu() -> Cases {
    by_code(|shape, input, output| {
        OpSpec::Gelu(FunctionSpec {
            shape,
            input,
            output,
        })
    })
}

pub(super) fn leaky_relu() -> Cases {
    by_code(|shape, input, output| {
        OpSpec::LeakyRelu(LeakyReluSpec {
            shape,
            input,
            output,
            slope: 0.1,
        })
    })
}

pub(super) fn elu() -> Cases {
    by_code(|shape, input, output| {
        OpSpec::Elu(EluSpec {
            shape,
            input,
            output,
            alpha: 1.25,
        })
    })
}

pub(super) fn softmax() -> Cases {
    let step = 1.0 / 256.0;
    let u8 = |scale| quantized(DType::U8, scale, 128);
    let probabilities = quantized(DType::U8, step, 0);
    [
        ("last", vec![4, 9], 1, u8(0.05), probabilities),
        ("first", vec![4, 9], 0, u8(0.05), probabilities),
        ("middle", vec![2, 5, 3], 1, u8(1.0), probabilities),
        (
            "s8",
            vec![3, 8],
            1,
            quantized(DType::I8, 0.03, 5),
            quantized(DType::I8, step, -128),
        ),
        (
            "s8/certain",
            vec![4, 5],
            1,
            quantized(DType::I8, 1.0, 5),
            quantized(DType::I8, step, -128),
        ),
        (
            "captured",
            vec![3, 4, 2],
            1,
            quantized(DType::U8, 0.0371, 61),
            quantized(DType::U8, 0.0517, 113),
        ),
    ]
    .map(|(name, shape, axis, input, output)| {
        let len = shape.iter().product();
        let codes = Draw::new(name).codes(input.dtype, len);
        let spec = SoftmaxSpec {
            shape,
            axis,
            input,
            output,
            beta: 1.0,
        };
        let name = name.to_owned();
        (name, problem(OpSpec::Softmax(spec), vec![codes]))
    })
    .into()
}

pub(super) fn mean() -> Cases {
    [
        ("ties", vec![9, 4], vec![1], DType::U8, 3),
        ("two-axes", vec![3, 5, 3], vec![1, 2], DType::U8, 200),
        ("all", vec![4, 6], vec![0, 1], DType::I8, -128),
    ]
    .map(|(name, shape, axes, dtype, zero_point)| {
        let len = shape.iter().product();
        let codes = Draw::new(name).codes(dtype, len);
        let tensor = quantized(dtype, 0.25, zero_point);
        let spec = ReduceSpec {
            shape,
            axes,
            input: tensor,
            output: tensor,
        };
        let name = name.to_owned();
        (name, problem(OpSpec::Mean(spec), vec![codes]))
    })
    .into()
}

pub(super) fn concat() -> Cases {
    let u8 = |scale, zero_point| quantized(DType::U8, scale, zero_point);
    [
        (
            "last",
            1,
            vec![2, 3],
            vec![u8(0.5, 1), u8(0.25, 3)],
            u8(0.5, 11),
        ),
        (
            "own",
            0,
            vec![2, 3],
            vec![u8(0.0371, 61), u8(0.0517, 113)],
            u8(0.0517, 113),
        ),
        (
            "first",
            0,
            vec![1, 2, 4],
            vec![u8(0.0371, 61), u8(0.0219, 200), u8(0.1, 0)],
            u8(0.0517, 113),
        ),
    ]
    .map(|(name, axis, sizes, inputs, output)| {
        let mut draw = Draw::new(name);
        let spec = ConcatSpec {
            shape: vec![5, 5],
            axis,
            sizes,
            inputs,
            output,
        };
        let data = (spec.inputs().into_iter())
            .map(|(shape, dtype)| draw.codes(dtype, shape.iter().product()))
            .collect();
        (name.to_owned(), problem(OpSpec::Concat(spec), data))
    })
    .into()
}

fn scalar(make: fn(ScalarSpec) -> OpSpec, scalars: &[f64]) -> Cases {
    let mut cases = Cases::new();
    for (dtype, zero_point) in [(DType::U8, 61), (DType::I8, -7)] {
        for &scalar in scalars {
            let spec = ScalarSpec {
                shape: vec![256],
                input: quantized(dtype, 0.0371, zero_point),
                scalar,
            };
            let name = format!("{}/{scalar}", dtype.name());
            cases.push((name, problem(make(spec), vec![every_code(dtype)])));
        }
    }
    cases
}

/// Within the range of zero points, a tie, and beyond both ends.
pub(super) fn add_scalar() -> Cases {
    let scalars = [0.4, -1.0, 0.018_55, 9.0, -11.5];
    scalar(OpSpec::AddScalar, &scalars)
}

pub(super) fn mul_scalar() -> Cases {
    scalar(OpSpec::MulScalar, &[1.37, 0.0, -0.25])
}
