//! Random parameters and values, the same for the same seed on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::tensor::DType;

/// A stream of random numbers.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of one batch.
    pub(super) fn new(seed: u64, round: u64, batch: u64) -> Self {
        let mut key = [0; 32];
        for (place, word) in [seed, round, batch].into_iter().enumerate() {
            key[place * 8..][..8].copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Any 32 bits.
    pub(super) fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// An integer from 0 to `end` − 1; `end` is small against 2^64.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    /// An integer from `low` to `high`.
    pub(super) fn within(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low) as u64 + 1) as i64
    }

    /// One of these.
    pub(super) fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }

    /// Whether, with even odds.
    pub(super) fn flip(&mut self) -> bool {
        self.bits() & 1 == 1
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        f64::from(self.bits()) / f64::from(u32::MAX)
    }

    /// A scale from 2^`low` to 2^`high`: a power of two, an f32, or an f64.
    pub(super) fn scale(&mut self, low: i32, high: i32) -> f64 {
        let exponent = self.within(i64::from(low), i64::from(high) - 1) as i32;
        let scale = (1.0 + self.unit()) * 2f64.powi(exponent);
        match self.below(4) {
            0 => 2f64.powi(exponent),
            1 | 2 => f64::from(scale as f32),
            _ => scale,
        }
    }

    /// A zero point of a type: an end, zero, or anything.
    pub(super) fn zero_point(&mut self, (low, high): (i64, i64)) -> i32 {
        (match self.below(4) {
            0 => low,
            1 => high,
            2 => 0i64.clamp(low, high),
            _ => self.within(low, high),
        }) as i32
    }

    /// A type of codes.
    pub(super) fn dtype(&mut self) -> DType {
        self.of(&[
            DType::U8,
            DType::I8,
            DType::U8,
            DType::I8,
            DType::I32,
            DType::U16,
            DType::I16,
            DType::U4,
            DType::I4,
            DType::U2,
            DType::I2,
        ])
    }

    /// A value to be counted in steps of `scale`, `codes` of which matter.
    pub(super) fn value(&mut self, scale: f64, codes: f64) -> f32 {
        let steps = (self.unit() * 2.0 - 1.0) * codes;
        match self.below(6) {
            0 | 1 => f32::from_bits(self.bits()),
            2 | 3 => (steps * scale) as f32,
            at => {
                let tie = ((steps.floor() + 0.5) * scale) as f32;
                match at {
                    4 => tie,
                    _ if self.flip() => tie.next_up(),
                    _ => tie.next_down(),
                }
            }
        }
    }

    /// A sum that becomes a code when it is multiplied by `multiplier`, or anything.
    pub(super) fn sum(&mut self, multiplier: f64, codes: f64) -> i32 {
        let steps = (self.unit() * 2.0 - 1.0) * codes;
        match self.below(6) {
            0 => self.bits() as i32,
            1 => self.of(&[i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX - 1, i32::MAX]),
            2 | 3 => (steps / multiplier) as i32,
            _ => {
                let tie = ((steps.floor() + 0.5) / multiplier) as i32;
                tie.saturating_add(self.within(-1, 1) as i32)
            }
        }
    }
}
