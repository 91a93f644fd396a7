//! Backends whose arithmetic is known in advance: the search must name the axes
//! that were changed, or as few others that no bit of the sample tells from them,
//! and must name nothing where no axis describes what was given.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::compare::differences;
use crate::explain::observation::Computed;
use crate::planted::{axis, changed, profile};
use crate::suite::{self, Level};
use crate::worker::pose;

mod unexplained;

use unexplained::SATURATING;

/// Arithmetic that leaves nothing open: a planted backend has bits of its own
/// everywhere, as a real one has.
fn definite() -> Profile {
    profile("fbgemm-exact")
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(120)
}

/// A backend that computes under `computed`, held to `held`.
fn observation(case: &str, computed: &Profile, held: &Profile) -> Option<Observation> {
    let question = pose(case).unwrap();
    let problem = question.problem().clone();
    let Computed {
        outputs: got,
        open: unsaid,
    } = Computed::under(computed, &problem)?;
    let Computed {
        outputs: expected,
        open,
    } = Computed::under(held, &problem)?;
    // What `computed` alone leaves open is no arithmetic that a backend could have.
    if unsaid.iter().any(|at| !open.contains(at)) {
        return None;
    }
    Some(Observation::new(
        case.to_owned(),
        problem,
        got,
        expected,
        open,
    ))
}

fn observations(cases: &[String], computed: &Profile, held: &Profile) -> Vec<Observation> {
    cases
        .iter()
        .filter_map(|case| observation(case, computed, held))
        .collect()
}

fn find(mut observations: Vec<Observation>, held: &Profile, declared: &Profile) -> Finding {
    Search::new(&mut observations, held, declared).run(soon())
}

/// Up to `most` small cases of a suite, spread over all of its classes.
fn sample(suite: &str, most: usize) -> Vec<String> {
    let small = |question: &crate::judge::Question| {
        let problem = question.problem();
        let values = |shapes: Vec<(Vec<usize>, qassay_golden::tensor::DType)>| {
            shapes
                .iter()
                .map(|(shape, _)| shape.iter().product::<usize>())
                .sum::<usize>()
        };
        let outputs = values(problem.op.outputs());
        (1..=300).contains(&outputs) && values(problem.op.inputs()) <= 600
    };
    let cases: Vec<String> = suite::find(suite)
        .unwrap()
        .cases(Level::Standard, 0)
        .iter()
        .map(ToString::to_string)
        .filter(|case| small(&pose(case).unwrap()))
        .collect();
    let step = cases.len().div_ceil(most).max(1);
    // Odd steps meet every class: they come in turns of four.
    cases.into_iter().step_by(step | 1).collect()
}

const SUITES: [&str; 11] = [
    "quantize",
    "dequantize",
    "requantize",
    "choose-qparams",
    "linear",
    "linear-dynamic",
    "linear-weight-only",
    "conv",
    "depthwise",
    "add",
    "avg-pool",
];

fn names(choices: &[Choice]) -> BTreeSet<String> {
    choices
        .iter()
        .map(|(axis, key)| format!("{axis}={key}"))
        .collect()
}

/// Every choice on every axis that shows in a suite is found as one axis.
#[test]
fn each_axis_changed_alone_is_named() {
    let held = definite();
    let mut exactly = BTreeSet::new();
    let mut others = BTreeSet::new();
    for suite in SUITES {
        let cases = sample(suite, 40);
        for axis in Profile::axes() {
            // What is left open is no arithmetic that a backend could have.
            for key in Profile::choices(axis)
                .into_iter()
                .filter(|key| *key != "open")
            {
                let computed = held.with(axis, key).unwrap();
                let observations = observations(&cases, &computed, &held);
                if computed == held || !observations.iter().any(Observation::differs) {
                    continue;
                }
                let about = format!("{suite}: {axis}={key}");
                let finding = find(observations, &held, &computed);
                let [found] = finding.choices[..] else {
                    panic!("{about}: found {:?}", names(&finding.choices));
                };
                if found == (axis, key) {
                    exactly.insert(axis.to_string());
                    continue;
                }
                // Another choice: no bit of the sample may tell it from the planted one.
                others.insert(about.clone());
                let other = with(&held, &[found]).unwrap();
                for case in &cases {
                    let problem = pose(case).unwrap().problem().clone();
                    let Some(Computed { open, .. }) = Computed::under(&held, &problem) else {
                        continue;
                    };
                    let [a, b] = [&computed, &other].map(|p| Computed::under(p, &problem));
                    if let (Some(a), Some(b)) = (a, b) {
                        let differ = differences(&a.outputs, &b.outputs, &open).count;
                        assert_eq!(differ, 0, "{about}: {found:?} in {case}");
                    }
                }
            }
        }
    }
    println!("other than planted: {others:?}");
    for axis in [
        "quantize.transform",
        "quantize.rounding",
        "quantize.zero_point",
        "quantize.clamp",
        "dequantize.body",
        "requantize.scaling",
        "requantize.rounding",
        "requantize.zero_point",
        "requantize.bias_per_tensor",
        "requantize.bias_per_channel",
        "accumulate.linear",
        "accumulate.conv",
        "accumulate.grouped",
        "accumulate.depthwise",
        "qparams.precision",
        "qparams.small_scale",
        "float_output.scale",
        "float_output.weight_only",
        "pointwise.add",
        "pointwise.avg_pool_count",
    ] {
        assert!(exactly.contains(axis), "{axis} is never named: {exactly:?}");
    }
}

/// Suite, the choices planted.
const SEVERAL: [(&str, &[(&str, &str)]); 7] = [
    (
        "linear",
        &[
            ("accumulate.linear", "i16-pairs"),
            ("requantize.rounding", "ties-away"),
        ],
    ),
    (
        "conv",
        &[
            ("accumulate.conv", "i16-pairs-per-tap"),
            ("requantize.zero_point", "before-round-f32"),
        ],
    ),
    (
        "quantize",
        &[
            ("quantize.transform", "div-f64"),
            ("quantize.rounding", "ties-away"),
        ],
    ),
    (
        "requantize",
        &[
            ("requantize.rounding", "toward-zero"),
            ("requantize.zero_point", "before-round-f32"),
        ],
    ),
    (
        "linear-dynamic",
        &[
            ("quantize.zero_point", "before-round-f32"),
            ("float_output.scale", "left-to-right"),
        ],
    ),
    (
        "linear",
        &[
            ("accumulate.linear", "i16-pairs"),
            ("requantize.zero_point", "before-round-f32"),
            ("float_output.scale", "left-to-right"),
        ],
    ),
    (
        "conv",
        &[
            ("accumulate.conv", "i16-pairs"),
            ("accumulate.grouped", "i16-pairs"),
            ("requantize.zero_point", "before-round-f32"),
        ],
    ),
];

#[test]
fn two_and_three_axes_changed_together_are_named() {
    let held = definite();
    for (suite, choices) in SEVERAL {
        let computed = changed(held, choices);
        let observations = observations(&sample(suite, 90), &computed, &held);
        let finding = find(observations, &held, &held);
        let planted: BTreeSet<_> = choices
            .iter()
            .map(|(axis, key)| format!("{axis}={key}"))
            .collect();
        assert_eq!(names(&finding.choices), planted, "{suite}");
        assert_eq!(finding.searched, choices.len() - 1, "{suite}: fewer do not");
        assert!(!finding.out_of_time);
        let changes = finding.changes(&held);
        for change in &changes {
            let (_, key) = choices
                .iter()
                .find(|(axis, _)| *axis == change.axis)
                .unwrap();
            assert_eq!(change.actual, *key);
            assert_eq!(change.expected, held.choice(axis(&change.axis)));
            assert!(!change.meaning.is_empty());
        }
    }
}

#[test]
fn a_named_profile_is_identified_and_reduced_to_what_shows() {
    let exact = profile("exact");
    for (suite, name, shows) in [
        ("linear", "fbgemm", "accumulate.linear=i16-pairs"),
        ("depthwise", "fbgemm", "accumulate.depthwise=i16-pairs"),
        (
            "conv",
            "onednn-jit-avx2",
            "accumulate.conv=i16-pairs-per-tap",
        ),
        ("quantize", "onnxruntime", "quantize.transform=div-f32"),
        (
            "requantize",
            "onednn",
            "requantize.zero_point=before-round-f32",
        ),
    ] {
        let declared = profile(name);
        let cases = sample(suite, 60);
        let finding = find(observations(&cases, &declared, &exact), &exact, &declared);
        assert_eq!(finding.identified.map(|n| n.name), Some(name), "{suite}");
        assert!(
            names(&finding.choices).contains(shows),
            "{suite}, {name}: {:?}",
            names(&finding.choices)
        );
        // Nothing that is named can be left out.
        let all = observations(&cases, &declared, &exact);
        for left_out in 0..finding.choices.len() {
            let mut fewer = finding.choices.clone();
            fewer.remove(left_out);
            let fewer = with(&exact, &fewer).unwrap();
            assert!(
                !all.iter().all(|o| o.is_explained_by(&fewer)),
                "{suite}, {name}: {:?} is needless",
                finding.choices[left_out]
            );
        }
        // Undeclared, it is still found: the first named profile with these bits.
        let finding = find(observations(&cases, &declared, &exact), &exact, &exact);
        let found = finding.identified.expect("a named profile").profile;
        assert!(all.iter().all(|o| o.is_explained_by(&found)), "{suite}");
    }
}

/// Outputs never depend on an axis that is said not to matter.
#[test]
fn irrelevant_axes_change_no_bit() {
    let mut suites = SUITES.to_vec();
    suites.extend(["observers", "mul", "relu", "max-pool"]);
    for suite in suites {
        for case in sample(suite, 16) {
            let problem = pose(&case).unwrap().problem().clone();
            for base in ["exact", "fbgemm", "onednn-jit-avx2", "qnnpack"] {
                let base = profile(base);
                let Some(right) = Computed::under(&base, &problem) else {
                    continue;
                };
                for axis in Profile::axes().filter(|&axis| !relevant(&problem.op, axis)) {
                    for key in Profile::choices(axis) {
                        let other = Computed::under(&base.with(axis, key).unwrap(), &problem);
                        let other = other.unwrap_or_else(|| panic!("{case}: {axis}={key}"));
                        let differ = differences(&right.outputs, &other.outputs, &[]).count;
                        assert_eq!(
                            (differ, &other.open),
                            (0, &right.open),
                            "{case}: {axis}={key}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn indistinguishable_axes_are_those_that_the_data_cannot_tell() {
    let (exact, fbgemm) = (profile("exact"), profile("fbgemm"));
    let cases = SATURATING.map(str::to_owned);
    let seen = observations(&cases, &fbgemm, &exact);
    let finding = find(observations(&cases, &fbgemm, &exact), &exact, &fbgemm);
    assert_eq!(
        indistinguishable(&seen, &exact, &fbgemm, &finding),
        [],
        "sums have no requantization, and the sum's axis was found"
    );
    // With codes as outputs the declared zero point and cast could show, but no value is large.
    let cases = SATURATING.map(|case| {
        case.replace(".s32", "")
            .replace("/given", "/scale:y16384/given")
    });
    let seen = observations(&cases, &fbgemm, &exact);
    let finding = find(observations(&cases, &fbgemm, &exact), &exact, &fbgemm);
    let unseen: Vec<String> = indistinguishable(&seen, &exact, &fbgemm, &finding)
        .into_iter()
        .map(|change| change.axis)
        .collect();
    assert_eq!(unseen, ["requantize.zero_point", "requantize.cast"]);
}

#[test]
fn combinations_are_all_sets_of_different_axes_once() {
    let rounding = axis("requantize.rounding");
    let pool: Vec<Choice> = Profile::axes()
        .take(4)
        .map(|axis| (axis, Profile::choices(axis)[0]))
        .chain([(rounding, "ties-away"), (rounding, "ties-up")])
        .collect();
    for (size, count) in [(0, 1), (1, 6), (2, 14), (3, 16)] {
        let sets: Vec<_> = combinations(&pool, size).collect();
        let distinct: BTreeSet<_> = sets.iter().map(|set| names(set)).collect();
        assert_eq!((sets.len(), distinct.len()), (count, count), "{size}");
        assert!(sets.iter().all(|set| set.len() == size));
    }
}
