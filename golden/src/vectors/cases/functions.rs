//! Cases of functions of one code that have no captured system but TFLite: |x|, leaky relu, exp,
//! elu, 1/√x; and of pairs of codes.

use super::draw::Draw;
use super::plain::every_code;
use super::{Cases, problem, quantized};
use crate::spec::{
    BinarySpec, CodePairSpec, EluSpec, FunctionSpec, LeakyReluSpec, OpSpec, Quantized, Relu,
};
use crate::tensor::{DType, Data};

/// Each 8-bit code; s16 codes over the whole range with both ends.
fn codes(dtype: DType) -> Data {
    match dtype {
        DType::I16 => Data::from_codes(
            dtype,
            (-128i64..=127).map(|i| (i * 259).clamp(-32_768, 32_767)),
        ),
        dtype => every_code(dtype),
    }
}

/// Codes at or above the zero point.
fn not_negative(tensor: Quantized) -> Data {
    let zero_point = i64::from(tensor.qparams.zero_point);
    let all = codes(tensor.dtype);
    Data::from_codes(
        tensor.dtype,
        (0..all.len()).map(|i| all.code(i).max(zero_point)),
    )
}

fn function(
    make: fn(FunctionSpec) -> OpSpec,
    codes: fn(Quantized) -> Data,
    parameters: &[(&str, Quantized, Quantized)],
) -> Cases {
    (parameters.iter())
        .map(|&(name, input, output)| {
            let spec = FunctionSpec {
                shape: vec![256],
                input,
                output,
            };
            (name.to_owned(), problem(make(spec), vec![codes(input)]))
        })
        .collect()
}

fn u8(scale: f32, zero_point: i32) -> Quantized {
    quantized(DType::U8, scale.into(), zero_point)
}

fn s8(scale: f32, zero_point: i32) -> Quantized {
    quantized(DType::I8, scale.into(), zero_point)
}

fn s16(scale: f32) -> Quantized {
    quantized(DType::I16, scale.into(), 0)
}

pub(super) fn abs() -> Cases {
    let parameters = [
        ("s8", s8(0.037, -67), s8(0.05, -15)),
        ("s8/one-scale", s8(0.05, -67), s8(0.05, -15)),
        ("s8/ties", s8(0.25, 3), s8(1.0, -128)),
        ("u8", u8(0.1, 255), u8(0.07, 0)),
        ("s16", s16(0.000_1), s16(0.000_13)),
    ];
    function(OpSpec::Abs, |tensor| codes(tensor.dtype), &parameters)
}

pub(super) fn elu() -> Cases {
    let parameters = [
        ("s8", s8(0.037, -67), s8(0.05, -15)),
        ("s8/fine", s8(0.001, 127), s8(0.000_9, 127)),
        ("u8", u8(0.1, 128), u8(0.07, 20)),
        ("s8/coarse", s8(2.0, 0), s8(1.0, -1)),
    ];
    let elu = |spec| OpSpec::Elu(EluSpec::new(spec, 1.0));
    function(elu, |tensor| codes(tensor.dtype), &parameters)
}

pub(super) fn exp() -> Cases {
    let parameters = [
        ("s8", s8(0.037, -67), s8(0.5, -15)),
        ("s8/fine", s8(0.001, 0), s8(0.01, -128)),
        ("s8/overflow", s8(0.5, 0), s8(1e-6, 0)),
        ("u8", u8(0.02, 200), u8(0.01, 0)),
        ("s16", s16(0.000_3), s16(0.5)),
    ];
    function(OpSpec::Exp, |tensor| codes(tensor.dtype), &parameters)
}

pub(super) fn rsqrt() -> Cases {
    let parameters = [
        ("s8", s8(0.037, -67), s8(0.05, -15)),
        ("s8/fine", s8(0.000_1, -128), s8(0.8, -128)),
        ("u8", u8(0.25, 0), u8(0.01, 0)),
        ("s16", s16(0.000_3), s16(0.05)),
    ];
    function(OpSpec::Rsqrt, not_negative, &parameters)
}

pub(super) fn leaky_relu() -> Cases {
    [
        ("s8", s8(0.037, -67), s8(0.05, -15), 0.1f32),
        ("s8/ties", s8(0.25, 3), s8(1.0, -5), 0.5),
        ("u8", u8(0.1, 131), u8(0.07, 40), 0.3),
        ("u8/steep", u8(0.1, 131), u8(0.7, 140), 1.5),
        ("s16", s16(0.000_1), s16(0.000_13), 0.2),
    ]
    .map(|(name, input, output, slope)| {
        let spec = LeakyReluSpec {
            shape: vec![256],
            input,
            output,
            slope: slope.into(),
        };
        let inputs = vec![codes(input.dtype)];
        (name.into(), problem(OpSpec::LeakyRelu(spec), inputs))
    })
    .into()
}

fn pair(make: fn(CodePairSpec) -> OpSpec) -> Cases {
    [DType::U8, DType::I8, DType::I16]
        .map(|dtype| {
            let shape = vec![32];
            let inputs = ["a", "b"].map(|name| match dtype {
                DType::I16 => super::wide::codes(&mut Draw::new(name), 32),
                dtype => Draw::new(name).codes(dtype, 32),
            });
            let op = make(CodePairSpec { shape, dtype });
            (dtype.name().to_owned(), problem(op, inputs.into()))
        })
        .into()
}

pub(super) fn maximum() -> Cases {
    pair(OpSpec::Maximum)
}

pub(super) fn minimum() -> Cases {
    pair(OpSpec::Minimum)
}

pub(super) fn squared_difference() -> Cases {
    [
        ("usual", s8(0.037, -67), s8(0.021, 72), s8(0.09, -15)),
        ("ties", s8(0.5, 1), s8(1.0, 3), s8(2.0, -128)),
        ("coarse", s8(0.1, -128), s8(0.05, 127), s8(3.0, -100)),
    ]
    .map(|(name, a, b, output)| {
        let spec = BinarySpec {
            shape: vec![64],
            a,
            b,
            output,
            relu: Relu::None,
        };
        let mut draw = Draw::new(name);
        let inputs = vec![draw.codes(DType::I8, 64), draw.codes(DType::I8, 64)];
        (
            name.into(),
            problem(OpSpec::SquaredDifference(spec), inputs),
        )
    })
    .into()
}
