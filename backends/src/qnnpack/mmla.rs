//! The micro-kernel on 8-bit matrix products (kr 8): 8 output pixels by 8
//! columns, as blocks of two rows by two columns, 8 channels a step. Zero points
//! of weights come off by row sums.
//!
//! Source of the form: XNNPACK `src/qs8-gemm` (c8 with i8mm), which carries
//! QNNPACK's tiles on.

use super::micro_kernel::{Tile, nr};
use crate::isa::{Isa, WithIsa, each};

/// Rows of a tile.
const MR: usize = 8;
/// Columns of a tile.
const NR: usize = 8;
/// Channels of a step.
const KR: usize = 8;

/// Computes the tile's sums, zero points corrected, biases added.
///
/// # Panics
/// When a row lies outside its buffer, or a buffer is too short: the loops lay them out.
pub fn multiply<I: Isa>(isa: I, tile: Tile<'_>) {
    assert_eq!(nr::<I>(), NR, "a tile is as wide as two vectors");
    match (tile.count <= 2, tile.signed) {
        (true, false) => isa.vectorize(Body::<1, false>(tile)),
        (true, true) => isa.vectorize(Body::<1, true>(tile)),
        (false, false) => isa.vectorize(Body::<4, false>(tile)),
        (false, true) => isa.vectorize(Body::<4, true>(tile)),
    }
}

/// A tile of `PAIRS` pairs of rows; rows that it lacks repeat the last one.
struct Body<'a, const PAIRS: usize, const SIGNED: bool>(Tile<'a>);

impl<I: Isa, const PAIRS: usize, const SIGNED: bool> WithIsa<I> for Body<'_, PAIRS, SIGNED> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let tile = self.0;
        let (k, bytes) = (tile.k, tile.block.bytes);
        let (biases, weights) = bytes.split_at(4 * NR);
        assert!(
            weights.len() == tile.taps * k.div_ceil(KR) * KR * NR
                && tile.block.zero_points.len() >= NR,
            "a block holds its biases, groups and zero points"
        );
        let ones = isa.splat_u8(1);
        let moved = isa.splat_u8(if SIGNED { 0x80 } else { 0 });
        let mut sums = [[isa.splat_i32(0); NR / 2]; PAIRS];
        let mut row_sums = [isa.splat_i32(0); PAIRS];
        let mut groups = weights.chunks_exact(KR * NR);
        for tap in 0..tile.taps {
            let rows: [*const u8; MR] = tile.rows::<MR>(tap);
            for at in (0..k).step_by(KR) {
                let group = groups.next().expect("a tap has a group for each step");
                // SAFETY: a group is 4 vectors of two columns each.
                let columns: [I::V; NR / 2] = each!(isa.splat_i32(0), |pair| unsafe {
                    isa.load_bytes(group.as_ptr().add(pair * 2 * KR))
                });
                for pair in 0..PAIRS {
                    // SAFETY: `rows` checked that each row holds k codes, of which some are left.
                    let codes = unsafe {
                        let (first, second) = (rows[2 * pair].add(at), rows[2 * pair + 1].add(at));
                        let both = [
                            eight::<SIGNED>(first, k - at),
                            eight::<SIGNED>(second, k - at),
                        ];
                        isa.xor(isa.load_bytes(both.as_ptr().cast()), moved)
                    };
                    for (sum, &columns) in sums[pair].iter_mut().zip(&columns) {
                        *sum = isa.mmla(*sum, codes, columns);
                    }
                    if !tile.symmetric {
                        row_sums[pair] = isa.mmla(row_sums[pair], codes, ones);
                    }
                }
            }
        }
        for pair in 0..PAIRS {
            let row_sums = isa.to_i32_array(row_sums[pair]);
            for (columns, &sum) in sums[pair].iter().enumerate() {
                let sum = isa.to_i32_array(sum);
                for (lane, &sum) in sum[..4].iter().enumerate() {
                    let (row, column) = (2 * pair + lane / 2, 2 * columns + lane % 2);
                    tile.sums[row * NR + column] = sum
                        .wrapping_sub(tile.block.zero_points[column].wrapping_mul(row_sums[lane]));
                }
            }
        }
        for row in tile.sums[..2 * PAIRS * NR].chunks_exact_mut(I::LANES * 2) {
            for (half, to) in row.chunks_exact_mut(I::LANES).enumerate() {
                // SAFETY: `to` is a vector, and the biases are two.
                unsafe {
                    let bias = isa.load_bytes(biases.as_ptr().add(half * 4 * I::LANES));
                    let sum = isa.add_i32(isa.load_bytes(to.as_ptr().cast()), bias);
                    isa.store_bytes(to.as_mut_ptr().cast(), sum);
                }
            }
        }
    }
}

/// Up to 8 codes of which `left` are there, filled up with what is 0 once it is moved to u8.
///
/// # Safety
/// `codes` must be readable for `left` bytes or 8, whichever is less.
#[inline(always)]
unsafe fn eight<const SIGNED: bool>(codes: *const u8, left: usize) -> [u8; KR] {
    if left >= KR {
        // SAFETY: the caller's contract.
        return unsafe { codes.cast::<[u8; KR]>().read() };
    }
    let mut bytes = [if SIGNED { 0x80 } else { 0 }; KR];
    for (at, to) in bytes.iter_mut().take(left).enumerate() {
        // SAFETY: at < left.
        *to = unsafe { *codes.add(at) };
    }
    bytes
}
