//! Where the codes of some outputs' windows lie, and how a block of them is read.

use std::marker::PhantomData;
use std::ops::Range;

use crate::fbgemm::im2col::Geometry;
use crate::fbgemm::output::Codes;
use crate::isa::{Isa, each};
use crate::view::View;

/// Kernels are this high and wide.
pub const KERNEL: usize = 3;
/// Bytes of the widest vector.
pub const WIDEST: usize = 64;
/// Bytes of a quarter of it.
const QUARTER: usize = WIDEST / 4;

/// The rows of the image under a line of outputs. Columns are counted from the first window on.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// of each row, where column 0 is, which may lie left of the image, and how far the next one
    rows: [(*const u8, usize); KERNEL],
    /// the first column in the image
    pub start: usize,
    /// the first column right of the image
    pub end: usize,
    /// columns between windows
    pub step: usize,
    /// codes of each pixel
    codes: usize,
    /// stands for what lies outside the image
    outside: &'a [u8; WIDEST],
    image: PhantomData<&'a [u8]>,
}

impl<'a> Line<'a> {
    /// What lies under the outputs of a line from number `first` on, of each pixel the codes
    /// `channels`. `rows` are the first pixels of the rows, none outside the image. `None` where
    /// the last pixel of a row has fewer codes after it.
    pub fn new(
        input: &View<'a>,
        channels: Range<usize>,
        rows: [Option<usize>; KERNEL],
        geometry: &Geometry,
        first: usize,
        outside: &'a [u8; WIDEST],
    ) -> Option<Self> {
        let (codes, stride) = (input.u8(), input.row_stride());
        let (width, pad, step) = (geometry.input[2], geometry.pad_left(), geometry.step());
        // Outside, the same codes are read for each column.
        let mut sources = [(outside.as_ptr(), 0); KERNEL];
        for (source, row) in sources.iter_mut().zip(rows) {
            if let Some(row) = row.filter(|_| width > 0) {
                let last = (row + width - 1) * stride;
                if last + channels.end > codes.len() {
                    return None;
                }
                let column = (row + first * step) * stride + channels.start;
                let column = codes.as_ptr().wrapping_add(column);
                *source = (column.wrapping_sub(pad * stride), stride);
            }
        }
        Some(Self {
            rows: sources,
            start: pad.saturating_sub(first * step),
            end: (pad + width).saturating_sub(first * step),
            step,
            codes: channels.len(),
            outside,
            image: PhantomData,
        })
    }

    /// Where the `codes` codes of a row and column are, the column in the image.
    #[inline(always)]
    fn inside(&self, row: usize, column: usize) -> *const u8 {
        let (first, step) = self.rows[row];
        first.wrapping_add(column * step)
    }

    /// The same for any column.
    #[inline(always)]
    fn anywhere(&self, row: usize, column: usize) -> *const u8 {
        if (self.start..self.end).contains(&column) {
            self.inside(row, column)
        } else {
            self.outside.as_ptr()
        }
    }
}

/// How the outputs of a block and their codes lie.
pub trait Source<I: Isa>: Copy {
    /// Whether [`anywhere`](Self::anywhere) is as quick as [`inside`](Self::inside).
    const EVERYWHERE: bool;
    /// What they lie under.
    fn line(&self) -> &Line<'_>;
    /// Outputs of a block.
    fn at_once(self) -> usize;
    /// The codes of a row, the first output's at `column`.
    ///
    /// # Safety
    /// The columns of all outputs of the block must lie in the image.
    unsafe fn inside(self, isa: I, row: usize, column: usize) -> I::V;
    /// The same, where some may lie outside.
    fn anywhere(self, isa: I, row: usize, column: usize) -> I::V;
    /// Writes the codes of a block whose first output is `output`.
    ///
    /// # Safety
    /// See [`Codes::write`], for all outputs of the block.
    unsafe fn write(self, isa: I, codes: Codes, output: usize, steps: [I::V; 4]);
}

/// One output, whose channels are a `WHOLE` block or less.
#[derive(Clone, Copy)]
pub struct One<'a, const WHOLE: bool>(Line<'a>);

impl<'a, const WHOLE: bool> One<'a, WHOLE> {
    /// The codes of each pixel of `line`.
    ///
    /// # Panics
    /// When they are more than a block, or not a whole one although that is said.
    pub fn new<I: Isa>(_: I, line: Line<'a>) -> Self {
        let block = 4 * I::LANES;
        assert!(line.codes <= block && (line.codes == block || !WHOLE));
        Self(line)
    }
}

impl<I: Isa, const WHOLE: bool> Source<I> for One<'_, WHOLE> {
    const EVERYWHERE: bool = true;
    #[inline(always)]
    fn line(&self) -> &Line<'_> {
        &self.0
    }
    #[inline(always)]
    fn at_once(self) -> usize {
        1
    }
    #[inline(always)]
    unsafe fn inside(self, isa: I, row: usize, column: usize) -> I::V {
        self.anywhere(isa, row, column)
    }
    #[inline(always)]
    fn anywhere(self, isa: I, row: usize, column: usize) -> I::V {
        let codes = self.0.anywhere(row, column);
        // SAFETY: `new`: each pixel has as many codes, and so has what lies outside.
        unsafe {
            if WHOLE {
                isa.load_bytes(codes)
            } else {
                isa.load_bytes_partial(codes, self.0.codes)
            }
        }
    }
    #[inline(always)]
    unsafe fn write(self, isa: I, codes: Codes, output: usize, steps: [I::V; 4]) {
        // SAFETY: the caller's promise.
        unsafe { codes.write(isa, output, steps) }
    }
}

/// Outputs whose pixels lie apart, `QUARTERS` quarters of a block of each.
#[derive(Clone, Copy)]
pub struct Apart<'a, const QUARTERS: usize>(Line<'a>);

impl<'a, const QUARTERS: usize> Apart<'a, QUARTERS> {
    /// Outputs of a block.
    pub const AT_ONCE: usize = 4 / QUARTERS;
    /// Codes of an output.
    pub const CODES: usize = QUARTERS * QUARTER;

    /// Whole quarters of each pixel of `line`.
    ///
    /// # Panics
    /// When it has other codes of each.
    pub fn new(line: Line<'a>) -> Self {
        assert!(line.codes == Self::CODES);
        Self(line)
    }
}

impl<I: Isa, const QUARTERS: usize> Source<I> for Apart<'_, QUARTERS> {
    const EVERYWHERE: bool = false;
    #[inline(always)]
    fn line(&self) -> &Line<'_> {
        &self.0
    }
    #[inline(always)]
    fn at_once(self) -> usize {
        Self::AT_ONCE
    }
    #[inline(always)]
    unsafe fn inside(self, isa: I, row: usize, column: usize) -> I::V {
        let quarters = each!(self.0.outside.as_ptr(), |at| {
            let column = column + at / QUARTERS * self.0.step;
            let pixel = self.0.inside(row, column);
            pixel.wrapping_add(at % QUARTERS * QUARTER)
        });
        // SAFETY: all columns lie in the image; `new`: each pixel has whole quarters.
        unsafe { isa.load_blocks(quarters) }
    }
    #[inline(always)]
    fn anywhere(self, isa: I, row: usize, column: usize) -> I::V {
        let quarters = each!(self.0.outside.as_ptr(), |at| {
            let column = column + at / QUARTERS * self.0.step;
            let pixel = self.0.anywhere(row, column);
            pixel.wrapping_add(at % QUARTERS * QUARTER)
        });
        // SAFETY: `new`: each pixel has whole quarters, and so has what lies outside.
        unsafe { isa.load_blocks(quarters) }
    }
    #[inline(always)]
    unsafe fn write(self, isa: I, codes: Codes, output: usize, steps: [I::V; 4]) {
        codes.write_quarters::<I, QUARTERS>(isa, output, steps);
    }
}
