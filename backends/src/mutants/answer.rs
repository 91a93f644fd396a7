//! What may be done to a kernel's inputs and outputs: the ends of tails left unwritten, bytes
//! written where nothing of the kernel's lies, codes held to other bounds.

use qassay_golden::spec::{BiasKind, Granularity, OpSpec, Output, Quantized};
use qassay_golden::tensor::{DType, Data, Tensor};

use crate::view::{View, ViewMut};

/// One run of a kernel, after its outputs were written.
pub struct Answer<'a, 'v> {
    /// the op
    pub op: &'a OpSpec,
    /// how often this kernel ran before
    pub times: usize,
    /// what it ran on
    pub inputs: &'a [View<'a>],
    /// what it wrote
    pub outputs: &'a mut [ViewMut<'v>],
    /// what lay in the outputs before
    pub kept: &'a [Kept],
}

/// The bytes of an output before a run.
pub struct Kept(Vec<u8>);

impl Kept {
    /// Those of all outputs.
    pub fn of(outputs: &mut [ViewMut<'_>]) -> Vec<Self> {
        (outputs.iter_mut())
            .map(|output| Self(bytes_mut(output).to_vec()))
            .collect()
    }
}

/// The values of an output as bytes, those between rows among them.
fn bytes_mut<'a>(output: &'a mut ViewMut<'_>) -> &'a mut [u8] {
    let (start, len) = match output.dtype() {
        DType::U8 => (output.u8_mut().as_mut_ptr(), output.u8_mut().len()),
        DType::I8 => (output.i8_mut().as_mut_ptr().cast(), output.i8_mut().len()),
        DType::I32 => (
            output.i32_mut().as_mut_ptr().cast(),
            4 * output.i32_mut().len(),
        ),
        DType::F64 => (
            output.f64_mut().as_mut_ptr().cast(),
            8 * output.f64_mut().len(),
        ),
        _ => (
            output.f32_mut().as_mut_ptr().cast(),
            4 * output.f32_mut().len(),
        ),
    };
    // SAFETY: the view's own values, borrowed mutably for as long as the slice lives; any bytes
    // are values of its types.
    unsafe { std::slice::from_raw_parts_mut(start, len) }
}

/// The values of an input without gaps.
pub fn dense(view: &View<'_>) -> Tensor {
    let (rows, len, stride) = (view.rows(), view.row_len(), view.row_stride());
    macro_rules! rows {
        ($variant:ident, $values:expr) => {
            Data::$variant(
                (0..rows)
                    .flat_map(|row| $values[row * stride..][..len].iter().copied())
                    .collect(),
            )
        };
    }
    let data = match view.dtype() {
        DType::U8 => rows!(U8, view.u8()),
        DType::I8 => rows!(I8, view.i8()),
        DType::I32 => rows!(I32, view.i32()),
        DType::F64 => rows!(F64, view.f64()),
        _ => rows!(F32, view.f32()),
    };
    Tensor::new(view.shape(), data).expect("as many values as the view's shape holds")
}

impl Answer<'_, '_> {
    /// Rows of the first output.
    pub fn rows(&self) -> usize {
        self.outputs[0].rows()
    }

    /// Values in a row of the first output.
    pub fn columns(&self) -> usize {
        self.outputs[0].row_len()
    }

    /// Puts back what lay in one value of the first output, as if it were never written.
    pub fn unwrite(&mut self, row: usize, column: usize) {
        let size = self.outputs[0].dtype().size();
        let at = (row * self.outputs[0].row_stride() + column) * size;
        let kept = &self.kept[0].0[at..at + size];
        bytes_mut(&mut self.outputs[0])[at..at + size].copy_from_slice(kept);
    }

    /// Changes every code of the first output that is of 8 bits, as `change(row, column, code)` says.
    pub fn codes(&mut self, change: impl Fn(usize, usize, i32) -> i32) {
        let (rows, columns) = (self.rows(), self.columns());
        let output = &mut self.outputs[0];
        let stride = output.row_stride();
        for row in 0..rows {
            for column in 0..columns {
                let at = row * stride + column;
                match output.dtype() {
                    DType::U8 => {
                        let code = &mut output.u8_mut()[at];
                        *code = change(row, column, i32::from(*code)) as u8;
                    }
                    DType::I8 => {
                        let code = &mut output.i8_mut()[at];
                        *code = change(row, column, i32::from(*code)) as i8;
                    }
                    _ => {}
                }
            }
        }
    }

    /// Changes every f32 of the outputs.
    pub fn floats(&mut self, change: impl Fn(f32) -> f32) {
        for output in self.outputs.iter_mut() {
            if output.dtype() != DType::F32 {
                continue;
            }
            let (rows, columns, stride) = (output.rows(), output.row_len(), output.row_stride());
            for row in 0..rows {
                for value in &mut output.f32_mut()[row * stride..][..columns] {
                    *value = change(*value);
                }
            }
        }
    }

    /// The range of codes of the first output, if it is of 8 bits.
    pub fn range(&self) -> Option<(i32, i32)> {
        match self.outputs[0].dtype() {
            DType::U8 => Some((0, 255)),
            DType::I8 => Some((-128, 127)),
            _ => None,
        }
    }

    /// The output's type and parameters, if it is quantized.
    pub fn quantized(&self) -> Option<Quantized> {
        let of = |output: &Output| match output {
            Output::Quantized(quantized) => Some(*quantized),
            _ => None,
        };
        match self.op {
            OpSpec::Linear(spec) => of(&spec.output),
            OpSpec::Conv(spec) => of(&spec.output),
            OpSpec::Add(spec) | OpSpec::Mul(spec) => Some(spec.output),
            OpSpec::Relu(spec) => Some(spec.tensor),
            OpSpec::AvgPool(spec) | OpSpec::MaxPool(spec) => Some(spec.output),
            _ => None,
        }
    }

    /// Whether a relu is fused into the op.
    pub fn has_relu(&self) -> bool {
        match self.op {
            OpSpec::Linear(spec) => spec.relu.is_zero(),
            OpSpec::Conv(spec) => spec.relu.is_zero(),
            OpSpec::Add(spec) | OpSpec::Mul(spec) => spec.relu.is_zero(),
            OpSpec::Requantize(spec) => spec.relu,
            OpSpec::Relu(_) => true,
            _ => false,
        }
    }

    /// Flips a bit of the byte `offset` bytes past the end of the first output (0: the first that
    /// is not its own), or of one in front of it where `offset` is negative.
    pub fn flip_outside(&mut self, offset: isize) {
        let values = bytes_mut(&mut self.outputs[0]);
        if values.is_empty() {
            return;
        }
        let at = if offset < 0 {
            values.as_mut_ptr().wrapping_offset(offset)
        } else {
            values
                .as_mut_ptr()
                .wrapping_add(values.len())
                .wrapping_offset(offset)
        };
        // SAFETY: what lies there is memory of the buffer around the operand, or a guard that
        // ends this process: then the fault is found.
        unsafe { at.write_volatile(at.read_volatile() ^ 1) };
    }

    /// Flips a bit of the byte behind the first row of the first output, where another row follows.
    pub fn flip_behind_first_row(&mut self) {
        let output = &mut self.outputs[0];
        let at = output.row_len() * output.dtype().size();
        if output.rows() > 1 {
            bytes_mut(output)[at] ^= 1;
        }
    }

    /// Reads the byte past the end of the first input, or the one in front of it.
    pub fn read_outside(&self, behind: bool) {
        let input = &self.inputs[0];
        let (start, len) = match input.dtype() {
            DType::U8 => (input.u8().as_ptr(), input.u8().len()),
            DType::I8 => (input.i8().as_ptr().cast(), input.i8().len()),
            DType::I32 => (input.i32().as_ptr().cast(), 4 * input.i32().len()),
            DType::F64 => (input.f64().as_ptr().cast(), 8 * input.f64().len()),
            _ => (input.f32().as_ptr().cast(), 4 * input.f32().len()),
        };
        if len == 0 {
            return;
        }
        let at = if behind {
            start.wrapping_add(len)
        } else {
            start.wrapping_sub(1)
        };
        // SAFETY: as in `flip_outside`.
        unsafe { at.read_volatile() };
    }

    /// The address of the first input.
    pub fn input_address(&self) -> usize {
        let input = &self.inputs[0];
        match input.dtype() {
            DType::U8 => input.u8().as_ptr() as usize,
            DType::I8 => input.i8().as_ptr() as usize,
            DType::I32 => input.i32().as_ptr() as usize,
            DType::F64 => input.f64().as_ptr() as usize,
            _ => input.f32().as_ptr() as usize,
        }
    }

    /// The address of the first output.
    pub fn output_address(&mut self) -> usize {
        bytes_mut(&mut self.outputs[0]).as_ptr() as usize
    }

    /// Flips the lowest bit of the last value of the first output.
    pub fn flip_last(&mut self) {
        let values = bytes_mut(&mut self.outputs[0]);
        let len = values.len();
        if len > 0 {
            values[len - 1] ^= 1;
        }
    }
}

/// The scales of weights by output channel, and the kind of bias, of a product.
pub fn product(op: &OpSpec) -> Option<(&Granularity, BiasKind)> {
    match op {
        OpSpec::Linear(spec) => Some((&spec.weights, spec.bias)),
        OpSpec::Conv(spec) => Some((&spec.weights, spec.bias)),
        _ => None,
    }
}
