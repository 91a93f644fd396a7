//! What this CPU can do at most, measured: multiply-accumulates by scheme, and
//! bytes moved by size of the array. One thread, CPU time.
//!
//! Rounds may be spread over a longer run, so that peaks and kernels see the
//! same machine. A peak is the best of all rounds: whatever disturbs only makes
//! it smaller.

use std::hint::black_box;

use qassay_backends::ceiling::{self, SCHEMES, Scheme, memory};

use crate::bench::clock::{Clock, clock};
use crate::bench::statistics::median;
use crate::record::{Bandwidth, Peak, Peaks};

/// Nanoseconds that one sample of a scheme should take.
const SAMPLE_NS: f64 = 1e6;
/// What takes longer is sampled once a round.
const LONG_NS: f64 = 5e6;
/// The largest array for main memory, in bytes.
const LARGEST: u64 = 256 << 20;
/// The smallest array, in bytes.
const SMALLEST: u64 = 16 << 10;

/// Measures peaks, round by round.
pub struct Meter {
    clock: Box<dyn Clock + Send>,
    chain: u64,
    /// billions of cycles a second, by round
    ghz: Vec<f64>,
    schemes: Vec<Metered>,
    arrays: Vec<Array>,
    memory: Vec<u8>,
}

/// A scheme of this CPU and what it reached.
struct Metered {
    scheme: &'static Scheme,
    steps: u64,
    gops: Vec<f64>,
}

/// An array size and what it reached.
struct Array {
    best: Bandwidth,
}

impl Default for Meter {
    fn default() -> Self {
        Self::new(&super::fingerprint().caches_kib)
    }
}

impl Meter {
    /// A meter for a CPU with these caches, L1 first.
    pub fn new(caches_kib: &[u64]) -> Self {
        let mut clock = clock(1);
        let chain = steps_for(clock.as_mut(), |steps| {
            black_box(ceiling::dependent_sums(steps));
        });
        let schemes = SCHEMES
            .iter()
            .filter(|scheme| (scheme.run)(1).is_some())
            .map(|scheme| Metered {
                scheme,
                steps: steps_for(clock.as_mut(), |steps| {
                    black_box((scheme.run)(steps));
                }),
                gops: Vec::new(),
            })
            .collect();
        let arrays = sizes(caches_kib)
            .into_iter()
            .map(|(level, bytes)| Array {
                best: Bandwidth {
                    level,
                    bytes,
                    read: 0.0,
                    write: 0.0,
                    write_non_temporal: None,
                    copy: 0.0,
                },
            })
            .collect();
        Self {
            clock,
            chain,
            ghz: Vec::new(),
            schemes,
            arrays,
            memory: Vec::new(),
        }
    }

    /// One round over the clock's frequency and all schemes: some milliseconds each.
    pub fn round(&mut self) {
        let ns = timed(self.clock.as_mut(), || {
            black_box(ceiling::dependent_sums(self.chain));
        });
        self.ghz.push((self.chain * ceiling::CHAIN) as f64 / ns);
        for metered in &mut self.schemes {
            let mut macs = 0;
            let ns = timed(self.clock.as_mut(), || {
                macs = (metered.scheme.run)(metered.steps).map_or(0, |tally| tally.macs);
            });
            metered.gops.push(2.0 * macs as f64 / ns);
        }
    }

    /// One round over all array sizes. The largest array is kept until the next.
    pub fn memory_round(&mut self) {
        let most = self.arrays.iter().map(|array| array.best.bytes).max();
        let most = most.unwrap_or(0) as usize;
        if self.memory.len() < most {
            // Written, so that no page is shared or missing.
            self.memory = vec![1; most];
        }
        for array in &mut self.arrays {
            let best = &mut array.best;
            let bytes = &mut self.memory[..best.bytes as usize];
            let clock = self.clock.as_mut();
            let read = rate(clock, bytes, &mut |bytes| {
                black_box(memory::read(black_box(bytes)));
            });
            let write = rate(clock, bytes, &mut |bytes| memory::write(black_box(bytes)));
            let mut streams = true;
            let streamed = rate(clock, bytes, &mut |bytes| {
                streams = memory::write_non_temporal(black_box(bytes));
            });
            let copy = rate(clock, bytes, &mut |bytes| {
                let (from, to) = bytes.split_at_mut(bytes.len() / 2);
                to[..from.len()].copy_from_slice(black_box(from));
                black_box(to);
            });
            best.read = best.read.max(read);
            best.write = best.write.max(write);
            best.copy = best.copy.max(copy);
            if streams {
                let before = best.write_non_temporal.unwrap_or(0.0);
                best.write_non_temporal = Some(before.max(streamed));
            }
        }
    }

    /// Gives the arrays' memory back.
    pub fn release(&mut self) {
        self.memory = Vec::new();
    }

    /// What was reached so far.
    pub fn peaks(&self) -> Peaks {
        let best = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        Peaks {
            ghz: best(&self.ghz),
            schemes: self
                .schemes
                .iter()
                .filter(|metered| !metered.gops.is_empty())
                .map(|metered| Peak {
                    scheme: metered.scheme.name.to_owned(),
                    exact: metered.scheme.exact,
                    gops: best(&metered.gops),
                    median_gops: median(&metered.gops),
                })
                .collect(),
            bandwidths: self
                .arrays
                .iter()
                .filter(|array| array.best.read > 0.0)
                .map(|array| array.best.clone())
                .collect(),
        }
    }
}

/// What a scheme does, in one line; empty for one of another version.
pub fn meaning(scheme: &str) -> &'static str {
    let known = SCHEMES.iter().find(|known| known.name == scheme);
    known.map_or("", |known| known.meaning)
}

fn timed(clock: &mut dyn Clock, work: impl FnOnce()) -> f64 {
    let start = clock.now_ns();
    work();
    clock.now_ns().saturating_sub(start).max(1) as f64
}

/// Steps that take about [`SAMPLE_NS`].
fn steps_for(clock: &mut dyn Clock, mut run: impl FnMut(u64)) -> u64 {
    let mut steps = 1 << 10;
    loop {
        let ns = timed(clock, || run(steps));
        if ns >= SAMPLE_NS / 4.0 || steps >= 1 << 40 {
            return ((steps as f64 * SAMPLE_NS / ns) as u64).max(1);
        }
        steps *= 4;
    }
}

/// GB/s of `work`, which touches all of `bytes`: the best of a few samples.
fn rate(clock: &mut dyn Clock, bytes: &mut [u8], work: &mut dyn FnMut(&mut [u8])) -> f64 {
    const SAMPLES: usize = 3;
    let touched = bytes.len() as f64;
    // Warm, and as often as makes a sample.
    work(bytes);
    let once = timed(clock, || work(bytes));
    if once > LONG_NS {
        // Rounds are the samples.
        return touched / once;
    }
    let times = ((SAMPLE_NS / once) as u64).clamp(1, 1 << 20);
    (0..SAMPLES)
        .map(|_| {
            let ns = timed(clock, || {
                for _ in 0..times {
                    work(bytes);
                }
            });
            touched * times as f64 / ns
        })
        .fold(0.0, f64::max)
}

/// An array of half of each cache's size, and one for memory that is four times the last cache,
/// if that is not too large.
fn sizes(caches_kib: &[u64]) -> Vec<(String, u64)> {
    let mut sizes: Vec<(String, u64)> = Vec::new();
    for (index, kib) in caches_kib.iter().enumerate() {
        let bytes = (kib * 512).next_multiple_of(4096).max(SMALLEST);
        // A cache larger than the largest array cannot be told from memory: its row stands for both.
        let bytes = bytes.min(LARGEST / 4);
        sizes.push((format!("L{}", index + 1), bytes));
    }
    let last = caches_kib.last().map_or(32 << 10, |kib| kib * 1024);
    sizes.push(("memory".to_owned(), (4 * last).clamp(64 << 20, LARGEST)));
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_grow_from_cache_to_cache_and_memory_is_the_largest() {
        for caches in [&[32, 512, 8192][..], &[48, 2048, 307_200], &[16], &[]] {
            let sizes = sizes(caches);
            assert_eq!(sizes.len(), caches.len() + 1);
            assert!(
                sizes.windows(2).all(|pair| pair[0].1 < pair[1].1),
                "{sizes:?}"
            );
            assert_eq!(sizes[sizes.len() - 1].0, "memory");
            assert!(sizes.iter().all(|(_, bytes)| *bytes <= LARGEST));
        }
    }

    #[test]
    fn a_round_measures_every_scheme_of_this_cpu() {
        let mut meter = Meter::new(&[]);
        assert_eq!(meter.peaks(), Peaks::default());
        meter.round();
        let peaks = meter.peaks();
        let here = SCHEMES.iter().filter(|scheme| (scheme.run)(1).is_some());
        assert_eq!(peaks.schemes.len(), here.count());
        assert!(peaks.ghz > 0.0);
        assert!(
            peaks.schemes.iter().all(|peak| peak.gops > 0.0),
            "{peaks:?}"
        );
    }
}
