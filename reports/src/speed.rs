//! Times as a report shows them: each measurement with its set of shapes, and
//! its speed against the fastest backend on the same case.

use std::collections::HashMap;

use qassay_suites::bench::statistics;
use qassay_suites::record::{Measurement, Time};

use crate::survey::Survey;

/// One measurement in its place.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// which of the survey's CPUs
    pub cpu: usize,
    /// which of the survey's runs
    pub run: usize,
    /// the set of shapes, or the suite
    pub set: String,
    /// what it is in the set, or the case without its suite
    pub name: String,
    /// the measurement
    pub measurement: &'a Measurement,
    /// its speed against the fastest in the same run, on the same case; none without a time
    pub to_best: Option<ToBest<'a>>,
}

/// Speed against the fastest backend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToBest<'a> {
    /// the fastest backend
    pub base: &'a str,
    /// median of its time ÷ own time: 1 for the fastest itself, less for others
    pub ratio: f64,
    /// 95 % bootstrap interval
    pub interval: [f64; 2],
}

/// Speed against the fastest, over the rounds that both have; `None` without any.
fn against(fastest: &Time, own: &Time) -> Option<(f64, [f64; 2])> {
    let rounds = fastest.samples_ns.len().min(own.samples_ns.len());
    (rounds > 0).then(|| {
        statistics::ratio(
            &fastest.samples_ns[..rounds],
            &own.samples_ns[..rounds],
            own.passes,
        )
    })
}

/// Every measurement, in the order of the runs.
pub fn rows<'a>(survey: &Survey<'a>) -> Vec<Row<'a>> {
    type Key<'a> = (usize, &'a str, usize, &'static str);
    let key =
        |run: usize, m: &'a Measurement| -> Key<'a> { (run, &m.case, m.threads, m.caches.word()) };
    let mut best: HashMap<Key<'a>, (&'a str, &'a Time)> = HashMap::new();
    for &(_, run, measurement) in &survey.measurements {
        if let Some(time) = &measurement.time {
            let fastest = best
                .entry(key(run, measurement))
                .or_insert((&measurement.backend, time));
            if time.median_ns < fastest.1.median_ns {
                *fastest = (&measurement.backend, time);
            }
        }
    }
    let row = |&(cpu, run, measurement): &(usize, usize, &'a Measurement)| {
        let to_best = measurement.time.as_ref().and_then(|time| {
            let &(base, fastest) = best.get(&key(run, measurement))?;
            let (ratio, interval) = against(fastest, time)?;
            Some(ToBest {
                base,
                ratio,
                interval,
            })
        });
        let short = measurement
            .case
            .split_once('/')
            .map_or(&*measurement.case, |(_, rest)| rest);
        let (set, name) = match &measurement.place {
            Some(place) => (place.set.clone(), place.name.clone()),
            None => (measurement.suite.clone(), short.to_owned()),
        };
        Row {
            cpu,
            run,
            set,
            name,
            measurement,
            to_best,
        }
    };
    survey.measurements.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Input, Source};
    use crate::sample;

    #[test]
    fn speed_is_against_the_fastest_of_the_same_case() {
        let input = Input {
            runs: vec![Source {
                files: vec!["run.jsonl".into()],
                run: sample::run(),
            }],
            notes: Vec::new(),
        };
        let survey = Survey::new(&input);
        let rows = rows(&survey);
        assert_eq!(rows.len(), 4);
        let best = rows[1].to_best.unwrap();
        assert_eq!(best.base, "fbgemm/avx2");
        assert!((best.ratio - 0.5).abs() < 0.01, "{best:?}");
        assert!(best.interval[0] <= best.ratio && best.ratio <= best.interval[1]);
        assert_eq!(rows[0].to_best.unwrap().ratio, 1.0);
        assert_eq!(rows[0].set, "gemm");
    }
}
