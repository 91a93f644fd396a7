//! Depthwise convolution: one input and one output channel a group, channels in
//! lanes, rows of taps by the indirection buffer. Up to 9 taps go in one pass;
//! more go in passes of 10, partial sums kept in a buffer of one pixel.
//!
//! Sources: QNNPACK `src/q8dwconv/up8x9-{neon,sse2}.c`, `mp8x25-{neon,sse2}.c`,
//! `src/qnnpack/pack.h` (pack_q8dw_w).

use std::ops::Range;

use qassay_golden::tensor::DType;

use super::geometry::Geometry;
use super::indirection::{Indirection, PADDING};
use super::output::{Finish, Sums, zero_byte};
use super::pack::WeightCodes;
use super::product::Codes;
use crate::backend::{Chosen, Refusal};
use crate::isa::{Isa, WithIsa};
use crate::threads::{self, Grid, Output};
use crate::view::ViewMut;

/// Taps that one pass takes without partial sums.
const UNIPASS: usize = 9;
/// Taps of a pass where there are several.
const PASS: usize = 10;
/// Channels of the widest block: the i16 lanes of the widest vector.
const MAX_CR: usize = 32;

/// A depthwise convolution, prepared.
#[derive(Debug)]
pub struct Depthwise {
    shared: Shared,
    /// the sums of one pixel's channels, in whole blocks, of each thread
    workers: Vec<Vec<i32>>,
}

/// What all threads read.
#[derive(Debug)]
struct Shared {
    indirection: Indirection,
    packed: Packed,
    zero: Vec<u8>,
    signed: bool,
    finish: Finish,
}

/// Weights in blocks of `cr` channels: `cr` biases, then `cr` u8 weights for each tap.
#[derive(Debug)]
struct Packed {
    bytes: Vec<u8>,
    block_bytes: usize,
    /// by channel, in whole blocks
    zero_points: Vec<i16>,
    channels: usize,
    cr: usize,
}

impl Depthwise {
    /// Packs the weights. `finish` and `bias` come from [`Finish::new`].
    ///
    /// # Errors
    /// When the activations are no 8-bit codes.
    pub fn new<I: Isa>(
        geometry: &Geometry,
        weights: &WeightCodes,
        activation: (DType, i32),
        finish: Finish,
        bias: &[i32],
    ) -> Result<Self, Refusal> {
        let zero = zero_byte(activation.0, activation.1)?;
        let packed = Packed::new(weights, geometry.taps(), activation.1, bias, 2 * I::LANES);
        Ok(Self {
            workers: vec![vec![0; packed.zero_points.len()]; threads::allowed()],
            shared: Shared {
                indirection: Indirection::new(geometry, 1),
                zero: vec![zero; packed.channels],
                signed: activation.0 == DType::I8,
                finish,
                packed,
            },
        })
    }

    /// What a record says of this kernel.
    pub fn chosen(&self) -> Chosen {
        let shared = &self.shared;
        let (taps, cr) = (shared.indirection.taps(), shared.packed.cr);
        let codes = if shared.signed { "s8" } else { "u8" };
        let form = if taps <= UNIPASS { "up" } else { "mp" };
        Chosen {
            micro_kernel: format!(
                "q8dwconv-{codes}-{form}{cr}x{taps}-{}",
                shared.finish.name()
            ),
            tile: Some((1, cr, 1)),
            fallback: None,
        }
    }

    /// Computes all outputs; on one thread it does not allocate.
    pub fn run<I: Isa>(&mut self, isa: I, codes: Codes<'_>, output: &mut ViewMut<'_>) {
        let Self { shared, workers } = self;
        let grid = Grid::of_rows(shared.indirection.outputs());
        // SAFETY: `compute` writes its part's pixels alone.
        unsafe {
            threads::each_part(workers, grid, &Output::of(output), |sums, part, output| {
                shared.compute(isa, sums, part.rows, codes, output);
            });
        }
    }
}

impl Shared {
    /// Computes some pixels of the output.
    fn compute<I: Isa>(
        &self,
        isa: I,
        values: &mut [i32],
        pixels: Range<usize>,
        codes: Codes<'_>,
        mut output: Output<'_>,
    ) {
        let taps = self.indirection.taps();
        let step = if taps <= UNIPASS { UNIPASS } else { PASS };
        for pixel in pixels {
            let entries = self.indirection.tile(pixel);
            for first in (0..taps).step_by(step) {
                let pass = Pass {
                    codes,
                    zero: &self.zero,
                    entries: &entries[first..taps.min(first + step)],
                    first,
                    packed: &self.packed,
                    sums: values,
                };
                if self.signed {
                    isa.vectorize(Blocks::<true>(pass));
                } else {
                    isa.vectorize(Blocks::<false>(pass));
                }
            }
            let sums = Sums {
                sums: values,
                stride: values.len(),
                rows: 1,
                columns: self.packed.channels,
                row: pixel,
                column: 0,
            };
            self.finish.store(isa, sums, &mut output);
        }
    }
}

impl Packed {
    fn new(
        weights: &WeightCodes,
        taps: usize,
        input_zero_point: i32,
        bias: &[i32],
        cr: usize,
    ) -> Self {
        let channels = weights.zero_points.len();
        let blocks = channels.div_ceil(cr);
        let block_bytes = 4 * cr + taps * cr;
        let mut bytes = vec![0; blocks * block_bytes];
        let mut zero_points = vec![0; blocks * cr];
        for channel in 0..channels {
            let codes = &weights.codes[channel * taps..][..taps];
            let zero_point = i32::from(weights.zero_points[channel]);
            zero_points[channel] = zero_point as i16;
            let fold: i32 = codes.iter().map(|&w| i32::from(w) - zero_point).sum();
            let folded = bias[channel].wrapping_sub(input_zero_point.wrapping_mul(fold));
            let (block, lane) = (channel / cr, channel % cr);
            let block = &mut bytes[block * block_bytes..][..block_bytes];
            block[4 * lane..][..4].copy_from_slice(&folded.to_ne_bytes());
            for (tap, &code) in codes.iter().enumerate() {
                block[4 * cr + tap * cr + lane] = code;
            }
        }
        Self {
            bytes,
            block_bytes,
            zero_points,
            channels,
            cr,
        }
    }
}

/// Some taps of one output pixel, all channels.
struct Pass<'a> {
    codes: Codes<'a>,
    zero: &'a [u8],
    /// the pixels of the taps
    entries: &'a [usize],
    /// the first tap's number; sums start with the biases if it is 0
    first: usize,
    packed: &'a Packed,
    sums: &'a mut [i32],
}

struct Blocks<'a, const SIGNED: bool>(Pass<'a>);

impl<I: Isa, const SIGNED: bool> WithIsa<I> for Blocks<'_, SIGNED> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let pass = self.0;
        let cr = 2 * I::LANES;
        let Packed {
            bytes,
            block_bytes,
            zero_points,
            channels,
            ..
        } = pass.packed;
        let blocks = (bytes.chunks_exact(*block_bytes))
            .zip(zero_points.chunks_exact(cr))
            .zip(pass.sums.chunks_exact_mut(cr));
        for (index, ((block, zero_points), sums)) in blocks.enumerate() {
            let channel = index * cr;
            let count = (channels - channel).min(cr);
            let start = if pass.first == 0 {
                block[..4 * cr].as_ptr()
            } else {
                sums.as_ptr().cast()
            };
            // SAFETY: `start` is cr i32, two vectors; the zero points are cr i16, one vector.
            let (mut acc, zero_points) = unsafe {
                (
                    [
                        isa.load_bytes(start),
                        isa.load_bytes(start.add(4 * I::LANES)),
                    ],
                    isa.load_bytes(zero_points.as_ptr().cast()),
                )
            };
            let mut weights = block[4 * cr + pass.first * cr..].chunks_exact(cr);
            for &entry in pass.entries {
                let row = match entry {
                    PADDING => &pass.zero[channel..][..count],
                    pixel => &pass.codes.bytes[pixel * pass.codes.stride + channel..][..count],
                };
                let weights = weights.next().expect("a block holds all taps");
                // SAFETY: a tap's weights are cr bytes.
                let weights = unsafe { isa.load_u8_as_i16(weights.as_ptr()) };
                let weights = isa.sub_i16(weights, zero_points);
                acc = isa.mul_add_i16(acc, load::<I, SIGNED>(isa, row), weights);
            }
            let to: *mut u8 = sums.as_mut_ptr().cast();
            // SAFETY: `sums` is cr i32, two vectors.
            unsafe {
                isa.store_bytes(to, acc[0]);
                isa.store_bytes(to.add(4 * I::LANES), acc[1]);
            }
        }
    }
}

/// Up to `2·LANES` codes widened to i16; lanes past them are 0.
#[inline(always)]
fn load<I: Isa, const SIGNED: bool>(isa: I, row: &[u8]) -> I::V {
    let mut tail = [0; MAX_CR];
    let whole = if row.len() == 2 * I::LANES {
        row.as_ptr()
    } else {
        for (to, &code) in tail.iter_mut().zip(row) {
            *to = code;
        }
        tail.as_ptr()
    };
    // SAFETY: `whole` is 2·LANES ≤ 32 bytes: the row or `tail`.
    unsafe {
        if SIGNED {
            isa.load_i8_as_i16(whole.cast())
        } else {
            isa.load_u8_as_i16(whole)
        }
    }
}
