//! Padding that is laid by a copy of the image, with the wrong codes.

use qassay_golden::spec::{OpSpec, Output};
use qassay_golden::tensor::{DType, Data, Tensor};

use crate::backend::{Chosen, Kernel};
use crate::mutants::answer::dense;
use crate::mutants::subject::{Instead, run_on};
use crate::view::{View, ViewMut};

/// What a copy of the image is padded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// the code 0
    Zero,
    /// one code beside the zero point
    BesideZeroPoint,
    /// the nearest pixel
    Edge,
    /// the zero point read as the other type of 8 bits: 128 away
    OtherSign,
    /// the zero point, but for the last column of pixels, where it is 0
    ZeroInLastColumn,
    /// the zero point of the output
    OutputZeroPoint,
}

/// Convolutions pad a copy of the image, and then compute without padding.
pub fn padded_copy(padding: Padding) -> Instead {
    Box::new(move |family, op, constants| {
        let OpSpec::Conv(spec) = op else {
            return family.prepare(op, constants);
        };
        let mut inner = spec.clone();
        for d in 0..spec.kernel.len() {
            inner.input[d] += spec.pad_begin[d] + spec.pad_end[d];
            (inner.pad_begin[d], inner.pad_end[d]) = (0, 0);
        }
        let output = match &spec.output {
            Output::Quantized(quantized) => quantized.qparams.zero_point,
            _ => 0,
        };
        Ok(Box::new(PaddedCopy {
            kernel: family.prepare(&OpSpec::Conv(inner.clone()), constants)?,
            padding,
            batch: spec.batch,
            channels: spec.in_channels,
            input: spec.input.clone(),
            padded: inner.input,
            begin: spec.pad_begin.clone(),
            dtype: spec.activation.dtype,
            zero_point: spec.activation.qparams.zero_point,
            output,
        }))
    })
}

struct PaddedCopy {
    kernel: Box<dyn Kernel>,
    padding: Padding,
    batch: usize,
    channels: usize,
    input: Vec<usize>,
    padded: Vec<usize>,
    begin: Vec<usize>,
    dtype: DType,
    zero_point: i32,
    output: i32,
}

impl PaddedCopy {
    /// The code that stands in for the zero point.
    fn filling(&self) -> i32 {
        let (low, high) = if self.dtype == DType::I8 {
            (-128, 127)
        } else {
            (0, 255)
        };
        match self.padding {
            Padding::Zero => 0,
            Padding::BesideZeroPoint if self.zero_point < high => self.zero_point + 1,
            Padding::BesideZeroPoint => self.zero_point - 1,
            Padding::OtherSign if self.zero_point - 128 >= low => self.zero_point - 128,
            Padding::OtherSign => self.zero_point + 128,
            Padding::OutputZeroPoint => self.output.clamp(low, high),
            Padding::Edge | Padding::ZeroInLastColumn => self.zero_point,
        }
    }

    /// The code at a position of the padded copy.
    fn code(&self, image: &[i64], position: &[usize], channel: usize, number: usize) -> i64 {
        let (mut inside, mut nearest) = (true, 0);
        for (d, &at) in position.iter().enumerate() {
            let within = at
                .checked_sub(self.begin[d])
                .filter(|&at| at < self.input[d]);
            inside &= within.is_some();
            let last = self.input[d].saturating_sub(1);
            let held = within.unwrap_or(if at < self.begin[d] { 0 } else { last });
            nearest = nearest * self.input[d] + held;
        }
        let pixels: usize = self.input.iter().product();
        if inside || (self.padding == Padding::Edge && pixels > 0) {
            return image[(number * pixels + nearest) * self.channels + channel];
        }
        let last = position.last().zip(self.padded.last());
        if self.padding == Padding::ZeroInLastColumn && last.is_some_and(|(at, len)| at + 1 == *len)
        {
            return 0;
        }
        i64::from(self.filling())
    }
}

impl Kernel for PaddedCopy {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let image = dense(&inputs[0]);
        let image: Vec<i64> = (0..image.len()).map(|at| image.data().code(at)).collect();
        let pixels: usize = self.padded.iter().product();
        let mut codes = Vec::with_capacity(self.batch * pixels * self.channels);
        let mut position = vec![0; self.padded.len()];
        for number in 0..self.batch {
            for pixel in 0..pixels {
                let mut rest = pixel;
                for d in (0..position.len()).rev() {
                    position[d] = rest % self.padded[d];
                    rest /= self.padded[d];
                }
                for channel in 0..self.channels {
                    codes.push(self.code(&image, &position, channel, number));
                }
            }
        }
        let mut shape = vec![self.batch];
        shape.extend(&self.padded);
        shape.push(self.channels);
        let data = Data::from_codes(self.dtype, codes);
        let padded = Tensor::new(shape, data).expect("a code for every place of the shape");
        run_on(self.kernel.as_mut(), &[padded], outputs);
    }

    fn chosen(&self) -> &Chosen {
        self.kernel.chosen()
    }
}
