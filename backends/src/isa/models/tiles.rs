//! What the instructions on tile registers do.

use crate::isa::tiles::{ROW_BYTES, ROWS};

/// Adds to each sum of a tile the products of a row of 64 u8 codes with a column of 64 s8
/// weights, wrapping: row `g` of `weights` holds k `4g..4g+4` of all columns (tdpbusd).
pub fn tdpbusd(
    sums: &mut [[i32; ROWS]; ROWS],
    codes: &[[u8; ROW_BYTES]; ROWS],
    weights: &[[i8; ROW_BYTES]; ROWS],
) {
    for (sums, codes) in sums.iter_mut().zip(codes) {
        for (codes, weights) in codes.chunks_exact(4).zip(weights) {
            for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(4)) {
                // Four products of 8 bits fit i32; only the addition to the sum may wrap.
                let products = codes.iter().zip(weights);
                let four: i32 = products.map(|(&x, &w)| i32::from(x) * i32::from(w)).sum();
                *sum = sum.wrapping_add(four);
            }
        }
    }
}
