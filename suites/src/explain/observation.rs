//! One case as a backend answered it, and whether a profile explains the answer.

use qassay_golden::ops::reference;
use qassay_golden::profile::Profile;
use qassay_golden::spec::Problem;
use qassay_golden::tensor::Tensor;
use qassay_golden::witness::Witness;

use crate::compare::{differences, same};
use crate::panics;

/// One case, what the backend gave, and what the profile it is held to says.
pub struct Observation {
    pub(super) case: String,
    pub(super) problem: Problem,
    pub(super) got: Vec<Tensor>,
    pub(super) expected: Vec<Tensor>,
    pub(super) open: Vec<(usize, usize)>,
    pub(super) differs: bool,
}

impl Observation {
    /// A case with the backend's outputs, the expected ones, and those left open.
    pub fn new(
        case: String,
        problem: Problem,
        got: Vec<Tensor>,
        expected: Vec<Tensor>,
        open: Vec<(usize, usize)>,
    ) -> Self {
        let differs = differences(&expected, &got, &open).count > 0;
        Self {
            case,
            problem,
            got,
            expected,
            open,
            differs,
        }
    }

    /// The case id.
    pub fn case(&self) -> &str {
        &self.case
    }

    /// Whether the backend differs from the profile it is held to.
    pub fn differs(&self) -> bool {
        self.differs
    }

    /// Whether every output is what `profile` says. Outputs that the profile held
    /// to leaves open do not count; those that only `profile` leaves open must be
    /// right as they are: leaving open explains nothing.
    pub fn is_explained_by(&self, profile: &Profile) -> bool {
        let Some(Computed { outputs, open }) = Computed::under(profile, &self.problem) else {
            return false;
        };
        let mut left: Vec<(usize, usize)> = self.open.clone();
        for &(output, element) in &open {
            if same(
                self.expected[output].data(),
                self.got[output].data(),
                element,
            ) {
                left.push((output, element));
            } else if self.open.binary_search(&(output, element)).is_err() {
                return false;
            }
        }
        left.sort_unstable();
        left.dedup();
        differences(&outputs, &self.got, &left).count == 0
    }

    /// Whether `profile` says something else than the profile held to.
    pub(super) fn is_changed_by(&self, profile: &Profile) -> bool {
        Computed::under(profile, &self.problem).is_none_or(|computed| {
            computed.open != self.open
                || differences(&self.expected, &computed.outputs, &[]).count > 0
        })
    }
}

/// What the reference gives for a case under any profile.
pub(super) struct Computed {
    pub(super) outputs: Vec<Tensor>,
    /// (output, element) pairs that the profile leaves open
    pub(super) open: Vec<(usize, usize)>,
}

impl Computed {
    /// `None` where the profile does not define it.
    pub(super) fn under(profile: &Profile, problem: &Problem) -> Option<Self> {
        let mut witness = Witness::default();
        // A combination of axes that nobody computed before may well meet a limit of the reference.
        let outputs = panics::caught(|| reference(problem, profile, &mut witness));
        Some(Self {
            outputs: outputs.ok()?.ok()?,
            open: witness.open,
        })
    }
}
