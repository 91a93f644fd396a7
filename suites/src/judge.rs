//! How one case is judged on one backend.
//!
//! The kernel runs twice on the same operands, in buffers that end at guards
//! and were poisoned differently. Both answers must be the same, nothing but
//! output values may have changed, and every output bit must be what the
//! reference says under the profile that the backend is held to. What "the
//! same" means for floats stands in [`compare`](mod@crate::compare). An op that chooses
//! parameters when it runs has run on other values before: what it keeps of them shows. A kernel
//! that leaves the floating-point control register changed has failed; it is put back. Where a
//! backend of others leaves threads running, outputs are looked at for a while longer.
//!
//! The reference is computed once per distinct profile and case.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use qassay_backends::backend::{Backend, Chosen, Declaration, Execution, Kernel, Refusal};
use qassay_backends::float_control;
use qassay_golden::ops::{ReferenceError, reference};
use qassay_golden::profile::Profile;
use qassay_golden::profile::named::NamedProfile;
use qassay_golden::spec::{Activation, OpSpec, Problem};
use qassay_golden::tensor::{DType, Data, Tensor};
use qassay_golden::witness::{Event, Events, Witness};

use crate::arena::{Arena, POISON, Trespass};
use crate::case::{Case, EngineOutput, Layout};
use crate::compare::{self, Differences, differences};
use crate::leak::leak;
use crate::os;
use crate::panics;
use crate::record::{Mismatch, Record, Verdict};
use crate::spread;
use crate::stages::{Stage, Stages};

/// A case, ready to be put to backends.
pub struct Question {
    id: String,
    suite: String,
    problem: Problem,
    layout: Layout,
    engines: Vec<EngineOutput>,
    outputs: Vec<(Vec<usize>, DType)>,
    data_hash: String,
    references: HashMap<Profile, Result<Expected, ReferenceError>>,
}

/// What the reference said to a question, without the operands.
#[derive(Default)]
pub struct Answers(HashMap<Profile, Result<Expected, ReferenceError>>);

/// What the reference says.
pub struct Expected {
    /// the outputs
    pub outputs: Vec<Tensor>,
    /// elements that the profile leaves open, sorted
    pub open: Vec<(usize, usize)>,
    /// what the data reached
    pub events: Events,
}

/// Why a kernel gave no answer that could be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// it does not run the op
    #[error(transparent)]
    Refused(Refusal),
    /// it panicked
    #[error("panicked: {0}")]
    Panicked(String),
    /// it said that its run failed
    #[error("answered with an error: {0}")]
    Failed(String),
    /// it wrote where nothing of its own lies
    #[error(transparent)]
    Trespassed(Trespass),
}

/// Values above which the first wrong element is reported without its
/// accumulator: keeping every step would take too much memory.
const MOST_STEPS: usize = 1 << 22;

/// How long threads that a kernel left running are watched.
const LATE: Duration = Duration::from_millis(5);

impl Question {
    /// The question that a case asks.
    pub fn new(case: Case) -> Self {
        Self::of(
            case.id().to_string(),
            case.id().suite().to_owned(),
            case.problem().clone(),
            *case.layout(),
            case.engines().to_vec(),
        )
    }

    /// A question from its parts.
    pub fn of(
        id: String,
        suite: String,
        problem: Problem,
        layout: Layout,
        engines: Vec<EngineOutput>,
    ) -> Self {
        let data_hash = hash(&problem);
        let outputs = problem.op.outputs();
        Self {
            id,
            suite,
            problem,
            layout,
            engines,
            outputs,
            data_hash,
            references: HashMap::new(),
        }
    }

    /// The question that a case asks, to which the reference has answered before.
    pub fn answered(case: Case, answers: Answers) -> Self {
        Self {
            references: answers.0,
            ..Self::new(case)
        }
    }

    /// What the reference said; the operands are dropped.
    pub fn into_answers(self) -> Answers {
        Answers(self.references)
    }

    /// The suite that the case belongs to.
    pub fn suite(&self) -> &str {
        &self.suite
    }

    /// The op with its operands.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// How operands lie in memory.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Shapes and types of the outputs.
    pub fn outputs(&self) -> &[(Vec<usize>, DType)] {
        &self.outputs
    }

    /// What the reference said under `profile`, if it was asked and has an answer.
    pub fn known(&self, profile: &Profile) -> Option<&Expected> {
        self.references.get(profile)?.as_ref().ok()
    }

    /// What the reference says under `profile`; computed once.
    ///
    /// # Errors
    /// When the profile does not define the op, or the operands do not fit it.
    pub fn expected(&mut self, profile: &Profile) -> Result<&Expected, &ReferenceError> {
        let problem = &self.problem;
        self.references
            .entry(*profile)
            .or_insert_with(|| {
                let mut witness = Witness::default();
                let outputs = reference(problem, profile, &mut witness)?;
                Ok(Expected {
                    outputs,
                    open: witness.open,
                    events: witness.events,
                })
            })
            .as_ref()
    }

    /// One wrong element, with the sum and the scaled value that the reference saw there.
    fn mismatch(
        &self,
        profile: &Profile,
        (output, element): (usize, usize),
        expected: &[Tensor],
        got: &[Tensor],
    ) -> Mismatch {
        let mut witness = Witness::with_steps();
        let step = (output == 0 && expected[0].len() <= MOST_STEPS)
            .then(|| reference(&self.problem, profile, &mut witness).ok())
            .flatten()
            .and(witness.steps)
            .filter(|steps| steps.len() == expected[0].len())
            .map(|steps| steps[element]);
        Mismatch {
            output,
            index: index(expected[output].shape(), element),
            accumulator: step.and_then(|step| step.accumulator),
            scaled: step.map(|step| step.scaled),
            expected: compare::display(expected[output].data(), element),
            got: compare::display(got[output].data(), element),
        }
    }
}

/// Runs kernels and judges what they give. Holds the buffers; one per worker.
#[derive(Default)]
pub struct Judge {
    arena: Arena,
    /// where the time went
    pub stages: Stages,
    watches_heap: bool,
    brief: bool,
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
        let threads = (backend.allocates_here()).then(os::threads).flatten();
        let answers = (self.run_before(question, kernel.as_mut()))
            .and_then(|()| self.run(question, kernel.as_mut(), POISON[0]))
            .and_then(|first| {
                // The first run was checked: its inputs still stand as they were laid.
                let second = self.run_again(question, kernel.as_mut(), POISON[1])?;
                Ok([first, second])
            });
        let [first, second] = match answers {
            Ok(answers) => answers,
            Err(none) => return refuse(record, &none),
        };
        if let Some(what) = self.written_late(&question.problem.inputs, &second, threads) {
            record.verdict = Verdict::Differs;
            record.detail = what;
            return record;
        }
        drop(kernel);
        let start = Instant::now();
        let mut record = self.compare(question, backend, held_to, [&first, &second], record);
        self.stages.add(Stage::Compare, start);
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

    /// Prepares a kernel, runs it once and lets it go.
    ///
    /// # Errors
    /// When it refuses, panics or writes outside.
    pub(crate) fn round(
        &mut self,
        question: &Question,
        backend: &dyn Backend,
    ) -> Result<(), NoAnswer> {
        let mut kernel = prepare(backend, &question.problem)?;
        self.lay_and_run(question, kernel.as_mut(), POISON[0])
    }

    /// One answer of a backend, as it is.
    ///
    /// # Errors
    /// When it refuses, panics or writes outside.
    pub fn answer(
        &mut self,
        question: &Question,
        backend: &dyn Backend,
    ) -> Result<Vec<Tensor>, NoAnswer> {
        let mut kernel = prepare(backend, &question.problem)?;
        self.run(question, kernel.as_mut(), POISON[0])
    }

    /// Prepares a kernel once and runs it `times` times on the same operands: for
    /// tools that count what it executes. Gives what the kernel chose and the
    /// answer of the last run; no answer after no run.
    ///
    /// # Errors
    /// When it refuses, panics or writes outside.
    pub fn repeat(
        &mut self,
        question: &Question,
        backend: &dyn Backend,
        times: u64,
    ) -> Result<(String, Option<Vec<Tensor>>), NoAnswer> {
        let mut kernel = prepare(backend, &question.problem)?;
        let inputs = &question.problem.inputs;
        self.arena
            .lay(inputs, &question.outputs, &question.layout, POISON[0]);
        let arena = &mut self.arena;
        panics::caught(|| arena.repeat(kernel.as_mut(), times)).map_err(NoAnswer::Panicked)?;
        self.arena
            .check(inputs, POISON[0])
            .map_err(NoAnswer::Trespassed)?;
        trouble(kernel.as_ref())?;
        let outputs = (times > 0).then(|| self.arena.outputs());
        Ok((describe(kernel.chosen()), outputs))
    }

    fn run(
        &mut self,
        question: &Question,
        kernel: &mut dyn Kernel,
        poison: u8,
    ) -> Result<Vec<Tensor>, NoAnswer> {
        self.lay_and_run(question, kernel, poison)?;
        Ok(self.outputs())
    }

    fn run_again(
        &mut self,
        question: &Question,
        kernel: &mut dyn Kernel,
        poison: u8,
    ) -> Result<Vec<Tensor>, NoAnswer> {
        let Self { arena, stages, .. } = self;
        stages.time(Stage::Compare, || arena.poison(poison));
        self.run_laid(&question.problem.inputs, kernel, poison)?;
        Ok(self.outputs())
    }

    /// Runs an op that chooses parameters when it runs on other values than those it is asked for.
    fn run_before(&mut self, question: &Question, kernel: &mut dyn Kernel) -> Result<(), NoAnswer> {
        let Some(inputs) = other_values(&question.problem) else {
            return Ok(());
        };
        let Self { arena, stages, .. } = self;
        stages.time(Stage::Compare, || {
            arena.lay(&inputs, &question.outputs, &question.layout, POISON[1]);
        });
        self.run_laid(&inputs, kernel, POISON[1])
    }

    fn lay_and_run(
        &mut self,
        question: &Question,
        kernel: &mut dyn Kernel,
        poison: u8,
    ) -> Result<(), NoAnswer> {
        let inputs = &question.problem.inputs;
        let Self { arena, stages, .. } = self;
        stages.time(Stage::Compare, || {
            arena.lay(inputs, &question.outputs, &question.layout, poison);
        });
        self.run_laid(inputs, kernel, poison)
    }

    fn run_laid(
        &mut self,
        inputs: &[Tensor],
        kernel: &mut dyn Kernel,
        poison: u8,
    ) -> Result<(), NoAnswer> {
        let Self { arena, stages, .. } = self;
        let control = float_control::get();
        let ran = stages.time(Stage::Kernels, || panics::caught(|| arena.run(kernel)));
        let changed = float_control::get() != control;
        if changed {
            // What is computed after it would be rounded otherwise.
            float_control::set(control);
        }
        ran.map_err(NoAnswer::Panicked)?;
        if changed {
            let what =
                "run left the floating-point control register changed (rounding, flush to zero)";
            return Err(NoAnswer::Failed(what.into()));
        }
        stages.time(Stage::Compare, || {
            arena.check(inputs, poison).map_err(NoAnswer::Trespassed)
        })?;
        trouble(kernel)
    }

    /// Whether threads that a kernel started, since there were `before` of them, change what it
    /// gave after it returned; `None` if not, or where nobody can tell. A pool of threads that
    /// rests is right.
    fn written_late(
        &mut self,
        inputs: &[Tensor],
        given: &[Tensor],
        before: Option<u64>,
    ) -> Option<String> {
        let before = before?;
        let end = Instant::now() + LATE;
        while os::threads()? > before && Instant::now() < end {
            std::thread::sleep(LATE / 10);
            let changed = differences(given, &self.arena.outputs(), &[]).count > 0;
            if changed || self.arena.check(inputs, POISON[1]).is_err() {
                let what = "a thread that the kernel started wrote after it had returned";
                return Some(what.to_owned());
            }
        }
        None
    }

    fn outputs(&mut self) -> Vec<Tensor> {
        let Self { arena, stages, .. } = self;
        stages.time(Stage::Compare, || arena.outputs())
    }

    fn compare(
        &self,
        question: &Question,
        backend: &dyn Backend,
        held_to: &'static NamedProfile,
        [first, second]: [&[Tensor]; 2],
        mut record: Record,
    ) -> Record {
        let Some(Ok(expected)) = question.references.get(&held_to.profile) else {
            record.detail = "the reference gave nothing to compare with".into();
            return record;
        };
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
        let changed = differences(first, second, &[]);
        if changed.count > 0 {
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

/// A kernel for the problem; a refusal or a panic is no kernel.
///
/// # Errors
/// [`NoAnswer`].
pub fn prepare(backend: &dyn Backend, problem: &Problem) -> Result<Box<dyn Kernel>, NoAnswer> {
    // Holds for every backend: the arena lays only what views hold.
    Refusal::of_views(&problem.op, &problem.constants).map_err(NoAnswer::Refused)?;
    Refusal::of_inputs(backend.declaration(), &problem.op, &problem.inputs)
        .map_err(NoAnswer::Refused)?;
    panics::caught(|| backend.prepare(&problem.op, &problem.constants))
        .map_err(NoAnswer::Panicked)?
        .map_err(NoAnswer::Refused)
}

/// Half of each value, for ops that choose parameters from values when they run.
fn other_values(problem: &Problem) -> Option<Vec<Tensor>> {
    let OpSpec::Linear(spec) = &problem.op else {
        return None;
    };
    if !matches!(spec.activation, Activation::Dynamic { .. }) {
        return None;
    }
    (problem.inputs.iter())
        .map(|input| {
            let Data::F32(values) = input.data() else {
                return None;
            };
            let halves = values.iter().map(|value| value / 2.0).collect();
            Tensor::new(input.shape(), Data::F32(halves)).ok()
        })
        .collect()
}

fn trouble(kernel: &dyn Kernel) -> Result<(), NoAnswer> {
    let told = kernel.trouble().map(str::to_owned);
    told.map_or(Ok(()), |told| Err(NoAnswer::Failed(told)))
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

/// `u8s8-i32-12x8 (mr 12, nr 8, kc 256)`, and why it fell back if it did.
fn describe(chosen: &Chosen) -> String {
    let mut text = chosen.micro_kernel.clone();
    if let Some((mr, nr, kc)) = chosen.tile {
        text += &format!(" (mr {mr}, nr {nr}, kc {kc})");
    }
    if let Some(why) = &chosen.fallback {
        text += &format!(", fall-back: {why}");
    }
    text
}

fn counts(events: &Events) -> BTreeMap<String, u64> {
    Event::ALL
        .iter()
        .filter(|&&event| events.count(event) > 0)
        .map(|&event| (event.key().to_owned(), events.count(event)))
        .collect()
}

/// The index in each dimension of element `element` in row-major order.
pub(crate) fn index(shape: &[usize], mut element: usize) -> Vec<usize> {
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&len| {
            let at = element % len;
            element /= len;
            at
        })
        .collect();
    index.reverse();
    index
}

/// blake3 of types, shapes and values of constants and inputs, first 16 hex digits.
fn hash(problem: &Problem) -> String {
    let mut hasher = blake3::Hasher::new();
    let constants = [&problem.constants.weights, &problem.constants.bias];
    for tensor in constants.into_iter().flatten().chain(&problem.inputs) {
        hasher.update(tensor.dtype().name().as_bytes());
        for &len in tensor.shape() {
            hasher.update(&(len as u64).to_le_bytes());
        }
        hasher.update(&tensor.data().to_le_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests;
