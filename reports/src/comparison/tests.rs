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
    assert!(
        found
            .render(Paint(false))
            .starts_with("equal or inconclusive: 5 judgements")
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
