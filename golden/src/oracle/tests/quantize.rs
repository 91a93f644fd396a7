//! Quantize.

use proptest::prelude::*;
use rayon::prelude::*;

use super::{all, missed};
use crate::ops::reference;
use crate::oracle;
use crate::profile::named::{self, NamedProfile, PROFILES};
use crate::profile::{PreClamp, Profile, QuantizeRule, Transform};
use crate::spec::{Constants, Granularity, OpSpec, Problem, QParams, QuantizeSpec};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Zero points worth trying for a type: both ends, around the middle, odd and even.
fn zero_points(dtype: DType) -> &'static [i32] {
    match dtype {
        DType::U8 => &[0, 1, 127, 128, 255],
        DType::I8 => &[-128, -127, -1, 0, 1, 127],
        _ => &[0, 1, -7, 1_000_003],
    }
}

const SCALES: [f64; 7] = [
    1.0,
    0.007,
    0.1,
    1.0 / 3.0,
    0.002_148_548_613_861,
    7e-5,
    1e30,
];

/// NaN, infinities, values beyond i32 and i64, subnormals.
const SPECIAL: [f32; 13] = [
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
    f32::MIN,
    1e19,
    -1e19,
    2_147_483_648.0,
    2_147_483_520.0,
    -2_147_483_648.0,
    -2_147_483_904.0,
    1e-45,
    -0.0,
];

/// Values that are k + ½ steps, with their neighbours, and the special ones.
fn values(scale: f64) -> Vec<f32> {
    let ties = (-300..300)
        .step_by(7)
        .chain([-2, -1, 0, 1, 126, 127, 254, 255]);
    ties.flat_map(|k| {
        let tie = ((f64::from(k) + 0.5) * scale) as f32;
        [tie, tie.next_up(), tie.next_down()]
    })
    .chain(SPECIAL)
    .collect()
}

/// The reference's codes; `None` where they are open, and where it has none.
fn reference_codes(
    profile: &Profile,
    values: &[f32],
    dtype: DType,
    qparams: QParams,
    range: Option<(i64, i64)>,
) -> Vec<Option<i64>> {
    let problem = Problem {
        op: OpSpec::Quantize(QuantizeSpec {
            shape: vec![values.len()],
            dtype,
            granularity: Granularity::PerTensor(qparams),
            range,
        }),
        constants: Constants::default(),
        inputs: vec![Tensor::new([values.len()], Data::F32(values.to_vec())).unwrap()],
    };
    let mut witness = Witness::default();
    let Ok(outputs) = reference(&problem, profile, &mut witness) else {
        return vec![None; values.len()];
    };
    (0..values.len())
        .map(|i| (!witness.open.contains(&(0, i))).then(|| outputs[0].data().code(i)))
        .collect()
}

/// The first value on which reference and oracle differ.
fn difference(
    reference_profile: &Profile,
    oracle_rule: &QuantizeRule,
    values: &[f32],
    dtype: DType,
    qparams: QParams,
    range: Option<(i64, i64)>,
) -> Option<String> {
    let got = reference_codes(reference_profile, values, dtype, qparams, range);
    let held_to = range.or(dtype.code_range()).unwrap();
    (values.iter().zip(got).enumerate()).find_map(|(index, (&value, got))| {
        let rule = oracle_rule.at(index, values.len());
        let expected = oracle::quantize(&rule, value, qparams, held_to);
        (got != expected).then(|| {
            format!("{value:e} ({dtype:?}, {qparams:?}, {range:?}): reference {got:?}, oracle {expected:?}")
        })
    })
}

/// The named profiles that quantize differently.
fn distinct() -> Vec<&'static NamedProfile> {
    let mut distinct: Vec<&NamedProfile> = Vec::new();
    for named in PROFILES {
        let rule = named.profile.quantize;
        if distinct.iter().all(|other| other.profile.quantize != rule) {
            distinct.push(named);
        }
    }
    distinct
}

#[test]
fn every_named_profile_on_ties_and_special_values() {
    distinct().into_par_iter().for_each(|named| {
        for dtype in [DType::U8, DType::I8, DType::I32] {
            for &zero_point in zero_points(dtype) {
                for scale in SCALES {
                    let qparams = QParams { scale, zero_point };
                    let (profile, values) = (named.profile, values(scale));
                    let rule = profile.quantize;
                    let found = difference(&profile, &rule, &values, dtype, qparams, None);
                    assert_eq!(found, None, "{}", named.name);
                }
            }
        }
    });
}

/// Codes of 16, 4 and 2 bits, with zero points at both ends.
#[test]
fn every_named_profile_on_codes_of_other_widths() {
    for named in distinct() {
        for dtype in [
            DType::U16,
            DType::I16,
            DType::U4,
            DType::I4,
            DType::U2,
            DType::I2,
        ] {
            let (low, high) = dtype.code_range().unwrap();
            for (zero_point, scale) in [(low, 0.1), (high, 0.5), (low / 2 + 1, 1.0 / 3.0)] {
                let zero_point = zero_point as i32;
                let qparams = QParams { scale, zero_point };
                let (profile, values) = (named.profile, values(scale));
                let rule = profile.quantize;
                let found = difference(&profile, &rule, &values, dtype, qparams, None);
                assert_eq!(found, None, "{}", named.name);
            }
        }
    }
}

/// Rules that make the steps in every way, and rules that land them in every way: the
/// two halves do not know of each other.
fn combinations() -> Vec<QuantizeRule> {
    let base = named::find("fbgemm").unwrap().profile.quantize;
    let mut rules = Vec::new();
    for &transform in all() {
        for &pre_clamp in all() {
            rules.push(QuantizeRule {
                transform,
                pre_clamp,
                ..base
            });
        }
    }
    for transform in [Transform::DivF32, Transform::DivF64] {
        for &rounding in all() {
            for &zero_point in all() {
                for &clamp in all() {
                    for &cast in all() {
                        rules.extend(all().iter().map(|&nan| QuantizeRule {
                            transform,
                            pre_clamp: PreClamp::None,
                            rounding,
                            zero_point,
                            clamp,
                            cast,
                            nan,
                            ..base
                        }));
                    }
                }
            }
        }
    }
    rules
}

#[test]
fn every_choice_of_every_axis_on_special_values() {
    let mut values = SPECIAL.to_vec();
    values.extend([0.5, 1.5, -2.5, 0.5f32.next_down(), 127.5, -128.5, 40_000.0]);
    let mut profile = named::find("fbgemm").unwrap().profile;
    for rule in combinations() {
        profile.quantize = rule;
        for (dtype, zero_point) in [(DType::U8, 131), (DType::I8, -77)] {
            let scale = 1.0;
            let qparams = QParams { scale, zero_point };
            let found = difference(&profile, &rule, &values, dtype, qparams, None);
            assert_eq!(found, None, "{rule:?}");
        }
    }
}

/// Choices that no value tells from the profile's own.
const UNSEEN: [&str; 20] = [
    // The bound before rounding leaves neither NaN nor anything above i32, and i32::MIN is
    // where both conversions put what is below.
    "fbgemm cast=saturate",
    "fbgemm nan=lowest-code",
    "fbgemm nan=highest-code",
    "fbgemm nan=code-zero",
    "fbgemm nan=open",
    // A conversion that saturates and a clamp: for 8-bit codes it is the same where in between
    // the zero point is added, and a clamp in float leaves nothing for the conversion.
    "fbgemm-scalar zero_point=after-round-i64",
    "fbgemm-scalar zero_point=after-round-i16-saturating",
    "fbgemm-scalar clamp=before-round",
    "onednn clamp=after-zero-point",
    "onednn cast=x86-indefinite-i32",
    "onednn cast=x86-indefinite-i64",
    "onednn cast=open",
    "onnxruntime zero_point=after-round-i32-wrapping",
    "onnxruntime zero_point=after-round-i16-saturating",
    "onnxruntime zero_point=after-round-f32",
    "onnxruntime clamp=after-zero-point",
    "onnxruntime cast=x86-indefinite-i32",
    "onnxruntime cast=x86-indefinite-i64",
    "onnxruntime cast=open",
    // The clamp before rounding gives NaN its lower bound itself.
    "onnxruntime nan=through-cast",
];

/// Parameters and values, with a number of values that leaves a tail.
fn grid() -> Vec<(DType, QParams, Vec<f32>)> {
    let mut grid = Vec::new();
    for (dtype, zero_point) in [(DType::U8, 3), (DType::U8, 128), (DType::I8, -1)] {
        grid.extend(SCALES.map(|scale| {
            let mut values = values(scale);
            // Ties within the range of codes come last, and groups of every width end among them.
            values.rotate_right(92);
            values.truncate(3 * 64 + 61);
            (dtype, QParams { scale, zero_point }, values)
        }));
    }
    grid
}

/// The choices that reference and oracle do not tell from the profile's own.
fn unseen<const N: usize>(names: [&str; N]) -> Vec<String> {
    let grid = grid();
    let reference = |profile: &Profile| {
        (grid.iter())
            .flat_map(|(dtype, qparams, values)| {
                reference_codes(profile, values, *dtype, *qparams, None)
            })
            .collect::<Vec<_>>()
    };
    let oracle = |profile: &Profile| {
        (grid.iter())
            .flat_map(|(dtype, qparams, values)| {
                let range = dtype.code_range().unwrap();
                (values.iter().enumerate()).map(move |(index, &value)| {
                    let rule = profile.quantize.at(index, values.len());
                    oracle::quantize(&rule, value, *qparams, range)
                })
            })
            .collect::<Vec<_>>()
    };
    missed(names, "quantize", oracle, reference)
}

/// A fault in one axis must show in the values above.
#[test]
fn a_fault_in_any_axis_is_caught() {
    // There is one scale, and a tail only where a body ends.
    let of_parts = ["tail=", "width=", "per_channel="];
    let mut found = unseen(["fbgemm", "fbgemm-scalar", "onednn", "onnxruntime"]);
    found.retain(|choice| !of_parts.iter().any(|part| choice.contains(part)));
    assert_eq!(found, UNSEEN);
}

/// Whether the tail is told from the body, and where it starts.
#[test]
fn a_tail_is_told_from_the_body() {
    let found = unseen(["litert-optimized"]);
    let parts =
        (found.iter()).filter(|choice| choice.contains("tail=") || choice.contains("width="));
    assert_eq!(parts.count(), 0, "{found:?}");
}

fn any_scale() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => 1e-6f64..10.0,
        1 => 1e-30f64..1e30,
        1 => (1u32..0x7F00_0000).prop_map(|bits| f64::from(f32::from_bits(bits))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn any_value_under_any_profile(
        index in 0..PROFILES.len(),
        dtype in prop_oneof![Just(DType::U8), Just(DType::I8), Just(DType::I32)],
        zero_point in any::<u8>(),
        scale in any_scale(),
        bits in prop::collection::vec(any::<u32>(), 4),
        steps in prop::collection::vec(-300.0f64..300.0, 8),
        narrow in any::<bool>(),
    ) {
        let profile = PROFILES[index].profile;
        let zero_point = match dtype {
            DType::U8 => i32::from(zero_point),
            _ => i32::from(zero_point) - 128,
        };
        let range = (narrow && dtype == DType::I8).then_some((-127, 127));
        let mut values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        values.extend(steps.into_iter().map(|t| (t * scale) as f32));
        let qparams = QParams { scale, zero_point };
        let found = difference(&profile, &profile.quantize, &values, dtype, qparams, range);
        prop_assert_eq!(found, None, "{}", PROFILES[index].name);
    }
}
