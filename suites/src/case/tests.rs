//! Ids: one canonical form, positions of errors, refusal of the absurd.

use proptest::prelude::*;
use qassay_golden::spec::OpSpec;

use super::*;
use crate::suite::{Level, suites};

fn parse(id: &str) -> CaseId {
    id.parse().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn canonical_ids_are_printed_as_they_are_read() {
    for id in [
        "linear/m7.n13.k17/u8.s8/per-channel/saturating/seed3",
        "linear/m7.n13.k17/u8.s8.f32/per-tensor/zp:x3,w-2/scale:x0.5,w0.25/bias:f32/in:gap3,off1,start/ties/seed0",
        "linear/m1.n1.k2/u8.s8/per-tensor/given:x=ffff,w=7f7f",
        "conv/b1.i9x8.c4.o6.k3x2.s2x1.p1.e0x1.d2.g2/s8.s8/per-tensor/relu/uniform/seed7",
        "quantize/d16777216/u8/per-tensor/zp:y3/scale:y0.5/block17",
        "quantize/d2x3/s8/per-channel:1/range:-64,63/zp:yvary/corners/seed1",
        "observe-histogram/d5/batches:3/growth/seed2",
        "clamp/d3x5/s8/range:-20,20/uniform/seed0",
        "sigmoid/d256/u8/zp:x128/scale:x0.05/every/seed0",
        "tanh/d4/s8/given:x=80ff007f",
        "captured/ppocr-det/conv2d/001_QLinearConv",
    ] {
        assert_eq!(parse(id).to_string(), id);
    }
}

#[test]
fn other_spellings_become_the_canonical_one() {
    assert_eq!(
        parse("conv/k3x3.p1x1.s1x1.g1.b1.i9x8.c4.o6/u8.s8.u8/seed0/uniform/zp:x0").to_string(),
        "conv/b1.i9x8.c4.o6.k3x3.p1/u8.s8/per-tensor/uniform/seed0"
    );
}

#[test]
fn errors_name_the_position() {
    for (id, at, expected) in [
        ("lineer/m1", 0, "an op ("),
        (
            "linear/m7.n13.kx/u8.s8/uniform/seed0",
            15,
            "a number after k",
        ),
        (
            "linear/m7.n13.k1y/u8.s8/uniform/seed0",
            16,
            "a digit of a number after k",
        ),
        ("linear/m7.n13/u8.s8/uniform/seed0", 13, "'k' in the shape"),
        (
            "linear/m7.n13.k17/u8/uniform/seed0",
            18,
            "types of activations and weights",
        ),
        ("linear/m7.n13.k17/u8.u8/uniform/seed0", 21, "a type (s8)"),
        ("linear/m7.n13.k17/u8.s8/unform/seed0", 24, "an option"),
        ("linear/m7.n13.k17/u8.s8/uniform", 31, "a seed"),
        ("linear/m7.n13.k17/u8.s8/seed1", 29, "a data class"),
        (
            "linear/m7.n13.k17/u8.s8/zp:q3/uniform/seed0",
            27,
            "the zero point of one of x, w, y",
        ),
        (
            "linear/m7.n13.k17/u8.s8/uniform/uniform/seed0",
            32,
            "one part with the data",
        ),
        (
            "linear/m1.n1.k2/u8.s8/given:x=fg,w=00",
            31,
            "a hexadecimal digit",
        ),
        ("relu/d5/u8/relu/uniform/seed0", 11, "no relu"),
        ("captured/a//b", 11, "a captured layer"),
        ("", 0, "an op ("),
    ] {
        match id.parse::<CaseId>() {
            Err(CaseError::Malformed {
                position,
                expected: got,
                ..
            }) => {
                assert_eq!(position, at, "{id}: {got}");
                assert!(got.starts_with(expected), "{id}: {got}");
            }
            other => panic!("{id}: {other:?}"),
        }
    }
}

#[test]
fn absurd_cases_are_refused_before_allocation() {
    for id in [
        "linear/m268435456.n268435456.k268435456/u8.s8/uniform/seed0",
        "quantize/d100000x100000x100/u8/uniform/seed0",
        "conv/b1.i100000x100000.c1000.o1000.k3x3/u8.s8/uniform/seed0",
        "observe-min-max/d1000000/batches:1000000/uniform/seed0",
        "quantize/d33554432/u8/block0",
    ] {
        match Case::from_id(&parse(id)) {
            Err(CaseError::Invalid { .. }) => {}
            other => panic!("{id}: {:?}", other.map(|_| ())),
        }
    }
}

#[test]
fn given_operands_are_the_operands() {
    let case = Case::from_id(&parse(
        "linear/m1.n1.k2/u8.s8/per-tensor/given:x=ff80,w=7f80",
    ))
    .unwrap();
    assert_eq!(case.problem().inputs[0].data().code(0), 255);
    assert_eq!(case.problem().inputs[0].data().code(1), 128);
    let weights = case.problem().constants.weights.as_ref().unwrap();
    assert_eq!(weights.data().code(0), 127);
    assert_eq!(weights.data().code(1), -128);
}

/// Operands of every smoke case have the shapes and types that the spec lists.
#[test]
fn sums_and_reals_aim_at_no_clamp_and_no_tie() {
    let aim = |id: &str| match parse(id) {
        CaseId::Made(made) => made.aim().iter().map(|event| event.key()).collect(),
        CaseId::Captured(_) => vec!["captured"],
    };
    let full = aim("linear/m1.n1.k4/u8.s8/per-tensor/full-range/seed0");
    assert_eq!(full, ["clamped-low", "clamped-high"]);
    for output in ["s32", "f32"] {
        for class in ["full-range", "ties"] {
            let id = format!("linear/m1.n1.k4/u8.s8.{output}/per-tensor/{class}/seed0");
            assert_eq!(aim(&id), Vec::<&str>::new(), "{id}");
        }
    }
    let saturating = aim("linear/m1.n1.k4/u8.s8.s32/per-tensor/saturating/seed0");
    assert_eq!(saturating, ["pair-saturated"], "which sums do reach");
}

#[test]
fn operands_fit_the_spec() {
    for suite in suites() {
        for id in suite.cases(Level::Smoke, 0) {
            let case = Case::from_id(&id).unwrap_or_else(|e| panic!("{e}"));
            let problem = case.problem();
            let got: Vec<_> = problem
                .inputs
                .iter()
                .map(|t| (t.shape().to_vec(), t.dtype()))
                .collect();
            assert_eq!(got, problem.op.inputs(), "{id}");
            if let OpSpec::Linear(spec) = &problem.op {
                let weights = problem.constants.weights.as_ref().unwrap();
                assert_eq!(weights.shape(), [spec.n, spec.k], "{id}");
            }
        }
    }
}

/// Fewer rows, columns or k keep the operands of what remains.
#[test]
fn smaller_shapes_keep_their_data() {
    let big = Case::from_id(&parse("linear/m5.n6.k9/u8.s8/per-tensor/uniform/seed4")).unwrap();
    let small = Case::from_id(&parse(
        "linear/m2.n3.k4/u8.s8/per-tensor/skip:3,2/uniform/seed4",
    ))
    .unwrap();
    let (x, y) = (&big.problem().inputs[0], &small.problem().inputs[0]);
    let (w, v) = (
        big.problem().constants.weights.as_ref().unwrap(),
        small.problem().constants.weights.as_ref().unwrap(),
    );
    for k in 0..4 {
        assert_eq!(x.data().code(4 * 9 + k), y.data().code(4 + k));
        assert_eq!(w.data().code(4 * 9 + k), v.data().code(2 * 4 + k));
    }
}

/// A shrinker that keeps whatever a property holds of must end, and end small.
#[test]
fn shrinking_a_saturating_pair_ends_with_two_products() {
    fn saturates(id: &CaseId) -> bool {
        let case = Case::from_id(id).unwrap();
        let OpSpec::Linear(spec) = &case.problem().op else {
            return false;
        };
        let (x, w) = (
            case.problem().inputs[0].data(),
            case.problem().constants.weights.as_ref().unwrap().data(),
        );
        (0..spec.m).any(|m| {
            (0..spec.n).any(|n| {
                (0..spec.k / 2).any(|pair| {
                    let at = |k: usize| x.code(m * spec.k + k) * w.code(n * spec.k + k);
                    at(2 * pair) + at(2 * pair + 1) > 32767
                })
            })
        })
    }
    let mut id = parse(
        "linear/m9.n23.k57/u8.s8/per-channel/zp:x3,wvary,y128/bias:f32/relu/in:gap3/saturating/seed5",
    );
    assert!(saturates(&id));
    let mut steps = 0;
    while let Some(next) = id.smaller().find(saturates) {
        id = next;
        steps += 1;
        assert!(steps < 500, "does not end: {id}");
    }
    let case = Case::from_id(&id).unwrap();
    let OpSpec::Linear(spec) = &case.problem().op else {
        panic!("{id}")
    };
    assert_eq!((spec.m, spec.n, spec.k), (1, 1, 2), "{id}");
    assert_eq!(parse(&id.to_string()), id);
}

/// A given case has the operands of the case it was written out from.
#[test]
fn writing_out_keeps_the_problem() {
    for id in [
        "linear/m3.n5.k7/u8.s8/per-channel/zp:x3,wvary,y128/bias:f32/saturating/seed5",
        "conv/b1.i5x4.c3.o4.k3x2.p1/u8.s8/per-channel/zp:x9/bias:s32/uniform/seed1",
        "quantize/d3x7/s8/per-channel:1/zp:yvary/corners/seed0",
        "requantize/m3.n4/u8/per-channel/zp:y7/relu/full-range/seed0",
        "add/d9/u8/zp:a3,b4,y5/uniform/seed0",
        "observe-min-max/d7/batches:2/uniform/seed0",
        "dequantize/d5/s32/zp:x5/full-range/seed0",
        "avg-pool/b1.i5x5.c3.k3x3/u8/uniform/seed0",
    ] {
        let id = parse(id);
        let given = id
            .smaller()
            .find(|c| c.data_class() == "given")
            .unwrap_or_else(|| panic!("{id} is small enough to be written out"));
        let (made, given) = (Case::from_id(&id).unwrap(), Case::from_id(&given).unwrap());
        let bytes = |case: &Case| -> Vec<Vec<u8>> {
            let problem = case.problem();
            problem
                .inputs
                .iter()
                .chain(&problem.constants.weights)
                .chain(&problem.constants.bias)
                .map(|t| t.data().to_le_bytes())
                .collect()
        };
        assert_eq!(made.problem().op, given.problem().op, "{id}");
        assert_eq!(bytes(&made), bytes(&given), "{id}");
        assert_eq!(parse(&given.id().to_string()), *given.id());
    }
}

/// The window of a captured output gives that output.
#[test]
fn windows_of_captured_layers_keep_outputs() {
    use qassay_golden::ops::reference;
    use qassay_golden::profile::named;
    use qassay_golden::witness::Witness;

    let profile = named::find("fbgemm").unwrap().profile;
    let outputs = |case: &Case| {
        reference(case.problem(), &profile, &mut Witness::default()).unwrap()[0]
            .data()
            .to_le_bytes()
    };
    for suffix in [
        "ppocr-cls-onnxruntime/conv2d/001_QLinearConv+torch",
        "digits-cnn-torch/eager_fbgemm/tensors+dw",
        "minilm-l6-torch/linear/layer0_output_dense_rr0",
    ] {
        let id = parse(&format!("captured/models/{suffix}"));
        let layer = Case::from_id(&id).unwrap();
        let all = outputs(&layer);
        let channels = layer.problem().op.outputs()[0].0.last().copied().unwrap();
        let windows: Vec<_> = id.smaller().collect();
        assert!(windows.len() > 20, "{id}: {} windows", windows.len());
        for window in windows {
            assert_eq!(parse(&window.to_string()), window);
            let got = outputs(&Case::from_id(&window).unwrap());
            let found = all.chunks(channels).any(|row| {
                // Kept channels lie side by side, in one group or in two.
                row.windows(got.len()).any(|part| part == got)
            });
            assert!(found, "{window} is no output of {id}");
        }
    }
}

proptest! {
    #[test]
    fn any_string_is_read_or_refused(text in ".{0,80}") {
        let _ = text.parse::<CaseId>().map(|id| id.to_string());
    }

    #[test]
    fn strings_like_ids_are_read_or_refused(
        text in "(linear|conv|quantize|observe-histogram|add|requantize|relu|avg-pool|captured|mul|dequantize|linear-dynamic)/[mnkbicospedg0-9x.]{1,24}(/(u8|s8.s8|u8.s8|per-channel(:[0-9])?|zp:[xwyab][0-9_,-]{1,5}|scale:[xwyr][0-9.e-]{1,5}|relu|bias:f32|given:[xw]=[0-9a-f]{0,8}|ties|block[0-9]{1,3}|corners|uniform|seed[0-9]{1,3}|range:[0-9]{1,2},[0-9]{1,2}|skip:1,2|in:gap[0-9],start)){0,6}",
    ) {
        if let Ok(id) = text.parse::<CaseId>() {
            let again: CaseId = id.to_string().parse().unwrap();
            prop_assert_eq!(&again, &id);
            // Building huge but allowed cases is slow; the check is what must not panic.
            if let CaseId::Made(made) = &id
                && check::check(made).is_ok()
                && text.len() < 60
                && !text.contains("block")
            {
                let _ = Case::from_id(&id);
            }
        }
    }
}
