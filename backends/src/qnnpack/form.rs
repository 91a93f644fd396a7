//! How products are summed, which is also how packed weights lie: by single
//! products, pairs or dot products, and where the weights' zero points come off.

use crate::isa::{Dot4, I16Products, Isa};

/// What the micro-kernel multiplies and where weights' zero points are taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// one i16 product a lane (kr 1), codes by element, zero points subtracted from the weights
    Single,
    /// as single, zero points by row sums (xzp)
    SingleXzp,
    /// pairs of i16 products (kr 2), zero points subtracted from the weights
    Pairs,
    /// pairs of i16 products (kr 2), zero points by row sums (xzp)
    PairsXzp,
    /// dot products of 4 bytes (kr 4), zero points by row sums (xzp)
    Dot,
    /// products of 2×8 with 8×2 bytes (kr 8), zero points by row sums (xzp)
    Mmla,
}

/// From how many products on a GEMM without dot products takes zero points off by row sums:
/// upstream's threshold on Cortex-A72 (QNNPACK `src/init.c`, q8gemm_xzp).
const XZP_FROM_K: usize = 64;

impl Form {
    /// The form for this instruction set; `k` products an output, by GEMM or by indirection.
    pub fn choose<I: Isa>(gemm: bool, k: usize) -> Self {
        let xzp = gemm && k >= XZP_FROM_K;
        match (I::DOT4, I::DOT_K, I::I16_PRODUCTS) {
            (Dot4::Exact, 4, _) if I::MMLA => Self::Mmla,
            (Dot4::Exact, 4, _) => Self::Dot,
            (_, _, I16Products::Pairs) if xzp => Self::PairsXzp,
            (_, _, I16Products::Pairs) => Self::Pairs,
            (_, _, I16Products::Single) if xzp => Self::SingleXzp,
            (_, _, I16Products::Single) => Self::Single,
        }
    }

    /// How many adjacent k one lane multiplies.
    pub fn kr(self) -> usize {
        match self {
            Self::Single | Self::SingleXzp => 1,
            Self::Pairs | Self::PairsXzp => 2,
            Self::Dot => 4,
            Self::Mmla => 8,
        }
    }

    /// How many adjacent k of a column lie in one group of packed weights.
    pub fn group(self) -> usize {
        if self == Self::Mmla { 8 } else { 4 }
    }

    /// Whether zero points are taken off by row sums.
    pub fn is_xzp(self) -> bool {
        !matches!(self, Self::Single | Self::Pairs)
    }

    /// What is taken from a code as u8 before this form multiplies it.
    pub fn shift<I: Isa>(self) -> i32 {
        if self == Self::Dot { I::DOT_SHIFT } else { 0 }
    }

    /// The byte of a weight, from its u8 code: s8 where no zero point is subtracted from it.
    pub fn weight(self, code: u8) -> u8 {
        if self.is_xzp() { code ^ 0x80 } else { code }
    }

    /// Where the weight of column `lane` and number `at` lies in a group of
    /// [`group`](Self::group)`·nr` bytes. `nr` is two vectors.
    pub fn place(self, nr: usize, lane: usize, at: usize) -> usize {
        let half = nr / 2;
        let (vector, lane_in) = (lane / half, lane % half);
        match self {
            // Two adjacent numbers of a vector's lanes, one after the other.
            Self::Single | Self::SingleXzp => {
                at / 2 * 2 * nr + vector * nr + at % 2 * half + lane_in
            }
            // First the even, then the odd numbers of all lanes of a vector.
            Self::Pairs | Self::PairsXzp => vector * 2 * nr + at % 2 * nr + lane_in * 2 + at / 2,
            Self::Dot => vector * 2 * nr + lane_in * 4 + at,
            // Two columns side by side.
            Self::Mmla => lane * 8 + at,
        }
    }

    /// Writes the zero point of column `lane` into the `nr` values of its block: i32 for row
    /// sums, else i16 as the weights it is subtracted from lie.
    pub fn place_zero_point(self, block: &mut [i32], lane: usize, zero_point: u8) {
        let wide = i32::from(zero_point);
        match self {
            Self::Pairs => block[lane] = wide | wide << 16,
            Self::Single => {
                let half = block.len() / 2;
                let (vector, lane) = (lane / half, lane % half);
                let at = vector * half + lane / 2;
                for twice in [at, at + half / 2] {
                    block[twice] |= wide << (16 * (lane % 2));
                }
            }
            _ => block[lane] = wide - 128,
        }
    }
}
