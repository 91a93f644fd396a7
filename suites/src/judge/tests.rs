//! A right backend conforms, and each way to be wrong has a verdict and words of
//! its own: here those without a comparison. What kills the process is judged in
//! the tests of whole runs.

use qassay_backends::backend::Precondition;
use qassay_golden::profile::named;

use super::*;
use crate::case::{Case, CaseId};
use crate::planted::{Planted, Run};

mod answers;
mod engines;
mod threads;
mod trespasses;

/// Sums 17, 23, 39, 53; scaled by 1/4: 4.25, 5.75, 9.75, 13.25; codes 4, 6, 10, 13.
const SMALL: &str =
    "linear/m2.n2.k2/u8.s8/per-tensor/scale:x0.5,w0.25,y0.5/given:x=01020304,w=05060708";

fn question(id: &str) -> Question {
    let id: CaseId = id.parse().unwrap_or_else(|e| panic!("{e}"));
    Question::new(Case::from_id(&id).unwrap_or_else(|e| panic!("{e}")))
}

fn named(name: &str) -> &'static NamedProfile {
    named::find(name).unwrap()
}

/// The record of `backend` on a case, held to what it declares.
#[track_caller]
fn judged(id: &str, backend: &Planted) -> Record {
    Judge::new().judge(
        &mut question(id),
        backend,
        backend.declaration().named_profile().unwrap(),
    )
}

fn spoiled(spoil: impl Fn(&mut Run<'_, '_>) + Send + Sync + 'static) -> Planted {
    Planted::right("exact").spoiling(spoil)
}

#[test]
fn a_right_backend_conforms_and_its_record_says_what_was_compared() {
    let record = judged(SMALL, &Planted::right("exact"));
    assert_eq!(record.verdict, Verdict::Conforms, "{}", record.detail);
    assert_eq!((record.values, record.open, record.mismatches), (4, 0, 0));
    assert_eq!((record.first, record.detail.as_str()), (None, ""));
    assert_eq!(record.case, SMALL);
    let who = [
        record.suite,
        record.backend,
        record.isa,
        record.execution,
        record.profile,
    ];
    assert_eq!(
        who,
        ["linear", "planted/right", "scalar", "native", "exact"]
    );
    assert_eq!(
        record.chosen,
        "planted (mr 1, nr 2, kc 3), fall-back: it is a test"
    );
    assert_eq!(record.data_hash.len(), 16);
    assert_eq!(record.events["zero-point-at-end"], 2, "of x and of y");
}

#[test]
fn the_hash_is_of_the_operands() {
    let hash = |id: &str| judged(id, &Planted::right("exact")).data_hash;
    assert_eq!(hash(SMALL), hash(&SMALL.replace("y0.5", "y0.25")));
    assert_ne!(hash(SMALL), hash(&SMALL.replace("x=01", "x=00")));
    assert_ne!(hash(SMALL), hash(&SMALL.replace("w=05", "w=04")));
    assert_ne!(
        hash("relu/d2x3/u8/given:x=010203040506"),
        hash("relu/d3x2/u8/given:x=010203040506")
    );
}

/// Rounding or flushing that a kernel leaves set would change what is computed after it.
#[test]
fn a_changed_control_register_is_a_crash_and_is_put_back() {
    use qassay_backends::float_control;
    let before = float_control::get();
    let towards_zero = if cfg!(target_arch = "x86_64") {
        0x6000
    } else {
        3 << 22
    };
    let record = judged(
        "linear/m3.n5.k8/u8.s8/per-tensor/uniform/seed0",
        &spoiled(move |_| float_control::set(before | towards_zero)),
    );
    assert_eq!(float_control::get(), before);
    assert_eq!(record.verdict, Verdict::Crashed, "{}", record.detail);
    assert!(
        record.detail.contains("control register"),
        "{}",
        record.detail
    );
}

#[test]
fn panics_are_crashes_with_message_and_place() {
    let record = judged(SMALL, &spoiled(|_| panic!("no luck\nat all")));
    assert_eq!(record.verdict, Verdict::Crashed);
    let start = "panicked: no luck; at all at suites/src/judge/tests.rs:";
    assert!(record.detail.starts_with(start), "{}", record.detail);

    let unready = Planted::right("exact").refusing(|_, _| panic!("not ready"));
    let record = judged(SMALL, &unready);
    assert_eq!(record.verdict, Verdict::Crashed);
    let start = "panicked: not ready at suites/src/judge/tests.rs:";
    assert!(record.detail.starts_with(start), "{}", record.detail);
    assert_eq!((record.values, record.chosen.as_str()), (0, ""));

    // The second run alone.
    let late = spoiled(|run| assert_eq!(run.times, 0, "once only"));
    assert_eq!(judged(SMALL, &late).verdict, Verdict::Crashed);
}

#[test]
fn refusals_have_their_verdicts_and_reasons() {
    let refused = |refusal: Refusal| {
        let backend = Planted::right("exact").refusing(move |_, _| Some(refusal.clone()));
        let record = judged(SMALL, &backend);
        assert_eq!((record.values, record.events.len()), (0, 0));
        (record.verdict, record.detail)
    };
    assert_eq!(
        refused(Refusal::Unsupported("no u8".into())),
        (Verdict::Unsupported, "unsupported: no u8".into())
    );
    assert_eq!(
        refused(Refusal::Precondition(Precondition::NoMinWeights)),
        (
            Verdict::PreconditionNotMet,
            "precondition not met: weights must not hold -128".into()
        )
    );
}

#[test]
fn what_a_profile_does_not_define_is_unsupported() {
    // QNNPACK's 31-bit multiplier is below 1.
    let id = "requantize/m1.n1/u8/per-tensor/scale:r2/given:x=00000001";
    let record = judged(id, &Planted::right("qnnpack-q31"));
    assert_eq!(record.verdict, Verdict::Unsupported, "{}", record.detail);
    let start = "profile qnnpack-q31 does not define this: ";
    assert!(record.detail.starts_with(start), "{}", record.detail);
}
