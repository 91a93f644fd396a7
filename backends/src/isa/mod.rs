//! Instruction sets as the few instructions that kernels use.
//!
//! A kernel family is written once, generic over [`Isa`]. A value of an `Isa`
//! type is a token: its constructor asked the CPU, so holding it proves that
//! the instructions exist. [`Isa::vectorize`] enters a function compiled for
//! those instructions; everything inside is `#[inline(always)]`.
//!
//! Vector model: an [`Isa::V`] is `4·LANES` bytes, seen as `LANES` i32,
//! `2·LANES` i16 or `4·LANES` bytes, in memory order. Lane `i` of an i32 view
//! holds bytes `4i..4i+4`. Implementations hide the 128-bit halves of x86:
//! every method below works in memory order.
//!
//! - `forms`: how sets differ in their products and conversions
//! - [`set`]: the instruction sets by name, and their native and modelled forms
//! - [`models`]: what each real instruction does, in plain Rust
//! - [`modelled`]: an [`Isa`] made of those models; runs on every CPU
//! - `ymm`, `zmm`: the CPU's own instructions (x86-64 only)
//! - `quad`: the CPU's own instructions (aarch64 only)
//! - [`tiles`]: products of whole blocks in tile registers

mod forms;
pub mod modelled;
pub mod models;
#[cfg(target_arch = "aarch64")]
pub mod quad;
pub mod set;
pub mod tiles;
#[cfg(target_arch = "x86_64")]
pub mod ymm;
#[cfg(target_arch = "x86_64")]
pub mod zmm;

#[cfg(test)]
mod agreement;

pub use forms::{Conversion, Dot4, Grouping, I16Products, Shifted};
pub use modelled::Modelled;
pub use set::{
    Amx, Avx2, Avx2Exact, Avx512, Avx512Exact, Avx512Vnni, AvxVnni, InstructionSet, Neon, NeonDot,
    NeonI8mm, Scalar,
};

/// `each!(zero, |v| value)`: an array of vectors, made by a loop. `std::array::from_fn` and
/// `map` would call a function of the standard library for each, which is not compiled for the
/// instruction set, wherever the compiler does not inline it.
macro_rules! each {
    ($zero:expr, |$v:ident| $value:expr) => {{
        let mut vectors = [$zero; _];
        for ($v, vector) in vectors.iter_mut().enumerate() {
            *vector = $value;
        }
        vectors
    }};
}
pub(crate) use each;

/// A computation that [`Isa::vectorize`] runs.
pub trait WithIsa<I: Isa> {
    /// what it gives
    type Output;
    /// The computation; implement with `#[inline(always)]`.
    fn call(self, isa: I) -> Self::Output;
}

/// An instruction set. Methods are `#[inline(always)]` and do not carry
/// `target_feature` themselves.
///
/// # Products of codes
/// Two forms, both with [`DOT4`](Isa::DOT4)'s sums:
/// - [`dot4`](Isa::dot4): four u8 codes and four s8 weights in each lane; always there.
/// - [`dot`](Isa::dot): [`DOT_K`](Isa::DOT_K) codes and weights in each lane, held as
///   [`Activation`](Isa::Activation) and [`Weight`](Isa::Weight); the fastest form. It is
///   `dot4` on bytes (`DOT_K` 4) where the instruction takes bytes, and vpmaddwd or smlal on
///   i16 (`DOT_K` 2) where exactness asks for widened operands. A group of codes is 4 bytes in
///   both, so [`broadcast_4`](Isa::broadcast_4) and [`load_bytes`](Isa::load_bytes) serve both.
///   A GEMM that packs `DOT_K` adjacent k of a column, as `Weight`, in the order that
///   [`DOT_GROUPING`](Isa::DOT_GROUPING) says, is therefore written once.
pub trait Isa: Copy + Send + Sync + 'static {
    /// Which instruction set this is a form of.
    type Set: InstructionSet;
    /// i32 lanes in a vector: 4, 8 or 16.
    const LANES: usize;
    /// How [`dot4`](Self::dot4) and [`dot`](Self::dot) sum.
    const DOT4: Dot4 = <Self::Set as InstructionSet>::DOT4;
    /// How many adjacent k one lane of [`dot`](Self::dot) takes: 4 or 2.
    const DOT_K: usize = <Self::Set as InstructionSet>::DOT_K;
    /// What is taken from each code before [`dot`](Self::dot) multiplies it: `dot` sums
    /// (x − `DOT_SHIFT`)·w. A family corrects zero points by column sums; there the codes' zero
    /// point is `zero_point − DOT_SHIFT`. 128 where codes are held as s8, else 0.
    const DOT_SHIFT: i32 = <Self::Set as InstructionSet>::DOT_SHIFT;
    /// In which order [`dot`](Self::dot) has its weights.
    const DOT_GROUPING: Grouping = <Self::Set as InstructionSet>::DOT_GROUPING;
    /// Whether [`dot_element`](Self::dot_element) is an instruction, so that a tile loads four
    /// groups of a row at once rather than broadcasting each.
    const DOT_ELEMENT: bool = <Self::Set as InstructionSet>::DOT_ELEMENT;
    /// Whether [`mmla`](Self::mmla) is an instruction.
    const MMLA: bool = <Self::Set as InstructionSet>::MMLA;
    /// Whether [`tile_product`](Self::tile_product) is instructions on tile registers.
    const TILES: bool = <Self::Set as InstructionSet>::TILES;
    /// What [`f32_to_i32_even`](Self::f32_to_i32_even) and
    /// [`f32_to_i32_trunc`](Self::f32_to_i32_trunc) give for NaN and out of range. A family
    /// checks that its profile's `cast` axis is met, as it checks [`DOT4`](Self::DOT4).
    const CONVERSION: Conversion = <Self::Set as InstructionSet>::CONVERSION;
    /// Whether single products or pairs of i16 are the natural form: a family packs k by 1 or
    /// by 2 accordingly.
    const I16_PRODUCTS: I16Products = <Self::Set as InstructionSet>::I16_PRODUCTS;
    /// An activation code packed for [`dot`](Self::dot): u8, [`Shifted`] or i16.
    type Activation: Copy + Default + From<u8> + Send + Sync + std::fmt::Debug + 'static;
    /// A weight packed for [`dot`](Self::dot): i8 or i16.
    type Weight: Copy + Default + From<i8> + Send + Sync + std::fmt::Debug + 'static;
    /// `4·LANES` bytes of integers.
    type V: Copy;
    /// `LANES` f32.
    type F: Copy;

    /// Runs `body` compiled for this instruction set.
    fn vectorize<B: WithIsa<Self>>(self, body: B) -> B::Output;

    // ---- memory ----
    // `_partial` forms touch only the first `bytes` or `lanes`, and loads fill the rest with
    // zero. Nothing needs alignment.

    /// `4·LANES` bytes.
    ///
    /// # Safety
    /// `ptr` must be readable for `4·LANES` bytes.
    unsafe fn load_bytes(self, ptr: *const u8) -> Self::V;
    /// The first `bytes` bytes, then zeros.
    ///
    /// # Safety
    /// `ptr` must be readable for `bytes` bytes; `bytes <= 4·LANES`.
    unsafe fn load_bytes_partial(self, ptr: *const u8, bytes: usize) -> Self::V;
    /// Blocks of 16 bytes, one from each place; what lies at places that the vector has no block
    /// for is not read.
    ///
    /// # Safety
    /// As many of the places as the vector has blocks must be readable for 16 bytes.
    #[inline(always)]
    unsafe fn load_blocks(self, places: [*const u8; 4]) -> Self::V {
        let mut bytes = [[0u8; 16]; 4];
        for (block, &place) in bytes.iter_mut().zip(&places).take(Self::LANES / 4) {
            // SAFETY: the caller's contract; any bytes are bytes, wherever they lie.
            *block = unsafe { place.cast::<[u8; 16]>().read() };
        }
        // SAFETY: 64 bytes are as much as the widest vector.
        unsafe { self.load_bytes(bytes.as_ptr().cast()) }
    }
    /// Writes `4·LANES` bytes.
    ///
    /// # Safety
    /// `ptr` must be writable for `4·LANES` bytes.
    unsafe fn store_bytes(self, ptr: *mut u8, v: Self::V);
    /// Writes the first `bytes` bytes.
    ///
    /// # Safety
    /// `ptr` must be writable for `bytes` bytes; `bytes <= 4·LANES`.
    unsafe fn store_bytes_partial(self, ptr: *mut u8, v: Self::V, bytes: usize);
    /// As [`store_bytes`](Self::store_bytes), past the caches where there are such stores
    /// (vmovntdq): for outputs that no cache holds. [`fence`](Self::fence) must follow before
    /// another thread looks at them.
    ///
    /// # Safety
    /// `ptr` must be writable for `4·LANES` bytes and a multiple of that.
    #[inline(always)]
    unsafe fn stream_bytes(self, ptr: *mut u8, v: Self::V) {
        // SAFETY: the caller's contract.
        unsafe { self.store_bytes(ptr, v) }
    }
    /// Orders stores of [`stream_bytes`](Self::stream_bytes) before all that follow (sfence).
    #[inline(always)]
    fn fence(self) {}
    /// The same 4 bytes in every i32 lane.
    ///
    /// # Safety
    /// `ptr` must be readable for 4 bytes.
    unsafe fn broadcast_4(self, ptr: *const u8) -> Self::V;
    /// The same 2 bytes in every i16 lane.
    ///
    /// # Safety
    /// `ptr` must be readable for 2 bytes.
    unsafe fn broadcast_2(self, ptr: *const u8) -> Self::V;
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
    /// The first `lanes` u8 widened to i32 lanes, then zeros.
    ///
    /// # Safety
    /// `ptr` must be readable for `lanes` bytes; `lanes <= LANES`.
    unsafe fn load_u8_as_i32_partial(self, ptr: *const u8, lanes: usize) -> Self::V;
    /// The first `lanes` s8 widened to i32 lanes, then zeros.
    ///
    /// # Safety
    /// `ptr` must be readable for `lanes` bytes; `lanes <= LANES`.
    unsafe fn load_i8_as_i32_partial(self, ptr: *const i8, lanes: usize) -> Self::V;
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
    /// Writes the low byte of each of the first `lanes` i32 lanes.
    ///
    /// # Safety
    /// `ptr` must be writable for `lanes` bytes; `lanes <= LANES`.
    unsafe fn store_low_bytes(self, ptr: *mut u8, v: Self::V, lanes: usize);
    /// `LANES` f32.
    ///
    /// # Safety
    /// `ptr` must be readable for `LANES` f32.
    unsafe fn load_f32(self, ptr: *const f32) -> Self::F;
    /// The first `lanes` f32, then zeros.
    ///
    /// # Safety
    /// `ptr` must be readable for `lanes` f32; `lanes <= LANES`.
    unsafe fn load_f32_partial(self, ptr: *const f32, lanes: usize) -> Self::F;
    /// Writes `LANES` f32.
    ///
    /// # Safety
    /// `ptr` must be writable for `LANES` f32.
    unsafe fn store_f32(self, ptr: *mut f32, v: Self::F);
    /// Writes the first `lanes` f32.
    ///
    /// # Safety
    /// `ptr` must be writable for `lanes` f32; `lanes <= LANES`.
    unsafe fn store_f32_partial(self, ptr: *mut f32, v: Self::F, lanes: usize);

    // ---- integers ----

    /// `x` in every i32 lane.
    fn splat_i32(self, x: i32) -> Self::V;
    /// `x` in every i16 lane.
    fn splat_i16(self, x: i16) -> Self::V;
    /// `x` in every byte.
    fn splat_u8(self, x: u8) -> Self::V;
    /// i32 lanes, wrapping (vpaddd).
    fn add_i32(self, a: Self::V, b: Self::V) -> Self::V;
    /// i32 lanes, wrapping (vpsubd).
    fn sub_i32(self, a: Self::V, b: Self::V) -> Self::V;
    /// i32 lanes, the low half of the product (vpmulld).
    fn mul_i32(self, a: Self::V, b: Self::V) -> Self::V;
    /// i32 lanes (vpminsd).
    fn min_i32(self, a: Self::V, b: Self::V) -> Self::V;
    /// i32 lanes (vpmaxsd).
    fn max_i32(self, a: Self::V, b: Self::V) -> Self::V;
    /// Unsigned bytes (vpminub).
    fn min_u8(self, a: Self::V, b: Self::V) -> Self::V;
    /// Unsigned bytes (vpmaxub).
    fn max_u8(self, a: Self::V, b: Self::V) -> Self::V;
    /// Signed bytes (vpminsb).
    fn min_i8(self, a: Self::V, b: Self::V) -> Self::V;
    /// Signed bytes (vpmaxsb).
    fn max_i8(self, a: Self::V, b: Self::V) -> Self::V;
    /// Bits (vpand).
    fn and(self, a: Self::V, b: Self::V) -> Self::V;
    /// Bits (vpor).
    fn or(self, a: Self::V, b: Self::V) -> Self::V;
    /// Bits (vpxor).
    fn xor(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16 lanes, saturating (vpaddsw).
    fn adds_i16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16 lanes, the low half of the product (vpmullw).
    fn mul_i16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16 lanes, wrapping (vpaddw; add.8h).
    fn add_i16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16 lanes, wrapping (vpsubw; sub.8h).
    fn sub_i16(self, a: Self::V, b: Self::V) -> Self::V;
    /// `2·LANES` products of i16 lanes; product `j` is added, wrapping, to i32 lane `j` of the
    /// pair in memory order: the first `LANES` products to `acc[0]`, the others to `acc[1]`.
    /// ARM: smlal and smlal2. x86: vpmullw, vpmulhw and unpacking; see
    /// [`I16_PRODUCTS`](Self::I16_PRODUCTS).
    fn mul_add_i16(self, acc: [Self::V; 2], a: Self::V, b: Self::V) -> [Self::V; 2];
    /// i32 lanes: the low 32 bits of `(i64(v)·i64(multiplier) + 2^(shift−1)) >> shift`,
    /// 1 ≤ shift ≤ 62: a fixed-point product rounded to nearest, ties up.
    /// ARM: smull, srshl on i64 lanes, xtn. x86: vpmuldq on even and odd lanes, vpsrlvq or vpsravq.
    fn mul_round_shift(self, v: Self::V, multiplier: Self::V, shift: Self::V) -> Self::V;
    /// i32 lanes: `(2·a·b + 2^31) >> 32`, saturating, which only MIN·MIN needs (sqrdmulh).
    /// x86: vpmuldq on even and odd lanes.
    fn rounding_doubling_high_mul_i32(self, a: Self::V, b: Self::V) -> Self::V;
    /// i32 lanes, arithmetic: `v >> n` lane by lane, 0 ≤ n ≤ 31 (vpsravd; sshl by −n).
    fn shift_right_i32(self, v: Self::V, n: Self::V) -> Self::V;
    /// i32 lanes: `(v + 2^(n−1)) >> n` without overflow, 0 ≤ n ≤ 31; n = 0 leaves `v` (srshl by
    /// −n; x86: vpsravd and vpsrlvd).
    fn rounding_shift_right_i32(self, v: Self::V, n: Self::V) -> Self::V;
    /// i32 lanes: all ones where `a > b`, else 0 (vpcmpgtd; cmgt).
    fn gt_i32(self, a: Self::V, b: Self::V) -> Self::V;
    /// i32 lanes, wrapping: i32::MIN stays (vpabsd; abs).
    fn abs_i32(self, v: Self::V) -> Self::V;
    /// The lower and the upper half of the i16 lanes, widened to i32 (vpmovsxwd).
    fn i16_to_i32(self, v: Self::V) -> [Self::V; 2];
    /// i16 pairs: `a[2i]·b[2i] + a[2i+1]·b[2i+1]` in i32 (vpmaddwd).
    fn madd_i16(self, a: Self::V, b: Self::V) -> Self::V;
    /// u8·s8 pairs summed saturating to i16 (vpmaddubsw).
    fn maddubs(self, a: Self::V, b: Self::V) -> Self::V;
    /// `acc + Σ` of 4 u8·s8 products per i32 lane, summed as [`DOT4`](Self::DOT4) says.
    fn dot4(self, acc: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// `acc + Σ` of [`DOT_K`](Self::DOT_K) products of [`Activation`](Self::Activation) and
    /// [`Weight`](Self::Weight) per i32 lane, summed as [`DOT4`](Self::DOT4) says. `a` holds the
    /// same group of codes in every lane, as [`broadcast_4`](Self::broadcast_4) gives it; `b`
    /// holds weights as [`DOT_GROUPING`](Self::DOT_GROUPING) says (vpmaddubsw and vpmaddwd,
    /// vpmaddwd, vpdpbusd; smlal and smlal2 by element, sdot, usdot).
    fn dot(self, acc: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// As [`dot`](Self::dot), with the group of codes in lane `G` of `a`, 0 ≤ `G` < 4 (ARM: the
    /// forms by element). See [`DOT_ELEMENT`](Self::DOT_ELEMENT).
    #[inline(always)]
    fn dot_element<const G: usize>(self, acc: Self::V, a: Self::V, b: Self::V) -> Self::V {
        self.dot(acc, self.splat_i32(self.to_i32_array(a)[G]), b)
    }
    /// In each block of four i32 lanes: `acc`, a matrix of 2×2 row by row, plus the product of
    /// two rows of 8 u8 codes with two columns of 8 s8 weights (usmmla). Where
    /// [`MMLA`](Self::MMLA) is false it is made of [`dot4`](Self::dot4), and sums as that does.
    #[inline(always)]
    fn mmla(self, acc: Self::V, a: Self::V, b: Self::V) -> Self::V {
        let (a, b) = (self.to_i32_array(a), self.to_i32_array(b));
        let pick = |from: [i32; 16], lanes: [usize; 4]| {
            let picked: [i32; 16] = std::array::from_fn(|i| from[i / 4 * 4 + lanes[i % 4]]);
            // SAFETY: 16 i32 are as much as the widest vector.
            unsafe { self.load_bytes(picked.as_ptr().cast()) }
        };
        let acc = self.dot4(acc, pick(a, [0, 0, 2, 2]), pick(b, [0, 2, 0, 2]));
        self.dot4(acc, pick(a, [1, 1, 3, 3]), pick(b, [1, 3, 1, 3]))
    }
    /// Sets up the tile registers of this thread for [`tile_product`](Self::tile_product).
    #[inline(always)]
    fn ready_tiles(self) {}
    /// Gives the tile registers of this thread back.
    #[inline(always)]
    fn release_tiles(self) {}
    /// Sums of products of one or two tiles of rows with two tiles of columns, exact and
    /// wrapping (tdpbusd).
    ///
    /// # Safety
    /// [`ready_tiles`](Self::ready_tiles) must have been called on this thread. For each step,
    /// `a` must be readable for 16 rows of 64 codes `a_row` apart (32 rows where `two`), `b` for 16 groups of
    /// 32 columns; `c` must be valid for 16 (32) rows of 32 sums.
    #[inline(always)]
    unsafe fn tile_product(self, product: tiles::TileProduct) {
        // SAFETY: the caller's contract.
        unsafe { tiles::modelled(product) }
    }
    /// The bytes of four vectors in groups of four, one of each: lane `4b + i` of result `j` holds
    /// byte `16b + 4j + i` of each, in that order. With rows that are kernel positions this feeds
    /// [`dot4`](Self::dot4) with one channel a lane (vpunpcklbw, vpunpckhbw and the same of
    /// words; zip1 and zip2).
    fn interleave_4(self, rows: [Self::V; 4]) -> [Self::V; 4];
    /// Writes `4·LANES` i32 in the order that [`interleave_4`](Self::interleave_4) took bytes:
    /// lane `4b + i` of vector `j` to place `16b + 4j + i`.
    ///
    /// # Safety
    /// `ptr` must be writable for `4·LANES` i32.
    unsafe fn store_deinterleaved(self, ptr: *mut i32, v: [Self::V; 4]);
    /// In each block of four i32 lanes: the lower halves of `a` and `b`, and their upper halves
    /// (vpunpcklqdq and vpunpckhqdq; zip1 and zip2 on i64).
    fn zip_halves(self, a: Self::V, b: Self::V) -> [Self::V; 2];
    /// The lower `2·LANES` bytes, unsigned, widened to i16 (vpmovzxbw; uxtl).
    fn u8_to_i16(self, v: Self::V) -> Self::V;
    /// Each i32 lane clamped to the range of i16 (what packssdw does to a value).
    fn saturate_to_i16(self, v: Self::V) -> Self::V;
    /// Four vectors of i32 lanes narrowed to bytes in memory order: to i16 saturating, plus
    /// `zero_point` saturating in i16, to u8 saturating (packssdw, paddsw, packuswb).
    fn narrow_to_u8(self, v: [Self::V; 4], zero_point: i16) -> Self::V;
    /// As [`narrow_to_u8`](Self::narrow_to_u8), to s8 saturating (packsswb).
    fn narrow_to_i8(self, v: [Self::V; 4], zero_point: i16) -> Self::V;
    /// Four vectors in the order of [`interleave_4`](Self::interleave_4), back in the order in
    /// which it took bytes: what [`store_deinterleaved`](Self::store_deinterleaved) writes.
    #[inline(always)]
    fn deinterleaved(self, v: [Self::V; 4]) -> [Self::V; 4] {
        let mut lanes = [0i32; 64];
        // SAFETY: four of the widest vectors have 64 lanes.
        unsafe {
            self.store_deinterleaved(lanes.as_mut_ptr(), v);
            each!(v[0], |at| self
                .load_bytes(lanes.as_ptr().add(at * Self::LANES).cast()))
        }
    }
    /// As [`narrow_to_u8`](Self::narrow_to_u8), of lanes in the order of
    /// [`interleave_4`](Self::interleave_4), which packssdw and packuswb undo.
    #[inline(always)]
    fn narrow_interleaved_to_u8(self, v: [Self::V; 4], zero_point: i16) -> Self::V {
        self.narrow_to_u8(self.deinterleaved(v), zero_point)
    }
    /// As [`narrow_interleaved_to_u8`](Self::narrow_interleaved_to_u8), to s8 saturating.
    #[inline(always)]
    fn narrow_interleaved_to_i8(self, v: [Self::V; 4], zero_point: i16) -> Self::V {
        self.narrow_to_i8(self.deinterleaved(v), zero_point)
    }
    /// The lanes as an array in memory order; lanes past `LANES` are 0.
    fn to_i32_array(self, v: Self::V) -> [i32; 16];

    // ---- floats ----

    /// `x` in every lane.
    fn splat_f32(self, x: f32) -> Self::F;
    /// Sum (addps).
    fn add_f32(self, a: Self::F, b: Self::F) -> Self::F;
    /// Difference (subps).
    fn sub_f32(self, a: Self::F, b: Self::F) -> Self::F;
    /// Product (mulps).
    fn mul_f32(self, a: Self::F, b: Self::F) -> Self::F;
    /// Quotient (divps).
    fn div_f32(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a·b + c` with one rounding (vfmadd).
    fn fma_f32(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// x86 minps: `a < b ? a : b`, so a NaN in either gives `b`.
    fn min_f32(self, a: Self::F, b: Self::F) -> Self::F;
    /// x86 maxps: `a > b ? a : b`, so a NaN in either gives `b`.
    fn max_f32(self, a: Self::F, b: Self::F) -> Self::F;
    /// To an integral value, nearest-even, kept in f32 (roundps).
    fn round_even_f32(self, v: Self::F) -> Self::F;
    /// Bits (vandps).
    fn and_f32(self, a: Self::F, b: Self::F) -> Self::F;
    /// Bits (vorps).
    fn or_f32(self, a: Self::F, b: Self::F) -> Self::F;
    /// All ones where the lane is NaN, else 0 (cmpps unordered).
    fn nan_mask(self, v: Self::F) -> Self::V;
    /// The bits of the lanes; no instruction.
    fn bits_of_f32(self, v: Self::F) -> Self::V;
    /// The lanes with these bits; no instruction.
    fn f32_of_bits(self, v: Self::V) -> Self::F;
    /// i32 lanes to f32, nearest-even (cvtdq2ps; scvtf).
    fn i32_to_f32(self, v: Self::V) -> Self::F;
    /// f32 to i32, nearest-even; NaN and out of range as [`CONVERSION`](Self::CONVERSION) says
    /// (cvtps2dq; fcvtns).
    fn f32_to_i32_even(self, v: Self::F) -> Self::V;
    /// f32 to i32, toward zero; NaN and out of range as [`CONVERSION`](Self::CONVERSION) says
    /// (cvttps2dq; fcvtzs).
    fn f32_to_i32_trunc(self, v: Self::F) -> Self::V;
    /// The lanes as an array in memory order; lanes past `LANES` are 0.
    fn to_f32_array(self, v: Self::F) -> [f32; 16];

    // ---- built from the above ----

    /// Writes `len` activation codes in the form that [`dot`](Self::dot) takes.
    ///
    /// # Safety
    /// `src` must be readable for `len` bytes and `dst` writable for `len` elements; they do
    /// not overlap.
    #[inline(always)]
    unsafe fn widen_activations(self, src: *const u8, dst: *mut Self::Activation, len: usize) {
        let mut at = 0;
        if size_of::<Self::Activation>() == 1 {
            let shift = self.splat_u8(Self::DOT_SHIFT as u8);
            while at + 4 * Self::LANES <= len {
                // SAFETY: at + 4·LANES ≤ len, for which both pointers are good; an element is
                // one byte.
                unsafe {
                    let codes = self.load_bytes(src.add(at));
                    self.store_bytes(dst.add(at).cast::<u8>(), self.xor(codes, shift));
                }
                at += 4 * Self::LANES;
            }
        } else {
            while at + 2 * Self::LANES <= len {
                // SAFETY: at + 2·LANES ≤ len, for which both pointers are good; a vector holds
                // 2·LANES elements of two bytes.
                unsafe {
                    let wide = self.load_u8_as_i16(src.add(at));
                    self.store_bytes(dst.add(at).cast::<u8>(), wide);
                }
                at += 2 * Self::LANES;
            }
        }
        while at < len {
            // SAFETY: at < len.
            unsafe { *dst.add(at) = Self::Activation::from(*src.add(at)) };
            at += 1;
        }
    }
}
