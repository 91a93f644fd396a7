//! Tile registers (AMX): sums of u8·s8 products of whole blocks, 16 rows by 16
//! columns by 64 deep in one instruction.
//!
//! A tile is 16 rows of 64 bytes: codes (a row is 64 adjacent k), weights (a row
//! is a group of 4 adjacent k of 16 columns) or i32 sums (a row is 16 columns).
//! Kernels ask for products of one or two tiles of rows with two tiles of
//! columns; see [`TileProduct`]. Where there are no tile registers, the model of
//! the instruction, [`models::tdpbusd`], does the same.

#[cfg(target_arch = "x86_64")]
pub(super) mod native;

use super::models;

/// Rows of a tile.
pub const ROWS: usize = 16;
/// Bytes of a row of a tile.
pub const ROW_BYTES: usize = 64;

/// One or two tiles of rows by two tiles of columns of sums, over `steps` times 64 codes.
#[derive(Debug, Clone, Copy)]
pub struct TileProduct {
    /// codes: 16 or 32 rows of 64 bytes
    pub a: *const u8,
    /// bytes from one row to the next
    pub a_row: usize,
    /// bytes from one step's codes to the next's
    pub a_step: usize,
    /// weights: 16 groups of 4 k by 32 columns, adjacent
    pub b: *const u8,
    /// bytes from one step's weights to the next's: [`STEP_BYTES`] where steps follow each other
    pub b_step: usize,
    /// how many steps
    pub steps: usize,
    /// sums: rows of 32, `ldc` apart
    pub c: *mut i32,
    /// sums between rows of `c`
    pub ldc: usize,
    /// two tiles of rows, not one
    pub two: bool,
    /// whether products are added to the sums in `c`
    pub accumulate: bool,
}

/// Bytes of 16 groups of weights of two tiles of columns.
pub const STEP_BYTES: usize = 2 * ROWS * ROW_BYTES;

/// A [`TileProduct`] by the model of the instruction.
///
/// # Safety
/// As [`Isa::tile_product`](super::Isa::tile_product).
pub(super) unsafe fn modelled(product: TileProduct) {
    for rows in 0..1 + usize::from(product.two) {
        for columns in 0..2 {
            let place = |row: usize| {
                let at = (rows * ROWS + row) * product.ldc + columns * ROWS;
                product.c.wrapping_add(at).cast::<[i32; ROWS]>()
            };
            let mut sums = [[0; ROWS]; ROWS];
            if product.accumulate {
                for (row, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: the caller's contract: every row holds 32 sums.
                    *sums = unsafe { place(row).read_unaligned() };
                }
            }
            for step in 0..product.steps {
                let codes = |row: usize| {
                    let at = step * product.a_step + (rows * ROWS + row) * product.a_row;
                    product.a.wrapping_add(at).cast::<[u8; ROW_BYTES]>()
                };
                let weights = |group: usize| {
                    let at = step * product.b_step + (2 * group + columns) * ROW_BYTES;
                    product.b.wrapping_add(at).cast::<[i8; ROW_BYTES]>()
                };
                // SAFETY: the caller's contract: each step has its tiles of codes and weights.
                unsafe {
                    let weights = std::array::from_fn(|group| weights(group).read_unaligned());
                    let codes = std::array::from_fn(|row| codes(row).read_unaligned());
                    models::tdpbusd(&mut sums, &codes, &weights);
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                // SAFETY: the caller's contract: every row holds 32 sums.
                unsafe { place(row).write_unaligned(*sums) };
            }
        }
    }
}

#[cfg(test)]
mod tests;
