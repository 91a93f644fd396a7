//! ARM's instructions that differ from x86's, in plain Rust.
//!
//! Source: Arm Architecture Reference Manual for A-profile, section C7.2, under
//! the instruction's name. Lanes are those of the parent module.

use super::{i8s, i16s, lanes, of_i16s, round_even, u8s, vpaddd};

/// smlal and smlal2 by element: the words `2·group` and `2·group + 1` of `a` times the lower
/// and the upper half of the i16 lanes of `b`, both added to the i32 lanes, wrapping.
#[inline(never)]
pub fn smlal_by_element<const N: usize>(
    acc: [i32; N],
    a: [i32; N],
    group: usize,
    b: [i32; N],
) -> [i32; N] {
    let [first, second] = i16s(a[group]).map(i32::from);
    let word = |j: usize| i32::from(i16s(b[j / 2])[j % 2]);
    std::array::from_fn(|j| {
        let low = acc[j].wrapping_add(first * word(j));
        low.wrapping_add(second * word(N + j))
    })
}

/// sdot: four products of signed bytes added to the i32 lane, wrapping.
#[inline(never)]
pub fn sdot<const N: usize>(acc: [i32; N], a: [i32; N], b: [i32; N]) -> [i32; N] {
    let sums = lanes(a, b, |a, b| {
        let (a, b) = (i8s(a).map(i32::from), i8s(b).map(i32::from));
        a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]
    });
    vpaddd(acc, sums)
}

/// usmmla: in each 128 bits, `a` holds two rows of 8 unsigned bytes, `b` two columns of 8
/// signed ones; lane `2·row + column` gains the product of that row and column, wrapping.
#[inline(never)]
pub fn usmmla<const N: usize>(acc: [i32; N], a: [i32; N], b: [i32; N]) -> [i32; N] {
    std::array::from_fn(|i| {
        let (block, row, column) = (i / 4 * 4, i % 4 / 2, i % 2);
        (0..8).fold(acc[i], |sum, k| {
            let code = u8s(a[block + 2 * row + k / 4])[k % 4];
            let weight = i8s(b[block + 2 * column + k / 4])[k % 4];
            sum.wrapping_add(i32::from(code) * i32::from(weight))
        })
    })
}

/// uxtl on the lower half of the bytes: unsigned bytes to i16.
#[inline(never)]
pub fn uxtl<const N: usize>(v: [i32; N]) -> [i32; N] {
    std::array::from_fn(|i| {
        let byte = |j: usize| i16::from(u8s(v[j / 4])[j % 4]);
        of_i16s([byte(2 * i), byte(2 * i + 1)])
    })
}

/// fcvtns: nearest-even; what does not fit i32 gives the nearer end, NaN gives 0.
#[inline(never)]
pub fn fcvtns<const N: usize>(v: [f32; N]) -> [i32; N] {
    // `as` is saturating and gives 0 for NaN, as the instruction does.
    v.map(|x| round_even(x) as i32)
}

/// fcvtzs: toward zero; what does not fit i32 gives the nearer end, NaN gives 0.
#[inline(never)]
pub fn fcvtzs<const N: usize>(v: [f32; N]) -> [i32; N] {
    v.map(|x| x as i32)
}

#[cfg(all(test, target_arch = "aarch64"))]
mod tests;
