//! The absolute value, leaky relu and the square of a difference: every code, ratios of scales
//! that make ties, and those of captured ops.

use crate::ops::reference;
use crate::oracle;
use crate::profile::{AbsForm, Axis, LeakyReluForm, Profile, SquaredDifferenceForm, named};
use crate::spec::{
    BinarySpec, Constants, FunctionSpec, LeakyReluSpec, OpSpec, Problem, QParams, Quantized, Relu,
};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

const RATIOS: [(f64, f64); 5] = [
    (0.25, 1.0),
    (0.037, 0.052),
    (0.1, 0.1),
    (1.0, 0.3),
    (0.000_1, 0.7),
];

fn tensor(dtype: DType, scale: f64, zero_point: i32) -> Quantized {
    Quantized {
        dtype,
        qparams: QParams { scale, zero_point },
    }
}

/// The codes of `op` for these inputs, where the profile defines them.
fn codes(op: OpSpec, inputs: Vec<Data>, profile: &Profile) -> Option<Vec<i64>> {
    let inputs = (inputs.into_iter())
        .map(|data| Tensor::new([data.len()], data).unwrap())
        .collect();
    let problem = Problem {
        op,
        constants: Constants::default(),
        inputs,
    };
    let output = reference(&problem, profile, &mut Witness::default()).ok()?;
    Some(
        (0..output[0].len())
            .map(|i| output[0].data().code(i))
            .collect(),
    )
}

fn base() -> Profile {
    named::find("litert-reference").unwrap().profile
}

/// Every code of a type, each with its input and output tensor.
fn every(mut check: impl FnMut(Quantized, Quantized, Data)) {
    for (dtype, zero_points) in [(DType::I8, [-67, -15]), (DType::U8, [255, 40])] {
        let (low, high) = dtype.code_range().unwrap();
        for (from, to) in RATIOS {
            let input = tensor(dtype, from, zero_points[0]);
            let output = tensor(dtype, to, zero_points[1]);
            check(input, output, Data::from_codes(dtype, low..=high));
        }
    }
}

#[test]
fn every_code_of_abs_under_every_form() {
    every(|input, output, all| {
        for &form in AbsForm::ALL {
            let mut profile = base();
            profile.pointwise.abs = form;
            let spec = FunctionSpec {
                shape: vec![256],
                input,
                output,
            };
            let got = codes(OpSpec::Abs(spec), vec![all.clone()], &profile);
            let expected = (0..256).map(|i| oracle::abs(form, all.code(i), input, output));
            assert_eq!(got, expected.collect(), "{form:?} {input:?} {output:?}");
        }
    });
}

#[test]
fn every_code_of_leaky_relu_under_every_form() {
    let mut differing = 0;
    every(|input, output, all| {
        let tables =
            [0.1, 0.5, 1.25].map(|slope| LeakyReluForm::ALL.iter().map(move |&form| (slope, form)));
        let mut seen = Vec::new();
        for (slope, form) in tables.into_iter().flatten() {
            let mut profile = match form {
                LeakyReluForm::ThroughReal => named::find("onnxruntime").unwrap().profile,
                _ => base(),
            };
            profile.pointwise.leaky_relu = form;
            let spec = LeakyReluSpec {
                shape: vec![256],
                input,
                output,
                slope,
            };
            let got = codes(OpSpec::LeakyRelu(spec), vec![all.clone()], &profile);
            let outside = form == LeakyReluForm::Fixed8Up && got.is_none();
            let expected: Option<Vec<i64>> = (0..256)
                .map(|i| oracle::leaky_relu(form, all.code(i), slope, input, output))
                .collect();
            if !outside {
                assert_eq!(got, expected, "{form:?} {slope} {input:?} {output:?}");
                seen.push(got);
            }
        }
        differing += usize::from(seen.windows(2).any(|pair| pair[0] != pair[1]));
    });
    assert!(differing > 0);
}

#[test]
fn every_pair_of_codes_of_a_squared_difference() {
    let profile = base();
    for (from_a, from_b, to) in [
        ((0.037, -67), (0.021, 72), (0.09, -15)),
        ((0.5, 1), (1.0, 3), (2.0, -128)),
        ((0.1, -128), (0.05, 127), (3.0, -100)),
    ] {
        let s8 = |(scale, zero_point)| tensor(DType::I8, scale, zero_point);
        let (from_a, from_b, output) = (s8(from_a), s8(from_b), s8(to));
        let pairs: Vec<(i64, i64)> = (-128..=127)
            .flat_map(|a| (-128..=127).step_by(37).map(move |b| (a, b)))
            .collect();
        let spec = BinarySpec {
            shape: vec![pairs.len()],
            a: from_a,
            b: from_b,
            output,
            relu: Relu::None,
        };
        let inputs = vec![
            Data::from_codes(DType::I8, pairs.iter().map(|pair| pair.0)),
            Data::from_codes(DType::I8, pairs.iter().map(|pair| pair.1)),
        ];
        let got = codes(OpSpec::SquaredDifference(spec), inputs, &profile);
        let form = SquaredDifferenceForm::Gemmlowp7;
        let expected = (pairs.into_iter())
            .map(|pair| oracle::squared_difference(form, pair, (from_a, from_b), output));
        assert_eq!(got, expected.collect());
    }
}
