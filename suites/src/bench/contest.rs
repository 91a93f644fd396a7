//! One case, all backends: judged once, then sampled in several passes, in turn,
//! every sample's output checked.
//!
//! Between passes other cases are measured. Each pass makes the operands and
//! prepares the kernels anew, so that they come to lie elsewhere in memory: that
//! is among what differs from run to run.

use std::time::Instant;

use qassay_backends::backend::{Backend, Kernel};
use qassay_golden::profile::Profile;
use qassay_golden::profile::named::NamedProfile;
use qassay_golden::spec::Problem;
use qassay_golden::tensor::Tensor;

use super::clock::{Clock, clock};
use super::floor::{Floor, LONG, Ready};
use super::roofline;
use super::sampling::{Effort, Samples, Sampling};
use super::sets::Timed;
use super::statistics::{compared, interval, median, ratio, unstable};
use super::yardstick::Yardstick;
use crate::case::{Case, CaseError};
use crate::compare::differences;
use crate::count;
use crate::judge::{Answers, Judge, Question, prepare};
use crate::record::{Caches, Measurement, Peaks, Ratio, Record, Time, Verdict, Work};

/// What holds for all cases.
pub struct Terms<'a> {
    /// the backends
    pub backends: &'a [Box<dyn Backend>],
    /// how many of them, the last ones, are peers: timed also where their bits are wrong
    pub peers: usize,
    /// hold all to this profile instead of their own
    pub held_to: Option<&'static NamedProfile>,
    /// threads that kernels may use: the pool that this runs in
    pub threads: usize,
    /// whether operands are in the caches
    pub caches: Caches,
    /// the backend that others are held against
    pub base: &'a str,
    /// how long to look
    pub effort: Effort,
    /// what is timed beside the kernels
    pub yardstick: Yardstick,
}

/// One case on all backends.
pub struct Contest<'a> {
    case: &'a Timed,
    answers: Answers,
    /// one for each backend, without its time
    measurements: Vec<Measurement>,
    entrants: Vec<Entrant>,
    sampling: Option<Sampling>,
}

/// A backend that gave the right bits, or a peer.
struct Entrant {
    /// which backend
    backend: usize,
    held_to: &'static NamedProfile,
    /// what a peer gave whose bits are wrong: it has to give the same each time
    own: Option<Vec<Tensor>>,
    prepare_ns: Vec<f64>,
    /// whether it panicked while it was timed
    crashed: bool,
}

/// How often preparing is timed in the first pass, unless it takes long.
const PREPARATIONS: usize = 3;

impl<'a> Contest<'a> {
    /// Judges the case on all backends; nothing is timed yet. `None` where `stop` asked for an
    /// end.
    ///
    /// # Errors
    /// When the case cannot be made.
    pub fn judge(
        case: &'a Timed,
        terms: &Terms<'_>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Self>, CaseError> {
        let mut question = Question::new(Case::from_id(&case.id)?);
        let work = work(question.problem());
        let mut judge = Judge::new();
        let (mut measurements, mut entrants) = (Vec::new(), Vec::new());
        for (index, backend) in terms.backends.iter().enumerate() {
            if stop() {
                return Ok(None);
            }
            let held_to = terms.profile(backend.as_ref());
            let record = judge.judge(&mut question, backend.as_ref(), held_to);
            let (mut inexact, mut own) = (None, None);
            if record.verdict == Verdict::Conforms {
                inexact = count_inexact(&mut question, &held_to.profile);
            } else if record.verdict == Verdict::Differs && terms.is_peer(index) {
                own = judge.answer(&question, backend.as_ref()).ok();
            }
            if record.verdict == Verdict::Conforms || own.is_some() {
                entrants.push(Entrant {
                    backend: index,
                    held_to,
                    own,
                    prepare_ns: Vec::new(),
                    crashed: false,
                });
            }
            let mut blank = terms.blank(record, backend.as_ref(), &question, work, inexact);
            blank.peer = terms.is_peer(index);
            blank.place.clone_from(&case.place);
            measurements.push(blank);
        }
        Ok(Some(Self {
            case,
            answers: question.into_answers(),
            measurements,
            entrants,
            sampling: None,
        }))
    }

    /// One pass. False where `stop` asked for an end before it was through.
    ///
    /// # Errors
    /// When the case cannot be made.
    pub fn pass(
        &mut self,
        terms: &Terms<'_>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, CaseError> {
        let case = Case::from_id(&self.case.id)?;
        let question = Question::answered(case, std::mem::take(&mut self.answers));
        let through = self.pass_of(&question, terms, stop);
        self.answers = question.into_answers();
        Ok(through)
    }

    fn pass_of(
        &mut self,
        question: &Question,
        terms: &Terms<'_>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> bool {
        let mut clock = clock(terms.threads);
        let first = self.sampling.is_none();
        let (mut ready, mut failed) = (Vec::new(), Vec::new());
        for (which, entrant) in self.entrants.iter_mut().enumerate() {
            if stop() {
                return false;
            }
            let out = |sampling: &Sampling| sampling.taken()[which].is_err();
            if self.sampling.as_ref().is_some_and(out) {
                ready.push(None);
                continue;
            }
            let times = if first { PREPARATIONS } else { 1 };
            let backend = terms.backends[entrant.backend].as_ref();
            match entrant.prepare(backend, question.problem(), clock.as_mut(), times) {
                Ok(kernel) => ready.push(Some(Ready {
                    kernel,
                    held_to: entrant.held_to,
                    own: entrant.own.clone(),
                })),
                Err(why) => {
                    entrant.crashed = true;
                    failed.push((which, why));
                    ready.push(None);
                }
            }
        }
        let mut floor = Floor::new(question, ready, &terms.yardstick, terms.caches);
        if first {
            self.sampling = Sampling::begin(&mut floor, clock.as_mut(), &terms.effort, &|| stop());
        }
        let Some(sampling) = &mut self.sampling else {
            return false;
        };
        for (which, why) in failed {
            sampling.exclude(which, why);
        }
        let through = sampling.pass(&mut floor, clock.as_mut(), &|| stop());
        for (entrant, crashed) in self.entrants.iter_mut().zip(&floor.crashed) {
            entrant.crashed |= crashed;
        }
        through
    }

    /// Passes that are through.
    pub fn passes(&self) -> usize {
        self.sampling.as_ref().map_or(0, Sampling::passes)
    }

    /// What was measured so far, one for each backend.
    pub fn measurements(&self, terms: &Terms<'_>, peaks: &Peaks) -> Vec<Measurement> {
        let mut measurements = self.measurements.clone();
        let Some(sampling) = &self.sampling else {
            return measurements;
        };
        let samples = |which: usize| sampling.taken()[which].as_ref().ok();
        let base = (self.entrants.iter().enumerate())
            .find(|(_, entrant)| measurements[entrant.backend].backend == terms.base)
            .and_then(|(which, _)| samples(which));
        let seen = Seen {
            base,
            yardstick: samples(self.entrants.len()),
            passes: sampling.passes(),
            peaks,
        };
        for (entrant, taken) in self.entrants.iter().zip(sampling.taken()) {
            let measurement = &mut measurements[entrant.backend];
            match taken {
                Ok(samples) if sampling.passes() > 0 => {
                    measurement.prepare_ns = Some(median(&entrant.prepare_ns));
                    measurement.time = Some(terms.time(samples, &seen, measurement));
                }
                Ok(_) => {}
                Err(wrong) => {
                    measurement.verdict = if entrant.crashed {
                        Verdict::Crashed
                    } else {
                        Verdict::Differs
                    };
                    measurement.detail.clone_from(wrong);
                }
            }
        }
        measurements
    }
}

impl Entrant {
    /// A kernel; how long making it takes is noted.
    fn prepare(
        &mut self,
        backend: &dyn Backend,
        problem: &Problem,
        clock: &mut dyn Clock,
        times: usize,
    ) -> Result<Box<dyn Kernel>, String> {
        let mut taken = 0;
        loop {
            let (began, start) = (Instant::now(), clock.now_ns());
            let kernel = prepare(backend, problem).map_err(|none| none.to_string())?;
            let ns = clock.now_ns().saturating_sub(start) as f64;
            self.prepare_ns.push(ns);
            taken += 1;
            if taken == times || began.elapsed() > LONG {
                return Ok(kernel);
            }
        }
    }
}

/// What a time is held against.
struct Seen<'a> {
    base: Option<&'a Samples>,
    yardstick: Option<&'a Samples>,
    passes: usize,
    peaks: &'a Peaks,
}

impl Terms<'_> {
    fn is_peer(&self, backend: usize) -> bool {
        backend + self.peers >= self.backends.len()
    }

    /// The profile that a backend is held to; that it has one was checked before.
    fn profile(&self, backend: &dyn Backend) -> &'static NamedProfile {
        (self.held_to)
            .or_else(|| backend.declaration().named_profile())
            .expect("backends without a profile are refused")
    }

    /// A measurement without a time.
    fn blank(
        &self,
        record: Record,
        backend: &dyn Backend,
        question: &Question,
        work: Work,
        inexact: Option<u64>,
    ) -> Measurement {
        let held_to = self.profile(backend);
        let scheme = roofline::scheme(
            backend.declaration(),
            &held_to.profile,
            &question.problem().op,
            &record.chosen,
        );
        let detail = match (&record.first, record.detail.is_empty()) {
            (Some(first), true) => format!(
                "{} of {} values; output{:?}: expected {}, got {}",
                record.mismatches, record.values, first.index, first.expected, first.got
            ),
            _ => record.detail,
        };
        Measurement {
            case: record.case,
            suite: record.suite,
            place: None,
            backend: record.backend,
            peer: false,
            isa: record.isa,
            execution: record.execution,
            profile: record.profile,
            verdict: record.verdict,
            detail,
            inexact,
            values: record.values,
            chosen: record.chosen,
            data_hash: record.data_hash,
            threads: self.threads,
            caches: self.caches,
            work,
            scheme: scheme.unwrap_or_default().to_owned(),
            prepare_ns: None,
            instructions: None,
            time: None,
        }
    }

    fn time(&self, samples: &Samples, seen: &Seen<'_>, measurement: &Measurement) -> Time {
        let median_ns = median(&samples.ns);
        let interval_ns = interval(&samples.ns, seen.passes);
        let base = seen.base.filter(|_| measurement.backend != self.base);
        let scheme = Some(&*measurement.scheme).filter(|scheme| !scheme.is_empty());
        Time {
            clock: clock(self.threads).kind(),
            iterations: samples.iterations,
            samples_ns: samples.ns.clone(),
            passes: seen.passes,
            yardstick_ns: seen.yardstick.map_or_else(Vec::new, |y| y.ns.clone()),
            median_ns,
            interval_ns,
            unstable: unstable(median_ns, interval_ns),
            ratio: base.map(|base| {
                let (ratio, interval) = ratio(&base.ns, &samples.ns, seen.passes);
                Ratio {
                    base: self.base.to_owned(),
                    ratio,
                    interval,
                    word: compared(interval),
                }
            }),
            share: roofline::share(
                &measurement.work,
                median_ns,
                scheme,
                seen.peaks,
                self.threads,
                self.caches,
            ),
        }
    }
}

/// How much one run does.
pub fn work(problem: &Problem) -> Work {
    let bytes = |tensors: &[(Vec<usize>, qassay_golden::tensor::DType)]| -> u64 {
        tensors
            .iter()
            .map(|(shape, dtype)| (shape.iter().product::<usize>() * dtype.size()) as u64)
            .sum()
    };
    let (inputs, outputs) = (problem.op.inputs(), problem.op.outputs());
    let constants: usize = [&problem.constants.weights, &problem.constants.bias]
        .into_iter()
        .flatten()
        .map(|tensor| tensor.len() * tensor.dtype().size())
        .sum();
    let elements = |(shape, _): &(Vec<usize>, _)| shape.iter().product::<usize>() as u64;
    Work {
        macs: match count::work(&problem.op) {
            count::Work::MultiplyAccumulates(macs) => macs,
            count::Work::Elements(_) => 0,
        },
        elements: (inputs.iter().chain(&outputs).map(elements).max()).unwrap_or(0),
        bytes_in: bytes(&inputs) + constants as u64,
        bytes_out: bytes(&outputs),
    }
}

/// Output values that exact sums would have given otherwise; `None` where the op has no sums.
fn count_inexact(question: &mut Question, profile: &Profile) -> Option<u64> {
    let sums = roofline::accumulation(profile, &question.problem().op)?;
    if sums == qassay_golden::profile::Accumulation::Exact {
        return Some(0);
    }
    let exact = roofline::exact(profile);
    question.expected(&exact).ok()?;
    let (own, exact) = (question.known(profile)?, question.known(&exact)?);
    Some(differences(&exact.outputs, &own.outputs, &own.open).count)
}
