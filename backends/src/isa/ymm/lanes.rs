//! Lanes that change places, and shifts of i64 lanes: what takes several instructions.

use std::arch::x86_64::*;

/// The blocks of 4 bytes that packing within 128 bits leaves apart, in memory order.
///
/// # Safety
/// The CPU must have AVX2.
#[inline(always)]
pub unsafe fn unpack(v: __m256i) -> __m256i {
    // SAFETY: the caller's contract.
    unsafe { _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)) }
}

/// The odd i32 lanes as the low halves of i64 lanes.
///
/// # Safety
/// The CPU must have AVX2.
#[inline(always)]
pub unsafe fn odd_lanes(v: __m256i) -> __m256i {
    // SAFETY: the caller's contract.
    unsafe { _mm256_srli_epi64::<32>(v) }
}

/// The low halves of the i64 lanes of `even` and `odd`, in turn.
///
/// # Safety
/// The CPU must have AVX2.
#[inline(always)]
pub unsafe fn join_parities(even: __m256i, odd: __m256i) -> __m256i {
    // SAFETY: the caller's contract.
    unsafe { _mm256_blend_epi32::<0b1010_1010>(even, _mm256_slli_epi64::<32>(odd)) }
}

/// (v + 2^(n−1)) >> n in i64 lanes, 1 ≤ n ≤ 62.
///
/// # Safety
/// The CPU must have AVX2.
#[inline(always)]
pub unsafe fn round_shift(v: __m256i, n: __m256i) -> __m256i {
    // SAFETY: the caller's contract.
    unsafe {
        let half = _mm256_srli_epi64::<1>(_mm256_sllv_epi64(_mm256_set1_epi64x(1), n));
        // AVX2 has no arithmetic shift of i64: v + 2^63 is not negative, and 2^63 is a multiple
        // of 2^n, so that its share is taken back exactly.
        let offset = _mm256_set1_epi64x(i64::MIN);
        let raised = _mm256_xor_si256(_mm256_add_epi64(v, half), offset);
        _mm256_sub_epi64(_mm256_srlv_epi64(raised, n), _mm256_srlv_epi64(offset, n))
    }
}
