//! Where an output is wrong and by how much, in a bounded number of figures:
//! what a heat map and a histogram are drawn from.

use serde::{Deserialize, Serialize};

/// The mismatches of one output of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// which output
    pub output: usize,
    /// its shape
    pub shape: Vec<usize>,
    /// rows and columns of the grid over the output, each at most [`Spread::SIDE`]: columns
    /// divide its last dimension, rows all others together
    pub grid: [usize; 2],
    /// `[row, column, mismatches]` of each cell that has some, in row-major order
    pub cells: Vec<[u64; 3]>,
    /// what sizes are counted in
    pub unit: Unit,
    /// `[got − expected, mismatches]` by rising size: exact up to [`Spread::EXACT`] either way,
    /// beyond that the power of two at or below the magnitude
    pub sizes: Vec<(i64, u64)>,
    /// mismatches where one of the two is NaN
    #[serde(skip_serializing_if = "is_zero", default)]
    pub not_a_number: u64,
}

/// What sizes of mismatches are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// integers
    Codes,
    /// representable values between two floats
    Ulps,
}

impl Unit {
    /// `codes` or `ulps`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Codes => "codes",
            Self::Ulps => "ulps",
        }
    }
}

impl Spread {
    /// The most rows, and the most columns, of a grid.
    pub const SIDE: usize = 16;
    /// The largest magnitude that is told apart from its neighbours.
    pub const EXACT: i64 = 7;

    /// Where a size is counted: itself, or the power of two at or below it.
    pub fn bucket(size: i64) -> i64 {
        let magnitude = size.unsigned_abs();
        if magnitude <= Self::EXACT.unsigned_abs() {
            return size;
        }
        let power = i64::try_from(1_u64 << magnitude.ilog2()).unwrap_or(i64::MAX);
        if size < 0 { -power } else { power }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sizes_stand_alone_and_large_ones_by_powers_of_two() {
        for size in -8..=8 {
            assert_eq!(Spread::bucket(size), size);
        }
        let cases = [
            (9, 8),
            (-15, -8),
            (16, 16),
            (-31, -16),
            (255, 128),
            (i64::MAX, 1 << 62),
            (i64::MIN, -i64::MAX),
        ];
        for (size, bucket) in cases {
            assert_eq!(Spread::bucket(size), bucket, "{size}");
        }
    }
}
