//! The methods of the 128-bit sets, instruction by instruction.

use std::arch::aarch64::*;

use super::{Quad, QuadSet, partial};
use crate::isa::{Isa, WithIsa};

type V = int32x4_t;
type F = float32x4_t;

/// Instructions that need nothing but the CPU's features.
macro_rules! has {
    ($e:expr) => {{
        // SAFETY: a `Quad` value comes from `new` alone, which found NEON on this CPU.
        unsafe { $e }
    }};
}

/// Methods that are one expression of their operands.
macro_rules! plain {
    ($($name:ident($($x:ident: $t:ty),*) -> $out:ty = $e:expr;)+) => {
        $(
            #[inline(always)]
            fn $name(self, $($x: $t),*) -> $out {
                has!($e)
            }
        )+
    };
}

#[inline]
#[target_feature(enable = "neon")]
fn words(v: V) -> int16x8_t {
    vreinterpretq_s16_s32(v)
}
#[inline]
#[target_feature(enable = "neon")]
fn of_words(v: int16x8_t) -> V {
    vreinterpretq_s32_s16(v)
}
#[inline]
#[target_feature(enable = "neon")]
fn signed(v: V) -> int8x16_t {
    vreinterpretq_s8_s32(v)
}
#[inline]
#[target_feature(enable = "neon")]
fn of_signed(v: int8x16_t) -> V {
    vreinterpretq_s32_s8(v)
}
#[inline]
#[target_feature(enable = "neon")]
fn unsigned(v: V) -> uint8x16_t {
    vreinterpretq_u8_s32(v)
}
#[inline]
#[target_feature(enable = "neon")]
fn of_unsigned(v: uint8x16_t) -> V {
    vreinterpretq_s32_u8(v)
}

/// Bytes widened to i16.
#[inline]
#[target_feature(enable = "neon")]
fn widened(bytes: uint8x8_t) -> V {
    vreinterpretq_s32_u16(vmovl_u8(bytes))
}

/// The first four of eight unsigned bytes in i32 lanes.
#[inline]
#[target_feature(enable = "neon")]
fn four_unsigned(word: u64) -> V {
    let wide = vget_low_u16(vmovl_u8(vcreate_u8(word)));
    vreinterpretq_s32_u32(vmovl_u16(wide))
}

/// The first four of eight signed bytes in i32 lanes.
#[inline]
#[target_feature(enable = "neon")]
fn four_signed(word: u64) -> V {
    vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(word))))
}

/// i32 lanes to i16, saturating, plus `zero_point`, saturating.
#[inline]
#[target_feature(enable = "neon")]
fn narrowed(low: V, high: V, zero_point: i16) -> int16x8_t {
    let words = vqmovn_high_s32(vqmovn_s32(low), high);
    vqaddq_s16(words, vdupq_n_s16(zero_point))
}

impl<S: QuadSet> Isa for Quad<S> {
    type Set = S;
    const LANES: usize = 4;
    type Activation = S::Activation;
    type Weight = S::Weight;
    type V = V;
    type F = F;

    #[inline(always)]
    fn vectorize<B: WithIsa<Self>>(self, body: B) -> B::Output {
        // SAFETY: a `Quad` value comes from `new` alone, which found the set's features.
        unsafe { S::enter(self, body) }
    }

    #[inline(always)]
    unsafe fn load_bytes(self, ptr: *const u8) -> V {
        // SAFETY: the caller's contract: 16 bytes.
        unsafe { of_unsigned(vld1q_u8(ptr)) }
    }
    #[inline(always)]
    unsafe fn load_bytes_partial(self, ptr: *const u8, bytes: usize) -> V {
        // SAFETY: the caller's contract: `bytes` ≤ 16 bytes.
        unsafe { partial::load(ptr, bytes) }
    }
    #[inline(always)]
    unsafe fn load_blocks(self, places: [*const u8; 4]) -> V {
        // SAFETY: the caller's contract: 16 bytes at the first place.
        unsafe { self.load_bytes(places[0]) }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, ptr: *mut u8, v: V) {
        // SAFETY: the caller's contract: 16 bytes.
        unsafe { vst1q_u8(ptr, unsigned(v)) }
    }
    #[inline(always)]
    unsafe fn store_bytes_partial(self, ptr: *mut u8, v: V, bytes: usize) {
        // SAFETY: the caller's contract: `bytes` ≤ 16 bytes.
        unsafe { partial::store(ptr, v, bytes) }
    }
    #[inline(always)]
    unsafe fn broadcast_4(self, ptr: *const u8) -> V {
        // SAFETY: the caller's contract: 4 bytes, read unaligned.
        unsafe { vdupq_n_s32(ptr.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn broadcast_2(self, ptr: *const u8) -> V {
        // SAFETY: the caller's contract: 2 bytes, read unaligned.
        unsafe { of_words(vdupq_n_s16(ptr.cast::<i16>().read_unaligned())) }
    }
    #[inline(always)]
    unsafe fn load_u8_as_i32(self, ptr: *const u8) -> V {
        // SAFETY: the caller's contract: 4 bytes.
        unsafe { four_unsigned(u64::from(ptr.cast::<u32>().read_unaligned())) }
    }
    #[inline(always)]
    unsafe fn load_i8_as_i32(self, ptr: *const i8) -> V {
        // SAFETY: the caller's contract: 4 bytes.
        unsafe { four_signed(u64::from(ptr.cast::<u32>().read_unaligned())) }
    }
    #[inline(always)]
    unsafe fn load_u8_as_i32_partial(self, ptr: *const u8, lanes: usize) -> V {
        // SAFETY: the caller's contract: `lanes` ≤ 4 bytes.
        unsafe { four_unsigned(partial::read_word(ptr, lanes)) }
    }
    #[inline(always)]
    unsafe fn load_i8_as_i32_partial(self, ptr: *const i8, lanes: usize) -> V {
        // SAFETY: the caller's contract: `lanes` ≤ 4 bytes.
        unsafe { four_signed(partial::read_word(ptr.cast(), lanes)) }
    }
    #[inline(always)]
    unsafe fn load_i8_as_i16(self, ptr: *const i8) -> V {
        // SAFETY: the caller's contract: 8 bytes.
        unsafe { of_words(vmovl_s8(vld1_s8(ptr))) }
    }
    #[inline(always)]
    unsafe fn load_u8_as_i16(self, ptr: *const u8) -> V {
        // SAFETY: the caller's contract: 8 bytes.
        unsafe { widened(vld1_u8(ptr)) }
    }
    #[inline(always)]
    unsafe fn store_deinterleaved(self, ptr: *mut i32, v: [V; 4]) {
        for (j, v) in v.into_iter().enumerate() {
            // SAFETY: the caller's contract: 16 i32.
            unsafe { vst1q_s32(ptr.add(4 * j), v) };
        }
    }
    #[inline(always)]
    unsafe fn store_low_bytes(self, ptr: *mut u8, v: V, lanes: usize) {
        // SAFETY: the caller's contract: `lanes` ≤ 4 bytes.
        unsafe {
            let words = vmovn_s32(v);
            let bytes = vmovn_s16(vcombine_s16(words, words));
            let word = vget_lane_u64::<0>(vreinterpret_u64_s8(bytes));
            partial::write_word(ptr, word, lanes);
        }
    }
    #[inline(always)]
    unsafe fn load_f32(self, ptr: *const f32) -> F {
        // SAFETY: the caller's contract: 4 f32.
        unsafe { vld1q_f32(ptr) }
    }
    #[inline(always)]
    unsafe fn load_f32_partial(self, ptr: *const f32, lanes: usize) -> F {
        // SAFETY: the caller's contract: `lanes` ≤ 4 f32.
        unsafe { vreinterpretq_f32_s32(partial::load(ptr.cast(), 4 * lanes)) }
    }
    #[inline(always)]
    unsafe fn store_f32(self, ptr: *mut f32, v: F) {
        // SAFETY: the caller's contract: 4 f32.
        unsafe { vst1q_f32(ptr, v) }
    }
    #[inline(always)]
    unsafe fn store_f32_partial(self, ptr: *mut f32, v: F, lanes: usize) {
        // SAFETY: the caller's contract: `lanes` ≤ 4 f32.
        unsafe { partial::store(ptr.cast(), vreinterpretq_s32_f32(v), 4 * lanes) }
    }

    plain! {
        splat_i32(x: i32) -> V = vdupq_n_s32(x);
        splat_i16(x: i16) -> V = of_words(vdupq_n_s16(x));
        splat_u8(x: u8) -> V = of_unsigned(vdupq_n_u8(x));
        add_i32(a: V, b: V) -> V = vaddq_s32(a, b);
        sub_i32(a: V, b: V) -> V = vsubq_s32(a, b);
        mul_i32(a: V, b: V) -> V = vmulq_s32(a, b);
        min_i32(a: V, b: V) -> V = vminq_s32(a, b);
        max_i32(a: V, b: V) -> V = vmaxq_s32(a, b);
        min_u8(a: V, b: V) -> V = of_unsigned(vminq_u8(unsigned(a), unsigned(b)));
        max_u8(a: V, b: V) -> V = of_unsigned(vmaxq_u8(unsigned(a), unsigned(b)));
        min_i8(a: V, b: V) -> V = of_signed(vminq_s8(signed(a), signed(b)));
        max_i8(a: V, b: V) -> V = of_signed(vmaxq_s8(signed(a), signed(b)));
        and(a: V, b: V) -> V = vandq_s32(a, b);
        or(a: V, b: V) -> V = vorrq_s32(a, b);
        xor(a: V, b: V) -> V = veorq_s32(a, b);
        adds_i16(a: V, b: V) -> V = of_words(vqaddq_s16(words(a), words(b)));
        add_i16(a: V, b: V) -> V = of_words(vaddq_s16(words(a), words(b)));
        sub_i16(a: V, b: V) -> V = of_words(vsubq_s16(words(a), words(b)));
        mul_i16(a: V, b: V) -> V = of_words(vmulq_s16(words(a), words(b)));
        interleave_4(rows: [V; 4]) -> [V; 4] = {
            let [a, b, c, d] = rows;
            let (a, b, c, d) = (unsigned(a), unsigned(b), unsigned(c), unsigned(d));
            let (ab, cd) = (vzip1q_u8(a, b), vzip1q_u8(c, d));
            let (ef, gh) = (vzip2q_u8(a, b), vzip2q_u8(c, d));
            let (ab, cd) = (vreinterpretq_u16_u8(ab), vreinterpretq_u16_u8(cd));
            let (ef, gh) = (vreinterpretq_u16_u8(ef), vreinterpretq_u16_u8(gh));
            [
                vreinterpretq_s32_u16(vzip1q_u16(ab, cd)),
                vreinterpretq_s32_u16(vzip2q_u16(ab, cd)),
                vreinterpretq_s32_u16(vzip1q_u16(ef, gh)),
                vreinterpretq_s32_u16(vzip2q_u16(ef, gh)),
            ]
        };
        zip_halves(a: V, b: V) -> [V; 2] = {
            let (a, b) = (vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b));
            [vzip1q_s64(a, b), vzip2q_s64(a, b)].map(|v| vreinterpretq_s32_s64(v))
        };
        u8_to_i16(v: V) -> V = widened(vget_low_u8(unsigned(v)));
        i16_to_i32(v: V) -> [V; 2] = [vmovl_s16(vget_low_s16(words(v))), vmovl_high_s16(words(v))];
        shift_right_i32(v: V, n: V) -> V = vshlq_s32(v, vnegq_s32(n));
        rounding_shift_right_i32(v: V, n: V) -> V = vrshlq_s32(v, vnegq_s32(n));
        rounding_doubling_high_mul_i32(a: V, b: V) -> V = vqrdmulhq_s32(a, b);
        gt_i32(a: V, b: V) -> V = vreinterpretq_s32_u32(vcgtq_s32(a, b));
        abs_i32(v: V) -> V = vabsq_s32(v);
        bits_of_f32(v: F) -> V = vreinterpretq_s32_f32(v);
        f32_of_bits(v: V) -> F = vreinterpretq_f32_s32(v);
    }

    #[inline(always)]
    fn madd_i16(self, a: V, b: V) -> V {
        has!({
            let (a, b) = (words(a), words(b));
            let low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
            vpaddq_s32(low, vmull_high_s16(a, b))
        })
    }
    #[inline(always)]
    fn mul_add_i16(self, acc: [V; 2], a: V, b: V) -> [V; 2] {
        has!({
            let (a, b) = (words(a), words(b));
            [
                vmlal_s16(acc[0], vget_low_s16(a), vget_low_s16(b)),
                vmlal_high_s16(acc[1], a, b),
            ]
        })
    }
    #[inline(always)]
    fn mul_round_shift(self, v: V, multiplier: V, shift: V) -> V {
        has!({
            let left = vnegq_s32(shift);
            let low = vrshlq_s64(
                vmull_s32(vget_low_s32(v), vget_low_s32(multiplier)),
                vmovl_s32(vget_low_s32(left)),
            );
            let high = vrshlq_s64(vmull_high_s32(v, multiplier), vmovl_high_s32(left));
            vuzp1q_s32(vreinterpretq_s32_s64(low), vreinterpretq_s32_s64(high))
        })
    }
    #[inline(always)]
    fn maddubs(self, a: V, b: V) -> V {
        has!({
            // A product of u8 and s8 fits i16.
            let product = |a: uint8x8_t, b: int8x8_t| {
                vmulq_s16(vreinterpretq_s16_u16(vmovl_u8(a)), vmovl_s8(b))
            };
            let (a, b) = (unsigned(a), signed(b));
            let low = product(vget_low_u8(a), vget_low_s8(b));
            let high = product(vget_high_u8(a), vget_high_s8(b));
            of_words(vqaddq_s16(vuzp1q_s16(low, high), vuzp2q_s16(low, high)))
        })
    }
    #[inline(always)]
    fn dot4(self, acc: V, a: V, b: V) -> V {
        // SAFETY: a `Quad` value comes from `new` alone, which found the set's features.
        unsafe { S::dot4(acc, a, b) }
    }
    #[inline(always)]
    fn dot(self, acc: V, a: V, b: V) -> V {
        // SAFETY: as above.
        unsafe { S::dot_element::<0>(acc, a, b) }
    }
    #[inline(always)]
    fn dot_element<const G: usize>(self, acc: V, a: V, b: V) -> V {
        // SAFETY: as above.
        unsafe { S::dot_element::<G>(acc, a, b) }
    }
    #[inline(always)]
    fn mmla(self, acc: V, a: V, b: V) -> V {
        // SAFETY: as above.
        unsafe { S::mmla(acc, a, b) }
    }
    #[inline(always)]
    fn saturate_to_i16(self, v: V) -> V {
        has!(vmovl_s16(vqmovn_s32(v)))
    }
    #[inline(always)]
    fn narrow_to_u8(self, v: [V; 4], zero_point: i16) -> V {
        has!({
            let low = vqmovun_s16(narrowed(v[0], v[1], zero_point));
            of_unsigned(vqmovun_high_s16(low, narrowed(v[2], v[3], zero_point)))
        })
    }
    #[inline(always)]
    fn narrow_to_i8(self, v: [V; 4], zero_point: i16) -> V {
        has!({
            let low = vqmovn_s16(narrowed(v[0], v[1], zero_point));
            of_signed(vqmovn_high_s16(low, narrowed(v[2], v[3], zero_point)))
        })
    }
    #[inline(always)]
    fn deinterleaved(self, v: [V; 4]) -> [V; 4] {
        // A block is all there is of a vector.
        v
    }
    #[inline(always)]
    fn to_i32_array(self, v: V) -> [i32; 16] {
        let mut array = [0; 16];
        // SAFETY: 16 i32 hold 4.
        unsafe { vst1q_s32(array.as_mut_ptr(), v) };
        array
    }

    plain! {
        splat_f32(x: f32) -> F = vdupq_n_f32(x);
        add_f32(a: F, b: F) -> F = vaddq_f32(a, b);
        sub_f32(a: F, b: F) -> F = vsubq_f32(a, b);
        mul_f32(a: F, b: F) -> F = vmulq_f32(a, b);
        div_f32(a: F, b: F) -> F = vdivq_f32(a, b);
        fma_f32(a: F, b: F, c: F) -> F = vfmaq_f32(c, a, b);
        // fmin and fmax treat NaN and zeros otherwise than `a < b ? a : b`.
        min_f32(a: F, b: F) -> F = vbslq_f32(vcltq_f32(a, b), a, b);
        max_f32(a: F, b: F) -> F = vbslq_f32(vcgtq_f32(a, b), a, b);
        round_even_f32(v: F) -> F = vrndnq_f32(v);
        and_f32(a: F, b: F) -> F = vreinterpretq_f32_s32(vandq_s32(
            vreinterpretq_s32_f32(a),
            vreinterpretq_s32_f32(b),
        ));
        or_f32(a: F, b: F) -> F = vreinterpretq_f32_s32(vorrq_s32(
            vreinterpretq_s32_f32(a),
            vreinterpretq_s32_f32(b),
        ));
        nan_mask(v: F) -> V = vreinterpretq_s32_u32(vmvnq_u32(vceqq_f32(v, v)));
        i32_to_f32(v: V) -> F = vcvtq_f32_s32(v);
        f32_to_i32_even(v: F) -> V = vcvtnq_s32_f32(v);
        f32_to_i32_trunc(v: F) -> V = vcvtq_s32_f32(v);
    }
    #[inline(always)]
    fn to_f32_array(self, v: F) -> [f32; 16] {
        let mut array = [0.0; 16];
        // SAFETY: 16 f32 hold 4.
        unsafe { vst1q_f32(array.as_mut_ptr(), v) };
        array
    }
}
