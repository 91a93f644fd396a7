//! Scale and zero point from a range.

use proptest::prelude::*;

use super::{all, missed};
use crate::ops::choose_qparams::choose;
use crate::oracle;
use crate::profile::named::PROFILES;
use crate::profile::{Profile, QparamsRule};
use crate::spec::{QParams, QparamsRequest};
use crate::tensor::DType;

/// The requests that systems make: both types, symmetric or not, reduced or not.
fn requests() -> Vec<QparamsRequest> {
    let mut requests = Vec::new();
    for (dtype, range) in [
        (DType::U8, None),
        (DType::I8, None),
        (DType::I8, Some((-127, 127))),
        (DType::U8, Some((0, 127))),
        (DType::U16, None),
        (DType::I16, None),
    ] {
        for symmetric in [false, true] {
            for reduce_range in [false, true] {
                requests.push(QparamsRequest {
                    dtype,
                    range,
                    symmetric,
                    reduce_range: reduce_range && range.is_none() && dtype.bits() == 8,
                });
            }
        }
    }
    requests
}

/// The requests for codes of 4 and 2 bits.
fn narrow_requests() -> Vec<QparamsRequest> {
    let request = |dtype, symmetric| QparamsRequest {
        dtype,
        range: None,
        symmetric,
        reduce_range: false,
    };
    [DType::U4, DType::I4, DType::U2, DType::I2]
        .into_iter()
        .flat_map(|dtype| [request(dtype, false), request(dtype, true)])
        .collect()
}

/// Ranges with no width, on one side of zero, tiny, huge, and whose zero point is on a tie.
const RANGES: [(f32, f32); 24] = [
    (-0.000_160_356_63, 9.127_993e-5),
    (-0.5, 253.5),
    (0.0, 0.0),
    (3.0, 3.0),
    (-3.0, -3.0),
    (-1.0, 1.0),
    (-1.0, 2.0),
    (-0.5, 254.5),
    (-1.5, 253.5),
    (-127.5, 127.5),
    (-128.0, 127.0),
    (0.0, 255.0),
    (-255.0, 0.0),
    (0.1, 0.7),
    (-0.7, -0.1),
    (-1e-30, 1e-30),
    (0.0, 1e-30),
    (-1e-30, 0.0),
    (-1e-3, 2e-3),
    (0.0, 1e-3),
    (-1e-45, 1e-45),
    (-1e-8, 1e-38),
    (-3e38, 3e38),
    (-0.333, 1e20),
];

fn bits(qparams: Option<QParams>) -> Option<(u64, i32)> {
    qparams.map(|q| (q.scale.to_bits(), q.zero_point))
}

fn difference(
    reference_rule: &QparamsRule,
    oracle_rule: &QparamsRule,
    (min, max): (f32, f32),
    request: &QparamsRequest,
) -> Option<String> {
    let got = choose(reference_rule, min, max, request).ok();
    let expected = oracle::choose_qparams(oracle_rule, min, max, request);
    let bits =
        |qparams: Option<crate::spec::QParams>| qparams.map(|q| (q.scale.to_bits(), q.zero_point));
    (bits(got) != bits(expected))
        .then(|| format!("[{min:e}, {max:e}] {request:?}: reference {got:?}, oracle {expected:?}"))
}

#[test]
fn every_named_profile_on_every_request() {
    for named in PROFILES {
        let rule = named.profile.qparams;
        for request in requests() {
            for range in RANGES {
                let found = difference(&rule, &rule, range, &request);
                assert_eq!(found, None, "{}", named.name);
            }
        }
        for request in narrow_requests() {
            // Stretched over few codes, the greatest range ends beyond f32: the oracle
            // has no ends that are infinite.
            for range in RANGES.into_iter().filter(|range| range.1 < 1e38) {
                let found = difference(&rule, &rule, range, &request);
                assert_eq!(found, None, "{}", named.name);
            }
        }
    }
}

/// Every combination of the axes but that of reduced codes, which only names the codes.
fn combinations() -> Vec<QparamsRule> {
    let base = PROFILES[0].profile.qparams;
    let mut rules = Vec::new();
    for &precision in all() {
        for &symmetric in all() {
            for &symmetric_zero_point in all() {
                for &zero_point_from in all() {
                    for &zero_point_rounding in all() {
                        rules.extend(all().iter().map(|&small_scale| QparamsRule {
                            precision,
                            symmetric,
                            symmetric_zero_point,
                            zero_point_from,
                            zero_point_rounding,
                            small_scale,
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
fn every_choice_of_every_axis() {
    let requests = requests();
    for (index, rule) in combinations().into_iter().enumerate() {
        for range in [(0.0, 0.0), (-0.5, 253.5), (-1e-3, 2e-3)] {
            // Each rule meets a few of the requests, each request many of the rules.
            for request in requests.iter().skip(index % 7).step_by(7) {
                let found = difference(&rule, &rule, range, request);
                assert_eq!(found, None, "{rule:?}");
            }
        }
    }
    for &reduce_range in all() {
        let rule = QparamsRule {
            reduce_range,
            ..PROFILES[0].profile.qparams
        };
        for request in &requests {
            assert_eq!(difference(&rule, &rule, (-1.0, 2.0), request), None);
        }
    }
}

/// Choices that no range tells from the profile's own.
const UNSEEN: [&str; 4] = [
    // With preserve_sparsity the middle is taken in any case.
    "pytorch-dynamic symmetric_zero_point=rounded-middle",
    "pytorch-dynamic symmetric_zero_point=middle-rounded-up",
    // The codes' ends are integers, so clamping commutes with rounding, and no zero point of
    // the end with the smaller error lies outside them.
    "pytorch-dynamic zero_point_rounding=clamp-then-ties-even",
    "pytorch-dynamic zero_point_rounding=ties-even-unclamped",
];

/// Something that chooses scale and zero point for a range; `None` if it has none to give.
type Chooser<'a> = &'a dyn Fn((f32, f32), &QparamsRequest) -> Option<QParams>;

/// Each other choice of an axis gives other parameters somewhere, or a fault in it would hide.
#[test]
fn a_fault_in_any_axis_is_caught() {
    let everywhere = |choose: Chooser<'_>| {
        let of_request = |request| RANGES.map(|range| bits(choose(range, &request)));
        requests().into_iter().map(of_request).collect::<Vec<_>>()
    };
    let oracle = |profile: &Profile| {
        everywhere(&|range, request| {
            oracle::choose_qparams(&profile.qparams, range.0, range.1, request)
        })
    };
    let reference = |profile: &Profile| {
        everywhere(&|range, request| choose(&profile.qparams, range.0, range.1, request).ok())
    };
    let names = ["pytorch-observer", "pytorch-dynamic", "onnxruntime"];
    assert_eq!(missed(names, "qparams", oracle, reference), UNSEEN);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_range_under_any_profile(
        index in 0..PROFILES.len(),
        request in 0..16usize,
        ends in prop_oneof![
            (-10f32..10.0, -10f32..10.0),
            (-1e-3f32..1e-3, -1e-3f32..1e-3),
            (any::<u32>(), any::<u32>()).prop_map(|(a, b)| (f32::from_bits(a), f32::from_bits(b))),
        ],
    ) {
        prop_assume!(ends.0.is_finite() && ends.1.is_finite());
        let rule = PROFILES[index].profile.qparams;
        let range = (ends.0.min(ends.1), ends.0.max(ends.1));
        let found = difference(&rule, &rule, range, &requests()[request]);
        prop_assert_eq!(found, None, "{}", PROFILES[index].name);
    }
}
