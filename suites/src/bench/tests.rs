//! Whole bench runs on planted backends: no test looks at how long anything took.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::bench::sets::timed;
use crate::planted::{Planted, declare};
use crate::record::Verdict;

fn bench(backends: Vec<Planted>, shapes: &[&str]) -> Bench {
    Bench {
        backends: backends
            .into_iter()
            .map(|backend| Box::new(backend) as Box<dyn Backend>)
            .collect(),
        peers: 0,
        cases: (shapes.iter())
            .flat_map(|shape| timed(shape, None, 0).unwrap())
            .collect(),
        held_to: None,
        threads: 1,
        caches: Caches::Warm,
        base: None,
        quick: true,
        peaks: false,
        seed: 0,
        origin: Origin::default(),
    }
}

fn run(bench: &Bench) -> Run {
    bench.run(&|| false, &mut |_| {}).unwrap()
}

fn right(name: &'static str) -> Planted {
    Planted::declaring(declare(name, "fbgemm-exact"))
}

#[test]
fn right_backends_have_times_and_a_ratio_against_the_base() {
    let run = run(&bench(
        vec![right("planted/a"), right("planted/b")],
        &["3,5,7"],
    ));
    assert_eq!(run.measurements.len(), 4);
    for measurement in &run.measurements {
        assert_eq!(measurement.verdict, Verdict::Conforms);
        let time = measurement.time.as_ref().unwrap();
        let least = Effort::QUICK.passes * Effort::QUICK.least_rounds;
        assert!(time.samples_ns.len() >= least);
        assert_eq!(time.passes, Effort::QUICK.passes);
        assert!(time.samples_ns.len().is_multiple_of(time.passes));
        assert_eq!(time.yardstick_ns.len(), time.samples_ns.len());
        assert!(time.yardstick_ns.iter().all(|&ns| ns > 0.0));
        assert!(time.interval_ns[0] <= time.median_ns && time.median_ns <= time.interval_ns[1]);
        assert!(measurement.prepare_ns.is_some());
        assert_eq!(measurement.work.macs, 3 * 5 * 7);
        assert_eq!(measurement.inexact, Some(0));
        let is_base = measurement.backend == "planted/a";
        assert_eq!(time.ratio.is_none(), is_base);
        if let Some(ratio) = &time.ratio {
            assert_eq!(ratio.base, "planted/a");
        }
    }
    let [product, sums] = [0, 2].map(|at| &run.measurements[at].work);
    assert_eq!((product.bytes_in, product.bytes_out), (21 + 35 + 4 * 5, 15));
    assert_eq!((sums.bytes_in, sums.bytes_out), (21 + 35, 4 * 15));
    assert_eq!(run.summary.verdicts["conforms"], 4);
    let measuring = run.header.measuring.as_ref().unwrap();
    assert_eq!(measuring.base.as_deref(), Some("planted/a"));
    assert!(run.conforms());
}

#[test]
fn a_wrong_backend_has_a_verdict_and_no_time() {
    let wrong = right("planted/wrong").spoiling(|run| run.outputs[0].codes_mut()[0] ^= 1);
    let mut bench = bench(vec![right("planted/a"), wrong], &["3,5,7"]);
    bench.cases.truncate(1);
    let run = run(&bench);
    let [a, wrong] = &run.measurements[..] else {
        panic!("{:?}", run.measurements)
    };
    assert!(a.time.is_some());
    assert_eq!((wrong.verdict, &wrong.time), (Verdict::Differs, &None));
    assert!(wrong.detail.contains("1 of 15 values"), "{}", wrong.detail);
    assert!(!run.conforms());
}

#[test]
fn a_wrong_peer_has_its_verdict_and_a_time() {
    let wrong = || right("planted/wrong").spoiling(|run| run.outputs[0].codes_mut()[0] ^= 1);
    // The copy that is timed goes wrong in another way.
    let fickle = right("planted/fickle").spoiling(|run| {
        run.outputs[0].codes_mut()[usize::from(run.times >= 4)] ^= 1;
    });
    let mut bench = bench(vec![right("planted/a"), wrong(), fickle], &["3,5,7"]);
    bench.peers = 2;
    bench.cases.truncate(1);
    let run = run(&bench);
    let [a, wrong, fickle] = &run.measurements[..] else {
        panic!("{:?}", run.measurements)
    };
    assert_eq!([a.peer, wrong.peer, fickle.peer], [false, true, true]);
    assert_eq!(wrong.verdict, Verdict::Differs);
    assert!(wrong.detail.contains("1 of 15 values"), "{}", wrong.detail);
    assert!(wrong.time.as_ref().is_some_and(|time| time.ratio.is_some()));
    assert_eq!((fickle.verdict, &fickle.time), (Verdict::Differs, &None));
    assert!(run.conforms(), "peers do not matter for the verdict");
    assert!(a.time.is_some());
}

#[test]
fn a_backend_that_goes_wrong_while_it_is_timed_has_no_time() {
    // Judging runs a kernel twice; the copy that is timed counts from 0.
    let later = right("planted/later").spoiling(|run| {
        if run.times >= 4 {
            run.outputs[0].codes_mut()[2] ^= 0x80;
        }
    });
    let mut bench = bench(vec![later, right("planted/a")], &["3,5,7"]);
    bench.cases.truncate(1);
    let run = run(&bench);
    let [later, a] = &run.measurements[..] else {
        panic!("{:?}", run.measurements)
    };
    assert_eq!((later.verdict, &later.time), (Verdict::Differs, &None));
    assert!(
        later.detail.contains("while it was timed"),
        "{}",
        later.detail
    );
    assert!(a.time.as_ref().is_some_and(|time| time.ratio.is_none()));
}

#[test]
fn a_backend_that_panics_while_it_is_timed_has_no_time() {
    let later = right("planted/later").spoiling(|run| assert!(run.times < 4, "no luck"));
    let run = run(&bench(vec![later], &["3,5,7"]));
    let only = &run.measurements[0];
    assert_eq!((only.verdict, &only.time), (Verdict::Crashed, &None));
    assert!(only.detail.contains("no luck"), "{}", only.detail);
}

#[test]
fn what_saturation_costs_is_counted() {
    let saturating = Planted::declaring(declare("planted/saturating", "fbgemm"));
    let mut bench = bench(vec![saturating, right("planted/a")], &["4,6,256"]);
    bench.cases.remove(0);
    let run = run(&bench);
    let inexact: Vec<_> = run.measurements.iter().map(|m| m.inexact).collect();
    // Full-range data saturates nearly every sum of 256 products.
    assert!(
        inexact[0].is_some_and(|count| (12..=24).contains(&count)),
        "{inexact:?}"
    );
    assert_eq!(inexact[1], Some(0));
}

#[test]
fn held_to_another_profile_a_saturating_backend_is_wrong() {
    let saturating = Planted::declaring(declare("planted/saturating", "fbgemm"));
    let mut bench = bench(vec![saturating], &["4,6,256"]);
    bench.held_to = qassay_golden::profile::named::find("fbgemm-exact");
    let run = run(&bench);
    assert!(
        run.measurements
            .iter()
            .all(|m| m.verdict == Verdict::Differs)
    );
}

/// A run whose end is asked for when the `begun`-th case begins a pass, and how many cases were
/// told to be through.
fn ended(bench: &Bench, begun: usize) -> (Run, usize) {
    let at = AtomicUsize::new(0);
    let mut told = 0;
    let run = bench
        .run(
            &|| at.load(Ordering::Relaxed) >= begun,
            &mut |event| match event {
                Event::Begun { done, .. } => at.store(done, Ordering::Relaxed),
                Event::Measured(_) => told += 1,
                Event::Peaks => {}
            },
        )
        .unwrap();
    (run, told)
}

#[test]
fn an_end_that_is_asked_for_keeps_whole_passes() {
    // Four cases: the end comes in the first pass, and in the second.
    let bench = bench(vec![right("planted/a")], &["3,5,7", "2,2,2"]);
    let passes = |run: &Run| -> Vec<usize> {
        (run.measurements.iter())
            .map(|m| m.time.as_ref().unwrap().passes)
            .collect()
    };
    let (run, told) = ended(&bench, 2);
    assert!(run.summary.interrupted);
    assert_eq!((passes(&run), told), (vec![1, 1], 2));
    let (later, told) = ended(&bench, 6);
    assert!(later.summary.interrupted);
    assert_eq!((passes(&later), told), (vec![2, 2, 1, 1], 4));
    let (whole, told) = ended(&bench, usize::MAX);
    assert!(!whole.summary.interrupted);
    assert_eq!((passes(&whole), told), (vec![Effort::QUICK.passes; 4], 4));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    run.write(&path).unwrap();
    assert_eq!(Run::read(&path).unwrap(), run);
}

#[test]
fn what_cannot_be_done_is_told() {
    let told = |change: &dyn Fn(&mut Bench)| {
        let mut bench = bench(vec![right("planted/a")], &["3,5,7"]);
        change(&mut bench);
        bench.run(&|| false, &mut |_| {}).unwrap_err().to_string()
    };
    assert!(told(&|bench| bench.cases.clear()).starts_with("no cases"));
    assert!(told(&|bench| bench.backends.clear()).contains("no backend"));
    assert!(told(&|bench| bench.threads = 0).contains("0 threads"));
    assert!(told(&|bench| bench.threads = 100_000).contains("100000 threads"));
    assert!(told(&|bench| bench.base = Some("x/y".into())).contains("'x/y'"));
    let entries = qassay_backends::registry::entries();
    let modelled = told(&|bench| bench.backends = vec![entries[1].modelled()]);
    assert!(modelled.contains("models"), "{modelled}");
}

#[test]
fn cold_caches_are_timed_run_by_run() {
    let mut bench = bench(vec![right("planted/a")], &["3,5,7"]);
    bench.caches = Caches::Cold;
    bench.cases.truncate(1);
    let run = run(&bench);
    let time = run.measurements[0].time.as_ref().unwrap();
    assert_eq!(time.iterations, 1);
    assert_eq!(run.measurements[0].caches, Caches::Cold);
}
