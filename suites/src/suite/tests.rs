//! Suites: distinct valid cases, in their own suite, of the promised number.

use std::collections::BTreeMap;

use qassay_golden::ops::{ReferenceError, reference};
use qassay_golden::profile::named;
use qassay_golden::tensor::Tensor;
use qassay_golden::witness::{Event, Events, Witness};
use rayon::prelude::*;

use super::*;
use crate::case::Case;
use crate::data::DATA_CLASSES;

#[test]
fn names_are_distinct() {
    let mut names: Vec<_> = suites().iter().map(|suite| suite.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), suites().len());
}

/// Every id is canonical, in its suite, and its parts fit each other.
#[test]
fn standard_cases_are_valid_and_many() {
    let mut total = 0;
    let mut classes = BTreeMap::new();
    for suite in suites() {
        let cases = suite.cases(Level::Standard, 0);
        total += cases.len();
        for id in &cases {
            assert_eq!(id.suite(), suite.name, "{id}");
            assert_eq!(&id.to_string().parse::<CaseId>().unwrap(), id, "{id}");
            *classes.entry(id.data_class()).or_insert(0) += 1;
        }
    }
    assert!(total >= 2_500, "{total} cases");
    for entry in DATA_CLASSES.iter().filter(|entry| entry.name != "block") {
        assert!(
            classes.contains_key(entry.name),
            "no case of {}",
            entry.name
        );
    }
}

#[test]
fn standard_cases_can_be_made() {
    for suite in suites().iter().filter(|suite| suite.name != "captured") {
        for id in suite.cases(Level::Standard, 7) {
            Case::from_id(&id).unwrap_or_else(|e| panic!("{e}"));
        }
    }
}

#[test]
fn a_seed_gives_the_same_cases_and_another_gives_others() {
    let suite = find("linear").unwrap();
    let ids = |seed| suite.cases(Level::Standard, seed);
    assert_eq!(ids(3), ids(3));
    assert_ne!(ids(3), ids(4));
}

#[test]
fn exhaustive_quantize_is_every_f32() {
    let cases = find("quantize").unwrap().cases(Level::Exhaustive, 0);
    for class in (0..=255).map(|block| format!("/u8/per-tensor/zp:y113/block{block}")) {
        assert!(
            cases.iter().any(|id| id.to_string().ends_with(&class)),
            "{class}"
        );
    }
}

/// Under saturating and exact sums alike every class reaches its aim in every
/// suite, the reference defines every case, and together they reach every event.
#[test]
fn standard_cases_reach_their_aims_and_every_event() {
    let mut all = Events::default();
    for name in ["fbgemm", "exact", "fbgemm-acc16"] {
        let (events, undefined) = reach(name, Level::Standard);
        assert_eq!(undefined, 0, "{name}");
        all.merge(&events);
    }
    for &event in Event::ALL {
        assert!(all.count(event) > 0, "no case reaches {}", event.key());
    }
}

/// So it is under fixed-point arithmetic, which refuses some types and multipliers.
#[test]
fn standard_cases_reach_their_aims_in_fixed_point() {
    for name in ["qnnpack", "qnnpack-q31", "xnnpack-rndnu"] {
        reach(name, Level::Standard);
    }
}

/// The few cases of `smoke` are no empty gesture either.
#[test]
fn smoke_cases_reach_their_aims() {
    for name in ["fbgemm", "onednn", "qnnpack", "qnnpack-q31"] {
        reach(name, Level::Smoke);
    }
}

/// The events of all cases of a level under a profile, and how many cases it leaves
/// undefined. Each class must reach its aim in every suite, and something must come out.
fn reach(name: &str, level: Level) -> (Events, usize) {
    let profile = named::find(name).unwrap().profile;
    let (mut all, mut undefined) = (Events::default(), 0);
    for suite in suites().iter().filter(|suite| suite.name != "captured") {
        let seen: Vec<_> = suite
            .cases(level, 0)
            .par_iter()
            .map(|id| {
                let case = Case::from_id(id).unwrap_or_else(|e| panic!("{e}"));
                let mut witness = Witness::default();
                match reference(case.problem(), &profile, &mut witness) {
                    Ok(outputs) => {
                        let values: usize = outputs.iter().map(Tensor::len).sum();
                        let aim = case.aim().to_vec();
                        Some((id.data_class(), aim, witness.events, values))
                    }
                    Err(ReferenceError::Undefined(_)) => None,
                    Err(e) => panic!("{id}: {e}"),
                }
            })
            .collect();
        let mut classes: BTreeMap<_, (Vec<Event>, Events)> = BTreeMap::new();
        let mut values = 0;
        for entry in seen {
            let Some((class, aim, events, computed)) = entry else {
                undefined += 1;
                continue;
            };
            values += computed;
            all.merge(&events);
            let entry = classes.entry(class).or_default();
            entry.0.extend(aim);
            entry.1.merge(&events);
        }
        assert!(values > 0, "{name}: no case of {} has a value", suite.name);
        for (class, (aim, events)) in classes {
            for event in aim {
                let reached = events.count(event) > 0;
                let suite = suite.name;
                assert!(reached, "{name}: {suite}: {class} misses {}", event.key());
            }
        }
    }
    (all, undefined)
}
