//! Scales that are fitted to the values they are for, pass by pass.

use super::outputs;
use crate::ops::ReferenceError;
use crate::spec::{Domain, FakeParameters, FakeQuantizeSpec, Fit, Levels};

fn fitted(fit: Fit, levels: Levels, shape: &[usize], values: &[f32]) -> Vec<Vec<f32>> {
    let spec = FakeQuantizeSpec {
        shape: shape.to_vec(),
        range: (-1, 1),
        axis: Some(shape.len() - 1),
        domain: Domain::Plain,
        levels,
        parameters: FakeParameters::Fitted(fit),
    };
    outputs("qkeras", spec, values).unwrap()
}

const FIT: Fit = Fit {
    first_steps: 3.0,
    first_at_least: 0.0,
    first_of_whole: false,
    unit: 1.0,
    power_of_two: false,
    passes: 1,
    recount: false,
    zero_point: 0.0,
};

#[test]
fn the_scale_of_signs_is_the_mean_magnitude() {
    let got = fitted(FIT, Levels::Signs, &[2, 2], &[1.0, -4.0, -3.0, -8.0]);
    assert_eq!(got[1], [1.0, -1.0, -1.0, -1.0]);
    // 2 and 6 over 1 + 1e-7, which is the f32 above 1.
    assert_eq!(got[2], [2.0 / 1.000_000_1, 6.0 / 1.000_000_1]);
}

#[test]
fn a_power_of_two_is_fitted_in_the_logarithm() {
    let fit = Fit {
        power_of_two: true,
        ..FIT
    };
    // 2.7 is above √8, 2.9 below: powers 2 and 4.
    let got = fitted(fit, Levels::Signs, &[1, 2], &[2.7, -2.9]);
    assert_eq!(got[2], [2.0, 4.0]);
    assert_eq!(got[0], [2.0, -4.0]);
}

#[test]
fn codes_of_the_last_fit_stay_unless_they_are_counted_again() {
    // The first scale is 2/3, and 0.4 is more than half of it: all codes are 1. The mean
    // is 0.85, and 0.4 is less than half of that.
    let one = |recount| {
        let fit = Fit { recount, ..FIT };
        fitted(fit, Levels::Steps, &[4, 1], &[1.0, 1.0, 1.0, 0.4])[1].clone()
    };
    assert_eq!(one(false), [1.0, 1.0, 1.0, 1.0]);
    assert_eq!(one(true), [1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn eight_channels_are_summed_in_four_sums() {
    // In order, 2^24 and seven times 1 stay 2^24; in four sums three have two ones each.
    let mut values = vec![1.0f32; 8 * 8];
    values[0] = 16_777_216.0;
    let got = fitted(FIT, Levels::Signs, &[8, 8], &values);
    let in_order = 16_777_216.0f32;
    let four_sums = in_order + 2.0 + 2.0 + 2.0;
    let scale = |sum: f32| sum / 8.0 / 1.000_000_1;
    assert_eq!(got[2][0], scale(four_sums));
    assert_ne!(scale(in_order), scale(four_sums));
    // Nine channels: the last is summed in order.
    let mut values = vec![1.0f32; 8 * 9];
    values[8] = 16_777_216.0;
    let got = fitted(FIT, Levels::Signs, &[8, 9], &values);
    assert_eq!(got[2][8], scale(in_order));
}

#[test]
fn a_sum_that_the_profile_does_not_describe_is_undefined() {
    let spec = FakeQuantizeSpec {
        shape: vec![3, 8],
        range: (-1, 1),
        axis: Some(1),
        domain: Domain::Plain,
        levels: Levels::Signs,
        parameters: FakeParameters::Fitted(FIT),
    };
    let result = outputs("qkeras", spec, &[1.0; 24]);
    assert!(matches!(result, Err(ReferenceError::Undefined(_))));
}
