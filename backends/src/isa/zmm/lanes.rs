//! Lanes that change places, and shifts of i64 lanes: what takes several instructions.

use std::arch::x86_64::*;

/// In memory order: lane `block·4 + vector` goes to `vector·4 + block`.
///
/// # Safety
/// The CPU must have AVX-512 F.
#[inline(always)]
pub unsafe fn unpack(v: __m512i) -> __m512i {
    // SAFETY: the caller's contract.
    unsafe {
        let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        _mm512_permutexvar_epi32(order, v)
    }
}

/// The odd i32 lanes as the low halves of i64 lanes.
///
/// # Safety
/// The CPU must have AVX-512 F.
#[inline(always)]
pub unsafe fn odd_lanes(v: __m512i) -> __m512i {
    // SAFETY: the caller's contract.
    unsafe { _mm512_srli_epi64::<32>(v) }
}

/// The low halves of the i64 lanes of `even` and `odd`, in turn.
///
/// # Safety
/// The CPU must have AVX-512 F.
#[inline(always)]
pub unsafe fn join_parities(even: __m512i, odd: __m512i) -> __m512i {
    // SAFETY: the caller's contract.
    unsafe { _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64::<32>(odd)) }
}

/// (v + 2^(n−1)) >> n in i64 lanes, 1 ≤ n ≤ 62.
///
/// # Safety
/// The CPU must have AVX-512 F.
#[inline(always)]
pub unsafe fn round_shift(v: __m512i, n: __m512i) -> __m512i {
    // SAFETY: the caller's contract.
    unsafe {
        let half = _mm512_srli_epi64::<1>(_mm512_sllv_epi64(_mm512_set1_epi64(1), n));
        _mm512_srav_epi64(_mm512_add_epi64(v, half), n)
    }
}
