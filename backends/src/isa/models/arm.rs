//! ARM's instructions that differ from x86's, in plain Rust.
//!
//! Source: Arm Architecture Reference Manual for A-profile, section C7.2, under
//! the instruction's name.

use super::round_even;

/// fcvtns: nearest-even; what does not fit i32 gives the nearer end, NaN gives 0.
#[inline(always)]
pub fn fcvtns<const N: usize>(v: [f32; N]) -> [i32; N] {
    // `as` is saturating and gives 0 for NaN, as the instruction does.
    v.map(|x| round_even(x) as i32)
}

/// fcvtzs: toward zero; what does not fit i32 gives the nearer end, NaN gives 0.
#[inline(always)]
pub fn fcvtzs<const N: usize>(v: [f32; N]) -> [i32; N] {
    v.map(|x| x as i32)
}
