//! Sigmoid and tanh: every code, under every form.

use proptest::prelude::*;

use super::all;
use crate::ops::reference;
use crate::oracle;
use crate::profile::FunctionForm;
use crate::profile::named;
use crate::spec::{Constants, FunctionSpec, OpSpec, Problem, QParams, Quantized};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

type Op = fn(FunctionSpec) -> OpSpec;
type Oracle = fn(FunctionForm, i64, QParams, Quantized) -> Option<i64>;
const FUNCTIONS: [(Op, Oracle); 2] = [
    (OpSpec::Sigmoid, oracle::sigmoid),
    (OpSpec::Tanh, oracle::tanh),
];

fn quantized(dtype: DType, scale: f64, zero_point: i32) -> Quantized {
    Quantized {
        dtype,
        qparams: QParams { scale, zero_point },
    }
}

/// The reference's table; `None` where it has none.
fn table(op: Op, form: FunctionForm, input: Quantized, output: Quantized) -> Option<Vec<i64>> {
    let mut profile = named::find("exact").unwrap().profile;
    profile.pointwise.function = form;
    let (low, high) = input.dtype.code_range().unwrap();
    let problem = Problem {
        op: op(FunctionSpec {
            shape: vec![256],
            input,
            output,
        }),
        constants: Constants::default(),
        inputs: vec![Tensor::new([256], Data::from_codes(input.dtype, low..=high)).unwrap()],
    };
    let outputs = reference(&problem, &profile, &mut Witness::default()).ok()?;
    Some((0..256).map(|i| outputs[0].data().code(i)).collect())
}

/// The oracle's table.
fn expected(
    oracle: Oracle,
    form: FunctionForm,
    input: Quantized,
    output: Quantized,
) -> Option<Vec<i64>> {
    let (low, high) = input.dtype.code_range().unwrap();
    (low..=high)
        .map(|code| oracle(form, code, input.qparams, output))
        .collect()
}

#[test]
fn every_form_on_every_code() {
    let inputs = [
        quantized(DType::U8, 0.05, 128),
        quantized(DType::U8, 1.0, 0),
        quantized(DType::U8, 1e-6, 255),
        quantized(DType::U8, 300.0, 3),
    ];
    let outputs = [
        quantized(DType::U8, 1.0 / 256.0, 0),
        quantized(DType::U8, 2.0 / 256.0, 128),
        quantized(DType::I8, 0.0071, -20),
    ];
    for (op, oracle) in FUNCTIONS {
        for &form in all() {
            for input in inputs {
                for output in outputs {
                    let got = table(op, form, input, output);
                    let expected = expected(oracle, form, input, output);
                    assert_eq!(got, expected, "{form:?} {input:?} {output:?}");
                }
            }
        }
    }
}

/// Each form gives another code than every other somewhere, or a fault in it would hide.
#[test]
fn a_fault_in_any_form_is_caught() {
    let input = quantized(DType::U8, 1.0 / 3.0, 100);
    // Steps that bring a function value next to the middle of two codes, and QNNPACK's own.
    let outputs = [
        [
            (0.014_384_449_459_612_37, 0),
            (0.014_037_836_343_050_003, 0),
            (1.0 / 256.0, 0),
            // The sigmoid of 0 is half of this step.
            (1.0, 0),
        ],
        [
            (0.007_938_586_175_441_742, 0),
            (0.005_403_575_953_096_151, 0),
            (2.0 / 256.0, 128),
            // Twice what f32 gives for tanh of 1/3.
            (0.643_025_517_463_684_1, 0),
        ],
    ];
    for ((op, oracle), outputs) in FUNCTIONS.into_iter().zip(outputs) {
        let outputs = outputs.map(|(scale, zero_point)| match zero_point {
            128 => quantized(DType::U8, scale, zero_point),
            _ => quantized(DType::I8, scale, zero_point),
        });
        for &form in all() {
            let expected = outputs.map(|output| expected(oracle, form, input, output));
            for &other in all() {
                let got = outputs.map(|output| table(op, other, input, output));
                assert_eq!(got == expected, form == other, "{form:?}, not {other:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn any_scale(scale in 1e-4f64..2.0, zero_point in any::<u8>(), step in 0.002f64..0.02) {
        let input = quantized(DType::U8, scale, i32::from(zero_point));
        for (op, oracle) in FUNCTIONS {
            for &form in all() {
                for output in [
                    quantized(DType::U8, 1.0 / 256.0, 0),
                    quantized(DType::U8, 2.0 / 256.0, 128),
                    quantized(DType::I8, step, 9),
                ] {
                    let got = table(op, form, input, output);
                    prop_assert_eq!(got, expected(oracle, form, input, output), "{:?}", form);
                }
            }
        }
    }
}
