//! The search for the fewest axes that explain what a backend gave.

use std::time::Instant;

use qassay_golden::profile::named::{NamedProfile, PROFILES};
use qassay_golden::profile::{AxisName, Profile};
use qassay_golden::tensor::Tensor;

use super::change;
use super::observation::Observation;
use super::relevant::relevant;
use crate::record::AxisChange;

/// One choice on one axis.
type Choice = (AxisName, &'static str);

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// the choices that explain everything; empty if none were found
    pub choices: Vec<Choice>,
    /// a named profile that gives the same bits on the whole sample
    pub identified: Option<&'static NamedProfile>,
    /// up to how many axes were changed at once, trying all relevant choices
    pub searched: usize,
    /// whether time ran out before the next number of axes was done
    pub out_of_time: bool,
}

impl Finding {
    /// The profile that explains everything, if there is one.
    pub(super) fn profile(&self, held_to: &Profile) -> Option<Profile> {
        (!self.choices.is_empty())
            .then(|| with(held_to, &self.choices))
            .flatten()
    }

    /// The choices as changes from the profile held to.
    pub(super) fn changes(&self, held_to: &Profile) -> Vec<AxisChange> {
        self.profile(held_to).map_or_else(Vec::new, |explained| {
            let axes = self.choices.iter().map(|&(axis, _)| axis);
            axes.map(|axis| change(axis, held_to, &explained)).collect()
        })
    }
}

fn with(profile: &Profile, choices: &[Choice]) -> Option<Profile> {
    choices
        .iter()
        .try_fold(*profile, |profile, &(axis, key)| profile.with(axis, key))
}

/// A search over one sample.
pub(super) struct Search<'a> {
    /// failing ones first; those that reject candidates move to the front
    sample: Vec<&'a Observation>,
    held_to: &'a Profile,
    declared: &'a Profile,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        observations: &'a mut [Observation],
        held_to: &'a Profile,
        declared: &'a Profile,
    ) -> Self {
        observations.sort_by_key(|o| (!o.differs, o.got.iter().map(Tensor::len).sum::<usize>()));
        Self {
            sample: observations.iter().collect(),
            held_to,
            declared,
        }
    }

    /// Named profiles first; then one axis, the axes of the identified profile,
    /// two axes, and three (the latter only choices that named profiles make).
    pub(super) fn run(mut self, until: Instant) -> Finding {
        let mut finding = Finding::default();
        let declared = *self.declared;
        if declared != *self.held_to && self.explains(&declared) {
            finding.identified = PROFILES.iter().find(|named| named.profile == declared);
        }
        if finding.identified.is_none() {
            finding.identified = PROFILES
                .iter()
                .filter(|named| named.profile != *self.held_to && named.profile != declared)
                .find(|named| self.explains(&named.profile));
        }
        let Some(moving) = self.moving(until) else {
            finding.out_of_time = true;
            finding.choices = self.reduce(finding.identified);
            return finding;
        };
        finding.searched = 1;
        if let Some(choices) = self.first_of(moving.iter().map(|&choice| vec![choice]), until) {
            finding.choices = choices.unwrap_or_default();
            finding.out_of_time = finding.choices.is_empty();
            return finding;
        }
        let reduced = self.reduce(finding.identified);
        finding.choices = reduced;
        for size in [2, 3] {
            if (1..=size).contains(&finding.choices.len()) {
                break;
            }
            let pool: Vec<Choice> = match size {
                2 => moving.clone(),
                _ => moving
                    .iter()
                    .copied()
                    .filter(|c| self.is_used(*c))
                    .collect(),
            };
            match self.first_of(combinations(&pool, size), until) {
                Some(Some(choices)) => {
                    finding.choices = choices;
                    break;
                }
                Some(None) => {
                    finding.out_of_time = true;
                    break;
                }
                None => finding.searched = size,
            }
        }
        finding
    }

    /// Whether the whole sample is explained.
    fn explains(&mut self, profile: &Profile) -> bool {
        let rejecting = self.sample.iter().position(|o| !o.is_explained_by(profile));
        if let Some(at) = rejecting {
            self.sample[..=at].rotate_right(1);
        }
        rejecting.is_none()
    }

    /// The first candidate that explains all: `None` if none does, `Some(None)` if time ran out.
    fn first_of(
        &mut self,
        candidates: impl Iterator<Item = Vec<Choice>>,
        until: Instant,
    ) -> Option<Option<Vec<Choice>>> {
        for choices in candidates {
            if Instant::now() > until {
                return Some(None);
            }
            let profile = with(self.held_to, &choices);
            if profile.is_some_and(|profile| self.explains(&profile)) {
                return Some(Some(choices));
            }
        }
        None
    }

    /// The choices that change any output of the sample, those of the declared
    /// profile first, then those of named profiles. `None` if time ran out.
    fn moving(&self, until: Instant) -> Option<Vec<Choice>> {
        let mut choices: Vec<Choice> = Profile::axes()
            .filter(|&axis| self.sample.iter().any(|o| relevant(&o.problem.op, axis)))
            .flat_map(|axis| {
                Profile::choices(axis)
                    .into_iter()
                    .map(move |key| (axis, key))
            })
            .filter(|&(axis, key)| self.held_to.choice(axis) != key)
            .collect();
        choices.sort_by_key(|&choice| (!self.is_declared(choice), !self.is_used(choice)));
        let mut moving = Vec::new();
        for (axis, key) in choices {
            if Instant::now() > until {
                return None;
            }
            let Some(profile) = self.held_to.with(axis, key) else {
                continue;
            };
            let mut concerned = self.sample.iter().filter(|o| relevant(&o.problem.op, axis));
            if concerned.any(|o| o.is_changed_by(&profile)) {
                moving.push((axis, key));
            }
        }
        Some(moving)
    }

    fn is_declared(&self, (axis, key): Choice) -> bool {
        self.declared.choice(axis) == key
    }

    fn is_used(&self, (axis, key): Choice) -> bool {
        PROFILES
            .iter()
            .any(|named| named.profile.choice(axis) == key)
    }

    /// The fewest of a named profile's choices that still explain all: each is
    /// taken back, and stays so where nothing is lost.
    fn reduce(&mut self, named: Option<&'static NamedProfile>) -> Vec<Choice> {
        let Some(named) = named else {
            return Vec::new();
        };
        let mut choices: Vec<Choice> = self
            .held_to
            .differences(&named.profile)
            .into_iter()
            .map(|axis| (axis, named.profile.choice(axis)))
            .collect();
        let mut at = 0;
        while at < choices.len() {
            let mut fewer = choices.clone();
            fewer.remove(at);
            if with(self.held_to, &fewer).is_some_and(|profile| self.explains(&profile)) {
                choices = fewer;
            } else {
                at += 1;
            }
        }
        choices
    }
}

/// Sets of `size` choices on different axes.
fn combinations(pool: &[Choice], size: usize) -> Box<dyn Iterator<Item = Vec<Choice>> + '_> {
    if size == 0 {
        return Box::new(std::iter::once(Vec::new()));
    }
    Box::new((0..pool.len()).flat_map(move |last| {
        combinations(&pool[..last], size - 1).filter_map(move |mut set| {
            let fresh = set.iter().all(|(axis, _)| *axis != pool[last].0);
            fresh.then(|| {
                set.push(pool[last]);
                set
            })
        })
    }))
}

/// Axes on which `declared` differs from `held_to` that this data cannot tell
/// apart: with or without them, the reference says the same.
pub(super) fn indistinguishable(
    observations: &[Observation],
    held_to: &Profile,
    declared: &Profile,
    finding: &Finding,
) -> Vec<AxisChange> {
    let Some(explained) = finding.profile(held_to) else {
        return Vec::new();
    };
    let relevant = |axis: &AxisName| observations.iter().any(|o| relevant(&o.problem.op, *axis));
    held_to
        .differences(declared)
        .into_iter()
        .filter(|axis| finding.choices.iter().all(|(found, _)| found != axis))
        .filter(relevant)
        .filter(|&axis| {
            let both = explained.with(axis, declared.choice(axis));
            both.is_some_and(|both| observations.iter().all(|o| o.is_explained_by(&both)))
        })
        .map(|axis| change(axis, held_to, declared))
        .collect()
}

#[cfg(test)]
mod tests;
