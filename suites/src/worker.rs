//! A worker: judges the cases that arrive on standard input and answers on
//! standard output, one JSON value per line (see [`protocol`](crate::protocol)).
//! A kernel that crashes or hangs takes only its worker along.

use std::io::{self, BufRead, Write};
use std::time::Instant;

use qassay_backends::backend::{Backend, Declaration};
use qassay_backends::registry::{self, Entry};
use qassay_backends::{external, mutants, profile_name};
use qassay_golden::profile::named::{NamedProfile, PROFILES};

use crate::case::{Case, CaseId};
use crate::explain;
use crate::judge::{Judge, Question};
use crate::os::{faults, keep_freed_memory, tie_to_parent};
use crate::panics;
use crate::protocol::{Reply, Request, Session};
use crate::recognise;
use crate::stages::Stage;

/// Serves until standard input ends, with the registered backends.
///
/// # Errors
/// When standard input or output breaks, or a line is not of the protocol.
pub fn main() -> io::Result<()> {
    main_with(registry::entries())
}

/// Serves until standard input ends, with these backends.
///
/// # Errors
/// As [`main`].
pub fn main_with(entries: Vec<Entry>) -> io::Result<()> {
    tie_to_parent();
    keep_freed_memory();
    faults::install();
    let mut lines = io::stdin().lock().lines();
    let Some(first) = lines.next() else {
        return Ok(());
    };
    let session: Session = parse(&first?)?;
    let mut bench = Bench::open(&entries, &session).map_err(io::Error::other)?;
    // This thread alone judges here, and nobody else allocates.
    bench.judge = Judge::watching_heap();
    bench.judge.be_brief(session.brief);
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in lines {
        let request = parse(&line?)?;
        bench.serve(&request, &mut |reply| {
            let flush = !matches!(reply, Reply::Judged { .. });
            serde_json::to_writer(&mut out, &reply)?;
            out.write_all(b"\n")?;
            // What is judged leaves together with the next announcement: one system call a pair.
            if flush { out.flush() } else { Ok(()) }
        })?;
    }
    Ok(())
}

fn parse<T: serde::de::DeserializeOwned>(line: &str) -> io::Result<T> {
    serde_json::from_str(line).map_err(io::Error::other)
}

/// Opened backends and a judge: what a worker holds, and a thread of an
/// in-process run.
pub struct Bench {
    backends: Vec<(Box<dyn Backend>, HeldTo)>,
    judge: Judge,
}

/// The profiles that one backend of a session is held to.
pub struct HeldTo {
    everywhere: Option<&'static NamedProfile>,
    found: Vec<(String, &'static NamedProfile)>,
}

impl HeldTo {
    /// Of the session's backend `index`, which declares `declaration`.
    ///
    /// # Errors
    /// In one line, when a profile has no such name.
    pub fn new(session: &Session, index: usize, declaration: &Declaration) -> Result<Self, String> {
        let resolve = |name: &str| profile_name::resolve(name).map_err(|error| error.to_string());
        let everywhere = match &session.held_to {
            Some(name) => Some(resolve(name)?),
            None => declaration.named_profile(),
        };
        let found = (session.found.iter())
            .filter(|found| found.backend == index)
            .map(|found| Ok((found.suite.clone(), resolve(&found.profile)?)))
            .collect::<Result<_, String>>()?;
        Ok(Self { everywhere, found })
    }

    /// The profile in `suite`: the one for all suites, else the one found for
    /// this one, else exact arithmetic.
    pub fn in_suite(&self, suite: &str) -> &'static NamedProfile {
        let found = || self.found.iter().find(|(known, _)| known == suite);
        (self.everywhere)
            .or_else(|| Some(found()?.1))
            .unwrap_or(&PROFILES[0])
    }
}

impl Bench {
    /// Opens the session's backends.
    ///
    /// # Errors
    /// In one line, when a backend or profile has no such name, or an external
    /// backend cannot be opened.
    pub fn open(entries: &[Entry], session: &Session) -> Result<Self, String> {
        let backends = (session.backends.iter().enumerate())
            .map(|(index, name)| {
                let backend = open(entries, name, session.modelled)?;
                let held_to = HeldTo::new(session, index, backend.declaration())?;
                Ok((backend, held_to))
            })
            .collect::<Result<_, String>>()?;
        let mut judge = Judge::new();
        judge.be_brief(session.brief);
        Ok(Self { backends, judge })
    }

    /// Serves one request.
    ///
    /// # Errors
    /// What `reply` returns.
    pub fn serve(
        &mut self,
        request: &Request,
        reply: &mut dyn FnMut(Reply) -> io::Result<()>,
    ) -> io::Result<()> {
        match request {
            Request::Judge {
                job,
                case,
                backends,
            } => self.judge(*job, case, backends, reply),
            Request::Describe { job, name } => {
                reply(Reply::Posing { job: *job })?;
                let declaration = external::open(name)
                    .map(|backend| external::describe(backend.declaration()))
                    .map_err(|error| error.to_string());
                reply(Reply::Described {
                    job: *job,
                    declaration,
                })?;
                self.done(*job, reply)
            }
            Request::Recognise { job, case, backend } => {
                reply(Reply::Running {
                    job: *job,
                    backend: *backend,
                })?;
                let answering = self.backends[*backend].0.as_ref();
                let likeness = recognise::likeness(&mut self.judge, answering, case);
                reply(Reply::Recognised {
                    job: *job,
                    likeness,
                })?;
                self.done(*job, reply)
            }
            Request::Explain { job, subject } => {
                reply(Reply::Running {
                    job: *job,
                    backend: subject.backend,
                })?;
                let (backend, held_to) = &self.backends[subject.backend];
                let held_to = held_to.in_suite(&subject.suite);
                let start = Instant::now();
                let explanation =
                    explain::explain(&mut self.judge, backend.as_ref(), held_to, subject);
                // What explaining asks of judge and reference is explaining.
                self.judge.stages.take();
                self.judge.stages.add(Stage::Explain, start);
                reply(Reply::Explained {
                    job: *job,
                    explanation: Box::new(explanation),
                })?;
                self.done(*job, reply)
            }
        }
    }

    fn judge(
        &mut self,
        job: usize,
        case: &str,
        backends: &[usize],
        reply: &mut dyn FnMut(Reply) -> io::Result<()>,
    ) -> io::Result<()> {
        reply(Reply::Posing { job })?;
        let posed = (self.judge.stages).time(Stage::Data, || panics::caught(|| pose(case)));
        let mut question = match posed {
            Ok(Ok(question)) => question,
            Ok(Err(why)) => {
                reply(Reply::Refused { job, why })?;
                return self.done(job, reply);
            }
            Err(panic) => {
                let why = format!("case '{case}': making its operands panicked: {panic}");
                reply(Reply::Refused { job, why })?;
                return self.done(job, reply);
            }
        };
        for &index in backends {
            reply(Reply::Running {
                job,
                backend: index,
            })?;
            let (backend, held_to) = &self.backends[index];
            let held_to = held_to.in_suite(question.suite());
            let record = self.judge.judge(&mut question, backend.as_ref(), held_to);
            reply(Reply::Judged {
                job,
                backend: index,
                record: Box::new(record),
            })?;
        }
        self.done(job, reply)
    }

    fn done(
        &mut self,
        job: usize,
        reply: &mut dyn FnMut(Reply) -> io::Result<()>,
    ) -> io::Result<()> {
        let stages = self.judge.stages.take();
        reply(Reply::Done { job, stages })
    }
}

fn open(entries: &[Entry], name: &str, modelled: bool) -> Result<Box<dyn Backend>, String> {
    if external::is_external(name) {
        return external::open(name).map_err(|error| error.to_string());
    }
    if mutants::is_mutant(name) {
        return mutants::open(name).map_err(|error| error.to_string());
    }
    let entry = (entries.iter())
        .find(|entry| entry.declaration.name == name)
        .ok_or_else(|| format!("no backend is named '{name}'"))?;
    Ok(if modelled {
        entry.modelled()
    } else {
        entry.open()
    })
}

/// The question that a case id asks.
///
/// # Errors
/// In one line, when the id is malformed or the case cannot be made.
pub fn pose(case: &str) -> Result<Question, String> {
    let id: CaseId = case
        .parse()
        .map_err(|error: crate::case::CaseError| error.to_string())?;
    let case = Case::from_id(&id).map_err(|error| error.to_string())?;
    Ok(Question::new(case))
}
