//! Instruction sets as the few instructions that kernels use.
//!
//! A kernel family is written once, generic over [`Isa`]. A value of an `Isa`
//! type is a token: its constructor asked the CPU, so holding it proves that
//! the instructions exist. [`Isa::vectorize`] enters a function compiled for
//! those instructions; everything inside is `#[inline(always)]`.
//!
//! Vector model: a [`Isa::V`] is `4·LANES` bytes, seen as `LANES` i32,
//! `2·LANES` i16 or `4·LANES` bytes, in memory order. Lane `i` of an i32 view
//! holds bytes `4i..4i+4`. Implementations hide the 128-bit halves of x86:
//! every method below works in memory order.

/// A computation that [`Isa::vectorize`] runs.
pub trait WithIsa<I: Isa> {
    /// what it gives
    type Output;
    /// The computation; implement with `#[inline(always)]`.
    fn call(self, isa: I) -> Self::Output;
}

/// How an instruction set sums u8·s8 products in [`Isa::dot4`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dot4 {
    /// exactly (vpdpbusd, or widening to i16 and vpmaddwd)
    Exact,
    /// each pair of adjacent products saturates to i16 (vpmaddubsw), pairs are added exactly
    SaturatingPairs,
}

/// An instruction set. Methods are `#[inline(always)]` and do not carry
/// `target_feature` themselves.
pub trait Isa: Copy + Send + Sync + 'static {
    /// i32 lanes in a vector.
    const LANES: usize;
    /// How [`dot4`](Self::dot4) sums.
    const DOT4: Dot4;
    /// `4·LANES` bytes of integers.
    type V: Copy;
    /// `LANES` f32.
    type F: Copy;

    /// Runs `body` compiled for this instruction set.
    fn vectorize<B: WithIsa<Self>>(self, body: B) -> B::Output;

    // ---- memory ----
    // `load_bytes`/`store_bytes` move `4·LANES` bytes; `_partial` forms touch only the first
    // `bytes` (< 4·LANES) bytes, and loads fill the rest with zero. Nothing needs alignment.

    /// # Safety
    /// `ptr` must be readable for `4·LANES` bytes.
    unsafe fn load_bytes(self, ptr: *const u8) -> Self::V;
    /// # Safety
    /// `ptr` must be readable for `bytes` bytes.
    unsafe fn load_bytes_partial(self, ptr: *const u8, bytes: usize) -> Self::V;
    /// # Safety
    /// `ptr` must be writable for `4·LANES` bytes.
    unsafe fn store_bytes(self, ptr: *mut u8, v: Self::V);
    /// # Safety
    /// `ptr` must be writable for `bytes` bytes.
    unsafe fn store_bytes_partial(self, ptr: *mut u8, v: Self::V, bytes: usize);
    /// The same 4 bytes in every lane.
    ///
    /// # Safety
    /// `ptr` must be readable for 4 bytes.
    unsafe fn broadcast_4(self, ptr: *const u8) -> Self::V;
    /// `LANES` u8 widened to i32 lanes.
    ///
    /// # Safety
    /// `ptr` must be readable for `LANES` bytes.
    unsafe fn load_u8_as_i32(self, ptr: *const u8) -> Self::V;
    /// `LANES` s8 widened to i32 lanes.
    ///
    /// # Safety
    /// `ptr` must be readable for `LANES` bytes.
    unsafe fn load_i8_as_i32(self, ptr: *const i8) -> Self::V;
    /// `2·LANES` s8 widened to i16 lanes.
    ///
    /// # Safety
    /// `ptr` must be readable for `2·LANES` bytes.
    unsafe fn load_i8_as_i16(self, ptr: *const i8) -> Self::V;
    /// `2·LANES` u8 widened to i16 lanes.
    ///
    /// # Safety
    /// `ptr` must be readable for `2·LANES` bytes.
    unsafe fn load_u8_as_i16(self, ptr: *const u8) -> Self::V;
    /// The low byte of each of the first `lanes` i32 lanes.
    ///
    /// # Safety
    /// `ptr` must be writable for `lanes` bytes; `lanes <= LANES`.
    unsafe fn store_low_bytes(self, ptr: *mut u8, v: Self::V, lanes: usize);
    /// # Safety
    /// `ptr` must be readable for `LANES` f32.
    unsafe fn load_f32(self, ptr: *const f32) -> Self::F;
    /// # Safety
    /// `ptr` must be readable for `lanes` f32; `lanes <= LANES`. Missing lanes are 0.
    unsafe fn load_f32_partial(self, ptr: *const f32, lanes: usize) -> Self::F;
    /// # Safety
    /// `ptr` must be writable for `LANES` f32.
    unsafe fn store_f32(self, ptr: *mut f32, v: Self::F);
    /// # Safety
    /// `ptr` must be writable for `lanes` f32; `lanes <= LANES`.
    unsafe fn store_f32_partial(self, ptr: *mut f32, v: Self::F, lanes: usize);

    // ---- integers ----
    fn splat_i32(self, x: i32) -> Self::V;
    fn splat_i16(self, x: i16) -> Self::V;
    fn splat_u8(self, x: u8) -> Self::V;
    fn add_i32(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub_i32(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul_i32(self, a: Self::V, b: Self::V) -> Self::V;
    fn min_i32(self, a: Self::V, b: Self::V) -> Self::V;
    fn max_i32(self, a: Self::V, b: Self::V) -> Self::V;
    fn min_u8(self, a: Self::V, b: Self::V) -> Self::V;
    fn max_u8(self, a: Self::V, b: Self::V) -> Self::V;
    fn xor(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16 lanes, saturating (vpaddsw).
    fn adds_i16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16 pairs: `a[2i]·b[2i] + a[2i+1]·b[2i+1]` in i32 (vpmaddwd).
    fn madd_i16(self, a: Self::V, b: Self::V) -> Self::V;
    /// u8·s8 pairs summed saturating to i16 (vpmaddubsw).
    fn maddubs(self, a: Self::V, b: Self::V) -> Self::V;
    /// `acc + Σ` of 4 u8·s8 products per i32 lane, summed as [`DOT4`](Self::DOT4) says.
    fn dot4(self, acc: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// Each i32 lane clamped to the range of i16 (what packssdw does to a value).
    fn saturate_to_i16(self, v: Self::V) -> Self::V;
    /// Four vectors of i32 lanes narrowed to bytes in memory order: to i16 saturating, plus
    /// `zero_point` saturating in i16, to u8 saturating (packssdw, paddsw, packuswb).
    fn narrow_to_u8(self, v: [Self::V; 4], zero_point: i16) -> Self::V;
    /// As [`narrow_to_u8`](Self::narrow_to_u8), to s8 saturating (packsswb).
    fn narrow_to_i8(self, v: [Self::V; 4], zero_point: i16) -> Self::V;
    /// The lanes as an array in memory order; lanes past `LANES` are 0.
    fn to_i32_array(self, v: Self::V) -> [i32; 16];

    // ---- floats ----
    fn splat_f32(self, x: f32) -> Self::F;
    fn add_f32(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub_f32(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul_f32(self, a: Self::F, b: Self::F) -> Self::F;
    fn div_f32(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a·b + c` with one rounding.
    fn fma_f32(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// x86 minps: `a < b ? a : b`, so a NaN in either gives `b`.
    fn min_f32(self, a: Self::F, b: Self::F) -> Self::F;
    /// x86 maxps: `a > b ? a : b`, so a NaN in either gives `b`.
    fn max_f32(self, a: Self::F, b: Self::F) -> Self::F;
    /// i32 lanes to f32, nearest-even (cvtdq2ps).
    fn i32_to_f32(self, v: Self::V) -> Self::F;
    /// f32 to i32, nearest-even; NaN and out of range give i32::MIN (cvtps2dq).
    fn f32_to_i32_even(self, v: Self::F) -> Self::V;
}
