//! An [`Isa`] made of [`models`](super::models): does lane for lane what the instructions do,
//! on every CPU, without using them.

use std::marker::PhantomData;

use super::models as m;
use super::{Conversion, Dot4, Grouping, InstructionSet, Isa, WithIsa};

/// The modelled form of an instruction set.
pub type Modelled<S> = <S as InstructionSet>::Model;

/// Models of the instruction set `S` on `N` lanes, with `A` and `W` as packed
/// activation and weight. [`Modelled`] names the right one for a set.
pub struct Model<S, A, W, const N: usize>(PhantomData<(S, A, W)>);

impl<S, A, W, const N: usize> Clone for Model<S, A, W, N> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<S, A, W, const N: usize> Copy for Model<S, A, W, N> {}

impl<S, A, W, const N: usize> Model<S, A, W, N> {
    /// Models need nothing of the CPU.
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

/// Which lanes bring two or four packed vectors back to memory order: output
/// lane `vector·(N/4) + block` lies at `block·4 + vector`.
#[inline(always)]
fn unpack_order<const N: usize>() -> [usize; N] {
    std::array::from_fn(|j| j % (N / 4) * 4 + j / (N / 4))
}

#[inline(always)]
fn splat_bytes<const N: usize>(bytes: [u8; 4]) -> [i32; N] {
    [i32::from_le_bytes(bytes); N]
}

/// # Safety
/// `ptr` must be readable for `count` values of `T`; `count <= N`.
#[inline(always)]
unsafe fn read<T: Copy + Default, const N: usize>(ptr: *const T, count: usize) -> [T; N] {
    let mut values = [T::default(); N];
    // SAFETY: the caller's contract; `values` holds N ≥ count values and is not `ptr`'s memory.
    unsafe { std::ptr::copy_nonoverlapping(ptr, values.as_mut_ptr(), count.min(N)) };
    values
}

impl<S, A, W, const N: usize> Isa for Model<S, A, W, N>
where
    S: InstructionSet,
    A: Copy + Default + From<u8> + Send + Sync + std::fmt::Debug + 'static,
    W: Copy + Default + From<i8> + Send + Sync + std::fmt::Debug + 'static,
{
    type Set = S;
    const LANES: usize = N;
    type Activation = A;
    type Weight = W;
    type V = [i32; N];
    type F = [f32; N];

    #[inline(always)]
    fn vectorize<B: WithIsa<Self>>(self, body: B) -> B::Output {
        body.call(self)
    }

    #[inline(always)]
    unsafe fn load_bytes(self, ptr: *const u8) -> [i32; N] {
        // SAFETY: the caller's contract: 4·N bytes, read unaligned.
        unsafe { ptr.cast::<[i32; N]>().read_unaligned() }.map(i32::from_le)
    }
    #[inline(always)]
    unsafe fn load_bytes_partial(self, ptr: *const u8, bytes: usize) -> [i32; N] {
        let mut v = [[0u8; 4]; N];
        // SAFETY: the caller's contract: `bytes` ≤ 4·N, the size of `v`.
        unsafe { std::ptr::copy_nonoverlapping(ptr, v.as_mut_ptr().cast(), bytes.min(4 * N)) };
        v.map(i32::from_le_bytes)
    }
    #[inline(always)]
    unsafe fn store_bytes(self, ptr: *mut u8, v: [i32; N]) {
        // SAFETY: the caller's contract: 4·N bytes, written unaligned.
        unsafe { ptr.cast::<[i32; N]>().write_unaligned(v.map(i32::to_le)) }
    }
    #[inline(always)]
    unsafe fn store_bytes_partial(self, ptr: *mut u8, v: [i32; N], bytes: usize) {
        let v = v.map(i32::to_le_bytes);
        // SAFETY: the caller's contract: `bytes` ≤ 4·N, the size of `v`.
        unsafe { std::ptr::copy_nonoverlapping(v.as_ptr().cast(), ptr, bytes.min(4 * N)) };
    }
    #[inline(always)]
    unsafe fn broadcast_4(self, ptr: *const u8) -> [i32; N] {
        // SAFETY: the caller's contract: 4 bytes, read unaligned.
        splat_bytes(unsafe { ptr.cast::<[u8; 4]>().read() })
    }
    #[inline(always)]
    unsafe fn broadcast_2(self, ptr: *const u8) -> [i32; N] {
        // SAFETY: the caller's contract: 2 bytes, read unaligned.
        let [low, high] = unsafe { ptr.cast::<[u8; 2]>().read() };
        splat_bytes([low, high, low, high])
    }
    #[inline(always)]
    unsafe fn load_u8_as_i32(self, ptr: *const u8) -> [i32; N] {
        // SAFETY: the caller's contract: N bytes.
        m::vpmovzxbd(unsafe { ptr.cast::<[u8; N]>().read() })
    }
    #[inline(always)]
    unsafe fn load_i8_as_i32(self, ptr: *const i8) -> [i32; N] {
        // SAFETY: the caller's contract: N bytes.
        m::vpmovsxbd(unsafe { ptr.cast::<[i8; N]>().read() })
    }
    #[inline(always)]
    unsafe fn load_u8_as_i32_partial(self, ptr: *const u8, lanes: usize) -> [i32; N] {
        // SAFETY: the caller's contract: `lanes` ≤ N bytes.
        m::vpmovzxbd(unsafe { read(ptr, lanes) })
    }
    #[inline(always)]
    unsafe fn load_i8_as_i32_partial(self, ptr: *const i8, lanes: usize) -> [i32; N] {
        // SAFETY: the caller's contract: `lanes` ≤ N bytes.
        m::vpmovsxbd(unsafe { read(ptr, lanes) })
    }
    #[inline(always)]
    unsafe fn load_i8_as_i16(self, ptr: *const i8) -> [i32; N] {
        // SAFETY: the caller's contract: 2·N bytes.
        let pairs = unsafe { ptr.cast::<[[i8; 2]; N]>().read() };
        pairs.map(|[low, high]| (i32::from(high) << 16) | (i32::from(low) & 0xffff))
    }
    #[inline(always)]
    unsafe fn load_u8_as_i16(self, ptr: *const u8) -> [i32; N] {
        // SAFETY: the caller's contract: 2·N bytes.
        let pairs = unsafe { ptr.cast::<[[u8; 2]; N]>().read() };
        pairs.map(|[low, high]| (i32::from(high) << 16) | i32::from(low))
    }
    #[inline(always)]
    unsafe fn store_low_bytes(self, ptr: *mut u8, v: [i32; N], lanes: usize) {
        let bytes = v.map(|lane| lane as u8);
        // SAFETY: the caller's contract: `lanes` ≤ N, the length of `bytes`.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), ptr, lanes.min(N)) };
    }
    #[inline(always)]
    unsafe fn load_f32(self, ptr: *const f32) -> [f32; N] {
        // SAFETY: the caller's contract: N f32, read unaligned.
        unsafe { ptr.cast::<[f32; N]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_f32_partial(self, ptr: *const f32, lanes: usize) -> [f32; N] {
        let mut v = [0.0; N];
        // SAFETY: the caller's contract: `lanes` ≤ N; byte-wise, so alignment does not matter.
        unsafe {
            std::ptr::copy_nonoverlapping(
                ptr.cast::<u8>(),
                v.as_mut_ptr().cast::<u8>(),
                4 * lanes.min(N),
            );
        }
        v
    }
    #[inline(always)]
    unsafe fn store_f32(self, ptr: *mut f32, v: [f32; N]) {
        // SAFETY: the caller's contract: N f32, written unaligned.
        unsafe { ptr.cast::<[f32; N]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn store_f32_partial(self, ptr: *mut f32, v: [f32; N], lanes: usize) {
        // SAFETY: the caller's contract: `lanes` ≤ N; byte-wise, so alignment does not matter.
        unsafe {
            std::ptr::copy_nonoverlapping(
                v.as_ptr().cast::<u8>(),
                ptr.cast::<u8>(),
                4 * lanes.min(N),
            );
        }
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> [i32; N] {
        [x; N]
    }
    #[inline(always)]
    fn splat_i16(self, x: i16) -> [i32; N] {
        let [low, high] = x.to_le_bytes();
        splat_bytes([low, high, low, high])
    }
    #[inline(always)]
    fn splat_u8(self, x: u8) -> [i32; N] {
        splat_bytes([x; 4])
    }
    #[inline(always)]
    fn add_i32(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpaddd(a, b)
    }
    #[inline(always)]
    fn sub_i32(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpsubd(a, b)
    }
    #[inline(always)]
    fn mul_i32(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpmulld(a, b)
    }
    #[inline(always)]
    fn min_i32(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpminsd(a, b)
    }
    #[inline(always)]
    fn max_i32(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpmaxsd(a, b)
    }
    #[inline(always)]
    fn min_u8(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpminub(a, b)
    }
    #[inline(always)]
    fn max_u8(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpmaxub(a, b)
    }
    #[inline(always)]
    fn min_i8(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpminsb(a, b)
    }
    #[inline(always)]
    fn max_i8(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpmaxsb(a, b)
    }
    #[inline(always)]
    fn and(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        std::array::from_fn(|i| a[i] & b[i])
    }
    #[inline(always)]
    fn or(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        std::array::from_fn(|i| a[i] | b[i])
    }
    #[inline(always)]
    fn xor(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        std::array::from_fn(|i| a[i] ^ b[i])
    }
    #[inline(always)]
    fn adds_i16(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpaddsw(a, b)
    }
    #[inline(always)]
    fn mul_i16(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpmullw(a, b)
    }
    #[inline(always)]
    fn add_i16(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpaddw(a, b)
    }
    #[inline(always)]
    fn sub_i16(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpsubw(a, b)
    }
    #[inline(always)]
    fn mul_add_i16(self, acc: [[i32; N]; 2], a: [i32; N], b: [i32; N]) -> [[i32; N]; 2] {
        m::smlal(acc, a, b)
    }
    #[inline(always)]
    fn mul_round_shift(self, v: [i32; N], multiplier: [i32; N], shift: [i32; N]) -> [i32; N] {
        m::mul_round_shift(v, multiplier, shift)
    }
    #[inline(always)]
    fn rounding_doubling_high_mul_i32(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::sqrdmulh(a, b)
    }
    #[inline(always)]
    fn shift_right_i32(self, v: [i32; N], n: [i32; N]) -> [i32; N] {
        m::vpsravd(v, n)
    }
    #[inline(always)]
    fn rounding_shift_right_i32(self, v: [i32; N], n: [i32; N]) -> [i32; N] {
        m::srshl(v, n.map(i32::wrapping_neg))
    }
    #[inline(always)]
    fn gt_i32(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpcmpgtd(a, b)
    }
    #[inline(always)]
    fn abs_i32(self, v: [i32; N]) -> [i32; N] {
        m::vpabsd(v)
    }
    #[inline(always)]
    fn bits_of_f32(self, v: [f32; N]) -> [i32; N] {
        v.map(|x| x.to_bits() as i32)
    }
    #[inline(always)]
    fn f32_of_bits(self, v: [i32; N]) -> [f32; N] {
        v.map(|x| f32::from_bits(x as u32))
    }
    #[inline(always)]
    fn i16_to_i32(self, v: [i32; N]) -> [[i32; N]; 2] {
        [m::vpmovsxwd(v, 0), m::vpmovsxwd(v, N / 2)]
    }
    #[inline(always)]
    fn madd_i16(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpmaddwd(a, b)
    }
    #[inline(always)]
    fn maddubs(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::vpmaddubsw(a, b)
    }
    #[inline(always)]
    fn dot4(self, acc: [i32; N], a: [i32; N], b: [i32; N]) -> [i32; N] {
        match S::DOT4 {
            Dot4::Exact => m::vpdpbusd(acc, a, b),
            Dot4::SaturatingPairs => {
                let ones = self.splat_i16(1);
                m::vpaddd(acc, m::vpmaddwd(m::vpmaddubsw(a, b), ones))
            }
        }
    }
    #[inline(always)]
    fn dot(self, acc: [i32; N], a: [i32; N], b: [i32; N]) -> [i32; N] {
        match (S::DOT_K, S::DOT_GROUPING, S::DOT_SHIFT) {
            (2, Grouping::ByDepth, _) => m::smlal_by_element(acc, a, 0, b),
            (2, Grouping::ByColumn, _) => m::vpaddd(acc, m::vpmaddwd(a, b)),
            (_, _, 128) => m::sdot(acc, a, b),
            _ => self.dot4(acc, a, b),
        }
    }
    #[inline(always)]
    fn dot_element<const G: usize>(self, acc: [i32; N], a: [i32; N], b: [i32; N]) -> [i32; N] {
        self.dot(acc, [a[G]; N], b)
    }
    #[inline(always)]
    fn mmla(self, acc: [i32; N], a: [i32; N], b: [i32; N]) -> [i32; N] {
        m::usmmla(acc, a, b)
    }
    #[inline(always)]
    fn interleave_4(self, rows: [[i32; N]; 4]) -> [[i32; N]; 4] {
        let byte = |row: [i32; N], at: usize| row[at / 4].to_le_bytes()[at % 4];
        let mut result = [[0; N]; 4];
        for (j, vector) in result.iter_mut().enumerate() {
            for (lane, group) in vector.iter_mut().enumerate() {
                let at = lane / 4 * 16 + 4 * j + lane % 4;
                let [a, b, c, d] = rows;
                *group = i32::from_le_bytes([byte(a, at), byte(b, at), byte(c, at), byte(d, at)]);
            }
        }
        result
    }
    #[inline(always)]
    unsafe fn store_deinterleaved(self, ptr: *mut i32, v: [[i32; N]; 4]) {
        for (j, vector) in v.iter().enumerate() {
            for (lane, &value) in vector.iter().enumerate() {
                // SAFETY: the caller's contract: 4·N i32.
                unsafe { *ptr.add(lane / 4 * 16 + 4 * j + lane % 4) = value };
            }
        }
    }
    #[inline(always)]
    fn zip_halves(self, a: [i32; N], b: [i32; N]) -> [[i32; N]; 2] {
        [m::vpunpcklqdq(a, b), m::vpunpckhqdq(a, b)]
    }
    #[inline(always)]
    fn u8_to_i16(self, v: [i32; N]) -> [i32; N] {
        m::uxtl(v)
    }
    #[inline(always)]
    fn saturate_to_i16(self, v: [i32; N]) -> [i32; N] {
        let low = self.splat_i32(i32::from(i16::MIN));
        let high = self.splat_i32(i32::from(i16::MAX));
        m::vpminsd(m::vpmaxsd(v, low), high)
    }
    #[inline(always)]
    fn narrow_to_u8(self, v: [[i32; N]; 4], zero_point: i16) -> [i32; N] {
        let zero_point = self.splat_i16(zero_point);
        let low = m::vpaddsw(m::vpackssdw(v[0], v[1]), zero_point);
        let high = m::vpaddsw(m::vpackssdw(v[2], v[3]), zero_point);
        m::vpermd(m::vpackuswb(low, high), unpack_order())
    }
    #[inline(always)]
    fn narrow_to_i8(self, v: [[i32; N]; 4], zero_point: i16) -> [i32; N] {
        let zero_point = self.splat_i16(zero_point);
        let low = m::vpaddsw(m::vpackssdw(v[0], v[1]), zero_point);
        let high = m::vpaddsw(m::vpackssdw(v[2], v[3]), zero_point);
        m::vpermd(m::vpacksswb(low, high), unpack_order())
    }
    #[inline(always)]
    fn to_i32_array(self, v: [i32; N]) -> [i32; 16] {
        let mut array = [0; 16];
        array[..N].copy_from_slice(&v);
        array
    }

    #[inline(always)]
    fn splat_f32(self, x: f32) -> [f32; N] {
        [x; N]
    }
    #[inline(always)]
    fn add_f32(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        m::vaddps(a, b)
    }
    #[inline(always)]
    fn sub_f32(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        m::vsubps(a, b)
    }
    #[inline(always)]
    fn mul_f32(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        m::vmulps(a, b)
    }
    #[inline(always)]
    fn div_f32(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        m::vdivps(a, b)
    }
    #[inline(always)]
    fn fma_f32(self, a: [f32; N], b: [f32; N], c: [f32; N]) -> [f32; N] {
        m::vfmaddps(a, b, c)
    }
    #[inline(always)]
    fn min_f32(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        m::vminps(a, b)
    }
    #[inline(always)]
    fn max_f32(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        m::vmaxps(a, b)
    }
    #[inline(always)]
    fn round_even_f32(self, v: [f32; N]) -> [f32; N] {
        m::vroundps(v)
    }
    #[inline(always)]
    fn and_f32(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        m::vandps(a, b)
    }
    #[inline(always)]
    fn or_f32(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        m::vorps(a, b)
    }
    #[inline(always)]
    fn nan_mask(self, v: [f32; N]) -> [i32; N] {
        m::vcmpunordps(v)
    }
    #[inline(always)]
    fn i32_to_f32(self, v: [i32; N]) -> [f32; N] {
        m::vcvtdq2ps(v)
    }
    #[inline(always)]
    fn f32_to_i32_even(self, v: [f32; N]) -> [i32; N] {
        match S::CONVERSION {
            Conversion::Indefinite => m::vcvtps2dq(v),
            Conversion::Saturating => m::fcvtns(v),
        }
    }
    #[inline(always)]
    fn f32_to_i32_trunc(self, v: [f32; N]) -> [i32; N] {
        match S::CONVERSION {
            Conversion::Indefinite => m::vcvttps2dq(v),
            Conversion::Saturating => m::fcvtzs(v),
        }
    }
    #[inline(always)]
    fn to_f32_array(self, v: [f32; N]) -> [f32; 16] {
        let mut array = [0.0; 16];
        array[..N].copy_from_slice(&v);
        array
    }
}
