//! The i16 micro-kernel (acc16): pairs of u8·s8 products saturate to i16
//! (vpmaddubsw) and are summed saturating in i16 (vpaddsw), twice as many
//! columns a vector as acc32; the i16 sums go to i32 after every block of k.
//!
//! Source: FBGEMM `src/GenerateKernelU8S8S32ACC16.cc`; the sums are those of
//! `src/RefImplementations.cc` (matmul_u8i8acc16_ref).

use super::aligned::LINE;
use super::micro_kernel::{Blocking, Panel, Sums, TileArgs};
use crate::isa::{Grouping, Isa, WithIsa, each};

/// Sums in i16 accumulators that go to i32 every `SPILL` codes of k.
pub struct Acc16<const SPILL: usize>;

/// Bytes of a group: a pair of codes.
const GROUP: usize = 2;

impl<I: Isa, const SPILL: usize> Sums<I> for Acc16<SPILL> {
    const NAME: &'static str = "u8s8-i16";
    const INTERLEAVE: usize = 2;
    const CODE_BYTES: usize = 1;
    const CODE_SHIFT: i32 = 0;
    const GROUPING: Grouping = Grouping::ByColumn;

    fn blocking() -> Blocking {
        // A vector of i16 sums is 2·LANES columns.
        let (mr, vectors, mcb) = if const { I::LANES >= 16 } {
            (6, 4, 60)
        } else {
            (6, 2, 60)
        };
        Blocking {
            mr,
            nr: vectors * 2 * I::LANES,
            mcb,
            ncb: vectors * 4 * I::LANES,
            kcb: SPILL,
        }
    }

    #[inline]
    unsafe fn tile(isa: I, rows: usize, args: TileArgs) {
        if const { I::LANES >= 16 } {
            heights::<I, 6, 3, 4>(isa, rows, args);
        } else {
            heights::<I, 6, 3, 2>(isa, rows, args);
        }
    }
}

/// Runs the lowest of the tile's heights that holds `rows`.
#[inline(always)]
fn heights<I: Isa, const MR: usize, const HALF: usize, const NV: usize>(
    isa: I,
    rows: usize,
    args: TileArgs,
) {
    match rows {
        1 => isa.vectorize(Tile::<MR, 1, NV> { args }),
        _ if rows <= HALF => isa.vectorize(Tile::<MR, HALF, NV> { args }),
        _ => isa.vectorize(Tile::<MR, MR, NV> { args }),
    }
}

/// `ROWS` of the `MR` rows of a panel, times `NV` vectors of `2·LANES` columns.
struct Tile<const MR: usize, const ROWS: usize, const NV: usize> {
    args: TileArgs,
}

impl<I: Isa, const MR: usize, const ROWS: usize, const NV: usize> WithIsa<I>
    for Tile<MR, ROWS, NV>
{
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
        let mut acc = [[isa.splat_i32(0); NV]; ROWS];
        let mut left = groups;
        while left > 0 {
            let run = left.min(LINE / GROUP);
            for _ in 0..run {
                // SAFETY: `Sums::tile` promises `groups` groups of `mr` rows and `nr` columns;
                // `left` counts those of segments not yet read.
                unsafe {
                    let columns: [I::V; NV] = each!(isa.splat_i32(0), |v| isa
                        .load_bytes(b.add(v * 4 * I::LANES)));
                    for (r, row) in acc.iter_mut().enumerate() {
                        let pair = isa.broadcast_2(a.add(r * LINE));
                        for (sum, column) in row.iter_mut().zip(columns) {
                            *sum = isa.adds_i16(*sum, isa.maddubs(pair, column));
                        }
                    }
                    a = a.add(GROUP);
                    b = b.add(NV * 4 * I::LANES);
                }
            }
            left -= run;
            if left > 0 {
                // SAFETY: more groups are to be read, so a next segment is there.
                a = unsafe { a.add((MR - 1) * LINE) };
            }
        }
        for (r, row) in acc.into_iter().enumerate() {
            for (v, sums) in row.into_iter().enumerate() {
                for (half, mut sum) in isa.i16_to_i32(sums).into_iter().enumerate() {
                    // SAFETY: `Sums::tile` promises `mr` rows of `nr` sums, `ldc` apart.
                    unsafe {
                        let column = (2 * v + half) * I::LANES;
                        let place: *mut u8 = c.add(r * ldc + column).cast();
                        if accumulate {
                            sum = isa.add_i32(sum, isa.load_bytes(place));
                        }
                        isa.store_bytes(place, sum);
                    }
                }
            }
        }
    }
}
