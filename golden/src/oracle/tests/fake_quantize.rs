//! Fake quantize: every named profile and every choice of every axis.

use super::missed;
use crate::ops::reference;
use crate::oracle::{Counting, fake_quantize};
use crate::profile::named::PROFILES;
use crate::profile::{FakeQuantizeRule, LimitsForm, Profile};
use crate::spec::{
    Constants, Domain, FakeParameters, FakeQuantizeSpec, Levels, LimitsRequest, OpSpec, Problem,
    RealQParams,
};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// Values, codes, factor and zero point; zeros without a sign.
type Outputs = [Vec<f64>; 4];

/// Ties of steps of 0.1 and their neighbours, and special values.
fn values() -> Vec<f32> {
    let ties = (-280..280).step_by(61).chain([-129, -1, 0, 3, 126]);
    ties.flat_map(|k| {
        let tie = ((f64::from(k) + 0.5) * 0.1) as f32;
        [tie, tie.next_up(), tie.next_down()]
    })
    .chain([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX])
    .chain([9.3e17, -9.3e17, 1e-45, 0.049_999_997, 838_860.8])
    .collect()
}

fn spec(parameters: FakeParameters, range: (i64, i64)) -> FakeQuantizeSpec {
    FakeQuantizeSpec {
        shape: vec![values().len()],
        range,
        axis: None,
        domain: Domain::Plain,
        levels: Levels::Steps,
        parameters,
    }
}

/// Given scales, and limits of every request that a system makes.
fn specs() -> Vec<FakeQuantizeSpec> {
    let mut specs = Vec::new();
    for (zero_point, range) in [(0.0, (-128, 127)), (3.0, (0, 255)), (7.3, (0, 15))] {
        let scales = [0.1, 0.007].map(|scale| RealQParams {
            scale,
            zero_point,
            lowest: 0.3,
            gain: 1.0,
            value_scale: None,
            approximate_bits: None,
        });
        specs.extend(scales.map(|one| spec(FakeParameters::Scales(vec![one]), range)));
    }
    for limits in [
        (-12.8, 12.7),
        (-0.3, 1.7),
        (-5.993, 4.417),
        (0.0, 25.5),
        (-1e-9, 3e-9),
    ] {
        for range in [(-128, 127), (0, 255), (1, 15)] {
            for (symmetric, integral_zero_point) in [(true, true), (false, true), (false, false)] {
                let request = LimitsRequest {
                    symmetric,
                    integral_zero_point,
                };
                let limits = vec![limits];
                specs.push(spec(FakeParameters::Limits { limits, request }, range));
            }
        }
    }
    specs
}

fn oracle(rule: &FakeQuantizeRule, spec: &FakeQuantizeSpec) -> Outputs {
    let counting = match &spec.parameters {
        FakeParameters::Scales(scales) => Counting::given(&scales[0]),
        FakeParameters::Limits { limits, request } => {
            let limits = (limits[0].0 as f32, limits[0].1 as f32);
            Counting::of_limits(rule, limits, spec.range, *request)
        }
        _ => {
            panic!("scales or limits are given here")
        }
    };
    let (factor, zero_point) = counting.parameters(rule.transform);
    let (values, codes) = (values().into_iter())
        .map(|x| fake_quantize(rule, x, &counting, spec.range))
        .unzip();
    [values, codes, vec![factor], vec![zero_point]]
}

fn computed(profile: &Profile, spec: &FakeQuantizeSpec) -> Outputs {
    let values = values();
    let problem = Problem {
        op: OpSpec::FakeQuantize(spec.clone()),
        constants: Constants::default(),
        inputs: vec![Tensor::new([values.len()], Data::F32(values)).unwrap()],
    };
    let outputs = reference(&problem, profile, &mut Witness::default()).unwrap();
    let floats = |tensor: &Tensor| match tensor.data() {
        Data::F32(values) => values.iter().map(|&x| f64::from(x)).collect(),
        _ => panic!("f32"),
    };
    [0, 1, 2, 3].map(|index| floats(&outputs[index]))
}

/// With NaN equal to NaN.
fn same(a: &Outputs, b: &Outputs) -> bool {
    let one = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
    a.iter()
        .zip(b)
        .all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(one))
}

fn assert_same(profile: &Profile, what: &str) {
    for spec in specs() {
        let (expected, got) = (
            oracle(&profile.fake_quantize, &spec),
            computed(profile, &spec),
        );
        if same(&expected, &got) {
            continue;
        }
        let differs = |index: &usize| {
            let of = |outputs: &Outputs| [outputs[0][*index], outputs[1][*index]].map(f64::to_bits);
            of(&expected) != of(&got) && !(expected[0][*index] == 0.0 && got[0][*index] == 0.0)
        };
        let first = (0..expected[0].len()).find(differs);
        panic!(
            "{what}: {:?} {:?} {:?}: at {first:?} {:?}, oracle {:?}",
            spec.parameters,
            spec.range,
            profile.fake_quantize,
            first.map(|i| (values()[i], got[0][i], got[1][i], got[2][0], got[3][0])),
            first.map(|i| (
                expected[0][i],
                expected[1][i],
                expected[2][0],
                expected[3][0]
            )),
        );
    }
}

#[test]
fn every_named_profile() {
    let mut seen = Vec::new();
    for named in PROFILES {
        if !seen.contains(&named.profile.fake_quantize) {
            seen.push(named.profile.fake_quantize);
            assert_same(&named.profile, named.name);
        }
    }
    assert!(seen.len() >= 17, "{} rules", seen.len());
}

#[test]
fn every_choice_of_every_axis() {
    let base = PROFILES[0].profile;
    for axis in Profile::axes().filter(|axis| axis.stage == "fake_quantize") {
        for key in Profile::choices(axis) {
            for form in [LimitsForm::Quotient, LimitsForm::Nudged] {
                let mut profile = base;
                profile.fake_quantize.limits = form;
                let profile = profile.with(axis, key).unwrap();
                assert_same(&profile, &format!("{axis}={key}, {form:?}"));
            }
        }
    }
}

#[test]
fn every_axis_can_be_told_from_the_others() {
    let all = |of: &dyn Fn(&FakeQuantizeSpec) -> Outputs| -> Vec<String> {
        // As text, in which NaN equals NaN.
        specs()
            .iter()
            .map(|spec| format!("{:?}", of(spec)))
            .collect()
    };
    let unseen = missed(
        ["fbgemm", "tensorflow-fake-quant", "distiller"],
        "fake_quantize",
        |profile| {
            all(&|spec| {
                let mut outputs = oracle(&profile.fake_quantize, spec);
                plain_zeros(&mut outputs);
                outputs
            })
        },
        |profile| {
            all(&|spec| {
                let mut outputs = computed(profile, spec);
                plain_zeros(&mut outputs);
                outputs
            })
        },
    );
    // The oracle's zeros have no sign, and codes held once need not be held again.
    let equal = [
        "fbgemm codes=floats",
        "tensorflow-fake-quant codes=integers",
        "tensorflow-fake-quant codes=rounded-through",
        "distiller bound=codes",
        "distiller zero_point=before-round",
        "distiller clamp=before-round",
        "distiller codes=integers",
        "distiller value=sub-div",
    ];
    // What scales are fitted by, and powers of two, are not the oracle's.
    let other = |axis: &String| {
        ["gradient", "mean", "logarithm", "subnormals"]
            .iter()
            .any(|a| axis.contains(a))
    };
    let unseen: Vec<String> = unseen.into_iter().filter(|axis| !other(axis)).collect();
    assert_eq!(unseen, equal);
}

fn plain_zeros(outputs: &mut Outputs) {
    for value in outputs.iter_mut().flatten() {
        *value += 0.0;
    }
}
