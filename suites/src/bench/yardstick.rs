//! A fixed piece of work that is timed in every round beside the kernels: how
//! fast the machine was then, whatever the kernels are.
//!
//! It stands on no backend, so that no change of a kernel changes it, and is a
//! plain loop, so that it asks what kernels ask: multiplying, adding, and operands
//! in L2. What slows all work on a core (the clock's frequency, a neighbour on the
//! same core) slows it too; what only main memory feels, it does not show.

use std::hint::black_box;

/// Values of one row, and of the vector that each row is multiplied with.
const DEPTH: usize = 2048;
/// Rows: 128 KiB of them.
const ROWS: usize = 64;

/// The operands.
pub struct Yardstick {
    vector: Vec<u8>,
    rows: Vec<i8>,
}

impl Default for Yardstick {
    fn default() -> Self {
        Self {
            vector: (0..DEPTH).map(|i| (i * 37 % 251) as u8).collect(),
            rows: (0..ROWS * DEPTH)
                .map(|i| (i * 73 % 255) as u8 as i8)
                .collect(),
        }
    }
}

impl Yardstick {
    /// Multiplies all rows with the vector, `times` times. Gives the sum of the products of the
    /// last time.
    pub fn run(&self, times: u64) -> i64 {
        let mut sum = 0;
        for _ in 0..times {
            let vector = black_box(&self.vector[..]);
            sum = black_box(&self.rows[..])
                .chunks_exact(DEPTH)
                .map(|row| i64::from(product(row, vector)))
                .sum();
            black_box(sum);
        }
        sum
    }
}

/// At most 2048 · 255 · 128 either way: within i32.
fn product(row: &[i8], vector: &[u8]) -> i32 {
    row.iter()
        .zip(vector)
        .map(|(&w, &x)| i32::from(w) * i32::from(x))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_is_summed_each_time() {
        let yardstick = Yardstick::default();
        let mut sum = 0;
        for (i, &w) in yardstick.rows.iter().enumerate() {
            sum += i64::from(w) * i64::from(yardstick.vector[i % DEPTH]);
        }
        assert_ne!(sum, 0);
        assert_eq!(yardstick.run(1), sum);
        assert_eq!(yardstick.run(3), sum);
        assert_eq!(yardstick.run(0), 0);
    }
}
