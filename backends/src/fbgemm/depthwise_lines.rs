//! Depthwise convolution with exact sums, a piece of a line of outputs and a block of channels
//! at once: the kernel's rows under the piece are interleaved once, so that each pixel and channel
//! is a group of four codes of one image column, which every window that holds the column meets in
//! one `dot4`. For kernels of 3×3 and 5×5 without dilation along the width.
//!
//! A block is as many channels as a vector has bytes; interleaved, four vectors. Channels stay in
//! the order that interleaving gives them until sums are narrowed to codes, which undoes it, and
//! what a piece needs stays in the nearest cache.
//!
//! Sums are exact, so that the order of kernel positions does not matter. What
//! sums pairs in i16 goes position by position, see [`depthwise`](super::depthwise).

mod interleave;
mod sum;

use super::aligned::Aligned;
use super::columns::Columns;
use super::depthwise::lane_of;
use super::im2col::Geometry;
use super::output::{self, Block, Codes, Form, Place, Target};
use crate::backend::{Chosen, Kernel};
use crate::isa::{Isa, each};
use crate::threads::{self, Part};
use crate::view::{View, ViewMut};

use interleave::Interleave;
use sum::{Constants, Sum};

/// Kernel rows of a group.
const ROWS: usize = 4;
/// Vectors of a block of channels, as groups or sums.
const VECTORS: usize = 4;
/// Outputs of a piece.
const OUTPUTS: usize = 32;

/// The kernel, where the shape is one of those that this has: `weights` holds the taps of each
/// channel, `zero_point` lies outside the image.
///
/// # Errors
/// `columns` and `form` come back where the shape is another.
#[allow(
    clippy::result_large_err,
    reason = "where there is none, both go to the other kernel"
)]
pub fn kernel<I: Isa>(
    isa: I,
    geometry: Geometry,
    weights: &[i8],
    zero_point: u8,
    columns: Columns,
    form: Form,
) -> Result<Box<dyn Kernel>, (Columns, Form)> {
    if columns.corrects_rows() || !geometry.is_plane_without_gaps() {
        return Err((columns, form));
    }
    let parts = (isa, geometry, weights, zero_point, columns, form);
    match geometry.kernel {
        [1, 3, 3] => Ok(Box::new(Lines::<I, 1, 3>::new(parts))),
        [1, 5, 5] => Ok(Box::new(Lines::<I, 2, 5>::new(parts))),
        _ => Err((parts.4, parts.5)),
    }
}

/// Kernels whose rows are `GROUPS` groups and which are `WIDTH` wide and high.
struct Lines<I, const GROUPS: usize, const WIDTH: usize> {
    shared: Shared<I, GROUPS, WIDTH>,
    workers: Vec<Worker>,
    chosen: Chosen,
}

/// What all threads read.
struct Shared<I, const GROUPS: usize, const WIDTH: usize> {
    isa: I,
    geometry: Geometry,
    channels: usize,
    zero_point: u8,
    /// `[block][group][kernel column][vector]` groups of four rows; rows that the last group lacks
    /// are 0
    weights: Aligned<u8>,
    /// of each channel, in the order of the sums
    constants: Constants,
    columns: Columns,
    form: Form,
}

/// What a thread works in.
struct Worker {
    /// `[group][image column][vector]` groups of four rows, padding of the image among them
    groups: Aligned<u8>,
    /// `[output][vector]`
    sums: Aligned<i32>,
}

impl<I: Isa, const GROUPS: usize, const WIDTH: usize> Lines<I, GROUPS, WIDTH> {
    fn new(
        (isa, geometry, weights, zero_point, columns, form): (
            I,
            Geometry,
            &[i8],
            u8,
            Columns,
            Form,
        ),
    ) -> Self {
        let taps = geometry.taps();
        let channels = weights.len() / taps;
        let block = VECTORS * I::LANES;
        let padded = channels.next_multiple_of(block);
        let mut packed = Aligned::zeroed(GROUPS * WIDTH * padded * ROWS);
        for (channel, weights) in weights.chunks_exact(taps).enumerate() {
            let lane = lane_of::<I>(channel);
            for (tap, &weight) in weights.iter().enumerate() {
                let (row, column) = (tap / WIDTH, tap % WIDTH);
                let vectors = (lane / block * GROUPS + row / ROWS) * WIDTH + column;
                packed[(vectors * block + lane % block) * ROWS + row % ROWS] = weight as u8;
            }
        }
        let worker = || Worker {
            groups: Aligned::zeroed(
                GROUPS * columns_under(&geometry, OUTPUTS, WIDTH) * block * ROWS,
            ),
            sums: Aligned::zeroed(OUTPUTS * block),
        };
        Self {
            shared: Shared {
                isa,
                geometry,
                channels,
                zero_point,
                weights: packed,
                constants: Constants::new::<I>(&columns, channels),
                columns,
                form,
            },
            workers: (0..threads::allowed()).map(|_| worker()).collect(),
            chosen: Chosen {
                micro_kernel: format!("u8s8-depthwise-lines-{taps}taps-{block}"),
                tile: Some((1, block, taps)),
                fallback: None,
            },
        }
    }
}

/// Image columns under `outputs` outputs of a line.
fn columns_under(geometry: &Geometry, outputs: usize, width: usize) -> usize {
    (outputs - 1) * geometry.step() + width
}

impl<I: Isa, const GROUPS: usize, const WIDTH: usize> Shared<I, GROUPS, WIDTH> {
    /// Computes some lines of outputs.
    fn compute(&self, worker: &mut Worker, input: &View<'_>, output: &Target<'_>, part: Part) {
        let width = self.geometry.output[2];
        let block = VECTORS * I::LANES;
        // SAFETY: parts do not overlap, and this writes its own alone.
        let mut output = unsafe { output.again() };
        for line in part.rows {
            let rows: [Option<usize>; 2 * ROWS] = self.geometry.rows_under(line * width);
            for channel in (0..self.channels).step_by(block) {
                for first in (0..width).step_by(OUTPUTS) {
                    let place = Place {
                        row: line * width + first,
                        rows: (width - first).min(OUTPUTS),
                        column: channel,
                        columns: (self.channels - channel).min(block),
                    };
                    let plane = self.interleave(worker, input, &rows, first, place);
                    self.sum(worker, plane, place, &mut output);
                }
            }
        }
    }

    /// Makes the groups under outputs `place`, number `first` of their line and more; gives the
    /// bytes of one group of rows.
    fn interleave(
        &self,
        worker: &mut Worker,
        input: &View<'_>,
        rows: &[Option<usize>; 2 * ROWS],
        first: usize,
        place: Place,
    ) -> usize {
        let columns = columns_under(&self.geometry, place.rows, WIDTH);
        let plane = columns * VECTORS * I::LANES * ROWS;
        for group in 0..GROUPS {
            let interleave = Interleave {
                codes: input.u8(),
                stride: input.row_stride(),
                channel: place.column,
                channels: place.columns,
                rows: each!(None, |row| rows[group * ROWS + row]),
                width: self.geometry.input[2],
                pad: self.geometry.pad_left(),
                first: first * self.geometry.step(),
                columns,
                zero_point: self.zero_point,
                groups: &mut worker.groups[group * plane..][..plane],
            };
            // Rows that the kernel lacks need not be read.
            match WIDTH - group * ROWS {
                1 => self.isa.vectorize(interleave.of_rows::<1>()),
                3 => self.isa.vectorize(interleave.of_rows::<3>()),
                _ => self.isa.vectorize(interleave.of_rows::<4>()),
            }
        }
        plane
    }

    /// Sums the outputs `place` and writes them.
    fn sum(&self, worker: &mut Worker, plane: usize, place: Place, output: &mut Target<'_>) {
        let block = VECTORS * I::LANES;
        let target = Codes::of(self.form, place, output);
        let is_written = target.is_some();
        self.isa.vectorize(Sum::<GROUPS, WIDTH> {
            count: place.rows,
            step: self.geometry.step(),
            plane,
            groups: &worker.groups,
            weights: &self.weights[place.column * GROUPS * WIDTH * ROWS..],
            constants: self.constants.from(place.column),
            sums: &mut worker.sums,
            target,
        });
        if !is_written {
            let block = Block {
                sums: &worker.sums,
                ldc: block,
                row_sums: None,
            };
            output::finish(self.isa, self.form, &self.columns, &block, place, output);
        }
    }
}

impl<I: Isa, const GROUPS: usize, const WIDTH: usize> Kernel for Lines<I, GROUPS, WIDTH> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let shared = &self.shared;
        let width = shared.geometry.output[2];
        if shared.channels == 0 || width == 0 {
            return;
        }
        let lines = shared.geometry.positions() / width;
        let output = Target::of(&mut outputs[0]);
        let parts = threads::split(lines, 1, 1, 1, self.workers.len());
        threads::each(&mut self.workers, parts, |worker, part| {
            shared.compute(worker, &inputs[0], &output, part);
        });
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}
