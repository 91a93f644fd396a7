//! Fake quantize on values that can be worked out by hand.

use crate::ops::{ReferenceError, reference};
use crate::profile::named;
use crate::spec::{
    Constants, Domain, FakeParameters, FakeQuantizeSpec, LimitsRequest, OpSpec, Problem,
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
        parameters,
    }
}

fn scales(scale: f64, zero_point: f64) -> FakeParameters {
    FakeParameters::Scales(vec![RealQParams {
        scale,
        zero_point,
        lowest: 0.0,
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
    assert!(refused(spec(1, (0, 1 << 25), scales(1.0, 0.0))));
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
