//! Windows of a convolution that tiles read where they lie, in place of packing
//! them. Codes of a window that follow each other in the image are a segment:
//! those of a kernel position, or of a row of them. Segments start at the same
//! places from the start of every window. They are filled up to whole groups,
//! whose last codes are the image's next ones and meet weights of 0.
//!
//! Padding must be there to be read: an image that has some is copied between
//! borders of the zero point, which costs no more than one kernel position of one
//! output channel.

use std::ops::Range;

use super::aligned::Aligned;
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
    /// groups of a segment
    segment_groups: usize,
}

impl<'a> Windows<'a> {
    /// Windows that start at `rows` of `image`, each of `segments` of `segment_groups` groups from
    /// there on.
    ///
    /// # Panics
    /// When one of them does not lie in the image.
    pub fn new(
        image: &'a [u8],
        rows: &'a [usize],
        segments: &'a [usize],
        segment_groups: usize,
    ) -> Self {
        let last = |places: &[usize]| places.iter().copied().max();
        if let (Some(row), Some(segment)) = (last(rows), last(segments)) {
            let end = row + segment + segment_groups * GROUP;
            assert!(end <= image.len(), "windows lie in the image");
        }
        Self {
            image,
            rows,
            segments,
            segment_groups,
        }
    }

    /// The windows from `row` on, their segments from group `group` on, the first of a segment. As
    /// many of each as there are can be read.
    pub fn panel(&self, row: usize, group: usize) -> WindowPanel {
        WindowPanel {
            image: self.image.as_ptr(),
            rows: self.rows[row..].as_ptr(),
            segments: self.segments[group / self.segment_groups..].as_ptr(),
            segment_groups: self.segment_groups,
        }
    }
}

/// Codes of a group.
const GROUP: usize = 4;

/// How the windows of a convolution are read in place.
pub struct Placing {
    /// as of the image that is read, of which padding is a part
    geometry: Geometry,
    /// the size of the input
    input: [usize; 3],
    /// where the input starts in each dimension
    before: [usize; 3],
    channels: usize,
    /// input channels of a group of the convolution
    group_in: usize,
    /// the image between its borders, and a group; empty where the input is read
    copy: Aligned<u8>,
    /// values between pixels of the image that is read
    stride: usize,
    /// kernel positions next to each other that are read as one
    taps: usize,
    /// codes of a segment, those that fill it up not counted
    segment: usize,
    /// where each segment of a window starts
    segments: Vec<usize>,
}

impl Placing {
    /// For `groups` groups of `group_in` channels to `n` each; `None` where tiles of `T` read
    /// packed rows alone, or reading in place costs more than packing.
    pub fn new<I: Isa, T: Sums<I>>(
        geometry: &Geometry,
        (groups, group_in, n): (usize, usize, usize),
        zero_point: u8,
    ) -> Option<Self> {
        let k = geometry.taps() * group_in;
        if !T::READS_WINDOWS || k == 0 || geometry.positions() == 0 {
            return None;
        }
        let (whole, before) = geometry.with_padding();
        let channels = groups * group_in;
        let is_copied = whole.input != geometry.input || !group_in.is_multiple_of(GROUP);
        // A copy has no gaps between pixels.
        let taps = if is_copied && groups == 1 {
            geometry.taps_next_to_each_other()
        } else {
            1
        };
        // Blocks of k are whole segments.
        let codes = taps * group_in;
        let kcb = T::blocking().kcb;
        let segment = if padded(codes) * (k / codes) <= kcb {
            codes
        } else if codes.is_multiple_of(T::SEGMENT_CODES) {
            T::SEGMENT_CODES
        } else {
            return None;
        };
        // Packing takes about as long as one more product of each code with a tile's columns.
        let more = (padded(segment) - segment) * (k / segment);
        let copied = whole.pixels() * channels;
        if more * n.div_ceil(T::blocking().nr) > k
            || (is_copied
                && copied > (geometry.positions() * k * groups).max(geometry.pixels() * channels))
        {
            return None;
        }
        let mut copy = Aligned::zeroed(if is_copied { copied + GROUP } else { 0 });
        copy.fill(zero_point);
        Some(Self {
            geometry: whole,
            input: geometry.input,
            before,
            channels,
            group_in,
            copy,
            stride: channels,
            taps,
            segment,
            segments: vec![0; k / segment],
        })
    }

    /// Weights, `k` a column, as the segments that they meet: filled up with zeros.
    pub fn weights(&self, weights: &[i8]) -> Vec<i8> {
        let mut filled = Vec::new();
        for segment in weights.chunks_exact(self.segment) {
            filled.extend_from_slice(segment);
            filled.resize(filled.len() + padded(self.segment) - self.segment, 0);
        }
        filled
    }

    /// Codes of a window, those among them that fill segments up.
    pub fn k(&self) -> usize {
        self.segments.len() * padded(self.segment)
    }

    /// Makes `input` ready to be read, on `threads` threads.
    pub fn place(&mut self, input: View<'_>, threads: usize) {
        let is_copied = !self.copy.is_empty();
        self.stride = if is_copied {
            self.channels
        } else {
            input.row_stride()
        };
        let per_run = self.taps * self.group_in / self.segment;
        let runs = self.geometry.tap_pixels().step_by(self.taps);
        for (segments, pixel) in self.segments.chunks_exact_mut(per_run).zip(runs) {
            for (at, segment) in segments.iter_mut().enumerate() {
                *segment = pixel * self.stride + at * self.segment;
            }
        }
        if !is_copied {
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
        // Without the codes after the last line, which may be as many as a line has.
        let image = &mut self.copy[..lines * bytes];
        if threads == 1 {
            copying.lines(0, bytes, image);
            return;
        }
        let share = lines.div_ceil(threads);
        let mut chunks: Vec<&mut [u8]> = image.chunks_mut(share * bytes).collect();
        threads::each_rows(&mut chunks, lines, |chunk, lines| {
            copying.lines(lines.start, bytes, chunk);
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
        let image = if self.copy.is_empty() {
            input.u8()
        } else {
            &self.copy
        };
        let groups = padded(self.segment) / GROUP;
        Windows::new(
            &image[group * self.group_in..],
            starts,
            &self.segments,
            groups,
        )
    }
}

/// As many codes, filled up to whole groups.
fn padded(codes: usize) -> usize {
    codes.next_multiple_of(GROUP)
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
