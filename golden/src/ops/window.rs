//! Windows that slide over an image of one, two or three dimensions, with
//! stride, padding and dilation: which pixels each window covers.

use crate::spec::Sliding;

/// All windows over one image.
#[derive(Debug, Clone)]
pub(crate) struct Windows {
    input: Vec<usize>,
    output: Vec<usize>,
    stride: Vec<usize>,
    pad: Vec<usize>,
    /// offsets of each tap from the window's first position, per dimension; last dimension fastest
    taps: Vec<Vec<usize>>,
}

impl Windows {
    /// The windows of an op whose spec was checked.
    pub(crate) fn new(sliding: Sliding<'_>) -> Self {
        let kernel = sliding.kernel;
        let taps = (0..kernel.iter().product())
            .map(|tap| {
                let mut offsets = unravel(tap, kernel);
                for (offset, dilation) in offsets
                    .iter_mut()
                    .zip(sliding.dilation.into_iter().flatten())
                {
                    *offset *= dilation;
                }
                offsets
            })
            .collect();
        let pad = sliding.pad_begin.map(<[usize]>::to_vec);
        Self {
            input: sliding.input.to_vec(),
            output: sliding.output_size(),
            stride: sliding.stride.to_vec(),
            pad: pad.unwrap_or_else(|| vec![0; kernel.len()]),
            taps,
        }
    }

    /// How many windows there are.
    pub(crate) fn count(&self) -> usize {
        self.output.iter().product()
    }

    /// How many positions a window has.
    pub(crate) fn taps(&self) -> usize {
        self.taps.len()
    }

    /// How many pixels the image has.
    pub(crate) fn pixels(&self) -> usize {
        self.input.iter().product()
    }

    /// The pixel under each tap of a window; `None` outside the image.
    pub(crate) fn positions(&self, window: usize) -> Vec<Option<usize>> {
        let origin = unravel(window, &self.output);
        (self.taps.iter())
            .map(|tap| {
                let mut pixel = 0;
                for d in 0..self.input.len() {
                    let padded = origin[d] * self.stride[d] + tap[d];
                    let position = padded.checked_sub(self.pad[d])?;
                    if position >= self.input[d] {
                        return None;
                    }
                    pixel = pixel * self.input[d] + position;
                }
                Some(pixel)
            })
            .collect()
    }
}

/// The index in each dimension of the element at `index` in row-major order.
fn unravel(mut index: usize, shape: &[usize]) -> Vec<usize> {
    let mut indices = vec![0; shape.len()];
    for d in (0..shape.len()).rev() {
        indices[d] = index % shape[d];
        index /= shape[d];
    }
    indices
}
