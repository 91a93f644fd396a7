//! Cases of convolution.

use super::draw::Draw;
use super::matrix::{Operands, constants, output, weight_parameters};
use super::{Cases, quantized, with_constants};
use crate::spec::{BiasKind, ConvSpec, OpSpec, Output};
use crate::tensor::DType;

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

const SHAPES: [Shape; 10] = [
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
        name: "2d-depthwise-eights",
        input: &[3, 3],
        channels: [8, 8],
        kernel: &[3, 3],
        stride: &[1, 1],
        pad: [&[1, 1], &[1, 1]],
        dilation: &[1, 1],
        groups: 8,
    },
    Shape {
        name: "2d-groups-fours",
        input: &[3, 3],
        channels: [8, 8],
        kernel: &[2, 2],
        stride: &[1, 1],
        pad: [&[1, 1], &[0, 0]],
        dilation: &[1, 1],
        groups: 2,
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
