//! One case, all backends: judged, prepared, sampled in turn, every sample's
//! output checked.

use std::time::{Duration, Instant};

use qassay_backends::backend::{Backend, Kernel};
use qassay_golden::profile::Profile;
use qassay_golden::profile::named::NamedProfile;
use qassay_golden::spec::Problem;

use super::clock::{Clock, clock};
use super::roofline;
use super::sampling::{Contestants, Effort, Samples, sample};
use super::sets::Timed;
use super::statistics::{compared, interval, median, ratio, unstable};
use crate::arena::{Arena, POISON};
use crate::case::{Case, CaseError};
use crate::compare::differences;
use crate::count;
use crate::judge::{Expected, Judge, Question, prepare};
use crate::panics;
use crate::record::{Caches, Measurement, Peaks, Ratio, Record, Time, Verdict, Work};

/// One case on all backends.
pub struct Contest<'a> {
    /// the backends
    pub backends: &'a [Box<dyn Backend>],
    /// the case
    pub case: &'a Timed,
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
    /// what the CPU can do
    pub peaks: &'a Peaks,
}

/// A kernel that gave the right bits.
struct Ready {
    /// which backend
    backend: usize,
    kernel: Box<dyn Kernel>,
    held_to: &'static NamedProfile,
    prepare_ns: f64,
    /// whether it panicked while it was timed
    crashed: bool,
}

/// How often preparing is timed, unless it takes long.
const PREPARATIONS: usize = 3;
/// What takes longer is not run once more just to warm the caches, or prepared again.
const LONG: Duration = Duration::from_millis(20);
/// Bytes that are written before each run on cold caches: more than most last caches hold.
const FLUSH: usize = 128 << 20;

impl Contest<'_> {
    /// Measures; `None` where `stop` asked for an end before there was enough.
    ///
    /// # Errors
    /// When the case cannot be made.
    pub fn measure(
        &self,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Vec<Measurement>>, CaseError> {
        let mut question = Question::new(Case::from_id(&self.case.id)?);
        let work = work(question.problem());
        let mut judge = Judge::new();
        let mut clock = clock(self.threads);
        let mut measurements = Vec::new();
        let mut ready = Vec::new();
        for (index, backend) in self.backends.iter().enumerate() {
            if stop() {
                return Ok(None);
            }
            let held_to = self.profile(backend.as_ref());
            let mut record = judge.judge(&mut question, backend.as_ref(), held_to);
            let mut inexact = None;
            if record.verdict == Verdict::Conforms {
                inexact = count_inexact(&mut question, &held_to.profile);
                match self.prepare(index, &question, held_to, clock.as_mut()) {
                    Ok(kernel) => ready.push(kernel),
                    Err(why) => (record.verdict, record.detail) = (Verdict::Crashed, why),
                }
            }
            measurements.push(self.blank(record, backend.as_ref(), &question, work, inexact));
        }
        let mut floor = Floor::new(&question, ready, self.caches);
        let Some(taken) = sample(&mut floor, clock.as_mut(), &self.effort, &|| stop()) else {
            return Ok(None);
        };
        let base = floor.ready.iter().zip(&taken).find_map(|(ready, taken)| {
            let name = self.backends[ready.backend].declaration().name;
            taken.as_ref().ok().filter(|_| name == self.base)
        });
        for (ready, taken) in floor.ready.iter().zip(&taken) {
            let measurement = &mut measurements[ready.backend];
            match taken {
                Ok(samples) => {
                    measurement.prepare_ns = Some(ready.prepare_ns);
                    let base = base.filter(|_| measurement.backend != self.base);
                    measurement.time = Some(self.time(samples, base, clock.kind(), measurement));
                }
                Err(wrong) => {
                    measurement.verdict = if ready.crashed {
                        Verdict::Crashed
                    } else {
                        Verdict::Differs
                    };
                    measurement.detail.clone_from(wrong);
                }
            }
        }
        Ok(Some(measurements))
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
            place: self.case.place.clone(),
            backend: record.backend,
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

    /// A kernel, and how long making it takes.
    fn prepare(
        &self,
        backend: usize,
        question: &Question,
        held_to: &'static NamedProfile,
        clock: &mut dyn Clock,
    ) -> Result<Ready, String> {
        let mut times = Vec::new();
        loop {
            let (began, start) = (Instant::now(), clock.now_ns());
            let kernel = prepare(self.backends[backend].as_ref(), question.problem())
                .map_err(|none| none.to_string())?;
            times.push(clock.now_ns().saturating_sub(start) as f64);
            if times.len() == PREPARATIONS || began.elapsed() > LONG {
                return Ok(Ready {
                    backend,
                    kernel,
                    held_to,
                    prepare_ns: median(&times),
                    crashed: false,
                });
            }
        }
    }

    fn time(
        &self,
        samples: &Samples,
        base: Option<&Samples>,
        clock: crate::record::Clock,
        measurement: &Measurement,
    ) -> Time {
        let (median_ns, interval_ns) = (median(&samples.ns), interval(&samples.ns));
        let scheme = Some(&*measurement.scheme).filter(|scheme| !scheme.is_empty());
        Time {
            clock,
            iterations: samples.iterations,
            samples_ns: samples.ns.clone(),
            median_ns,
            interval_ns,
            unstable: unstable(median_ns, interval_ns),
            ratio: base.map(|base| {
                let (ratio, interval) = ratio(&base.ns, &samples.ns);
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
                self.peaks,
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

/// Where kernels run in turn on the same operands.
struct Floor<'a> {
    question: &'a Question,
    ready: Vec<Ready>,
    arena: Arena,
    caches: Caches,
    /// walked through before each run on cold caches
    flush: Vec<u8>,
    /// whether a run takes so long that none is spent on warming
    long: Vec<bool>,
    panicked: Option<String>,
}

impl<'a> Floor<'a> {
    fn new(question: &'a Question, ready: Vec<Ready>, caches: Caches) -> Self {
        let mut arena = Arena::new();
        arena.lay(
            &question.problem().inputs,
            question.outputs(),
            question.layout(),
            POISON[0],
        );
        Self {
            question,
            long: vec![false; ready.len()],
            ready,
            arena,
            flush: match caches {
                Caches::Warm => Vec::new(),
                Caches::Cold => vec![1; FLUSH],
            },
            caches,
            panicked: None,
        }
    }

    fn expected(&self, which: usize) -> Option<&'a Expected> {
        self.question.known(&self.ready[which].held_to.profile)
    }
}

impl Contestants for Floor<'_> {
    fn count(&self) -> usize {
        self.ready.len()
    }

    fn before(&mut self, which: usize) {
        self.arena.poison_outputs(POISON[1]);
        match self.caches {
            Caches::Warm if self.long[which] => {}
            Caches::Warm => {
                let began = Instant::now();
                self.run(which, 1);
                self.long[which] = began.elapsed() > LONG;
                // What the sample itself writes is what is checked.
                self.arena.poison_outputs(POISON[1]);
            }
            Caches::Cold => {
                for line in self.flush.chunks_exact_mut(64) {
                    line[0] = line[0].wrapping_add(1);
                }
                std::hint::black_box(&mut self.flush);
            }
        }
    }

    fn run(&mut self, which: usize, iterations: u64) {
        let (arena, kernel) = (&mut self.arena, &mut self.ready[which].kernel);
        let ran = panics::caught(|| arena.repeat(kernel.as_mut(), iterations));
        if let Err(panic) = ran {
            self.ready[which].crashed = true;
            self.panicked = Some(format!("panicked while it was timed: {panic}"));
        }
    }

    fn after(&mut self, which: usize) -> Result<(), String> {
        if let Some(panic) = self.panicked.take() {
            return Err(panic);
        }
        let Some(expected) = self.expected(which) else {
            return Err("the reference gave nothing to compare with".into());
        };
        // Any NaN is as good as another, and open elements may be anything: looked at only then.
        if self.arena.gave(&expected.outputs) {
            return Ok(());
        }
        let wrong = differences(&expected.outputs, &self.arena.outputs(), &expected.open);
        match wrong.first {
            None => Ok(()),
            Some((output, element)) => Err(format!(
                "gave other bits while it was timed: {} values, the first at element {element} of output {output}",
                wrong.count
            )),
        }
    }
}
