//! Whose bits one answer is: how far each named profile gives what a backend
//! answered to one case. For backends that declare no profile.

use qassay_backends::backend::Backend;
use qassay_golden::ops::reference;
use qassay_golden::profile::named::PROFILES;
use qassay_golden::profile::{AxisName, Profile};
use qassay_golden::witness::Witness;

use crate::compare::differences;
use crate::count::{Work, work};
use crate::explain::relevant;
use crate::judge::Judge;
use crate::panics;
use crate::protocol::Likeness;
use crate::worker::pose;

/// Cases with more work than this are not looked at: the reference of every
/// profile would take too long.
const MOST_WORK: u64 = 1 << 22;

/// Values that were compared, and those that differ.
type Counts = (u64, u64);

/// How far each named profile gives what `backend` answers to `case`; empty
/// where it gives no answer, or the case is too large.
pub fn likeness(judge: &mut Judge, backend: &dyn Backend, case: &str) -> Vec<Likeness> {
    let Ok(Ok(question)) = panics::caught(|| pose(case)) else {
        return Vec::new();
    };
    let op = &question.problem().op;
    let (Work::MultiplyAccumulates(amount) | Work::Elements(amount)) = work(op);
    if amount > MOST_WORK {
        return Vec::new();
    }
    let Ok(got) = judge.answer(&question, backend) else {
        return Vec::new();
    };
    let axes: Vec<AxisName> = Profile::axes().filter(|&axis| relevant(op, axis)).collect();
    // Profiles that agree on every axis that matters here give the same bits.
    let mut known: Vec<(Vec<&str>, Option<Counts>)> = Vec::new();
    let mut all = Vec::new();
    for named in PROFILES {
        let choices: Vec<&str> = axes
            .iter()
            .map(|&axis| named.profile.choice(axis))
            .collect();
        let counts = match known.iter().find(|(same, _)| *same == choices) {
            Some((_, counts)) => *counts,
            None => {
                let mut witness = Witness::default();
                let outputs =
                    panics::caught(|| reference(question.problem(), &named.profile, &mut witness));
                let counts = outputs.ok().and_then(Result::ok).map(|outputs| {
                    let wrong = differences(&outputs, &got, &witness.open);
                    (wrong.compared, wrong.count)
                });
                known.push((choices, counts));
                counts
            }
        };
        if let Some((compared, wrong)) = counts {
            all.push(Likeness {
                profile: named.name.to_owned(),
                compared,
                wrong,
            });
        }
    }
    all
}
