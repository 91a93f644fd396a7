//! What is asked: a case with its operands, and what the reference says to it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use qassay_golden::ops::{ReferenceError, read_by, reference};
use qassay_golden::profile::Profile;
use qassay_golden::spec::Problem;
use qassay_golden::tensor::{DType, Tensor};
use qassay_golden::witness::{Events, Witness};

use crate::case::{Case, EngineOutput, Layout};
use crate::compare;
use crate::record::Mismatch;

/// A case, ready to be put to backends.
pub struct Question {
    pub(super) id: String,
    pub(super) suite: String,
    pub(super) problem: Problem,
    pub(super) layout: Layout,
    pub(super) engines: Vec<EngineOutput>,
    pub(super) outputs: Vec<(Vec<usize>, DType)>,
    pub(super) data_hash: String,
    /// which one it is of all that were ever made in this process
    pub(super) number: u64,
    /// the number of the block of values, of a whole block: the case is one of 256 that differ in
    /// it alone
    pub(super) block: Option<u8>,
    /// by what the op reads of a profile
    pub(super) references: HashMap<Profile, Result<Expected, ReferenceError>>,
}

/// How many questions were made.
static MADE: AtomicU64 = AtomicU64::new(0);

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

/// Values above which the first wrong element is reported without its
/// accumulator: keeping every step would take too much memory.
const MOST_STEPS: usize = 1 << 22;

/// The values of a whole block.
const BLOCK: usize = 1 << 24;

impl Question {
    /// The question that a case asks.
    pub fn new(case: Case) -> Self {
        let question = Self::of(
            case.id().to_string(),
            case.id().suite().to_owned(),
            case.problem().clone(),
            *case.layout(),
            case.engines().to_vec(),
        );
        let values: usize = question
            .outputs
            .iter()
            .flat_map(|(shape, _)| shape)
            .product();
        Self {
            block: case.id().block().filter(|_| values >= BLOCK),
            ..question
        }
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
            number: MADE.fetch_add(1, Ordering::Relaxed),
            block: None,
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
        let read = read_by(&self.problem.op, profile);
        self.references.get(&read)?.as_ref().ok()
    }

    /// What the reference says under `profile`; computed once for all profiles that are alike in
    /// what the op reads of them.
    ///
    /// # Errors
    /// When the profile does not define the op, or the operands do not fit it.
    pub fn expected(&mut self, profile: &Profile) -> Result<&Expected, &ReferenceError> {
        let problem = &self.problem;
        let read = read_by(&problem.op, profile);
        self.references
            .entry(read)
            .or_insert_with(|| {
                let mut witness = Witness::default();
                let outputs = reference(problem, &read, &mut witness)?;
                Ok(Expected {
                    outputs,
                    open: witness.open,
                    events: witness.events,
                })
            })
            .as_ref()
    }

    /// One wrong element, with the sum and the scaled value that the reference saw there.
    pub(super) fn mismatch(
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
