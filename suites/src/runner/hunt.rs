//! The hunt for mutants: every one is put to the cases of its suites, and what notices it is
//! written down. Cases come outermost, so that the reference answers each once for all of them.

use std::collections::BTreeMap;
use std::time::Instant;

use qassay_backends::mutants::{self, Mutant};

use super::asked::{Declared, asked};
use super::{Executor, Plan, Progress, Run, RunError, totals};
use crate::protocol::{Request, Session};
use crate::record::{Fate, Kills, Prey, Record, Verdict};
use crate::suite::suites;

/// What is hunted.
#[derive(Debug, Clone, Default)]
pub struct Hunt {
    /// level, seed, who judges, and what goes into the header; the rest is not looked at
    pub plan: Plan,
    /// mutants whose names match this glob, with or without `mutant:`; `None` for all
    pub names: Option<String>,
    /// ask a mutant no more once it is killed
    pub first: bool,
}

/// What came of a hunt.
pub struct Hunted {
    /// what became of each mutant, in the order of the catalogue, header and totals
    pub run: Run,
    /// what each case gave; a file does without them
    pub records: Vec<Record>,
}

/// Cases that are put to mutants before it is looked at who may rest.
const AT_ONCE: usize = 56;
/// How often a mutant may end its worker with one data class in one suite: each time costs a new
/// process, and says no more than the first.
const MOST_CRASHES: u64 = 3;

/// One case and where it belongs.
struct Asking {
    case: String,
    suite: &'static str,
    class: &'static str,
}

/// Puts the mutants to the cases of their suites.
///
/// # Errors
/// [`RunError`]: no mutant has such a name, or workers cannot be started.
pub fn hunt(hunt: &Hunt, progress: &mut dyn FnMut(Progress)) -> Result<Hunted, RunError> {
    let started = Instant::now();
    let chosen = chosen(hunt.names.as_deref())?;
    let session = Session {
        backends: chosen.iter().map(|m| m.name().to_owned()).collect(),
        brief: true,
        ..Session::default()
    };
    let declared: Vec<Declared> = (chosen.iter())
        .map(|mutant| (mutant.declaration(), mutant.open().execution()))
        .collect();
    let known = asked(&declared, &session)?;
    let cases = cases(&hunt.plan, &chosen);
    let mut tallies = vec![Tally::default(); chosen.len()];
    let mut records = Vec::new();
    for (number, part) in cases.chunks(AT_ONCE).enumerate() {
        let someone: Vec<(&Asking, Vec<usize>)> = (part.iter())
            .map(|asking| {
                let may = |&index: &usize| {
                    chosen[index].suites().contains(&asking.suite)
                        && tallies[index].may_be_asked(asking, hunt.first)
                };
                (asking, (0..chosen.len()).filter(may).collect())
            })
            .filter(|(_, whom): &(_, Vec<usize>)| !whom.is_empty())
            .collect();
        let suites: Vec<(String, String)> = (someone.iter())
            .map(|(asking, _)| (asking.case.clone(), asking.suite.to_owned()))
            .collect();
        let requests = (someone.into_iter().enumerate())
            .map(|(job, (asking, backends))| Request::Judge {
                job,
                case: asking.case.clone(),
                backends,
            })
            .collect();
        let executor = Executor {
            plan: &hunt.plan,
            entries: &[],
            session: &session,
            asked: &known,
            suites: &suites,
        };
        let judged = executor.execute(requests, None, &mut |_| {})?;
        for (_, record) in judged.records {
            let index = session
                .backends
                .iter()
                .position(|name| *name == record.backend);
            let asking = part.iter().find(|asking| asking.case == record.case);
            if let (Some(index), Some(asking)) = (index, asking) {
                tallies[index].take(&record, asking);
            }
            records.push(record);
        }
        progress(Progress::Judged {
            done: (number * AT_ONCE + part.len()).min(cases.len()),
            of: cases.len(),
            failures: tallies.iter().filter(|tally| tally.first.is_some()).count(),
        });
    }
    let mutants = (chosen.iter().zip(tallies))
        .map(|(mutant, tally)| tally.fate(mutant))
        .collect();
    let summary = totals::summary(&records, started.elapsed().as_secs_f64());
    let run = Run {
        header: hunt.plan.header(),
        records: Vec::new(),
        identified: Vec::new(),
        explanations: Vec::new(),
        measurements: Vec::new(),
        mutants,
        summary,
    };
    Ok(Hunted { run, records })
}

fn chosen(glob: Option<&str>) -> Result<Vec<&'static Mutant>, RunError> {
    let Some(glob) = glob else {
        return Ok(mutants::all().iter().collect());
    };
    let whole = if mutants::is_mutant(glob) {
        glob.to_owned()
    } else {
        format!("{}{glob}", mutants::PREFIX)
    };
    let chosen =
        mutants::matching(&whole).map_err(|error| RunError::External(error.to_string()))?;
    if chosen.is_empty() {
        return Err(RunError::NoBackends(format!(
            "no mutant's name matches '{glob}'; qassay list mutants shows all"
        )));
    }
    Ok(chosen)
}

/// The cases of all suites that one of the mutants has.
fn cases(plan: &Plan, chosen: &[&Mutant]) -> Vec<Asking> {
    let mut all = Vec::new();
    for suite in suites() {
        if !chosen
            .iter()
            .any(|mutant| mutant.suites().contains(&suite.name))
        {
            continue;
        }
        for id in suite.cases(plan.level, plan.seed) {
            let class = id.data_class();
            if !plan.data.is_empty() && !plan.data.iter().any(|name| name == class) {
                continue;
            }
            all.push(Asking {
                case: id.to_string(),
                suite: suite.name,
                class,
            });
        }
    }
    all
}

/// What is known of one mutant so far.
#[derive(Debug, Clone, Default)]
struct Tally {
    asked: u64,
    after: Option<u64>,
    first: Option<String>,
    /// by suite and class: killed, judged, ended its worker
    places: BTreeMap<(&'static str, &'static str), [u64; 3]>,
}

impl Tally {
    fn may_be_asked(&self, asking: &Asking, first: bool) -> bool {
        let place = self.places.get(&(asking.suite, asking.class));
        let crashes = place.map_or(0, |[_, _, crashes]| *crashes);
        crashes < MOST_CRASHES && !(first && self.first.is_some())
    }

    fn take(&mut self, record: &Record, asking: &Asking) {
        // What is refused was not asked.
        if matches!(
            record.verdict,
            Verdict::Unsupported | Verdict::PreconditionNotMet
        ) {
            return;
        }
        self.asked += 1;
        let place = (self.places.entry((asking.suite, asking.class))).or_default();
        place[1] += 1;
        if record.verdict.is_failure() {
            place[0] += 1;
            if self.first.is_none() {
                self.first = Some(record.case.clone());
                self.after = Some(self.asked);
            }
        }
        // A record without data is of a pair that ended its worker.
        if record.verdict.is_failure() && record.data_hash.is_empty() {
            place[2] += 1;
        }
    }

    fn fate(self, mutant: &Mutant) -> Fate {
        Fate {
            prey: Prey {
                name: mutant.name().to_owned(),
                sentence: mutant.sentence().to_owned(),
                source: mutant.source().map(str::to_owned),
            },
            asked: self.asked,
            kills: (self.places.into_iter())
                .filter(|(_, [killed, ..])| *killed > 0)
                .map(|((suite, class), [cases, of, _])| Kills {
                    suite: suite.to_owned(),
                    class: class.to_owned(),
                    cases,
                    of,
                })
                .collect(),
            first: self.first,
            after: self.after,
        }
    }
}

#[cfg(test)]
mod tests;
