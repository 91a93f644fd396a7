//! Cases of ops on single codes: every code in order.

use super::{Cases, problem, quantized};
use crate::spec::{ClampSpec, FunctionSpec, OpSpec, Quantized};
use crate::tensor::{DType, Data};

pub(super) fn every_code(dtype: DType) -> Data {
    let (low, high) = dtype.code_range().expect("an integer type");
    Data::from_codes(dtype, low..=high)
}

pub(super) fn clamp() -> Cases {
    [
        (DType::U8, 0, 255),
        (DType::U8, 17, 200),
        (DType::U8, 128, 128),
        (DType::I8, -128, 0),
        (DType::I8, -5, 127),
    ]
    .map(|(dtype, low, high)| {
        let spec = ClampSpec {
            shape: vec![256],
            dtype,
            low,
            high,
        };
        let name = format!("{}/{low}..{high}", dtype.name());
        (name, problem(OpSpec::Clamp(spec), vec![every_code(dtype)]))
    })
    .into()
}

pub(super) fn recode() -> Cases {
    let wide: Vec<i64> = (-40..40).map(|i| i * 819 + i % 5).collect();
    let sums: Vec<i64> = (-40..40).map(|i| i * 53_000_003 + i % 5).collect();
    let third = 1.0 / 3.0;
    [
        ("ties", (DType::I8, 0.25, 3), (DType::I8, 1.0, -5)),
        ("u8-to-s8", (DType::U8, 0.1, 131), (DType::I8, 0.2, 3)),
        ("s8-to-u8", (DType::I8, 0.2, 3), (DType::U8, 0.1, 131)),
        ("third", (DType::U8, third, 0), (DType::U8, 1.0, 255)),
        ("far", (DType::I8, 100.0, 1), (DType::I8, 0.001, 1)),
        ("s8-to-s16", (DType::I8, 0.7, -128), (DType::I16, 0.004, 0)),
        ("s16-to-s8", (DType::I16, 0.004, 0), (DType::I8, 0.7, 10)),
        ("s16-to-s16", (DType::I16, 0.004, 0), (DType::I16, 0.012, 0)),
        ("s32-to-s8", (DType::I32, 1e-7, 0), (DType::I8, 0.7, 10)),
        ("s32-to-s16", (DType::I32, 1e-4, 0), (DType::I16, 3.1, 0)),
    ]
    .map(|(name, from, to)| {
        let data = match from.0 {
            DType::I16 => Data::from_codes(from.0, wide.clone()),
            DType::I32 => Data::from_codes(from.0, sums.clone()),
            dtype => every_code(dtype),
        };
        let spec = FunctionSpec {
            shape: vec![data.len()],
            input: quantized(from.0, from.1, from.2),
            output: quantized(to.0, to.1, to.2),
        };
        (name.to_owned(), problem(OpSpec::Recode(spec), vec![data]))
    })
    .into()
}

/// Inputs with steps from coarse to fine, zero points in the middle and at the ends; a
/// scale with more than 24 bits.
fn function(make: fn(FunctionSpec) -> OpSpec, outputs: [Quantized; 3]) -> Cases {
    let [usual, signed, free] = outputs;
    let u8 = |scale, zero_point| quantized(DType::U8, scale, zero_point);
    let s8 = |scale, zero_point| quantized(DType::I8, scale, zero_point);
    [
        ("usual", u8(0.05f32.into(), 128), usual),
        ("coarse", u8(1.0, 100), usual),
        ("fine", u8(0.001, 0), usual),
        ("no-f32", u8(0.023_456_789_012, 255), usual),
        ("huge", u8(3e5, 7), usual),
        ("tiny", u8(1e-30, 128), usual),
        ("s8", s8(0.031f32.into(), -7), signed),
        ("free", u8(0.04f32.into(), 130), free),
    ]
    .map(|(name, input, output)| {
        let spec = FunctionSpec {
            shape: vec![256],
            input,
            output,
        };
        let codes = every_code(input.dtype);
        (name.to_owned(), problem(make(spec), vec![codes]))
    })
    .into()
}

pub(super) fn sigmoid() -> Cases {
    let step = 1.0 / 256.0;
    let outputs = [
        quantized(DType::U8, step, 0),
        quantized(DType::I8, step, -128),
        quantized(DType::U8, 1.0 / 255.0, 3),
    ];
    [function(OpSpec::Sigmoid, outputs), wide(OpSpec::Sigmoid)].concat()
}

/// s16 codes: scales of no pattern, a power of two, and one at which the table ends.
fn wide(make: fn(FunctionSpec) -> OpSpec) -> Cases {
    [
        ("s16", 0.000_145),
        ("s16/power", 1.0 / 4096.0),
        ("s16/coarse", 0.01),
    ]
    .map(|(name, scale)| {
        let spec = FunctionSpec {
            shape: vec![256],
            input: quantized(DType::I16, scale, 0),
            output: quantized(DType::I16, 1.0 / 32_768.0, 0),
        };
        let codes = (-128i64..=127).map(|i| (i * 259).clamp(-32_768, 32_767));
        let codes = Data::from_codes(DType::I16, codes);
        (name.to_owned(), problem(make(spec), vec![codes]))
    })
    .into()
}

pub(super) fn hardswish() -> Cases {
    let outputs = [
        quantized(DType::U8, 0.031_25, 12),
        quantized(DType::I8, 0.025f32.into(), -100),
        quantized(DType::U8, 0.25, 3),
    ];
    function(OpSpec::Hardswish, outputs)
}

pub(super) fn hardsigmoid() -> Cases {
    let step = 1.0 / 256.0;
    let outputs = [
        quantized(DType::U8, step, 0),
        quantized(DType::I8, step, -128),
        quantized(DType::U8, 1.0 / 255.0, 3),
    ];
    function(OpSpec::Hardsigmoid, outputs)
}

pub(super) fn tanh() -> Cases {
    let step = 2.0 / 256.0;
    let outputs = [
        quantized(DType::U8, step, 128),
        quantized(DType::I8, step, 0),
        quantized(DType::I8, 0.011, -4),
    ];
    [function(OpSpec::Tanh, outputs), wide(OpSpec::Tanh)].concat()
}
