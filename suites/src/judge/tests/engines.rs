//! Answers held to what real engines gave, and to several profiles in turn.

use super::*;
use crate::case::EngineOutput;
use crate::planted::{changed, profile};

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
