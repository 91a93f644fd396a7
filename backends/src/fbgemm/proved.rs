//! The i32 micro-kernel that multiplies bytes exactly on instructions that
//! saturate: products are summed in i16 as far as a [`Proof`](super::proof::Proof)
//! made when weights were packed says that nothing overflows, then go to i32 by
//! one vpmaddwd. Blocks of k without a proof are widened in the tile.
//!
//! Blocks of one kind are summed after another; sums are exact, so that their
//! order does not matter.

use super::aligned::LINE;
use super::micro_kernel::{Blocking, Panel, Sums, TileArgs, store};
use super::proof::BLOCK;
use crate::isa::{Grouping, Isa, WithIsa, each};

/// Sums in i16 where they fit, else and then in i32.
pub struct Proved;

/// How it sums.
pub const NAME: &str = "u8s8-proved-i32";

/// Bytes of a group.
const GROUP: usize = 4;
/// Groups of a block.
const BLOCK_GROUPS: usize = BLOCK / GROUP;

impl<I: Isa> Sums<I> for Proved {
    const NAME: &'static str = NAME;
    const INTERLEAVE: usize = GROUP;
    const CODE_BYTES: usize = 1;
    const CODE_SHIFT: i32 = 0;
    const GROUPING: Grouping = Grouping::ByColumn;
    const GROUPS_AT_ONCE: usize = BLOCK_GROUPS;
    const PROVES: bool = true;

    fn blocking() -> Blocking {
        let mr = if const { I::LANES >= 16 } { 12 } else { 6 };
        Blocking {
            mr,
            nr: 2 * I::LANES,
            mcb: 120,
            ncb: 8 * I::LANES,
            // As many blocks as a proof has bits.
            kcb: 64 * BLOCK,
        }
    }

    #[inline]
    unsafe fn tile(isa: I, rows: usize, args: TileArgs) {
        if const { I::LANES >= 16 } {
            heights::<I, 12, 6>(isa, rows, args);
        } else {
            heights::<I, 6, 3>(isa, rows, args);
        }
    }
}

/// Runs the lowest of the tile's heights that holds `rows`.
#[inline(always)]
fn heights<I: Isa, const MR: usize, const HALF: usize>(isa: I, rows: usize, args: TileArgs) {
    match rows {
        1 => isa.vectorize(Tile::<MR, 1> { args }),
        _ if rows <= HALF => isa.vectorize(Tile::<MR, HALF> { args }),
        _ => isa.vectorize(Tile::<MR, MR> { args }),
    }
}

/// Vectors of columns.
const NV: usize = 2;

/// `ROWS` of the `MR` rows of a panel, times two vectors of columns.
struct Tile<const MR: usize, const ROWS: usize> {
    args: TileArgs,
}

impl<I: Isa, const MR: usize, const ROWS: usize> WithIsa<I> for Tile<MR, ROWS> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let TileArgs {
            a: Panel { start: a, .. },
            b,
            proof,
            c,
            ldc,
            accumulate,
            ..
        } = self.args;
        let mut acc = [[isa.splat_i32(0); NV]; ROWS];
        // SAFETY: `Sums::tile` promises segments and groups for all of k, padded to whole blocks;
        // a proof has bits for these alone.
        unsafe {
            for block in Blocks(proof.fours) {
                let (a, b) = place::<I, MR>(a, b, block);
                multiply::<I, 4, ROWS>(isa, a, b, &mut acc);
            }
            for block in Blocks(proof.twos) {
                let (a, b) = place::<I, MR>(a, b, block);
                multiply::<I, 2, ROWS>(isa, a, b, &mut acc);
            }
            for block in Blocks(proof.ones) {
                let (a, b) = place::<I, MR>(a, b, block);
                multiply::<I, 1, ROWS>(isa, a, b, &mut acc);
            }
            for block in Blocks(proof.none()) {
                let (a, b) = place::<I, MR>(a, b, block);
                multiply_widened::<I, ROWS>(isa, a, b, &mut acc);
            }
            store(isa, &acc, c, ldc, accumulate);
        }
    }
}

/// The numbers of the bits that are set, ascending.
struct Blocks(u64);

impl Iterator for Blocks {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let block = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(block)
    }
}

/// Where block `block` of k lies in the panels of A and B.
#[inline(always)]
fn place<I: Isa, const MR: usize>(
    a: *const u8,
    b: *const u8,
    block: usize,
) -> (*const u8, *const u8) {
    const PER_SEGMENT: usize = LINE / BLOCK;
    let at = block / PER_SEGMENT * MR * LINE + block % PER_SEGMENT * BLOCK;
    (
        a.wrapping_add(at),
        b.wrapping_add(block * BLOCK * NV * I::LANES),
    )
}

/// Adds the products of one block of k, `TOGETHER` groups summed in i16.
///
/// # Safety
/// `a` must be readable for a block in each of `ROWS` segments, `b` for the block's groups of
/// `NV` vectors.
#[inline(always)]
unsafe fn multiply<I: Isa, const TOGETHER: usize, const ROWS: usize>(
    isa: I,
    a: *const u8,
    b: *const u8,
    acc: &mut [[I::V; NV]; ROWS],
) {
    let ones = isa.splat_i16(1);
    for first in (0..BLOCK_GROUPS).step_by(TOGETHER) {
        let columns: [[I::V; NV]; TOGETHER] = each!([isa.splat_i32(0); NV], |group| {
            each!(isa.splat_i32(0), |v| {
                let at = ((first + group) * NV + v) * GROUP * I::LANES;
                // SAFETY: the caller's promise.
                unsafe { isa.load_bytes(b.add(at)) }
            })
        });
        for (r, row) in acc.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            let codes: [I::V; TOGETHER] = each!(isa.splat_i32(0), |group| unsafe {
                isa.broadcast_4(a.add(r * LINE + (first + group) * GROUP))
            });
            for (v, sum) in row.iter_mut().enumerate() {
                let mut pairs = isa.maddubs(codes[0], columns[0][v]);
                for group in 1..TOGETHER {
                    pairs = isa.add_i16(pairs, isa.maddubs(codes[group], columns[group][v]));
                }
                *sum = isa.add_i32(*sum, isa.madd_i16(pairs, ones));
            }
        }
    }
}

/// Adds the products of one block of k, widened.
///
/// # Safety
/// As for [`multiply`].
#[inline(always)]
unsafe fn multiply_widened<I: Isa, const ROWS: usize>(
    isa: I,
    a: *const u8,
    b: *const u8,
    acc: &mut [[I::V; NV]; ROWS],
) {
    for group in 0..BLOCK_GROUPS {
        // SAFETY: the caller's promise.
        let columns: [I::V; NV] = each!(isa.splat_i32(0), |v| unsafe {
            isa.load_bytes(b.add((group * NV + v) * GROUP * I::LANES))
        });
        for (r, row) in acc.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            let codes = unsafe { isa.broadcast_4(a.add(r * LINE + group * GROUP)) };
            for (sum, column) in row.iter_mut().zip(columns) {
                *sum = isa.dot4(*sum, codes, column);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fbgemm::gemm::{multiply, sums_block};
    use crate::fbgemm::pack_a::{Block, Lent, PackedRows};
    use crate::fbgemm::pack_b::PackedWeights;
    use crate::isa::{Avx2Exact, Avx512Exact, InstructionSet, Modelled};

    /// Weights of every kind of block in one column or another, up to the last that fits.
    fn weights(n: usize, k: usize, most_code: u8) -> Vec<i8> {
        let limit = 32767 / i32::from(most_code);
        let mut state = 7u32;
        let mut next = move |below: i32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as i32 % below
        };
        let mut weights = vec![0; n * k];
        for from in (0..k).step_by(BLOCK) {
            // Σ of one lane of as many groups as are to fit, and one more in one column.
            let kind = next(5);
            let odd_one = next(n as i32) as usize;
            for column in 0..n {
                let most = limit + i32::from(column == odd_one && (1..4).contains(&kind));
                let groups = [4, 2, 1, 1, 2][kind as usize];
                let mut left = [most; 2];
                for at in from..k.min(from + BLOCK) {
                    let within = at - from;
                    if within % (4 * groups) == 0 {
                        left = [most; 2];
                    }
                    let lane = within % 4 / 2;
                    let weight = match kind {
                        3 => 127,
                        _ => left[lane].min(next(128)),
                    };
                    left[lane] -= weight;
                    weights[column * k + at] = if column % 2 == 0 { weight } else { -weight } as i8;
                }
            }
        }
        weights
    }

    fn check<I: Isa>(isa: I, most_code: u8) {
        let mut kinds = [0; 4];
        for (rows, n, k) in [(1, 1, 1), (7, 20, 40), (13, 33, 1100), (3, 16, 300)] {
            let weights = weights(n, k, most_code);
            let b = PackedWeights::<I, Proved>::new(&weights, n, k, most_code);
            for (column, first) in [(0, 0), (16, 0), (0, 1024)] {
                if column < n && first < k {
                    let proof = b.proof(column, first / GROUP);
                    let all = [proof.fours, proof.twos, proof.ones, proof.none()];
                    (kinds.iter_mut().zip(all)).for_each(|(kind, x)| *kind += x.count_ones());
                }
            }
            // The worst codes for weights of one sign, of the other, and of both.
            for pattern in 0..3 {
                let code = |row: usize, at: usize| match (pattern, (row + at) % 2) {
                    (0, _) | (1, 0) => most_code,
                    (1, _) => 0,
                    _ => (row * 31 + at * 17) as u8 % most_code,
                };
                let mut a = PackedRows::<I, Proved>::new(k);
                for row in 0..rows {
                    let codes: Vec<u8> = (0..k).map(|at| code(row, at)).collect();
                    a.pack(isa, row, &codes, false);
                }
                let block = Block {
                    packed: &a,
                    lent: Lent::NONE,
                    windows: None,
                };
                let mut sums = sums_block::<I, Proved>();
                multiply(isa, &block, rows, &b, 0, &mut sums);
                for row in 0..rows {
                    for column in 0..n {
                        let expected: i32 = (0..k)
                            .map(|at| {
                                i32::from(weights[column * k + at]) * i32::from(code(row, at))
                            })
                            .sum();
                        let ncb = <Proved as Sums<I>>::blocking().ncb;
                        assert_eq!(sums[row * ncb + column], expected, "{row} {column} of {k}");
                    }
                }
            }
        }
        assert!(kinds[..3].iter().all(|&kind| kind > 0), "{kinds:?}");
        // Below 128 no pair overflows.
        assert_eq!(kinds[3] > 0, most_code > 127, "{kinds:?}");
    }

    fn both_forms<S: InstructionSet>() {
        for most_code in [127, 255] {
            check::<Modelled<S>>(S::model(), most_code);
            if let Some(isa) = S::native() {
                check(isa, most_code);
            }
        }
    }

    #[test]
    fn sums_are_exact_up_to_the_last_weight_that_is_proved() {
        both_forms::<Avx2Exact>();
        both_forms::<Avx512Exact>();
    }
}
