//! Where two profiles part: for each axis on which they differ, the smallest
//! case that shows it; for each suite, how much of it comes out otherwise.
//!
//! No kernel runs here. The reference computes every case of the suites under
//! both profiles, and under the first with one axis at a time taken from the
//! second (then the second with one taken back, for choices that show only in
//! company). Where the oracle in exact rationals covers the op, it must give the
//! same two values.

mod confirm;
mod element;

use std::time::Duration;

use qassay_golden::ops::reference;
use qassay_golden::profile::named::NamedProfile;
use qassay_golden::profile::{AxisName, Profile};
use qassay_golden::spec::Problem;
use qassay_golden::tensor::Tensor;
use qassay_golden::witness::Witness;
use rayon::prelude::*;

use crate::case::{Case, CaseId};
use crate::compare::{Differences, differences};
use crate::explain::{change, relevant};
use crate::panics;
use crate::record::{AxisChange, Mismatch};
use crate::shrink;
use crate::suite::{Level, Suite};

pub use confirm::Oracle;

/// How long one case may be shrunk.
const SHRINKING: Duration = Duration::from_secs(3);
/// Cases between two looks at which axes are still unseen.
const CHUNK: usize = 128;
/// How many seeds are tried for an axis that one seed's cases do not show.
const SEEDS: u64 = 4;

/// Where two profiles part.
#[derive(Debug)]
pub struct Parting {
    /// one of them
    pub from: &'static NamedProfile,
    /// the other
    pub to: &'static NamedProfile,
    /// every axis on which they differ
    pub axes: Vec<AxisParting>,
    /// every suite in which a case has a meaning under at least one of them
    pub suites: Vec<SuiteParting>,
}

/// One axis on which two profiles differ.
#[derive(Debug)]
pub struct AxisParting {
    /// the two choices; the meaning is that of the second profile's
    pub change: AxisChange,
    /// what the first profile's choice means
    pub meaning_from: String,
    /// how many cases were tried to which the axis can matter
    pub tried: u64,
    /// a case that shows it, if one was found
    pub shown: Option<Shown>,
}

/// The smallest case found in which one axis makes a difference.
#[derive(Debug)]
pub struct Shown {
    /// its id
    pub case: String,
    /// the first element that differs: `expected` with the first profile's choice, `got` with the second's
    pub element: Mismatch,
    /// whether the first profile was changed (else the second, back)
    pub from_first: bool,
    /// what the oracle says of both values
    pub oracle: Oracle,
}

/// How much of a suite comes out otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SuiteParting {
    /// the suite
    pub suite: &'static str,
    /// cases with a meaning under both profiles
    pub cases: u64,
    /// of these, how many have a value that differs
    pub differing_cases: u64,
    /// values that both profiles define
    pub values: u64,
    /// of these, how many differ
    pub differing_values: u64,
    /// cases that one of the profiles does not define
    pub undefined: u64,
}

/// Compares two profiles on the cases of `suites` at `level`.
pub fn part(
    from: &'static NamedProfile,
    to: &'static NamedProfile,
    suites: &[&'static Suite],
    level: Level,
    seed: u64,
) -> Parting {
    let cases = |seed| -> Vec<(usize, CaseId)> {
        let of_suite = |(index, suite): (usize, &&'static Suite)| {
            let cases = suite.cases(level, seed).into_iter();
            cases
                .filter(|id| matches!(id, CaseId::Made(_)))
                .map(move |id| (index, id))
                .collect::<Vec<_>>()
        };
        suites.iter().enumerate().flat_map(of_suite).collect()
    };
    let names = from.profile.differences(&to.profile);
    let mut axes: Vec<Hunt> = names.into_iter().map(Hunt::new).collect();
    let first = cases(seed);
    let counts = count(from, to, suites, &first);
    for round in 0..SEEDS {
        if axes.iter().all(|hunt| hunt.found.is_some()) {
            break;
        }
        let more;
        let cases = if round == 0 {
            &first
        } else {
            more = cases(seed + round);
            &more
        };
        for from_first in [true, false] {
            hunt(&mut axes, from, to, cases, from_first);
        }
    }
    let axes = axes
        .into_par_iter()
        .map(|hunt| hunt.end(from, to))
        .collect();
    Parting {
        from,
        to,
        axes,
        suites: counts,
    }
}

fn count(
    from: &NamedProfile,
    to: &NamedProfile,
    suites: &[&'static Suite],
    cases: &[(usize, CaseId)],
) -> Vec<SuiteParting> {
    let one = |(suite, id): &(usize, CaseId)| {
        let mut part = SuiteParting::default();
        if let Some(problem) = problem(id) {
            let a = Answer::of(&problem, &from.profile);
            let b = Answer::of(&problem, &to.profile);
            match (a, b) {
                (Some(a), Some(b)) => {
                    let found = a.against(&b);
                    part.cases = 1;
                    part.differing_cases = u64::from(found.count > 0);
                    part.values = found.compared;
                    part.differing_values = found.count;
                }
                (None, None) => {}
                _ => part.undefined = 1,
            }
        }
        (*suite, part)
    };
    let mut counts: Vec<SuiteParting> = suites
        .iter()
        .map(|suite| SuiteParting {
            suite: suite.name,
            ..SuiteParting::default()
        })
        .collect();
    for (suite, part) in cases.par_iter().map(one).collect::<Vec<_>>() {
        let sum = &mut counts[suite];
        sum.cases += part.cases;
        sum.differing_cases += part.differing_cases;
        sum.values += part.values;
        sum.differing_values += part.differing_values;
        sum.undefined += part.undefined;
    }
    counts.retain(|part| part.cases + part.undefined > 0);
    counts
}

/// The search for a case that shows one axis.
struct Hunt {
    axis: AxisName,
    tried: u64,
    /// the case, and whether the first profile was changed
    found: Option<(CaseId, bool)>,
}

impl Hunt {
    fn new(axis: AxisName) -> Self {
        Self {
            axis,
            tried: 0,
            found: None,
        }
    }

    fn end(self, from: &NamedProfile, to: &NamedProfile) -> AxisParting {
        let shown = self.found.and_then(|(id, from_first)| {
            let pair = pair(self.axis, &from.profile, &to.profile, from_first)?;
            let shows = |case: &str| case.parse().is_ok_and(|id| differs(&id, &pair, self.axis));
            let case = shrink::smallest(&id.to_string(), SHRINKING, shows);
            let problem = problem(&case.parse().ok()?)?;
            let found = element::first(&problem, &pair)?;
            Some(Shown {
                oracle: confirm::confirm(&problem, &pair, &found),
                element: found.mismatch,
                case,
                from_first,
            })
        });
        AxisParting {
            change: change(self.axis, &from.profile, &to.profile),
            meaning_from: from.profile.meaning(self.axis).to_owned(),
            tried: self.tried,
            shown,
        }
    }
}

/// Looks for cases that show the axes that none has shown yet.
fn hunt(
    axes: &mut [Hunt],
    from: &NamedProfile,
    to: &NamedProfile,
    cases: &[(usize, CaseId)],
    from_first: bool,
) {
    for chunk in cases.chunks(CHUNK) {
        let unseen: Vec<usize> = (0..axes.len())
            .filter(|&at| axes[at].found.is_none())
            .collect();
        if unseen.is_empty() {
            return;
        }
        let look = |(_, id): &(usize, CaseId)| -> Vec<(usize, bool)> {
            let Some(problem) = problem(id) else {
                return Vec::new();
            };
            let tries = unseen
                .iter()
                .filter(|&&at| relevant(&problem.op, axes[at].axis));
            tries
                .filter_map(|&at| {
                    let pair = pair(axes[at].axis, &from.profile, &to.profile, from_first)?;
                    Some((at, shows(&problem, &pair)))
                })
                .collect()
        };
        let seen: Vec<Vec<(usize, bool)>> = chunk.par_iter().map(look).collect();
        for ((_, id), seen) in chunk.iter().zip(seen) {
            for (at, shows) in seen {
                axes[at].tried += u64::from(from_first);
                if shows && axes[at].found.is_none() {
                    axes[at].found = Some((id.clone(), from_first));
                }
            }
        }
    }
}

/// Two profiles that differ on `axis` alone: the first with the second's choice,
/// or the second with the first's. The one with the first's choice comes first.
fn pair(axis: AxisName, from: &Profile, to: &Profile, from_first: bool) -> Option<[Profile; 2]> {
    if from_first {
        Some([*from, from.with(axis, to.choice(axis))?])
    } else {
        Some([to.with(axis, from.choice(axis))?, *to])
    }
}

fn differs(id: &CaseId, pair: &[Profile; 2], axis: AxisName) -> bool {
    problem(id).is_some_and(|problem| relevant(&problem.op, axis) && shows(&problem, pair))
}

fn shows(problem: &Problem, [a, b]: &[Profile; 2]) -> bool {
    let (Some(a), Some(b)) = (Answer::of(problem, a), Answer::of(problem, b)) else {
        return false;
    };
    a.against(&b).count > 0
}

fn problem(id: &CaseId) -> Option<Problem> {
    Some(Case::from_id(id).ok()?.problem().clone())
}

/// What the reference says.
struct Answer {
    outputs: Vec<Tensor>,
    witness: Witness,
}

impl Answer {
    /// `None` where the profile does not define the problem.
    fn of(problem: &Problem, profile: &Profile) -> Option<Self> {
        Self::with(problem, profile, Witness::default())
    }

    fn with(problem: &Problem, profile: &Profile, mut witness: Witness) -> Option<Self> {
        // A combination of axes that nobody computed before may well meet a limit of the reference.
        let outputs = panics::caught(|| reference(problem, profile, &mut witness));
        Some(Self {
            outputs: outputs.ok()?.ok()?,
            witness,
        })
    }

    /// Where both define a value and the values differ.
    fn against(&self, other: &Self) -> Differences {
        let mut open = [&self.witness.open[..], &other.witness.open[..]].concat();
        open.sort_unstable();
        open.dedup();
        differences(&self.outputs, &other.outputs, &open)
    }
}

#[cfg(test)]
mod tests;
