//! Which input pixels a window of a convolution or a pool covers, in 1 to 3
//! dimensions.

use qassay_golden::spec::{ConvSpec, PoolSpec};

use crate::backend::Refusal;

/// The sizes of a sliding window, always in three dimensions (missing ones are 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    batch: usize,
    input: [usize; 3],
    output: [usize; 3],
    kernel: [usize; 3],
    stride: [usize; 3],
    pad: [usize; 3],
    dilation: [usize; 3],
}

impl Geometry {
    /// Of a convolution.
    ///
    /// # Errors
    /// When the sizes are not those of 1 to 3 dimensions, or the groups do not part the channels.
    pub fn of_conv(spec: &ConvSpec) -> Result<Self, Refusal> {
        let lists = [
            &spec.input,
            &spec.stride,
            &spec.pad_begin,
            &spec.pad_end,
            &spec.dilation,
        ];
        check(&spec.kernel, &lists)?;
        let grouped = spec.groups > 0
            && spec.in_channels.is_multiple_of(spec.groups)
            && spec.out_channels.is_multiple_of(spec.groups);
        if !grouped || spec.stride.contains(&0) || spec.dilation.contains(&0) {
            return refuse(
                "a convolution needs strides and dilations of at least 1 and groups that part its channels",
            );
        }
        Ok(Self {
            batch: spec.batch,
            input: three(&spec.input, 1),
            output: three(&spec.output_size(), 1),
            kernel: three(&spec.kernel, 1),
            stride: three(&spec.stride, 1),
            pad: three(&spec.pad_begin, 0),
            dilation: three(&spec.dilation, 1),
        })
    }

    /// Of a pool.
    ///
    /// # Errors
    /// When the sizes are not those of 1 to 3 dimensions, or a window may lie outside the image.
    pub fn of_pool(spec: &PoolSpec) -> Result<Self, Refusal> {
        let pad_end = spec.pad_end.as_ref().unwrap_or(&spec.pad);
        check(
            &spec.kernel,
            &[&spec.input, &spec.stride, &spec.pad, pad_end],
        )?;
        let inside = [&spec.pad, pad_end].into_iter().all(|pads| {
            let mut pads = pads.iter().zip(&spec.kernel);
            pads.all(|(pad, kernel)| 2 * pad <= *kernel)
        });
        if !inside || spec.stride.contains(&0) {
            return refuse(
                "a pool needs strides of at least 1 and padding of at most half its window",
            );
        }
        Ok(Self {
            batch: spec.batch,
            input: three(&spec.input, 1),
            output: three(&spec.output_size(), 1),
            kernel: three(&spec.kernel, 1),
            stride: three(&spec.stride, 1),
            pad: three(&spec.pad, 0),
            dilation: [1; 3],
        })
    }

    /// Whether each output reads the one pixel of the same number: 1×1, stride 1, no padding.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == [1; 3] && self.stride == [1; 3] && self.input == self.output
    }

    /// Kernel positions.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Output positions, those of all images.
    pub fn outputs(&self) -> usize {
        self.batch * self.output.iter().product::<usize>()
    }

    /// The pixel that kernel position `tap` of output `output` reads; `None` outside the image.
    pub fn pixel(&self, output: usize, tap: usize) -> Option<usize> {
        let [_, height, width] = self.output;
        let (line, w) = (output / width, output % width);
        let (plane, h) = (line / height, line % height);
        let (image, d) = (plane / self.output[0], plane % self.output[0]);
        let [_, kernel_h, kernel_w] = self.kernel;
        let tap = [
            tap / (kernel_h * kernel_w),
            tap / kernel_w % kernel_h,
            tap % kernel_w,
        ];
        let mut pixel = image;
        for (dim, at) in [d, h, w].into_iter().enumerate() {
            let position = (at * self.stride[dim] + tap[dim] * self.dilation[dim])
                .checked_sub(self.pad[dim])
                .filter(|&position| position < self.input[dim])?;
            pixel = pixel * self.input[dim] + position;
        }
        Some(pixel)
    }
}

fn three(sizes: &[usize], missing: usize) -> [usize; 3] {
    let mut all = [missing; 3];
    all[3 - sizes.len()..].copy_from_slice(sizes);
    all
}

fn check(kernel: &[usize], lists: &[&Vec<usize>]) -> Result<(), Refusal> {
    let dimensions = kernel.len();
    let fits = (1..=3).contains(&dimensions)
        && !kernel.contains(&0)
        && lists.iter().all(|list| list.len() == dimensions);
    if fits {
        Ok(())
    } else {
        refuse("a window needs sizes in 1 to 3 dimensions, all of them in as many")
    }
}

fn refuse<T>(why: &str) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(why.into()))
}
