//! Convolutions whose kernel is read a line at a time: some lines of the image are copied with
//! what pads them, pixels close to each other, so that a kernel line's codes follow each other for
//! every output, and a tile may reach from one line of outputs into the next.
//!
//! Sums are then of other groups of 4 codes than channel by channel: for sums that are exact, or
//! kernel positions of whole groups.

use std::ops::Range;

use super::direct::Codes;
use super::window::{Stretch, Window};

/// How many bytes of an image are copied together, at least a line of outputs' worth.
const COPIED_BYTES: usize = 96 * 1024;

/// Where lines of the image stand, and where outputs and kernel lines read them.
#[derive(Debug)]
pub struct Lines {
    window: Window,
    /// bytes of a pixel
    pixel: usize,
    /// bytes of a padded line
    line: usize,
    /// lines of outputs of a band
    most: usize,
    /// lines of the image under a band, in each plane
    lines: usize,
    starts: Vec<usize>,
    taps: Vec<Stretch>,
    zero_point: u8,
}

/// Some lines of outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// number of the first line
    first: usize,
    /// how many lines
    count: usize,
    /// outputs to compute, by number
    pub outputs: Range<usize>,
    /// those outputs by number in the band
    pub rows: Range<usize>,
}

impl Lines {
    /// For convolutions of `channels` by `window`, if they can be read so.
    pub fn new(window: &Window, channels: usize, zero_point: u8) -> Option<Self> {
        let Window {
            output,
            kernel,
            stride,
            dilation,
            ..
        } = window;
        let empty = window.outputs() == 0 || channels == 0;
        if empty || window.taps() == 1 || (kernel[2] > 1 && dilation[2] > 1) {
            return None;
        }
        let line = ((output[2] - 1) * stride[2] + kernel[2]) * channels;
        let under = |lines: usize| (lines - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1;
        let fits = |lines: usize| under(lines) * line * kernel[0] <= COPIED_BYTES;
        let most = (1..=output[1])
            .rev()
            .find(|&lines| fits(lines))
            .unwrap_or(1);
        let lines = under(most);
        let starts = (0..most * output[2]).map(|row| {
            let (h, w) = (row / output[2], row % output[2]);
            h * stride[1] * line + w * stride[2] * channels
        });
        let taps = (0..kernel[0] * kernel[1]).map(|index| Stretch {
            index,
            count: 1,
            pixel: Some(index / kernel[1] * lines + index % kernel[1] * dilation[1]),
        });
        Some(Self {
            starts: starts.collect(),
            taps: taps.collect(),
            window: window.clone(),
            pixel: channels,
            line,
            most,
            lines,
            zero_point,
        })
    }

    /// Codes of a kernel line, filled up to whole groups of 4.
    pub fn k(&self) -> usize {
        (self.window.kernel[2] * self.pixel).next_multiple_of(4)
    }

    /// Bytes between lines of the image.
    pub fn stride(&self) -> usize {
        self.line
    }

    /// Where the outputs of a band start to read, in a kernel line.
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// The kernel's lines; their pixels are numbers of lines.
    pub fn taps(&self) -> &[Stretch] {
        &self.taps
    }

    /// Room for the lines under a band, and the codes past the last one that whole groups read.
    pub fn room(&self) -> Vec<u8> {
        vec![self.zero_point; self.window.kernel[0] * self.lines * self.line + 3]
    }

    /// The bands of `outputs`.
    pub fn bands(&self, outputs: Range<usize>) -> impl Iterator<Item = Band> {
        let [_, height, width] = self.window.output;
        let mut next = outputs.start;
        std::iter::from_fn(move || {
            if next >= outputs.end {
                return None;
            }
            let first = next / width;
            let last = outputs.end.div_ceil(width);
            let count = self.most.min(height - first % height).min(last - first);
            let end = ((first + count) * width).min(outputs.end);
            let band = Band {
                first,
                count,
                outputs: next..end,
                rows: next - first * width..end - first * width,
            };
            next = end;
            Some(band)
        })
    }

    /// Copies the lines under `band` to `room`, which [`room`](Self::room) made.
    pub fn copy(&self, band: &Band, codes: Codes<'_>, room: &mut [u8]) {
        let Window {
            input,
            output,
            kernel,
            stride,
            pad,
            dilation,
            ..
        } = &self.window;
        let (plane, first) = (band.first / output[1], band.first % output[1]);
        let (image, plane) = (plane / output[0], plane % output[0]);
        let lines = (band.count - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1;
        // The pixels of a line that lie inside the image; those around them stay as they are.
        let before = pad[2] * self.pixel;
        let pixels = (self.line.saturating_sub(before) / self.pixel).min(input[2]);
        for kd in 0..kernel[0] {
            let depth = self.window.position(0, plane, kd);
            for line in 0..lines {
                let to = &mut room[(kd * self.lines + line) * self.line..][..self.line];
                let to = &mut to[before.min(self.line)..][..pixels * self.pixel];
                let height = (first * stride[1] + line).checked_sub(pad[1]);
                let (Some(d), Some(h)) = (depth, height.filter(|&h| h < input[1])) else {
                    to.fill(self.zero_point);
                    continue;
                };
                let start = ((image * input[0] + d) * input[1] + h) * input[2];
                if codes.stride == self.pixel {
                    to.copy_from_slice(&codes.bytes[start * self.pixel..][..to.len()]);
                } else {
                    for (to, pixel) in to.chunks_exact_mut(self.pixel).zip(start..) {
                        to.copy_from_slice(&codes.bytes[pixel * codes.stride..][..self.pixel]);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use qassay_golden::profile::PaddingTap;

    #[test]
    fn a_band_reads_what_the_window_reads() {
        for (input, kernel, stride, pad, dilation) in [
            ([1, 9, 7], [1, 3, 3], [1, 1, 1], [0, 1, 1], [1, 1, 1]),
            ([1, 40, 300], [1, 7, 7], [1, 2, 2], [0, 3, 3], [1, 1, 1]),
            ([3, 4, 5], [2, 3, 2], [1, 2, 3], [1, 2, 1], [2, 2, 1]),
            ([1, 1, 6], [1, 1, 5], [1, 1, 1], [0, 0, 7], [1, 1, 1]),
        ] {
            for channels in [1, 3, 20] {
                check(input, kernel, stride, pad, dilation, channels);
            }
        }
    }

    fn check(
        input: [usize; 3],
        kernel: [usize; 3],
        stride: [usize; 3],
        pad: [usize; 3],
        dilation: [usize; 3],
        channels: usize,
    ) {
        let window = Window::new(2, input, kernel, stride, pad, dilation);
        let lines = Lines::new(&window, channels, 77).expect("read by lines");
        let gap = channels % 3;
        let len = 2 * input.iter().product::<usize>() * (channels + gap);
        let bytes: Vec<u8> = (0..len).map(|at| (at * 7 % 251) as u8).collect();
        let codes = Codes {
            bytes: &bytes,
            stride: channels + gap,
        };
        // What each output reads, tap after tap.
        let mut expected = vec![Vec::new(); window.outputs()];
        let all = 0..window.outputs();
        window.for_each_row(all, PaddingTap::ZeroPoint, &mut Vec::new(), |row, taps| {
            for step in 0..row.len {
                for tap in taps {
                    expected[row.first_output + step].extend(match tap.pixel {
                        Some(pixel) => {
                            let at = (pixel + step * window.step()) * codes.stride;
                            bytes[at..at + channels].to_vec()
                        }
                        None => vec![77; channels],
                    });
                }
            }
        });
        let (mut room, mut seen) = (lines.room(), 0);
        for part in [
            0..window.outputs() / 3,
            window.outputs() / 3..window.outputs(),
        ] {
            for band in lines.bands(part) {
                assert_eq!(band.outputs.start, seen);
                seen = band.outputs.end;
                lines.copy(&band, codes, &mut room);
                for (output, row) in band.outputs.zip(band.rows) {
                    let read = lines.taps().iter().flat_map(|tap| {
                        let line = tap.pixel.expect("inside") * lines.stride();
                        let start = line + lines.starts()[row];
                        assert!(start + lines.k() <= room.len());
                        room[start..][..kernel[2] * channels].to_vec()
                    });
                    assert_eq!(read.collect::<Vec<_>>(), expected[output], "{output}");
                }
            }
        }
        assert_eq!(seen, window.outputs());
    }
}
