//! Reproducible random numbers: ChaCha8, keyed by seed, data class and role, one
//! stream per row of an operand. Rows do not depend on how many there are or how
//! long they are, so that a smaller case keeps the data of what remains.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::DataClass;

/// What numbers are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// the first input
    X = 1,
    /// weights, or the second input
    W = 2,
    /// bias
    Bias = 3,
    /// scales
    Scale = 4,
    /// zero points that vary along channels
    Zero = 5,
}

/// One stream of numbers. All draws are integer arithmetic on 32-bit words, so
/// that every machine gets the same.
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of row `row` of the operand in `role`.
    pub(crate) fn new(seed: u64, class: Option<DataClass>, role: Role, row: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = role as u8;
        let name = class.map_or("given", DataClass::name).as_bytes();
        let len = name.len().min(16);
        key[16..16 + len].copy_from_slice(&name[..len]);
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(row);
        Self(rng)
    }

    /// A whole word.
    pub(crate) fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// 0 to `n` − 1.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.bits()) * u64::from(n)) >> 32) as u32
    }

    /// `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u32::try_from(high - low + 1).expect("a range of at most 2^32 − 1 values");
        low + i64::from(self.below(width))
    }

    /// True once in `n` draws.
    pub(crate) fn once_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    /// In [0, 1), a multiple of 2^−24.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.bits() >> 8) / f64::from(1u32 << 24)
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }
}
