//! Leaky relu, elu, softmax, mean and products of codes: every code, and drawn rows.

use proptest::prelude::*;

use crate::ops::reference;
use crate::oracle::float_ops;
use crate::profile::named;
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

fn quantized(dtype: DType, scale: f64, zero_point: i32) -> Quantized {
    Quantized {
        dtype,
        qparams: QParams { scale, zero_point },
    }
}

/// The first output's codes, `None` where they are left open.
fn solved(op: OpSpec, inputs: Vec<Data>) -> Vec<Option<i64>> {
    solved_by("fbgemm", op, inputs)
}

fn solved_by(profile: &str, op: OpSpec, inputs: Vec<Data>) -> Vec<Option<i64>> {
    let inputs = (inputs.into_iter().zip(op.inputs()))
        .map(|(data, (shape, _))| Tensor::new(shape, data).unwrap())
        .collect();
    let problem = Problem {
        op,
        constants: Constants::default(),
        inputs,
    };
    let profile = named::find(profile).unwrap().profile;
    let mut witness = Witness::default();
    let outputs = reference(&problem, &profile, &mut witness).unwrap();
    (0..outputs[0].len())
        .map(|i| {
            let open = witness.open.contains(&(0, i));
            (!open).then(|| outputs[0].data().code(i))
        })
        .collect()
}

#[test]
fn every_code_of_leaky_relu_and_elu() {
    for dtype in [DType::U8, DType::I8] {
        let shift = if dtype == DType::U8 { 0 } else { 128 };
        let (low, high) = dtype.code_range().unwrap();
        let codes = || vec![Data::from_codes(dtype, low..=high)];
        for input in [(0.05, 128), (0.031_25, 61), (0.7, 255), (3e-5, 0)] {
            for output in [(0.025, 15), (0.125, 255), (1e-12, 7)] {
                let input = quantized(dtype, input.0, input.1 - shift);
                let output = quantized(dtype, output.0, output.1 - shift);
                let spec = LeakyReluSpec {
                    shape: vec![256],
                    input,
                    output,
                    slope: 0.1,
                };
                let expected: Vec<_> = (low..=high)
                    .map(|code| float_ops::leaky_relu(0.1, code, input.qparams, output))
                    .collect();
                assert_eq!(solved(OpSpec::LeakyRelu(spec), codes()), expected);
                let spec = EluSpec {
                    shape: vec![256],
                    input,
                    output,
                    alpha: 1.7,
                };
                let expected: Vec<_> = (low..=high)
                    .map(|code| float_ops::elu(1.7, code, input.qparams, output))
                    .collect();
                assert_eq!(solved(OpSpec::Elu(spec), codes()), expected);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rows(
        codes in prop::collection::vec(0u8..=255, 1..12),
        others in prop::collection::vec(0u8..=255, 12),
        scale in 0.001f64..0.3,
        zero_point in 0i32..=255,
    ) {
        let len = codes.len();
        let wide: Vec<i64> = codes.iter().map(|&code| code.into()).collect();
        let input = quantized(DType::U8, scale, zero_point);
        let output = quantized(DType::U8, 1.0 / 256.0, 0);
        let spec = SoftmaxSpec { shape: vec![len], axis: 0, input, output, beta: 1.0 };
        prop_assert_eq!(
            solved(OpSpec::Softmax(spec), vec![Data::U8(codes.clone())]),
            float_ops::softmax(&wide, input.qparams, output)
        );
        let [usual, steep] = [(0.0517, 113), (1.0 / 256.0, 0)].map(|(scale, zero_point)| {
            let output = quantized(DType::U8, scale, zero_point);
            let spec = SoftmaxSpec { shape: vec![len], axis: 0, input, output, beta: 1.0 };
            let got = solved_by("onnxruntime", OpSpec::Softmax(spec), vec![Data::U8(codes.clone())]);
            (got, float_ops::softmax_by_table(&wide, input.qparams, output))
        });
        prop_assert_eq!(usual.0, usual.1);
        prop_assert_eq!(steep.0, steep.1);
        let signed = quantized(DType::I8, scale * 5.0, zero_point - 128);
        let output = quantized(DType::I8, 1.0 / 300.0, zero_point - 128);
        let spec = SoftmaxSpec { shape: vec![len], axis: 0, input: signed, output, beta: 1.0 };
        let shifted: Vec<i64> = wide.iter().map(|code| code - 128).collect();
        let data = Data::from_codes(DType::I8, shifted.iter().copied());
        prop_assert_eq!(
            solved_by("onnxruntime", OpSpec::Softmax(spec), vec![data]),
            float_ops::softmax_by_table(&shifted, signed.qparams, output)
        );
        let spec = ReduceSpec { shape: vec![1, len], axes: vec![1], input, output: input };
        prop_assert_eq!(
            solved(OpSpec::Mean(spec), vec![Data::U8(codes.clone())]),
            vec![float_ops::mean(&wide)]
        );
        let (a, b) = (input, quantized(DType::U8, 0.011, 77));
        let output = quantized(DType::U8, scale / 3.0, 128);
        let spec = BatchMatmulSpec { batch: 1, m: 1, n: 1, k: len, a, b, output };
        let pairs: Vec<_> = wide.iter().zip(&others).map(|(&x, &y)| (x, y.into())).collect();
        prop_assert_eq!(
            solved(OpSpec::BatchMatmul(spec), vec![Data::U8(codes), Data::U8(others[..len].to_vec())]),
            vec![float_ops::matmul(&pairs, a.qparams, b.qparams, output)]
        );
    }
}
