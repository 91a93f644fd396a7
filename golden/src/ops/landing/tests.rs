//! Roundings, conversions and bounds against those of the library, and where they part.

use super::*;

#[test]
fn roundings_differ_where_they_should() {
    let table = [
        (Rounding::TiesEven, [-2.0, -2.0, 0.0, 2.0, 2.0]),
        (Rounding::TiesAway, [-3.0, -2.0, 1.0, 2.0, 3.0]),
        (Rounding::TiesUp, [-2.0, -1.0, 1.0, 2.0, 3.0]),
        (Rounding::AwayViaFloorHalf, [-3.0, -2.0, 1.0, 2.0, 3.0]),
        (Rounding::UpViaFloorHalf, [-2.0, -1.0, 1.0, 2.0, 3.0]),
        (Rounding::TowardZero, [-2.0, -1.0, 0.0, 1.0, 2.0]),
    ];
    for (rounding, expected) in table {
        let got = [-2.5, -1.5, 0.5, 1.5, 2.5].map(|x| round(rounding, x, true));
        assert_eq!(got, expected, "{rounding:?}");
    }
}

/// Bit patterns of all exponents, and all that is near halves, whole numbers and the ends of i32 and i64.
fn many_values() -> Vec<f64> {
    let mut values = vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0];
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..200_000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        values.push(f64::from_bits(bits));
        values.push(f64::from(f32::from_bits((bits >> 32) as u32)));
    }
    for power in 0..64 {
        for halves in -5..=5 {
            let near = 2f64.powi(power) + f64::from(halves) / 2.0;
            values.extend([near.next_down(), near, near.next_up()]);
        }
    }
    let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
    values.extend(mirrored);
    values
}

#[test]
fn ties_and_what_fits_are_as_the_library_rounds() {
    for value in many_values() {
        for (ours, theirs) in [
            (ties_even(value), value.round_ties_even()),
            (ties_away(value), value.round()),
        ] {
            assert!(
                ours.to_bits() == theirs.to_bits() || (ours.is_nan() && theirs.is_nan()),
                "{value:e}: {ours:e}, not {theirs:e}"
            );
        }
        let theirs = value.round_ties_even();
        // Not `value - value.floor()`, which rounds to a half just above −0.5.
        assert_eq!(
            fraction(value).1.abs() == 0.5,
            value.abs().fract() == 0.5,
            "{value:e}"
        );
        let fits = (-2_147_483_648.0..2_147_483_648.0).contains(&theirs);
        assert_eq!(fits_i32(value), fits, "{value:e}");
    }
}

#[test]
fn away_via_floor_half_is_wrong_just_below_a_half_in_its_own_type() {
    let below = f64::from(0.5f32.next_down());
    assert_eq!(round(Rounding::AwayViaFloorHalf, below, true), 1.0);
    assert_eq!(round(Rounding::AwayViaFloorHalf, below, false), 0.0);
    assert_eq!(round(Rounding::TiesAway, below, true), 0.0);
    assert_eq!(round(Rounding::UpViaFloorHalf, below, true), 1.0);
    assert_eq!(round(Rounding::UpViaFloorHalf, below, false), 0.0);
}

#[test]
fn an_open_profile_leaves_the_overflow_of_the_sum_open() {
    let rule = crate::profile::named::find("exact")
        .unwrap()
        .profile
        .quantize;
    let range = (i64::from(i32::MIN), i64::from(i32::MAX));
    let landing = Landing::quantize(&rule, range);
    let open = |steps: f32, zero_point| {
        let mut witness = Witness::default();
        landing.land(7, Steps::single(steps), zero_point, &mut witness);
        witness.open
    };
    assert_eq!(open(2_147_483_392.0, 77_777), [(0, 7)]);
    assert_eq!(open(2_147_483_392.0, 255), []);
}

#[test]
fn conversions_outside_the_range() {
    assert_eq!(
        convert(Cast::X86IndefiniteI32, 2_147_483_648.0),
        Some(-2_147_483_648)
    );
    assert_eq!(
        convert(Cast::X86IndefiniteI32, f64::NAN),
        Some(-2_147_483_648)
    );
    assert_eq!(
        convert(Cast::X86IndefiniteI64, 2_147_483_648.0),
        Some(2_147_483_648)
    );
    assert_eq!(
        convert(Cast::X86IndefiniteI64, f64::INFINITY),
        Some(i64::MIN)
    );
    assert_eq!(convert(Cast::Saturate, f64::NEG_INFINITY), Some(i64::MIN));
    assert_eq!(convert(Cast::Open, 2_147_483_648.0), None);
    assert_eq!(convert(Cast::Open, 2_147_483_647.0), Some(2_147_483_647));
}

#[test]
fn float_bounds_of_i32_do_not_round_outward() {
    assert_eq!(
        bound_below(i64::from(i32::MAX), true),
        f64::from(BELOW_2_POW_31)
    );
    assert_eq!(bound_above(i64::from(i32::MIN), true), -2_147_483_648.0);
    assert_eq!(bound_below(255, true), 255.0);
}
