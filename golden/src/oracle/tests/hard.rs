//! Hardswish and hardsigmoid: every code, at usual and at extreme scales.

use crate::ops::reference;
use crate::oracle;
use crate::profile::{Axis, HardForm, named};
use crate::spec::{Constants, FunctionSpec, OpSpec, Problem, QParams, Quantized};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

type Function = fn(HardForm, i64, QParams, Quantized) -> Option<i64>;

type Make = fn(FunctionSpec) -> OpSpec;

const FUNCTIONS: [(Make, Function); 2] = [
    (OpSpec::Hardswish, oracle::hardswish),
    (OpSpec::Hardsigmoid, oracle::hardsigmoid),
];

fn quantized(dtype: DType, scale: f64, zero_point: i32) -> Quantized {
    Quantized {
        dtype,
        qparams: QParams { scale, zero_point },
    }
}

#[test]
fn every_code_under_every_form() {
    let mut distinct = 0;
    for (make, oracle) in FUNCTIONS {
        for input in [
            (0.05, 128),
            (0.031_25, 61),
            (1.0, 0),
            (3e-5, 200),
            (7e30, 3),
        ] {
            for output in [(0.025, 15), (1.0 / 256.0, 0), (0.125, 255), (1e-12, 7)] {
                for dtype in [DType::U8, DType::I8] {
                    let shift = if dtype == DType::U8 { 0 } else { 128 };
                    let input = quantized(dtype, input.0, input.1 - shift);
                    let output = quantized(dtype, output.0, output.1 - shift);
                    let (low, high) = dtype.code_range().unwrap();
                    let tables = HardForm::ALL.iter().map(|&form| {
                        let spec = FunctionSpec {
                            shape: vec![256],
                            input,
                            output,
                        };
                        let codes = Data::from_codes(dtype, low..=high);
                        let problem = Problem {
                            op: make(spec),
                            constants: Constants::default(),
                            inputs: vec![Tensor::new([256], codes).unwrap()],
                        };
                        let mut profile = named::find("fbgemm").unwrap().profile;
                        profile.pointwise.hard_function = form;
                        let mut witness = Witness::default();
                        let got = reference(&problem, &profile, &mut witness).ok();
                        let got = |i: usize| {
                            let open = witness.open.contains(&(0, i));
                            got.as_ref().filter(|_| !open).map(|t| t[0].data().code(i))
                        };
                        let got: Vec<_> = (0..256).map(got).collect();
                        let expected: Vec<_> = (low..=high)
                            .map(|code| oracle(form, code, input.qparams, output))
                            .collect();
                        assert_eq!(got, expected, "{form:?} {input:?} {output:?}");
                        got
                    });
                    let tables: Vec<_> = tables.collect();
                    distinct += usize::from(tables[0] != tables[1]);
                }
            }
        }
    }
    // The zero point inside the rounding moves ties.
    assert!(distinct > 0);
}
