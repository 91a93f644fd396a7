//! Where operands lie while a kernel runs: guarded buffers, made once per
//! worker and reused, into which each case's inputs and outputs are laid as its
//! [`Layout`] says. Everything that is not an operand's value (gaps between
//! rows, the surroundings) is poisoned before and checked after the run.

use qassay_backends::backend::Kernel;
use qassay_backends::view::{Values, ValuesMut, View, ViewMut};
use qassay_golden::tensor::{DType, Data, Tensor};

use crate::case::{Layout, Place, Placement};
use crate::os::GuardedBuffer;
use crate::os::faults::{self, Watched};

/// The bytes that outputs and surroundings are filled with before the first and
/// before the second run: they differ in every bit, so that an output that is
/// never written is wrong in at least one of the two.
pub const POISON: [u8; 2] = [0xa5, 0x5a];

/// Bytes on each side of an operand that are poisoned and checked (fewer where
/// the guard is nearer), besides two rows.
const SURROUNDINGS: usize = 1024;

/// The least size of a buffer: most cases never make it grow.
const FIRST_SIZE: usize = 256 << 10;

/// Guarded buffers for the operands of one case at a time.
#[derive(Default)]
pub struct Arena {
    inputs: Vec<Operand>,
    outputs: Vec<Operand>,
    laid_inputs: usize,
    laid_outputs: usize,
}

/// A byte that was changed though it is no output value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("wrote {place} of {operand} {number}")]
pub struct Trespass {
    operand: &'static str,
    number: usize,
    place: String,
}

impl Arena {
    /// An arena without buffers; they are made when first needed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lays inputs and outputs, and poisons everything that is not an input value.
    pub fn lay(
        &mut self,
        inputs: &[Tensor],
        outputs: &[(Vec<usize>, DType)],
        layout: &Layout,
        poison: u8,
    ) {
        (self.laid_inputs, self.laid_outputs) = (inputs.len(), outputs.len());
        grow(&mut self.inputs, inputs.len());
        grow(&mut self.outputs, outputs.len());
        for (number, (operand, tensor)) in self.inputs.iter_mut().zip(inputs).enumerate() {
            operand.place(tensor.shape(), tensor.dtype(), &layout.inputs);
            operand.poison_around(poison);
            operand.write(tensor.data());
            faults::watch(number, operand.watched(false, number));
        }
        for (number, (operand, (shape, dtype))) in self.outputs.iter_mut().zip(outputs).enumerate()
        {
            operand.place(shape, *dtype, &layout.outputs);
            operand.poison(poison);
            faults::watch(inputs.len() + number, operand.watched(true, number));
        }
        faults::unwatch_from(inputs.len() + outputs.len());
    }

    /// Poisons everything that is not an input value again; input values stay, and
    /// [`check`](Self::check) has found them as they were laid.
    pub fn poison(&mut self, poison: u8) {
        for operand in &mut self.inputs[..self.laid_inputs] {
            operand.poison_around(poison);
        }
        self.poison_outputs(poison);
    }

    /// Runs a kernel on what was laid.
    pub fn run(&mut self, kernel: &mut dyn Kernel) {
        self.repeat(kernel, 1);
    }

    /// Runs a kernel `times` times on what was laid; the views are made once.
    pub fn repeat(&mut self, kernel: &mut dyn Kernel, times: u64) {
        let inputs: Vec<View<'_>> = self.inputs[..self.laid_inputs]
            .iter()
            .map(Operand::view)
            .collect();
        let mut outputs: Vec<ViewMut<'_>> = self.outputs[..self.laid_outputs]
            .iter_mut()
            .map(Operand::view_mut)
            .collect();
        for _ in 0..times {
            kernel.run(&inputs, &mut outputs);
        }
    }

    /// Poisons the outputs again; inputs stay as they are.
    pub fn poison_outputs(&mut self, poison: u8) {
        for operand in &mut self.outputs[..self.laid_outputs] {
            operand.poison(poison);
        }
    }

    /// Whether the outputs are these, byte for byte.
    pub fn gave(&self, outputs: &[Tensor]) -> bool {
        self.outputs[..self.laid_outputs]
            .iter()
            .zip(outputs)
            .all(|(operand, tensor)| operand.unchanged(tensor.data()).is_ok())
    }

    /// The outputs as they are now, dense.
    pub fn outputs(&self) -> Vec<Tensor> {
        self.outputs[..self.laid_outputs]
            .iter()
            .map(Operand::read)
            .collect()
    }

    /// Checks that nothing but output values was written: the inputs and all
    /// gaps and surroundings still hold what [`lay`](Self::lay) put there.
    ///
    /// # Errors
    /// With the first changed place.
    pub fn check(&mut self, inputs: &[Tensor], poison: u8) -> Result<(), Trespass> {
        let changed = |operand, number| {
            move |place| Trespass {
                operand,
                number,
                place,
            }
        };
        let operands = self.outputs[..self.laid_outputs].iter_mut().enumerate();
        for (number, operand) in operands {
            operand.check(poison).map_err(changed("output", number))?;
        }
        let operands = self.inputs.iter_mut().zip(inputs).enumerate();
        for (number, (operand, tensor)) in operands {
            operand.check(poison).map_err(changed("input", number))?;
            operand
                .unchanged(tensor.data())
                .map_err(changed("input", number))?;
        }
        Ok(())
    }
}

/// `1 byte`, `2 bytes`.
pub(crate) fn bytes_in_words(count: usize) -> String {
    format!("{count} byte{}", if count == 1 { "" } else { "s" })
}

fn grow(operands: &mut Vec<Operand>, len: usize) {
    while operands.len() < len {
        operands.push(Operand::new(GuardedBuffer::new(FIRST_SIZE)));
    }
}

/// One operand in its buffer.
struct Operand {
    buffer: GuardedBuffer,
    dtype: DType,
    shape: Vec<usize>,
    /// rows, and bytes from row to row and in a row
    rows: usize,
    stride: usize,
    row: usize,
    /// bytes before the first value; bytes from the first to the last value
    start: usize,
    extent: usize,
}

impl Operand {
    fn new(buffer: GuardedBuffer) -> Self {
        Self {
            buffer,
            dtype: DType::U8,
            shape: vec![0],
            rows: 0,
            stride: 0,
            row: 0,
            start: 0,
            extent: 0,
        }
    }

    fn place(&mut self, shape: &[usize], dtype: DType, placement: &Placement) {
        let size = dtype.size();
        let row = shape.last().copied().unwrap_or(1);
        let leading = &shape[..shape.len().saturating_sub(1)];
        self.rows = if row == 0 {
            0
        } else {
            leading.iter().product()
        };
        self.row = row * size;
        self.stride = (row + placement.row_gap) * size;
        self.extent = match self.rows {
            0 => 0,
            rows => (rows - 1) * self.stride + self.row,
        };
        self.dtype = dtype;
        self.shape.clear();
        self.shape.extend_from_slice(shape);
        let offset = placement.offset * size;
        if self.extent + offset > self.buffer.len() {
            self.buffer = GuardedBuffer::new((self.extent + offset).next_power_of_two());
        }
        self.start = match placement.place {
            Place::Start => offset,
            Place::End => self.buffer.len() - offset - self.extent,
        };
    }

    /// The bytes that are poisoned and checked.
    fn zone(&self) -> std::ops::Range<usize> {
        let around = SURROUNDINGS + 2 * self.stride;
        self.start.saturating_sub(around)
            ..(self.start + self.extent + around).min(self.buffer.len())
    }

    fn poison(&mut self, poison: u8) {
        let zone = self.zone();
        self.buffer.bytes_mut()[zone].fill(poison);
    }

    /// Poisons all but the values, which are written or still stand there.
    fn poison_around(&mut self, poison: u8) {
        let (zone, end) = (self.zone(), self.start + self.extent);
        let (start, row, stride) = (self.start, self.row, self.stride);
        let bytes = self.buffer.bytes_mut();
        bytes[zone.start..start].fill(poison);
        bytes[end..zone.end].fill(poison);
        if stride > row {
            for index in 0..self.rows.saturating_sub(1) {
                bytes[start + index * stride + row..start + (index + 1) * stride].fill(poison);
            }
        }
    }

    fn write(&mut self, data: &Data) {
        let (start, row, stride) = (self.start, self.row, self.stride);
        let rows = self.rows;
        let to = &mut self.buffer.bytes_mut()[start..];
        let from = native_bytes(data);
        if row == stride {
            to[..rows * row].copy_from_slice(from);
        } else {
            for index in 0..rows {
                to[index * stride..][..row].copy_from_slice(&from[index * row..][..row]);
            }
        }
    }

    fn read(&self) -> Tensor {
        let bytes = &self.buffer.bytes()[self.start..];
        let mut dense = Vec::new();
        let values = if self.row == self.stride {
            &bytes[..self.rows * self.row]
        } else {
            dense.reserve_exact(self.rows * self.row);
            for index in 0..self.rows {
                dense.extend_from_slice(&bytes[index * self.stride..][..self.row]);
            }
            &dense
        };
        Tensor::new(self.shape.clone(), from_native_bytes(self.dtype, values))
            .expect("as many values as the shape holds were laid")
    }

    /// What was changed outside of the rows.
    fn check(&mut self, poison: u8) -> Result<(), String> {
        if !self.buffer.sentinels_intact() {
            return Err("into the sentinels around the buffer".into());
        }
        let (zone, end) = (self.zone(), self.start + self.extent);
        let bytes = self.buffer.bytes();
        let changed = |range: std::ops::Range<usize>| {
            let first = range.start;
            let same = bytes[range].iter().all(|&byte| byte == poison);
            (!same).then(|| {
                let at = bytes[first..].iter().position(|&byte| byte != poison);
                first + at.expect("a byte that is not poison")
            })
        };
        if let Some(at) = changed(end..zone.end) {
            return Err(format!("{} past the end", bytes_in_words(at - end + 1)));
        }
        if let Some(at) = changed(zone.start..self.start) {
            // The nearest changed byte says more than the farthest.
            let near = bytes[at..self.start].iter().rposition(|&b| b != poison);
            let distance = self.start - at - near.unwrap_or(0);
            return Err(format!("{} before the start", bytes_in_words(distance)));
        }
        if self.stride > self.row {
            for index in 0..self.rows.saturating_sub(1) {
                let gap = self.start + index * self.stride + self.row;
                if let Some(at) = changed(gap..gap + self.stride - self.row) {
                    let distance = bytes_in_words(at - gap + 1);
                    return Err(format!("{distance} past the end of row {index}"));
                }
            }
        }
        Ok(())
    }

    /// Whether an input still holds its values.
    fn unchanged(&self, data: &Data) -> Result<(), String> {
        let bytes = &self.buffer.bytes()[self.start..];
        let values = native_bytes(data);
        for index in 0..self.rows {
            if bytes[index * self.stride..][..self.row] != values[index * self.row..][..self.row] {
                return Err(format!("over the values in row {index}"));
            }
        }
        Ok(())
    }

    fn watched(&self, output: bool, number: usize) -> Watched {
        let buffer_start = self.buffer.bytes().as_ptr() as usize;
        Watched {
            output,
            number,
            start: buffer_start + self.start,
            end: buffer_start + self.start + self.extent,
            buffer_start,
            buffer_end: buffer_start + self.buffer.len(),
        }
    }

    fn row_stride(&self) -> usize {
        self.stride / self.dtype.size()
    }
}

macro_rules! typed {
    ($($variant:ident, $t:ty;)+) => {
        impl Operand {
            fn view(&self) -> View<'_> {
                let len = self.extent / self.dtype.size();
                let first = self.buffer.bytes()[self.start..self.start + self.extent].as_ptr();
                let values = match self.dtype {
                    $(DType::$variant => Values::$variant(
                        // SAFETY: `extent` bytes from `first` are in the buffer (sliced above) and
                        // initialised; `first` is aligned, as the buffer's ends are page-aligned
                        // and `place` keeps whole values between them; any bits are a value.
                        unsafe { std::slice::from_raw_parts(first.cast::<$t>(), len) }
                    ),)+
                    dtype => unreachable!("{} is refused before it is laid", dtype.name()),
                };
                View::new(&self.shape, self.row_stride(), values)
            }

            fn view_mut(&mut self) -> ViewMut<'_> {
                let (len, stride) = (self.extent / self.dtype.size(), self.row_stride());
                let range = self.start..self.start + self.extent;
                let first = self.buffer.bytes_mut()[range].as_mut_ptr();
                let values = match self.dtype {
                    $(DType::$variant => ValuesMut::$variant(
                        // SAFETY: as in `view`; the view borrows this operand mutably.
                        unsafe { std::slice::from_raw_parts_mut(first.cast::<$t>(), len) }
                    ),)+
                    dtype => unreachable!("{} is refused before it is laid", dtype.name()),
                };
                ViewMut::new(&self.shape, stride, values)
            }
        }

        /// The values as this machine's bytes.
        fn native_bytes(data: &Data) -> &[u8] {
            match data {
                $(Data::$variant(values) => {
                    // SAFETY: initialised values without padding, seen as bytes.
                    unsafe {
                        std::slice::from_raw_parts(
                            values.as_ptr().cast(),
                            values.len() * size_of::<$t>(),
                        )
                    }
                })+
                data => unreachable!("{} is refused before it is laid", data.dtype().name()),
            }
        }

        fn from_native_bytes(dtype: DType, bytes: &[u8]) -> Data {
            match dtype {
                $(DType::$variant => Data::$variant(
                    bytes
                        .chunks_exact(size_of::<$t>())
                        .map(|value| <$t>::from_ne_bytes(value.try_into().expect("whole values")))
                        .collect(),
                ),)+
                dtype => unreachable!("{} is refused before it is laid", dtype.name()),
            }
        }
    };
}
typed! {
    U8, u8;
    I8, i8;
    I32, i32;
    F32, f32;
    F64, f64;
}

#[cfg(test)]
mod tests;
