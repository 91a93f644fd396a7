//! How a kernel is prepared and run between guards, and why it may give no answer.

use qassay_backends::backend::{Backend, Chosen, Kernel, Refusal};
use qassay_backends::float_control;
use qassay_golden::spec::{Activation, OpSpec, Problem};
use qassay_golden::tensor::{Data, Tensor};

use super::{Judge, Question};
use crate::arena::{POISON, Trespass};
use crate::panics;
use crate::stages::Stage;

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

impl Judge {
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
        self.lay_and_run(question, kernel.as_mut(), POISON[0])?;
        Ok(self.outputs())
    }

    /// Prepares a kernel once and runs it `times` times on the same operands: for
    /// tools that count what it executes. Gives what the kernel chose and the
    /// answer of the last run; no answer after no run. `mark` is called before and
    /// behind the runs.
    ///
    /// # Errors
    /// When it refuses, panics or writes outside.
    pub fn repeat(
        &mut self,
        question: &Question,
        backend: &dyn Backend,
        times: u64,
        mark: fn(),
    ) -> Result<(String, Option<Vec<Tensor>>), NoAnswer> {
        let mut kernel = prepare(backend, &question.problem)?;
        let inputs = &question.problem.inputs;
        self.laid = None;
        self.arena
            .lay(inputs, &question.outputs, &question.layout, POISON[0]);
        let arena = &mut self.arena;
        mark();
        let ran = panics::caught(|| arena.repeat(kernel.as_mut(), times));
        mark();
        ran.map_err(NoAnswer::Panicked)?;
        self.arena
            .check(inputs, POISON[0])
            .map_err(NoAnswer::Trespassed)?;
        trouble(kernel.as_ref())?;
        let outputs = (times > 0).then(|| self.arena.outputs());
        Ok((describe(kernel.chosen()), outputs))
    }

    /// Runs a kernel on operands that were laid and checked.
    pub(super) fn run_again(
        &mut self,
        question: &Question,
        kernel: &mut dyn Kernel,
        poison: u8,
    ) -> Result<(), NoAnswer> {
        let Self { arena, stages, .. } = self;
        stages.time(Stage::Compare, || arena.poison(poison));
        self.run_laid(&question.problem.inputs, kernel, poison)?;
        self.laid = Some(question.number);
        Ok(())
    }

    /// Runs an op that chooses parameters when it runs on other values than those it is asked for.
    pub(super) fn run_before(
        &mut self,
        question: &Question,
        kernel: &mut dyn Kernel,
    ) -> Result<(), NoAnswer> {
        let Some(inputs) = other_values(&question.problem) else {
            return Ok(());
        };
        let Self { arena, stages, .. } = self;
        stages.time(Stage::Compare, || {
            arena.lay(&inputs, &question.outputs, &question.layout, POISON[1]);
        });
        self.run_laid(&inputs, kernel, POISON[1])
    }

    /// Lays the operands and runs a kernel on them. Operands of a question that was laid last, and
    /// found as they were laid after the run, still stand there.
    pub(super) fn lay_and_run(
        &mut self,
        question: &Question,
        kernel: &mut dyn Kernel,
        poison: u8,
    ) -> Result<(), NoAnswer> {
        if self.laid == Some(question.number) {
            return self.run_again(question, kernel, poison);
        }
        let inputs = &question.problem.inputs;
        let Self { arena, stages, .. } = self;
        stages.time(Stage::Compare, || {
            arena.lay(inputs, &question.outputs, &question.layout, poison);
        });
        self.run_laid(inputs, kernel, poison)?;
        self.laid = Some(question.number);
        Ok(())
    }

    fn run_laid(
        &mut self,
        inputs: &[Tensor],
        kernel: &mut dyn Kernel,
        poison: u8,
    ) -> Result<(), NoAnswer> {
        self.laid = None;
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

    pub(super) fn outputs(&mut self) -> Vec<Tensor> {
        let Self { arena, stages, .. } = self;
        stages.time(Stage::Compare, || arena.outputs())
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

/// `u8s8-i32-12x8 (mr 12, nr 8, kc 256)`, and why it fell back if it did.
pub(super) fn describe(chosen: &Chosen) -> String {
    let mut text = chosen.micro_kernel.clone();
    if let Some((mr, nr, kc)) = chosen.tile {
        text += &format!(" (mr {mr}, nr {nr}, kc {kc})");
    }
    if let Some(why) = &chosen.fallback {
        text += &format!(", fall-back: {why}");
    }
    text
}
