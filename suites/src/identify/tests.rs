//! Planted implementations, and the engines that are captured.

use super::*;
use crate::case::Case;
use qassay_golden::captures::UNKNOWN_PROFILE;
use qassay_golden::profile::named;
use qassay_golden::tensor::Data;

const CASES: [&str; 6] = [
    "requantize/m9.n17/u8/per-channel/zp:y3/ties/seed1",
    "requantize/m9.n17/u8/per-tensor/zp:y4/ties/seed2",
    "requantize/m7.n30/s8/per-channel/zp:y-7/uniform/seed3",
    "requantize/m7.n30/u8/per-tensor/zp:y255/full-range/seed4",
    "requantize/m5.n40/u8/per-tensor/zp:y100/corners/seed5",
    "requantize/m20.n40/s8/per-tensor/zp:y1/ties/seed6",
];

/// What an implementation of `profile` gives for the cases, spoiled by `spoil`.
fn captured(profile: &Profile, spoil: impl Fn(&mut Tensor)) -> Vec<Solved> {
    let solve = |id: &&str| {
        let case = Case::from_id(&id.parse().unwrap()).unwrap();
        let mut witness = Witness::default();
        let mut outputs = reference(case.problem(), profile, &mut witness).unwrap();
        spoil(&mut outputs[0]);
        Solved {
            system: "mine".into(),
            version: "1".into(),
            name: (*id).to_owned(),
            op: "requantize".into(),
            problem: case.problem().clone(),
            outputs: vec![EngineOutput {
                engine: "fast".into(),
                profile: UNKNOWN_PROFILE,
                expected: outputs.into_iter().enumerate().collect(),
                known: None,
            }],
        }
    };
    CASES.iter().map(solve).collect()
}

fn found(solved: &[Solved]) -> Finding {
    let vectors: Vec<Vector<'_>> = solved
        .iter()
        .map(|solved| Vector {
            solved,
            output: &solved.outputs[0],
        })
        .collect();
    find(&vectors.iter().collect::<Vec<_>>())
}

#[test]
fn a_named_profile_is_found_without_being_told() {
    for name in ["onednn", "onnx-reference", "fbgemm"] {
        let profile = named::find(name).unwrap().profile;
        match found(&captured(&profile, |_| {})) {
            Finding::Named(names) => {
                assert!(names.contains(&name), "{name}: {names:?}");
                assert!(names.len() < PROFILES.len(), "{name}: told from nothing");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn another_choice_on_one_axis_is_named() {
    let base = named::find("onednn").unwrap().profile;
    let rounding = Profile::axes()
        .find(|axis| axis.to_string() == "requantize.rounding")
        .unwrap();
    let planted = base.with(rounding, "ties-away").unwrap();
    match found(&captured(&planted, |_| {})) {
        Finding::Changed(_, changes) => {
            assert_eq!(changes.len(), 1, "{changes:?}");
            assert_eq!(changes[0].axis, "requantize.rounding");
            assert_eq!(changes[0].actual, "ties-away");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_ways_in_one_op_are_told_apart() {
    let [a, b] = ["onnx-reference", "fbgemm"].map(|name| named::find(name).unwrap().profile);
    let mut mixed = captured(&a, |_| {});
    mixed.truncate(4);
    mixed.extend(captured(&b, |_| {}).into_iter().skip(4));
    match found(&mixed) {
        Finding::Split(shares) => {
            assert_eq!(shares.len(), 2, "{shares:?}");
            assert_eq!(shares.iter().map(|share| share.vectors).sum::<u64>(), 6);
            assert!(shares[0].vectors >= shares[1].vectors, "{shares:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_fault_is_nobodys_arithmetic_and_its_first_value_is_shown() {
    let profile = named::find("exact").unwrap().profile;
    let spoil = |tensor: &mut Tensor| {
        let shape = tensor.shape().to_vec();
        let mut data = tensor.data().clone();
        match &mut data {
            Data::U8(codes) => codes[3] ^= 0x10,
            Data::I8(codes) => codes[3] ^= 0x10,
            other => panic!("{}", other.dtype().name()),
        }
        *tensor = Tensor::new(shape, data).unwrap();
    };
    match found(&captured(&profile, spoil)) {
        Finding::Nobody(nearest) => {
            assert_eq!(nearest.mismatches, CASES.len() as u64, "{nearest:?}");
            assert_eq!(nearest.vector, CASES[0]);
            assert_eq!(nearest.first.index, [0, 3]);
            assert_ne!(nearest.first.expected, nearest.first.got);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn captured_engines_are_named() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/captures/torch-2.15");
    let engines = identify(&captures).unwrap();
    for (engine, profile) in [("fbgemm", "fbgemm"), ("onednn", "onednn-jit-avx2")] {
        let found = engines.iter().find(|e| e.engine == engine).unwrap();
        assert!(found.ops.len() > 3, "{found:?}");
        for op in ["linear", "conv2d", "linear_dynamic"] {
            let op = found.ops.iter().find(|found| found.op == op).unwrap();
            match &op.finding {
                Finding::Named(names) => assert!(names.contains(&profile), "{op:?}"),
                other => panic!("{engine}: {other:?}"),
            }
        }
        assert!(found.is_identified());
    }
}
