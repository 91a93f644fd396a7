//! Ops without weights in LiteRT's integer arithmetic, against values worked out by hand.

use super::*;
use crate::spec::{BinarySpec, FunctionSpec, PoolSpec, Relu};

fn codes(op: OpSpec, inputs: Vec<Data>) -> Vec<i64> {
    let data = run(
        op,
        Constants::default(),
        inputs,
        &profile("litert-reference"),
        &mut Witness::default(),
    );
    (0..data.len()).map(|i| data.code(i)).collect()
}

#[test]
fn products_land_on_ties_away_from_zero() {
    let spec = BinarySpec {
        shape: vec![5],
        a: quantized(DType::I8, 0.5, 1),
        b: quantized(DType::I8, 0.5, -1),
        output: quantized(DType::I8, 1.0, 10),
        relu: Relu::None,
    };
    // Products −10, −2, 2, 10 and 3 by 1/4: −2.5, −0.5, 0.5, 2.5 and 0.75.
    let a = Data::I8(vec![-9, -1, 3, 11, 4]);
    let b = Data::I8(vec![0; 5]);
    assert_eq!(codes(OpSpec::Mul(spec), vec![a, b]), [7, 9, 11, 13, 11]);
}

#[test]
fn a_difference_is_a_sum_with_the_other_sign_in_every_form() {
    use crate::profile::AddForm;
    use crate::profile::axis::Axis;
    let spec = |zero_point| BinarySpec {
        shape: vec![4],
        a: quantized(DType::I8, 0.5, 1),
        b: quantized(DType::I8, 0.25, zero_point),
        output: quantized(DType::I8, 0.25, -3),
        relu: Relu::None,
    };
    let a = Data::I8(vec![-127, 1, 11, 50]);
    for &form in AddForm::ALL {
        let mut profile = profile("litert-reference");
        profile.pointwise.add = form;
        let of = |op, b: Vec<i8>| {
            let inputs = vec![a.clone(), Data::I8(b)];
            let mut witness = Witness::default();
            run(op, Constants::default(), inputs, &profile, &mut witness)
        };
        // 2(a − 1) less b − 2, and −3: −256 is clamped; 0 − 3; 20 + 7; 98 + 30.
        let less = of(OpSpec::Sub(spec(2)), vec![2, 5, -5, -28]);
        assert_eq!(less, Data::I8(vec![-128, -6, 24, 125]), "{form:?}");
        let plus = of(OpSpec::Add(spec(-2)), vec![-2, -5, 5, 28]);
        assert_eq!(less, plus, "{form:?}");
    }
}

#[test]
fn sums_of_16_bits_stay_in_range_where_they_gain_15() {
    let s16 = |scale| quantized(DType::I16, scale, 0);
    let spec = BinarySpec {
        shape: vec![4],
        a: s16(0.5),
        b: s16(0.5),
        output: s16(1.0),
        relu: Relu::None,
    };
    // Halves: 1.5 and −1.5 away from zero, then both ends: 20 bits would wrap there.
    let a = Data::I16(vec![3, -3, 32_767, -32_768]);
    let b = Data::I16(vec![0, 0, 32_767, -32_768]);
    assert_eq!(
        codes(OpSpec::Add(spec), vec![a, b]),
        [2, -2, 32_767, -32_768]
    );
}

#[test]
fn a_sum_is_clamped_to_the_codes_of_its_activation() {
    let spec = BinarySpec {
        shape: vec![4],
        a: quantized(DType::I8, 0.5, 0),
        b: quantized(DType::I8, 0.25, 0),
        output: quantized(DType::I8, 0.5, 0),
        relu: Relu::Codes { low: 0, high: 12 },
    };
    // 2a + b over 2: −3/2, 3/2 (away from zero: 2), 12 and 13.
    let a = Data::I8(vec![-2, 1, 12, 12]);
    let b = Data::I8(vec![1, 1, 0, 2]);
    assert_eq!(codes(OpSpec::Add(spec), vec![a, b]), [0, 2, 12, 12]);
}

#[test]
fn means_of_codes_land_on_ties_away_from_zero_whatever_the_zero_point() {
    let pool = |dtype, zero_point| {
        let tensor = quantized(dtype, 0.5, zero_point);
        PoolSpec {
            batch: 1,
            input: vec![3],
            channels: 1,
            kernel: vec![2],
            stride: vec![2],
            pad: vec![0],
            pad_end: Some(vec![1]),
            count_include_pad: false,
            activation: tensor,
            output: tensor,
        }
    };
    // The second window holds one code and a position outside the image.
    let s8 = Data::I8(vec![-3, -2, 100]);
    assert_eq!(
        codes(OpSpec::AvgPool(pool(DType::I8, -100)), vec![s8]),
        [-3, 100]
    );
    let u8 = Data::U8(vec![3, 2, 255]);
    assert_eq!(
        codes(OpSpec::AvgPool(pool(DType::U8, 200)), vec![u8]),
        [3, 255]
    );
    let mut other = pool(DType::U8, 200);
    other.output.qparams.scale = 0.25;
    let problem = Problem {
        op: OpSpec::AvgPool(other),
        constants: Constants::default(),
        inputs: vec![Tensor::new([1, 3, 1], Data::U8(vec![0; 3])).unwrap()],
    };
    let refused = reference(
        &problem,
        &profile("litert-reference"),
        &mut Witness::default(),
    );
    assert!(refused.unwrap_err().to_string().contains("keeps"));
}

#[test]
fn functions_land_on_ties_away_from_zero() {
    let spec = FunctionSpec {
        shape: vec![1],
        input: quantized(DType::I8, 0.5, 3),
        output: quantized(DType::I8, 1.0, -7),
    };
    // The sigmoid of 0 is half a step.
    assert_eq!(
        codes(OpSpec::Sigmoid(spec), vec![Data::I8(vec![3])]),
        [1 - 7]
    );
}
