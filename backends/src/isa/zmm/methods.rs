//! The methods of the 512-bit sets, instruction by instruction.

use std::arch::x86_64::*;

use super::lanes::{join_parities, odd_lanes, round_shift, unpack};
use super::partial::{mask_16, mask_64};
use super::{Zmm, ZmmSet};
use crate::isa::tiles::{self, TileProduct};
use crate::isa::{Isa, WithIsa};

/// Instructions that need nothing but the CPU's features.
macro_rules! has {
    ($e:expr) => {{
        // SAFETY: a `Zmm` value comes from `new` alone, which found AVX-512 F, BW and VL.
        unsafe { $e }
    }};
}

impl<S: ZmmSet> Isa for Zmm<S> {
    type Set = S;
    const LANES: usize = 16;
    type Activation = S::Activation;
    type Weight = S::Weight;
    type V = __m512i;
    type F = __m512;

    #[inline(always)]
    fn vectorize<B: WithIsa<Self>>(self, body: B) -> B::Output {
        has!(S::enter(self, body))
    }

    #[inline(always)]
    fn ready_tiles(self) {
        if const { S::TILES } {
            // SAFETY: a `Zmm` of a set with tiles comes from `new` alone, which found them.
            unsafe { tiles::native::ready() }
        }
    }
    #[inline(always)]
    fn release_tiles(self) {
        if const { S::TILES } {
            // SAFETY: as for `ready_tiles`.
            unsafe { tiles::native::release() }
        }
    }
    #[inline(always)]
    unsafe fn tile_product(self, product: TileProduct) {
        // SAFETY: the caller's contract; a `Zmm` of a set with tiles comes from `new` alone,
        // which found them.
        unsafe {
            if const { S::TILES } {
                tiles::native::product(product);
            } else {
                tiles::modelled(product);
            }
        }
    }

    #[inline(always)]
    unsafe fn load_bytes(self, ptr: *const u8) -> __m512i {
        // SAFETY: the caller's contract: 64 bytes.
        unsafe { _mm512_loadu_si512(ptr.cast()) }
    }
    #[inline(always)]
    unsafe fn load_bytes_partial(self, ptr: *const u8, bytes: usize) -> __m512i {
        // SAFETY: a masked load touches the first `bytes` bytes alone.
        unsafe { _mm512_maskz_loadu_epi8(mask_64(bytes), ptr.cast()) }
    }
    #[inline(always)]
    unsafe fn load_blocks(self, places: [*const u8; 4]) -> __m512i {
        // SAFETY: the caller's contract: 16 bytes at each place.
        unsafe {
            let half = |first: *const u8, second: *const u8| {
                let first = _mm256_castsi128_si256(_mm_loadu_si128(first.cast()));
                _mm256_inserti128_si256::<1>(first, _mm_loadu_si128(second.cast()))
            };
            let lower = _mm512_castsi256_si512(half(places[0], places[1]));
            _mm512_inserti64x4::<1>(lower, half(places[2], places[3]))
        }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, ptr: *mut u8, v: __m512i) {
        // SAFETY: the caller's contract: 64 bytes.
        unsafe { _mm512_storeu_si512(ptr.cast(), v) }
    }
    #[inline(always)]
    unsafe fn store_bytes_partial(self, ptr: *mut u8, v: __m512i, bytes: usize) {
        // SAFETY: a masked store touches the first `bytes` bytes alone.
        unsafe { _mm512_mask_storeu_epi8(ptr.cast(), mask_64(bytes), v) }
    }
    #[inline(always)]
    unsafe fn stream_bytes(self, ptr: *mut u8, v: __m512i) {
        // SAFETY: the caller's contract: 64 bytes on a multiple of 64.
        unsafe { _mm512_stream_si512(ptr.cast(), v) }
    }
    #[inline(always)]
    fn fence(self) {
        has!(_mm_sfence());
    }
    #[inline(always)]
    unsafe fn broadcast_4(self, ptr: *const u8) -> __m512i {
        // SAFETY: the caller's contract: 4 bytes, read unaligned.
        unsafe { _mm512_set1_epi32(ptr.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn broadcast_2(self, ptr: *const u8) -> __m512i {
        // SAFETY: the caller's contract: 2 bytes, read unaligned.
        unsafe { _mm512_set1_epi16(ptr.cast::<i16>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn load_u8_as_i32(self, ptr: *const u8) -> __m512i {
        // SAFETY: the caller's contract: 16 bytes.
        unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(ptr.cast())) }
    }
    #[inline(always)]
    unsafe fn load_i8_as_i32(self, ptr: *const i8) -> __m512i {
        // SAFETY: the caller's contract: 16 bytes.
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(ptr.cast())) }
    }
    #[inline(always)]
    unsafe fn load_u8_as_i32_partial(self, ptr: *const u8, lanes: usize) -> __m512i {
        // SAFETY: a masked load touches `lanes` ≤ 16 bytes alone.
        unsafe { _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask_16(lanes), ptr.cast())) }
    }
    #[inline(always)]
    unsafe fn load_i8_as_i32_partial(self, ptr: *const i8, lanes: usize) -> __m512i {
        // SAFETY: a masked load touches `lanes` ≤ 16 bytes alone.
        unsafe { _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask_16(lanes), ptr)) }
    }
    #[inline(always)]
    unsafe fn load_i8_as_i16(self, ptr: *const i8) -> __m512i {
        // SAFETY: the caller's contract: 32 bytes.
        unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(ptr.cast())) }
    }
    #[inline(always)]
    unsafe fn load_u8_as_i16(self, ptr: *const u8) -> __m512i {
        // SAFETY: the caller's contract: 32 bytes.
        unsafe { _mm512_cvtepu8_epi16(_mm256_loadu_si256(ptr.cast())) }
    }
    #[inline(always)]
    unsafe fn store_low_bytes(self, ptr: *mut u8, v: __m512i, lanes: usize) {
        // SAFETY: a masked store touches `lanes` ≤ 16 bytes alone.
        unsafe { _mm512_mask_cvtepi32_storeu_epi8(ptr.cast(), mask_16(lanes), v) }
    }
    #[inline(always)]
    unsafe fn load_f32(self, ptr: *const f32) -> __m512 {
        // SAFETY: the caller's contract: 16 f32.
        unsafe { _mm512_loadu_ps(ptr) }
    }
    #[inline(always)]
    unsafe fn load_f32_partial(self, ptr: *const f32, lanes: usize) -> __m512 {
        // SAFETY: a masked load touches the first `lanes` f32 alone.
        unsafe { _mm512_maskz_loadu_ps(mask_16(lanes), ptr) }
    }
    #[inline(always)]
    unsafe fn store_f32(self, ptr: *mut f32, v: __m512) {
        // SAFETY: the caller's contract: 16 f32.
        unsafe { _mm512_storeu_ps(ptr, v) }
    }
    #[inline(always)]
    unsafe fn store_f32_partial(self, ptr: *mut f32, v: __m512, lanes: usize) {
        // SAFETY: a masked store touches the first `lanes` f32 alone.
        unsafe { _mm512_mask_storeu_ps(ptr, mask_16(lanes), v) }
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> __m512i {
        has!(_mm512_set1_epi32(x))
    }
    #[inline(always)]
    fn splat_i16(self, x: i16) -> __m512i {
        has!(_mm512_set1_epi16(x))
    }
    #[inline(always)]
    fn splat_u8(self, x: u8) -> __m512i {
        has!(_mm512_set1_epi8(x as i8))
    }
    #[inline(always)]
    fn add_i32(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_add_epi32(a, b))
    }
    #[inline(always)]
    fn sub_i32(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_sub_epi32(a, b))
    }
    #[inline(always)]
    fn mul_i32(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_mullo_epi32(a, b))
    }
    #[inline(always)]
    fn min_i32(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_min_epi32(a, b))
    }
    #[inline(always)]
    fn max_i32(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_max_epi32(a, b))
    }
    #[inline(always)]
    fn min_u8(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_min_epu8(a, b))
    }
    #[inline(always)]
    fn max_u8(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_max_epu8(a, b))
    }
    #[inline(always)]
    fn min_i8(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_min_epi8(a, b))
    }
    #[inline(always)]
    fn max_i8(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_max_epi8(a, b))
    }
    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_and_si512(a, b))
    }
    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_or_si512(a, b))
    }
    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_xor_si512(a, b))
    }
    #[inline(always)]
    fn adds_i16(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_adds_epi16(a, b))
    }
    #[inline(always)]
    fn mul_i16(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_mullo_epi16(a, b))
    }
    #[inline(always)]
    fn i16_to_i32(self, v: __m512i) -> [__m512i; 2] {
        has!([
            _mm512_cvtepi16_epi32(_mm512_castsi512_si256(v)),
            _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64::<1>(v)),
        ])
    }
    #[inline(always)]
    fn madd_i16(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_madd_epi16(a, b))
    }
    #[inline(always)]
    fn maddubs(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_maddubs_epi16(a, b))
    }
    #[inline(always)]
    fn dot4(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        has!(S::dot4(acc, a, b))
    }
    #[inline(always)]
    fn dot(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        has!(S::dot(acc, a, b))
    }
    #[inline(always)]
    fn saturate_to_i16(self, v: __m512i) -> __m512i {
        has!({
            let low = _mm512_set1_epi32(i32::from(i16::MIN));
            let high = _mm512_set1_epi32(i32::from(i16::MAX));
            _mm512_min_epi32(_mm512_max_epi32(v, low), high)
        })
    }
    #[inline(always)]
    fn narrow_to_u8(self, v: [__m512i; 4], zero_point: i16) -> __m512i {
        has!(unpack(self.narrow_interleaved_to_u8(v, zero_point)))
    }
    #[inline(always)]
    fn narrow_to_i8(self, v: [__m512i; 4], zero_point: i16) -> __m512i {
        has!(unpack(self.narrow_interleaved_to_i8(v, zero_point)))
    }
    #[inline(always)]
    fn narrow_interleaved_to_u8(self, v: [__m512i; 4], zero_point: i16) -> __m512i {
        has!({
            let zero_point = _mm512_set1_epi16(zero_point);
            let low = _mm512_adds_epi16(_mm512_packs_epi32(v[0], v[1]), zero_point);
            let high = _mm512_adds_epi16(_mm512_packs_epi32(v[2], v[3]), zero_point);
            _mm512_packus_epi16(low, high)
        })
    }
    #[inline(always)]
    fn narrow_interleaved_to_i8(self, v: [__m512i; 4], zero_point: i16) -> __m512i {
        has!({
            let zero_point = _mm512_set1_epi16(zero_point);
            let low = _mm512_adds_epi16(_mm512_packs_epi32(v[0], v[1]), zero_point);
            let high = _mm512_adds_epi16(_mm512_packs_epi32(v[2], v[3]), zero_point);
            _mm512_packs_epi16(low, high)
        })
    }
    #[inline(always)]
    fn interleave_4(self, rows: [__m512i; 4]) -> [__m512i; 4] {
        let [a, b, c, d] = rows;
        has!({
            let (ab, cd) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
            let (ef, gh) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
            [
                _mm512_unpacklo_epi16(ab, cd),
                _mm512_unpackhi_epi16(ab, cd),
                _mm512_unpacklo_epi16(ef, gh),
                _mm512_unpackhi_epi16(ef, gh),
            ]
        })
    }
    #[inline(always)]
    unsafe fn store_deinterleaved(self, ptr: *mut i32, v: [__m512i; 4]) {
        // SAFETY: the caller's contract: four vectors of i32.
        unsafe {
            // Blocks of 128 bits: those of each vector in a row, then in a column.
            let [a, b, c, d] = v;
            let (ab, cd) = (
                _mm512_shuffle_i32x4::<0x44>(a, b),
                _mm512_shuffle_i32x4::<0x44>(c, d),
            );
            let to = ptr.cast::<__m512i>();
            _mm512_storeu_si512(to, _mm512_shuffle_i32x4::<0x88>(ab, cd));
            _mm512_storeu_si512(to.add(1), _mm512_shuffle_i32x4::<0xdd>(ab, cd));
            let (ab, cd) = (
                _mm512_shuffle_i32x4::<0xee>(a, b),
                _mm512_shuffle_i32x4::<0xee>(c, d),
            );
            _mm512_storeu_si512(to.add(2), _mm512_shuffle_i32x4::<0x88>(ab, cd));
            _mm512_storeu_si512(to.add(3), _mm512_shuffle_i32x4::<0xdd>(ab, cd));
        }
    }
    #[inline(always)]
    fn zip_halves(self, a: __m512i, b: __m512i) -> [__m512i; 2] {
        has!([_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b)])
    }
    #[inline(always)]
    fn u8_to_i16(self, v: __m512i) -> __m512i {
        has!(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(v)))
    }
    #[inline(always)]
    fn add_i16(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_add_epi16(a, b))
    }
    #[inline(always)]
    fn sub_i16(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_sub_epi16(a, b))
    }
    #[inline(always)]
    fn mul_add_i16(self, acc: [__m512i; 2], a: __m512i, b: __m512i) -> [__m512i; 2] {
        has!({
            let (low, high) = (_mm512_mullo_epi16(a, b), _mm512_mulhi_epi16(a, b));
            // Products 0..4 of each 128 bits, then 4..8.
            let near = _mm512_unpacklo_epi16(low, high);
            let far = _mm512_unpackhi_epi16(low, high);
            let first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
            let second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
            [
                _mm512_add_epi32(acc[0], _mm512_permutex2var_epi64(near, first, far)),
                _mm512_add_epi32(acc[1], _mm512_permutex2var_epi64(near, second, far)),
            ]
        })
    }
    #[inline(always)]
    fn mul_round_shift(self, v: __m512i, multiplier: __m512i, shift: __m512i) -> __m512i {
        has!({
            let low = _mm512_set1_epi64(0xffff_ffff);
            let even = round_shift(
                _mm512_mul_epi32(v, multiplier),
                _mm512_and_si512(shift, low),
            );
            let odd = round_shift(
                _mm512_mul_epi32(odd_lanes(v), odd_lanes(multiplier)),
                odd_lanes(shift),
            );
            join_parities(even, odd)
        })
    }
    #[inline(always)]
    fn rounding_doubling_high_mul_i32(self, a: __m512i, b: __m512i) -> __m512i {
        has!({
            let half = _mm512_set1_epi64(1 << 30);
            // Bits 31..63 of the rounded product; a logical shift keeps them all.
            let high =
                |a, b| _mm512_srli_epi64::<31>(_mm512_add_epi64(_mm512_mul_epi32(a, b), half));
            let product = join_parities(high(a, b), high(odd_lanes(a), odd_lanes(b)));
            // Only MIN · MIN gives MIN here; it saturates to MAX.
            let overflow = _mm512_cmpeq_epi32_mask(product, _mm512_set1_epi32(i32::MIN));
            _mm512_mask_set1_epi32(product, overflow, i32::MAX)
        })
    }
    #[inline(always)]
    fn shift_right_i32(self, v: __m512i, n: __m512i) -> __m512i {
        has!(_mm512_srav_epi32(v, n))
    }
    #[inline(always)]
    fn rounding_shift_right_i32(self, v: __m512i, n: __m512i) -> __m512i {
        has!({
            let one = _mm512_set1_epi32(1);
            // The highest bit shifted out; a count of −1 gives none.
            let out = _mm512_srlv_epi32(v, _mm512_sub_epi32(n, one));
            _mm512_add_epi32(_mm512_srav_epi32(v, n), _mm512_and_si512(out, one))
        })
    }
    #[inline(always)]
    fn gt_i32(self, a: __m512i, b: __m512i) -> __m512i {
        has!(_mm512_maskz_set1_epi32(_mm512_cmpgt_epi32_mask(a, b), -1))
    }
    #[inline(always)]
    fn abs_i32(self, v: __m512i) -> __m512i {
        has!(_mm512_abs_epi32(v))
    }
    #[inline(always)]
    fn bits_of_f32(self, v: __m512) -> __m512i {
        has!(_mm512_castps_si512(v))
    }
    #[inline(always)]
    fn f32_of_bits(self, v: __m512i) -> __m512 {
        has!(_mm512_castsi512_ps(v))
    }
    #[inline(always)]
    fn to_i32_array(self, v: __m512i) -> [i32; 16] {
        let mut array = [0; 16];
        has!(_mm512_storeu_si512(array.as_mut_ptr().cast(), v));
        array
    }

    #[inline(always)]
    fn splat_f32(self, x: f32) -> __m512 {
        has!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn add_f32(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub_f32(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul_f32(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div_f32(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn fma_f32(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        has!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn min_f32(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn max_f32(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn round_even_f32(self, v: __m512) -> __m512 {
        has!(_mm512_roundscale_ps::<0>(v))
    }
    #[inline(always)]
    fn and_f32(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_castsi512_ps(_mm512_and_si512(
            _mm512_castps_si512(a),
            _mm512_castps_si512(b)
        )))
    }
    #[inline(always)]
    fn or_f32(self, a: __m512, b: __m512) -> __m512 {
        has!(_mm512_castsi512_ps(_mm512_or_si512(
            _mm512_castps_si512(a),
            _mm512_castps_si512(b)
        )))
    }
    #[inline(always)]
    fn nan_mask(self, v: __m512) -> __m512i {
        has!(_mm512_maskz_set1_epi32(
            _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v),
            -1
        ))
    }
    #[inline(always)]
    fn i32_to_f32(self, v: __m512i) -> __m512 {
        has!(_mm512_cvtepi32_ps(v))
    }
    #[inline(always)]
    fn f32_to_i32_even(self, v: __m512) -> __m512i {
        has!(_mm512_cvtps_epi32(v))
    }
    #[inline(always)]
    fn f32_to_i32_trunc(self, v: __m512) -> __m512i {
        has!(_mm512_cvttps_epi32(v))
    }
    #[inline(always)]
    fn to_f32_array(self, v: __m512) -> [f32; 16] {
        let mut array = [0.0; 16];
        has!(_mm512_storeu_ps(array.as_mut_ptr(), v));
        array
    }
}
