//! Windows of a convolution that tiles read where they lie, in place of packing
//! them: where the channels of a group are whole segments, each kernel position
//! gives segments that start at the same places from the start of every window.
//!
//! Padding must be there to be read: an image that has some is copied between
//! borders of the zero point, which costs as much as one kernel position of one
//! output channel.

use std::ops::Range;

use super::aligned::{Aligned, LINE};
use super::im2col::Geometry;
use super::micro_kernel::{Sums, WindowPanel};
use crate::isa::Isa;
use crate::threads;
use crate::view::View;

/// The windows of a block of output positions, channels of one group.
#[derive(Clone, Copy)]
pub struct Windows<'a> {
    image: &'a [u8],
    /// where each window starts
    rows: &'a [usize],
    /// where each segment of a window starts
    segments: &'a [usize],
}

impl<'a> Windows<'a> {
    /// Windows that start at `rows` of `image`, each of `segments` from there on.
    ///
    /// # Panics
    /// When one of them does not lie in the image.
    pub fn new(image: &'a [u8], rows: &'a [usize], segments: &'a [usize]) -> Self {
        let last = |places: &[usize]| places.iter().copied().max();
        if let (Some(row), Some(segment)) = (last(rows), last(segments)) {
            assert!(
                row + segment + LINE <= image.len(),
                "windows lie in the image"
            );
        }
        Self {
            image,
            rows,
            segments,
        }
    }

    /// The windows from `row` on, their segments from `segment` on. As many of each as there are
    /// can be read.
    pub fn panel(&self, row: usize, segment: usize) -> WindowPanel {
        WindowPanel {
            image: self.image.as_ptr(),
            rows: self.rows[row..].as_ptr(),
            segments: self.segments[segment..].as_ptr(),
        }
    }
}

/// How the windows of a convolution are read in place.
pub struct Placing {
    /// as of the image that is read, of which padding is a part
    geometry: Geometry,
    /// the size of the input
    input: [usize; 3],
    /// where the input starts in each dimension
    before: [usize; 3],
    channels: usize,
    /// input channels of a group
    group_in: usize,
    /// the image between its borders; empty where the input is read
    padded: Aligned<u8>,
    /// values between pixels of the image that is read
    stride: usize,
    /// where each segment of a window starts
    segments: Vec<usize>,
}

impl Placing {
    /// For `groups` groups of `group_in` channels; `None` where tiles of `T` read packed rows
    /// alone, windows are not whole segments, or borders would be most of the image.
    pub fn new<I: Isa, T: Sums<I>>(
        geometry: &Geometry,
        groups: usize,
        group_in: usize,
        zero_point: u8,
    ) -> Option<Self> {
        if !T::READS_WINDOWS || group_in == 0 || !group_in.is_multiple_of(LINE) {
            return None;
        }
        let (whole, before) = geometry.with_padding();
        let channels = groups * group_in;
        let codes = whole.pixels() * channels;
        let packed = geometry.positions() * geometry.taps() * channels;
        if packed == 0 || codes > packed.max(geometry.pixels() * channels) {
            return None;
        }
        let is_padded = whole.input != geometry.input;
        let mut padded = Aligned::zeroed(if is_padded { codes } else { 0 });
        padded.fill(zero_point);
        Some(Self {
            geometry: whole,
            input: geometry.input,
            before,
            channels,
            group_in,
            padded,
            stride: channels,
            segments: vec![0; geometry.taps() * (group_in / LINE)],
        })
    }

    /// Makes `input` ready to be read, on `threads` threads.
    pub fn place(&mut self, input: View<'_>, threads: usize) {
        let is_padded = !self.padded.is_empty();
        self.stride = if is_padded {
            self.channels
        } else {
            input.row_stride()
        };
        let per_tap = self.group_in / LINE;
        for (tap, pixel) in self.geometry.tap_pixels().enumerate() {
            let at = pixel * self.stride;
            for (chunk, segment) in self.segments[tap * per_tap..][..per_tap]
                .iter_mut()
                .enumerate()
            {
                *segment = at + chunk * LINE;
            }
        }
        if !is_padded {
            return;
        }
        let [depth, height, width] = self.geometry.input;
        let lines = self.geometry.batch * depth * height;
        let bytes = width * self.channels;
        let copying = Copying {
            input,
            size: self.input,
            before: self.before,
            height,
            depth,
            channels: self.channels,
        };
        if threads == 1 {
            copying.lines(0, bytes, &mut self.padded);
            return;
        }
        let share = lines.div_ceil(threads);
        let mut chunks: Vec<&mut [u8]> = self.padded.chunks_mut(share * bytes).collect();
        let parts = threads::split(lines, 1, share, 1, threads);
        threads::each(&mut chunks, parts, |chunk, part| {
            if !part.rows.is_empty() {
                copying.lines(part.rows.start, bytes, chunk);
            }
        });
    }

    /// Where the windows of `positions` start, in `starts`, whose last ones may be repeated.
    pub fn starts(&self, positions: Range<usize>, starts: &mut [usize]) {
        let count = positions.len();
        self.geometry.first_pixels(positions, &mut starts[..count]);
        starts[..count].iter_mut().for_each(|at| *at *= self.stride);
        let last = starts[..count].last().copied().unwrap_or(0);
        starts[count..].fill(last);
    }

    /// The windows that start at `starts`, channels of group `group`.
    pub fn windows<'a>(
        &'a self,
        input: View<'a>,
        group: usize,
        starts: &'a [usize],
    ) -> Windows<'a> {
        let image = if self.padded.is_empty() {
            input.u8()
        } else {
            &self.padded
        };
        Windows::new(&image[group * self.group_in..], starts, &self.segments)
    }
}

/// Copies lines of an input to where they lie between borders.
struct Copying<'a> {
    input: View<'a>,
    /// the size of the input
    size: [usize; 3],
    /// where the input starts
    before: [usize; 3],
    /// the size of the image between its borders, in lines
    height: usize,
    depth: usize,
    channels: usize,
}

impl Copying<'_> {
    /// Fills in lines of `bytes` bytes from line `first` of the padded images on.
    fn lines(&self, first: usize, bytes: usize, lines: &mut [u8]) {
        let (codes, stride, channels) = (self.input.u8(), self.input.row_stride(), self.channels);
        let [depth, height, width] = self.size;
        for (line, to) in lines.chunks_exact_mut(bytes).enumerate() {
            let (rest, h) = ((first + line) / self.height, (first + line) % self.height);
            let (image, d) = (rest / self.depth, rest % self.depth);
            let inside = |at: usize, dim: usize| {
                (at.checked_sub(self.before[dim])).filter(|&at| at < self.size[dim])
            };
            let Some((d, h)) = inside(d, 0).zip(inside(h, 1)) else {
                continue;
            };
            let pixel = ((image * depth + d) * height + h) * width;
            let to = &mut to[self.before[2] * channels..][..width * channels];
            if stride == channels {
                to.copy_from_slice(&codes[pixel * stride..][..width * channels]);
            } else {
                for (column, to) in to.chunks_exact_mut(channels).enumerate() {
                    to.copy_from_slice(&codes[(pixel + column) * stride..][..channels]);
                }
            }
        }
    }
}
