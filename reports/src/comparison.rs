//! Two runs against each other: verdicts that changed, bits that changed, and
//! speeds whose ratio the passes of both can tell.
//!
//! Runs are compared only where they ask the same: the same golden set, and for
//! each common case the same operands. Times of the same CPU are compared as
//! they are; of different CPUs, the shares of each CPU's own measured peak.

mod drift;
mod speeds;
mod student;
mod text;

use std::collections::HashMap;
use std::fmt;

use qassay_suites::record::{Record, Verdict};
use qassay_suites::runner::Run;

pub use speeds::{Speed, SpeedChange, Together};

/// Why two runs say nothing about each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlike {
    /// what is right is not the same in both
    #[error(
        "the runs stand on different golden sets: {base} and {new}; run both with the same reference"
    )]
    Golden {
        /// of the base
        base: String,
        /// of the new run
        new: String,
    },
    /// a case has other operands
    #[error(
        "case {case} has other operands: data hash {base} and {new}; run both with the same version and seed"
    )]
    Data {
        /// the first such case
        case: String,
        /// of the base
        base: String,
        /// of the new run
        new: String,
    },
    /// nothing in common
    #[error("the runs have no case on the same backend under the same profile in common")]
    Apart,
}

/// A case on a backend whose verdict changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictChange {
    /// the backend
    pub backend: String,
    /// the profile
    pub profile: String,
    /// the case
    pub case: String,
    /// before
    pub base: Verdict,
    /// after
    pub new: Verdict,
    /// more about it
    pub detail: String,
}

impl VerdictChange {
    /// Whether it was no failure and is one, or was compared and is not any more.
    pub fn is_regression(&self) -> bool {
        (self.new.is_failure() && !self.base.is_failure())
            || (self.base == Verdict::Conforms && !self.new.is_judged())
    }
}

/// A case on a backend whose output bits changed while the verdict did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BitChange {
    /// the backend
    pub backend: String,
    /// the case
    pub case: String,
    /// wrong values before
    pub base: u64,
    /// wrong values after
    pub new: u64,
}

/// The comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// cases on backends that both judged
    pub common: u64,
    /// only in the base
    pub gone: u64,
    /// only in the new run
    pub added: u64,
    /// changed verdicts
    pub verdicts: Vec<VerdictChange>,
    /// changed bits under an unchanged verdict
    pub bits: Vec<BitChange>,
    /// common times, the slowest first
    pub speeds: Vec<SpeedChange>,
    /// all common times together, where there are several
    pub together: Option<Together>,
    /// times that only one has, or that cannot be compared
    pub untimed: u64,
    /// whether shares of the peak were compared, of different CPUs
    pub normalised: bool,
    /// the threshold, such as 0.03
    pub threshold: f64,
}

/// What makes a comparison fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// a verdict that got worse, or a speed that is slower
    Regress,
    /// any change of a verdict or of bits, or a speed that is slower or faster
    Differ,
}

impl Comparison {
    /// Whether it fails.
    pub fn fails(&self, on: FailOn) -> bool {
        let worse =
            self.verdicts.iter().any(VerdictChange::is_regression) || self.any(Speed::Slower);
        match on {
            FailOn::Regress => worse,
            FailOn::Differ => {
                worse
                    || !self.verdicts.is_empty()
                    || !self.bits.is_empty()
                    || self.any(Speed::Faster)
            }
        }
    }

    /// Whether this can be said of a case, or of all together.
    pub fn any(&self, speed: Speed) -> bool {
        self.count(speed) > 0 || self.together.is_some_and(|all| all.speed == speed)
    }

    /// How many speeds allow to say this.
    pub fn count(&self, speed: Speed) -> usize {
        self.speeds
            .iter()
            .filter(|change| change.speed == speed)
            .count()
    }
}

type RecordKey<'a> = (&'a str, &'a str, &'a str);
fn record_key(record: &Record) -> RecordKey<'_> {
    (&record.backend, &record.profile, &record.case)
}

/// Compares `new` with `base`. Speeds within `threshold` (a share) of each other are alike.
///
/// # Errors
/// When they ask different things, and which.
pub fn compare(base: &Run, new: &Run, threshold: f64) -> Result<Comparison, Unlike> {
    let [golden_base, golden_new] = [base, new].map(|run| run.header.golden_hash.clone());
    if golden_base != golden_new {
        return Err(Unlike::Golden {
            base: golden_base,
            new: golden_new,
        });
    }
    let mut found = Comparison {
        common: 0,
        gone: 0,
        added: 0,
        verdicts: Vec::new(),
        bits: Vec::new(),
        speeds: Vec::new(),
        together: None,
        untimed: 0,
        normalised: base.header.cpu != new.header.cpu,
        threshold,
    };
    let records = found.records(base, new)?;
    let times = found.times(base, new)?;
    if records + times == 0 {
        return Err(Unlike::Apart);
    }
    found.speeds.sort_by(|a, b| a.ratio.total_cmp(&b.ratio));
    Ok(found)
}

/// The same operands, or not known.
fn same_data(case: &str, base: &str, new: &str) -> Result<(), Unlike> {
    if base == new || base.is_empty() || new.is_empty() {
        return Ok(());
    }
    Err(Unlike::Data {
        case: case.to_owned(),
        base: base.to_owned(),
        new: new.to_owned(),
    })
}

impl Comparison {
    /// Compares verdicts and bits; gives how many were in common.
    fn records(&mut self, base: &Run, new: &Run) -> Result<u64, Unlike> {
        let mut before: HashMap<RecordKey<'_>, &Record> = base
            .records
            .iter()
            .map(|record| (record_key(record), record))
            .collect();
        for record in &new.records {
            let Some(old) = before.remove(&record_key(record)) else {
                self.added += 1;
                continue;
            };
            same_data(&record.case, &old.data_hash, &record.data_hash)?;
            self.common += 1;
            if old.verdict != record.verdict {
                self.verdicts.push(VerdictChange {
                    backend: record.backend.clone(),
                    profile: record.profile.clone(),
                    case: record.case.clone(),
                    base: old.verdict,
                    new: record.verdict,
                    detail: detail(record),
                });
            } else if changed(old.output_hash.as_deref(), record.output_hash.as_deref())
                || old.mismatches != record.mismatches
            {
                self.bits.push(BitChange {
                    backend: record.backend.clone(),
                    case: record.case.clone(),
                    base: old.mismatches,
                    new: record.mismatches,
                });
            }
        }
        self.gone = before.len() as u64;
        // Regressions first.
        self.verdicts.sort_by_key(|change| !change.is_regression());
        Ok(self.common)
    }
}

fn changed(old: Option<&str>, new: Option<&str>) -> bool {
    matches!((old, new), (Some(old), Some(new)) if old != new)
}

/// What the new record says of its verdict.
fn detail(record: &Record) -> String {
    match &record.first {
        Some(first) => crate::explanation::mismatch(first),
        None => record.detail.clone(),
    }
}

/// A threshold such as `3%` or `0.03`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold(pub f64);

/// A word that is no threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no threshold: give a percentage of at least 0 and less than 100, such as 3%")]
pub struct NoThreshold(String);

impl std::str::FromStr for Threshold {
    type Err = NoThreshold;

    fn from_str(text: &str) -> Result<Self, NoThreshold> {
        let share = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
            None => text.trim().parse::<f64>(),
        };
        match share {
            Ok(share) if (0.0..1.0).contains(&share) => Ok(Self(share)),
            _ => Err(NoThreshold(text.to_owned())),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0 * 100.0)
    }
}

#[cfg(test)]
mod tests;
