//! Parts of a vector: masks of elements.

use std::arch::x86_64::*;

/// A mask of the first `count` of 16 elements.
#[inline(always)]
pub fn mask_16(count: usize) -> __mmask16 {
    (1u32 << count).wrapping_sub(1) as __mmask16
}

/// A mask of the first `count` of 64 elements.
#[inline(always)]
pub fn mask_64(count: usize) -> __mmask64 {
    if count >= 64 { !0 } else { (1 << count) - 1 }
}
