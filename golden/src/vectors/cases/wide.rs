//! Products of 16-bit activations.

use super::draw::Draw;
use super::{Cases, qparams, quantized, tensor, with_constants};
use crate::spec::{
    Activation, BiasKind, Constants, ConvSpec, Granularity, LinearSpec, OpSpec, Output, Relu,
};
use crate::tensor::{DType, Data};

/// Weights of 6 channels and 8 products each, biases of 6 channels.
fn constants(draw: &mut Draw, shape: Vec<usize>) -> Constants {
    let bias = vec![0, -1, 70_000, -3_000_000, i32::MAX, i32::MIN];
    Constants {
        weights: Some(tensor(shape, draw.codes(DType::I8, 48))),
        bias: Some(tensor([6], Data::I32(bias))),
    }
}

fn weights(per_channel: bool) -> Granularity {
    if !per_channel {
        return Granularity::PerTensor(qparams(0.01f32.into(), 0));
    }
    Granularity::PerChannel {
        axis: 0,
        qparams: (1..=6)
            .map(|i| qparams(f64::from(0.004 * i as f32), 0))
            .collect(),
    }
}

/// Codes over the whole range, both ends included.
pub(super) fn codes(draw: &mut Draw, len: usize) -> Data {
    let (least, greatest) = (i16::MIN.into(), i16::MAX.into());
    let drawn = draw.codes(DType::U8, 2 * len);
    let mut codes: Vec<i64> = (0..len)
        .map(|i| 256 * drawn.code(2 * i) + drawn.code(2 * i + 1) + least)
        .collect();
    (codes[0], codes[1]) = (least, greatest);
    Data::from_codes(DType::I16, codes)
}

pub(super) fn linear() -> Cases {
    [false, true]
        .map(|per_channel| {
            let name = if per_channel {
                "codes/s16/per-channel"
            } else {
                "codes/s16/per-tensor"
            };
            let mut draw = Draw::new(name);
            let spec = LinearSpec {
                m: 3,
                n: 6,
                k: 8,
                activation: Activation::Quantized(quantized(DType::I16, 1e-4, 0)),
                weights: weights(per_channel),
                bias: BiasKind::I32,
                output: Output::Quantized(quantized(DType::I16, 3e-4, 0)),
                relu: per_channel.into(),
            };
            let constants = constants(&mut draw, vec![6, 8]);
            let x = codes(&mut draw, 24);
            let op = OpSpec::Linear(spec);
            (name.to_owned(), with_constants(op, constants, vec![x]))
        })
        .into()
}

pub(super) fn conv() -> Cases {
    [(1, "dense"), (2, "grouped"), (6, "depthwise")]
        .map(|(groups, kind)| {
            let name = format!("codes/s16/{kind}");
            let mut draw = Draw::new(&name);
            // Always 8 products: 2 channels by 2·2, or 1 by 2·4.
            let (channels, kernel) = match groups {
                6 => (6, vec![2, 4]),
                groups => (2 * groups, vec![2, 2]),
            };
            let mut shape = vec![6];
            shape.extend(&kernel);
            shape.push(channels / groups);
            let spec = ConvSpec {
                batch: 1,
                input: vec![3, 3],
                in_channels: channels,
                out_channels: 6,
                kernel,
                stride: vec![2, 2],
                pad_begin: vec![1, 1],
                pad_end: vec![0, 1],
                dilation: vec![1, 1],
                groups,
                activation: quantized(DType::I16, 1e-4, 0),
                weights: weights(groups == 1),
                bias: BiasKind::I32,
                output: Output::Quantized(quantized(DType::I16, 3e-4, 0)),
                relu: Relu::None,
            };
            let constants = constants(&mut draw, shape);
            let x = codes(&mut draw, 9 * channels);
            (name, with_constants(OpSpec::Conv(spec), constants, vec![x]))
        })
        .into()
}
