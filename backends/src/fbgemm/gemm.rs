//! The loops around the micro-kernel: a block of packed rows times one block of
//! columns of packed weights, into a block of i32 sums that stays in cache.

use super::aligned::Aligned;
use super::micro_kernel::{Sums, TileArgs};
use super::pack_a::Block;
use super::pack_b::PackedWeights;
use crate::isa::Isa;

/// A block of sums: MCB rows, NCB apart.
pub fn sums_block<I: Isa, T: Sums<I>>() -> Aligned<i32> {
    Aligned::zeroed(T::blocking().mcb * T::blocking().ncb)
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
                            a: a.panel(row, group / T::SEGMENT_GROUPS),
                            b: panel,
                            groups,
                            proof,
                            c: place.as_mut_ptr(),
                            ldc: blocking.ncb,
                            accumulate: group > 0,
                        },
                    );
                }
            }
        }
    }
    T::release(isa);
}
