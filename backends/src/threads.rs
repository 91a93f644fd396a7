//! How many threads a kernel may use: one, unless whoever prepares it says
//! otherwise. A kernel that was prepared for several splits its output among
//! them; it runs in the rayon pool that its caller is in.
//!
//! Whatever the number, each output is computed as by one thread, from the same
//! operands in the same order: bits are the same.

use std::cell::Cell;
use std::ops::Range;

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

#[cfg(test)]
mod tests {
    use super::*;

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
