//! Where nothing may be named: a wrong bit, a conforming case that an axis would break, what is
//! left open, and a search that has no time.

use qassay_golden::tensor::Data;

use super::*;

/// Pairs that saturate, k = 2: exact sums 64770 and -65280.
pub(super) const SATURATING: [&str; 2] = [
    "linear/m1.n1.k2/u8.s8.s32/per-tensor/given:x=ffff,w=7f7f",
    "linear/m1.n1.k2/u8.s8.s32/per-tensor/given:x=ffff,w=8080",
];

#[test]
fn one_wrong_bit_is_explained_by_nothing() {
    let exact = definite();
    for suite in ["linear", "requantize", "quantize"] {
        let mut spoiled = observations(&sample(suite, 24), &exact, &exact);
        let codes_of = |o: &Observation| o.got[0].dtype().code_range().is_some();
        let at = spoiled.iter().rposition(codes_of).unwrap();
        let spoiling = spoiled.remove(at);
        let mut got = spoiling.got[0].data().clone();
        match &mut got {
            Data::U8(codes) => codes[0] ^= 0x10,
            Data::I8(codes) => codes[0] ^= 0x10,
            Data::I32(codes) => codes[0] ^= 0x10,
            other => panic!("{} was chosen, not codes", other.dtype().name()),
        }
        let got = Tensor::new(spoiling.got[0].shape(), got).unwrap();
        spoiled.push(Observation::new(
            spoiling.case,
            spoiling.problem,
            vec![got],
            spoiling.expected,
            Vec::new(),
        ));
        assert_eq!(spoiled.iter().filter(|o| o.differs()).count(), 1);
        let finding = find(spoiled, &exact, &profile("fbgemm"));
        assert_eq!(names(&finding.choices), BTreeSet::new(), "{suite}");
        assert!(finding.identified.is_none(), "{suite}");
        assert_eq!(
            (finding.searched, finding.out_of_time),
            (3, false),
            "{suite}: all was tried"
        );
        assert!(finding.profile(&exact).is_none() && finding.changes(&exact).is_empty());
    }
}

#[test]
fn an_axis_that_breaks_a_conforming_case_is_refused() {
    let (exact, fbgemm) = (profile("exact"), profile("fbgemm"));
    let failing = || observation(SATURATING[0], &fbgemm, &exact).unwrap();
    let conforming = || observation(SATURATING[1], &exact, &exact).unwrap();
    assert!(failing().differs() && !conforming().differs());
    let alone = find(vec![failing()], &exact, &fbgemm);
    assert_eq!(
        names(&alone.choices),
        BTreeSet::from(["accumulate.linear=i16-pairs".to_owned()])
    );
    let both = find(vec![failing(), conforming()], &exact, &fbgemm);
    assert_eq!(names(&both.choices), BTreeSet::new());
    assert!(both.identified.is_none());
    assert!(!both.out_of_time);
}

#[test]
fn leaving_open_explains_nothing() {
    let nan = "quantize/d2/u8/per-tensor/given:x=7fc000003f800000";
    let lowest = changed(
        profile("fbgemm"),
        &[
            ("quantize.pre_clamp", "none"),
            ("quantize.nan", "lowest-code"),
        ],
    );
    let right = observation(nan, &lowest, &lowest).unwrap();
    let spoil = |at: usize| {
        let Data::U8(mut codes) = right.got[0].data().clone() else {
            panic!("codes are u8");
        };
        codes[at] ^= 3;
        let got = vec![Tensor::new([2], Data::U8(codes)).unwrap()];
        let (problem, expected) = (right.problem.clone(), right.expected.clone());
        Observation::new(nan.to_owned(), problem, got, expected, right.open.clone())
    };
    let open = changed(lowest, &[("quantize.nan", "open")]);
    assert_eq!(
        Computed::under(&open, &right.problem).unwrap().open,
        [(0, 0)]
    );
    assert!(
        right.is_explained_by(&open),
        "what is right may be left open"
    );
    assert!(!spoil(0).is_explained_by(&open));
    assert!(!spoil(1).is_explained_by(&open));
    // What the profile held to leaves open may be anything.
    let held = observation(nan, &lowest, &open).unwrap();
    assert!(!held.differs());
    assert!(held.is_explained_by(&lowest) && held.is_explained_by(&profile("exact")));
}

#[test]
fn a_search_without_time_says_so_and_still_names_a_profile() {
    let (exact, fbgemm) = (profile("exact"), profile("fbgemm"));
    let past = Instant::now();
    let pairs = changed(exact, &[("accumulate.linear", "i16-pairs")]);
    let failing = || observation(SATURATING[0], &pairs, &exact).unwrap();
    // A second case that is exact: no named profile explains both.
    let mut both = vec![
        failing(),
        observation(SATURATING[1], &exact, &exact).unwrap(),
    ];
    let finding = Search::new(&mut both, &exact, &exact).run(past);
    assert!(finding.out_of_time && finding.choices.is_empty());
    assert_eq!((finding.searched, finding.identified.is_none()), (0, true));

    let finding = Search::new(&mut [failing()], &exact, &fbgemm).run(past);
    assert!(finding.out_of_time);
    assert_eq!(finding.identified.map(|n| n.name), Some("fbgemm"));
    assert_eq!(
        names(&finding.choices),
        BTreeSet::from(["accumulate.linear=i16-pairs".to_owned()])
    );
}
