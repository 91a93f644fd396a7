//! The i32 micro-kernel on 8-bit matrix products (usmmla): two rows of 8 codes
//! meet two columns of 8 weights, 32 products an instruction.
//!
//! Packed A is that of the other kernels, a row a segment; two rows are zipped
//! after they are loaded. Packed B has groups of 8 adjacent k, so that two
//! columns of a group are one vector.

use super::aligned::LINE;
use super::micro_kernel::{Blocking, Panel, Sums, TileArgs};
use crate::isa::{Grouping, Isa, WithIsa, each};

/// Sums in i32 accumulators of 2×2, by the instruction set's [`mmla`](Isa::mmla).
pub struct Matrix;

/// Codes of a group.
const GROUP: usize = 8;
/// Groups in a segment.
const SEGMENT_GROUPS: usize = LINE / GROUP;
/// Rows of a panel.
const MR: usize = 8;
/// Pairs of columns of a tile: one vector of weights each.
const COLUMN_PAIRS: usize = 4;
/// Bytes of one group of all columns.
const GROUP_BYTES: usize = 2 * COLUMN_PAIRS * GROUP;

impl<I: Isa> Sums<I> for Matrix {
    const NAME: &'static str = "u8s8-mmla-i32";
    const INTERLEAVE: usize = GROUP;
    const CODE_BYTES: usize = 1;
    const CODE_SHIFT: i32 = 0;
    const GROUPING: Grouping = Grouping::ByColumn;

    fn blocking() -> Blocking {
        Blocking {
            mr: MR,
            nr: 2 * COLUMN_PAIRS,
            mcb: 64,
            ncb: 64,
            kcb: 512,
        }
    }

    #[inline]
    unsafe fn tile(isa: I, rows: usize, args: TileArgs) {
        assert_eq!(I::LANES, 4, "a vector is one block of 2×2");
        match rows {
            1 | 2 => isa.vectorize(Tile::<1> { args }),
            3 | 4 => isa.vectorize(Tile::<2> { args }),
            _ => isa.vectorize(Tile::<4> { args }),
        }
    }
}

/// `PAIRS` pairs of the rows of a panel, times all columns of a tile.
struct Tile<const PAIRS: usize> {
    args: TileArgs,
}

impl<I: Isa, const PAIRS: usize> WithIsa<I> for Tile<PAIRS> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let TileArgs {
            a: Panel { start: mut a, .. },
            mut b,
            groups,
            c,
            ldc,
            accumulate,
            ..
        } = self.args;
        let mut acc = [[isa.splat_i32(0); COLUMN_PAIRS]; PAIRS];
        let mut left = groups;
        while left > 0 {
            let run = left.min(SEGMENT_GROUPS);
            // SAFETY: `Sums::tile` promises `groups` groups of `mr` rows and `nr` columns;
            // `left` counts those of segments not yet read. A segment is a whole number of pairs
            // of groups, readable to its end also where the last group has no partner.
            unsafe {
                for pair in 0..run / 2 {
                    let rows = load_rows::<I, PAIRS>(isa, a.add(pair * 2 * GROUP));
                    multiply(isa, &rows, 0, b, &mut acc);
                    multiply(isa, &rows, 1, b.add(GROUP_BYTES), &mut acc);
                    b = b.add(2 * GROUP_BYTES);
                }
                if run % 2 == 1 {
                    let rows = load_rows::<I, PAIRS>(isa, a.add((run - 1) * GROUP));
                    multiply(isa, &rows, 0, b, &mut acc);
                    b = b.add(GROUP_BYTES);
                }
            }
            left -= run;
            // To the next segment; after the last one this points nowhere and is not read.
            a = a.wrapping_add(MR * LINE);
        }
        for (pair, sums) in acc.into_iter().enumerate() {
            for half in 0..COLUMN_PAIRS / 2 {
                let rows = isa.zip_halves(sums[2 * half], sums[2 * half + 1]);
                for (row, sum) in rows.into_iter().enumerate() {
                    // SAFETY: `Sums::tile` promises `mr` rows of `nr` sums, `ldc` apart.
                    unsafe {
                        let place: *mut u8 = c.add((2 * pair + row) * ldc + half * I::LANES).cast();
                        let sum = if accumulate {
                            isa.add_i32(sum, isa.load_bytes(place))
                        } else {
                            sum
                        };
                        isa.store_bytes(place, sum);
                    }
                }
            }
        }
    }
}

/// Two groups of each pair of rows: both rows' first group, then their second.
///
/// # Safety
/// `a` must be readable for 16 bytes in each of `2·PAIRS` segments.
#[inline(always)]
unsafe fn load_rows<I: Isa, const PAIRS: usize>(isa: I, a: *const u8) -> [[I::V; 2]; PAIRS] {
    each!([isa.splat_i32(0); 2], |pair| {
        // SAFETY: the caller's promise.
        let (first, second) = unsafe {
            (
                isa.load_bytes(a.add(2 * pair * LINE)),
                isa.load_bytes(a.add((2 * pair + 1) * LINE)),
            )
        };
        isa.zip_halves(first, second)
    })
}

/// Adds the products of one group of k.
///
/// # Safety
/// `b` must be readable for a group of all columns.
#[inline(always)]
unsafe fn multiply<I: Isa, const PAIRS: usize>(
    isa: I,
    rows: &[[I::V; 2]; PAIRS],
    group: usize,
    b: *const u8,
    acc: &mut [[I::V; COLUMN_PAIRS]; PAIRS],
) {
    for column in 0..COLUMN_PAIRS {
        // SAFETY: the caller's promise.
        let weights = unsafe { isa.load_bytes(b.add(column * 2 * GROUP)) };
        for (sums, rows) in acc.iter_mut().zip(rows) {
            sums[column] = isa.mmla(sums[column], rows[group], weights);
        }
    }
}
