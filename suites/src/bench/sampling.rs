//! Taking samples: contestants in turn, round by round, each sample as many
//! runs as the clock can tell well.
//!
//! Machines slow down and speed up while they are looked at. In each round every
//! contestant is sampled once, and the order changes from round to round, so that
//! whatever changes meets all alike. Rounds are taken in several passes, with other
//! cases in between: what differs from pass to pass tells how far the machine drifts.

use super::clock::Clock;

/// Those who are timed. What happens before and after the runs of a sample is not.
pub trait Contestants {
    /// how many there are
    fn count(&self) -> usize;
    /// Before a sample: puts operands where they should be.
    fn before(&mut self, which: usize);
    /// Runs `iterations` times. The only part that is timed.
    fn run(&mut self, which: usize, iterations: u64);
    /// After a sample: checks what came out.
    ///
    /// # Errors
    /// In one line, what is wrong; the contestant is out.
    fn after(&mut self, which: usize) -> Result<(), String>;
}

/// How long to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// passes over all cases: each has its share of the samples
    pub passes: usize,
    /// least nanoseconds of a sample
    pub sample_ns: f64,
    /// nanoseconds of all samples of a contestant, unless that makes too few
    pub budget_ns: f64,
    /// fewest rounds in a pass
    pub least_rounds: usize,
    /// most rounds in a pass
    pub most_rounds: usize,
    /// most runs in a sample; 1 where each run needs preparing
    pub most_iterations: u64,
}

impl Effort {
    /// For figures to keep: up to 48 samples of at least 4 ms, about half a second a contestant.
    pub const FULL: Self = Self {
        passes: 12,
        sample_ns: 4e6,
        budget_ns: 5e8,
        least_rounds: 2,
        most_rounds: 4,
        most_iterations: 1 << 30,
    };
    /// For a first look: up to 16 samples of at least 1 ms.
    pub const QUICK: Self = Self {
        passes: 8,
        sample_ns: 1e6,
        budget_ns: 2e7,
        least_rounds: 1,
        most_rounds: 2,
        most_iterations: 1 << 30,
    };
}

/// One contestant's samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// runs in each
    pub iterations: u64,
    /// nanoseconds of one run, by round
    pub ns: Vec<f64>,
}

/// The samples of all contestants, pass by pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    rounds: usize,
    passes: usize,
    taken: Vec<Result<Samples, String>>,
}

impl Sampling {
    /// Finds out how many runs make a sample and how many rounds a pass; takes no sample yet.
    /// `None` where `stop` asked for an end.
    pub fn begin(
        contestants: &mut dyn Contestants,
        clock: &mut dyn Clock,
        effort: &Effort,
        stop: &dyn Fn() -> bool,
    ) -> Option<Self> {
        let overhead = overhead(clock);
        let count = contestants.count();
        let mut taken = Vec::with_capacity(count);
        let mut round_ns = 0.0;
        for which in 0..count {
            if stop() {
                return None;
            }
            taken.push(calibrate(contestants, which, clock, effort, overhead).map(
                |(iterations, ns)| {
                    round_ns += ns * iterations as f64;
                    Samples {
                        iterations,
                        ns: Vec::new(),
                    }
                },
            ));
        }
        let affordable = effort.budget_ns * count as f64 / round_ns.max(1.0);
        Some(Self {
            rounds: (affordable as usize / effort.passes)
                .clamp(effort.least_rounds, effort.most_rounds),
            passes: 0,
            taken,
        })
    }

    /// One pass: some rounds. False where `stop` asked for an end before it was through; its
    /// samples are dropped.
    pub fn pass(
        &mut self,
        contestants: &mut dyn Contestants,
        clock: &mut dyn Clock,
        stop: &dyn Fn() -> bool,
    ) -> bool {
        let overhead = overhead(clock);
        let before = self.passes * self.rounds;
        for round in before..before + self.rounds {
            if stop() {
                for samples in self.taken.iter_mut().flatten() {
                    samples.ns.truncate(before);
                }
                return false;
            }
            for which in turns(round, self.taken.len()) {
                let Ok(samples) = &mut self.taken[which] else {
                    continue;
                };
                match one(contestants, which, samples.iterations, clock, overhead) {
                    Ok(ns) => samples.ns.push(ns),
                    Err(wrong) => self.taken[which] = Err(wrong),
                }
            }
        }
        self.passes += 1;
        true
    }

    /// Passes that are through.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// Samples by contestant, or why one is out.
    pub fn taken(&self) -> &[Result<Samples, String>] {
        &self.taken
    }

    /// Takes a contestant out, for a reason.
    pub fn exclude(&mut self, which: usize, why: String) {
        self.taken[which] = Err(why);
    }
}

/// Who is sampled in a round, in order: forward from another one every second round, and back
/// the same way in between. Each comes before each other equally often.
fn turns(round: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |turn| {
        let turn = if round.is_multiple_of(2) {
            turn
        } else {
            count - 1 - turn
        };
        (round / 2 + turn) % count
    })
}

/// What reading the clock twice costs.
fn overhead(clock: &mut dyn Clock) -> f64 {
    (0..31)
        .map(|_| {
            let start = clock.now_ns();
            clock.now_ns().saturating_sub(start)
        })
        .min()
        .unwrap_or(0) as f64
}

/// One sample: nanoseconds of one run.
fn one(
    contestants: &mut dyn Contestants,
    which: usize,
    iterations: u64,
    clock: &mut dyn Clock,
    overhead: f64,
) -> Result<f64, String> {
    contestants.before(which);
    let start = clock.now_ns();
    contestants.run(which, iterations);
    let end = clock.now_ns();
    contestants.after(which)?;
    // No run takes no time: a clock that cannot tell says one step.
    Ok((end.saturating_sub(start) as f64 - overhead).max(1.0) / iterations as f64)
}

/// Runs more and more often until a sample is long enough: iterations, and nanoseconds of one.
fn calibrate(
    contestants: &mut dyn Contestants,
    which: usize,
    clock: &mut dyn Clock,
    effort: &Effort,
    overhead: f64,
) -> Result<(u64, f64), String> {
    let mut iterations = 1;
    loop {
        let ns = one(contestants, which, iterations, clock, overhead)?;
        let all = ns * iterations as f64;
        if all >= effort.sample_ns || iterations >= effort.most_iterations {
            return Ok((iterations, ns));
        }
        // A first run is slow: what it says is not believed further than tenfold.
        let wanted = (iterations as f64 * 1.1 * effort.sample_ns / all.max(1.0)).ceil() as u64;
        iterations = wanted
            .clamp(iterations + 1, iterations.saturating_mul(10))
            .min(effort.most_iterations);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::super::statistics::{compared, interval, median, ratio, unstable};
    use super::*;
    use crate::record::{self, Compared};

    /// A clock that stands still unless somebody moves it.
    #[derive(Clone, Default)]
    struct Synthetic(Rc<Cell<u64>>);

    impl Clock for Synthetic {
        fn now_ns(&mut self) -> u64 {
            self.0.set(self.0.get() + 20);
            self.0.get()
        }
        fn kind(&self) -> record::Clock {
            record::Clock::Thread
        }
    }

    /// Contestants that take a known time, and more of it in later rounds.
    struct Synthetics {
        clock: Synthetic,
        /// ns of one run
        cost: Vec<u64>,
        /// per mille added to every run, grows with each sample
        drift: u64,
        drift_per_sample: u64,
        order: Vec<usize>,
        fails_at: Option<(usize, usize)>,
    }

    impl Contestants for Synthetics {
        fn count(&self) -> usize {
            self.cost.len()
        }
        fn before(&mut self, which: usize) {
            // Not timed, however long it takes.
            self.clock.0.set(self.clock.0.get() + 1_000_000_007);
            self.order.push(which);
        }
        fn run(&mut self, which: usize, iterations: u64) {
            let cost = self.cost[which] * (1000 + self.drift) / 1000;
            self.clock.0.set(self.clock.0.get() + cost * iterations);
        }
        fn after(&mut self, which: usize) -> Result<(), String> {
            self.drift += self.drift_per_sample;
            let so_far = self.order.iter().filter(|&&o| o == which).count();
            match self.fails_at {
                Some((who, after)) if who == which && so_far > after => Err("wrong".into()),
                _ => Ok(()),
            }
        }
    }

    /// All samples of all passes.
    fn sample(contestants: &mut Synthetics, clock: &mut Synthetic) -> Vec<Result<Samples, String>> {
        let mut sampling = Sampling::begin(contestants, clock, &Effort::FULL, &|| false).unwrap();
        for _ in 0..Effort::FULL.passes {
            assert!(sampling.pass(contestants, clock, &|| false));
        }
        sampling.taken
    }

    fn synthetics(cost: &[u64], drift_per_sample: u64) -> (Synthetics, Synthetic) {
        let clock = Synthetic::default();
        let contestants = Synthetics {
            clock: clock.clone(),
            cost: cost.to_vec(),
            drift: 0,
            drift_per_sample,
            order: Vec::new(),
            fails_at: None,
        };
        (contestants, clock)
    }

    #[test]
    fn a_backend_planted_twice_as_slow_is_seen_as_that() {
        // The machine slows down by a third while it is looked at: rounds take that out.
        let (mut contestants, mut clock) = synthetics(&[1_000_000, 2_000_000, 1_000_000], 4);
        let taken = sample(&mut contestants, &mut clock);
        let ns: Vec<&[f64]> = taken.iter().map(|t| &t.as_ref().unwrap().ns[..]).collect();
        let (seen, within) = ratio(ns[1], ns[0], Effort::FULL.passes);
        assert!((1.98..2.02).contains(&seen), "{seen}");
        assert!(within[0] <= 2.0 && 2.0 <= within[1], "{within:?}");
        assert_eq!(compared(within), Compared::Faster);
        let (seen, within) = ratio(ns[0], ns[1], Effort::FULL.passes);
        assert!((0.495..0.505).contains(&seen), "{seen}");
        assert_eq!(compared(within), Compared::Slower);
        let (_, within) = ratio(ns[0], ns[2], Effort::FULL.passes);
        assert_eq!(compared(within), Compared::Alike, "{within:?}");
        // The times themselves are unstable, and are called that.
        assert!(unstable(
            median(ns[0]),
            interval(ns[0], Effort::FULL.passes)
        ));
    }

    #[test]
    fn samples_are_long_enough_and_hold_nothing_but_runs() {
        let (mut contestants, mut clock) = synthetics(&[37, 5_000_000_000], 0);
        let taken = sample(&mut contestants, &mut clock);
        let fast = taken[0].as_ref().unwrap();
        assert!(fast.iterations as f64 * 37.0 >= Effort::FULL.sample_ns);
        assert!(fast.iterations as f64 * 37.0 < 3.0 * Effort::FULL.sample_ns);
        assert_eq!(median(&fast.ns), 37.0);
        // A slow one is run once a sample, the fewest times that still make a median.
        let slow = taken[1].as_ref().unwrap();
        assert_eq!(slow.iterations, 1);
        assert_eq!(
            slow.ns.len(),
            Effort::FULL.passes * Effort::FULL.least_rounds
        );
        assert_eq!(median(&slow.ns), 5e9);
    }

    #[test]
    fn each_comes_first_and_before_each_other_equally_often() {
        let (mut contestants, mut clock) = synthetics(&[10_000_000; 3], 0);
        sample(&mut contestants, &mut clock);
        let turns: Vec<&[usize]> = contestants.order[3..].chunks(3).collect();
        assert_eq!(turns[..4], [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]]);
        for (a, b) in [(0, 1), (1, 2), (2, 0)] {
            let at = |turns: &[usize], who| turns.iter().position(|&w| w == who);
            let before = turns[..12].iter().filter(|t| at(t, a) < at(t, b)).count();
            assert_eq!(before, 6, "{a} before {b}");
        }
    }

    #[test]
    fn one_that_goes_wrong_has_no_time_and_the_others_go_on() {
        let (mut contestants, mut clock) = synthetics(&[10_000_000; 2], 0);
        contestants.fails_at = Some((1, 5));
        let taken = sample(&mut contestants, &mut clock);
        assert_eq!(taken[1], Err("wrong".into()));
        assert!(taken[0].as_ref().unwrap().ns.len() > 6);
    }

    #[test]
    fn an_end_that_is_asked_for_keeps_whole_passes() {
        let rounds = Effort::FULL.most_rounds;
        for (allowed, kept) in [
            (0, None),
            (3, Some(0)),
            (2 + rounds, Some(1)),
            (99, Some(Effort::FULL.passes)),
        ] {
            let (mut contestants, mut clock) = synthetics(&[10_000_000; 2], 0);
            let asked = Cell::new(0);
            let stop = || {
                asked.set(asked.get() + 1);
                asked.get() > allowed
            };
            let begun = Sampling::begin(&mut contestants, &mut clock, &Effort::FULL, &stop);
            let Some(passes) = kept else {
                assert_eq!(begun, None, "{allowed}");
                continue;
            };
            let mut sampling = begun.unwrap();
            let through = (0..Effort::FULL.passes)
                .take_while(|_| sampling.pass(&mut contestants, &mut clock, &stop))
                .count();
            assert_eq!((through, sampling.passes()), (passes, passes), "{allowed}");
            for samples in sampling.taken() {
                assert_eq!(samples.as_ref().unwrap().ns.len(), passes * rounds);
            }
        }
    }
}
