//! Answers that are compared: wrong bits, bits that are not written or not the same twice, and
//! what may differ and conforms.

use qassay_backends::backend::{Chosen, Kernel};

use super::*;
use crate::record::Mismatch;

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
