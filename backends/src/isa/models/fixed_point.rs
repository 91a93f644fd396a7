//! Products and shifts of fixed-point requantization, in plain Rust.
//!
//! ARM has most of them as instructions; on x86 they are made of several, and
//! what is modelled is the whole. Sources: Arm Architecture Reference Manual for
//! A-profile, section C7.2, under the instruction's name; Intel's manual for
//! vpsravd.

use super::{i16s, lanes};

/// smlal and smlal2: `2·N` products of i16 added to `2·N` i32, in memory order, wrapping.
#[inline(never)]
pub fn smlal<const N: usize>(acc: [[i32; N]; 2], a: [i32; N], b: [i32; N]) -> [[i32; N]; 2] {
    let product = |j: usize| i32::from(i16s(a[j / 2])[j % 2]) * i32::from(i16s(b[j / 2])[j % 2]);
    std::array::from_fn(|half| {
        std::array::from_fn(|lane| acc[half][lane].wrapping_add(product(half * N + lane)))
    })
}

/// smull, srshl by −shift on i64 lanes, xtn: the product, rounded to nearest with ties up,
/// without its low `shift` bits; of that the low 32 bits.
#[inline(never)]
pub fn mul_round_shift<const N: usize>(
    v: [i32; N],
    multiplier: [i32; N],
    shift: [i32; N],
) -> [i32; N] {
    std::array::from_fn(|i| {
        let product = i64::from(v[i]) * i64::from(multiplier[i]);
        // At most 2^62 + 2^61: no overflow for shifts from 1 to 62.
        let half = 1i64.wrapping_shl(shift[i].wrapping_sub(1) as u32);
        product.wrapping_add(half).wrapping_shr(shift[i] as u32) as i32
    })
}

/// sqrdmulh: the high half of twice the product, rounded to nearest with ties up, saturating.
#[inline(never)]
pub fn sqrdmulh<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    lanes(a, b, |a, b| {
        let rounded = (i64::from(a) * i64::from(b) + (1 << 30)) >> 31;
        rounded.min(i64::from(i32::MAX)) as i32
    })
}

/// vpsravd: arithmetic shift to the right; counts past 31 leave the sign alone.
#[inline(never)]
pub fn vpsravd<const N: usize>(v: [i32; N], n: [i32; N]) -> [i32; N] {
    lanes(v, n, |v, n| v >> (n as u32).min(31))
}

/// srshl with counts from −31 to 0: a shift to the right by `−n`, rounded to nearest with ties
/// up; the sum before the shift does not overflow.
#[inline(never)]
pub fn srshl<const N: usize>(v: [i32; N], n: [i32; N]) -> [i32; N] {
    lanes(v, n, |v, n| {
        let right = n.wrapping_neg() as u32 & 31;
        let half = (1i64 << right) >> 1;
        ((i64::from(v) + half) >> right) as i32
    })
}
