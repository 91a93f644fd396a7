//! Multipliers that kinds of ops build in their own way. The scales are such that a product of
//! two scales in f32 and one in f64 lead to different codes, as they do in LiteRT 2.3.0.

use crate::ops::reference;
use crate::profile::named;
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Scales of activations, weights and output.
type Scales = (f64, f64, f64);

/// A sum of 97 · 127 · 7: 47 steps by a product in f32, 48 by one in f64, the shift rounded up.
const LINEAR: Scales = (
    0.094_870_194_792_747_5,
    0.022_183_747_962_117_195,
    3.820_753_812_789_917,
);

/// A sum of 76 · 127 · 7: 52 steps by a product in f32, 53 by one in f64, the shift rounded away.
const CONV: Scales = (
    0.379_452_675_580_978_4,
    0.004_255_860_578_268_766,
    2.078_284_978_866_577,
);

/// How many products a sum has.
const K: usize = 7;

fn steps(scale: f64, zero_point: i32) -> QParams {
    QParams { scale, zero_point }
}

fn run(op: OpSpec, weights: Option<Tensor>, inputs: Vec<Tensor>, profile: &str) -> i64 {
    let problem = Problem {
        op,
        constants: Constants {
            weights,
            bias: None,
        },
        inputs,
    };
    let profile = &named::find(profile).unwrap().profile;
    let outputs = reference(&problem, profile, &mut Witness::default()).unwrap();
    outputs[0].data().code(0)
}

fn row(dtype: DType, shape: &[usize], code: i64) -> Tensor {
    let len = shape.iter().product();
    Tensor::new(shape.to_vec(), Data::from_codes(dtype, vec![code; len])).unwrap()
}

fn linear(per_channel: bool, profile: &str) -> i64 {
    let quantized = |scale| Quantized {
        dtype: DType::I8,
        qparams: steps(scale, 0),
    };
    let weights = match per_channel {
        true => Granularity::PerChannel {
            axis: 0,
            qparams: vec![steps(LINEAR.1, 0)],
        },
        false => Granularity::PerTensor(steps(LINEAR.1, 0)),
    };
    let op = OpSpec::Linear(LinearSpec {
        m: 1,
        n: 1,
        k: K,
        activation: Activation::Quantized(quantized(LINEAR.0)),
        weights,
        bias: BiasKind::None,
        output: Output::Quantized(quantized(LINEAR.2)),
        relu: Relu::None,
    });
    let w = row(DType::I8, &[1, K], 127);
    run(op, Some(w), vec![row(DType::I8, &[1, K], 97)], profile)
}

#[test]
fn litert_builds_that_of_linear_with_one_scale_from_a_product_in_f32() {
    assert_eq!(linear(false, "litert-optimized"), 47);
    assert_eq!(linear(true, "litert-optimized"), 48);
}

fn conv(dtype: DType, profile: &str) -> i64 {
    let zero_point = if dtype == DType::U8 { 128 } else { 0 };
    let quantized = |scale| Quantized {
        dtype,
        qparams: steps(scale, zero_point),
    };
    let op = OpSpec::Conv(ConvSpec {
        batch: 1,
        input: vec![1, 1],
        in_channels: K,
        out_channels: 1,
        kernel: vec![1, 1],
        stride: vec![1, 1],
        pad_begin: vec![0, 0],
        pad_end: vec![0, 0],
        dilation: vec![1, 1],
        groups: 1,
        activation: quantized(CONV.0),
        weights: Granularity::PerTensor(steps(CONV.1, zero_point)),
        bias: BiasKind::None,
        output: Output::Quantized(quantized(CONV.2)),
        relu: Relu::None,
    });
    let zero_point = i64::from(zero_point);
    let w = row(dtype, &[1, 1, 1, K], 127 + zero_point);
    let x = row(dtype, &[1, 1, 1, K], 76 + zero_point);
    run(op, Some(w), vec![x], profile) - zero_point
}

#[test]
fn litert_builds_that_of_u8_convolutions_from_a_product_in_f32() {
    assert_eq!(conv(DType::I8, "litert-reference"), 53);
    assert_eq!(conv(DType::U8, "litert-reference"), 52);
}

#[test]
fn litert_scales_batches_the_same_way_in_both_kinds_of_kernels() {
    let quantized = |scale| Quantized {
        dtype: DType::I8,
        qparams: steps(scale, 0),
    };
    let op = OpSpec::BatchMatmul(BatchMatmulSpec {
        batch: 1,
        m: 1,
        n: 1,
        k: K,
        a: quantized(CONV.0),
        b: quantized(CONV.1),
        output: quantized(CONV.2),
    });
    let inputs = || {
        let (a, b) = (
            row(DType::I8, &[1, 1, K], 76),
            row(DType::I8, &[1, K, 1], 127),
        );
        vec![a, b]
    };
    for profile in ["litert-reference", "litert-optimized"] {
        assert_eq!(run(op.clone(), None, inputs(), profile), 52, "{profile}");
    }
}
