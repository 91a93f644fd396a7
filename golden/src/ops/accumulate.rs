//! Sums of products under an [`AccumulateRule`]: exact, or with the i16
//! saturation of instructions such as `vpmaddubsw`, in the pairing order that
//! the rule names.
//!
//! Both operands of one sum are laid out as rows of i16 pairs (padded with
//! zeros where a pair is incomplete), so that every way of summing is one loop
//! over pairs. Sums are i32 and wrap; zero points are corrected afterwards in
//! the same exact arithmetic:
//! `Σ sat(a·w) − za·Σw − zw·Σa + K·za·zw`.
//!
//! Sources: FBGEMM `src/RefImplementations.cc` (matmul_u8i8acc16_ref),
//! `src/GenerateKernelU8S8S32ACC32.cc`; the captures of FBGEMM and oneDNN.

use crate::profile::{AccumulateRule, Accumulation, Outliers, PaddingTap, SignedActivation};
use crate::tensor::{DType, Data};
use crate::witness::{Event, Events};

/// How the sums of one op are made: the rule, resolved for an op and its types.
#[derive(Debug, Clone)]
pub(crate) struct Accumulator {
    accumulation: Accumulation,
    split_outliers: bool,
    skip_padding: bool,
    /// added to activation codes and zero point before they are multiplied
    shift: i32,
    /// whether weights are halved wherever kernels do that
    may_halve: bool,
    /// weights are laid out halved, half to even, and sums doubled
    halved: bool,
    taps: usize,
    tap_len: usize,
    /// `tap_len` as laid out: rounded up to pairs where pairs restart at each tap
    tap_stride: usize,
    /// where pairs restart within the only tap, if that is no even position: one place in the
    /// layout is left out before it
    restart: Option<usize>,
    row_len: usize,
}

/// The weights of one output channel, laid out in pairs.
#[derive(Debug, Clone)]
pub(crate) struct WeightRow {
    pairs: Vec<i16>,
    /// (position in the layout, weight) of weights taken out of `pairs`
    outliers: Vec<(usize, i32)>,
    /// Σw of each tap, outliers included
    tap_sums: Vec<i32>,
    sum: i32,
    peak: i32,
    /// positions in the layout of weights of −128
    mins: Vec<usize>,
    zero_point: i32,
}

/// The activations that meet one row of weights, laid out in pairs.
#[derive(Debug, Clone)]
pub(crate) struct ActivationRow {
    pairs: Vec<i16>,
    /// for each tap, whether it lies inside the image
    inside: Vec<bool>,
    all_inside: bool,
    /// Σa over what takes part in the zero point correction
    sum: i32,
    /// how many products take part in the zero point correction
    count: i32,
    peak: i32,
    has_min: bool,
}

impl Accumulator {
    /// Sums over `taps` kernel positions of `tap_len` channels each, of
    /// activations of type `activation` and weights of type `weight` (u8 or s8).
    /// Only u8·s8 products are summed by the saturating instructions: u8 weights sum exactly.
    pub(crate) fn new(
        rule: &AccumulateRule,
        accumulation: Accumulation,
        (activation, weight): (DType, DType),
        taps: usize,
        tap_len: usize,
    ) -> Self {
        let accumulation = match weight {
            DType::U8 => Accumulation::Exact,
            // A convolution that has such a kernel names the pairs themselves instead.
            _ => match accumulation {
                Accumulation::PairsI16InDepthwiseKernels | Accumulation::PairsI16PerTapInFours => {
                    Accumulation::Exact
                }
                other => other,
            },
        };
        let signed = activation == DType::I8;
        let shifted = signed && rule.signed_activation != SignedActivation::Direct;
        let may_halve = signed
            && weight == DType::I8
            && rule.signed_activation == SignedActivation::Shifted128HalvedWeights;
        let tap_stride = match accumulation {
            Accumulation::PairsI16PerTap => tap_len.next_multiple_of(2),
            _ => tap_len,
        };
        // oneDNN 3 (gemm:jit): seen for 257 to 766 k; beyond, its blocks are of even length.
        let halves = accumulation == Accumulation::PairsI16InHalves
            && taps == 1
            && (257..768).contains(&tap_len);
        let restart = Some(tap_len.div_ceil(2)).filter(|at| halves && !at.is_multiple_of(2));
        Self {
            accumulation,
            split_outliers: rule.outliers == Outliers::SplitBeyond7Bits,
            skip_padding: rule.padding == PaddingTap::Skipped,
            shift: if shifted { 128 } else { 0 },
            may_halve,
            halved: may_halve && accumulation != Accumulation::Exact,
            taps,
            tap_len,
            tap_stride,
            restart,
            row_len: (taps * tap_stride + usize::from(restart.is_some())).next_multiple_of(2),
        }
    }

    /// The same in a kernel that halves weights, where any does, though nothing saturates.
    pub(crate) fn halving(mut self) -> Self {
        self.halved = self.may_halve;
        self
    }

    /// Where a channel lies in the layout of its tap.
    fn place(&self, channel: usize) -> usize {
        channel + usize::from(self.restart.is_some_and(|at| channel >= at))
    }

    /// Lays out the `taps · tap_len` weights of one output channel.
    pub(crate) fn weights(&self, codes: &[i16], zero_point: i32) -> WeightRow {
        let mut row = WeightRow {
            pairs: vec![0; self.row_len],
            outliers: Vec::new(),
            tap_sums: Vec::with_capacity(self.taps),
            sum: 0,
            peak: codes.iter().map(|&w| i32::from(w).abs()).max().unwrap_or(0),
            mins: Vec::new(),
            zero_point,
        };
        for tap in 0..self.taps {
            let mut sum = 0i32;
            for channel in 0..self.tap_len {
                let code = codes[tap * self.tap_len + channel];
                let at = tap * self.tap_stride + self.place(channel);
                if code == i16::from(i8::MIN) {
                    row.mins.push(at);
                }
                let weight = if self.halved {
                    halved_to_even(code)
                } else {
                    code
                };
                sum = sum.wrapping_add(i32::from(weight));
                if self.split_outliers && !(-64..=63).contains(&weight) {
                    row.outliers.push((at, i32::from(weight)));
                } else {
                    row.pairs[at] = weight;
                }
            }
            row.tap_sums.push(sum);
            row.sum = row.sum.wrapping_add(sum);
        }
        row
    }

    /// An empty row to be filled by [`fill`](Self::fill).
    pub(crate) fn activation_row(&self) -> ActivationRow {
        ActivationRow {
            pairs: vec![0; self.row_len],
            inside: vec![true; self.taps],
            all_inside: true,
            sum: 0,
            count: 0,
            peak: 0,
            has_min: false,
        }
    }

    /// Fills `row`: `start(tap)` gives where the tap's channels start in
    /// `codes`, or `None` for a position outside the image, which contributes
    /// the zero point (or nothing, as the rule says).
    pub(crate) fn fill(
        &self,
        row: &mut ActivationRow,
        codes: &Data,
        zero_point: i32,
        mut start: impl FnMut(usize) -> Option<usize>,
        events: &mut Events,
    ) {
        row.all_inside = true;
        (row.sum, row.count, row.peak, row.has_min) = (0, 0, 0, false);
        for tap in 0..self.taps {
            let len = self.place(self.tap_len);
            let laid = &mut row.pairs[tap * self.tap_stride..][..len];
            let start = start(tap);
            row.inside[tap] = start.is_some();
            match start {
                Some(start) => match self.restart {
                    None => self.copy_codes(codes, start, laid),
                    Some(at) => {
                        let (first, second) = laid.split_at_mut(at);
                        self.copy_codes(codes, start, first);
                        self.copy_codes(codes, start + at, &mut second[1..]);
                    }
                },
                None => {
                    row.all_inside = false;
                    events.hit(Event::PaddingTap);
                    let code = if self.skip_padding {
                        0
                    } else {
                        self.shift + zero_point
                    };
                    laid.fill(code as i16);
                }
            }
            for &code in laid.iter() {
                let code = i32::from(code);
                row.sum = row.sum.wrapping_add(code);
                row.peak = row.peak.max(code.abs());
                row.has_min |= code - self.shift == i32::from(i8::MIN);
            }
            if start.is_some() || !self.skip_padding {
                row.count += self.tap_len as i32;
            }
        }
    }

    fn copy_codes(&self, codes: &Data, start: usize, laid: &mut [i16]) {
        match codes {
            Data::U8(codes) => {
                for (to, &from) in laid.iter_mut().zip(&codes[start..]) {
                    *to = i16::from(from);
                }
            }
            Data::I8(codes) => {
                for (to, &from) in laid.iter_mut().zip(&codes[start..]) {
                    *to = i16::from(from) + self.shift as i16;
                }
            }
            _ => unreachable!("the op was checked to have 8-bit activations"),
        }
    }

    /// The sum of one output: products summed as the rule says, then corrected
    /// for both zero points.
    pub(crate) fn sum(
        &self,
        activations: &ActivationRow,
        zero_point: i32,
        weights: &WeightRow,
        events: &mut Events,
    ) -> i32 {
        let (x, w) = (&activations.pairs[..], &weights.pairs[..]);
        if activations.has_min && !weights.mins.is_empty() {
            events.add(
                Event::MinTimesMin,
                self.count_min_times_min(activations, weights),
            );
        }
        // No pair can leave i16 if the largest of each side cannot.
        let may_saturate = 2 * activations.peak * weights.peak > i32::from(i16::MAX);
        let mut sum = match self.accumulation {
            Accumulation::Exact
            | Accumulation::PairsI16InDepthwiseKernels
            | Accumulation::PairsI16PerTapInFours => {
                if may_saturate {
                    events.add(Event::PairSaturated, count_saturating_pairs(x, w));
                }
                dot(x, w)
            }
            Accumulation::PairsI16
            | Accumulation::PairsI16PerTap
            | Accumulation::PairsI16InHalves => {
                if may_saturate {
                    events.add(Event::PairSaturated, count_saturating_pairs(x, w));
                    dot_saturating_pairs(x, w)
                } else {
                    dot(x, w)
                }
            }
            Accumulation::SumsI16Spill128 => sum_i16_spilled(x, w, 128, events),
            Accumulation::SumsI16Spill256 => sum_i16_spilled(x, w, 256, events),
        };
        for &(at, weight) in &weights.outliers {
            sum = sum.wrapping_add(i32::from(x[at]) * weight);
        }
        let za = zero_point + self.shift;
        let zw = weights.zero_point;
        let weight_sum = if activations.all_inside || !self.skip_padding {
            weights.sum
        } else {
            (weights.tap_sums.iter().zip(&activations.inside))
                .filter(|&(_, &inside)| inside)
                .fold(0i32, |sum, (&tap, _)| sum.wrapping_add(tap))
        };
        let sum = sum
            .wrapping_sub(za.wrapping_mul(weight_sum))
            .wrapping_sub(zw.wrapping_mul(activations.sum))
            .wrapping_add(activations.count.wrapping_mul(za).wrapping_mul(zw));
        if self.halved {
            sum.wrapping_mul(2)
        } else {
            sum
        }
    }

    fn count_min_times_min(&self, activations: &ActivationRow, weights: &WeightRow) -> u64 {
        let min = i32::from(i8::MIN);
        let is_min = |at: usize| {
            let tap = (at / self.tap_stride).min(self.taps - 1);
            let counts = !self.skip_padding || activations.inside[tap];
            counts && i32::from(activations.pairs[at]) - self.shift == min
        };
        weights.mins.iter().filter(|&&at| is_min(at)).count() as u64
    }
}

/// Half a weight, to even where it is halfway between two integers.
fn halved_to_even(weight: i16) -> i16 {
    let down = weight >> 1;
    down + (weight & down & 1)
}

/// The exact sum of products, wrapping at 32 bits.
fn dot(x: &[i16], w: &[i16]) -> i32 {
    x.iter().zip(w).fold(0i32, |sum, (&x, &w)| {
        sum.wrapping_add(i32::from(x) * i32::from(w))
    })
}

/// The sums of adjacent products, each exact in i32.
fn pairs<'a>(x: &'a [i16], w: &'a [i16]) -> impl Iterator<Item = i32> + 'a {
    x.chunks_exact(2)
        .zip(w.chunks_exact(2))
        .map(|(x, w)| i32::from(x[0]) * i32::from(w[0]) + i32::from(x[1]) * i32::from(w[1]))
}

fn count_saturating_pairs(x: &[i16], w: &[i16]) -> u64 {
    // Counted in u32, which vectorises as the sums do; rows are far shorter than 2^32.
    u64::from(pairs(x, w).fold(0u32, |n, p| n + u32::from(saturate_i16(p) != p)))
}

fn dot_saturating_pairs(x: &[i16], w: &[i16]) -> i32 {
    pairs(x, w).fold(0i32, |sum, p| sum.wrapping_add(saturate_i16(p)))
}

/// Saturated pairs, summed saturating to i16 within blocks of `block` k; the
/// blocks' sums are added in i32.
fn sum_i16_spilled(x: &[i16], w: &[i16], block: usize, events: &mut Events) -> i32 {
    let mut sum = 0i32;
    for (x, w) in x.chunks(block).zip(w.chunks(block)) {
        let mut running = 0i32;
        for pair in pairs(x, w) {
            let saturated = saturate_i16(pair);
            events.hit_if(Event::PairSaturated, saturated != pair);
            let next = running + saturated;
            running = saturate_i16(next);
            events.hit_if(Event::SumSaturated, running != next);
        }
        sum = sum.wrapping_add(running);
    }
    sum
}

fn saturate_i16(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}
