//! Families without a fault conform, faults of each kind are noticed, and a hunt says by what.

use super::*;
use crate::runner::{Workers, run_with};
use crate::suite::Level;

fn plan() -> Plan {
    Plan {
        level: Level::Smoke,
        workers: Workers::InProcess,
        ..Plan::default()
    }
}

#[test]
fn families_on_the_instruction_set_that_carries_faults_conform_without_one() {
    let profiles = ["fbgemm-exact", "onednn-jit", "qnnpack-sse2"];
    // Layers of real networks take their time on models.
    let made = |name: &&str| *name != "captured";
    let plan = Plan {
        backends: profiles.map(|p| format!("mutant:identity/{p}")).to_vec(),
        suites: (suites().iter().map(|suite| suite.name))
            .filter(made)
            .map(str::to_owned)
            .collect(),
        ..plan()
    };
    let run = run_with(&plan, &[], &mut |_| {}).unwrap();
    let failing: Vec<_> = (run.records.iter())
        .filter(|record| record.verdict.is_failure() && record.verdict != Verdict::Vacuous)
        .map(|record| (&record.backend, &record.case, &record.detail))
        .collect();
    assert!(failing.is_empty(), "{failing:?}");
    assert!(run.summary.judged > 300, "only {}", run.summary.judged);
}

#[test]
fn faults_of_each_kind_are_noticed() {
    for name in [
        // an instruction, an axis, constants, inputs, outputs, another kernel
        "fbgemm-exact/pairs-saturate",
        "fbgemm-exact/full-range",
        "qnnpack-sse2/bias-of-next-channel",
        "fbgemm-exact/reals-in-16-bits",
        "qnnpack-sse2/highest-code-lost",
        "onednn-jit/padding-zero",
    ] {
        let asked = Hunt {
            plan: plan(),
            names: Some(name.to_owned()),
            first: true,
        };
        let hunted = hunt(&asked, &mut |_| {}).unwrap();
        let [fate] = &hunted.run.mutants[..] else {
            panic!("{name} is one mutant");
        };
        assert!(fate.is_killed(), "{name} survived {} cases", fate.asked);
        let first = fate.first.as_deref().unwrap();
        let record = (hunted.records.iter()).find(|record| record.case == first);
        assert!(record.unwrap().verdict.is_failure(), "{name}: {first}");
        assert!(fate.after.unwrap() <= fate.asked, "{name}");
    }
}

#[test]
fn a_glob_that_matches_nothing_is_told() {
    let asked = Hunt {
        plan: plan(),
        names: Some("fbgemm-exact/no-such-*".into()),
        first: true,
    };
    let error = hunt(&asked, &mut |_| {}).err().unwrap().to_string();
    assert!(error.contains("no-such-*"), "{error}");
}
