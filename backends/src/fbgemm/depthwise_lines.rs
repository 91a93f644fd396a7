//! Depthwise convolution with exact sums, a line of outputs at once: the kernel's
//! rows under the line are interleaved once, so that each pixel and channel is a
//! group of four codes of one image column, which every window that holds the
//! column meets in one `dot4`. For kernels of 3×3 and 5×5 without dilation along
//! the width; weights stay in registers along a line.
//!
//! Sums are exact, so that the order of kernel positions does not matter. What
//! sums pairs in i16 goes position by position, see [`depthwise`](super::depthwise).

use super::aligned::Aligned;
use super::columns::Columns;
use super::im2col::Geometry;
use super::output::{self, Block, Form, Place, Target};
use crate::backend::{Chosen, Kernel};
use crate::isa::{Isa, WithIsa, each};
use crate::view::{View, ViewMut};

/// Kernel rows of a group.
const ROWS: usize = 4;
/// Outputs that are summed before they are written.
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

/// Kernels whose rows are `GROUPS` groups and which are `WIDTH` wide.
struct Lines<I, const GROUPS: usize, const WIDTH: usize> {
    isa: I,
    geometry: Geometry,
    channels: usize,
    /// channels, padded to four vectors
    ldc: usize,
    zero_point: u8,
    /// `[group][kernel column][ldc]` groups of four rows; rows that the last group lacks are 0
    weights: Aligned<u8>,
    /// `[group][image column][channel]` groups of four rows, padding of the image among them
    groups: Aligned<u8>,
    /// i32 lanes of one group's plane
    plane: usize,
    sums: Aligned<i32>,
    columns: Columns,
    form: Form,
    chosen: Chosen,
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
        let ldc = channels.next_multiple_of(4 * I::LANES);
        let mut packed = Aligned::zeroed(GROUPS * WIDTH * ldc * ROWS);
        for (channel, weights) in weights.chunks_exact(taps).enumerate() {
            for (tap, &weight) in weights.iter().enumerate() {
                let (row, column) = (tap / WIDTH, tap % WIDTH);
                let at = ((row / ROWS * WIDTH + column) * ldc + channel) * ROWS + row % ROWS;
                packed[at] = weight as u8;
            }
        }
        // Stores of whole vectors go up to four vectors further, loads one.
        let plane = Self::columns_of(&geometry) * channels + 4 * I::LANES;
        Self {
            isa,
            geometry,
            channels,
            ldc,
            zero_point,
            weights: packed,
            groups: Aligned::zeroed(GROUPS * plane * ROWS),
            plane,
            sums: Aligned::zeroed(OUTPUTS * ldc),
            columns,
            form,
            chosen: Chosen {
                micro_kernel: format!("u8s8-depthwise-lines-{taps}taps-{}", I::LANES),
                tile: Some((1, I::LANES, taps)),
                fallback: None,
            },
        }
    }

    /// Image columns under a line of outputs, those outside the image among them.
    fn columns_of(geometry: &Geometry) -> usize {
        match geometry.output[2] {
            0 => 0,
            outputs => (outputs - 1) * geometry.step() + WIDTH,
        }
    }
}

impl<I: Isa, const GROUPS: usize, const WIDTH: usize> Kernel for Lines<I, GROUPS, WIDTH> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let input = &inputs[0];
        let (width, channels) = (self.geometry.output[2], self.channels);
        let mut output = Target::of(&mut outputs[0]);
        if channels == 0 || width == 0 {
            return;
        }
        for line in (0..self.geometry.positions()).step_by(width) {
            let rows: [Option<usize>; 2 * ROWS] = self.geometry.rows_under(line);
            for group in 0..GROUPS {
                let at = group * self.plane * ROWS;
                self.isa.vectorize(Interleave {
                    codes: input.u8(),
                    stride: input.row_stride(),
                    channels,
                    rows: each!(None, |row| rows[group * ROWS + row]),
                    width: self.geometry.input[2],
                    pad: self.geometry.pad_left(),
                    columns: Self::columns_of(&self.geometry),
                    zero_point: self.zero_point,
                    groups: &mut self.groups[at..at + self.plane * ROWS],
                });
            }
            for first in (0..width).step_by(OUTPUTS) {
                let count = (width - first).min(OUTPUTS);
                self.isa.vectorize(Sum::<GROUPS, WIDTH> {
                    first,
                    count,
                    step: self.geometry.step(),
                    channels,
                    ldc: self.ldc,
                    plane: self.plane,
                    groups: &self.groups,
                    weights: &self.weights,
                    sums: &mut self.sums,
                });
                let block = Block {
                    sums: &self.sums,
                    ldc: self.ldc,
                    row_sums: None,
                };
                let place = Place {
                    row: line + first,
                    rows: count,
                    column: 0,
                    columns: channels,
                };
                output::finish(
                    self.isa,
                    self.form,
                    &self.columns,
                    &block,
                    place,
                    &mut output,
                );
            }
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

/// Makes the groups of four rows of the image.
struct Interleave<'a> {
    codes: &'a [u8],
    /// codes between pixels
    stride: usize,
    channels: usize,
    /// the first pixel of each row; none outside the image
    rows: [Option<usize>; ROWS],
    /// pixels of a row
    width: usize,
    /// columns left of the image
    pad: usize,
    /// columns in all
    columns: usize,
    zero_point: u8,
    groups: &'a mut [u8],
}

impl<I: Isa> WithIsa<I> for Interleave<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let group = ROWS * self.channels;
        let inside = self.width.min(self.columns.saturating_sub(self.pad));
        let padding = self.zero_point;
        self.groups[..self.pad.min(self.columns) * group].fill(padding);
        // Pixels next to each other are one long one.
        let (pixels, channels) = if self.stride == self.channels {
            (inside.min(1), inside * self.channels)
        } else {
            (inside, self.channels)
        };
        for pixel in 0..pixels {
            let sources: [Option<&[u8]>; ROWS] = each!(None, |row| {
                self.rows[row].map(|first| &self.codes[(first + pixel) * self.stride..][..channels])
            });
            let to = (self.pad * self.channels + pixel * channels) * ROWS;
            for at in (0..channels).step_by(4 * I::LANES) {
                let bytes = (channels - at).min(4 * I::LANES);
                // Room for four whole vectors: what is written too much is written again, by the
                // next pixel or as padding, or lies in the room after the last column.
                let to = &mut self.groups[to + at * ROWS..][..16 * I::LANES];
                let rows: [I::V; ROWS] = each!(isa.splat_i32(0), |row| match sources[row] {
                    // SAFETY: `bytes` codes are left in the source.
                    Some(source) => unsafe {
                        let from = source[at..].as_ptr();
                        if bytes == 4 * I::LANES {
                            isa.load_bytes(from)
                        } else {
                            isa.load_bytes_partial(from, bytes)
                        }
                    },
                    None => isa.splat_u8(padding),
                });
                // SAFETY: `to` is four vectors long.
                unsafe { isa.store_deinterleaved(to.as_mut_ptr().cast(), isa.interleave_4(rows)) };
            }
        }
        let end = (self.pad + inside).min(self.columns);
        self.groups[end * group..self.columns * group].fill(padding);
    }
}

/// Sums of some outputs of a line.
struct Sum<'a, const GROUPS: usize, const WIDTH: usize> {
    first: usize,
    count: usize,
    step: usize,
    channels: usize,
    ldc: usize,
    plane: usize,
    groups: &'a [u8],
    weights: &'a [u8],
    sums: &'a mut [i32],
}

impl<I: Isa, const GROUPS: usize, const WIDTH: usize> WithIsa<I> for Sum<'_, GROUPS, WIDTH> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let Self {
            channels,
            ldc,
            plane,
            ..
        } = self;
        let columns = (self.first + self.count - 1) * self.step + WIDTH;
        assert!(self.count > 0 && columns * channels + I::LANES <= plane);
        assert!(self.groups.len() >= GROUPS * plane * ROWS);
        assert!(self.weights.len() >= GROUPS * WIDTH * ldc * ROWS);
        assert!(
            self.sums.len() >= self.count * ldc && channels.div_ceil(I::LANES) * I::LANES <= ldc
        );
        for channel in (0..channels).step_by(I::LANES) {
            let weights: [[I::V; WIDTH]; GROUPS] = each!([isa.splat_i32(0); WIDTH], |group| each!(
                isa.splat_i32(0),
                |column| {
                    let at = (group * WIDTH + column) * ldc + channel;
                    // SAFETY: the assertion: `ldc` groups, a multiple of LANES, of each kernel
                    // column.
                    unsafe { isa.load_bytes(self.weights.as_ptr().add(at * ROWS)) }
                }
            ));
            for output in 0..self.count {
                let mut sum = isa.splat_i32(0);
                let from = (self.first + output) * self.step * channels + channel;
                for (group, weights) in weights.iter().enumerate() {
                    for (column, &weights) in weights.iter().enumerate() {
                        // SAFETY: the assertion: the last output's last column, and a vector
                        // from any of its channels on, lie in the plane.
                        let codes = unsafe {
                            let at = group * plane + from + column * channels;
                            isa.load_bytes(self.groups.as_ptr().add(at * ROWS))
                        };
                        sum = isa.dot4(sum, codes, weights);
                    }
                }
                // SAFETY: the assertion: `ldc` sums, a multiple of LANES, of each output.
                unsafe {
                    let to = self.sums.as_mut_ptr().add(output * ldc + channel);
                    isa.store_bytes(to.cast(), sum);
                }
            }
        }
    }
}
