//! Times of two runs against each other: case by case, and all together.

use std::collections::HashMap;

use qassay_suites::record::Measurement;
use qassay_suites::runner::Run;

use super::drift::{self, Difference, Pair, Passes};
use super::{Comparison, Unlike, VerdictChange, same_data};

/// What a ratio's interval allows to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Speed {
    /// slower by more than the threshold
    Slower,
    /// faster by more than the threshold
    Faster,
    /// within the threshold
    Alike,
    /// the interval is too wide to say
    Inconclusive,
}

impl Speed {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Slower => "slower",
            Self::Faster => "faster",
            Self::Alike => "alike",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// Of the interval of new speed ÷ base speed.
    fn of([low, high]: [f64; 2], threshold: f64) -> Self {
        let [least, most] = [1.0 / (1.0 + threshold), 1.0 + threshold];
        if high < least {
            Self::Slower
        } else if low > most {
            Self::Faster
        } else if low >= least && high <= most {
            Self::Alike
        } else {
            Self::Inconclusive
        }
    }
}

/// A timed case on a backend in both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeedChange {
    /// the backend
    pub backend: String,
    /// the case
    pub case: String,
    /// threads
    pub threads: usize,
    /// warm or cold
    pub caches: &'static str,
    /// new speed ÷ base speed: below 1 is slower
    pub ratio: f64,
    /// that holds the ratio of the times as they are and of the times ÷ the yardstick's; all
    /// intervals of a comparison hold at once, with 95 %
    pub interval: [f64; 2],
    /// what it allows to say
    pub speed: Speed,
    /// samples of one of both were unstable
    pub unstable: bool,
    /// passes of the base and of the new run: with one, nothing can be said
    pub passes: [usize; 2],
}

/// All timed cases together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Together {
    /// mean (geometric) of new speed ÷ base speed
    pub ratio: f64,
    /// as of a single case
    pub interval: [f64; 2],
    /// what it allows to say
    pub speed: Speed,
    /// new speed ÷ base speed of the yardstick, a fixed piece of work: what the machine did
    pub yardstick: Option<f64>,
}

type TimeKey<'a> = (&'a str, &'a str, &'a str, usize, &'static str);

fn time_key(measurement: &Measurement) -> TimeKey<'_> {
    (
        &measurement.backend,
        &measurement.profile,
        &measurement.case,
        measurement.threads,
        measurement.caches.word(),
    )
}

impl Comparison {
    /// Compares times; gives how many were in common.
    pub(super) fn times(&mut self, base: &Run, new: &Run) -> Result<u64, Unlike> {
        let mut before: HashMap<TimeKey<'_>, &Measurement> =
            base.measurements.iter().map(|m| (time_key(m), m)).collect();
        let mut common = 0;
        let mut timed = Vec::new();
        for measurement in &new.measurements {
            let Some(old) = before.remove(&time_key(measurement)) else {
                self.untimed += 1;
                continue;
            };
            common += 1;
            same_data(&measurement.case, &old.data_hash, &measurement.data_hash)?;
            if old.verdict != measurement.verdict {
                self.verdicts.push(VerdictChange {
                    backend: measurement.backend.clone(),
                    profile: measurement.profile.clone(),
                    case: measurement.case.clone(),
                    base: old.verdict,
                    new: measurement.verdict,
                    detail: measurement.detail.clone(),
                });
            }
            match pair(old, measurement, self.normalised) {
                Some(pair) => timed.push((old, measurement, pair)),
                None => self.untimed += 1,
            }
        }
        self.untimed += before.len() as u64;
        self.speeds(timed);
        Ok(common)
    }

    /// Says what can be said of each timed case, and of all together.
    fn speeds(&mut self, timed: Vec<(&Measurement, &Measurement, Pair)>) {
        let pairs: Vec<Pair> = timed.iter().map(|(_, _, pair)| pair.clone()).collect();
        let (each, together) = drift::find(&pairs);
        self.together = together.map(|found| {
            let all = drift::together(&pairs);
            let yardstick = Difference::between(&all.base.yardstick, &all.new.yardstick);
            Together {
                ratio: found.ratio,
                interval: found.interval,
                speed: Speed::of(found.interval, self.threshold),
                yardstick: yardstick.map(|difference| difference.value.exp()),
            }
        });
        self.speeds = timed
            .iter()
            .zip(each)
            .map(|((old, new, pair), found)| SpeedChange {
                backend: new.backend.clone(),
                case: new.case.clone(),
                threads: new.threads,
                caches: new.caches.word(),
                ratio: found.ratio,
                interval: found.interval,
                speed: Speed::of(found.interval, self.threshold),
                unstable: [old, new]
                    .into_iter()
                    .any(|m| m.time.as_ref().is_some_and(|time| time.unstable)),
                passes: [pair.base.time.len(), pair.new.time.len()],
            })
            .collect();
    }
}

/// The times of a case in both runs; shares of the peak where CPUs differ. `None` where one is
/// missing.
fn pair(old: &Measurement, new: &Measurement, normalised: bool) -> Option<Pair> {
    let (before, after) = (old.time.as_ref()?, new.time.as_ref()?);
    let mut pair = Pair {
        base: Passes::of(before),
        new: Passes::of(after),
    };
    if normalised {
        // Time ÷ least time of its own CPU, instead of time. The yardstick is part of what differs.
        for (run, time) in [(&mut pair.base, before), (&mut pair.new, after)] {
            let least = time.share.as_ref()?.share * time.median_ns;
            for value in &mut run.time {
                *value -= least.ln();
            }
            (run.held, run.yardstick) = (Vec::new(), Vec::new());
        }
    }
    Some(pair)
}
