//! Depthwise convolution: one input and one output channel a group. Channels
//! stand in lanes; products are made in i32 lanes, so nothing ever saturates.
//!
//! A product u8·s8 takes vpmaddwd on lanes whose upper half is zero in the
//! weight: one instruction, exact, also for sign-extended s8 codes. Where pairs
//! of i16 are no instruction, whole lanes are multiplied.
//!
//! Source: oneDNN `src/cpu/x64/jit_uni_x8s8s32x_conv_kernel.cpp`
//! (compute_ker_dw); the captures show that its sums are exact.

use qassay_golden::profile::PaddingTap;
use qassay_golden::spec::QParams;
use qassay_golden::tensor::DType;

use super::direct::Codes;
use super::epilogue::Epilogue;
use super::outputs::Sums;
use super::window::{Tap, Window};
use crate::backend::Chosen;
use crate::isa::{I16Products, Isa, WithIsa};
use crate::threads::{self, Grid, Output, Part};

/// Outputs of the largest tile.
const MAX_ROWS: usize = 8;

/// A depthwise convolution, prepared.
#[derive(Debug)]
pub struct Depthwise {
    shared: Shared,
    workers: Vec<Worker>,
}

/// What all threads read.
#[derive(Debug)]
struct Shared {
    window: Window,
    channels: usize,
    /// `[taps][channels, padded]`: the weight in the lower half of a lane, zero above; or the
    /// whole lane, see [`whole_lanes`]
    weights: Vec<i32>,
    /// i32 from one tap to the next
    tap_stride: usize,
    epilogue: Epilogue,
    signed: bool,
    /// the zero point, once for each channel
    padding: Vec<u8>,
}

/// What a thread works in.
#[derive(Debug)]
struct Worker {
    taps: Vec<Tap>,
    sums: Vec<i32>,
}

/// Whether products are made in whole i32 lanes.
const fn whole_lanes<I: Isa>() -> bool {
    matches!(I::I16_PRODUCTS, I16Products::Single)
}

/// Σw of each channel of weights laid out `[channels][taps]`.
pub fn weight_sums(codes: &[i8], channels: usize) -> Vec<i32> {
    let taps = codes.len() / channels.max(1);
    (0..channels)
        .map(|channel| {
            (codes[channel * taps..][..taps].iter())
                .fold(0i32, |sum, &w| sum.wrapping_add(i32::from(w)))
        })
        .collect()
}

impl Depthwise {
    /// Packs weights laid out `[channels][taps]`. The epilogue must know the activations'
    /// parameters and must not shift codes.
    pub fn new<I: Isa>(
        window: Window,
        channels: usize,
        codes: &[i8],
        epilogue: Epilogue,
        activation: (DType, QParams),
    ) -> Self {
        let taps = window.taps();
        let tap_stride = channels + 16;
        let mut weights = vec![0; taps * tap_stride];
        for channel in 0..channels {
            for tap in 0..taps {
                let weight = i16::from(codes[channel * taps + tap]);
                weights[tap * tap_stride + channel] = if whole_lanes::<I>() {
                    i32::from(weight)
                } else {
                    i32::from(weight as u16)
                };
            }
        }
        let (dtype, qparams) = activation;
        let worker = || Worker {
            taps: Vec::with_capacity(taps),
            sums: vec![0; MAX_ROWS * 16],
        };
        Self {
            workers: (0..threads::allowed()).map(|_| worker()).collect(),
            shared: Shared {
                window,
                channels,
                weights,
                tap_stride,
                epilogue,
                signed: dtype == DType::I8,
                padding: vec![qparams.zero_point as u8; channels],
            },
        }
    }

    /// What a record says of this kernel.
    pub fn chosen<I: Isa>(&self) -> Chosen {
        let codes = if self.shared.signed { "s8" } else { "u8" };
        Chosen {
            micro_kernel: format!(
                "depthwise-{codes}s8-i32-{}-{MAX_ROWS}x{}",
                if whole_lanes::<I>() { "mul" } else { "madd" },
                I::LANES
            ),
            tile: Some((MAX_ROWS, I::LANES, 1)),
            fallback: None,
        }
    }

    /// Computes all outputs; on one thread it does not allocate.
    pub fn run<I: Isa>(&mut self, isa: I, codes: Codes<'_>, output: Output<'_>) {
        let Self { shared, workers } = self;
        let grid = Grid {
            rows: shared.window.outputs(),
            row_step: shared.window.split_step(MAX_ROWS, workers.len()),
            columns: shared.channels,
            column_step: I::LANES,
        };
        // SAFETY: `compute` writes its part alone.
        unsafe {
            threads::each_part(workers, grid, &output, |worker, part, output| {
                shared.compute(isa, worker, part, codes, output);
            });
        }
    }
}

impl Shared {
    /// Computes one part of the output: positions and channels.
    fn compute<I: Isa>(
        &self,
        isa: I,
        worker: &mut Worker,
        part: Part,
        codes: Codes<'_>,
        mut output: Output<'_>,
    ) {
        let Worker { taps, sums } = worker;
        let row_stride = self.window.step() * codes.stride;
        // A position outside the image is its zero point's code in exact sums, whatever the
        // profile says of pairs.
        let rule = PaddingTap::ZeroPoint;
        self.window
            .for_each_row(part.rows, rule, taps, |row, taps| {
                for channel in part.columns.clone().step_by(I::LANES) {
                    let lanes = I::LANES.min(part.columns.end - channel);
                    let mut done = 0;
                    while done < row.len {
                        let tile = Tile {
                            codes,
                            padding: &self.padding,
                            row_stride,
                            taps,
                            weights: &self.weights,
                            tap_stride: self.tap_stride,
                            first_row: done,
                            channel,
                            lanes,
                            sums,
                        };
                        let rows = tile.run(isa, row.len - done, self.signed);
                        let tile = Sums {
                            sums,
                            stride: I::LANES,
                            rows,
                            first_output: row.first_output + done,
                            first_column: channel,
                            columns: lanes,
                            compensation: self.epilogue.compensation(),
                        };
                        self.epilogue.store(isa, tile, &mut output);
                        done += rows;
                    }
                }
            });
    }
}

/// Some rows of one vector of channels.
struct Tile<'a> {
    codes: Codes<'a>,
    padding: &'a [u8],
    row_stride: usize,
    taps: &'a [Tap],
    weights: &'a [i32],
    tap_stride: usize,
    first_row: usize,
    channel: usize,
    lanes: usize,
    sums: &'a mut [i32],
}

impl Tile<'_> {
    /// Computes as many of `rows` rows as a tile has; says how many.
    fn run<I: Isa>(self, isa: I, rows: usize, signed: bool) -> usize {
        match rows {
            MAX_ROWS.. => self.of::<I, MAX_ROWS>(isa, signed),
            4.. => self.of::<I, 4>(isa, signed),
            2.. => self.of::<I, 2>(isa, signed),
            _ => self.of::<I, 1>(isa, signed),
        }
    }

    fn of<I: Isa, const MR: usize>(self, isa: I, signed: bool) -> usize {
        if signed {
            isa.vectorize(Rows::<'_, MR, true>(self));
        } else {
            isa.vectorize(Rows::<'_, MR, false>(self));
        }
        MR
    }
}

struct Rows<'a, const MR: usize, const SIGNED: bool>(Tile<'a>);

impl<I: Isa, const MR: usize, const SIGNED: bool> WithIsa<I> for Rows<'_, MR, SIGNED> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let tile = self.0;
        let mut sums = [isa.splat_i32(0); MR];
        for tap in tile.taps {
            let (buffer, start, stride) = match tap.pixel {
                Some(pixel) => (
                    tile.codes.bytes,
                    pixel * tile.codes.stride + tile.first_row * tile.row_stride + tile.channel,
                    tile.row_stride,
                ),
                None => (tile.padding, tile.channel, 0),
            };
            let weights = &tile.weights[tap.index * tile.tap_stride + tile.channel..];
            assert!(
                start + (MR - 1) * stride + tile.lanes <= buffer.len() && weights.len() >= I::LANES,
                "rows lie inside their buffer"
            );
            let start = buffer[start..].as_ptr();
            // SAFETY: the assertion: a vector of weights.
            let weights = unsafe { isa.load_bytes(weights.as_ptr().cast()) };
            for (r, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the assertion: MR rows, `stride` apart, of `lanes` ≤ LANES codes.
                let codes = unsafe { load::<I, SIGNED>(isa, start.add(r * stride), tile.lanes) };
                let product = if const { whole_lanes::<I>() } {
                    isa.mul_i32(codes, weights)
                } else {
                    isa.madd_i16(codes, weights)
                };
                *sum = isa.add_i32(*sum, product);
            }
        }
        for (to, sum) in tile.sums[..MR * I::LANES]
            .chunks_exact_mut(I::LANES)
            .zip(sums)
        {
            // SAFETY: `to` is LANES i32, a whole vector.
            unsafe { isa.store_bytes(to.as_mut_ptr().cast(), sum) };
        }
    }
}

/// `lanes` codes widened to i32; what is past them is 0.
///
/// # Safety
/// `codes` must be readable for `lanes` bytes; `lanes <= LANES`.
#[inline(always)]
unsafe fn load<I: Isa, const SIGNED: bool>(isa: I, codes: *const u8, lanes: usize) -> I::V {
    let mut tail = [0u8; 16];
    let whole = if lanes == I::LANES {
        codes
    } else {
        for (i, to) in tail.iter_mut().take(lanes).enumerate() {
            // SAFETY: the caller's contract; i < lanes.
            *to = unsafe { *codes.add(i) };
        }
        tail.as_ptr()
    };
    // SAFETY: `whole` is LANES ≤ 16 bytes: the caller's, or `tail`.
    unsafe {
        if SIGNED {
            isa.load_i8_as_i32(whole.cast())
        } else {
            isa.load_u8_as_i32(whole)
        }
    }
}
