//! What the runner knows of the backends that it asks. External backends are
//! opened by workers alone: this process is told what they declare.

use std::sync::mpsc::RecvTimeoutError;

use qassay_backends::backend::{Declaration, Execution};
use qassay_backends::registry::Entry;
use qassay_backends::{external, mutants};

use super::pool::OPENING;
use super::pool::process::{Worker, command};
use super::{Plan, RunError, Workers};
use crate::judge::blank_record;
use crate::protocol::{Reply, Request, Session};
use crate::record::Record;
use crate::worker::HeldTo;

/// A backend's declaration and how it runs.
pub(super) type Declared = (&'static Declaration, Execution);

/// One backend of a session, unopened.
pub(super) struct Asked {
    declaration: &'static Declaration,
    execution: Execution,
    held_to: HeldTo,
}

impl Asked {
    /// The record of a pair that ended its worker: everything but the outcome.
    pub(super) fn blank(&self, case: &str, suite: &str) -> Record {
        let held_to = self.held_to.in_suite(suite);
        blank_record(case, suite, self.declaration, self.execution, held_to)
    }
}

/// With the profiles that the session holds them to.
pub(super) fn asked(declared: &[Declared], session: &Session) -> Result<Vec<Asked>, RunError> {
    (declared.iter().enumerate())
        .map(|(index, &(declaration, execution))| {
            Ok(Asked {
                declaration,
                execution,
                held_to: HeldTo::new(session, index, declaration).map_err(RunError::Workers)?,
            })
        })
        .collect()
}

/// What these backends declare.
pub(super) fn declared(
    plan: &Plan,
    entries: &[Entry],
    names: &[String],
) -> Result<Vec<Declared>, RunError> {
    (names.iter())
        .map(|name| {
            if external::is_external(name) {
                return Ok((of_external(plan, name)?, Execution::Native));
            }
            if mutants::is_mutant(name) {
                let mutant = mutants::find(name).map_err(|e| RunError::External(e.to_string()))?;
                return Ok((mutant.declaration(), mutant.open().execution()));
            }
            let entry = (entries.iter())
                .find(|entry| entry.declaration.name == name)
                .ok_or_else(|| RunError::UnknownBackend(name.clone()))?;
            let execution = if !plan.modelled_only && entry.native().is_some() {
                Execution::Native
            } else {
                Execution::Modelled
            };
            Ok((entry.declaration, execution))
        })
        .collect()
}

fn of_external(plan: &Plan, name: &str) -> Result<&'static Declaration, RunError> {
    let Workers::Processes { command: given, .. } = &plan.workers else {
        return external::open(name)
            .map(|backend| backend.declaration())
            .map_err(|error| RunError::External(error.to_string()));
    };
    let mut worker = Worker::start(&command(given.as_deref())?, &Session::default())?;
    worker.send(&Request::Describe {
        job: 0,
        name: name.to_owned(),
    });
    let limit = plan.time_limit.max(OPENING);
    let said = loop {
        match worker.replies.recv_timeout(limit) {
            Ok(Reply::Described { declaration, .. }) => break declaration,
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => {
                worker.kill();
                let limit = limit.as_secs_f64();
                let why = format!("{name}: opening it took longer than {limit} s");
                return Err(RunError::External(why));
            }
            Err(RecvTimeoutError::Disconnected) => {
                let (how, last_words) = worker.bury();
                let last_words = if last_words.is_empty() {
                    last_words
                } else {
                    format!(": {last_words}")
                };
                let why = format!("{name}: opening it ended its process with {how}{last_words}");
                return Err(RunError::External(why));
            }
        }
    };
    worker.dismiss();
    let json = said.map_err(RunError::External)?;
    external::parse(name, &json).map_err(|error| RunError::External(format!("{name}: {error}")))
}
