//! Rescale, with values that are derived by hand.

use super::*;
use crate::profile::InexactRescale;
use crate::spec::{FixedScale, RescaleRounding, RescaleSpec};
use crate::witness::Event;

fn spec(input: DType, output: DType, scales: &[(i32, u32)]) -> RescaleSpec {
    let scale = |&(multiplier, shift)| FixedScale { multiplier, shift };
    RescaleSpec {
        shape: Vec::new(),
        input,
        input_zero_point: 0,
        output,
        output_zero_point: 0,
        scale32: true,
        scales: scales.iter().map(scale).collect(),
        rounding: RescaleRounding::Single,
    }
}

fn rescaled(spec: RescaleSpec, codes: Data, profile: &Profile) -> (Data, Witness) {
    let mut spec = spec;
    spec.shape = vec![codes.len() / spec.scales.len(), spec.scales.len()];
    let mut witness = Witness::default();
    let op = OpSpec::Rescale(spec);
    let got = run(op, Constants::default(), vec![codes], profile, &mut witness);
    (got, witness)
}

#[test]
fn zero_points_leave_the_input_and_enter_the_output() {
    let mut half = spec(DType::U8, DType::I8, &[(1 << 30, 31)]);
    (half.input_zero_point, half.output_zero_point) = (128, -3);
    let codes = Data::U8(vec![0, 125, 127, 128, 129, 131, 255]);
    let (got, witness) = rescaled(half, codes, &profile("exact"));
    // −64, −1.5, −0.5, 0, 0.5, 1.5, 63.5: ties up.
    assert_eq!(got, Data::I8(vec![-67, -4, -3, -3, -2, -1, 61]));
    assert_eq!(witness.events.count(Event::ExactTie), 5);
    assert!(witness.open.is_empty());
}

#[test]
fn codes_are_held_to_the_output_type_and_channels_have_their_scale() {
    let spec = spec(DType::I16, DType::I8, &[(1 << 30, 30), (1 << 30, 33)]);
    let codes = Data::I16(vec![100, 100, 200, 200, -129, -2000]);
    let (got, witness) = rescaled(spec, codes, &profile("exact"));
    assert_eq!(got, Data::I8(vec![100, 13, 127, 25, -128, -128]));
    assert_eq!(witness.events.count(Event::ClampedHigh), 1);
    assert_eq!(witness.events.count(Event::ClampedLow), 2);
}

/// Captured from the reference model: −128 · 23916 / 2^10 = −2989.5.
#[test]
fn inexact_rounding_is_what_the_profile_says() {
    let mut spec = spec(DType::I8, DType::I16, &[(23_916, 10)]);
    spec.scale32 = false;
    let code = |spec: RescaleSpec, name: &str| {
        let (got, witness) = rescaled(spec, Data::I8(vec![-128]), &profile(name));
        (got.code(0), witness.open.len())
    };
    assert_eq!(code(spec.clone(), "tosa"), (-2989, 0));
    spec.rounding = RescaleRounding::Inexact;
    assert_eq!(code(spec.clone(), "tosa"), (-2990, 0));
    assert_eq!(profile("exact").pointwise.rescale, InexactRescale::Open);
    assert_eq!(code(spec, "exact").1, 1);
}

#[test]
fn what_leaves_its_bits_is_left_open() {
    let open = |spec: RescaleSpec, codes: Data| rescaled(spec, codes, &profile("tosa")).1.open;
    // 2^2 · ¾: values of −2 to 1 fit a shift of 2.
    let small = spec(DType::I8, DType::I8, &[(3, 2)]);
    assert_eq!(open(small, Data::I8(vec![-3, -2, 1, 2])), [(0, 0), (0, 3)]);
    let mut wide = spec(DType::I64, DType::I32, &[(1 << 14, 14)]);
    wide.scale32 = false;
    let ends = vec![i64::from(i32::MAX), i64::from(i32::MAX) + 1, i64::MIN];
    assert_eq!(open(wide, Data::I64(ends)), [(0, 1), (0, 2)]);
}

#[test]
fn scales_that_tosa_has_not_are_refused() {
    let refused = |change: fn(&mut RescaleSpec)| {
        let mut spec = spec(DType::I8, DType::I8, &[(5, 3)]);
        change(&mut spec);
        spec.shape = vec![1, 1];
        let problem = Problem {
            op: OpSpec::Rescale(spec),
            constants: Constants::default(),
            inputs: vec![Tensor::new([1, 1], Data::I8(vec![1])).unwrap()],
        };
        let found = reference(&problem, &profile("tosa"), &mut Witness::default());
        found.err().map(|error| error.to_string())
    };
    assert_eq!(refused(|_| ()), None);
    for (change, message) in [
        (
            (|s| s.scales[0].multiplier = -1) as fn(&mut RescaleSpec),
            "multiplier -1 lies outside [0, 2^31)",
        ),
        (|s| s.scales[0].shift = 63, "shift 63 lies outside 2..=62"),
        (
            |s| (s.scale32, s.scales[0].multiplier) = (false, 1 << 15),
            "multiplier 32768 lies outside [0, 2^15)",
        ),
        (
            |s| (s.scale32, s.rounding) = (false, RescaleRounding::Double),
            "double rounding is defined for multipliers of 32 bits only",
        ),
        (
            |s| s.output_zero_point = 128,
            "output: zero point 128 lies outside -128..=127, the codes of s8",
        ),
        (
            |s| s.scales = vec![s.scales[0]; 3],
            "3 scales for 1 channels; one, or one per channel, is needed",
        ),
        (
            |s| s.output = DType::F32,
            "output: f32 is not a type of codes",
        ),
    ] {
        assert_eq!(refused(change).as_deref(), Some(message));
    }
}
