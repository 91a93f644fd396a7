//! Whole explanations of planted backends: axes, the smallest case, the command
//! that repeats it, and what is said where there is nothing to explain.

use super::*;
use crate::planted::{Planted, profile};
use crate::suite::{self, Level};
use qassay_golden::profile::named;

fn held_to(name: &str) -> &'static NamedProfile {
    named::find(name).unwrap()
}

/// The subject that a run makes of a backend's records: which cases fail, which conform.
fn subject(backend: &Planted, held_to: &'static NamedProfile, suite: &str) -> Subject {
    let mut judge = Judge::new();
    let (mut failing, mut passing) = (Vec::new(), Vec::new());
    for id in suite::find(suite).unwrap().cases(Level::Smoke, 0) {
        let id = id.to_string();
        let mut question = pose(&id).unwrap();
        if question.problem().op.outputs()[0]
            .0
            .iter()
            .product::<usize>()
            > 2000
        {
            continue;
        }
        match judge.judge(&mut question, backend, held_to).verdict {
            Verdict::Differs => failing.push(id),
            Verdict::Conforms => passing.push(id),
            _ => {}
        }
    }
    Subject {
        backend: 0,
        suite: suite.to_owned(),
        failing_in_all: failing.len() as u64,
        failing,
        passing,
    }
}

fn explained(backend: &Planted, held_to: &'static NamedProfile, subject: &Subject) -> Explanation {
    explain(&mut Judge::new(), backend, held_to, subject)
}

#[test]
fn pair_saturation_shrinks_to_one_pair_and_the_command_repeats_it() {
    let backend = Planted::right("fbgemm");
    let exact = held_to("exact");
    let subject = subject(&backend, exact, "linear");
    assert!(subject.failing.len() > 1 && subject.passing.len() > 1);
    let found = explained(&backend, exact, &subject);
    let changes: Vec<_> = found
        .axes
        .iter()
        .map(|change| [&change.axis, &change.expected, &change.actual].map(String::as_str))
        .collect();
    assert_eq!(changes, [["accumulate.linear", "exact", "i16-pairs"]]);
    assert_eq!(found.identified.as_deref(), Some("fbgemm"));
    assert_eq!(found.checked_cases, subject.failing.len() as u64);
    assert_eq!(
        (
            found.backend.as_str(),
            found.suite.as_str(),
            found.held_to.as_str()
        ),
        ("planted/right", "linear", "exact")
    );
    let start = format!(
        "all mismatches in {0} of {0} failing cases are explained by one axis alone: \
         accumulate.linear is i16-pairs instead of exact (",
        subject.failing.len()
    );
    assert!(found.sentence.starts_with(&start), "{}", found.sentence);

    // One pair, and nothing else in the id that could go.
    assert!(
        found.shrunk_case.starts_with("linear/m1.n1.k2/u8.s8"),
        "{}",
        found.shrunk_case
    );
    assert!(
        found.shrunk_case.contains("/given:"),
        "{}",
        found.shrunk_case
    );
    assert_eq!(
        found.repro,
        format!(
            "cargo run -- conform --backend planted/right --as exact --case {}",
            found.shrunk_case
        )
    );
    // The command's case shows what the explanation shows.
    let mut question = pose(&found.shrunk_case).unwrap();
    let record = Judge::new().judge(&mut question, &backend, exact);
    assert_eq!(record.verdict, Verdict::Differs);
    assert_eq!(
        (record.first.clone(), found.first.clone()),
        (found.first, record.first)
    );
    assert_smallest(&backend, &found.shrunk_case);
}

/// No smaller case fails in the way that was explained: as fbgemm's arithmetic, held to exact.
fn assert_smallest(backend: &Planted, shrunk_case: &str) {
    let explanation = profile("fbgemm");
    let id: crate::case::CaseId = shrunk_case.parse().unwrap();
    for smaller in id.smaller() {
        let smaller = smaller.to_string();
        let still = fails(
            &mut Judge::new(),
            backend,
            held_to("exact"),
            &smaller,
            Some(&explanation),
        );
        assert!(!still, "{smaller} is smaller than {shrunk_case}");
    }
}

/// A smaller case that is wrong for another reason does not show what was explained.
#[test]
fn shrinking_keeps_to_what_was_explained() {
    let backend = Planted::right("fbgemm").spoiling(|run| {
        if let qassay_golden::spec::OpSpec::Linear(spec) = &run.problem.op
            && spec.k == 2
        {
            run.flip(0, 0, 0x20);
        }
    });
    let exact = held_to("exact");
    let mut subject = subject(&backend, exact, "linear");
    let pairs = |case: &String| case.contains(".k2/");
    subject.failing.retain(|case| !pairs(case));
    subject.passing.retain(|case| !pairs(case));
    let found = explained(&backend, exact, &subject);
    assert_eq!(found.identified.as_deref(), Some("fbgemm"), "{found:?}");
    // One output, of as few products as saturate a pair without being the spoiled two: 3, or 4
    // whose pair is the second one.
    let small = ["k3", "k4"].map(|k| format!("linear/m1.n1.{k}/u8.s8"));
    let is_small = small
        .iter()
        .any(|start| found.shrunk_case.starts_with(start));
    assert!(is_small, "{found:?}");
    assert_smallest(&backend, &found.shrunk_case);
}

#[test]
fn a_wrong_bit_is_shrunk_though_nothing_explains_it() {
    let backend = Planted::right("exact").spoiling(|run| {
        if let qassay_golden::spec::OpSpec::Requantize(spec) = &run.problem.op
            && spec.columns >= 3
        {
            run.flip(0, 2, 0x40);
        }
    });
    let exact = held_to("exact");
    let subject = subject(&backend, exact, "requantize");
    let found = explained(&backend, exact, &subject);
    assert!(
        found.axes.is_empty() && found.identified.is_none(),
        "{found:?}"
    );
    assert!(
        found.shrunk_case.starts_with("requantize/m1.n3/"),
        "{}",
        found.shrunk_case
    );
    assert_eq!(found.first.unwrap().index, [0, 2]);
    assert!(
        found
            .sentence
            .starts_with("not explained by any named profile"),
        "{}",
        found.sentence
    );
    // It is held to its own profile: nothing to add to the command.
    assert!(!found.repro.contains("--as"), "{}", found.repro);
}

#[test]
fn what_does_not_differ_again_is_said_and_not_explained() {
    let backend = Planted::right("exact");
    let failing = "relu/d3/u8/uniform/seed0".to_owned();
    let subject = Subject {
        backend: 0,
        suite: "relu".into(),
        failing: vec![failing.clone()],
        failing_in_all: 1,
        passing: Vec::new(),
    };
    let found = explained(&backend, held_to("exact"), &subject);
    assert_eq!((found.checked_cases, found.axes.len()), (0, 0));
    assert_eq!(found.shrunk_case, failing);
    assert!(
        found.sentence.contains("differs in 1 of relu cases")
            && found.sentence.contains("not again"),
        "{}",
        found.sentence
    );
}

#[test]
fn a_search_that_ended_its_worker_leaves_a_command() {
    let session = Session {
        backends: vec!["a/b".into(), "planted/right".into()],
        held_to: Some("exact".into()),
        modelled: false,
        found: Vec::new(),
        brief: false,
    };
    let subject = Subject {
        backend: 1,
        suite: "relu".into(),
        failing: vec!["relu/d3/u8/uniform/seed0".into()],
        failing_in_all: 1,
        passing: Vec::new(),
    };
    let found = unexplained(&session, &subject, "SIGSEGV");
    assert_eq!(
        found.repro,
        "cargo run -- conform --backend planted/right --as exact --case relu/d3/u8/uniform/seed0"
    );
    assert_eq!(
        found.sentence,
        "not explained: the search ended early (SIGSEGV)"
    );
}

#[test]
fn the_sentence_says_how_far_the_search_came() {
    let subject = Subject {
        backend: 0,
        suite: "linear".into(),
        failing: Vec::new(),
        failing_in_all: 7,
        passing: Vec::new(),
    };
    let say = |searched, out_of_time| {
        let finding = Finding {
            searched,
            out_of_time,
            ..Finding::default()
        };
        words::sentence("a/b", "exact", &[], &finding, 5, &subject)
    };
    for (searched, out_of_time, part) in [
        (
            0,
            true,
            "nor by what a search cut short by its time limit tried of exact: a/b",
        ),
        (1, false, "nor by changing any one axis of exact: a/b"),
        (
            2,
            true,
            "changing any two axes (the search then ended at its time limit) of exact: a/b",
        ),
        (
            3,
            false,
            "nor by changing any two axes, nor three to choices of named profiles, of exact: a/b",
        ),
    ] {
        let said = say(searched, out_of_time);
        assert!(said.contains(part), "{said}");
    }
}
