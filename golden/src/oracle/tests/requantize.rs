//! Requantize: the op itself.
//!
//! - [`epilogue`]: what linear and convolution do with a sum
//! - [`faults`]: that each choice of an axis shows in one or the other

mod epilogue;
mod faults;

use proptest::prelude::*;

use crate::ops::reference;
use crate::oracle::{self, SumBias, SumScale};
use crate::profile::named::PROFILES;
use crate::profile::{Profile, RequantizeRule};
use crate::spec::{Constants, OpSpec, Problem, QParams, Quantized, RequantizeSpec};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

fn quantized(dtype: DType, scale: f64, zero_point: i32) -> Quantized {
    Quantized {
        dtype,
        qparams: QParams { scale, zero_point },
    }
}

/// Sums that land on k + ½ for multipliers 2^−n, their neighbours, and the ends of i32.
fn sums() -> Vec<i32> {
    let mut sums: Vec<i32> = (-12..12).collect();
    for n in [2, 9] {
        for k in [-260i32, -129, -128, -2, -1, 0, 1, 126, 127, 254, 255, 300] {
            let tie = (2 * k + 1) << (n - 1);
            sums.extend([tie - 1, tie, tie + 1]);
        }
    }
    sums.extend([i32::MIN, i32::MIN + 1, i32::MAX - 1, i32::MAX, 16_777_217]);
    sums
}

const MULTIPLIERS: [f32; 9] = [
    0.5,
    0.25,
    1.0 / 32.0,
    1.0 / 512.0,
    1.0 / 32768.0,
    0.000_71,
    0.333_333_34,
    1.0,
    3.7,
];

/// The codes of the requantize op; `None` where the profile has none.
fn op_codes(
    profile: &Profile,
    sums: &[i32],
    multiplier: f32,
    output: Quantized,
    relu: bool,
) -> Option<Vec<Option<i64>>> {
    let problem = Problem {
        op: OpSpec::Requantize(RequantizeSpec {
            rows: 1,
            columns: sums.len(),
            dtype: output.dtype,
            zero_point: output.qparams.zero_point,
            multipliers: vec![multiplier],
            relu,
        }),
        constants: Constants::default(),
        inputs: vec![Tensor::new([1, sums.len()], Data::I32(sums.to_vec())).unwrap()],
    };
    let mut witness = Witness::default();
    let outputs = reference(&problem, profile, &mut witness).ok()?;
    let code = |i| (!witness.open.contains(&(0, i))).then(|| outputs[0].data().code(i));
    Some((0..sums.len()).map(code).collect())
}

/// The first sum on which the requantize op and the oracle differ.
fn difference(
    profile: &Profile,
    rule: &RequantizeRule,
    sums: &[i32],
    multiplier: f32,
    output: Quantized,
    relu: bool,
) -> Option<String> {
    let oracle = |sum| {
        let scale = SumScale::Given(multiplier);
        oracle::requantize(rule, sum, scale, SumBias::None, output, relu.into())
    };
    let Some(got) = op_codes(profile, sums, multiplier, output, relu) else {
        return oracle(1).map(|code| format!("{multiplier}: reference none, oracle {code}"));
    };
    (sums.iter().zip(got)).find_map(|(&sum, got)| {
        let expected = oracle(sum);
        (got != expected).then(|| {
            format!("{sum} · {multiplier} ({output:?}): reference {got:?}, oracle {expected:?}")
        })
    })
}

#[test]
fn every_named_profile_on_ties_and_the_ends_of_i32() {
    let sums = sums();
    let mut seen = Vec::new();
    for named in PROFILES {
        let rule = named.profile.requantize;
        if seen.contains(&rule) {
            continue;
        }
        seen.push(rule);
        for (dtype, zero_point) in [
            (DType::U8, 0),
            (DType::U8, 7),
            (DType::U8, 255),
            (DType::I8, -128),
            (DType::I8, 3),
        ] {
            for multiplier in MULTIPLIERS {
                for relu in [false, true] {
                    let output = quantized(dtype, 1.0, zero_point);
                    let profile = named.profile;
                    let found = difference(
                        &profile,
                        &profile.requantize,
                        &sums,
                        multiplier,
                        output,
                        relu,
                    );
                    assert_eq!(found, None, "{}", named.name);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_sum_with_any_given_multiplier(
        index in 0..PROFILES.len(),
        sums in prop::collection::vec(any::<i32>(), 8),
        multiplier in prop_oneof![1e-9f32..1.0, 1e-6f32..1e-2, 0.1f32..4.0],
        zero_point in any::<u8>(),
        relu in any::<bool>(),
    ) {
        let profile = PROFILES[index].profile;
        let output = quantized(DType::U8, 1.0, i32::from(zero_point));
        let found = difference(&profile, &profile.requantize, &sums, multiplier, output, relu);
        prop_assert_eq!(found, None, "{}", PROFILES[index].name);
    }
}
