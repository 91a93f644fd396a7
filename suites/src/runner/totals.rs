//! Totals of a run, and what its data could not have told.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use qassay_golden::witness::Event;

use super::Plan;
use super::select::Selected;
use crate::case::CaseId;
use crate::record::{Record, Summary, Verdict};

/// Turns "conforms" into "vacuous" where the data could not have told right
/// from wrong: a backend in a suite of which no value was compared, and a data
/// class that never reached an event it aims at in a whole suite. The latter is
/// not asked of a part (a shard, single cases), which may well miss it.
pub(super) fn mark_vacuous(records: &mut [Record], selected: &Selected, plan: &Plan) {
    let mut values: HashMap<(String, String), u64> = HashMap::new();
    for record in records.iter() {
        *values
            .entry((record.backend.clone(), record.suite.clone()))
            .or_default() += record.values;
    }
    for record in records.iter_mut() {
        let key = (record.backend.clone(), record.suite.clone());
        if record.verdict == Verdict::Conforms && values[&key] == 0 {
            record.verdict = Verdict::Vacuous;
            record.detail = "the profile leaves every output of this suite open".into();
        }
    }
    if plan.shard.is_some() || !plan.cases.is_empty() {
        return;
    }
    for (missed, cases) in missed_aims(records, selected) {
        for record in records.iter_mut() {
            if record.verdict == Verdict::Conforms && cases.contains(&record.case) {
                record.verdict = Verdict::Vacuous;
                record.detail = format!("no case of its data class reached {missed}");
            }
        }
    }
}

/// Events that a data class aims at in a suite but never reached, each with the
/// cases that aimed at it.
fn missed_aims(records: &[Record], selected: &Selected) -> Vec<(String, BTreeSet<String>)> {
    let mut reached: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    for record in records.iter().filter(|record| record.verdict.is_judged()) {
        reached
            .entry(&record.case)
            .or_default()
            .extend(record.events.keys().map(String::as_str));
    }
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for ((case, suite), class) in selected.cases.iter().zip(&selected.classes) {
        if reached.contains_key(case.as_str()) {
            groups.entry((suite, class)).or_default().push(case);
        }
    }
    let mut missed = Vec::new();
    for ((suite, class), cases) in groups {
        let all: BTreeSet<&str> = cases
            .iter()
            .flat_map(|case| reached[case].iter().copied())
            .collect();
        let mut aiming: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for case in cases {
            for event in aim(case) {
                if !all.contains(event.key()) {
                    aiming
                        .entry(event.key())
                        .or_default()
                        .insert(case.to_owned());
                }
            }
        }
        for (event, cases) in aiming {
            missed.push((format!("{event} ({suite}, {class})"), cases));
        }
    }
    missed
}

/// What a case aims at.
fn aim(case: &str) -> Vec<Event> {
    case.parse::<CaseId>()
        .ok()
        .map(|id| match id {
            CaseId::Made(made) => made.aim(),
            CaseId::Captured(_) => Vec::new(),
        })
        .unwrap_or_default()
}

/// The totals of a run. Events are counted once per case: backends that are held
/// to one profile see the same, and of several profiles the greatest count stands.
pub fn summary(records: &[Record], seconds: f64) -> Summary {
    let mut summary = Summary {
        seconds,
        events: Event::ALL
            .iter()
            .map(|event| (event.key().to_owned(), 0))
            .collect(),
        ..Summary::default()
    };
    let mut cases: HashMap<&str, BTreeMap<&str, u64>> = HashMap::new();
    for record in records {
        *summary
            .verdicts
            .entry(record.verdict.word().to_owned())
            .or_default() += 1;
        let events = cases.entry(&record.case).or_default();
        if record.verdict.is_judged() && record.values > 0 {
            summary.judged += 1;
            summary.values += record.values;
            for (event, &count) in &record.events {
                let most = events.entry(event).or_default();
                *most = count.max(*most);
            }
        }
    }
    summary.cases = cases.len() as u64;
    for (event, count) in cases.into_values().flatten() {
        *summary.events.entry(event.to_owned()).or_default() += count;
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(case: &str, backend: &str, verdict: Verdict, values: u64) -> Record {
        Record {
            case: case.into(),
            suite: "relu".into(),
            backend: backend.into(),
            isa: "scalar".into(),
            execution: "native".into(),
            profile: "exact".into(),
            verdict,
            values,
            open: 0,
            mismatches: 0,
            first: None,
            chosen: String::new(),
            data_hash: String::new(),
            output_hash: None,
            spread: None,
            events: BTreeMap::from([("exact-tie".to_owned(), values)]),
            detail: String::new(),
        }
    }

    #[test]
    fn events_count_once_per_case_and_unjudged_pairs_do_not_count() {
        let records = [
            record("a", "x", Verdict::Conforms, 3),
            record("a", "y", Verdict::Conforms, 5),
            record("b", "x", Verdict::Differs, 2),
            record("b", "y", Verdict::Unsupported, 7),
        ];
        let summary = summary(&records, 1.0);
        assert_eq!((summary.judged, summary.cases, summary.values), (3, 2, 10));
        assert_eq!(summary.events["exact-tie"], 5 + 2);
        assert_eq!(summary.events["pair-saturated"], 0, "zeros are kept");
        assert_eq!(summary.verdicts["conforms"], 2);
        assert_eq!(summary.verdicts["unsupported"], 1);
    }

    #[test]
    fn a_suite_of_which_nothing_was_compared_is_vacuous() {
        let mut records = [
            record("a", "x", Verdict::Conforms, 0),
            record("b", "x", Verdict::Conforms, 0),
            record("a", "y", Verdict::Conforms, 0),
            record("b", "y", Verdict::Conforms, 1),
        ];
        let selected = Selected {
            backends: Vec::new(),
            cases: Vec::new(),
            classes: Vec::new(),
        };
        mark_vacuous(&mut records, &selected, &Plan::default());
        let verdicts = records.map(|record| record.verdict);
        assert_eq!(
            verdicts,
            [
                Verdict::Vacuous,
                Verdict::Vacuous,
                Verdict::Conforms,
                Verdict::Conforms
            ]
        );
    }

    const AIMING: [&str; 2] = [
        "linear/m1.n1.k4/u8.s8/per-tensor/saturating/seed0",
        "linear/m2.n1.k4/u8.s8/per-tensor/saturating/seed1",
    ];
    const OTHER: &str = "linear/m1.n1.k4/u8.s8/per-tensor/uniform/seed0";

    /// Verdicts of AIMING and OTHER; `reached` says which cases saturated a pair.
    fn aimed(plan: &Plan, before: [Verdict; 3], reached: [bool; 3]) -> [(Verdict, String); 3] {
        let cases = [AIMING[0], AIMING[1], OTHER];
        let mut records: Vec<Record> = (0..3)
            .map(|at| Record {
                events: (reached[at].then(|| ("pair-saturated".to_owned(), 3)))
                    .into_iter()
                    .collect(),
                suite: "linear".into(),
                ..record(cases[at], "x", before[at], 1)
            })
            .collect();
        let selected = Selected {
            backends: vec!["x".into()],
            cases: cases
                .map(|case| (case.to_owned(), "linear".to_owned()))
                .into(),
            classes: vec!["saturating", "saturating", "uniform"],
        };
        mark_vacuous(&mut records, &selected, plan);
        let ended: Vec<_> = records.into_iter().map(|r| (r.verdict, r.detail)).collect();
        ended.try_into().unwrap()
    }

    #[test]
    fn a_class_that_never_reached_its_aim_is_vacuous_and_says_which_event() {
        use Verdict::{Conforms, Differs, Unsupported, Vacuous};
        let whole = Plan::default();
        let told = "no case of its data class reached pair-saturated (linear, saturating)";
        // Another class's event does not help.
        let ended = aimed(&whole, [Conforms, Conforms, Conforms], [false, false, true]);
        assert_eq!(ended[0], (Vacuous, told.to_owned()));
        assert_eq!(ended[1], (Vacuous, told.to_owned()));
        assert_eq!(ended[2], (Conforms, String::new()));
        // One case that reached it is enough; a failure stays one; so does a refusal.
        let ended = aimed(&whole, [Conforms, Conforms, Conforms], [false, true, false]);
        assert_eq!(ended.map(|(verdict, _)| verdict), [Conforms; 3]);
        let ended = aimed(&whole, [Differs, Conforms, Conforms], [false, false, false]);
        assert_eq!((ended[0].0, ended[1].0), (Differs, Vacuous));
        // What was not judged reached nothing, whatever its record says.
        let ended = aimed(
            &whole,
            [Unsupported, Conforms, Conforms],
            [true, false, false],
        );
        assert_eq!((ended[0].0, ended[1].0), (Unsupported, Vacuous));
    }

    #[test]
    fn parts_of_a_suite_may_miss_an_aim() {
        let before = [Verdict::Conforms; 3];
        let shard = Plan {
            shard: Some("1/2".parse().unwrap()),
            ..Plan::default()
        };
        let single = Plan {
            cases: vec![AIMING[0].parse().unwrap()],
            ..Plan::default()
        };
        for part in [shard, single] {
            let ended = aimed(&part, before, [false; 3]);
            assert_eq!(ended.map(|(verdict, _)| verdict), before);
        }
    }
}
