//! What the benches of this package run: every backend of the registry that this
//! CPU runs natively, on the shapes of `qassay bench`.
//!
//! ```text
//! cargo bench -p qassay-benches                              # all: hours
//! cargo bench -p qassay-benches -- gemm/fbgemm/avx2-exact
//! cargo bench -p qassay-benches -- '64,768,3072'
//! ```

#![forbid(unsafe_code)]

use qassay_backends::backend::{Backend, Kernel};
use qassay_backends::registry;
use qassay_suites::arena::{Arena, POISON};
use qassay_suites::bench::contest::work;
use qassay_suites::bench::sets::{self, SETS};
use qassay_suites::case::Case;
use qassay_suites::judge::{Judge, Question, prepare};
use qassay_suites::record::{Verdict, Work};

/// A kernel with its operands, judged.
pub struct Prepared {
    arena: Arena,
    kernel: Box<dyn Kernel>,
    /// how much one run does
    pub work: Work,
}

impl Prepared {
    /// Runs the kernel this many times.
    pub fn run(&mut self, times: u64) {
        self.arena.repeat(self.kernel.as_mut(), times);
    }
}

/// Calls `found` for every backend on every shape whose name, `SET/BACKEND/SHAPE`, `wanted`
/// accepts, if the backend's bits are right there.
pub fn each(wanted: &dyn Fn(&str) -> bool, found: &mut dyn FnMut(&str, &str, Prepared)) {
    let backends: Vec<Box<dyn Backend>> = registry::entries()
        .iter()
        .filter_map(registry::Entry::native)
        .collect();
    for set in SETS {
        for timed in sets::timed(set.name, None, 0).unwrap_or_default() {
            let shape = match &timed.place {
                Some(place) if place.set != "elements" => place.name.clone(),
                _ => timed.id.to_string(),
            };
            let names: Vec<String> = backends
                .iter()
                .map(|backend| format!("{}/{shape}", backend.declaration().name))
                .collect();
            if !names
                .iter()
                .any(|name| wanted(&format!("{}/{name}", set.name)))
            {
                continue;
            }
            let Ok(case) = Case::from_id(&timed.id) else {
                continue;
            };
            let mut question = Question::new(case);
            for (backend, name) in backends.iter().zip(&names) {
                if wanted(&format!("{}/{name}", set.name))
                    && let Some(prepared) = prepared(&mut question, backend.as_ref())
                {
                    found(set.name, name, prepared);
                }
            }
        }
    }
}

/// `None` where the backend has no such kernel; says so where its bits are wrong.
fn prepared(question: &mut Question, backend: &dyn Backend) -> Option<Prepared> {
    let declaration = backend.declaration();
    let record = Judge::new().judge(question, backend, declaration.named_profile()?);
    if record.verdict.is_failure() {
        let (name, case) = (declaration.name, &record.case);
        eprintln!("{name} on {case}: {}, no time", record.verdict.word());
    }
    if record.verdict != Verdict::Conforms {
        return None;
    }
    let kernel = prepare(backend, question.problem()).ok()?;
    let mut arena = Arena::new();
    let inputs = &question.problem().inputs;
    arena.lay(inputs, question.outputs(), question.layout(), POISON[0]);
    Some(Prepared {
        arena,
        kernel,
        work: work(question.problem()),
    })
}
