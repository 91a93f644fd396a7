use qassay_suites::bench::sampling::Effort;
use qassay_suites::record::Time;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::*;
use crate::paint::Paint;
use crate::sample;

const THRESHOLD: f64 = 0.03;

fn changed_run(change: impl FnOnce(&mut Run)) -> Run {
    let mut run = sample::run();
    change(&mut run);
    run
}

fn slower(run: &mut Run, factor: f64) {
    let time = run.measurements[0].time.as_mut().unwrap();
    scale(time, factor);
}

fn scale(time: &mut Time, factor: f64) {
    for ns in &mut time.samples_ns {
        *ns *= factor;
    }
    time.median_ns *= factor;
}

#[test]
fn the_same_run_is_equal() {
    let found = compare(&sample::run(), &sample::run(), THRESHOLD).unwrap();
    assert_eq!((found.common, found.gone, found.added), (5, 0, 0));
    assert!(!found.fails(FailOn::Differ), "{found:?}");
    assert_eq!(found.count(Speed::Alike), 4);
    let text = found.render(Paint(false));
    assert!(text.starts_with("all times together: ×1.000 ("), "{text}");
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("equal or inconclusive: 5 judgements"),
        "{text}"
    );
}

#[test]
fn a_slowdown_of_a_tenth_is_found_and_named() {
    let new = changed_run(|run| slower(run, 1.1));
    let found = compare(&sample::run(), &new, THRESHOLD).unwrap();
    assert_eq!(found.count(Speed::Slower), 1);
    let worst = &found.speeds[0];
    assert_eq!(worst.backend, "fbgemm/avx2");
    assert!(worst.interval[0] <= worst.ratio && worst.ratio <= worst.interval[1]);
    assert!((worst.ratio - 1.0 / 1.1).abs() < 1e-6, "{}", worst.ratio);
    assert!(found.fails(FailOn::Regress) && found.fails(FailOn::Differ));
    assert!(found.render(Paint(false)).contains("slower"));
    // The other way round it is faster, which is a difference and no regression.
    let found = compare(&new, &sample::run(), THRESHOLD).unwrap();
    assert_eq!(found.count(Speed::Faster), 1);
    assert!(!found.fails(FailOn::Regress) && found.fails(FailOn::Differ));
    // Within a threshold of 20 % it is none.
    let found = compare(&sample::run(), &new, 0.2).unwrap();
    assert_eq!(found.count(Speed::Alike), 4);
}

#[test]
fn noise_that_hides_a_slowdown_is_inconclusive() {
    let noisy = |factor: f64| {
        changed_run(|run| {
            let time = run.measurements[0].time.as_mut().unwrap();
            let base = time.median_ns * factor;
            time.samples_ns = (0..9)
                .map(|i| base * (0.8 + 0.05 * f64::from((i * 5) % 9)))
                .collect();
        })
    };
    let found = compare(&noisy(1.0), &noisy(1.02), THRESHOLD).unwrap();
    assert_eq!(found.count(Speed::Inconclusive), 1);
    assert!(!found.fails(FailOn::Differ));
}

#[test]
fn a_single_pass_says_nothing() {
    let single = |factor: f64| {
        changed_run(|run| {
            for measurement in &mut run.measurements {
                let time = measurement.time.as_mut().unwrap();
                time.passes = 1;
                scale(time, factor);
            }
        })
    };
    let found = compare(&single(1.0), &single(1.5), THRESHOLD).unwrap();
    assert_eq!(found.count(Speed::Inconclusive), 4);
    assert!(!found.fails(FailOn::Differ));
    assert!((found.speeds[0].ratio - 1.0 / 1.5).abs() < 1e-9);
    let text = found.render(Paint(false));
    assert!(
        text.contains("4 times were taken in a single pass"),
        "{text}"
    );
}

/// How a machine behaves: shares of a time, each the spread of a bell curve.
#[derive(Clone, Copy)]
struct Machine {
    /// from run to run: all cases and the yardstick
    run: f64,
    /// from pass to pass: all cases and the yardstick
    pass: f64,
    /// from pass to pass: one case alone
    case: f64,
    /// from sample to sample
    sample: f64,
}

/// Cases of a synthetic run.
const MANY: usize = 30;

/// A bell curve 1 wide, from twelve even draws.
fn bell(random: &mut ChaCha8Rng) -> f64 {
    let sum: f64 = (0..12)
        .map(|_| f64::from(random.next_u32()) / f64::from(u32::MAX))
        .sum();
    sum - 6.0
}

/// Passes of a synthetic run, as many as a full one has.
const PASSES: usize = Effort::FULL.passes;

/// A run of `MANY` cases in passes of three rounds, case `i` taking `factor(i)` of its time.
fn synthetic(machine: Machine, seed: u64, factor: impl Fn(usize) -> f64) -> Run {
    let random = &mut ChaCha8Rng::seed_from_u64(seed);
    let mut run = sample::run();
    run.records.clear();
    run.measurements = (0..MANY)
        .map(|i| sample::measurement("fbgemm/avx2", &format!("linear/{i}"), 1e4))
        .collect();
    for measurement in &mut run.measurements {
        let time = measurement.time.as_mut().unwrap();
        (time.passes, time.samples_ns, time.yardstick_ns) = (PASSES, Vec::new(), Vec::new());
    }
    let whole = machine.run * bell(random);
    for _ in 0..PASSES {
        let pass = whole + machine.pass * bell(random);
        for (i, measurement) in run.measurements.iter_mut().enumerate() {
            let time = measurement.time.as_mut().unwrap();
            let own = pass + machine.case * bell(random);
            for _ in 0..3 {
                let ns = 1e4 * factor(i) * (own + machine.sample * bell(random)).exp();
                time.samples_ns.push(ns);
                time.yardstick_ns
                    .push(5e3 * (pass + machine.sample * bell(random)).exp());
            }
        }
    }
    run
}

/// Steady within a pass, three hundredths apart from run to run.
const DRIFTING: Machine = Machine {
    run: 0.03,
    pass: 0.01,
    case: 0.004,
    sample: 0.01,
};

#[test]
fn a_machine_that_drifts_makes_no_run_slower_or_faster() {
    let restless = Machine {
        run: 0.05,
        pass: 0.02,
        case: 0.02,
        sample: 0.03,
    };
    let still = Machine {
        run: 0.0,
        pass: 0.002,
        case: 0.002,
        sample: 0.002,
    };
    let mut wrong = 0;
    for machine in [still, DRIFTING, restless] {
        for seed in 0..15 {
            let [base, new] = [seed, seed + 1000].map(|seed| synthetic(machine, seed, |_| 1.0));
            let found = compare(&base, &new, THRESHOLD).unwrap();
            wrong += usize::from(found.fails(FailOn::Differ));
        }
    }
    // One interval in twenty comparisons may miss 1; to be called slower it must miss 0.97.
    assert_eq!(wrong, 0, "of 45 comparisons");
}

#[test]
fn a_tenth_planted_on_one_case_is_found_though_the_machine_drifts() {
    let steady = Machine {
        run: 0.01,
        pass: 0.005,
        sample: 0.005,
        ..DRIFTING
    };
    for seed in 0..15 {
        let base = synthetic(steady, seed, |_| 1.0);
        let new = synthetic(steady, seed + 1000, |i| if i == 7 { 1.12 } else { 1.0 });
        let found = compare(&base, &new, THRESHOLD).unwrap();
        let slower: Vec<&str> = (found.speeds.iter())
            .filter(|change| change.speed == Speed::Slower)
            .map(|change| &*change.case)
            .collect();
        assert_eq!(slower, ["linear/7"], "seed {seed}");
    }
}

#[test]
fn a_tenth_is_found_though_other_work_lengthens_some_passes_and_many_samples() {
    let steady = Machine {
        run: 0.01,
        pass: 0.005,
        sample: 0.005,
        ..DRIFTING
    };
    // One whole pass, and one sample of each other one.
    let disturbed = |mut run: Run, pass: usize| {
        for measurement in &mut run.measurements {
            let time = measurement.time.as_mut().unwrap();
            for (at, ns) in time.samples_ns.iter_mut().enumerate() {
                if at / 3 == pass {
                    *ns *= 1.5;
                } else if at % 3 == 1 {
                    *ns *= 1.2;
                }
            }
        }
        run
    };
    for seed in 0..15 {
        let base = disturbed(synthetic(steady, seed, |_| 1.0), 3);
        let factor = |i| if i == 7 { 1.12 } else { 1.0 };
        let new = disturbed(synthetic(steady, seed + 1000, factor), 8);
        let found = compare(&base, &new, THRESHOLD).unwrap();
        assert_eq!(found.count(Speed::Faster), 0, "seed {seed}");
        let slower: Vec<&str> = (found.speeds.iter())
            .filter(|change| change.speed == Speed::Slower)
            .map(|change| &*change.case)
            .collect();
        assert_eq!(slower, ["linear/7"], "seed {seed}");
    }
}

#[test]
fn a_tenth_planted_on_all_cases_is_found_and_is_not_the_machine() {
    let still = Machine {
        run: 0.005,
        pass: 0.005,
        sample: 0.005,
        ..DRIFTING
    };
    for seed in 0..15 {
        let base = synthetic(still, seed, |_| 1.0);
        let new = synthetic(still, seed + 1000, |_| 1.1);
        let found = compare(&base, &new, THRESHOLD).unwrap();
        let together = found.together.unwrap();
        assert_eq!(together.speed, Speed::Slower, "seed {seed}: {together:?}");
        assert!((together.ratio - 1.0 / 1.1).abs() < 0.03, "{together:?}");
        assert!((together.yardstick.unwrap() - 1.0).abs() < 0.03);
        assert!(found.fails(FailOn::Regress));
        // A machine that is slower by as much is told from that by the yardstick.
        let mut machine = synthetic(still, seed + 2000, |_| 1.1);
        for measurement in &mut machine.measurements {
            let time = measurement.time.as_mut().unwrap();
            time.yardstick_ns.iter_mut().for_each(|ns| *ns *= 1.1);
        }
        let found = compare(&base, &machine, THRESHOLD).unwrap();
        assert!(!found.fails(FailOn::Differ), "seed {seed}");
        assert!(found.together.unwrap().yardstick.unwrap() < 0.95);
    }
}

#[test]
fn a_changed_bit_is_found_with_and_without_a_changed_verdict() {
    let new = changed_run(|run| {
        run.records[1].verdict = Verdict::Differs;
        run.records[1].mismatches = 1;
    });
    let found = compare(&sample::run(), &new, THRESHOLD).unwrap();
    assert_eq!(found.verdicts.len(), 1);
    assert!(found.verdicts[0].is_regression() && found.fails(FailOn::Regress));
    let back = compare(&new, &sample::run(), THRESHOLD).unwrap();
    assert!(!back.fails(FailOn::Regress) && back.fails(FailOn::Differ));
    let new = changed_run(|run| run.records[1].output_hash = Some("f00".into()));
    let found = compare(&sample::run(), &new, THRESHOLD).unwrap();
    assert_eq!((found.bits.len(), found.verdicts.len()), (1, 0));
    assert!(!found.fails(FailOn::Regress) && found.fails(FailOn::Differ));
    assert!(
        found
            .render(Paint(false))
            .contains("other output bits in linear/")
    );
    // A run of an older version without hashes says nothing about bits.
    let old = changed_run(|run| run.records[1].output_hash = None);
    assert!(
        !compare(&old, &new, THRESHOLD)
            .unwrap()
            .fails(FailOn::Differ)
    );
}

#[test]
fn a_case_that_is_no_longer_judged_is_a_regression() {
    let new = changed_run(|run| run.records[1].verdict = Verdict::Unsupported);
    let found = compare(&sample::run(), &new, THRESHOLD).unwrap();
    assert!(found.fails(FailOn::Regress));
}

#[test]
fn unlike_runs_are_refused_and_it_is_said_which_way() {
    let error = |new: &Run| {
        compare(&sample::run(), new, THRESHOLD)
            .unwrap_err()
            .to_string()
    };
    let golden = error(&changed_run(|run| run.header.golden_hash = "other".into()));
    assert!(
        golden.contains("golden sets: b9208fec1166aa51 and other"),
        "{golden}"
    );
    let data = error(&changed_run(|run| {
        run.records[1].data_hash = "other".into()
    }));
    assert!(
        data.contains(sample::CASES[1]) && data.contains("operands"),
        "{data}"
    );
    let times = error(&changed_run(|run| {
        run.measurements[0].data_hash = "other".into()
    }));
    assert!(times.contains(sample::CASES[0]), "{times}");
    let apart = error(&changed_run(|run| {
        run.measurements.clear();
        for record in &mut run.records {
            record.profile = "onednn".into();
        }
    }));
    assert!(apart.contains("in common"), "{apart}");
}

#[test]
fn times_of_different_cpus_are_held_to_their_own_peaks() {
    // Twice as fast a CPU, and times half as long: the same share of the peak.
    let new = changed_run(|run| {
        run.header.cpu.model += 1;
        for measurement in &mut run.measurements {
            let time = measurement.time.as_mut().unwrap();
            time.median_ns /= 2.0;
            time.samples_ns.iter_mut().for_each(|ns| *ns /= 2.0);
        }
    });
    let found = compare(&sample::run(), &new, THRESHOLD).unwrap();
    assert!(found.normalised);
    assert_eq!(found.count(Speed::Alike), 4, "{:?}", found.speeds);
    // Without a share nothing can be said.
    let new = changed_run(|run| {
        run.header.cpu.model += 1;
        for measurement in &mut run.measurements {
            measurement.time.as_mut().unwrap().share = None;
        }
    });
    let found = compare(&sample::run(), &new, THRESHOLD).unwrap();
    assert_eq!((found.speeds.len(), found.untimed), (0, 4));
}

#[test]
fn thresholds_are_percentages() {
    assert_eq!("3%".parse(), Ok(Threshold(0.03)));
    assert_eq!("0.05".parse(), Ok(Threshold(0.05)));
    for wrong in ["", "3", "-1%", "NaN", "100%", "x"] {
        assert!(wrong.parse::<Threshold>().is_err(), "{wrong}");
    }
}
