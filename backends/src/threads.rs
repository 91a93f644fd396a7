//! How many threads a kernel may use: one, unless whoever prepares it says
//! otherwise. A kernel that was prepared for several splits its output among
//! them; it runs in the rayon pool that its caller is in.
//!
//! Whatever the number, each output is computed as by one thread, from the same
//! operands in the same order: bits are the same.

mod output;

use std::cell::Cell;
use std::ops::Range;

pub use output::Output;

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

/// Outputs to be shared out among threads.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// rows
    pub rows: usize,
    /// rows are split at multiples of so many
    pub row_step: usize,
    /// columns
    pub columns: usize,
    /// columns are split at multiples of so many
    pub column_step: usize,
}

impl Grid {
    /// Rows alone, to be split anywhere.
    pub fn of_rows(rows: usize) -> Self {
        Self {
            rows,
            row_step: 1,
            columns: 1,
            column_step: 1,
        }
    }

    /// Splits it into `parts`: between rows, or between columns where there are too few rows; some
    /// parts may be empty. Parts do not overlap.
    fn split(self, parts: usize) -> impl Iterator<Item = Part> {
        /// Steps of rows that each thread has at least where rows are split.
        const STEPS: usize = 4;
        let by_rows =
            self.rows.div_ceil(self.row_step) >= STEPS * parts || self.columns <= self.column_step;
        let (len, step) = if by_rows {
            (self.rows, self.row_step)
        } else {
            (self.columns, self.column_step)
        };
        let share = len.div_ceil(step).div_ceil(parts) * step;
        (0..parts).map(move |part| {
            let range = (part * share).min(len)..((part + 1) * share).min(len);
            if by_rows {
                Part {
                    rows: range,
                    columns: 0..self.columns,
                }
            } else {
                Part {
                    rows: 0..self.rows,
                    columns: range,
                }
            }
        })
    }
}

/// Splits `grid` among as many workers as there are, and calls `work` for each with its part and
/// `output`: on this thread where there is one worker, else in the pool.
///
/// # Safety
/// `work` must take values of its part alone from the output that it is given.
pub unsafe fn each_part<W: Send>(
    workers: &mut [W],
    grid: Grid,
    output: &Output<'_>,
    work: impl Fn(&mut W, Part, Output<'_>) + Sync,
) {
    each(workers, grid, |worker, part| {
        // SAFETY: parts do not overlap, and the caller promises that each call of `work` keeps to
        // its own.
        work(worker, part, unsafe { output.again() });
    });
}

/// Splits `rows` among as many workers as there are, and calls `work` for each with its rows.
pub fn each_rows<W: Send>(
    workers: &mut [W],
    rows: usize,
    work: impl Fn(&mut W, Range<usize>) + Sync,
) {
    each(workers, Grid::of_rows(rows), |worker, part| {
        work(worker, part.rows);
    });
}

fn each<W: Send>(workers: &mut [W], grid: Grid, work: impl Fn(&mut W, Part) + Sync) {
    let parts = grid.split(workers.len());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(rows: usize, row_step: usize, columns: usize, column_step: usize) -> Grid {
        Grid {
            rows,
            row_step,
            columns,
            column_step,
        }
    }

    #[test]
    fn parts_are_disjoint_and_cover_all() {
        for (rows, columns) in [(1, 1024), (49, 512), (1000, 64), (5, 7), (0, 3), (64, 192)] {
            for threads in 1..6 {
                let mut seen = vec![0; rows * columns];
                for part in grid(rows, 6, columns, 64).split(threads) {
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
        let rows: Vec<Part> = grid(1024, 8, 1024, 192).split(2).collect();
        assert_eq!(rows[0].rows, 0..512);
        let columns: Vec<Part> = grid(1, 8, 1024, 192).split(2).collect();
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
            each(&mut workers, grid(100, 1, 3, 8), |sum, part| {
                *sum += part.rows.sum::<usize>();
            });
            assert_eq!(workers.iter().sum::<usize>(), 4950);
            assert!(workers.iter().all(|&sum| sum > 0));
        }
    }
}
