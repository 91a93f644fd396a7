//! Parts of a vector: masks of lanes, and loads of a few bytes.

use std::arch::x86_64::*;

/// All ones in the first `lanes` i32 lanes.
///
/// # Safety
/// The CPU must have AVX2.
#[inline(always)]
pub unsafe fn lane_mask(lanes: usize) -> __m256i {
    // SAFETY: the caller's contract.
    unsafe {
        let index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes as i32), index)
    }
}

/// The first `count` (at most 3) bytes at `ptr` as the low bytes of a word.
///
/// # Safety
/// `ptr` must be readable for `count` bytes.
#[inline(always)]
pub unsafe fn read_few(ptr: *const u8, count: usize) -> u32 {
    let mut word = 0;
    for i in 0..count {
        // SAFETY: i < count.
        word |= u32::from(unsafe { *ptr.add(i) }) << (8 * i);
    }
    word
}

/// The first `count` ≤ 8 bytes at `ptr`, then zeros, in the low half of a register.
///
/// # Safety
/// The CPU must have SSE2; `ptr` must be readable for `count` bytes.
#[inline(always)]
pub unsafe fn load_8_partial(ptr: *const u8, count: usize) -> __m128i {
    // SAFETY: the caller's contract; with 4 or more bytes the two words overlap within them.
    unsafe {
        if count >= 8 {
            return _mm_loadl_epi64(ptr.cast());
        }
        let word = if count >= 4 {
            let low = u64::from(ptr.cast::<u32>().read_unaligned());
            let high = u64::from(ptr.add(count - 4).cast::<u32>().read_unaligned());
            low | high << (8 * (count - 4))
        } else {
            u64::from(read_few(ptr, count))
        };
        _mm_cvtsi64_si128(word as i64)
    }
}
