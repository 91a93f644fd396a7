//! Reproducible operands: integers from ChaCha8, floats from integers by exact
//! operations only, so that every machine draws the same bits.

use crate::tensor::{DType, Data};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A source of operands that depends on the name of a case alone.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// The source for the case of this name.
    pub(super) fn new(name: &str) -> Self {
        Self(ChaCha8Rng::from_seed(
            *blake3::hash(name.as_bytes()).as_bytes(),
        ))
    }

    /// An integer in `lo..=hi`. The remainder's slight bias does not matter here.
    pub(super) fn integer(&mut self, lo: i64, hi: i64) -> i64 {
        lo + (self.0.next_u64() % (hi - lo + 1) as u64) as i64
    }

    /// Codes over the whole range of `dtype`.
    pub(super) fn codes(&mut self, dtype: DType, len: usize) -> Data {
        let (lo, hi) = dtype.code_range().expect("codes have an integer type");
        Data::from_codes(dtype, (0..len).map(|_| self.integer(lo, hi)))
    }

    /// Codes near the ends of the range, where sums of products are largest.
    pub(super) fn extreme_codes(&mut self, dtype: DType, len: usize) -> Data {
        let (lo, hi) = dtype.code_range().expect("codes have an integer type");
        let codes = (0..len).map(|_| match self.integer(0, 3) {
            0 => lo + self.integer(0, 2),
            1 => self.integer(lo, hi),
            _ => hi - self.integer(0, 2),
        });
        Data::from_codes(dtype, codes.collect::<Vec<_>>())
    }

    /// A value in [-limit, limit): 24 random bits times a power of two and `limit`.
    pub(super) fn real(&mut self, limit: f32) -> f32 {
        self.integer(-(1 << 23), (1 << 23) - 1) as f32 / 8_388_608.0 * limit
    }

    /// Values in [-limit, limit).
    pub(super) fn reals(&mut self, limit: f32, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.real(limit)).collect()
    }
}
