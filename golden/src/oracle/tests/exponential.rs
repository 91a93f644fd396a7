//! Exp and elu: every 8-bit code, at usual and at extreme scales.

use crate::ops::reference;
use crate::oracle;
use crate::profile::{ExponentialForm, named};
use crate::spec::{Constants, EluSpec, FunctionSpec, OpSpec, Problem, QParams, Quantized};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

type Function = fn(ExponentialForm, i64, QParams, Quantized) -> Option<i64>;

type Make = fn(FunctionSpec) -> OpSpec;

const FUNCTIONS: [(Make, Function); 2] = [
    (OpSpec::Exp, oracle::exp_of),
    (|spec| OpSpec::Elu(EluSpec::new(spec, 1.0)), oracle::elu),
];

#[test]
fn every_code_of_exp_and_elu() {
    let profile = named::find("litert-reference").unwrap().profile;
    let form = profile.pointwise.exponential;
    let mut open = 0;
    for (make, oracle) in FUNCTIONS {
        let parameters = [
            ((0.05, -20), (0.025, 15)),
            ((0.031_25, 61), (0.5, -128)),
            ((1.0, 0), (1e-12, 7)),
            ((3e-5, 100), (0.125, 127)),
        ];
        for (input, output) in parameters {
            let tensor = |(scale, zero_point)| Quantized {
                dtype: DType::I8,
                qparams: QParams { scale, zero_point },
            };
            let (input, output) = (tensor(input), tensor(output));
            let spec = FunctionSpec {
                shape: vec![256],
                input,
                output,
            };
            let codes = Data::from_codes(DType::I8, -128..=127);
            let problem = Problem {
                op: make(spec),
                constants: Constants::default(),
                inputs: vec![Tensor::new([256], codes).unwrap()],
            };
            let mut witness = Witness::default();
            let got = reference(&problem, &profile, &mut witness).unwrap();
            open += witness.open.len();
            for (index, code) in (-128..=127).enumerate() {
                let expected = oracle(form, code, input.qparams, output);
                let is_open = witness.open.contains(&(0, index));
                let got = (!is_open).then(|| got[0].data().code(index));
                assert_eq!(got, expected, "{code} {input:?} {output:?}");
            }
        }
    }
    // Values beyond i32 under the finest output scale.
    assert!(open > 0);
}
