//! How many threads a kernel may use: one, unless whoever prepares it says
//! otherwise. A kernel that was prepared for several splits its output among
//! them; it runs in the rayon pool that its caller is in.
//!
//! Whatever the number, each output is computed as by one thread, from the same
//! operands in the same order: bits are the same.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Range;

use qassay_golden::tensor::DType;

use crate::view::ViewMut;

thread_local! {
    static ALLOWED: Cell<usize> = const { Cell::new(1) };
}

/// Runs `body`; kernels that it prepares, on this thread, may use `threads` threads.
pub fn with<R>(threads: usize, body: impl FnOnce() -> R) -> R {
    /// Puts the former number back, also after a panic.
    struct Back(usize);
    impl Drop for Back {
        fn drop(&mut self) {
            ALLOWED.set(self.0);
        }
    }
    let _back = Back(ALLOWED.replace(threads.max(1)));
    body()
}

/// How many threads a kernel that is prepared now may use.
pub fn allowed() -> usize {
    ALLOWED.get()
}

/// Rows and columns of an output: one thread's share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// the rows
    pub rows: Range<usize>,
    /// the columns
    pub columns: Range<usize>,
}

/// Splits `rows`×`columns` outputs into `parts` at multiples of `row_step` rows, or at multiples of
/// `column_step` columns where there are too few rows; some parts may be empty.
pub fn split(
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
    parts: usize,
) -> impl Iterator<Item = Part> {
    /// Steps of rows that each thread has at least where rows are split.
    const STEPS: usize = 4;
    let by_rows = rows.div_ceil(row_step) >= STEPS * parts || columns <= column_step;
    let (len, step) = if by_rows {
        (rows, row_step)
    } else {
        (columns, column_step)
    };
    let share = len.div_ceil(step).div_ceil(parts) * step;
    (0..parts).map(move |part| {
        let range = (part * share).min(len)..((part + 1) * share).min(len);
        if by_rows {
            Part {
                rows: range,
                columns: 0..columns,
            }
        } else {
            Part {
                rows: 0..rows,
                columns: range,
            }
        }
    })
}

/// Calls `work` for each worker with its part: on this thread where there is one worker, else in
/// the pool.
pub fn each<W: Send>(
    workers: &mut [W],
    parts: impl Iterator<Item = Part> + Send,
    work: impl Fn(&mut W, Part) + Sync,
) {
    if let [worker] = workers {
        parts.for_each(|part| work(worker, part));
        return;
    }
    let work = &work;
    rayon::scope(|scope| {
        for (worker, part) in workers.iter_mut().zip(parts) {
            scope.spawn(move |_| work(worker, part));
        }
    });
}

/// Splits `rows` among as many workers as there are, and calls `work` for each with its rows.
pub fn each_rows<W: Send>(
    workers: &mut [W],
    rows: usize,
    work: impl Fn(&mut W, Range<usize>) + Sync,
) {
    let parts = split(rows, 1, 1, 1, workers.len());
    each(workers, parts, |worker, part| work(worker, part.rows));
}

/// The values of an output that several threads may write, each in places of its own.
#[derive(Debug)]
pub struct Output<'a> {
    /// the first value
    first: *mut u8,
    dtype: DType,
    /// values, those between rows included
    len: usize,
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
        let (dtype, stride) = (view.dtype(), view.row_stride());
        let (first, len) = match dtype {
            DType::U8 | DType::I8 => extent(view.codes_mut()),
            DType::I32 => extent(view.i32_mut()),
            _ => extent(view.f32_mut()),
        };
        Self {
            first,
            dtype,
            len,
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
    fn parts_are_disjoint_and_cover_all() {
        for (rows, columns) in [(1, 1024), (49, 512), (1000, 64), (5, 7), (0, 3), (64, 192)] {
            for threads in 1..6 {
                let mut seen = vec![0; rows * columns];
                for part in split(rows, columns, 6, 64, threads) {
                    assert!(part.columns.start.is_multiple_of(64) || part.columns.is_empty());
                    assert!(part.rows.start.is_multiple_of(6) || part.rows.is_empty());
                    for row in part.rows {
                        for column in part.columns.clone() {
                            seen[row * columns + column] += 1;
                        }
                    }
                }
                assert!(seen.iter().all(|&times| times == 1), "{rows} {columns}");
            }
        }
        let rows: Vec<Part> = split(1024, 1024, 8, 192, 2).collect();
        assert_eq!(rows[0].rows, 0..512);
        let columns: Vec<Part> = split(1, 1024, 8, 192, 2).collect();
        assert_eq!(columns[1].columns, 576..1024);
    }

    #[test]
    fn the_number_is_given_back_also_after_a_panic() {
        assert_eq!(allowed(), 1);
        with(3, || {
            assert_eq!(allowed(), 3);
            with(2, || assert_eq!(allowed(), 2));
            assert_eq!(allowed(), 3);
        });
        assert!(std::panic::catch_unwind(|| with(4, || panic!("asked for"))).is_err());
        assert_eq!(allowed(), 1);
    }

    #[test]
    fn every_worker_has_its_part() {
        for threads in [1, 2, 5] {
            let mut workers = vec![0; threads];
            each(&mut workers, split(100, 3, 1, 8, threads), |sum, part| {
                *sum += part.rows.sum::<usize>();
            });
            assert_eq!(workers.iter().sum::<usize>(), 4950);
            assert!(workers.iter().all(|&sum| sum > 0));
        }
    }
}
