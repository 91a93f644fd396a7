//! A right backend conforms, and each way to be wrong has a verdict and words of
//! its own. What kills the process is judged in the tests of whole runs.

use qassay_backends::backend::{Chosen, Kernel, Precondition};
use qassay_golden::profile::named;

use super::*;
use crate::case::{Case, CaseId, EngineOutput};
use crate::planted::{Planted, Run, changed, profile};
use crate::record::Mismatch;

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

#[test]
fn one_wrong_bit_is_told_with_its_place_sum_and_scaled_value() {
    let record = judged(SMALL, &spoiled(|run| run.flip(0, 2, 1)));
    assert_eq!(record.verdict, Verdict::Differs);
    assert_eq!((record.values, record.mismatches), (4, 1));
    assert_eq!(
        record.first,
        Some(Mismatch {
            output: 0,
            index: vec![1, 0],
            accumulator: Some(39),
            scaled: Some(9.75),
            expected: "10".into(),
            got: "11".into(),
        })
    );
    assert_eq!(record.detail, "");
}

#[test]
fn the_first_of_several_wrong_elements_is_shown() {
    let record = judged(
        SMALL,
        &spoiled(|run| (1..4).for_each(|at| run.flip(0, at, 0x80))),
    );
    assert_eq!(record.mismatches, 3);
    let first = record.first.unwrap();
    assert_eq!((first.index, first.accumulator), (vec![0, 1], Some(23)));
    assert_eq!((first.expected.as_str(), first.got.as_str()), ("6", "134"));
}

/// The second output of choose-qparams has no sums: index and values alone.
#[test]
fn a_wrong_second_output_is_named_without_a_sum() {
    let id = "choose-qparams/d3/u8/given:x=0000000000000000437f0000";
    assert_eq!(
        judged(id, &Planted::right("exact")).verdict,
        Verdict::Conforms
    );
    let record = judged(id, &spoiled(|run| run.flip(1, 0, 4)));
    assert_eq!((record.verdict, record.values), (Verdict::Differs, 2));
    let first = record.first.unwrap();
    assert_eq!((first.output, first.index), (1, vec![0]));
    assert_eq!((first.accumulator, first.scaled), (None, None));
    assert_eq!((first.expected.as_str(), first.got.as_str()), ("0", "4"));
}

/// What lay there before the kernel ran is what it "gives" where it does not write.
#[test]
fn an_element_that_is_never_written_shows_the_poison() {
    let unwritten = |at: usize| spoiled(move |run| run.unwrite(0, at));
    let record = judged(SMALL, &unwritten(3));
    assert_eq!(record.verdict, Verdict::Differs);
    assert_eq!(record.first.unwrap().got, POISON[0].to_string());

    // A code that is the first poison by chance: the second run tells.
    let lucky = "linear/m1.n2.k1/u8.s8/per-tensor/given:x=a5,w=0001";
    let record = judged(lucky, &unwritten(1));
    assert_eq!(record.verdict, Verdict::Differs);
    assert_eq!(
        record.detail,
        "gave other bits when it ran again on the same operands"
    );
    let first = record.first.unwrap();
    assert_eq!(
        (first.index, first.got),
        (vec![0, 1], POISON[1].to_string())
    );
}

/// The poison is really what lies in outputs and gaps when a kernel starts.
#[test]
fn outputs_are_poisoned_before_each_run() {
    let id = SMALL.replace("/given", "/out:gap2,off3/given");
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    struct Looks(std::sync::Arc<std::sync::Mutex<Vec<Vec<u8>>>>, Chosen);
    impl Kernel for Looks {
        fn run(
            &mut self,
            _: &[qassay_backends::view::View<'_>],
            outputs: &mut [qassay_backends::view::ViewMut<'_>],
        ) {
            self.0.lock().unwrap().push(outputs[0].u8_mut().to_vec());
        }
        fn chosen(&self) -> &Chosen {
            &self.1
        }
    }
    let chosen = Chosen {
        micro_kernel: String::new(),
        tile: None,
        fallback: None,
    };
    let mut kernel = Looks(seen.clone(), chosen);
    let (mut judge, question) = (Judge::new(), question(&id));
    for poison in POISON {
        judge.lay_and_run(&question, &mut kernel, poison).unwrap();
    }
    // Two rows of 2 with a gap of 2 between them.
    let expected: Vec<Vec<u8>> = POISON.iter().map(|&poison| vec![poison; 6]).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(POISON[0] ^ POISON[1], 0xff, "they differ in every bit");
}

#[test]
fn another_answer_the_second_time_differs() {
    let record = judged(
        SMALL,
        &spoiled(|run| run.flip(0, 1, u8::from(run.times == 1))),
    );
    assert_eq!((record.verdict, record.mismatches), (Verdict::Differs, 1));
    assert_eq!(
        record.detail,
        "gave other bits when it ran again on the same operands"
    );
    let first = record.first.unwrap();
    assert_eq!((first.index, first.accumulator), (vec![0, 1], Some(23)));
    assert_eq!((first.expected.as_str(), first.got.as_str()), ("6", "7"));
}

/// Writes one code of the first output `after` a while, as a thread that outlives the run does.
#[cfg(target_os = "linux")]
fn writes_late(run: &mut Run<'_, '_>, after: std::time::Duration) {
    let place = run.output_start(0) as usize;
    std::thread::spawn(move || {
        std::thread::sleep(after);
        let place = std::ptr::with_exposed_provenance_mut::<u8>(place);
        // SAFETY: the buffer of the judge, which the test keeps; nobody else writes it meanwhile.
        unsafe { place.write_volatile(place.read_volatile() ^ 1) };
        // Still there when the judge looks.
        std::thread::sleep(std::time::Duration::from_millis(20));
    });
}

/// Right answers twice, and a thread of the second run that spoils its answer afterwards.
#[cfg(target_os = "linux")]
#[test]
fn a_thread_that_writes_after_the_run_returned_is_found() {
    use std::time::Duration;
    let mut judge = Judge::new();
    let mut judged = |backend: &Planted| {
        let mut question = question("linear/m3.n5.k8/u8.s8/per-tensor/uniform/seed0");
        judge.judge(&mut question, backend, named("exact"))
    };
    let late = spoiled(|run| {
        if run.times == 1 {
            writes_late(run, Duration::from_millis(1));
        }
    });
    let late = late.foreign();
    // Threads are counted, and other tests end some meanwhile: then it goes unseen.
    let found = (0..20).map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        judged(&late)
    });
    let record = { found }
        .find(|record| record.verdict == Verdict::Differs)
        .expect("one of twenty is seen");
    assert_eq!(
        record.detail,
        "a thread that the kernel started wrote after it had returned"
    );
    // What it gave before was compared.
    assert_eq!((record.values, record.mismatches), (15, 0));
    // Threads that rest are right.
    let rests = spoiled(|_| {
        std::thread::spawn(|| std::thread::sleep(Duration::from_millis(30)));
    });
    let record = judged(&rests.foreign());
    assert_eq!(record.verdict, Verdict::Conforms, "{}", record.detail);
    std::thread::sleep(Duration::from_millis(40));
}

/// What a thread has not yet written when the run returns was not written.
#[test]
fn a_run_that_returns_before_its_outputs_are_written_differs() {
    let early = spoiled(|run| {
        let right = run.outputs[0].u8_mut()[0];
        run.unwrite(0, 0);
        let place = run.output_start(0) as usize;
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(100));
            let place = std::ptr::with_exposed_provenance_mut::<u8>(place);
            // SAFETY: the buffer of the judge, which this test keeps longer than this thread.
            unsafe { place.write_volatile(right) };
        });
    });
    let mut judge = Judge::new();
    let mut question = question("linear/m3.n5.k8/u8.s8/per-tensor/uniform/seed0");
    let record = judge.judge(&mut question, &early, named("exact"));
    assert_eq!(record.verdict, Verdict::Differs, "{}", record.detail);
    assert_eq!(record.first.unwrap().index, [0, 0]);
    std::thread::sleep(std::time::Duration::from_millis(300));
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

/// SMALL with room on both sides of every operand, and between rows.
fn roomy(place: &str) -> String {
    SMALL.replace(
        "/given",
        &format!("/in:gap3,off5{place}/out:gap2,off7{place}/given"),
    )
}

#[test]
fn writing_anywhere_but_over_outputs_is_told_with_its_place() {
    // Two rows of 2 with a gap of 2: 6 bytes from the first to the last value.
    for (offset, place) in [
        (6, "1 byte past the end of output 0"),
        (12, "7 bytes past the end of output 0"),
        (-1, "1 byte before the start of output 0"),
        (-5, "5 bytes before the start of output 0"),
        (2, "1 byte past the end of row 0 of output 0"),
        (3, "2 bytes past the end of row 0 of output 0"),
    ] {
        for side in ["", ",start"] {
            let id = roomy(side);
            assert_eq!(
                judged(&id, &Planted::right("exact")).verdict,
                Verdict::Conforms,
                "{id}"
            );
            let record = judged(&id, &spoiled(move |run| run.flip(0, offset, 1)));
            assert_eq!(record.verdict, Verdict::WroteOutside, "{id} {offset}");
            assert_eq!(record.detail, format!("wrote {place}"), "{id}");
        }
    }
}

#[test]
fn the_nearest_of_several_trespasses_is_told() {
    let record = judged(
        &roomy(",start"),
        &spoiled(|run| [-6, -2, -4].iter().for_each(|&at| run.flip(0, at, 1))),
    );
    assert_eq!(record.detail, "wrote 2 bytes before the start of output 0");
    let record = judged(
        &roomy(""),
        &spoiled(|run| [9, 7].iter().for_each(|&at| run.flip(0, at, 1))),
    );
    assert_eq!(record.detail, "wrote 2 bytes past the end of output 0");
}

#[test]
fn changing_an_input_is_told() {
    let changing = |at: usize| {
        spoiled(move |run| {
            let (start, _) = run.input_bytes(0);
            let at = start.cast_mut().wrapping_add(at);
            // SAFETY: the input lies in a buffer that the arena may write; no other code runs.
            unsafe { at.write_volatile(at.read_volatile() ^ 1) };
        })
    };
    // Rows of 2 with a gap of 3: the fifth byte is in the gap, the sixth in the second row.
    for (at, place) in [
        (1, "over the values in row 0 of input 0"),
        (3, "2 bytes past the end of row 0 of input 0"),
        (5, "over the values in row 1 of input 0"),
        (7, "1 byte past the end of input 0"),
    ] {
        let record = judged(&roomy(""), &changing(at));
        assert_eq!(record.verdict, Verdict::WroteOutside, "{at}");
        assert_eq!(record.detail, format!("wrote {place}"));
    }
}

/// NaN is open under `exact` and defined under `fbgemm`.
#[test]
fn an_element_that_the_profile_leaves_open_may_be_anything_but_must_be_written() {
    let id = "quantize/d3/u8/per-tensor/given:x=3f8000007fc0000040000000";
    let other = |run: &mut Run<'_, '_>| run.flip(0, 1, 0x55);
    let record = judged(id, &spoiled(other));
    assert_eq!(record.verdict, Verdict::Conforms, "{}", record.detail);
    assert_eq!((record.values, record.open), (2, 1));

    let record = judged(id, &Planted::right("fbgemm").spoiling(other));
    assert_eq!((record.verdict, record.values), (Verdict::Differs, 3));
    assert_eq!(record.first.unwrap().index, [1]);

    let unsteady = spoiled(|run| run.flip(0, 1, run.times as u8));
    let record = judged(id, &unsteady);
    assert_eq!(
        record.verdict,
        Verdict::Differs,
        "what is open is not random"
    );

    let beside = spoiled(|run| run.flip(0, 2, 1));
    assert_eq!(judged(id, &beside).first.unwrap().index, [2]);
}

#[test]
fn any_nan_is_that_nan_and_no_zero_is_the_other() {
    let nan = "linear-weight-only/m1.n2.k1/per-tensor/given:x=7fc00000,w=0102";
    let payload = spoiled(|run| {
        run.flip(0, 0, 0x2a);
        run.flip(0, 3, 0x80);
    });
    let record = judged(nan, &payload);
    assert_eq!(
        (record.verdict, record.values),
        (Verdict::Conforms, 2),
        "{:?}",
        record.first
    );
    let zero = nan.replace("7fc00000", "00000000");
    let record = judged(&zero, &spoiled(|run| run.flip(0, 3, 0x80)));
    assert_eq!(record.verdict, Verdict::Differs);
    let first = record.first.unwrap();
    assert_eq!(first.expected, "0.0 (0x00000000)");
    assert_eq!(first.got, "-0.0 (0x80000000)");
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

/// The question of SMALL with what two engines gave.
fn captured(engines: &[(&str, &'static str, [u8; 4])]) -> Question {
    let small = question(SMALL);
    let engines = engines
        .iter()
        .map(|&(engine, profile, codes)| EngineOutput {
            engine: engine.to_owned(),
            profile,
            outputs: vec![
                Tensor::new([2, 2], qassay_golden::tensor::Data::U8(codes.to_vec())).unwrap(),
            ],
        });
    let engines = engines.collect();
    let layout = small.layout;
    Question::of(
        "captured/x/y".into(),
        "captured".into(),
        small.problem,
        layout,
        engines,
    )
}

#[test]
fn a_backend_must_give_the_bits_of_the_real_engine_of_its_profile() {
    let right = Planted::right("fbgemm");
    let mut judge = Judge::new();
    let held = named("fbgemm");
    let agreeing = [("torch fbgemm", "fbgemm", [4, 6, 10, 13])];
    let record = judge.judge(&mut captured(&agreeing), &right, held);
    assert_eq!(record.verdict, Verdict::Conforms);

    let odd = [
        ("torch onednn", "onednn-jit-avx2", [9, 9, 9, 9]),
        ("torch fbgemm", "fbgemm", [4, 6, 10, 12]),
    ];
    let record = judge.judge(&mut captured(&odd), &right, held);
    assert_eq!((record.verdict, record.mismatches), (Verdict::Differs, 1));
    assert_eq!(
        record.detail,
        "gave other bits than the real engine, torch fbgemm"
    );
    let first = record.first.unwrap();
    assert_eq!((first.index, first.accumulator), (vec![1, 1], Some(53)));
    assert_eq!((first.expected.as_str(), first.got.as_str()), ("12", "13"));

    // Held to another profile than its own, the engine's bits say nothing.
    let record = judge.judge(&mut captured(&odd), &right, named("exact"));
    assert_eq!(record.verdict, Verdict::Conforms);
    assert_eq!(record.profile, "exact");
}

#[test]
fn one_reference_serves_all_backends_and_each_profile_has_its_own() {
    let saturating = "linear/m1.n1.k2/u8.s8.s32/per-tensor/given:x=ffff,w=7f7f";
    let (mut judge, mut question) = (Judge::new(), question(saturating));
    let pairs = Planted::right("exact").computing(changed(
        profile("exact"),
        &[("accumulate.linear", "i16-pairs")],
    ));
    let record = judge.judge(&mut question, &pairs, named("fbgemm"));
    assert_eq!(record.verdict, Verdict::Conforms);
    let record = judge.judge(&mut question, &pairs, named("exact"));
    assert_eq!(record.verdict, Verdict::Differs);
    let first = record.first.unwrap();
    assert_eq!(
        (first.expected.as_str(), first.got.as_str()),
        ("64770", "32767")
    );
    assert_eq!(question.references.len(), 2);
}

/// What the op does not read of a profile is no reason to ask again.
#[test]
fn one_reference_serves_profiles_that_the_op_cannot_tell_apart() {
    let mut judge = Judge::new();
    let mut question = question("requantize/m2.n9/u8/per-tensor/zp:y3/uniform/seed0");
    for (name, references) in [("fbgemm", 1), ("fbgemm-acc16", 1), ("onednn", 2)] {
        let right = Planted::right(name);
        let record = judge.judge(&mut question, &right, named(name));
        assert_eq!(record.verdict, Verdict::Conforms, "{}", record.detail);
        assert_eq!(question.references.len(), references, "{name}");
    }
}

/// Inputs that stand as they were laid are not laid again; what was spoiled is.
#[test]
fn a_kernel_that_spoils_its_inputs_spoils_them_for_no_other() {
    let (mut judge, mut question) = (Judge::new(), question(SMALL));
    let right = Planted::right("exact");
    let spoils = spoiled(|run| {
        let start = run.input_bytes(0).0.cast_mut();
        // SAFETY: the input lies in a buffer that the arena may write; no other code runs.
        unsafe { start.write_volatile(start.read_volatile() ^ 1) };
    });
    for (backend, verdict) in [
        (&right, Verdict::Conforms),
        (&spoils, Verdict::WroteOutside),
        (&right, Verdict::Conforms),
        (&right, Verdict::Conforms),
    ] {
        let record = judge.judge(&mut question, backend, named("exact"));
        assert_eq!(record.verdict, verdict, "{}", record.detail);
    }
}

/// A whole block runs once, and its poison changes from block to block; kernels of others, and
/// smaller cases, run twice.
#[test]
fn whole_blocks_run_once() {
    use std::sync::Mutex;
    let runs = |id: &str, foreign: bool| {
        let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
        let counted = seen.clone();
        let backend = spoiled(move |run| counted.lock().unwrap().push(run.found(0)[0]));
        let backend = if foreign { backend.foreign() } else { backend };
        let record = Judge::new().judge(&mut question(id), &backend, named("exact"));
        assert_eq!(record.verdict, Verdict::Conforms, "{}", record.detail);
        seen.lock().unwrap().clone()
    };
    let whole = |block: u8| format!("quantize/d16777216/u8/per-tensor/zp:y113/block{block}");
    assert_eq!(runs(&whole(62), false), [POISON[0]]);
    assert_eq!(runs(&whole(63), false), [POISON[1]]);
    assert_eq!(runs(&whole(63), true), POISON);
    assert_eq!(runs("quantize/d99/u8/per-tensor/block63", false), POISON);
}
