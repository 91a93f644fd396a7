//! Where the windows of a convolution lie in the image: rows of im2col, made one
//! at a time while activations are packed, and kernel positions for depthwise.
//!
//! Every convolution is taken as 3-dimensional with leading dimensions of 1.

use std::ops::Range;

use qassay_golden::spec::ConvSpec;

/// Bytes that a row of im2col has after its codes.
pub const ROW_SLACK: usize = 16;
/// Up to this many codes of a row of the image are copied in whole chunks of [`ROW_SLACK`].
const SHORT: usize = 64;

/// The geometry of a convolution in three dimensions.
#[derive(Debug, Clone, Copy)]
pub struct Geometry {
    /// images
    pub batch: usize,
    /// size of the input
    pub input: [usize; 3],
    /// size of the output
    pub output: [usize; 3],
    /// size of the kernel
    pub kernel: [usize; 3],
    stride: [usize; 3],
    pad: [usize; 3],
    dilation: [usize; 3],
}

/// One output position: where its window starts.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// the first pixel of the image
    image: usize,
    /// the window's first position in each dimension, padding counted as negative
    start: [isize; 3],
}

impl Geometry {
    /// The geometry of `spec`; `None` when a dimension, stride or kernel makes no sense.
    pub fn new(spec: &ConvSpec) -> Option<Self> {
        let dims = spec.kernel.len();
        let lists = [
            &spec.input,
            &spec.stride,
            &spec.pad_begin,
            &spec.pad_end,
            &spec.dilation,
        ];
        if dims == 0
            || dims > 3
            || lists.iter().any(|list| list.len() != dims)
            || spec.kernel.contains(&0)
            || spec.stride.contains(&0)
            || spec.dilation.contains(&0)
        {
            return None;
        }
        let three = |list: &[usize], fill: usize| {
            let mut three = [fill; 3];
            three[3 - dims..].copy_from_slice(list);
            three
        };
        Some(Self {
            batch: spec.batch,
            input: three(&spec.input, 1),
            output: three(&spec.output_size(), 1),
            kernel: three(&spec.kernel, 1),
            stride: three(&spec.stride, 1),
            pad: three(&spec.pad_begin, 0),
            dilation: three(&spec.dilation, 1),
        })
    }

    /// Output positions of all images.
    pub fn positions(&self) -> usize {
        self.batch * self.output.iter().product::<usize>()
    }

    /// Kernel positions.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Pixels of all images of the input.
    pub fn pixels(&self) -> usize {
        self.batch * self.input.iter().product::<usize>()
    }

    /// The same windows of an image of which padding is a part, and where the input starts in it.
    pub fn with_padding(&self) -> (Self, [usize; 3]) {
        let mut whole = *self;
        for dim in 0..3 {
            let reach = (self.kernel[dim] - 1) * self.dilation[dim] + 1;
            let under = self.output[dim].saturating_sub(1) * self.stride[dim] + reach;
            whole.input[dim] = under.max(self.pad[dim] + self.input[dim]);
        }
        whole.pad = [0; 3];
        (whole, self.pad)
    }

    /// Kernel positions of a row, where they are neighbouring pixels; else one.
    pub fn taps_next_to_each_other(&self) -> usize {
        if self.dilation[2] == 1 {
            self.kernel[2]
        } else {
            1
        }
    }

    /// How many pixels after the start of a window each kernel position lies, in order; where
    /// there is no padding.
    pub fn tap_pixels(&self) -> impl Iterator<Item = usize> {
        let Self {
            kernel,
            dilation,
            input,
            ..
        } = *self;
        (0..self.taps()).map(move |tap| {
            let (rest, w) = (tap / kernel[2], tap % kernel[2]);
            let (d, h) = (rest / kernel[1], rest % kernel[1]);
            (d * dilation[0] * input[1] + h * dilation[1]) * input[2] + w * dilation[2]
        })
    }

    /// The first pixel of the window of each of `positions`, where there is no padding.
    pub fn first_pixels(&self, positions: Range<usize>, pixels: &mut [usize]) {
        let width = self.output[2];
        let mut left = pixels;
        let mut position = positions.start;
        while !left.is_empty() {
            let count = (width - position % width).min(left.len());
            let (line, rest) = left.split_at_mut(count);
            let Window { image, start } = self.window(position);
            let [d, h, w] = start.map(|at| at as usize);
            let first = image + (d * self.input[1] + h) * self.input[2] + w;
            for (at, pixel) in line.iter_mut().enumerate() {
                *pixel = first + at * self.stride[2];
            }
            (left, position) = (rest, position + count);
        }
    }

    /// Whether each window is one pixel, the one at the same position.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == [1; 3] && self.stride == [1; 3] && self.input == self.output
    }

    /// Along the width, the output positions whose windows lie inside the image.
    pub fn interior(&self) -> Range<usize> {
        let (pad, stride) = (self.pad[2], self.stride[2]);
        let reach = (self.kernel[2] - 1) * self.dilation[2];
        let first = pad.div_ceil(stride);
        let end = match (self.input[2] + pad).checked_sub(reach + 1) {
            Some(last) => last / stride + 1,
            None => 0,
        };
        first..end.min(self.output[2])
    }

    /// Pixels between the windows of two neighbouring output positions.
    pub fn step(&self) -> usize {
        self.stride[2]
    }

    /// The window of output position `position`, counted over all images.
    pub fn window(&self, position: usize) -> Window {
        let [_, height, width] = self.output;
        let (rest, w) = (position / width, position % width);
        let (rest, h) = (rest / height, rest % height);
        let (image, d) = (rest / self.output[0], rest % self.output[0]);
        let start =
            |dim: usize, at: usize| (at * self.stride[dim]) as isize - self.pad[dim] as isize;
        Window {
            image: image * self.input.iter().product::<usize>(),
            start: [start(0, d), start(1, h), start(2, w)],
        }
    }

    /// Calls `row(first_tap, pixel)` for each row of kernel positions of `window`, in order:
    /// `pixel` is the first pixel of that row of the image, if the row lies in it.
    #[inline(always)]
    fn for_each_row(&self, window: Window, mut row: impl FnMut(usize, Option<usize>)) {
        let [depth, height, width] = self.kernel;
        let place = |dim: usize, tap: usize| {
            let at = window.start[dim] + (tap * self.dilation[dim]) as isize;
            usize::try_from(at).ok().filter(|&at| at < self.input[dim])
        };
        for d in 0..depth {
            for h in 0..height {
                let pixel = (place(0, d).zip(place(1, h)))
                    .map(|(d, h)| window.image + (d * self.input[1] + h) * self.input[2]);
                row((d * height + h) * width, pixel);
            }
        }
    }

    /// Whether it is of two dimensions at most, and neighbouring kernel positions of a row are
    /// neighbouring pixels.
    pub fn is_plane_without_gaps(&self) -> bool {
        (self.input[0], self.output[0], self.kernel[0], self.pad[0]) == (1, 1, 1, 0)
            && self.dilation[2] == 1
    }

    /// Columns of padding left of the image.
    pub fn pad_left(&self) -> usize {
        self.pad[2]
    }

    /// The first pixel of each row of the image under the windows of a line of outputs, in a
    /// plane; `position` is the line's first. `None` outside the image and below the kernel.
    pub fn rows_under<const N: usize>(&self, position: usize) -> [Option<usize>; N] {
        let window = self.window(position);
        std::array::from_fn(|row| {
            let at = window.start[1] + (row * self.dilation[1]) as isize;
            let at = usize::try_from(at).ok().filter(|&at| at < self.input[1])?;
            (row < self.kernel[1]).then(|| window.image + at * self.input[2])
        })
    }

    /// The taps along the width that lie inside the image.
    #[inline(always)]
    fn inside(&self, window: Window) -> Range<usize> {
        let (start, step) = (window.start[2], self.dilation[2] as isize);
        let first = (-start).max(0) as usize;
        let low = first.div_ceil(self.dilation[2]).min(self.kernel[2]);
        let left = self.input[2] as isize - start;
        let high = if left <= 0 {
            0
        } else {
            ((left - 1) / step + 1) as usize
        };
        low..high.clamp(low, self.kernel[2])
    }

    /// The position along the width of a tap that lies inside.
    #[inline(always)]
    fn column(&self, window: Window, tap: usize) -> usize {
        (window.start[2] + (tap * self.dilation[2]) as isize) as usize
    }

    /// The pixel under each tap, in order; `None` outside the image.
    #[inline(always)]
    pub fn taps_of(&self, window: Window, pixels: &mut [Option<usize>]) {
        let inside = self.inside(window);
        self.for_each_row(window, |first, row| {
            let taps = &mut pixels[first..first + self.kernel[2]];
            for (tap, pixel) in taps.iter_mut().enumerate() {
                *pixel = (row.filter(|_| inside.contains(&tap)))
                    .map(|row| row + self.column(window, tap));
            }
        });
    }

    /// One row of im2col of `channels` codes of each tap, from pixels that start `stride` codes
    /// apart, `skip` codes in; `zero_point` outside the image. `row` has [`ROW_SLACK`] bytes more,
    /// which may hold anything afterwards.
    #[expect(clippy::too_many_arguments, reason = "an image and a place in it")]
    pub fn row(
        &self,
        window: Window,
        codes: &[u8],
        stride: usize,
        skip: usize,
        channels: usize,
        zero_point: u8,
        row: &mut [u8],
    ) {
        let width = self.kernel[2];
        if channels == 0 {
            return;
        }
        assert_eq!(row.len(), self.taps() * channels + ROW_SLACK);
        let inside = self.inside(window);
        let contiguous = self.dilation[2] == 1 && stride == channels;
        self.for_each_row(window, |first, pixel| {
            let (place, len) = (first * channels, width * channels);
            let target = &mut row[place..place + len];
            let Some(pixel) = pixel.filter(|_| !inside.is_empty()) else {
                target.fill(zero_point);
                return;
            };
            let first = pixel + self.column(window, inside.start);
            target[..inside.start * channels].fill(zero_point);
            let len = inside.len() * channels;
            let source = &codes[first * stride + skip..];
            if contiguous && len <= SHORT && source.len() >= len + ROW_SLACK {
                // The rows of a few channels are short: whole chunks cost less than exact copies.
                // What is written too much is written again, by the next row or into the slack.
                let place = place + inside.start * channels;
                let target = &mut row[place..place + len + ROW_SLACK];
                for at in (0..len).step_by(ROW_SLACK) {
                    let chunk = &source[at..at + ROW_SLACK];
                    target[at..at + ROW_SLACK].copy_from_slice(chunk);
                }
            } else if contiguous {
                target[inside.start * channels..][..len].copy_from_slice(&source[..len]);
            } else {
                let target = &mut target[inside.start * channels..][..len];
                for (tap, target) in target.chunks_exact_mut(channels).enumerate() {
                    let from = (first + tap * self.dilation[2]) * stride + skip;
                    target.copy_from_slice(&codes[from..][..channels]);
                }
            }
            row[place + inside.end * channels..place + width * channels].fill(zero_point);
        });
    }
}
