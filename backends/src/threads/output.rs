//! An output that several threads write, each in places of its own.

use std::marker::PhantomData;
use std::ops::Range;

use qassay_golden::tensor::DType;

use crate::view::ViewMut;

/// The values of an output that several threads may write, each in places of its own.
#[derive(Debug)]
pub struct Output<'a> {
    /// the first value
    first: *mut u8,
    dtype: DType,
    /// values, those between rows included
    len: usize,
    rows: usize,
    row_len: usize,
    stride: usize,
    output: PhantomData<&'a mut u8>,
}

// SAFETY: it is what a `&mut` to plain values is; whoever makes a second one promises that what
// is written through either is written by no other.
unsafe impl Send for Output<'_> {}
// SAFETY: a shared `Output` gives no values away: the accessors take it by `&mut`.
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    /// All of `view`.
    pub fn of(view: &'a mut ViewMut<'_>) -> Self {
        /// Where values start, and how many there are.
        fn extent<T>(values: &mut [T]) -> (*mut u8, usize) {
            (values.as_mut_ptr().cast(), values.len())
        }
        let (dtype, rows) = (view.dtype(), view.rows());
        let (row_len, stride) = (view.row_len(), view.row_stride());
        let (first, len) = match dtype {
            DType::U8 | DType::I8 => extent(view.codes_mut()),
            DType::I32 => extent(view.i32_mut()),
            _ => extent(view.f32_mut()),
        };
        Self {
            first,
            dtype,
            len,
            rows,
            row_len,
            stride,
            output: PhantomData,
        }
    }

    /// The same output once more.
    ///
    /// # Safety
    /// Values that are taken from the one must not be taken from the other meanwhile.
    pub unsafe fn again(&self) -> Output<'_> {
        Output {
            output: PhantomData,
            ..*self
        }
    }

    /// The type of the values.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Values between the starts of two rows.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Whether there are no gaps between rows.
    pub fn is_dense(&self) -> bool {
        self.stride == self.row_len
    }

    /// How many values, those between rows included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// `count` u8 or s8 codes from number `start` on, as bytes.
    ///
    /// # Panics
    /// When there are not as many, or values are of another type; so do the other two.
    #[inline(always)]
    pub fn codes(&mut self, start: usize, count: usize) -> &mut [u8] {
        let fits = matches!(self.dtype, DType::U8 | DType::I8);
        // SAFETY: i8 and u8 have the same size and valid bit patterns.
        unsafe { self.values(fits, start, count) }
    }

    /// `count` s32 from number `start` on.
    #[inline(always)]
    pub fn i32s(&mut self, start: usize, count: usize) -> &mut [i32] {
        // SAFETY: the type is checked.
        unsafe { self.values(self.dtype == DType::I32, start, count) }
    }

    /// `count` f32 from number `start` on.
    #[inline(always)]
    pub fn f32s(&mut self, start: usize, count: usize) -> &mut [f32] {
        // SAFETY: the type is checked.
        unsafe { self.values(self.dtype == DType::F32, start, count) }
    }

    /// The first of `count` codes from number `start` on, of which others may be another's: to
    /// write those that are one's own.
    ///
    /// # Panics
    /// As [`codes`](Self::codes); so does the other one.
    #[inline(always)]
    pub fn first_code(&mut self, start: usize, count: usize) -> *mut u8 {
        let fits = matches!(self.dtype, DType::U8 | DType::I8);
        self.first_of(fits, start, count)
    }

    /// The first of `count` s32 from number `start` on, as [`first_code`](Self::first_code).
    #[inline(always)]
    pub fn first_i32(&mut self, start: usize, count: usize) -> *mut i32 {
        self.first_of(self.dtype == DType::I32, start, count)
    }

    /// The first value of a block of rows and columns, of which others may be another's: to write
    /// those that are one's own. All of the block lies in the output, rows [`stride`](Self::stride)
    /// values apart.
    ///
    /// # Panics
    /// When the block is not inside the output.
    #[inline(always)]
    pub fn block(&mut self, rows: Range<usize>, columns: Range<usize>) -> *mut u8 {
        assert!(
            columns.end <= self.row_len && rows.end <= self.rows,
            "the block lies in the output"
        );
        // A view holds (rows − 1)·stride + row_len values.
        let first = rows.start * self.stride + columns.start;
        self.first.wrapping_add(first * self.dtype.size())
    }

    /// # Safety
    /// Where `fits`, the values are as those of type `T`.
    #[inline(always)]
    unsafe fn values<T>(&mut self, fits: bool, start: usize, count: usize) -> &mut [T] {
        let first = self.first_of(fits, start, count);
        // SAFETY: `first_of` checked that the values lie inside a slice that `of` holds
        // exclusively; whoever called `again` sees to it that none is taken twice.
        unsafe { std::slice::from_raw_parts_mut(first, count) }
    }

    /// The first of `count` values from `start` on, which are of type `T` where `fits`.
    #[inline(always)]
    fn first_of<T>(&self, fits: bool, start: usize, count: usize) -> *mut T {
        let inside = start <= self.len && count <= self.len - start;
        assert!(fits && inside, "these are values of the output");
        self.first.cast::<T>().wrapping_add(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::ValuesMut;

    #[test]
    fn values_of_an_output_are_those_asked_for_and_no_others() {
        let mut codes = vec![0i8; 10];
        let mut view = ViewMut::new(&[2, 4], 6, ValuesMut::I8(&mut codes));
        let mut output = Output::of(&mut view);
        assert_eq!((output.len(), output.stride()), (10, 6));
        output.codes(6, 4).copy_from_slice(&[1, 2, 3, 255]);
        assert!(output.codes(10, 0).is_empty());
        for (start, count) in [(7, 4), (11, 0), (1, usize::MAX)] {
            let mut again = std::panic::AssertUnwindSafe(&mut output);
            let taken = std::panic::catch_unwind(move || again.codes(start, count).len());
            assert!(taken.is_err(), "{count} from {start}");
        }
        let mut again = std::panic::AssertUnwindSafe(&mut output);
        assert!(std::panic::catch_unwind(move || again.f32s(0, 1).len()).is_err());
        assert_eq!(codes, [0, 0, 0, 0, 0, 0, 1, 2, 3, -1]);
    }

    #[test]
    fn a_block_starts_where_its_first_value_is_and_ends_in_the_output() {
        let mut sums = vec![0i32; 10];
        let mut view = ViewMut::new(&[2, 4], 6, ValuesMut::I32(&mut sums));
        let mut output = Output::of(&mut view);
        assert!(!output.is_dense());
        let first = output.block(0..2, 0..4);
        assert_eq!(output.block(1..2, 3..4), first.wrapping_add(9 * 4));
        for (rows, columns) in [(1..3, 0..4), (0..2, 1..5)] {
            let mut again = std::panic::AssertUnwindSafe(&mut output);
            assert!(std::panic::catch_unwind(move || again.block(rows, columns)).is_err());
        }
        let mut view = ViewMut::new(&[2, 5], 5, ValuesMut::I32(&mut sums));
        assert!(Output::of(&mut view).is_dense());
    }
}
