//! The methods of the 256-bit sets, instruction by instruction.

use std::arch::x86_64::*;

use super::lanes::{join_parities, odd_lanes, round_shift, unpack};
use super::partial::{lane_mask, load_8_partial, read_few};
use super::{Ymm, YmmSet};
use crate::isa::{Isa, WithIsa};

/// Instructions that need nothing but the CPU's features.
macro_rules! has {
    ($e:expr) => {{
        // SAFETY: a `Ymm` value comes from `new` alone, which found AVX2 and FMA on this CPU.
        unsafe { $e }
    }};
}

impl<S: YmmSet> Isa for Ymm<S> {
    type Set = S;
    const LANES: usize = 8;
    type Activation = S::Activation;
    type Weight = S::Weight;
    type V = __m256i;
    type F = __m256;

    #[inline(always)]
    fn vectorize<B: WithIsa<Self>>(self, body: B) -> B::Output {
        has!(S::enter(self, body))
    }

    #[inline(always)]
    unsafe fn load_bytes(self, ptr: *const u8) -> __m256i {
        // SAFETY: the caller's contract: 32 bytes.
        unsafe { _mm256_loadu_si256(ptr.cast()) }
    }
    #[inline(always)]
    unsafe fn load_bytes_partial(self, ptr: *const u8, bytes: usize) -> __m256i {
        let (lanes, rest) = (bytes / 4, bytes % 4);
        // SAFETY: whole lanes below `bytes` are read by a masked load, which touches no other
        // memory; the up to 3 bytes after them also lie below `bytes`.
        unsafe {
            let whole = _mm256_maskload_epi32(ptr.cast(), lane_mask(lanes));
            if rest == 0 {
                return whole;
            }
            let last = _mm256_set1_epi32(read_few(ptr.add(4 * lanes), rest) as i32);
            let at = _mm256_andnot_si256(lane_mask(lanes), lane_mask(lanes + 1));
            _mm256_or_si256(whole, _mm256_and_si256(last, at))
        }
    }
    #[inline(always)]
    unsafe fn load_blocks(self, places: [*const u8; 4]) -> __m256i {
        // SAFETY: the caller's contract: 16 bytes at the first two places.
        unsafe {
            let lower = _mm256_castsi128_si256(_mm_loadu_si128(places[0].cast()));
            _mm256_inserti128_si256::<1>(lower, _mm_loadu_si128(places[1].cast()))
        }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, ptr: *mut u8, v: __m256i) {
        // SAFETY: the caller's contract: 32 bytes.
        unsafe { _mm256_storeu_si256(ptr.cast(), v) }
    }
    #[inline(always)]
    unsafe fn store_bytes_partial(self, ptr: *mut u8, v: __m256i, bytes: usize) {
        let (lanes, rest) = (bytes / 4, bytes % 4);
        // SAFETY: as in `load_bytes_partial`: a masked store, then bytes below `bytes`.
        unsafe {
            _mm256_maskstore_epi32(ptr.cast(), lane_mask(lanes), v);
            if rest != 0 {
                let lane = _mm256_set1_epi32(lanes as i32);
                let last = _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(v, lane));
                let last = _mm_cvtsi128_si32(last).to_le_bytes();
                for (i, &byte) in last.iter().enumerate().take(rest) {
                    *ptr.add(4 * lanes + i) = byte;
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn stream_bytes(self, ptr: *mut u8, v: __m256i) {
        // SAFETY: the caller's contract: 32 bytes on a multiple of 32.
        unsafe { _mm256_stream_si256(ptr.cast(), v) }
    }
    #[inline(always)]
    fn fence(self) {
        has!(_mm_sfence());
    }
    #[inline(always)]
    unsafe fn broadcast_4(self, ptr: *const u8) -> __m256i {
        // SAFETY: the caller's contract: 4 bytes, read unaligned.
        unsafe { _mm256_set1_epi32(ptr.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn broadcast_2(self, ptr: *const u8) -> __m256i {
        // SAFETY: the caller's contract: 2 bytes, read unaligned.
        unsafe { _mm256_set1_epi16(ptr.cast::<i16>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn load_u8_as_i32(self, ptr: *const u8) -> __m256i {
        // SAFETY: the caller's contract: 8 bytes.
        unsafe { _mm256_cvtepu8_epi32(_mm_loadl_epi64(ptr.cast())) }
    }
    #[inline(always)]
    unsafe fn load_i8_as_i32(self, ptr: *const i8) -> __m256i {
        // SAFETY: the caller's contract: 8 bytes.
        unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(ptr.cast())) }
    }
    #[inline(always)]
    unsafe fn load_u8_as_i32_partial(self, ptr: *const u8, lanes: usize) -> __m256i {
        // SAFETY: the caller's contract: `lanes` ≤ 8 bytes.
        unsafe { _mm256_cvtepu8_epi32(load_8_partial(ptr, lanes)) }
    }
    #[inline(always)]
    unsafe fn load_i8_as_i32_partial(self, ptr: *const i8, lanes: usize) -> __m256i {
        // SAFETY: the caller's contract: `lanes` ≤ 8 bytes.
        unsafe { _mm256_cvtepi8_epi32(load_8_partial(ptr.cast(), lanes)) }
    }
    #[inline(always)]
    unsafe fn load_i8_as_i16(self, ptr: *const i8) -> __m256i {
        // SAFETY: the caller's contract: 16 bytes.
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(ptr.cast())) }
    }
    #[inline(always)]
    unsafe fn load_u8_as_i16(self, ptr: *const u8) -> __m256i {
        // SAFETY: the caller's contract: 16 bytes.
        unsafe { _mm256_cvtepu8_epi16(_mm_loadu_si128(ptr.cast())) }
    }
    #[inline(always)]
    unsafe fn store_low_bytes(self, ptr: *mut u8, v: __m256i, lanes: usize) {
        // SAFETY: the caller's contract: `lanes` ≤ 8 bytes.
        unsafe {
            let low = _mm256_and_si256(v, _mm256_set1_epi32(0xff));
            let words = _mm256_packus_epi32(low, low);
            let bytes = _mm256_packus_epi16(words, words);
            let near = _mm256_castsi256_si128(bytes);
            let far = _mm256_extracti128_si256::<1>(bytes);
            let bytes = _mm_cvtsi128_si64(_mm_unpacklo_epi32(near, far)).to_le_bytes();
            if lanes == 8 {
                ptr.cast::<[u8; 8]>().write(bytes);
            } else {
                for (i, &byte) in bytes.iter().enumerate().take(lanes) {
                    *ptr.add(i) = byte;
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn load_f32(self, ptr: *const f32) -> __m256 {
        // SAFETY: the caller's contract: 8 f32.
        unsafe { _mm256_loadu_ps(ptr) }
    }
    #[inline(always)]
    unsafe fn load_f32_partial(self, ptr: *const f32, lanes: usize) -> __m256 {
        // SAFETY: a masked load touches the first `lanes` f32 alone.
        unsafe { _mm256_maskload_ps(ptr, lane_mask(lanes)) }
    }
    #[inline(always)]
    unsafe fn store_f32(self, ptr: *mut f32, v: __m256) {
        // SAFETY: the caller's contract: 8 f32.
        unsafe { _mm256_storeu_ps(ptr, v) }
    }
    #[inline(always)]
    unsafe fn store_f32_partial(self, ptr: *mut f32, v: __m256, lanes: usize) {
        // SAFETY: a masked store touches the first `lanes` f32 alone.
        unsafe { _mm256_maskstore_ps(ptr, lane_mask(lanes), v) }
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> __m256i {
        has!(_mm256_set1_epi32(x))
    }
    #[inline(always)]
    fn splat_i16(self, x: i16) -> __m256i {
        has!(_mm256_set1_epi16(x))
    }
    #[inline(always)]
    fn splat_u8(self, x: u8) -> __m256i {
        has!(_mm256_set1_epi8(x as i8))
    }
    #[inline(always)]
    fn add_i32(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_add_epi32(a, b))
    }
    #[inline(always)]
    fn sub_i32(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_sub_epi32(a, b))
    }
    #[inline(always)]
    fn mul_i32(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_mullo_epi32(a, b))
    }
    #[inline(always)]
    fn min_i32(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_min_epi32(a, b))
    }
    #[inline(always)]
    fn max_i32(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_max_epi32(a, b))
    }
    #[inline(always)]
    fn min_u8(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_min_epu8(a, b))
    }
    #[inline(always)]
    fn max_u8(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_max_epu8(a, b))
    }
    #[inline(always)]
    fn min_i8(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_min_epi8(a, b))
    }
    #[inline(always)]
    fn max_i8(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_max_epi8(a, b))
    }
    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_and_si256(a, b))
    }
    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_or_si256(a, b))
    }
    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_xor_si256(a, b))
    }
    #[inline(always)]
    fn adds_i16(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_adds_epi16(a, b))
    }
    #[inline(always)]
    fn mul_i16(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_mullo_epi16(a, b))
    }
    #[inline(always)]
    fn i16_to_i32(self, v: __m256i) -> [__m256i; 2] {
        has!([
            _mm256_cvtepi16_epi32(_mm256_castsi256_si128(v)),
            _mm256_cvtepi16_epi32(_mm256_extracti128_si256::<1>(v)),
        ])
    }
    #[inline(always)]
    fn madd_i16(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_madd_epi16(a, b))
    }
    #[inline(always)]
    fn maddubs(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_maddubs_epi16(a, b))
    }
    #[inline(always)]
    fn dot4(self, acc: __m256i, a: __m256i, b: __m256i) -> __m256i {
        has!(S::dot4(acc, a, b))
    }
    #[inline(always)]
    fn dot(self, acc: __m256i, a: __m256i, b: __m256i) -> __m256i {
        has!(S::dot(acc, a, b))
    }
    #[inline(always)]
    fn saturate_to_i16(self, v: __m256i) -> __m256i {
        has!({
            let low = _mm256_set1_epi32(i32::from(i16::MIN));
            let high = _mm256_set1_epi32(i32::from(i16::MAX));
            _mm256_min_epi32(_mm256_max_epi32(v, low), high)
        })
    }
    #[inline(always)]
    fn narrow_to_u8(self, v: [__m256i; 4], zero_point: i16) -> __m256i {
        has!(unpack(self.narrow_interleaved_to_u8(v, zero_point)))
    }
    #[inline(always)]
    fn narrow_to_i8(self, v: [__m256i; 4], zero_point: i16) -> __m256i {
        has!(unpack(self.narrow_interleaved_to_i8(v, zero_point)))
    }
    #[inline(always)]
    fn narrow_interleaved_to_u8(self, v: [__m256i; 4], zero_point: i16) -> __m256i {
        has!({
            let zero_point = _mm256_set1_epi16(zero_point);
            let low = _mm256_adds_epi16(_mm256_packs_epi32(v[0], v[1]), zero_point);
            let high = _mm256_adds_epi16(_mm256_packs_epi32(v[2], v[3]), zero_point);
            _mm256_packus_epi16(low, high)
        })
    }
    #[inline(always)]
    fn narrow_interleaved_to_i8(self, v: [__m256i; 4], zero_point: i16) -> __m256i {
        has!({
            let zero_point = _mm256_set1_epi16(zero_point);
            let low = _mm256_adds_epi16(_mm256_packs_epi32(v[0], v[1]), zero_point);
            let high = _mm256_adds_epi16(_mm256_packs_epi32(v[2], v[3]), zero_point);
            _mm256_packs_epi16(low, high)
        })
    }
    #[inline(always)]
    fn interleave_4(self, rows: [__m256i; 4]) -> [__m256i; 4] {
        let [a, b, c, d] = rows;
        has!({
            let (ab, cd) = (_mm256_unpacklo_epi8(a, b), _mm256_unpacklo_epi8(c, d));
            let (ef, gh) = (_mm256_unpackhi_epi8(a, b), _mm256_unpackhi_epi8(c, d));
            [
                _mm256_unpacklo_epi16(ab, cd),
                _mm256_unpackhi_epi16(ab, cd),
                _mm256_unpacklo_epi16(ef, gh),
                _mm256_unpackhi_epi16(ef, gh),
            ]
        })
    }
    #[inline(always)]
    unsafe fn store_deinterleaved(self, ptr: *mut i32, v: [__m256i; 4]) {
        // SAFETY: the caller's contract: four vectors of i32.
        unsafe {
            let [a, b, c, d] = v;
            let to = ptr.cast::<__m256i>();
            _mm256_storeu_si256(to, _mm256_permute2x128_si256::<0x20>(a, b));
            _mm256_storeu_si256(to.add(1), _mm256_permute2x128_si256::<0x20>(c, d));
            _mm256_storeu_si256(to.add(2), _mm256_permute2x128_si256::<0x31>(a, b));
            _mm256_storeu_si256(to.add(3), _mm256_permute2x128_si256::<0x31>(c, d));
        }
    }
    #[inline(always)]
    fn zip_halves(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
        has!([_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)])
    }
    #[inline(always)]
    fn u8_to_i16(self, v: __m256i) -> __m256i {
        has!(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(v)))
    }
    #[inline(always)]
    fn add_i16(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_add_epi16(a, b))
    }
    #[inline(always)]
    fn sub_i16(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_sub_epi16(a, b))
    }
    #[inline(always)]
    fn mul_add_i16(self, acc: [__m256i; 2], a: __m256i, b: __m256i) -> [__m256i; 2] {
        has!({
            let (low, high) = (_mm256_mullo_epi16(a, b), _mm256_mulhi_epi16(a, b));
            // Products 0..4 and 8..12, then 4..8 and 12..16.
            let near = _mm256_unpacklo_epi16(low, high);
            let far = _mm256_unpackhi_epi16(low, high);
            [
                _mm256_add_epi32(acc[0], _mm256_permute2x128_si256::<0x20>(near, far)),
                _mm256_add_epi32(acc[1], _mm256_permute2x128_si256::<0x31>(near, far)),
            ]
        })
    }
    #[inline(always)]
    fn mul_round_shift(self, v: __m256i, multiplier: __m256i, shift: __m256i) -> __m256i {
        has!({
            let low = _mm256_set1_epi64x(0xffff_ffff);
            let even = round_shift(
                _mm256_mul_epi32(v, multiplier),
                _mm256_and_si256(shift, low),
            );
            let odd = round_shift(
                _mm256_mul_epi32(odd_lanes(v), odd_lanes(multiplier)),
                odd_lanes(shift),
            );
            join_parities(even, odd)
        })
    }
    #[inline(always)]
    fn rounding_doubling_high_mul_i32(self, a: __m256i, b: __m256i) -> __m256i {
        has!({
            let half = _mm256_set1_epi64x(1 << 30);
            // Bits 31..63 of the rounded product; a logical shift keeps them all.
            let high =
                |a, b| _mm256_srli_epi64::<31>(_mm256_add_epi64(_mm256_mul_epi32(a, b), half));
            let product = join_parities(high(a, b), high(odd_lanes(a), odd_lanes(b)));
            // Only MIN · MIN gives MIN here; it saturates to MAX.
            let overflow = _mm256_cmpeq_epi32(product, _mm256_set1_epi32(i32::MIN));
            _mm256_xor_si256(product, overflow)
        })
    }
    #[inline(always)]
    fn shift_right_i32(self, v: __m256i, n: __m256i) -> __m256i {
        has!(_mm256_srav_epi32(v, n))
    }
    #[inline(always)]
    fn rounding_shift_right_i32(self, v: __m256i, n: __m256i) -> __m256i {
        has!({
            let one = _mm256_set1_epi32(1);
            // The highest bit shifted out; a count of −1 gives none.
            let out = _mm256_srlv_epi32(v, _mm256_sub_epi32(n, one));
            _mm256_add_epi32(_mm256_srav_epi32(v, n), _mm256_and_si256(out, one))
        })
    }
    #[inline(always)]
    fn gt_i32(self, a: __m256i, b: __m256i) -> __m256i {
        has!(_mm256_cmpgt_epi32(a, b))
    }
    #[inline(always)]
    fn abs_i32(self, v: __m256i) -> __m256i {
        has!(_mm256_abs_epi32(v))
    }
    #[inline(always)]
    fn bits_of_f32(self, v: __m256) -> __m256i {
        has!(_mm256_castps_si256(v))
    }
    #[inline(always)]
    fn f32_of_bits(self, v: __m256i) -> __m256 {
        has!(_mm256_castsi256_ps(v))
    }
    #[inline(always)]
    fn to_i32_array(self, v: __m256i) -> [i32; 16] {
        let mut array = [0; 16];
        has!(_mm256_storeu_si256(array.as_mut_ptr().cast(), v));
        array
    }

    #[inline(always)]
    fn splat_f32(self, x: f32) -> __m256 {
        has!(_mm256_set1_ps(x))
    }
    #[inline(always)]
    fn add_f32(self, a: __m256, b: __m256) -> __m256 {
        has!(_mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub_f32(self, a: __m256, b: __m256) -> __m256 {
        has!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul_f32(self, a: __m256, b: __m256) -> __m256 {
        has!(_mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn div_f32(self, a: __m256, b: __m256) -> __m256 {
        has!(_mm256_div_ps(a, b))
    }
    #[inline(always)]
    fn fma_f32(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        has!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn min_f32(self, a: __m256, b: __m256) -> __m256 {
        has!(_mm256_min_ps(a, b))
    }
    #[inline(always)]
    fn max_f32(self, a: __m256, b: __m256) -> __m256 {
        has!(_mm256_max_ps(a, b))
    }
    #[inline(always)]
    fn round_even_f32(self, v: __m256) -> __m256 {
        has!(_mm256_round_ps::<
            { _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC },
        >(v))
    }
    #[inline(always)]
    fn and_f32(self, a: __m256, b: __m256) -> __m256 {
        has!(_mm256_and_ps(a, b))
    }
    #[inline(always)]
    fn or_f32(self, a: __m256, b: __m256) -> __m256 {
        has!(_mm256_or_ps(a, b))
    }
    #[inline(always)]
    fn nan_mask(self, v: __m256) -> __m256i {
        has!(_mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(v, v)))
    }
    #[inline(always)]
    fn i32_to_f32(self, v: __m256i) -> __m256 {
        has!(_mm256_cvtepi32_ps(v))
    }
    #[inline(always)]
    fn f32_to_i32_even(self, v: __m256) -> __m256i {
        has!(_mm256_cvtps_epi32(v))
    }
    #[inline(always)]
    fn f32_to_i32_trunc(self, v: __m256) -> __m256i {
        has!(_mm256_cvttps_epi32(v))
    }
    #[inline(always)]
    fn to_f32_array(self, v: __m256) -> [f32; 16] {
        let mut array = [0.0; 16];
        has!(_mm256_storeu_ps(array.as_mut_ptr(), v));
        array
    }
}
