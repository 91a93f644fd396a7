//! The micro-kernels: a tile of `mr` output pixels by `nr` columns of sums in
//! vector registers, with the biases as first values. Rows of activations are
//! read where they lie, by address (GEMM) or by the indirection buffer; nothing
//! is packed or copied.
//!
//! Sources of the forms: QNNPACK `src/q8gemm/8x8-neon.c`, `4x8c2-xzp-neon.c`,
//! `4x4c2-sse2.c`, and `src/q8conv`.

use super::form::Form;
use super::indirection::PADDING;
use super::mmla;
use super::pack::Block;
use crate::isa::{Dot4, I16Products, Isa, WithIsa, each};

/// Vectors of columns in a tile.
pub const NV: usize = 2;
/// The most values of a tile, on any instruction set.
pub const MAX_TILE: usize = 8 * NV * 16;

/// Output pixels of the largest tile: as many as leave registers for the operands.
pub const fn mr<I: Isa>(form: Form) -> usize {
    match (I::LANES, form) {
        (16, _) => 8,
        (8, Form::Dot) => 6,
        (8, _) => 4,
        (_, Form::Mmla) => 8,
        _ if matches!(I::I16_PRODUCTS, I16Products::Single) => 8,
        _ => 4,
    }
}

/// Columns of a tile.
pub const fn nr<I: Isa>() -> usize {
    NV * I::LANES
}

/// Where the rows of a tile lie.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// row r at `start + r · stride`
    Strided {
        /// the first row's first code
        start: usize,
        /// codes between rows
        stride: usize,
    },
    /// row r of a tap at `entries[tap · tile + r] · stride + offset`, or in the zero buffer
    Indirect {
        /// entries of the tile
        entries: &'a [usize],
        /// entries between taps
        tile: usize,
        /// codes between pixels
        stride: usize,
        /// the first channel of the group
        offset: usize,
    },
}

/// One tile of a product.
#[derive(Debug)]
pub struct Tile<'a> {
    /// the activations' codes
    pub codes: &'a [u8],
    /// whether they are s8
    pub signed: bool,
    /// what stands for pixels outside the image: `k` times the zero point
    pub zero: &'a [u8],
    /// where rows lie
    pub rows: Rows<'a>,
    /// how many rows there are, from 1 to [`mr`]
    pub count: usize,
    /// kernel positions
    pub taps: usize,
    /// channels of a tap
    pub k: usize,
    /// the weights
    pub block: Block<'a>,
    /// whether any of the weights' zero points is to be taken off
    pub symmetric: bool,
    /// the sums: [`nr`] for each row
    pub sums: &'a mut [i32],
}

/// Computes the tile's sums, zero points corrected, biases added. Sums of rows past `count`
/// may be overwritten, up to [`mr`].
///
/// # Panics
/// When a row lies outside its buffer, or a buffer is too short: the loops lay them out.
pub fn multiply<I: Isa>(isa: I, form: Form, tile: Tile<'_>) {
    // Forms that this instruction set does not take are not compiled.
    match form {
        Form::Dot if const { dot::<I>() && !I::MMLA } => {
            if const { I::LANES == 8 } {
                zero_points::<I, Dot, 6, 3>(isa, tile);
            } else if const { mr::<I>(Form::Dot) == 8 } {
                zero_points::<I, Dot, 8, 4>(isa, tile);
            } else {
                zero_points::<I, Dot, 4, 2>(isa, tile);
            }
        }
        Form::Mmla if const { I::MMLA && I::LANES == 4 } => mmla::multiply(isa, tile),
        Form::Pairs if const { pairs::<I>() } => heights_by_lanes::<I, Pairs<false>>(isa, tile),
        Form::PairsXzp if const { pairs::<I>() } => heights_by_lanes::<I, Pairs<true>>(isa, tile),
        Form::Single if const { single::<I>() } => heights_by_lanes::<I, Single<false>>(isa, tile),
        Form::SingleXzp if const { single::<I>() } => {
            heights_by_lanes::<I, Single<true>>(isa, tile)
        }
        form => unreachable!("no tile of form {form:?} on this instruction set"),
    }
}

const fn dot<I: Isa>() -> bool {
    matches!((I::DOT4, I::DOT_K), (Dot4::Exact, 4))
}

const fn pairs<I: Isa>() -> bool {
    !dot::<I>() && matches!(I::I16_PRODUCTS, I16Products::Pairs)
}

const fn single<I: Isa>() -> bool {
    matches!(I::I16_PRODUCTS, I16Products::Single) && I::DOT_K == 2 && I::DOT_ELEMENT
}

fn heights_by_lanes<I: Isa, S: Step<I>>(isa: I, tile: Tile<'_>) {
    if const { mr::<I>(Form::Pairs) == 8 } {
        zero_points::<I, S, 8, 4>(isa, tile);
    } else {
        zero_points::<I, S, 4, 2>(isa, tile);
    }
}

fn zero_points<I: Isa, S: Step<I>, const MR: usize, const HALF: usize>(isa: I, tile: Tile<'_>) {
    // Codes change sides where they are s8 and multiplied as u8, or the other way round.
    let flip = tile.signed != (S::SHIFT != 0);
    match (S::XZP && !tile.symmetric, flip) {
        (false, false) => heights::<I, S, MR, HALF, false, false>(isa, tile),
        (false, true) => heights::<I, S, MR, HALF, false, true>(isa, tile),
        (true, false) => heights::<I, S, MR, HALF, true, false>(isa, tile),
        (true, true) => heights::<I, S, MR, HALF, true, true>(isa, tile),
    }
}

fn heights<
    I: Isa,
    S: Step<I>,
    const MR: usize,
    const HALF: usize,
    const ROW_SUMS: bool,
    const FLIP: bool,
>(
    isa: I,
    tile: Tile<'_>,
) {
    match tile.count {
        1 => isa.vectorize(Body::<S, 1, ROW_SUMS, FLIP>(tile, S::default())),
        count if count <= HALF => {
            isa.vectorize(Body::<S, HALF, ROW_SUMS, FLIP>(tile, S::default()));
        }
        _ => isa.vectorize(Body::<S, MR, ROW_SUMS, FLIP>(tile, S::default())),
    }
}

/// How one group of 4 channels is multiplied with two vectors of columns.
trait Step<I: Isa>: Copy + Default {
    /// whether zero points are left to row sums
    const XZP: bool;
    /// what is taken from a code as u8 before it is multiplied: 0 or 128
    const SHIFT: i32 = 0;
    /// 4 codes of a row in registers
    type Codes: Copy;
    /// a group's weights in registers
    type Weights: Copy;
    /// # Safety
    /// `ptr` must be readable for 4 bytes.
    unsafe fn codes<const FLIP: bool>(isa: I, ptr: *const u8) -> Self::Codes;
    /// The same from 4 bytes in a register.
    fn codes_of<const FLIP: bool>(isa: I, bytes: u32) -> Self::Codes;
    /// # Safety
    /// `group` must be readable for `NV · 4 · LANES` bytes.
    unsafe fn weights(isa: I, group: *const u8, zero_points: &[I::V; NV]) -> Self::Weights;
    /// Adds the products of one row.
    fn add(isa: I, sums: &mut [I::V; NV], codes: Self::Codes, weights: &Self::Weights);
    /// Adds the 4 codes to the row's sum, in every i32 lane.
    fn add_codes(isa: I, sum: I::V, codes: Self::Codes) -> I::V;
}

/// [`Form::Dot`]
#[derive(Clone, Copy, Default)]
struct Dot;

impl<I: Isa> Step<I> for Dot {
    const XZP: bool = true;
    const SHIFT: i32 = I::DOT_SHIFT;
    type Codes = I::V;
    type Weights = [I::V; NV];
    #[inline(always)]
    unsafe fn codes<const FLIP: bool>(isa: I, ptr: *const u8) -> I::V {
        // SAFETY: the caller's contract.
        flipped::<I, FLIP>(isa, unsafe { isa.broadcast_4(ptr) })
    }
    #[inline(always)]
    fn codes_of<const FLIP: bool>(isa: I, bytes: u32) -> I::V {
        flipped::<I, FLIP>(isa, isa.splat_i32(bytes as i32))
    }
    #[inline(always)]
    unsafe fn weights(isa: I, group: *const u8, _: &[I::V; NV]) -> [I::V; NV] {
        // SAFETY: the caller's contract.
        each!(isa.splat_i32(0), |v| unsafe {
            isa.load_bytes(group.add(v * 4 * I::LANES))
        })
    }
    #[inline(always)]
    fn add(isa: I, sums: &mut [I::V; NV], codes: I::V, weights: &[I::V; NV]) {
        for (sum, &weights) in sums.iter_mut().zip(weights) {
            *sum = isa.dot(*sum, codes, weights);
        }
    }
    #[inline(always)]
    fn add_codes(isa: I, sum: I::V, codes: I::V) -> I::V {
        isa.dot(sum, codes, isa.splat_u8(1))
    }
}

/// [`Form::Pairs`], and [`Form::PairsXzp`] if `XZP`.
#[derive(Clone, Copy, Default)]
struct Pairs<const XZP: bool>;

impl<I: Isa, const XZP: bool> Step<I> for Pairs<XZP> {
    const XZP: bool = XZP;
    /// codes 0 and 2, codes 1 and 3, as i16
    type Codes = [I::V; 2];
    type Weights = [[I::V; 2]; NV];
    #[inline(always)]
    unsafe fn codes<const FLIP: bool>(isa: I, ptr: *const u8) -> [I::V; 2] {
        // SAFETY: the caller's contract.
        part(
            isa,
            flipped::<I, FLIP>(isa, unsafe { isa.broadcast_4(ptr) }),
        )
    }
    #[inline(always)]
    fn codes_of<const FLIP: bool>(isa: I, bytes: u32) -> [I::V; 2] {
        part(isa, flipped::<I, FLIP>(isa, isa.splat_i32(bytes as i32)))
    }
    #[inline(always)]
    unsafe fn weights(isa: I, group: *const u8, zero_points: &[I::V; NV]) -> [[I::V; 2]; NV] {
        // Loops rather than closures, which stay calls and keep sums out of registers.
        let mut weights = [[isa.splat_i32(0); 2]; NV];
        for (v, halves) in weights.iter_mut().enumerate() {
            for (half, to) in halves.iter_mut().enumerate() {
                // SAFETY: the caller's contract; half a vector is 2 · LANES bytes.
                *to = unsafe {
                    let at = group.add((2 * v + half) * 2 * I::LANES);
                    if XZP {
                        isa.load_i8_as_i16(at.cast())
                    } else {
                        isa.sub_i16(isa.load_u8_as_i16(at), zero_points[v])
                    }
                };
            }
        }
        weights
    }
    #[inline(always)]
    fn add(isa: I, sums: &mut [I::V; NV], codes: [I::V; 2], weights: &[[I::V; 2]; NV]) {
        for (sum, weights) in sums.iter_mut().zip(weights) {
            *sum = isa.add_i32(*sum, isa.madd_i16(codes[0], weights[0]));
            *sum = isa.add_i32(*sum, isa.madd_i16(codes[1], weights[1]));
        }
    }
    #[inline(always)]
    fn add_codes(isa: I, sum: I::V, codes: [I::V; 2]) -> I::V {
        let pairs = isa.adds_i16(codes[0], codes[1]);
        isa.add_i32(sum, isa.madd_i16(pairs, isa.splat_i16(1)))
    }
}

/// 4 bytes in each lane to two vectors of i16: numbers 0 and 2, numbers 1 and 3.
#[inline(always)]
fn part<I: Isa>(isa: I, codes: I::V) -> [I::V; 2] {
    let even = isa.and(codes, isa.splat_i32(0x00ff_00ff));
    // Each pair of bytes times (0, 1) is its second byte.
    [even, isa.maddubs(codes, isa.splat_i16(0x0100))]
}

/// [`Form::Single`], and [`Form::SingleXzp`] if `XZP`.
#[derive(Clone, Copy, Default)]
struct Single<const XZP: bool>;

impl<I: Isa, const XZP: bool> Step<I> for Single<XZP> {
    const XZP: bool = XZP;
    /// the codes as i16, in the first lanes
    type Codes = I::V;
    /// numbers 0 and 1, numbers 2 and 3
    type Weights = [[I::V; NV]; 2];
    #[inline(always)]
    unsafe fn codes<const FLIP: bool>(isa: I, ptr: *const u8) -> I::V {
        // SAFETY: the caller's contract.
        let codes = flipped::<I, FLIP>(isa, unsafe { isa.broadcast_4(ptr) });
        isa.u8_to_i16(codes)
    }
    #[inline(always)]
    fn codes_of<const FLIP: bool>(isa: I, bytes: u32) -> I::V {
        isa.u8_to_i16(flipped::<I, FLIP>(isa, isa.splat_i32(bytes as i32)))
    }
    #[inline(always)]
    unsafe fn weights(isa: I, group: *const u8, zero_points: &[I::V; NV]) -> [[I::V; NV]; 2] {
        let mut weights = [[isa.splat_i32(0); NV]; 2];
        for (pair, vectors) in weights.iter_mut().enumerate() {
            for (v, to) in vectors.iter_mut().enumerate() {
                // SAFETY: the caller's contract; two numbers of a vector's columns are
                // 2 · LANES bytes.
                *to = unsafe {
                    let at = group.add((pair * NV + v) * 2 * I::LANES);
                    if XZP {
                        isa.load_i8_as_i16(at.cast())
                    } else {
                        isa.sub_i16(isa.load_u8_as_i16(at), zero_points[v])
                    }
                };
            }
        }
        weights
    }
    #[inline(always)]
    fn add(isa: I, sums: &mut [I::V; NV], codes: I::V, weights: &[[I::V; NV]; 2]) {
        for (v, sum) in sums.iter_mut().enumerate() {
            *sum = isa.dot_element::<0>(*sum, codes, weights[0][v]);
            *sum = isa.dot_element::<1>(*sum, codes, weights[1][v]);
        }
    }
    #[inline(always)]
    fn add_codes(isa: I, sum: I::V, codes: I::V) -> I::V {
        let ones = isa.splat_i16(1);
        let sum = isa.dot_element::<0>(sum, codes, ones);
        isa.dot_element::<1>(sum, codes, ones)
    }
}

/// Codes moved by 128 from s8 to u8 or back, or as they are.
#[inline(always)]
fn flipped<I: Isa, const FLIP: bool>(isa: I, codes: I::V) -> I::V {
    if FLIP {
        isa.xor(codes, isa.splat_u8(0x80))
    } else {
        codes
    }
}

/// A tile of up to `MR` rows; rows that it lacks repeat the last one.
struct Body<'a, S, const MR: usize, const ROW_SUMS: bool, const FLIP: bool>(Tile<'a>, S);

impl<I: Isa, S: Step<I>, const MR: usize, const ROW_SUMS: bool, const FLIP: bool> WithIsa<I>
    for Body<'_, S, MR, ROW_SUMS, FLIP>
{
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let tile = self.0;
        let (k, nr) = (tile.k, NV * I::LANES);
        let group = 4 * nr;
        let bytes = tile.block.bytes;
        assert!(
            bytes.len() == group * (1 + tile.taps * k.div_ceil(4))
                && tile.block.zero_points.len() >= nr,
            "a block holds its biases, groups and zero points"
        );
        let mut weights = bytes.as_ptr();
        // SAFETY: the assertion: the block starts with `nr` biases, and there are as many zero
        // points.
        let (bias, zero_points): ([I::V; NV], [I::V; NV]) = unsafe {
            let zero_points = tile.block.zero_points.as_ptr();
            (
                each!(isa.splat_i32(0), |v| isa
                    .load_bytes(weights.add(v * 4 * I::LANES))),
                each!(isa.splat_i32(0), |v| isa
                    .load_bytes(zero_points.add(v * I::LANES).cast())),
            )
        };
        let mut sums = [bias; MR];
        let mut row_sums = [isa.splat_i32(0); MR];
        // SAFETY: the block is at least one group.
        weights = unsafe { weights.add(group) };
        for tap in 0..tile.taps {
            let rows: [*const u8; MR] = tile.rows::<MR>(tap);
            let mut at = 0;
            while at + 4 <= k {
                // SAFETY: `rows` checked that each row holds k codes, the assertion that there
                // are ⌈k/4⌉ groups a tap.
                unsafe {
                    let w = S::weights(isa, weights, &zero_points);
                    for r in 0..MR {
                        let codes = S::codes::<FLIP>(isa, rows[r].add(at));
                        S::add(isa, &mut sums[r], codes, &w);
                        if ROW_SUMS {
                            row_sums[r] = S::add_codes(isa, row_sums[r], codes);
                        }
                    }
                    weights = weights.add(group);
                }
                at += 4;
            }
            if at < k {
                // SAFETY: as above; k − at codes are left.
                unsafe {
                    let w = S::weights(isa, weights, &zero_points);
                    for r in 0..MR {
                        let codes = last_codes::<FLIP>(rows[r].add(at), k - at);
                        let codes = S::codes_of::<FLIP>(isa, codes);
                        S::add(isa, &mut sums[r], codes, &w);
                        if ROW_SUMS {
                            row_sums[r] = S::add_codes(isa, row_sums[r], codes);
                        }
                    }
                    weights = weights.add(group);
                }
            }
        }
        let out = &mut tile.sums[..MR * nr];
        for (r, out) in out.chunks_exact_mut(nr).enumerate() {
            for (v, to) in out.chunks_exact_mut(I::LANES).enumerate() {
                let mut sum = sums[r][v];
                if ROW_SUMS {
                    sum = isa.sub_i32(sum, isa.mul_i32(zero_points[v], row_sums[r]));
                }
                // SAFETY: `to` is LANES i32, a whole vector.
                unsafe { isa.store_bytes(to.as_mut_ptr().cast(), sum) };
            }
        }
    }
}

impl Tile<'_> {
    /// The rows of one tap, checked: each is readable for `k` codes.
    #[inline(always)]
    pub fn rows<const MR: usize>(&self, tap: usize) -> [*const u8; MR] {
        if self.k == 0 {
            // Rows without codes have no place either.
            return [self.zero.as_ptr(); MR];
        }
        let mut rows = [self.zero.as_ptr(); MR];
        for (r, to) in rows.iter_mut().enumerate() {
            let r = r.min(self.count - 1);
            let (buffer, start) = match self.rows {
                Rows::Strided { start, stride } => (self.codes, start + r * stride),
                Rows::Indirect {
                    entries,
                    tile,
                    stride,
                    offset,
                } => match entries[tap * tile + r] {
                    PADDING => (self.zero, 0),
                    pixel => (self.codes, pixel * stride + offset),
                },
            };
            *to = buffer[start..][..self.k].as_ptr();
        }
        rows
    }
}

/// The last `count` codes of a row (fewer than 4), filled up with what is 0 once it is multiplied.
///
/// # Safety
/// `codes` must be readable for `count` bytes.
#[inline(always)]
unsafe fn last_codes<const FLIP: bool>(codes: *const u8, count: usize) -> u32 {
    let nothing = if FLIP { 0x80 } else { 0 };
    let mut bytes = [nothing; 4];
    for (at, to) in bytes.iter_mut().take(3).enumerate() {
        if at < count {
            // SAFETY: the caller's contract.
            *to = unsafe { *codes.add(at) };
        }
    }
    u32::from_le_bytes(bytes)
}
