//! Products with a fused clamp to two codes, and convolutions whose channels
//! fill vectors and leave a tail: some systems round the two differently.

use super::draw::Draw;
use super::{Cases, qparams, quantized, tensor, with_constants};
use crate::spec::{
    Activation, BiasKind, Constants, ConvSpec, Granularity, LinearSpec, OpSpec, Output, Relu,
};
use crate::tensor::{DType, Data};

/// relu6 where a step of the output is 1/4: nothing below the zero point, nothing 24 above it.
fn relu6(zero_point: i32) -> Relu {
    Relu::Codes {
        low: zero_point,
        high: zero_point + 24,
    }
}

pub(super) fn linear() -> Cases {
    let mut cases = Cases::new();
    for (dtype, zero_point) in [(DType::U8, 7), (DType::I8, -20)] {
        let name = format!("codes/relu6/{}", dtype.name());
        let mut draw = Draw::new(&name);
        let spec = LinearSpec {
            m: 4,
            n: 3,
            k: 5,
            activation: Activation::Quantized(quantized(dtype, 0.05f32.into(), zero_point)),
            weights: Granularity::PerTensor(qparams(0.01f32.into(), 0)),
            bias: BiasKind::None,
            output: Output::Quantized(quantized(dtype, 0.25, zero_point)),
            relu: relu6(zero_point),
        };
        let constants = Constants {
            weights: Some(tensor([3, 5], draw.codes(DType::I8, 15))),
            bias: None,
        };
        let x = draw.codes(dtype, 20);
        cases.push((
            name,
            with_constants(OpSpec::Linear(spec), constants, vec![x]),
        ));
    }
    cases
}

/// A convolution of 1 by 1 over 4 positions, `groups` groups of one input channel, whose sums
/// are the codes times 1, −1 and 3 and whose multiplier is `multiplier`.
fn steps(name: &str, groups: usize, per_group: usize, multiplier: f64, relu: Relu) -> Cases {
    let channels = groups * per_group;
    let spec = ConvSpec {
        batch: 1,
        input: vec![2, 2],
        in_channels: groups,
        out_channels: channels,
        kernel: vec![1, 1],
        stride: vec![1, 1],
        pad_begin: vec![0, 0],
        pad_end: vec![0, 0],
        dilation: vec![1, 1],
        groups,
        activation: quantized(DType::I8, multiplier, 0),
        weights: Granularity::PerTensor(qparams(1.0, 0)),
        bias: BiasKind::None,
        output: Output::Quantized(quantized(DType::I8, 1.0, 1)),
        relu,
    };
    let weights = (0..channels).map(|c| [1, -1, 3][c % 3]).collect();
    let constants = Constants {
        weights: Some(tensor([channels, 1, 1, 1], Data::I8(weights))),
        bias: None,
    };
    let codes = Data::I8((0..4 * groups as i8).map(|i| 2 * i - 31).collect());
    let name = name.to_owned();
    vec![(
        name,
        with_constants(OpSpec::Conv(spec), constants, vec![codes]),
    )]
}

pub(super) fn conv() -> Cases {
    let relu_n1_to_1 = Relu::Codes { low: -3, high: 5 };
    [
        steps("codes/ties/depthwise-11", 11, 1, 0.25, Relu::None),
        steps(
            "codes/ties/depthwise-5-multiplied-by-2",
            5,
            2,
            0.125,
            Relu::None,
        ),
        steps("codes/relu-n1-to-1", 5, 1, 0.25, relu_n1_to_1),
    ]
    .concat()
}
