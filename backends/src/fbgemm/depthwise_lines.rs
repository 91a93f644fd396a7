//! Depthwise convolution with exact sums, a piece of a line of outputs and a block of channels
//! at once: the kernel's rows under the piece are interleaved once, so that each pixel and channel
//! is a group of four codes of one image column, which every window that holds the column meets in
//! one `dot4`. For kernels of 3×3 and 5×5 without dilation along the width.
//!
//! A block is as many channels as a vector has bytes; interleaved, four vectors. Few channels are
//! those of several pixels where windows lie a pixel apart. Channels stay in
//! the order that interleaving gives them until sums are narrowed to codes, which undoes it, and
//! what a piece needs stays in the nearest cache.
//!
//! Sums are exact, so that the order of kernel positions does not matter. What
//! sums pairs in i16 goes position by position, see [`depthwise`](super::depthwise).

mod interleave;
mod packed;
mod source;
mod sum;
mod tail;
mod walk;

use super::aligned::Aligned;
use super::columns::Columns;
use super::im2col::Geometry;
use super::output::{self, Block, Codes, Form, Place};
use crate::backend::{Chosen, Kernel};
use crate::isa::{Isa, each};
use crate::threads::{self, Grid, Output, Part};
use crate::view::{View, ViewMut};

use interleave::Interleave;
use packed::Packed;
use source::WIDEST;
use sum::Sum;
use tail::{LANES, Room, Tail};

/// Kernel rows of a group.
const ROWS: usize = 4;
/// Vectors of a block of channels, as groups or sums.
const VECTORS: usize = 4;
/// Outputs of a piece, of blocks of several pixels.
const OUTPUTS: usize = 32;
/// Outputs of a piece, of blocks of one: the image under it stays in the nearest cache from one
/// block of channels to the next.
const FEW_OUTPUTS: usize = 16;
/// Pixels of a block: what lies over an edge of the image is put together code by code.
const MOST_PIXELS: usize = 8;

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
    /// pixels of a block, where inputs and outputs are dense
    pixels: usize,
    zero_point: u8,
    /// what lies outside the image
    outside: [u8; WIDEST],
    packed: Packed,
    /// channels after the last whole block, those of several outputs in one block
    packed_apart: Packed,
    /// of the channels after the last whole block, `[group][kernel column]`, in their order
    tail_weights: Aligned<u8>,
    columns: Columns,
    form: Form,
}

/// What a thread works in.
struct Worker {
    /// `[group][image column][vector]` groups of four rows, padding of the image among them
    groups: Aligned<u8>,
    /// `[output][vector]`, from `first_sum` on
    sums: Aligned<i32>,
    /// Where addresses lie half a column from those of groups. A load whose last bits are those of
    /// a store that is under way waits for it.
    first_sum: usize,
    tail: Room,
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
        let pixels = if geometry.step() == 1 && channels > 0 && block.is_multiple_of(channels) {
            (block / channels).min(MOST_PIXELS)
        } else {
            1
        };
        let whole = channels - channels % block;
        let mut tail_weights = Aligned::zeroed(GROUPS * WIDTH * block * ROWS);
        for channel in whole..channels {
            for (tap, &weight) in weights[channel * taps..][..taps].iter().enumerate() {
                let (row, column) = (tap / WIDTH, tap % WIDTH);
                let vector = (row / ROWS * WIDTH + column) * I::LANES;
                if channel - whole < I::LANES {
                    tail_weights[(vector + channel - whole) * ROWS + row % ROWS] = weight as u8;
                }
            }
        }
        let packed = |order: &mut dyn ExactSizeIterator<Item = Option<usize>>| {
            Packed::new::<I, GROUPS, WIDTH>(weights, &columns, order)
        };
        // As many quarters of a block for each output as its last channels need.
        let apart = (channels - whole)
            .next_multiple_of(block / 4)
            .max(block / 4);
        let last = |at: usize| Some(whole + at % apart).filter(|&channel| channel < channels);
        let worker = || {
            let columns = columns_under(OUTPUTS, geometry.step(), WIDTH);
            let column = block * ROWS;
            let groups = Aligned::zeroed(GROUPS * columns * column);
            let sums = Aligned::zeroed(OUTPUTS * block + block);
            let apart = address(&groups).wrapping_sub(address(&sums));
            Worker {
                first_sum: apart.wrapping_add(column / 2) % column / size_of::<i32>(),
                groups,
                sums,
                tail: Room::new(columns, GROUPS),
            }
        };
        Self {
            shared: Shared {
                isa,
                geometry,
                channels,
                zero_point,
                outside: [zero_point; WIDEST],
                packed: packed(&mut (0..pixels * channels).map(|at| Some(at % channels))),
                packed_apart: packed(&mut (0..block).map(last)),
                tail_weights,
                pixels,
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

/// Where values lie.
fn address<T>(values: &[T]) -> usize {
    values.as_ptr().addr()
}

/// Image columns under `outputs` outputs whose windows lie `step` columns apart.
fn columns_under(outputs: usize, step: usize, width: usize) -> usize {
    (outputs - 1) * step + width
}

/// Outputs of a line that are computed together.
#[derive(Clone, Copy)]
struct Piece {
    /// in the output
    place: Place,
    /// the number of the first one in its line
    first: usize,
    /// pixels of a block
    pixels: usize,
}

impl Piece {
    /// Blocks of channels.
    fn blocks(&self) -> usize {
        self.place.rows / self.pixels
    }
}

impl<I: Isa, const GROUPS: usize, const WIDTH: usize> Shared<I, GROUPS, WIDTH> {
    /// Computes some lines of outputs.
    fn compute(&self, worker: &mut Worker, input: &View<'_>, part: Part, mut output: Output<'_>) {
        let width = self.geometry.output[2];
        let block = VECTORS * I::LANES;
        let walks = self.geometry.step() > 1 && matches!(self.form, Form::PackedCodes { .. });
        let is_dense = input.row_stride() == self.channels && output.is_dense();
        let together = if is_dense && matches!(self.form, Form::PackedCodes { .. }) {
            self.pixels
        } else {
            1
        };
        for line in part.rows {
            let rows: [Option<usize>; 2 * ROWS] = self.geometry.rows_under(line * width);
            if Self::WALKS && walks {
                self.walk(input, &rows, line * width, &mut output);
                continue;
            }
            let mut first = 0;
            while first < width {
                let left = width - first;
                let pixels = if left < together { 1 } else { together };
                let outputs = if pixels == 1 {
                    // Pieces of a length.
                    left.div_ceil(left.div_ceil(FEW_OUTPUTS))
                } else {
                    left.min(OUTPUTS) / pixels * pixels
                };
                for channel in (0..self.channels).step_by(block) {
                    let place = Place {
                        row: line * width + first,
                        rows: outputs,
                        column: channel,
                        columns: (self.channels - channel).min(block),
                    };
                    let piece = Piece {
                        place,
                        first,
                        pixels,
                    };
                    // A block would be a quarter full at most.
                    let is_tail = I::LANES == LANES && pixels == 1 && place.columns <= LANES;
                    match Codes::of(self.form, place, &mut output) {
                        Some(target) if is_tail => {
                            self.tail(worker, input, &rows, piece, target);
                        }
                        target => {
                            let plane = self.interleave(worker, input, &rows, piece);
                            self.sum(worker, plane, piece, target, &mut output);
                        }
                    }
                }
                first += outputs;
            }
        }
    }

    /// Columns between the windows of two blocks.
    fn step(&self, piece: Piece) -> usize {
        self.geometry.step() * piece.pixels
    }

    /// Makes the groups under a piece; gives the bytes of one group of rows.
    fn interleave(
        &self,
        worker: &mut Worker,
        input: &View<'_>,
        rows: &[Option<usize>; 2 * ROWS],
        piece: Piece,
    ) -> usize {
        let columns = columns_under(piece.blocks(), self.step(piece), WIDTH);
        let plane = columns * VECTORS * I::LANES * ROWS;
        for group in 0..GROUPS {
            let interleave = Interleave {
                codes: input.u8(),
                stride: input.row_stride(),
                channel: piece.place.column,
                channels: piece.place.columns * piece.pixels,
                pixels: piece.pixels,
                rows: each!(None, |row| rows[group * ROWS + row]),
                width: self.geometry.input[2],
                pad: self.geometry.pad_left(),
                first: piece.first * self.geometry.step(),
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

    /// Computes the last channels of a piece.
    fn tail(
        &self,
        worker: &mut Worker,
        input: &View<'_>,
        rows: &[Option<usize>],
        piece: Piece,
        target: Codes,
    ) {
        self.isa.vectorize(Tail::<GROUPS, WIDTH> {
            codes: input.u8(),
            stride: input.row_stride(),
            rows,
            width: self.geometry.input[2],
            pad: self.geometry.pad_left(),
            step: self.geometry.step(),
            piece,
            zero_point: self.zero_point,
            weights: &self.tail_weights,
            constants: &self.columns,
            room: &mut worker.tail,
            target,
        });
    }

    /// Sums the outputs of a piece and writes them.
    fn sum(
        &self,
        worker: &mut Worker,
        plane: usize,
        piece: Piece,
        target: Option<Codes>,
        output: &mut Output<'_>,
    ) {
        let block = VECTORS * I::LANES;
        let place = piece.place;
        let is_written = target.is_some();
        self.isa.vectorize(Sum::<GROUPS, WIDTH> {
            count: piece.blocks(),
            step: self.step(piece),
            plane,
            groups: &worker.groups,
            constants: self.packed.from(place.column),
            sums: &mut worker.sums[worker.first_sum..],
            target: target.map(|codes| codes.together(piece.pixels)),
        });
        if !is_written {
            let block = Block {
                sums: &worker.sums[worker.first_sum..],
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
        let (grid, output) = (Grid::of_rows(lines), Output::of(&mut outputs[0]));
        // SAFETY: `compute` writes its part's lines alone.
        unsafe {
            threads::each_part(&mut self.workers, grid, &output, |worker, part, output| {
                shared.compute(worker, &inputs[0], part, output);
            });
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}
