//! Why a backend differs in a suite: which arithmetic its bits are.
//!
//! A sample of the suite's cases, failing and conforming, is run again. An
//! explanation is a change of the profile, on as few axes as possible, under
//! which the reference gives the backend's bits on every case of the sample:
//! it explains all mismatches and breaks nothing that was right. Then the
//! smallest failing case that it explains is sought, and the axes on which the
//! declared profile differs but this data cannot tell are listed.

mod observation;
mod relevant;
mod search;
mod words;

use std::time::{Duration, Instant};

use qassay_backends::backend::Backend;
use qassay_golden::profile::Profile;
use qassay_golden::profile::named::NamedProfile;

use crate::judge::Judge;
use crate::protocol::{Session, Subject};
use crate::record::{AxisChange, Explanation, Verdict};
use crate::shrink;
use crate::worker::pose;

pub use observation::Observation;
pub use relevant::relevant;
use search::{Finding, Search};

/// How long an explanation may take in all.
pub const TIME: Duration = Duration::from_secs(15);
const LOADING: Duration = Duration::from_secs(4);
const SEARCHING: Duration = Duration::from_secs(6);
const SHRINKING: Duration = Duration::from_secs(4);

/// Explains why `backend` differs on the subject's cases when held to `held_to`.
pub fn explain(
    judge: &mut Judge,
    backend: &dyn Backend,
    held_to: &'static NamedProfile,
    subject: &Subject,
) -> Explanation {
    let own = backend.declaration().named_profile();
    let declared = own.unwrap_or(held_to);
    let until = Instant::now() + LOADING;
    let mut observations = Vec::new();
    for (failing, cases) in [(true, &subject.failing), (false, &subject.passing)] {
        for case in cases {
            if Instant::now() > until && !observations.is_empty() {
                break;
            }
            observations.extend(observe(judge, backend, held_to, case, failing));
        }
    }
    let failing = observations.iter().filter(|o| o.differs()).count() as u64;
    let finding = if failing == 0 {
        Finding::default()
    } else {
        Search::new(&mut observations, &held_to.profile, &declared.profile)
            .run(Instant::now() + SEARCHING)
    };
    let explained = finding.profile(&held_to.profile);
    let start = observations
        .iter()
        .find(|o| o.differs())
        .map(|o| o.case().to_owned())
        .or_else(|| subject.failing.first().cloned())
        .unwrap_or_default();
    let shrunk_case = shrink::smallest(&start, SHRINKING, |case| {
        fails(judge, backend, held_to, case, explained.as_ref())
    });
    let first = pose(&shrunk_case)
        .ok()
        .map(|mut question| judge.judge(&mut question, backend, held_to))
        .filter(|record| record.verdict == Verdict::Differs)
        .and_then(|record| record.first);
    let axes = finding.changes(&held_to.profile);
    let indistinguishable = if explained.is_some() {
        search::indistinguishable(&observations, &held_to.profile, &declared.profile, &finding)
    } else {
        Vec::new()
    };
    let name = backend.declaration().name;
    Explanation {
        backend: name.to_owned(),
        suite: subject.suite.clone(),
        held_to: held_to.name.to_owned(),
        sentence: words::sentence(name, held_to.name, &axes, &finding, failing, subject),
        axes,
        identified: finding.identified.map(|named| named.name.to_owned()),
        indistinguishable,
        checked_cases: failing,
        repro: words::repro(
            name,
            own.is_none_or(|own| own.name != held_to.name)
                .then_some(held_to.name),
            &shrunk_case,
        ),
        shrunk_case,
        first,
    }
}

/// `base` with the fewest axes changed so that the reference gives everything that was
/// observed; `None` where no change was found in time.
pub(crate) fn explained(
    observations: &mut [Observation],
    base: &Profile,
    until: Instant,
) -> Option<Profile> {
    Search::new(observations, base, base)
        .run(until)
        .profile(base)
}

/// What stands in place of an explanation when explaining ended the worker.
pub fn unexplained(session: &Session, subject: &Subject, why: &str) -> Explanation {
    let backend = &session.backends[subject.backend];
    let case = subject.failing.first().cloned().unwrap_or_default();
    let held_to = session.held_to(subject.backend, &subject.suite);
    Explanation {
        backend: backend.clone(),
        suite: subject.suite.clone(),
        held_to: held_to.unwrap_or("its own profile").to_owned(),
        axes: Vec::new(),
        identified: None,
        indistinguishable: Vec::new(),
        checked_cases: 0,
        repro: words::repro(backend, held_to, &case),
        shrunk_case: case,
        first: None,
        sentence: format!("not explained: the search ended early ({why})"),
    }
}

fn observe(
    judge: &mut Judge,
    backend: &dyn Backend,
    held_to: &'static NamedProfile,
    case: &str,
    failing: bool,
) -> Option<Observation> {
    let mut question = pose(case).ok()?;
    let got = judge.answer(&question, backend).ok()?;
    let expected = question.expected(&held_to.profile).ok()?;
    let (outputs, open) = (expected.outputs.clone(), expected.open.clone());
    let problem = question.problem().clone();
    let observation = Observation::new(case.to_owned(), problem, got, outputs, open);
    // A case that failed but does not differ now failed for another reason than arithmetic.
    (observation.differs() == failing).then_some(observation)
}

/// Whether a case still shows the difference, and the explanation still explains it.
fn fails(
    judge: &mut Judge,
    backend: &dyn Backend,
    held_to: &'static NamedProfile,
    case: &str,
    explained: Option<&Profile>,
) -> bool {
    observe(judge, backend, held_to, case, true)
        .is_some_and(|observation| explained.is_none_or(|p| observation.is_explained_by(p)))
}

pub(crate) fn change(
    axis: qassay_golden::profile::AxisName,
    from: &Profile,
    to: &Profile,
) -> AxisChange {
    AxisChange {
        axis: axis.to_string(),
        expected: from.choice(axis).to_owned(),
        actual: to.choice(axis).to_owned(),
        meaning: to.meaning(axis).to_owned(),
    }
}

#[cfg(test)]
mod tests;
