//! How one case is judged on one backend.
//!
//! The kernel runs twice on the same operands, in buffers that end at guards
//! and were poisoned differently. Both answers must be the same, nothing but
//! output values may have changed, and every output bit must be what the
//! reference says under the profile that the backend is held to. What "the
//! same" means for floats stands in [`compare`](mod@crate::compare). An op that chooses
//! parameters when it runs has run on other values before: what it keeps of them shows. A kernel
//! that leaves the floating-point control register changed has failed; it is put back. Where a
//! backend of others leaves threads running, outputs are looked at for a while longer. Blocks of
//! consecutive values run once: their 256 cases are poisoned differently in turn.
//!
//! The reference is computed once per case and what its op reads of a profile.

mod late;
mod question;
mod running;

use std::collections::BTreeMap;
use std::time::Instant;

use qassay_backends::backend::{Backend, Declaration, Execution, Refusal};
use qassay_golden::ops::ReferenceError;
use qassay_golden::profile::named::NamedProfile;
use qassay_golden::tensor::Tensor;
use qassay_golden::witness::{Event, Events};

pub(crate) use question::index;
pub use question::{Answers, Expected, Question};
use running::describe;
pub use running::{NoAnswer, prepare};

use crate::arena::{Arena, POISON};
use crate::compare::{Differences, differences};
use crate::leak::leak;
use crate::os;
use crate::panics;
use crate::record::{Record, Verdict};
use crate::spread;
use crate::stages::{Stage, Stages};

/// Runs kernels and judges what they give. Holds the buffers; one per worker.
#[derive(Default)]
pub struct Judge {
    arena: Arena,
    /// where the time went
    pub stages: Stages,
    watches_heap: bool,
    brief: bool,
    /// the question whose inputs stand in the arena as they were laid
    laid: Option<u64>,
}

/// What one run gave.
enum Answer {
    /// byte for byte what the reference says: not copied
    Expected,
    /// these outputs
    Other(Vec<Tensor>),
}

impl Answer {
    fn outputs<'a>(&'a self, expected: &'a Expected) -> &'a [Tensor] {
        match self {
            Self::Expected => &expected.outputs,
            Self::Other(outputs) => outputs,
        }
    }
}

impl Judge {
    /// A judge with its own buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// A judge that also looks for leaks of backends that allocate in this
    /// process. Only where no other thread allocates meanwhile.
    pub fn watching_heap() -> Self {
        Self {
            watches_heap: true,
            ..Self::default()
        }
    }

    /// Leaves out of records what a wrong element looks like, which takes the reference once
    /// more to tell: for runs in which most answers are wrong.
    pub fn be_brief(&mut self, brief: bool) {
        self.brief = brief;
    }

    /// Puts a question to a backend and holds the answer to a profile.
    pub fn judge(
        &mut self,
        question: &mut Question,
        backend: &dyn Backend,
        held_to: &'static NamedProfile,
    ) -> Record {
        let (declaration, execution) = (backend.declaration(), backend.execution());
        let mut record = blank_record(
            &question.id,
            &question.suite,
            declaration,
            execution,
            held_to,
        );
        record.data_hash.clone_from(&question.data_hash);
        let prepared = (self.stages).time(Stage::Kernels, || prepare(backend, &question.problem));
        let mut kernel = match prepared {
            Ok(kernel) => kernel,
            Err(none) => return refuse(record, &none),
        };
        record.chosen = describe(kernel.chosen());
        // The reference first: it shares nothing with the kernel, and without it there is nothing to ask.
        let asked = self.stages.time(Stage::Reference, || {
            panics::caught(|| {
                question
                    .expected(&held_to.profile)
                    .map(|e| e.events.clone())
                    .map_err(Clone::clone)
            })
        });
        let events = match asked {
            Ok(Ok(events)) => events,
            Ok(Err(ReferenceError::Undefined(what))) => {
                record.verdict = Verdict::Unsupported;
                record.detail = format!("profile {} does not define this: {what}", held_to.name);
                return record;
            }
            Ok(Err(ReferenceError::Mismatch(what))) => {
                record.detail = format!("the reference refuses these operands: {what}");
                return record;
            }
            Err(panic) => {
                record.detail = format!("the reference panicked: {panic}");
                return record;
            }
        };
        record.events = counts(&events);
        let Some(expected) = question.known(&held_to.profile) else {
            record.detail = "the reference gave nothing to compare with".into();
            return record;
        };
        let foreign = backend.allocates_here();
        let threads = foreign.then(os::threads).flatten();
        // Blocks differ in nothing but values: there are 256 runs of a kernel in any case, poisoned in
        // turn, and hours of them. Kernels of others run twice all the same.
        let once = question.block.filter(|_| !foreign);
        let poison = once.map_or(POISON[0], |block| POISON[usize::from(block % 2)]);
        let answers = (self.run_before(question, kernel.as_mut()))
            .and_then(|()| self.lay_and_run(question, kernel.as_mut(), poison))
            .and_then(|()| {
                let first = self.answered(expected);
                if once.is_some() {
                    return Ok((first, None));
                }
                // The first run was checked: its inputs still stand as they were laid.
                self.run_again(question, kernel.as_mut(), POISON[1])?;
                Ok((first, Some(self.answered(expected))))
            });
        let (first, second) = match answers {
            Ok(answers) => answers,
            Err(none) => return refuse(record, &none),
        };
        let first = first.outputs(expected);
        let second = second.as_ref().map(|answer| answer.outputs(expected));
        let last = second.map_or((first, poison), |second| (second, POISON[1]));
        let late = self.written_late(&question.problem.inputs, last, threads);
        drop(kernel);
        if foreign {
            // What it left running may write where nobody looks any more.
            self.laid = None;
        }
        let start = Instant::now();
        let mut record = self.compare(
            question,
            backend,
            held_to,
            expected,
            (first, second),
            record,
        );
        self.stages.add(Stage::Compare, start);
        if let Some(what) = late {
            // What was compared was compared; it is not what the caller has in the end.
            record.verdict = Verdict::Differs;
            record.detail = match &record.detail[..] {
                "" => what,
                also => format!("{what}; {also}"),
            };
        }
        if self.watches_heap && record.verdict == Verdict::Conforms {
            match leak(self, question, backend) {
                Ok(None) => {}
                Ok(Some(what)) => {
                    record.verdict = Verdict::Leaked;
                    record.detail = what;
                }
                Err(none) => return refuse(record, &none),
            }
        }
        record
    }

    /// What the run that was just checked gave.
    fn answered(&mut self, expected: &Expected) -> Answer {
        let Self { arena, stages, .. } = self;
        match stages.time(Stage::Compare, || arena.gave(&expected.outputs)) {
            true => Answer::Expected,
            false => Answer::Other(self.outputs()),
        }
    }

    fn compare(
        &self,
        question: &Question,
        backend: &dyn Backend,
        held_to: &'static NamedProfile,
        expected: &Expected,
        (first, second): (&[Tensor], Option<&[Tensor]>),
        mut record: Record,
    ) -> Record {
        let wrong = differences(&expected.outputs, first, &expected.open);
        record.values = wrong.compared;
        record.open = expected.open.len() as u64;
        record.output_hash = spread::hash(first);
        let mut fail = |found: &Differences, right: &[Tensor], got: &[Tensor], detail: String| {
            record.verdict = Verdict::Differs;
            record.mismatches = found.count;
            record.detail = detail;
            if self.brief {
                return;
            }
            record.first = found
                .first
                .map(|at| question.mismatch(&held_to.profile, at, right, got));
            record.spread = found.first.and_then(|(output, _)| {
                spread::spread(output, &right[output], &got[output], &expected.open)
            });
        };
        if wrong.count > 0 {
            fail(&wrong, &expected.outputs, first, String::new());
            return record;
        }
        let changed = second.map(|second| (differences(first, second, &[]), second));
        if let Some((changed, second)) = changed.filter(|(changed, _)| changed.count > 0) {
            let detail = "gave other bits when it ran again on the same operands".to_owned();
            fail(&changed, first, second, detail);
            return record;
        }
        // A captured layer also says what the real engine gave; a backend of the same arithmetic
        // must give that, whatever the reference says.
        if let Some(own) =
            (backend.declaration().named_profile()).filter(|own| own.profile == held_to.profile)
        {
            for engine in question.engines.iter().filter(|e| e.profile == own.name) {
                let wrong = differences(&engine.outputs, first, &expected.open);
                if wrong.count > 0 {
                    let detail = format!("gave other bits than the real engine, {}", engine.engine);
                    fail(&wrong, &engine.outputs, first, detail);
                    return record;
                }
            }
        }
        record.verdict = Verdict::Conforms;
        record
    }
}

/// A record before anything is known: it reads as a crash, so that whatever
/// ends judging early is told as one.
pub fn blank_record(
    id: &str,
    suite: &str,
    declaration: &Declaration,
    execution: Execution,
    held_to: &NamedProfile,
) -> Record {
    Record {
        case: id.to_owned(),
        suite: suite.to_owned(),
        backend: declaration.name.to_owned(),
        isa: declaration.isa.to_owned(),
        execution: execution.name().to_owned(),
        profile: held_to.name.to_owned(),
        verdict: Verdict::Crashed,
        values: 0,
        open: 0,
        mismatches: 0,
        first: None,
        chosen: String::new(),
        data_hash: String::new(),
        output_hash: None,
        spread: None,
        events: BTreeMap::new(),
        detail: String::new(),
    }
}

fn refuse(mut record: Record, none: &NoAnswer) -> Record {
    record.verdict = match none {
        NoAnswer::Refused(Refusal::Unsupported(_)) => Verdict::Unsupported,
        NoAnswer::Refused(Refusal::Precondition(_) | Refusal::OwnPrecondition(_)) => {
            Verdict::PreconditionNotMet
        }
        NoAnswer::Panicked(_) | NoAnswer::Failed(_) => Verdict::Crashed,
        NoAnswer::Trespassed(_) => Verdict::WroteOutside,
    };
    record.detail = none.to_string();
    record
}

fn counts(events: &Events) -> BTreeMap<String, u64> {
    Event::ALL
        .iter()
        .filter(|&&event| events.count(event) > 0)
        .map(|&event| (event.key().to_owned(), events.count(event)))
        .collect()
}

#[cfg(test)]
mod tests;
