//! Fake quantize on values that can be worked out by hand.

mod fits;

use crate::ops::{ReferenceError, reference};
use crate::profile::named;
use crate::spec::{
    Constants, Domain, FakeParameters, FakeQuantizeSpec, Levels, LimitsRequest, OpSpec, Problem,
    RealQParams,
};
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

const REQUEST: LimitsRequest = LimitsRequest {
    symmetric: false,
    integral_zero_point: true,
};

fn spec(len: usize, range: (i64, i64), parameters: FakeParameters) -> FakeQuantizeSpec {
    FakeQuantizeSpec {
        shape: vec![len],
        range,
        axis: None,
        domain: Domain::Plain,
        levels: Levels::Steps,
        parameters,
    }
}

fn scales(scale: f64, zero_point: f64) -> FakeParameters {
    FakeParameters::Scales(vec![RealQParams {
        scale,
        zero_point,
        lowest: 0.0,
        gain: 1.0,
        value_scale: None,
        approximate_bits: None,
    }])
}

fn outputs(
    profile: &str,
    spec: FakeQuantizeSpec,
    values: &[f32],
) -> Result<Vec<Vec<f32>>, ReferenceError> {
    let problem = Problem {
        inputs: vec![Tensor::new(spec.shape.clone(), Data::F32(values.to_vec())).unwrap()],
        op: OpSpec::FakeQuantize(spec),
        constants: Constants::default(),
    };
    let profile = named::find(profile).unwrap().profile;
    let outputs = reference(&problem, &profile, &mut Witness::default())?;
    Ok(outputs
        .iter()
        .map(|tensor| match tensor.data() {
            Data::F32(values) => values.clone(),
            _ => panic!("fake quantize gives f32"),
        })
        .collect())
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn steps_of_a_half_round_to_even_and_are_held() {
    let given = [0.25, 0.75, -0.75, 100.0, f32::NAN];
    let got = outputs("fbgemm", spec(5, (-8, 7), scales(0.5, 1.0)), &given).unwrap();
    // 0.5 → 0, 1.5 → 2, −1.5 → −2; the highest code is 6 steps above the zero point 1.
    assert_eq!(got[0], [0.0, 1.0, -1.0, 3.0, -4.5]);
    assert_eq!(got[1], [1.0, 3.0, -1.0, 7.0, -8.0]);
    assert_eq!((got[2][0], got[3][0]), (2.0, 1.0));
}

#[test]
fn a_zero_point_inside_the_rounding_flips_ties() {
    let given = [0.25, 0.75, -0.75];
    let got = outputs("nni", spec(3, (-8, 7), scales(0.5, 1.0)), &given).unwrap();
    // 1 + 0.5 → 2, 1 + 1.5 → 2, 1 − 1.5 → 0.
    assert_eq!(got[1], [2.0, 2.0, 0.0]);
    assert_eq!(got[0], [0.5, 0.5, -0.5]);
}

#[test]
fn a_negative_zero_stays_where_codes_are_floats() {
    let one = |profile| outputs(profile, spec(1, (-8, 7), scales(0.5, 0.0)), &[-0.0]).unwrap();
    assert_eq!(bits(&one("nni-lsq")[0]), bits(&[-0.0]));
    assert_eq!(bits(&one("nni")[0]), bits(&[0.0]));
    assert_eq!(bits(&one("fbgemm")[0]), bits(&[0.0]));
    // A code is a number.
    assert_eq!(bits(&one("nni-lsq")[1]), bits(&[0.0]));
}

#[test]
fn what_does_not_fit_i64_is_the_lowest_code_where_it_is_converted_first() {
    let given = [1e30, -1e30, f32::INFINITY];
    let one = |profile| outputs(profile, spec(3, (-8, 7), scales(1.0, 0.0)), &given).unwrap();
    assert_eq!(one("fbgemm")[1], [7.0, -8.0, 7.0]);
    assert_eq!(one("pytorch-native")[1], [-8.0, -8.0, -8.0]);
}

#[test]
fn limits_are_nudged_until_zero_has_a_code() {
    let limits = FakeParameters::Limits {
        limits: vec![(-0.3, 1.2)],
        request: REQUEST,
    };
    let given = [0.0, 2.0, -2.0, 0.05];
    let got = outputs("tensorflow-fake-quant", spec(4, (0, 15), limits), &given).unwrap();
    // 15 steps of 0.1, the fourth code is 0: from −0.3 to 1.2; half a step goes up.
    assert_eq!(got[3], [3.0]);
    assert_eq!(got[1][..3], [3.0, 15.0, 0.0]);
    assert_eq!(got[0][0], 0.0);
    assert!((got[0][1] - 1.2).abs() < 1e-6 && (got[0][2] + 0.3).abs() < 1e-6);
    assert_eq!(got[1][3], 4.0);
}

#[test]
fn limits_of_zero_give_zeros() {
    let limits = FakeParameters::Limits {
        limits: vec![(0.0, 0.0)],
        request: LimitsRequest {
            symmetric: true,
            integral_zero_point: true,
        },
    };
    for profile in ["tensorflow-fake-quant-vars", "nvidia-fake-quantize"] {
        let got = outputs(profile, spec(2, (-8, 7), limits.clone()), &[3.0, -0.5]).unwrap();
        assert_eq!(got[0], [0.0, 0.0], "{profile}");
    }
}

#[test]
fn measured_limits_are_those_of_each_channel() {
    let spec = FakeQuantizeSpec {
        shape: vec![2, 2],
        range: (0, 255),
        axis: Some(1),
        domain: Domain::Plain,
        levels: Levels::Steps,
        parameters: FakeParameters::Measured(REQUEST),
    };
    let got = outputs("coremltools-linear", spec, &[-51.0, 0.0, 204.0, 0.0]).unwrap();
    // The first channel: 255 steps of 1 from −51. The second has no span.
    assert_eq!(got[1], [0.0, 0.0, 255.0, 0.0]);
    assert_eq!(got[2], [1.0, 0.0]);
    assert_eq!(got[3], [51.0, 0.0]);
}

#[test]
fn a_span_of_zero_counts_in_units_where_distiller_says_so() {
    let parameters = FakeParameters::Measured(LimitsRequest {
        symmetric: true,
        integral_zero_point: true,
    });
    let got = outputs("distiller", spec(2, (-128, 127), parameters), &[0.0, 0.0]).unwrap();
    assert_eq!((got[2][0], got[3][0]), (1.0, 0.0));
}

#[test]
fn a_domain_is_undone() {
    let spec = FakeQuantizeSpec {
        domain: Domain::HalvedUnit,
        levels: Levels::Steps,
        ..spec(3, (0, 2), scales(0.5, 0.0))
    };
    // −2, 0 and 1 lie at 0, 1/2 and 3/4 of [−2, 2]: codes 0, 1 and 2 (1.5 to even).
    let got = outputs("nni", spec, &[-2.0, 0.0, 1.0]).unwrap();
    assert_eq!(got[1], [0.0, 1.0, 2.0]);
    assert_eq!(got[0], [-1.0, 0.0, 1.0]);
}

#[test]
fn steps_from_a_real_offset() {
    let parameters = FakeParameters::Scales(vec![RealQParams {
        scale: 0.5,
        zero_point: 0.0,
        lowest: 0.25,
        gain: 1.0,
        value_scale: None,
        approximate_bits: None,
    }]);
    let got = outputs(
        "paddleslim-lsq-plus",
        spec(2, (-8, 7), parameters),
        &[0.5, 0.0],
    )
    .unwrap();
    // Half a step from 0.25, either way, goes away from it.
    assert_eq!(got[1], [1.0, -1.0]);
    assert_eq!(got[0], [0.75, -0.25]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |spec| {
        matches!(
            outputs("fbgemm", spec, &[0.0]),
            Err(ReferenceError::Mismatch(_))
        )
    };
    assert!(refused(spec(1, (7, 7), scales(1.0, 0.0))));
    assert!(refused(spec(1, (0, 1 << 32), scales(1.0, 0.0))));
    assert!(refused(spec(1, (0, 7), scales(0.0, 0.0))));
    assert!(refused(spec(1, (0, 7), FakeParameters::Scales(Vec::new()))));
    assert!(refused(FakeQuantizeSpec {
        axis: Some(3),
        ..spec(1, (0, 7), scales(1.0, 0.0))
    }));
}

#[test]
fn events_are_counted() {
    let spec = spec(4, (-8, 7), scales(1.0, 0.0));
    let values = vec![0.5, f32::NAN, 99.0, -99.0];
    let problem = Problem {
        inputs: vec![Tensor::new([4], Data::F32(values)).unwrap()],
        op: OpSpec::FakeQuantize(spec),
        constants: Constants::default(),
    };
    let mut witness = Witness::default();
    let profile = named::find("fbgemm").unwrap().profile;
    reference(&problem, &profile, &mut witness).unwrap();
    for event in [
        Event::ExactTie,
        Event::NanInput,
        Event::ClampedHigh,
        Event::ClampedLow,
    ] {
        assert_eq!(witness.events.count(event), 1, "{event:?}");
    }
}

#[test]
fn levels_of_signs_and_thresholds() {
    let one = |profile, levels, values: &[f32]| {
        let spec = FakeQuantizeSpec {
            levels,
            ..spec(values.len(), (-1, 1), scales(0.5, 0.0))
        };
        outputs(profile, spec, values).unwrap()[1].clone()
    };
    let values = [-0.2, 0.0, 0.2, 0.7, -0.7];
    assert_eq!(
        one("nni", Levels::Signs, &values),
        [-1.0, 1.0, 1.0, 1.0, -1.0]
    );
    assert_eq!(
        one("nni", Levels::ZeroOne, &values),
        [0.0, 1.0, 1.0, 1.0, 0.0]
    );
    let ternary = one("nni", Levels::Threshold(0.5), &values);
    assert_eq!(ternary, [0.0, 0.0, 0.0, 1.0, -1.0]);
    assert_eq!(one("nni-bnn", Levels::Signs, &[f32::NAN]), [1.0]);
    assert!(one("nni", Levels::Signs, &[f32::NAN])[0].is_nan());
}

#[test]
fn a_value_passed_straight_through_is_lost_beside_a_great_one() {
    let got = outputs(
        "qkeras",
        spec(2, (-128, 127), scales(1.0, 0.0)),
        &[1e9, 3.2],
    )
    .unwrap();
    // 127 − 1e9 rounds to −999 999 872 (steps of 64), and the sum with 1e9 is 128.
    assert_eq!(got[0], [128.0, 3.0]);
    let got = outputs(
        "qkeras-activation",
        spec(1, (-128, 127), scales(1.0, 0.0)),
        &[1e9],
    );
    assert_eq!(got.unwrap()[0], [127.0]);
}

#[test]
fn domains_bend_values() {
    let one = |domain, x: f32| {
        let spec = FakeQuantizeSpec {
            domain,
            ..spec(1, (-8, 8), scales(0.125, 0.0))
        };
        outputs("qkeras", spec, &[x]).unwrap()[0][0]
    };
    let relu = |slope, upper| Domain::Relu { slope, upper };
    assert_eq!(one(relu(0.0, None), -0.5), 0.0);
    assert_eq!(one(relu(0.25, None), -0.5), -0.125);
    assert_eq!(one(relu(0.0, Some(0.5)), 0.9), 0.5);
    assert_eq!(one(Domain::HardSigmoid, 0.5), 0.75);
    assert_eq!(one(Domain::HardTanh, 0.5), 0.5);
    assert_eq!(one(Domain::HardSwish, -1.5), -0.375);
    assert_eq!(one(Domain::Sigmoid, 0.0), 0.5);
    assert_eq!(one(Domain::Tanh, 9.0), 1.0);
}

#[test]
fn gain_is_of_values_alone() {
    let parameters = FakeParameters::Scales(vec![RealQParams {
        scale: 0.5,
        zero_point: 0.0,
        lowest: 0.0,
        gain: 3.0,
        value_scale: None,
        approximate_bits: None,
    }]);
    let got = outputs("fbgemm", spec(1, (-8, 7), parameters), &[1.1]).unwrap();
    assert_eq!((got[0][0], got[1][0]), (3.0, 2.0));
}

#[test]
fn values_may_have_a_scale_of_their_own() {
    let parameters = FakeParameters::Scales(vec![RealQParams {
        scale: 4.0,
        zero_point: 0.0,
        lowest: 0.0,
        gain: 1.0,
        value_scale: Some(0.25),
        approximate_bits: None,
    }]);
    // A sum of 13 is 3.25 steps; 3 of them are 0.75.
    let got = outputs("distiller", spec(1, (-8, 7), parameters), &[13.0]).unwrap();
    assert_eq!((got[0][0], got[1][0]), (0.75, 3.0));
}

#[test]
fn gradients_pass_within_the_range_only() {
    let values = [0.0, 7.4, 7.6, -9.0, f32::NAN];
    let one = |profile: &str| {
        let spec = spec(5, (-8, 7), scales(1.0, 0.0));
        let tensor = |values: &[f32]| Tensor::new([5], Data::F32(values.to_vec())).unwrap();
        let problem = Problem {
            op: OpSpec::FakeQuantizeGradient(spec),
            constants: Constants::default(),
            inputs: vec![tensor(&values), tensor(&[1.0, 2.0, 3.0, 4.0, 5.0])],
        };
        let profile = named::find(profile).unwrap().profile;
        let outputs = reference(&problem, &profile, &mut Witness::default()).unwrap();
        match outputs[0].data() {
            Data::F32(values) => values.clone(),
            _ => panic!("f32"),
        }
    };
    // 7.4 steps are beyond the range, their code 7 is not.
    assert_eq!(one("fbgemm"), [1.0, 2.0, 0.0, 0.0, 0.0]);
    // NaN is not beyond it.
    for profile in ["nni", "nni-lsq"] {
        assert_eq!(one(profile), [1.0, 0.0, 0.0, 0.0, 5.0], "{profile}");
    }
}

#[test]
fn limits_kept_instead_of_scales_give_paddles_values() {
    let limits = FakeParameters::Limits {
        limits: vec![(-12.7, 12.7)],
        request: LimitsRequest {
            symmetric: true,
            integral_zero_point: true,
        },
    };
    let given = [-0.04, 0.41, -99.0, f32::NAN];
    let got =
        |profile: &str| outputs(profile, spec(4, (-128, 127), limits.clone()), &given).unwrap();
    let (even, away) = (got("paddle"), got("paddle-ties-away"));
    // Codes of −0 stand for −0.
    assert_eq!(even[0][0].to_bits(), (-0.0f32).to_bits());
    assert_eq!(even[0][1], 4.0 * 12.7f32 / 127.0);
    // Values are held to the limits, or codes to the range.
    assert_eq!((even[1][2], away[1][2]), (-128.0, -127.0));
    assert!(even[0][3].is_nan());
}

#[test]
fn a_threshold_too_low_to_count_by_leaves_signed_zeros() {
    let limits = FakeParameters::Limits {
        limits: vec![(-1e-9, 1e-9)],
        request: LimitsRequest {
            symmetric: true,
            integral_zero_point: true,
        },
    };
    let given = [3.0, -3.0, f32::INFINITY];
    let got = outputs("nvidia-fake-quantize", spec(3, (-127, 127), limits), &given).unwrap();
    assert_eq!(got[0][0].to_bits(), 0.0f32.to_bits());
    assert_eq!(got[0][1].to_bits(), (-0.0f32).to_bits());
    assert!(got[0][2].is_nan());
}
