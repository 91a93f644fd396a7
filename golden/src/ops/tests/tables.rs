//! Functions of codes by tables and Newton steps: sigmoid, tanh, exp and 1/√x of s16 codes, 1/√x
//! of 8-bit codes.

use super::{profile, quantized, run};
use crate::ops::reference;
use crate::spec::{Constants, EluSpec, FunctionSpec, OpSpec, Problem, Quantized};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

fn outputs(
    make: fn(FunctionSpec) -> OpSpec,
    (input, output): (Quantized, Quantized),
    codes: Vec<i64>,
) -> Vec<i64> {
    let spec = FunctionSpec {
        shape: vec![codes.len()],
        input,
        output,
    };
    let codes = vec![Data::from_codes(input.dtype, codes)];
    let litert = profile("litert-reference");
    let none = Constants::default();
    let got = run(make(spec), none, codes, &litert, &mut Witness::default());
    (0..got.len()).map(|i| got.code(i)).collect()
}

/// The greatest distance from the real function, in codes.
fn farthest(outputs: &[i64], codes: &[i64], scales: (f64, f64), real: fn(f64) -> f64) -> f64 {
    (outputs.iter().zip(codes))
        .map(|(&got, &code)| {
            let steps = real(code as f64 * scales.0) / scales.1;
            (steps.min(32_767.0) - got as f64).abs()
        })
        .fold(0.0, f64::max)
}

fn s16(scale: f64) -> Quantized {
    quantized(DType::I16, scale, 0)
}

const STEP: f64 = 1.0 / 32_768.0;

#[test]
fn sigmoid_and_tanh_of_s16_are_near_the_real_ones() {
    let codes: Vec<i64> = (-32_768..=32_767).step_by(13).collect();
    for scale in [1.0 / 4096.0, 1.0 / 2048.0, 0.000_145, 0.002] {
        let tensors = (s16(scale), s16(STEP));
        let got = outputs(OpSpec::Sigmoid, tensors, codes.clone());
        let far = farthest(&got, &codes, (scale, STEP), |x| 1.0 / (1.0 + (-x).exp()));
        assert!(far < 8.0, "sigmoid {scale}: {far}");
        let got = outputs(OpSpec::Tanh, tensors, codes.clone());
        let far = farthest(&got, &codes, (scale, STEP), f64::tanh);
        assert!(far < 16.0, "tanh {scale}: {far}");
        let rising = got.windows(2).all(|pair| pair[0] <= pair[1]);
        assert!(rising, "tanh {scale}");
    }
    let ends = outputs(
        OpSpec::Sigmoid,
        (s16(0.01), s16(STEP)),
        vec![-32_768, 0, 32_767],
    );
    assert_eq!(ends, [1, 16_384, 32_767]);
}

#[test]
fn exp_and_root_of_s16_are_near_the_real_ones() {
    let codes: Vec<i64> = (-32_768..=32_767).step_by(13).collect();
    let got = outputs(OpSpec::Exp, (s16(0.000_1), s16(0.001)), codes.clone());
    let far = farthest(&got, &codes, (0.000_1, 0.001), f64::exp);
    assert!((0.5..5.0).contains(&far), "{far}");
    let codes: Vec<i64> = (1_000..=32_767).step_by(13).collect();
    let got = outputs(OpSpec::Rsqrt, (s16(0.000_1), s16(0.000_2)), codes.clone());
    let far = farthest(&got, &codes, (0.000_1, 0.000_2), |x| 1.0 / x.sqrt());
    assert!(far < 40.0, "{far}");
    let zero = outputs(OpSpec::Rsqrt, (s16(0.000_1), s16(0.000_2)), vec![0]);
    assert_eq!(zero, [32_767]);
}

#[test]
fn one_over_the_root_of_each_code() {
    let (input, output) = (
        quantized(DType::I8, 0.25, -128),
        quantized(DType::I8, 0.01, -128),
    );
    let codes: Vec<i64> = (-128..=127).collect();
    let got = outputs(OpSpec::Rsqrt, (input, output), codes.clone());
    assert_eq!(got[0], 127, "0 stands for the highest code");
    for (code, got) in codes.into_iter().zip(got).skip(1) {
        let real = 1.0 / (0.25 * (code + 128) as f64).sqrt() / 0.01 - 128.0;
        assert!(
            (real.min(127.0) - got as f64).abs() < 0.52,
            "{code}: {got} {real}"
        );
    }
}

#[test]
fn what_a_table_cannot_hold_is_refused() {
    let error = |make: fn(FunctionSpec) -> OpSpec, input, output, code: i64, name| {
        let spec = FunctionSpec {
            shape: vec![1],
            input,
            output,
        };
        let problem = Problem {
            op: make(spec),
            constants: Constants::default(),
            inputs: vec![Tensor::new([1], Data::from_codes(DType::I16, [code])).unwrap()],
        };
        let got = reference(&problem, &profile(name), &mut Witness::default());
        got.unwrap_err().to_string()
    };
    let litert = "litert-reference";
    let message = error(OpSpec::Exp, s16(0.01), s16(0.5), 0, litert);
    assert!(message.contains("leaves f32"), "{message}");
    let message = error(OpSpec::Rsqrt, s16(0.01), s16(0.5), -1, litert);
    assert!(
        message.contains("the code -1 steps from the zero point"),
        "{message}"
    );
    let message = error(OpSpec::Tanh, s16(0.01), s16(0.5), 0, litert);
    assert!(message.contains("scale 2^-15 only"), "{message}");
    let elu = |spec| OpSpec::Elu(EluSpec::new(spec, 1.0));
    for make in [OpSpec::Sigmoid, OpSpec::Exp, elu, OpSpec::Abs] {
        let message = error(make, s16(0.01), s16(STEP), 0, "fbgemm");
        assert!(message.contains("defined"), "{message}");
    }
}
