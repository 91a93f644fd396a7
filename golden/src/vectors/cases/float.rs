//! Cases of ops on f32 between dequantize and quantize.

use super::draw::Draw;
use super::{Cases, tensor, with_constants};
use crate::spec::*;
use crate::tensor::Data;

pub(super) fn float() -> Cases {
    let conv = |in_channels, out_channels, kernel: usize, stride, pad, groups| FloatConvSpec {
        batch: 2,
        input: vec![5, 4],
        in_channels,
        out_channels,
        kernel: vec![kernel, kernel],
        stride: vec![stride, stride],
        pad: vec![pad, pad],
        dilation: vec![1, 1],
        groups,
    };
    let pool = FloatPoolSpec {
        batch: 2,
        input: vec![5, 4],
        channels: 3,
        kernel: vec![2, 2],
        stride: vec![2, 1],
    };
    let shape = || vec![2, 3, 2, 5];
    [
        // More than 8 channels, which not every order takes in one run.
        ("conv", true, FloatOp::Conv(conv(11, 4, 3, 2, 1, 1))),
        (
            "conv.pointwise",
            false,
            FloatOp::Conv(conv(16, 6, 1, 1, 0, 1)),
        ),
        (
            "conv.depthwise",
            true,
            FloatOp::Conv(conv(4, 4, 3, 1, 1, 4)),
        ),
        ("add", false, FloatOp::Add { shape: shape() }),
        ("relu", false, FloatOp::Relu { shape: shape() }),
        ("avg_pool", false, FloatOp::AvgPool(pool)),
        ("flatten", false, FloatOp::Flatten { shape: shape() }),
        ("copy", false, FloatOp::Copy { shape: shape() }),
    ]
    .map(|(name, with_bias, op)| {
        let mut draw = Draw::new(name);
        let mut reals = |shape: &[usize]| Data::F32(draw.reals(3.0, shape.iter().product()));
        let inputs = op.inputs().iter().map(|shape| reals(shape)).collect();
        let channels = op.output().last().copied().unwrap_or(1);
        let constants = Constants {
            weights: None,
            bias: with_bias.then(|| tensor([channels], reals(&[channels]))),
        };
        let problem = with_constants(OpSpec::Float(op), constants, inputs);
        (name.to_owned(), problem)
    })
    .into()
}
