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

/// What the cases of a suite at level exhaustive have before the number of a block, and how many
/// blocks it has.
fn whole_domains(suite: &str) -> BTreeMap<String, usize> {
    let mut domains = BTreeMap::new();
    for id in find(suite).unwrap().cases(Level::Exhaustive, 0) {
        let id = id.to_string();
        if let Some((domain, rest)) = id.rsplit_once("/block") {
            let number = rest.split('/').next().unwrap();
            assert!(number.parse::<u8>().is_ok(), "{id}");
            *domains.entry(domain.to_owned()).or_default() += 1;
        }
    }
    domains
}

#[test]
fn exhaustive_cases_are_whole_domains() {
    let whole =
        |domains: &[&str]| BTreeMap::from_iter(domains.iter().map(|&d| (d.to_owned(), 256)));
    assert_eq!(
        whole_domains("quantize"),
        whole(&[
            "quantize/d16777216/u8/per-tensor/zp:y113",
            "quantize/d16777216/s8/per-tensor/zp:y-7",
        ])
    );
    assert_eq!(
        whole_domains("requantize"),
        whole(&[
            "requantize/m4096.n4096/u8/per-tensor/zp:y113/scale:r0.5",
            "requantize/m4096.n4096/s8/per-tensor/zp:y-7/scale:r0.9999999403953552",
            "requantize/m4096.n4096/u8/per-tensor/zp:y113/scale:r255.99998474121094",
        ])
    );
    assert_eq!(
        whole_domains("linear"),
        whole(&["linear/m256.n65536.k2/u8.s8.s32/per-tensor"])
    );
    let dequantize = find("dequantize").unwrap().cases(Level::Exhaustive, 0);
    for zero_point in 0..256 {
        let zero_point = match zero_point {
            0 => String::new(),
            other => format!("/zp:x{other}"),
        };
        let every = |id: &&CaseId| {
            let id = id.to_string();
            let start = format!("dequantize/d256/u8/per-tensor{zero_point}/");
            id.starts_with(&start) && id.contains("/every/")
        };
        assert!(dequantize.iter().any(|id| every(&id)), "{zero_point}");
    }
}

/// Between them the blocks of linear have every pair of products once.
#[test]
fn blocks_of_pairs_have_every_pair() {
    let operands = |block: u8| {
        let id = format!("linear/m256.n65536.k2/u8.s8.s32/per-tensor/block{block}");
        let case = Case::from_id(&id.parse().unwrap()).unwrap();
        let problem = case.problem();
        let x = problem.inputs[0].data().clone();
        (x, problem.constants.weights.clone().unwrap())
    };
    let (first, weights) = operands(0);
    let columns: std::collections::BTreeSet<(i64, i64)> = (0..1 << 16)
        .map(|n| (weights.data().code(2 * n), weights.data().code(2 * n + 1)))
        .collect();
    assert_eq!(columns.len(), 1 << 16);
    let rows = |x: &qassay_golden::tensor::Data| -> Vec<(i64, i64)> {
        (0..256)
            .map(|m| (x.code(2 * m), x.code(2 * m + 1)))
            .collect()
    };
    let all = |block: u8| {
        (0..256)
            .map(|code| (i64::from(block), code))
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&first), all(0));
    let (other, alike) = operands(201);
    assert_eq!(rows(&other), all(201));
    assert!(alike == weights);
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
