//! A run: which cases go to which backends, who judges them, and what comes of it.
//!
//! Cases run in worker processes (`pool`), or in this process where
//! processes cannot be had, as under some emulators (`in_process`). Records
//! stand in the order of the cases and the chosen backends, whoever was first.

mod asked;
mod hunt;
mod identify;
mod in_process;
mod journal;
mod plan;
mod pool;
mod run;
mod select;
mod totals;

use std::collections::BTreeMap;
use std::time::Instant;

use qassay_backends::registry::{self, Entry};

use asked::Asked;
pub use hunt::{Hunt, Hunted, hunt};
use journal::Journal;
pub use journal::{Kept, journal_of};
pub use plan::{Origin, Plan, Progress, RunError, Shard, Workers};
pub use run::{ReadError, Run};
pub use totals::summary;

use crate::protocol::Likeness;
use crate::protocol::{Request, Session, Subject};
use crate::record::{Explanation, Header, Record, Verdict};
use crate::stages::Stages;

/// The most failing cases, and the most conforming cases, that an explanation looks at.
const MOST_FAILING: usize = 40;
const MOST_PASSING: usize = 40;

/// Runs a plan over the registered backends.
///
/// # Errors
/// [`RunError`]: a plan that asks nothing or something unknown, or workers that
/// cannot be started. What kernels do is a verdict, not an error.
pub fn run(plan: &Plan, progress: &mut dyn FnMut(Progress)) -> Result<Run, RunError> {
    run_with(plan, &registry::entries(), progress)
}

/// Runs a plan over these backends; worker processes must know the same.
///
/// # Errors
/// As [`run()`].
pub fn run_with(
    plan: &Plan,
    entries: &[Entry],
    progress: &mut dyn FnMut(Progress),
) -> Result<Run, RunError> {
    let started = Instant::now();
    let backends = select::backends(plan, entries)?;
    // A backend that cannot be opened is told before cases are made, which takes its time.
    let declared = asked::declared(plan, entries, &backends)?;
    let selected = select::select(plan, backends)?;
    let mut session = Session {
        backends: selected.backends.clone(),
        held_to: plan.held_to.map(|profile| profile.name.to_owned()),
        modelled: plan.modelled_only,
        found: Vec::new(),
        brief: false,
    };
    let identified = identify::identify(plan, entries, &selected, &declared, &session, progress)?;
    session.found = identified.found;
    let asked = asked::asked(&declared, &session)?;
    let header = plan.header();
    let mut kept = match &plan.kept {
        Some(kept) => {
            kept.check_header(&header)?;
            kept.places(&selected, &asked)?
        }
        None => BTreeMap::new(),
    };
    let mut requests: Vec<Request> = Vec::new();
    for (job, (case, _)) in selected.cases.iter().enumerate() {
        let backends: Vec<usize> = (0..session.backends.len())
            .filter(|&backend| !kept.contains_key(&(job, backend)))
            .collect();
        if !backends.is_empty() {
            requests.push(Request::Judge {
                job,
                case: case.clone(),
                backends,
            });
        }
    }
    let mut journal = journal(plan, &header)?;
    let executor = Executor {
        plan,
        entries,
        session: &session,
        asked: &asked,
        suites: &selected.cases,
    };
    let judged = executor.execute(requests, journal.as_mut(), progress)?;
    if let Some(journal) = &mut journal {
        journal.flush()?;
    }
    kept.extend(judged.records);
    let mut records: Vec<Record> = kept.into_values().collect();
    // What an ended run has not asked yet may reach what the rest did not.
    if !judged.interrupted {
        totals::mark_vacuous(&mut records, &selected, plan);
    }
    let requests = match judged.interrupted {
        true => Vec::new(),
        false => (subjects(&records, &session).into_iter().enumerate())
            .map(|(job, subject)| Request::Explain { job, subject })
            .collect(),
    };
    let explained = executor.execute(requests, None, progress)?;
    let mut stages = judged.stages;
    stages.merge(&explained.stages);
    let mut summary = totals::summary(&records, started.elapsed().as_secs_f64());
    summary.stages = stages.seconds();
    summary.interrupted = judged.interrupted || explained.interrupted;
    Ok(Run {
        header,
        records,
        identified: identified.identified,
        explanations: explained.explanations,
        measurements: Vec::new(),
        mutants: Vec::new(),
        summary,
    })
}

/// The journal that the plan asks for.
fn journal(plan: &Plan, header: &Header) -> Result<Option<Journal>, RunError> {
    let Some(path) = &plan.journal else {
        return Ok(None);
    };
    Ok(Some(match &plan.kept {
        Some(kept) if kept.path == *path => Journal::go_on(path, kept)?,
        kept => Journal::create(path, header, kept.as_ref())?,
    }))
}

struct Executor<'a> {
    plan: &'a Plan,
    entries: &'a [Entry],
    session: &'a Session,
    /// what is known of the session's backends without opening them
    asked: &'a [Asked],
    /// case id and suite, by job of the judging requests
    suites: &'a [(String, String)],
}

/// What a batch of requests gave, in the order of the requests.
#[derive(Default)]
pub(crate) struct Outcome {
    /// by job and backend
    records: Vec<((usize, usize), Record)>,
    explanations: Vec<Explanation>,
    /// by job of the recognising requests
    likeness: Vec<Vec<Likeness>>,
    stages: Stages,
    /// whether Ctrl-C ended it; what is there is whole
    interrupted: bool,
}

impl Executor<'_> {
    fn execute(
        &self,
        requests: Vec<Request>,
        journal: Option<&mut Journal>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome, RunError> {
        if requests.is_empty() {
            return Ok(Outcome::default());
        }
        match &self.plan.workers {
            Workers::InProcess => in_process::execute(self, &requests, journal, progress),
            Workers::Processes { .. } => pool::execute(self, &requests, journal, progress),
        }
    }
}

/// What needs explaining: each backend in each suite where it differs.
fn subjects(records: &[Record], session: &Session) -> Vec<Subject> {
    let mut by_pair: BTreeMap<(usize, &str), [Vec<&Record>; 2]> = BTreeMap::new();
    for record in records {
        let side = match record.verdict {
            Verdict::Differs => 0,
            Verdict::Conforms if record.values > 0 => 1,
            _ => continue,
        };
        let Some(backend) = session.backends.iter().position(|b| *b == record.backend) else {
            continue;
        };
        by_pair.entry((backend, &record.suite)).or_default()[side].push(record);
    }
    by_pair
        .into_iter()
        .filter(|(_, [failing, _])| !failing.is_empty())
        .map(|((backend, suite), [failing, passing])| Subject {
            backend,
            suite: suite.to_owned(),
            failing_in_all: failing.len() as u64,
            failing: smallest(failing, MOST_FAILING),
            passing: smallest(passing, MOST_PASSING),
        })
        .collect()
}

/// A sample of at most `most` cases: half those with the fewest values, half
/// spread evenly over the rest up to the median, so that all features of a
/// suite are met without its largest cases.
fn smallest(mut records: Vec<&Record>, most: usize) -> Vec<String> {
    records.sort_by_key(|record| record.values);
    let few = records.len().min(most / 2);
    let (first, rest) = records.split_at(few);
    let rest = &rest[..rest.len().div_ceil(2)];
    let step = rest.len().div_ceil(most - most / 2).max(1);
    first
        .iter()
        .chain(rest.iter().step_by(step))
        .map(|record| record.case.clone())
        .collect()
}
