//! Hardswish and hardsigmoid, with values that are derived by hand.

use super::*;
use crate::spec::FunctionSpec;

fn codes(make: fn(FunctionSpec) -> OpSpec, output: Quantized, name: &str) -> Data {
    // x = −4, −3, −1.5, 0, 1.5, 3, 4
    let codes = Data::I8(vec![-8, -6, -3, 0, 3, 6, 8]);
    let spec = FunctionSpec {
        shape: vec![7],
        input: quantized(DType::I8, 0.5, 0),
        output,
    };
    let mut witness = Witness::default();
    run(
        make(spec),
        Constants::default(),
        vec![codes],
        &profile(name),
        &mut witness,
    )
}

#[test]
fn hardswish_is_0_below_minus_3_and_x_above_3() {
    // 0, 0, −0.375, 0, 1.125, 3, 4: in steps of 0.25, −1.5 and 4.5 are ties.
    let output = quantized(DType::I8, 0.25, 1);
    let got = codes(OpSpec::Hardswish, output, "fbgemm");
    assert_eq!(got, Data::I8(vec![1, 1, -1, 1, 5, 13, 17]));
    // The zero point is inside the rounding: −0.5 and 5.5.
    let got = codes(OpSpec::Hardswish, output, "qnnpack");
    assert_eq!(got, Data::I8(vec![1, 1, 0, 1, 6, 13, 17]));
}

#[test]
fn hardsigmoid_goes_from_0_to_1() {
    // 0, 0, 0.25, 0.5, 0.75, 1, 1
    let output = quantized(DType::I8, 1.0 / 128.0, -10);
    for name in ["fbgemm", "qnnpack"] {
        let got = codes(OpSpec::Hardsigmoid, output, name);
        assert_eq!(got, Data::I8(vec![-10, -10, 22, 54, 86, 118, 118]));
    }
    let wide = quantized(DType::I8, 1.0 / 128.0, 0);
    let got = codes(OpSpec::Hardsigmoid, wide, "fbgemm");
    assert_eq!(got, Data::I8(vec![0, 0, 32, 64, 96, 127, 127]));
}

#[test]
fn a_profile_without_the_function_refuses_it() {
    let spec = FunctionSpec {
        shape: vec![1],
        input: quantized(DType::U8, 0.5, 0),
        output: quantized(DType::U8, 0.5, 0),
    };
    let problem = Problem {
        op: OpSpec::Hardswish(spec),
        constants: Constants::default(),
        inputs: vec![Tensor::new([1], Data::U8(vec![1])).unwrap()],
    };
    let got = reference(&problem, &profile("tosa"), &mut Witness::default());
    let message = "hardswish and hardsigmoid are not defined by this profile";
    assert_eq!(got.unwrap_err().to_string(), message);
}
