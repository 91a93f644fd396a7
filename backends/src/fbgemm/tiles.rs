//! The i32 micro-kernel on tile registers (AMX): 32 rows of 64 codes meet 32
//! columns of 64 weights in four instructions.
//!
//! Packed A is that of the other kernels: a segment of `mr` rows is two tiles. Tiles load
//! rows at any distance, so that an input of whole segments is read where it lies.
//! Packed B is that of bytes in fours: 16 groups of 32 columns are two tiles, so
//! that k is padded to a multiple of 64 with weights of zero.

use super::micro_kernel::{Blocking, Sums, TileArgs};
use crate::isa::tiles::{self, TileProduct};
use crate::isa::{Grouping, Isa};

/// Sums in tiles of 16×16 i32, by the instruction set's [`tile_product`](Isa::tile_product).
pub struct Tiles;

/// Rows and columns of two tiles.
const TWO: usize = 2 * tiles::ROWS;

impl<I: Isa> Sums<I> for Tiles {
    const NAME: &'static str = "u8s8-tiles-i32";
    const INTERLEAVE: usize = 4;
    const CODE_BYTES: usize = 1;
    const CODE_SHIFT: i32 = 0;
    const GROUPING: Grouping = Grouping::ByColumn;
    const ROWS_IN_PLACE: usize = tiles::ROWS;
    const GROUPS_AT_ONCE: usize = tiles::ROWS;

    fn blocking() -> Blocking {
        Blocking {
            mr: TWO,
            nr: TWO,
            mcb: 128,
            ncb: 128,
            kcb: 1024,
        }
    }

    fn ready(isa: I) {
        isa.ready_tiles();
    }

    fn release(isa: I) {
        isa.release_tiles();
    }

    #[inline]
    unsafe fn tile(isa: I, rows: usize, args: TileArgs) {
        // SAFETY: `Sums::tile` promises the segments of `groups` groups, a multiple of 16, of
        // `mr` rows (where fewer are lent, of 16 or 32, as many as are read here), as many groups of `nr` columns, and `mr` rows of `nr` sums; the loops
        // around called `ready`.
        unsafe {
            isa.tile_product(TileProduct {
                a: args.a.start,
                a_row: args.a.row,
                a_step: args.a.segment,
                b: args.b,
                b_step: tiles::STEP_BYTES,
                steps: args.groups / tiles::ROWS,
                c: args.c,
                ldc: args.ldc,
                two: rows > tiles::ROWS,
                accumulate: args.accumulate,
            });
        }
    }
}
