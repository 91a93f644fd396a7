//! Backends that declare no profile, and are not held to one, are asked a sample
//! of each suite first: whose bits are these?

use std::collections::BTreeMap;

use qassay_backends::registry::Entry;
use qassay_golden::profile::named::PROFILES;

use super::asked::{self, Declared};
use super::select::Selected;
use super::{Executor, Plan, Progress, RunError};
use crate::protocol::{Found, Likeness, Request, Session};
use crate::record::Identified;

/// The most cases of a suite that are looked at.
const SAMPLE: usize = 64;

/// What was found of all such backends.
#[derive(Default)]
pub(super) struct Findings {
    /// for the session
    pub found: Vec<Found>,
    /// for people
    pub identified: Vec<Identified>,
}

pub(super) fn identify(
    plan: &Plan,
    entries: &[Entry],
    selected: &Selected,
    declared: &[Declared],
    session: &Session,
    progress: &mut dyn FnMut(Progress),
) -> Result<Findings, RunError> {
    let unknown: Vec<usize> = (declared.iter().enumerate())
        .filter(|(_, (declaration, _))| declaration.named_profile().is_none())
        .map(|(index, _)| index)
        .collect();
    if unknown.is_empty() || session.held_to.is_some() {
        return Ok(Findings::default());
    }
    let mut suites: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (case, suite) in &selected.cases {
        suites.entry(suite).or_default().push(case);
    }
    let (mut requests, mut asked_of) = (Vec::new(), Vec::new());
    for (suite, cases) in &suites {
        for case in cases.iter().step_by(cases.len().div_ceil(SAMPLE)) {
            for &backend in &unknown {
                requests.push(Request::Recognise {
                    job: requests.len(),
                    case: (*case).to_owned(),
                    backend,
                });
                asked_of.push((backend, *suite));
            }
        }
    }
    let executor = Executor {
        plan,
        entries,
        session,
        asked: &asked::asked(declared, session)?,
        suites: &selected.cases,
    };
    let outcome = executor.execute(requests, None, progress)?;
    let mut answers: BTreeMap<(usize, &str), Vec<Vec<Likeness>>> = BTreeMap::new();
    for (key, likeness) in asked_of.into_iter().zip(outcome.likeness) {
        if !likeness.is_empty() {
            answers.entry(key).or_default().push(likeness);
        }
    }
    let scores: BTreeMap<(usize, &str), Vec<Score>> = (answers.iter())
        .map(|(&key, answers)| (key, scores(answers)))
        .collect();
    let mut findings = Findings::default();
    for &backend in &unknown {
        // Where several profiles give a suite's bits, the one that gives most suites' is told.
        let whole = |profile: &str| {
            let right = |(key, scores): &(&(usize, &str), &Vec<Score>)| {
                key.0 == backend && scores.iter().any(|s| s.profile == profile && s.is_right())
            };
            scores.iter().filter(right).count()
        };
        for suite in suites.keys() {
            let Some(scores) = scores.get(&(backend, *suite)) else {
                continue;
            };
            let rank = |score: &&Score| {
                (
                    score.is_right(),
                    score.explained,
                    whole(score.profile),
                    score.compared,
                    std::cmp::Reverse(score.wrong),
                )
            };
            // Of several that are as good, the first in the table.
            let Some(best) = scores.iter().rev().max_by_key(rank) else {
                continue;
            };
            let right = scores.iter().filter(|score| score.is_right());
            findings.found.push(Found {
                backend,
                suite: (*suite).to_owned(),
                profile: best.profile.to_owned(),
            });
            findings.identified.push(Identified {
                backend: session.backends[backend].clone(),
                suite: (*suite).to_owned(),
                profiles: right.map(|score| score.profile.to_owned()).collect(),
                held_to: best.profile.to_owned(),
                answered: best.asked,
                explained: best.explained,
            });
        }
    }
    Ok(findings)
}

/// How far a profile gives the answers of a sample.
#[derive(Debug)]
struct Score {
    profile: &'static str,
    /// cases that the backend answered
    asked: u64,
    /// those whose every bit the profile gives
    explained: u64,
    compared: u64,
    wrong: u64,
}

impl Score {
    /// Whether every bit is the profile's, and there was one to compare.
    fn is_right(&self) -> bool {
        self.explained == self.asked && self.compared > 0
    }
}

/// In the order of the table of profiles.
fn scores(answers: &[Vec<Likeness>]) -> Vec<Score> {
    let score = |profile: &'static str| {
        let mut score = Score {
            profile,
            asked: answers.len() as u64,
            explained: 0,
            compared: 0,
            wrong: 0,
        };
        for answer in answers {
            if let Some(likeness) = answer.iter().find(|of| of.profile == profile) {
                score.explained += u64::from(likeness.wrong == 0);
                score.compared += likeness.compared;
                score.wrong += likeness.wrong;
            }
        }
        score
    };
    PROFILES.iter().map(|named| score(named.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(profile: &str, compared: u64, wrong: u64) -> Likeness {
        Likeness {
            profile: profile.into(),
            compared,
            wrong,
        }
    }

    #[test]
    fn a_profile_is_right_if_it_gives_every_answer_and_leaves_not_all_open() {
        let answers = [
            vec![
                like("exact", 4, 0),
                like("fbgemm", 4, 1),
                like("onednn", 0, 0),
            ],
            vec![
                like("exact", 4, 0),
                like("fbgemm", 4, 0),
                like("onednn", 0, 0),
            ],
        ];
        let right: Vec<&str> = (scores(&answers).iter())
            .filter(|score| score.is_right())
            .map(|score| score.profile)
            .collect();
        assert_eq!(right, ["exact"], "others do not define the op");
    }
}
