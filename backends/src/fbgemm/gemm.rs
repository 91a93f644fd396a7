//! The loops around the micro-kernel: a block of packed rows times one block of
//! columns of packed weights, into i32 sums that stay in cache, and from there to
//! the output.

use super::aligned::Aligned;
use super::columns::Columns;
use super::micro_kernel::{Sums, TileArgs};
use super::output::{self, Form, Outputs, Place};
use super::pack_a::Block;
use super::pack_b::PackedWeights;
use crate::isa::Isa;
use crate::threads::Output;

/// Sums that are finished at once while they are in the nearest cache.
const NEAR_SUMS: usize = 2048;

/// What becomes of the sums of an op.
#[derive(Clone, Copy)]
pub struct Finishing<'a> {
    /// what is known of its columns
    pub columns: &'a Columns,
    /// what becomes of a sum
    pub form: Form,
    /// Σa of each row of the block, where sums are corrected for the weights' zero points
    pub row_sums: Option<&'a [i32]>,
}

/// A block of sums: MCB rows, NCB apart.
pub fn sums_block<I: Isa, T: Sums<I>>() -> Aligned<i32> {
    Aligned::zeroed(T::blocking().mcb * T::blocking().ncb)
}

/// Computes `place.rows` rows of a block with the columns from `first` (a multiple of NCB) on,
/// NCB at most, and writes them to `place` of the output, whose columns may start elsewhere (at a
/// group of a convolution). `sums` is a [`sums_block`].
pub fn compute<I: Isa, T: Sums<I>>(
    isa: I,
    a: &Block<'_, I, T>,
    (b, first): (&PackedWeights<I, T>, usize),
    sums: &mut Aligned<i32>,
    finishing: Finishing<'_>,
    place: Place,
    output: &mut Output<'_>,
) {
    let blocking = T::blocking();
    if b.groups() == 0 || b.groups() > blocking.kcb / T::INTERLEAVE {
        multiply(isa, a, place.rows, b, first, sums);
        finishing.write(isa, (sums, blocking.ncb), 0, place, output);
        return;
    }
    assert!(place.rows <= blocking.mcb && sums.len() == blocking.mcb * blocking.ncb);
    // Whole panels, and whole groups of vectors that are finished together.
    let width = if blocking.nr.is_multiple_of(4 * I::LANES) {
        blocking.nr
    } else {
        4 * I::LANES
    };
    assert!(width.is_multiple_of(blocking.nr) && width <= blocking.ncb);
    let tiles = (NEAR_SUMS / (width * blocking.mr)).clamp(1, blocking.mcb / blocking.mr);
    let height = tiles * blocking.mr;
    let tile_args = |row, column, columns, c| TileArgs {
        a: a.panel(row, 0),
        b: b.panel(column, 0),
        groups: b.groups(),
        proof: b.proof(column, 0),
        c,
        ldc: width,
        columns,
        accumulate: false,
    };
    T::ready(isa);
    for column in (0..place.columns).step_by(width) {
        let columns = (place.columns - column).min(width);
        let all = Place {
            column: place.column + column,
            columns,
            ..place
        };
        let mut written = 0;
        if let Some(outputs) = finishing.outputs::<I, T>(all, output) {
            let tiles = place.rows / blocking.mr;
            let args = tile_args(0, first + column, columns, std::ptr::null_mut());
            // SAFETY: as in `multiply`, of which this is the case of one block of k; the tiles'
            // outputs lie in `all`.
            unsafe { T::write_tiles(isa, args, tiles, outputs) };
            written = tiles * blocking.mr;
        }
        for row in (written..place.rows).step_by(height) {
            let rows = (place.rows - row).min(height);
            for panel in (0..columns).step_by(blocking.nr) {
                let columns_of_panel = (columns - panel).min(blocking.nr);
                for tile in (0..rows).step_by(blocking.mr) {
                    let c = sums[tile * width + panel..].as_mut_ptr();
                    let args = tile_args(row + tile, first + column + panel, columns_of_panel, c);
                    // SAFETY: as in `multiply`; `sums` has room for `height` rows (a multiple of
                    // `mr`) of `width` columns (a multiple of `nr`).
                    unsafe { T::tile(isa, (rows - tile).min(blocking.mr), args) };
                }
            }
            let left = Place {
                row: place.row + row,
                rows,
                ..all
            };
            finishing.write(isa, (sums, width), row, left, output);
        }
    }
    T::release(isa);
}

impl Finishing<'_> {
    /// What whole tiles of `place` write themselves, where they do.
    fn outputs<I: Isa, T: Sums<I>>(
        &self,
        place: Place,
        output: &mut Output<'_>,
    ) -> Option<Outputs> {
        if !T::WRITES || self.row_sums.is_some() || place.columns != T::blocking().nr {
            return None;
        }
        Outputs::of::<I>(self.form, self.columns, place, output)
    }

    /// Writes a block of sums, `ldc` apart, of the rows from `first_row` of the block of A on.
    fn write<I: Isa>(
        &self,
        isa: I,
        (sums, ldc): (&Aligned<i32>, usize),
        first_row: usize,
        place: Place,
        output: &mut Output<'_>,
    ) {
        let block = output::Block {
            sums,
            ldc,
            row_sums: self.row_sums.map(|sums| &sums[first_row..]),
        };
        output::finish(isa, self.form, self.columns, &block, place, output);
    }
}

/// Sums of the first `rows` rows of a block with the columns from `first` (a multiple of NCB) on,
/// NCB at most, to `sums` (a [`sums_block`]). Zero points are not corrected.
pub fn multiply<I: Isa, T: Sums<I>>(
    isa: I,
    a: &Block<'_, I, T>,
    rows: usize,
    b: &PackedWeights<I, T>,
    first: usize,
    sums: &mut Aligned<i32>,
) {
    let blocking = T::blocking();
    let columns = (b.n() - first).min(blocking.ncb);
    assert!(rows <= blocking.mcb && sums.len() == blocking.mcb * blocking.ncb);
    let per_block = blocking.kcb / T::INTERLEAVE;
    if b.groups() == 0 {
        sums.fill(0);
    }
    T::ready(isa);
    for group in (0..b.groups()).step_by(per_block) {
        let groups = (b.groups() - group).min(per_block);
        for column in (0..columns).step_by(blocking.nr) {
            let panel = b.panel(first + column, group);
            let proof = b.proof(first + column, group);
            for row in (0..rows).step_by(blocking.mr) {
                let place = &mut sums[row * blocking.ncb + column..];
                // SAFETY: both operands were packed for `T` with the same k: from `group` on, a
                // panel of B holds the `groups` groups of its block, and a panel of A (KCB is a
                // multiple of a segment) the segments of as many groups of `mr` rows; a lent
                // panel has `mr` rows or as many as are asked for, see `Lent::of`. `sums` has
                // `mcb` rows (a multiple of `mr`) of `ncb` columns (a multiple of `nr`).
                unsafe {
                    T::tile(
                        isa,
                        (rows - row).min(blocking.mr),
                        TileArgs {
                            a: a.panel(row, group),
                            b: panel,
                            groups,
                            proof,
                            c: place.as_mut_ptr(),
                            ldc: blocking.ncb,
                            columns: (columns - column).min(blocking.nr),
                            accumulate: group > 0,
                        },
                    );
                }
            }
        }
    }
    T::release(isa);
}
