//! Judging on threads of this process, and collecting what was judged.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::mpsc;

use rayon::prelude::*;

use super::journal::Journal;
use super::{Executor, Outcome, Progress, RunError};
use crate::os::interrupt;
use crate::protocol::{Likeness, Reply, Request};
use crate::record::{Explanation, Record};
use crate::stages::Stages;
use crate::worker::Bench;

pub(super) fn execute(
    executor: &Executor<'_>,
    requests: &[Request],
    journal: Option<&mut Journal>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, RunError> {
    let (notes, inbox) = mpsc::channel();
    let free: Mutex<Vec<Bench>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let free = &free;
        scope.spawn(move || {
            let served = requests
                .par_iter()
                .try_for_each_with(notes.clone(), |notes, request| {
                    if interrupt::asked() {
                        return Ok(());
                    }
                    let pooled = free.lock().ok().and_then(|mut free| free.pop());
                    let mut bench = match pooled {
                        Some(bench) => bench,
                        None => Bench::open(executor.entries, executor.session)
                            .map_err(RunError::Workers)?,
                    };
                    let mut refused = None;
                    let served = bench.serve(request, &mut |reply| {
                        let note = match reply {
                            Reply::Judged {
                                job,
                                backend,
                                record,
                            } => Note::Judged(job, backend, record),
                            Reply::Explained { job, explanation } => {
                                Note::Explained(job, explanation)
                            }
                            Reply::Recognised { job, likeness } => Note::Recognised(job, likeness),
                            Reply::Done { stages, .. } => Note::Done(stages),
                            Reply::Refused { why, .. } => {
                                refused = Some(RunError::Case(why));
                                return Ok(());
                            }
                            Reply::Posing { .. }
                            | Reply::Running { .. }
                            | Reply::Described { .. }
                            | Reply::Fault(_) => {
                                return Ok(());
                            }
                        };
                        notes.send(note).map_err(io::Error::other)
                    });
                    if let Ok(mut free) = free.lock() {
                        free.push(bench);
                    }
                    served.map_err(|error| RunError::Workers(error.to_string()))?;
                    refused.map_or(Ok(()), Err)
                });
            if let Err(error) = served {
                // Only fails when the run has already been given up.
                let _ = notes.send(Note::Failed(error));
            }
        });
        let mut collector = Collector::new(requests, journal);
        let mut outcome = Ok(());
        for note in inbox {
            if let Err(error) = collector.take(note, progress) {
                outcome = outcome.and(Err(error));
            }
        }
        outcome.map(|()| collector.finish())
    })
}

/// Something that happened to a request.
pub(super) enum Note {
    /// job, backend, outcome
    Judged(usize, usize, Box<Record>),
    /// job, what was found
    Explained(usize, Box<Explanation>),
    /// job, how far each profile gives the answer
    Recognised(usize, Vec<Likeness>),
    /// a request is done; where its time went
    Done(Stages),
    /// the run is over
    Failed(RunError),
}

/// Puts what arrives in any order into the order of the requests.
pub(super) struct Collector<'a> {
    journal: Option<&'a mut Journal>,
    /// requests in all
    of: usize,
    records: BTreeMap<(usize, usize), Record>,
    explanations: Vec<Option<Explanation>>,
    likeness: Vec<Vec<Likeness>>,
    done: usize,
    failures: usize,
    explaining: bool,
    stages: Stages,
}

impl<'a> Collector<'a> {
    pub(super) fn new(requests: &[Request], journal: Option<&'a mut Journal>) -> Self {
        Self {
            journal,
            of: requests.len(),
            records: BTreeMap::new(),
            explanations: vec![None; requests.len()],
            likeness: vec![Vec::new(); requests.len()],
            done: 0,
            failures: 0,
            explaining: matches!(requests.first(), Some(Request::Explain { .. })),
            stages: Stages::default(),
        }
    }

    pub(super) fn take(
        &mut self,
        note: Note,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), RunError> {
        match note {
            Note::Judged(job, backend, record) => {
                self.failures += usize::from(record.verdict.is_failure());
                if let Some(journal) = &mut self.journal {
                    journal.record(&record)?;
                }
                self.records.insert((job, backend), *record);
            }
            Note::Explained(job, explanation) => self.explanations[job] = Some(*explanation),
            Note::Recognised(job, likeness) => self.likeness[job] = likeness,
            Note::Done(stages) => {
                self.stages.merge(&stages);
                self.done += 1;
                let (done, of) = (self.done, self.of);
                progress(if self.explaining {
                    Progress::Explained { done, of }
                } else {
                    Progress::Judged {
                        done,
                        of,
                        failures: self.failures,
                    }
                });
            }
            Note::Failed(error) => return Err(error),
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Outcome {
        Outcome {
            records: self.records.into_iter().collect(),
            // What was done in spite of Ctrl-C is a whole run.
            interrupted: self.done < self.of,
            explanations: self.explanations.into_iter().flatten().collect(),
            likeness: self.likeness,
            stages: self.stages,
        }
    }
}
