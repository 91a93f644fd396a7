//! How fast backends are on a case: in turn within the same rounds, every output
//! checked, against each other and against what this CPU can do.
//!
//! - [`sets`]: named sets of shapes, and layers of `networks`
//! - [`contest`]: one case, all backends; `floor`: where their kernels run
//! - [`sampling`]: taking samples, in passes; [`clock`]: what times are read from
//! - [`yardstick`]: how fast the machine is meanwhile
//! - [`statistics`]: medians, bootstrap intervals, words
//! - [`roofline`]: the least time that the CPU allows
//! - [`instructions`]: instructions counted under valgrind
//!
//! How it is done, and where it could mislead: METHODOLOGY.md, How speed is measured.

pub mod clock;
pub mod contest;
mod floor;
pub mod instructions;
mod networks;
pub mod roofline;
pub mod sampling;
pub mod sets;
pub mod statistics;
pub mod yardstick;

use std::collections::BTreeSet;
use std::time::Instant;

use qassay_backends::backend::{Backend, Execution};
use qassay_backends::threads;
use qassay_golden::profile::named::NamedProfile;

use crate::case::CaseError;
use crate::host::peaks::Meter;
use crate::record::{Caches, Measurement, Measuring, Peaks, Summary};
use crate::runner::{Origin, Plan, Run};

use contest::{Contest, Terms};
use sampling::Effort;
use sets::Timed;
use yardstick::Yardstick;

/// What is measured, and how.
pub struct Bench {
    /// the backends, in the order of the output; each must run natively
    pub backends: Vec<Box<dyn Backend>>,
    /// how many of them, the last ones, are peers: timed also where their bits are wrong
    pub peers: usize,
    /// the cases
    pub cases: Vec<Timed>,
    /// hold all backends to this profile instead of their own
    pub held_to: Option<&'static NamedProfile>,
    /// threads that kernels may use
    pub threads: usize,
    /// whether operands are in the caches
    pub caches: Caches,
    /// the backend that others are held against; the first if none is named
    pub base: Option<String>,
    /// how long to look
    pub quick: bool,
    /// whether the CPU's peaks are measured too; without them there are no shares
    pub peaks: bool,
    /// the seed that cases were made with
    pub seed: u64,
    /// what goes into the header
    pub origin: Origin,
}

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// nothing to time
    #[error("no cases: {0}")]
    NoCases(String),
    /// no backend
    #[error("no backend to time")]
    NoBackends,
    /// a backend that this CPU cannot run
    #[error(
        "{0} runs on models of its instructions here; that takes no time worth telling (`qassay conform` judges it)"
    )]
    Modelled(String),
    /// a backend whose arithmetic is not known
    #[error("{0} declares no profile; hold it to one with --as")]
    NoProfile(String),
    /// a base that is not among the backends
    #[error("base '{0}' is not among the backends: {1}")]
    Base(String, String),
    /// a number of threads that cannot be had
    #[error("{asked} threads: give 1 to {most}, the CPUs of this machine")]
    Threads {
        /// asked for
        asked: usize,
        /// CPUs
        most: usize,
    },
    /// threads that did not start
    #[error("cannot start threads: {0}")]
    Pool(String),
    /// a case that cannot be made
    #[error(transparent)]
    Case(#[from] CaseError),
}

/// What happens while it runs.
pub enum Event<'a> {
    /// the CPU's peaks are measured
    Peaks,
    /// a case begins a pass
    Begun {
        /// how many did, counted from 0
        done: usize,
        /// of how many: cases times passes
        of: usize,
    },
    /// a case is through its last pass: one per backend
    Measured(&'a [Measurement]),
}

/// Rounds over all schemes before the first case; each case adds one a pass.
const PEAK_ROUNDS: usize = 7;
/// Rounds over all array sizes: quick, and full.
const MEMORY_ROUNDS: [usize; 2] = [1, 3];

impl Bench {
    /// Measures: all cases, then all again, as often as there are passes. Where `stop` asks for
    /// an end, the run holds all cases that were through a pass.
    ///
    /// # Errors
    /// [`BenchError`]; what kernels do is a verdict, not an error.
    pub fn run(
        &self,
        stop: &(dyn Fn() -> bool + Sync),
        event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Run, BenchError> {
        let base = self.check()?;
        let started = Instant::now();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .build()
            .map_err(|error| BenchError::Pool(error.to_string()))?;
        let mut meter = self.peaks.then(|| {
            event(Event::Peaks);
            let mut meter = Meter::default();
            for _ in 0..PEAK_ROUNDS {
                meter.round();
            }
            for _ in 0..MEMORY_ROUNDS[usize::from(!self.quick)] {
                meter.memory_round();
            }
            meter.release();
            meter
        });
        let terms = Terms {
            backends: &self.backends,
            peers: self.peers,
            held_to: self.held_to,
            threads: self.threads,
            caches: self.caches,
            base,
            effort: self.effort(),
            yardstick: Yardstick::default(),
        };
        let mut peaks = Peaks::default();
        let mut contests: Vec<Contest<'_>> = Vec::new();
        let mut measurements = Vec::new();
        let mut interrupted = false;
        let (cases, passes) = (self.cases.len(), terms.effort.passes);
        'passes: for pass in 0..passes {
            for (index, case) in self.cases.iter().enumerate() {
                event(Event::Begun {
                    done: pass * cases + index,
                    of: passes * cases,
                });
                if stop() {
                    interrupted = true;
                    break 'passes;
                }
                if let Some(meter) = &mut meter {
                    meter.round();
                    peaks = meter.peaks();
                }
                // Kernels find the pool that they run in, with as many threads as were asked for.
                let mut one = || {
                    if pass == 0 {
                        match Contest::judge(case, &terms, stop)? {
                            Some(contest) => contests.push(contest),
                            None => return Ok(false),
                        }
                    }
                    contests[index].pass(&terms, stop)
                };
                let through = pool.install(|| threads::with(self.threads, &mut one))?;
                if !through {
                    interrupted = true;
                    break 'passes;
                }
                if pass + 1 == passes {
                    let measured = contests[index].measurements(&terms, &peaks);
                    event(Event::Measured(&measured));
                    measurements.extend(measured);
                }
            }
        }
        // Those that an end was asked for before their last pass.
        let through = |contest: &&Contest<'_>| (1..passes).contains(&contest.passes());
        for contest in contests.iter().filter(through) {
            let measured = contest.measurements(&terms, &peaks);
            event(Event::Measured(&measured));
            measurements.extend(measured);
        }
        self.finish(&mut measurements, &peaks);
        let mut header = Plan {
            seed: self.seed,
            origin: self.origin.clone(),
            ..Plan::default()
        }
        .header();
        header.level = if self.quick { "quick" } else { "full" }.to_owned();
        header.measuring = Some(Measuring {
            threads: self.threads,
            caches: self.caches,
            clock: clock::clock(self.threads).kind(),
            base: Some(base.to_owned()),
            passes,
            sample_ns: terms.effort.sample_ns,
            most_samples: passes * terms.effort.most_rounds,
            peaks,
        });
        let mut summary = summary(&measurements, started.elapsed().as_secs_f64());
        summary.interrupted = interrupted;
        Ok(Run {
            header,
            records: Vec::new(),
            identified: Vec::new(),
            explanations: Vec::new(),
            measurements,
            mutants: Vec::new(),
            summary,
        })
    }

    fn effort(&self) -> Effort {
        let effort = if self.quick {
            Effort::QUICK
        } else {
            Effort::FULL
        };
        match self.caches {
            Caches::Warm => effort,
            // Each run must find the caches without its operands.
            Caches::Cold => Effort {
                most_iterations: 1,
                ..effort
            },
        }
    }

    /// The base's name, if all that was asked for can be done.
    fn check(&self) -> Result<&str, BenchError> {
        if self.cases.is_empty() {
            return Err(BenchError::NoCases("nothing was chosen".into()));
        }
        let names: Vec<&str> = (self.backends.iter())
            .map(|backend| backend.declaration().name)
            .collect();
        let Some(&first) = names.first() else {
            return Err(BenchError::NoBackends);
        };
        for backend in &self.backends {
            let declaration = backend.declaration();
            if backend.execution() == Execution::Modelled {
                return Err(BenchError::Modelled(declaration.name.to_owned()));
            }
            if self.held_to.is_none() && declaration.named_profile().is_none() {
                return Err(BenchError::NoProfile(declaration.name.to_owned()));
            }
        }
        let most = std::thread::available_parallelism().map_or(1, usize::from);
        if !(1..=most).contains(&self.threads) {
            return Err(BenchError::Threads {
                asked: self.threads,
                most,
            });
        }
        match &self.base {
            None => Ok(first),
            Some(base) => names
                .iter()
                .copied()
                .find(|name| name == base)
                .ok_or_else(|| BenchError::Base(base.clone(), names.join(", "))),
        }
    }

    /// Shares again, against the peaks of the whole run.
    fn finish(&self, measurements: &mut [Measurement], peaks: &Peaks) {
        for measurement in measurements {
            let Some(time) = &mut measurement.time else {
                continue;
            };
            if let Some(share) = &time.share {
                let scheme = (peaks.schemes.iter())
                    .map(|peak| &*peak.scheme)
                    .find(|scheme| *scheme == measurement.scheme);
                time.share = roofline::share(
                    &measurement.work,
                    time.median_ns,
                    scheme,
                    peaks,
                    self.threads,
                    self.caches,
                )
                .or_else(|| Some(share.clone()));
            }
        }
    }
}

/// The totals of a bench run.
fn summary(measurements: &[Measurement], seconds: f64) -> Summary {
    let mut summary = Summary {
        seconds,
        ..Summary::default()
    };
    let mut cases = BTreeSet::new();
    for measurement in measurements {
        *summary
            .verdicts
            .entry(measurement.verdict.word().to_owned())
            .or_default() += 1;
        if measurement.verdict.is_judged() {
            summary.judged += 1;
            summary.values += measurement.values;
        }
        cases.insert(&measurement.case);
    }
    summary.cases = cases.len() as u64;
    summary
}

#[cfg(test)]
mod tests;
