//! Problems that the tests of other families do not make: weights of both types
//! with zero points, every number of taps, sums and multipliers at their ends.

use qassay_golden::spec::{
    BiasKind, Constants, ConvSpec, Granularity, OpSpec, Output, Problem, QParams, RequantizeSpec,
};
use qassay_golden::tensor::{DType, Data, Tensor};
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;

use crate::problems::{pick, quantized};

/// Gives the weights zero points in three problems of four, and makes them u8 in one of three.
pub fn move_weights(rng: &mut ChaCha8Rng, problem: &mut Problem) {
    let granularity = match &mut problem.op {
        OpSpec::Linear(spec) => &mut spec.weights,
        OpSpec::Conv(spec) => &mut spec.weights,
        _ => return,
    };
    let zeros = rng.random_range(0..4) > 0;
    let unsigned = rng.random_range(0..3) == 0;
    let middle = if unsigned { 128 } else { 0 };
    let mut change = |qparams: &mut QParams| {
        let ends = [-128, 127, rng.random_range(-128..128), 1];
        qparams.zero_point = middle + if zeros { pick(rng, &ends) } else { 0 };
    };
    match granularity {
        Granularity::PerTensor(qparams) => change(qparams),
        Granularity::PerChannel { qparams, .. } => qparams.iter_mut().for_each(change),
    }
    if unsigned && let Some(weights) = &mut problem.constants.weights {
        let Data::I8(codes) = weights.data() else {
            unreachable!("weights are made s8");
        };
        let codes = codes.iter().map(|&w| w as u8 ^ 0x80).collect();
        let shape = weights.shape().to_vec();
        *weights = Tensor::new(shape, Data::U8(codes)).expect("as many as before");
    }
}

/// A depthwise convolution in one dimension with `taps` kernel positions.
pub fn depthwise(rng: &mut ChaCha8Rng, taps: usize, channels: usize) -> Problem {
    let dtype = pick(rng, &[DType::U8, DType::I8]);
    let input = taps + 3;
    let spec = ConvSpec {
        batch: 1,
        input: vec![input],
        in_channels: channels,
        out_channels: channels,
        kernel: vec![taps],
        stride: vec![1],
        pad_begin: vec![taps / 2],
        pad_end: vec![taps / 2],
        dilation: vec![1],
        groups: channels,
        activation: quantized(rng, dtype, 0.02),
        weights: Granularity::PerTensor(QParams {
            scale: 0.01,
            zero_point: 0,
        }),
        bias: BiasKind::None,
        output: Output::Sums,
        relu: false.into(),
    };
    let codes = |rng: &mut ChaCha8Rng, dtype, shape: Vec<usize>| {
        let len = shape.iter().product();
        let (low, high) = dtype_range(dtype);
        let data = Data::from_codes(dtype, (0..len).map(|_| rng.random_range(low..=high)));
        Tensor::new(shape, data).expect("as many codes as the shape holds")
    };
    let mut problem = Problem {
        constants: Constants {
            weights: Some(codes(rng, DType::I8, vec![channels, taps, 1])),
            bias: None,
        },
        inputs: vec![codes(rng, dtype, vec![1, input, channels])],
        op: OpSpec::Conv(spec),
    };
    move_weights(rng, &mut problem);
    problem
}

fn dtype_range(dtype: DType) -> (i64, i64) {
    dtype.code_range().expect("codes")
}

/// Sums at the ends of i32, on ties and anywhere, with multipliers from the least that fixed
/// point holds to just below 1, or to 200.
pub fn requantize(rng: &mut ChaCha8Rng, above_one: bool) -> Problem {
    let columns = rng.random_range(1..70);
    let multiplier = |rng: &mut ChaCha8Rng| {
        let small = [
            0.5,
            0.25,
            0.125,
            1f32.next_down(),
            2f32.powi(-32),
            2f32.powi(-31),
            2f32.powi(-20),
            0.000_71,
            rng.random_range(0.000_01f32..1.0),
        ];
        match rng.random_range(0..3) {
            0 if above_one => pick(rng, &[1.0, 1.5, 3.5, 200.0, 2.000_001]),
            _ => pick(rng, &small),
        }
    };
    let dtype = pick(rng, &[DType::U8, DType::I8]);
    let (low, high) = dtype_range(dtype);
    let multipliers = if rng.random() {
        vec![multiplier(rng)]
    } else {
        (0..columns).map(|_| multiplier(rng)).collect()
    };
    let sums = (0..5 * columns)
        .map(|_| match rng.random_range(0..5) {
            0 => pick(rng, &[i32::MIN, i32::MIN + 1, i32::MAX, 0, 1, -1]),
            1 => rng.next_u32() as i32,
            2 => rng.random_range(-1_000_000..1_000_000),
            // Multiples of a half, a quarter and an eighth: ties.
            _ => rng.random_range(-2000..2000),
        })
        .collect();
    let any = rng.random_range(low..=high);
    let zero_point = pick(rng, &[low, high, 3, any]) as i32;
    Problem {
        op: OpSpec::Requantize(RequantizeSpec {
            rows: 5,
            columns,
            dtype,
            zero_point,
            multipliers,
            relu: rng.random(),
        }),
        constants: Constants::default(),
        inputs: vec![Tensor::new([5, columns], Data::I32(sums)).expect("5 rows")],
    }
}
