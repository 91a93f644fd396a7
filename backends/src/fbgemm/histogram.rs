//! Histogram observer: 2048 bins over the range seen so far. Values are binned
//! a vector at a time; when a batch leaves the range, the old bins are spread
//! over the new one (PyTorch torch/ao/quantization/observer.py,
//! HistogramObserver, and ATen/native/cpu/HistogramKernel.cpp).

use super::extremes::{Extremes, greatest, least};
use crate::isa::{Isa, WithIsa};
use crate::rows::{self, Channels};
use crate::view::View;

/// How many bins a histogram has.
pub const BINS: usize = 2048;
/// Into how many parts an old bin is cut when its mass moves.
const PARTS: usize = 16;
/// f32 counts stop here: adding 1 changes nothing any more.
const COUNT_LIMIT: u32 = 1 << 24;

/// The running state; everything is allocated when it is made.
pub struct Histogram {
    range: Option<(f32, f32)>,
    bins: Vec<f32>,
    counts: Vec<u32>,
    moved: Vec<f32>,
    boundaries: Vec<f32>,
}

impl Histogram {
    /// Without batches.
    pub fn new() -> Self {
        Self {
            range: None,
            bins: vec![0.0; BINS],
            counts: vec![0; BINS],
            moved: vec![0.0; BINS],
            boundaries: vec![0.0; BINS + 1],
        }
    }

    /// Forgets all batches.
    pub fn clear(&mut self) {
        self.range = None;
        self.bins.fill(0.0);
    }

    /// The count in each bin.
    pub fn bins(&self) -> &[f32] {
        &self.bins
    }

    /// Least and greatest value so far; (+∞, −∞) before the first.
    pub fn range(&self) -> (f32, f32) {
        self.range.unwrap_or((f32::INFINITY, f32::NEG_INFINITY))
    }

    /// Takes one batch; infinite values and NaN are left out.
    pub fn observe<I: Isa>(&mut self, isa: I, batch: View<'_>) {
        let Some(update) = finite_range(isa, batch) else {
            return;
        };
        let Some(old) = self.range else {
            self.count(isa, batch, update);
            for (bin, count) in self.bins.iter_mut().zip(&self.counts) {
                *bin = in_f32(*count);
            }
            self.range = Some(update);
            return;
        };
        let new = (least(old.0, update.0), greatest(old.1, update.1));
        self.count(isa, batch, new);
        if new != old {
            if old.0 == old.1 {
                // Upstream weighs the one old value by the count of the update.
                let total: f32 = self.counts.iter().map(|count| in_f32(*count)).sum();
                self.bins.fill(0.0);
                if let Some(bin) = Edges::of(new).bin(old.0) {
                    self.bins[bin] = total;
                }
            } else {
                self.spread(old, new);
            }
        }
        for (bin, count) in self.bins.iter_mut().zip(&self.counts) {
            *bin += in_f32(*count);
        }
        self.range = Some(new);
    }

    fn count<I: Isa>(&mut self, isa: I, batch: View<'_>, range: (f32, f32)) {
        self.counts.fill(0);
        let edges = Edges::of(range);
        let counts = &mut self.counts;
        if edges.converts() {
            isa.vectorize(Count {
                batch,
                edges,
                counts,
            });
        } else {
            for bin in values(batch).filter_map(|value| edges.bin(value)) {
                counts[bin] += 1;
            }
        }
    }

    /// Moves the bins' mass from one range to another.
    fn spread(&mut self, old: (f32, f32), new: (f32, f32)) {
        for (i, boundary) in self.boundaries.iter_mut().enumerate() {
            *boundary = linspace(new, BINS + 1, i);
        }
        self.moved.fill(0.0);
        let parts = BINS * PARTS;
        let half = 0.5 * ((old.1 - old.0) / parts as f32);
        // How many boundaries lie at or below the middle of a part. Middles ascend (but for
        // the last bit where the two ends of linspace meet), so this is found by stepping.
        let mut below = 0;
        for part in 0..parts {
            let middle = linspace(old, parts + 1, part) + half;
            while below <= BINS && self.boundaries[below] <= middle {
                below += 1;
            }
            while below > 0 && self.boundaries[below - 1] > middle {
                below -= 1;
            }
            let bin = below.saturating_sub(1).min(BINS - 1);
            self.moved[bin] += self.bins[part / PARTS] / PARTS as f32;
        }
        std::mem::swap(&mut self.bins, &mut self.moved);
    }
}

/// A count as adding up ones in f32 gives it.
fn in_f32(count: u32) -> f32 {
    count.min(COUNT_LIMIT) as f32
}

fn values<'a>(batch: View<'a>) -> impl Iterator<Item = f32> + 'a {
    (0..batch.rows()).flat_map(move |row| {
        let start = row * batch.row_stride();
        batch.f32()[start..][..batch.row_len()].iter().copied()
    })
}

/// The range of the finite values, if there are any.
fn finite_range<I: Isa>(isa: I, batch: View<'_>) -> Option<(f32, f32)> {
    let (mut minima, mut maxima) = ([f32::INFINITY], [f32::NEG_INFINITY]);
    isa.vectorize(Extremes {
        batch,
        channels: Channels::Rows { rows: 1, count: 1 },
        minima: &mut minima,
        maxima: &mut maxima,
    });
    if minima[0].is_finite() && maxima[0].is_finite() {
        return Some((minima[0], maxima[0]));
    }
    // Rare: no values, or some that do not count.
    (values(batch).filter(|value| value.is_finite())).fold(None, |range, value| {
        let (min, max) = range.unwrap_or((value, value));
        Some((least(min, value), greatest(max, value)))
    })
}

/// Element `index` of `steps` values from `start` to `end`, counted from the nearer end,
/// each product fused with its sum.
fn linspace((start, end): (f32, f32), steps: usize, index: usize) -> f32 {
    let step = (end - start) / (steps - 1) as f32;
    if index < steps / 2 {
        step.mul_add(index as f32, start)
    } else {
        (-step).mul_add((steps - index - 1) as f32, end)
    }
}

/// The outer edges of the bins.
#[derive(Clone, Copy)]
struct Edges {
    left: f32,
    right: f32,
}

impl Edges {
    /// Of a range; one without width is widened by 1 on both sides.
    fn of((min, max): (f32, f32)) -> Self {
        let widen = if min == max { 1.0 } else { 0.0 };
        Self {
            left: min - widen,
            right: max + widen,
        }
    }

    /// Whether every position of a value inside is finite, so that a conversion
    /// of a vector of positions gives no integer indefinite.
    fn converts(self) -> bool {
        ((self.right - self.left) * BINS as f32).is_finite() && self.right > self.left
    }

    /// The bin of a value, if it lies inside.
    fn bin(self, value: f32) -> Option<usize> {
        if !(self.left..=self.right).contains(&value) {
            return None;
        }
        let position = (value - self.left) * BINS as f32 / (self.right - self.left);
        Some((position as usize).min(BINS - 1))
    }
}

/// Counts a batch's values into bins.
struct Count<'a> {
    batch: View<'a>,
    edges: Edges,
    counts: &'a mut [u32],
}

impl<I: Isa> WithIsa<I> for Count<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        let Edges { left, right } = self.edges;
        let bins = isa.splat_f32(BINS as f32);
        let last = isa.splat_i32(BINS as i32 - 1);
        for row in 0..self.batch.rows() {
            let start = row * self.batch.row_stride();
            let values = &self.batch.f32()[start..][..self.batch.row_len()];
            let mut column = 0;
            while column < values.len() {
                let lanes = (values.len() - column).min(I::LANES);
                let value = rows::load_f32(isa, values, column, lanes);
                let offset = isa.sub_f32(value, isa.splat_f32(left));
                let position = isa.div_f32(isa.mul_f32(offset, bins), isa.splat_f32(right - left));
                let bin = isa.min_i32(isa.f32_to_i32_trunc(position), last);
                // Infinite values and NaN become −1, which is no bin: they alone are NaN when
                // taken from themselves.
                let none = isa.nan_mask(isa.sub_f32(position, position));
                let bin = isa.or(bin, none);
                for &bin in &isa.to_i32_array(bin)[..lanes] {
                    if let Ok(bin) = usize::try_from(bin) {
                        self.counts[bin] += 1;
                    }
                }
                column += lanes;
            }
        }
    }
}
