//! Worker processes: started, fed, watched, and replaced when they die.
//!
//! One thread per worker sends it requests, a few ahead, and waits for replies
//! no longer than the time limit. Whatever ends a worker is the verdict of the
//! pair that it had announced; the rest of its requests go to a fresh one.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::in_process::{Collector, Note};
use super::journal::Journal;
use super::{Executor, Outcome, Progress, RunError, Workers};
use crate::explain;
use crate::os::interrupt;
use crate::protocol::{Fault, Reply, Request};
use crate::record::{Record, Verdict};
use crate::stages::Stages;

pub(super) mod process;

use process::Worker;

/// Requests that a worker has at hand: it need not wait for the next one.
const AHEAD: usize = 3;

/// The least time limit of a worker that has not said anything yet: it opens its
/// backends first, and an external one may load a whole framework.
pub(super) const OPENING: Duration = Duration::from_secs(300);

/// How long nobody looks whether the run is to end.
const LOOKING: Duration = Duration::from_millis(100);

pub(super) fn execute(
    executor: &Executor<'_>,
    requests: &[Request],
    journal: Option<&mut Journal>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, RunError> {
    let Workers::Processes { count, command } = &executor.plan.workers else {
        return Err(RunError::Workers("the plan asks for none".into()));
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let count = count.unwrap_or(cores).clamp(1, requests.len());
    let command = process::command(command.as_deref())?;
    let shared = Shared {
        executor,
        command: &command,
        queue: Mutex::new(requests.iter().cloned().collect()),
        stop: AtomicBool::new(false),
    };
    let (notes, inbox) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..count {
            let (shared, notes) = (&shared, notes.clone());
            scope.spawn(move || {
                let mut driver = Driver {
                    shared,
                    notes: &notes,
                    worker: None,
                    at_hand: VecDeque::new(),
                    running: None,
                    fault: None,
                    heard: false,
                    asked: Instant::now(),
                };
                if let Err(error) = driver.drive() {
                    shared.stop.store(true, Ordering::Relaxed);
                    // Only fails when the run has already been given up.
                    let _ = notes.send(Note::Failed(error));
                }
            });
        }
        drop(notes);
        let mut collector = Collector::new(requests, journal);
        let mut outcome = Ok(());
        loop {
            if interrupt::asked() {
                shared.stop.store(true, Ordering::Relaxed);
            }
            let note = match inbox.recv_timeout(LOOKING) {
                Ok(note) => note,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if let Err(error) = collector.take(note, progress) {
                shared.stop.store(true, Ordering::Relaxed);
                outcome = outcome.and(Err(error));
            }
        }
        outcome.map(|()| collector.finish())
    })
}

struct Shared<'a> {
    executor: &'a Executor<'a>,
    command: &'a [std::ffi::OsString],
    queue: Mutex<VecDeque<Request>>,
    stop: AtomicBool,
}

/// One worker and what it has to do.
struct Driver<'a> {
    shared: &'a Shared<'a>,
    notes: &'a Sender<Note>,
    worker: Option<Worker>,
    at_hand: VecDeque<Request>,
    /// what it announced last: the backend, or `None` while it makes operands
    running: Option<Option<usize>>,
    fault: Option<Fault>,
    /// whether this worker has said anything yet
    heard: bool,
    /// since when it is waited for
    asked: Instant,
}

impl Driver<'_> {
    fn drive(&mut self) -> Result<(), RunError> {
        loop {
            if self.shared.stop.load(Ordering::Relaxed) {
                self.kill();
                return Ok(());
            }
            self.fill()?;
            if self.at_hand.is_empty() {
                if let Some(worker) = self.worker.take() {
                    worker.dismiss();
                }
                return Ok(());
            }
            let Some(worker) = &self.worker else {
                continue;
            };
            // In short waits, since a run that is to end does not wait for a kernel.
            let left = self.limit().saturating_sub(self.asked.elapsed());
            match worker.replies.recv_timeout(left.min(LOOKING)) {
                Ok(reply) => {
                    self.heard = true;
                    self.asked = Instant::now();
                    self.take(reply)?;
                }
                Err(RecvTimeoutError::Timeout) if left > LOOKING => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.kill();
                    let limit = self.limit().as_secs_f64();
                    self.died(Verdict::TimedOut, format!("no answer within {limit} s"));
                }
                Err(RecvTimeoutError::Disconnected) => self.buried()?,
            }
        }
    }

    fn limit(&self) -> Duration {
        let limit = self.shared.executor.plan.time_limit;
        let limit = if self.heard {
            limit
        } else {
            limit.max(OPENING)
        };
        match self.at_hand.front() {
            Some(Request::Explain { .. }) => limit + explain::TIME,
            _ => limit,
        }
    }

    /// Sends requests until the worker has enough at hand; starts one if there is none.
    fn fill(&mut self) -> Result<(), RunError> {
        while self.at_hand.len() < AHEAD {
            let next = self
                .shared
                .queue
                .lock()
                .ok()
                .and_then(|mut q| q.pop_front());
            let Some(request) = next else { break };
            if let Some(worker) = &mut self.worker {
                // A worker that is gone is noticed by its replies ending.
                worker.send(&request);
            }
            self.at_hand.push_back(request);
        }
        if self.worker.is_none() && !self.at_hand.is_empty() {
            let mut worker = Worker::start(self.shared.command, self.shared.executor.session)?;
            for request in &self.at_hand {
                worker.send(request);
            }
            self.worker = Some(worker);
            self.heard = false;
            self.asked = Instant::now();
        }
        Ok(())
    }

    fn take(&mut self, reply: Reply) -> Result<(), RunError> {
        match reply {
            Reply::Posing { .. } => self.running = Some(None),
            Reply::Running { backend, .. } => self.running = Some(Some(backend)),
            Reply::Fault(fault) => self.fault = Some(fault),
            Reply::Refused { why, .. } => return Err(RunError::Case(why)),
            Reply::Judged {
                job,
                backend,
                record,
            } => {
                if let Some(Request::Judge { backends, .. }) = self.at_hand.front_mut() {
                    backends.retain(|&index| index != backend);
                }
                self.note(Note::Judged(job, backend, record));
            }
            Reply::Explained { job, explanation } => {
                self.note(Note::Explained(job, explanation));
            }
            Reply::Recognised { job, likeness } => self.note(Note::Recognised(job, likeness)),
            Reply::Described { .. } => {}
            Reply::Done { stages, .. } => {
                self.at_hand.pop_front();
                self.running = None;
                self.note(Note::Done(stages));
            }
        }
        Ok(())
    }

    fn note(&self, note: Note) {
        // Only fails when the run has already been given up.
        let _ = self.notes.send(note);
    }

    /// The worker ended by itself.
    fn buried(&mut self) -> Result<(), RunError> {
        let Some(worker) = self.worker.take() else {
            return Ok(());
        };
        let (how, last_words) = worker.bury();
        if !self.heard {
            return Err(RunError::Workers(format!(
                "one ended at once with {how}{}",
                if last_words.is_empty() {
                    String::new()
                } else {
                    format!(": {last_words}")
                }
            )));
        }
        match self.fault.take() {
            Some(fault) if fault.wrote == Some(true) => {
                self.died(Verdict::WroteOutside, format!("{fault} ({how})"));
            }
            Some(fault) => self.died(Verdict::Crashed, format!("{how}: {fault}")),
            None if last_words.is_empty() => self.died(Verdict::Crashed, how),
            None => self.died(Verdict::Crashed, format!("{how}: {last_words}")),
        }
        Ok(())
    }

    fn kill(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.kill();
        }
    }

    /// Writes down how the announced pair ended; what is left of its request stays at hand.
    fn died(&mut self, verdict: Verdict, detail: String) {
        let running = self.running.take();
        let Some(request) = self.at_hand.pop_front() else {
            return;
        };
        match request {
            // What went wrong with one case of the sample is found again when it is judged.
            Request::Recognise { .. } | Request::Describe { .. } => {
                self.note(Note::Done(Stages::default()))
            }
            Request::Explain { job, subject } => {
                let session = self.shared.executor.session;
                let explanation = explain::unexplained(session, &subject, &detail);
                self.note(Note::Explained(job, Box::new(explanation)));
                self.note(Note::Done(Stages::default()));
            }
            Request::Judge {
                job,
                case,
                mut backends,
            } => {
                let ended = match running {
                    Some(Some(backend)) => vec![backend],
                    // It died between pairs or while it made the operands: nobody can be asked.
                    _ => std::mem::take(&mut backends),
                };
                backends.retain(|index| !ended.contains(index));
                for backend in ended {
                    let record = self.blank(job, &case, backend, verdict, &detail);
                    self.note(Note::Judged(job, backend, Box::new(record)));
                }
                if backends.is_empty() {
                    self.note(Note::Done(Stages::default()));
                } else {
                    self.at_hand.push_front(Request::Judge {
                        job,
                        case,
                        backends,
                    });
                }
            }
        }
    }

    fn blank(
        &self,
        job: usize,
        case: &str,
        backend: usize,
        verdict: Verdict,
        detail: &str,
    ) -> Record {
        let suite = &self.shared.executor.suites[job].1;
        Record {
            verdict,
            detail: detail.to_owned(),
            ..self.shared.executor.asked[backend].blank(case, suite)
        }
    }
}
