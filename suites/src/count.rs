//! One prepared kernel, run over and over on the same operands: what tools that
//! count instructions (a counting emulator, callgrind) look at. No time is taken.
//!
//! The kernel is judged first and its last answer is compared with the
//! reference, so that no figure is given for a kernel that computes something else.

use qassay_backends::backend::Backend;
use qassay_backends::{external, mutants, registry};
use qassay_golden::spec::OpSpec;

use crate::case::{Case, CaseError, CaseId};
use crate::compare::differences;
use crate::judge::{Judge, NoAnswer, Question};
use crate::record::Verdict;

/// What was run, and how much work one run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// the instruction set that the backend declares
    pub isa: &'static str,
    /// `native` or `modelled`
    pub execution: &'static str,
    /// what the kernel chose inside: micro-kernel, tile, fall-back
    pub chosen: String,
    /// how much one run does
    pub work: Work,
}

/// How much one run of an op does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// products, and as many additions; those with padding are counted too
    MultiplyAccumulates(u64),
    /// elements, where an op has no inner length: of the first output, or of
    /// the first input if that is larger
    Elements(u64),
}

/// Why nothing was counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CountError {
    /// an unknown backend
    #[error("no backend is named '{0}' (see: qassay list backends)")]
    UnknownBackend(String),
    /// an external backend that cannot be opened
    #[error("{0}")]
    Open(String),
    /// a backend that does not say whose bits it computes
    #[error("{0} declares no profile, so that nothing says whether what is counted is right")]
    NoProfile(String),
    /// a case that cannot be made
    #[error(transparent)]
    Case(#[from] CaseError),
    /// a kernel whose figures would be worthless
    #[error("{backend} on {case}: {verdict}{}", behind_colon(.detail))]
    NotConforming {
        /// the backend
        backend: String,
        /// the case
        case: String,
        /// how the case was judged
        verdict: &'static str,
        /// more about it; may be empty
        detail: String,
    },
}

fn behind_colon(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(": {detail}")
    }
}

/// Prepares a backend's kernel for a case and runs it `iterations` times after
/// judging it. Everything but those runs is the same for every number of
/// iterations: the difference of two counts is theirs alone. Not `judged`, it is
/// for those who judged before: the reference takes long under a counting tool. `mark` is called
/// before the first of the runs and behind the last.
///
/// # Errors
/// [`CountError`], among others when the backend does not conform on the case.
pub fn count(
    backend: &str,
    id: &CaseId,
    iterations: u64,
    judged: bool,
    mark: fn(),
) -> Result<Counted, CountError> {
    let kernels = open(backend)?;
    let profile = (kernels.declaration().named_profile())
        .ok_or_else(|| CountError::NoProfile(backend.to_owned()))?;
    let mut question = Question::new(Case::from_id(id)?);
    let mut judge = Judge::new();
    let refuse = |verdict: &'static str, detail: String| CountError::NotConforming {
        backend: backend.to_owned(),
        case: id.to_string(),
        verdict,
        detail,
    };
    if judged {
        let record = judge.judge(&mut question, kernels.as_ref(), profile);
        if record.verdict != Verdict::Conforms {
            return Err(refuse(record.verdict.word(), record.detail));
        }
    }
    let (chosen, answer) = judge
        .repeat(&question, kernels.as_ref(), iterations, mark)
        .map_err(|none: NoAnswer| refuse(Verdict::Crashed.word(), none.to_string()))?;
    if let (Some(answer), Some(expected)) = (answer, question.known(&profile.profile)) {
        let wrong = differences(&expected.outputs, &answer, &expected.open).count;
        if wrong > 0 {
            let detail = format!("{wrong} values after {iterations} runs");
            return Err(refuse(Verdict::Differs.word(), detail));
        }
    }
    Ok(Counted {
        isa: kernels.declaration().isa,
        execution: kernels.execution().name(),
        chosen,
        work: work(&question.problem().op),
    })
}

/// A registered backend, or an external one, whose code then runs in this process.
fn open(name: &str) -> Result<Box<dyn Backend>, CountError> {
    if external::is_external(name) {
        return external::open(name).map_err(|error| CountError::Open(error.to_string()));
    }
    if mutants::is_mutant(name) {
        return mutants::open(name).map_err(|error| CountError::Open(error.to_string()));
    }
    let entries = registry::entries();
    let entry = entries.iter().find(|entry| entry.declaration.name == name);
    match entry {
        Some(entry) => Ok(entry.open()),
        None => Err(CountError::UnknownBackend(name.to_owned())),
    }
}

/// How much one run of an op does.
pub fn work(op: &OpSpec) -> Work {
    let product = |lengths: &[usize]| lengths.iter().map(|&len| len as u64).product::<u64>();
    match op {
        OpSpec::Linear(spec) => Work::MultiplyAccumulates(product(&[spec.m, spec.n, spec.k])),
        OpSpec::Conv(spec) => Work::MultiplyAccumulates(
            product(&spec.output_shape()) * u64::try_from(spec.k()).unwrap_or(u64::MAX),
        ),
        _ => {
            let elements = |tensors: &[(Vec<usize>, _)]| {
                tensors.first().map_or(0, |(shape, _)| product(shape))
            };
            Work::Elements(elements(&op.outputs()).max(elements(&op.inputs())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(backend: &str, case: &str, iterations: u64) -> Result<Counted, CountError> {
        count(backend, &case.parse().unwrap(), iterations, true, || {})
    }

    #[test]
    fn work_is_counted_in_products_where_there_are_some() {
        let work = |case: &str| counted("fbgemm/scalar", case, 2).unwrap().work;
        let linear = "linear/m7.n13.k17/u8.s8/per-tensor/uniform/seed0";
        assert_eq!(work(linear), Work::MultiplyAccumulates(7 * 13 * 17));
        // Two groups of two channels; the padding's products count.
        let conv = "conv/b1.i5x6.c4.o6.k3x3.p1.g2/u8.s8/per-tensor/uniform/seed0";
        assert_eq!(
            work(conv),
            Work::MultiplyAccumulates(5 * 6 * 6 * (3 * 3 * 2))
        );
        let requantize = "requantize/m3.n5/u8/per-tensor/uniform/seed0";
        assert_eq!(work(requantize), Work::Elements(15));
    }

    #[test]
    fn what_does_not_conform_is_not_counted() {
        let case = "linear/m1.n1.k2/u8.s8/per-tensor/uniform/seed0";
        assert_eq!(
            counted("fbgemm/avx3", case, 1),
            Err(CountError::UnknownBackend("fbgemm/avx3".into()))
        );
        // A weight zero point, which this family does not take.
        let refused = "linear/m1.n1.k2/u8.s8/per-tensor/zp:w3/uniform/seed0";
        let error = counted("onednn/scalar", refused, 1)
            .unwrap_err()
            .to_string();
        assert!(error.contains("precondition-not-met"), "{error}");
    }
}
