//! The micro-kernel: a batch-reduce GEMM. A batch of products, one for each
//! kernel position, is summed into the same tile of registers, reading the
//! activations where they lie: nothing is copied or gathered.
//!
//! A tile is `MR` outputs (rows) by `NV` vectors of output channels. For each
//! group of 4 input channels, 4 bytes of each row meet `NV` vectors of weights.
//!
//! Source of the idea: oneDNN `src/cpu/x64/brgemm` and
//! `jit_uni_x8s8s32x_conv_kernel.cpp`.

use super::outputs::Written;
use super::steps::{ByDepth, Bytes, Step, Widened};
use super::weights::{Block, Form, block_vectors};
use super::window::Stretch;
use crate::isa::{Dot4, Grouping, InstructionSet, Isa, WithIsa, each};

/// One batch of products: rows of activations, taps, and a block of weights.
#[derive(Debug, Clone, Copy)]
pub struct Product<'a> {
    /// the activation codes' bytes
    pub codes: &'a [u8],
    /// at least `k` codes that stand for positions outside the image
    pub padding: &'a [u8],
    /// whether codes are s8, shifted by +128 for the multiplication
    pub signed: bool,
    /// bytes between pixels
    pub pixel_stride: usize,
    /// where rows start
    pub rows: Starts<'a>,
    /// the channel at which this group of channels starts
    pub channel: usize,
    /// input channels of one tap
    pub k: usize,
    /// the batch
    pub taps: &'a [Stretch],
    /// the weights
    pub block: Block<'a>,
    /// the weights' layout
    pub form: Form,
    /// what writes the rows' outputs at once, where something does
    pub written: Option<Written<'a>>,
}

/// Where the rows of a product start, seen from a tap's first code.
#[derive(Debug, Clone, Copy)]
pub enum Starts<'a> {
    /// as many bytes apart
    Apart(usize),
    /// there
    At(&'a [usize]),
}

impl Starts<'_> {
    /// Those of `MR` rows from `first` on.
    #[inline(always)]
    fn of<const MR: usize>(self, first: usize) -> [usize; MR] {
        match self {
            Self::Apart(stride) => each!(0, |r| (first + r) * stride),
            Self::At(starts) => {
                let starts = &starts[first..][..MR];
                each!(0, |r| starts[r])
            }
        }
    }
}

/// The most values of a tile, on any instruction set.
pub const MAX_TILE: usize = 6 * 4 * 16;

/// Four lanes and registers for 16 sums (ARM).
const fn many_narrow_registers<I: Isa>() -> bool {
    I::LANES == 4 && <I::Set as InstructionSet>::REGISTERS >= 32
}

/// Rows of the largest tile: as many as leave registers for the operands (a widened group
/// takes twice the vectors of weights), and no more than the compiler unrolls, because sums
/// in a loop would stay in memory.
pub fn max_rows<I: Isa>(form: Form) -> usize {
    match (I::LANES, form) {
        _ if many_narrow_registers::<I>() => 8,
        (8 | 16, Form::Bytes) => 6,
        _ => 4,
    }
}

/// Sums of products of `rows` rows from `first_row` on with the block's columns, into
/// `sums[row · block.vectors · LANES + column]`, or written where the product says so. Sums are of raw codes (s8 codes shifted by
/// +128; all codes by −128 where the instruction multiplies s8 alone), in i32 that wraps; bytes
/// are summed as the instruction set's dot product does.
///
/// # Panics
/// When a row or the padding lies outside its buffer, or `sums` is too short.
pub fn multiply<I: Isa>(
    isa: I,
    product: &Product<'_>,
    first_row: usize,
    rows: usize,
    sums: &mut [i32],
) {
    let max = max_rows::<I>(product.form);
    let width = product.block.vectors * I::LANES;
    let mut done = 0;
    while done < rows {
        let left = (rows - done).min(max);
        let (first, sums) = (first_row + done, &mut sums[done * width..]);
        done += if const { many_narrow_registers::<I>() } && left >= 8 {
            columns::<I, 8>(isa, product, first, sums)
        } else if const { I::LANES > 4 } && left >= 6 {
            columns::<I, 6>(isa, product, first, sums)
        } else if left >= 4 {
            columns::<I, 4>(isa, product, first, sums)
        } else if left >= 2 {
            columns::<I, 2>(isa, product, first, sums)
        } else {
            columns::<I, 1>(isa, product, first, sums)
        };
    }
}

fn columns<I: Isa, const MR: usize>(
    isa: I,
    product: &Product<'_>,
    first_row: usize,
    sums: &mut [i32],
) -> usize {
    let vectors = product.block.vectors;
    let most = block_vectors(I::LANES);
    assert!(vectors <= most, "a block fits the registers");
    // s8 codes where the instruction wants u8, or u8 codes where it wants s8.
    let flip = product.signed != (I::DOT_SHIFT != 0);
    match (vectors, flip) {
        (1, false) => form::<I, MR, 1, false>(isa, product, first_row, sums),
        (1, true) => form::<I, MR, 1, true>(isa, product, first_row, sums),
        (2, false) => form::<I, MR, 2, false>(isa, product, first_row, sums),
        (2, true) => form::<I, MR, 2, true>(isa, product, first_row, sums),
        (_, flip) if const { block_vectors(I::LANES) == 4 } => {
            if flip {
                form::<I, MR, 4, true>(isa, product, first_row, sums);
            } else {
                form::<I, MR, 4, false>(isa, product, first_row, sums);
            }
        }
        _ => unreachable!("blocks take 1, 2 or 4 vectors, at most {most}"),
    }
    MR
}

fn form<I: Isa, const MR: usize, const NV: usize, const FLIP: bool>(
    isa: I,
    product: &Product<'_>,
    first_row: usize,
    sums: &mut [i32],
) {
    // Forms that no product of this instruction set has are not compiled.
    match product.form {
        Form::Bytes if const { I::DOT_K == 4 } => {
            isa.vectorize(Tile::<'_, Bytes, MR, NV, FLIP> {
                product,
                first_row,
                sums,
                step: Bytes,
            });
        }
        Form::ByDepth if const { depth_first::<I>() } => {
            isa.vectorize(Tile::<'_, ByDepth, MR, NV, FLIP> {
                product,
                first_row,
                sums,
                step: ByDepth,
            });
        }
        Form::Widened if const { MR <= 4 && !dot4_is_exact::<I>() && !depth_first::<I>() } => {
            isa.vectorize(Tile::<'_, Widened, MR, NV, FLIP> {
                product,
                first_row,
                sums,
                step: Widened,
            });
        }
        form => unreachable!("no tile of form {form:?}"),
    }
}

/// Whether the instruction that takes bytes sums exactly.
const fn dot4_is_exact<I: Isa>() -> bool {
    I::DOT_K == 4 && matches!(I::DOT4, Dot4::Exact)
}

/// Whether widened codes are multiplied by element, depth after depth.
const fn depth_first<I: Isa>() -> bool {
    I::DOT_K == 2 && matches!(I::DOT_GROUPING, Grouping::ByDepth)
}

/// The form in which products are exact.
pub fn exact_form<I: Isa>() -> Form {
    if dot4_is_exact::<I>() {
        Form::Bytes
    } else if depth_first::<I>() {
        Form::ByDepth
    } else {
        Form::Widened
    }
}

/// One tile: `MR` rows by `NV` vectors of columns.
struct Tile<'a, S, const MR: usize, const NV: usize, const FLIP: bool> {
    product: &'a Product<'a>,
    first_row: usize,
    sums: &'a mut [i32],
    step: S,
}

impl<I, S, const MR: usize, const NV: usize, const FLIP: bool> WithIsa<I>
    for Tile<'_, S, MR, NV, FLIP>
where
    I: Isa,
    S: Step<I, NV>,
{
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let shift = isa.splat_u8(0x80);
        let flipped = |codes: I::V| if FLIP { isa.xor(codes, shift) } else { codes };
        let Product { block, .. } = *self.product;
        let group = NV * 4 * I::LANES;
        let starts = self.product.rows.of::<MR>(self.first_row);
        let mut sums = [[isa.splat_i32(0); NV]; MR];
        for tap in self.product.taps {
            let rows = self.rows(tap, &starts);
            let k = tap.count * self.product.k;
            let panel =
                &block.panel[tap.index * block.tap_stride..][..tap.count * block.tap_stride];
            assert_eq!(panel.len(), k.div_ceil(4) * group, "a tap holds its groups");
            let mut at = 0;
            let mut weights = panel.as_ptr();
            let mut groups = k / 4;
            if const { I::DOT_ELEMENT } {
                while groups >= S::CHUNK {
                    // SAFETY: as below, for CHUNK groups.
                    unsafe {
                        self.step
                            .add_chunk::<MR, FLIP>(isa, &mut sums, &rows, at, weights);
                        weights = weights.add(group * S::CHUNK);
                    }
                    at += 4 * S::CHUNK;
                    groups -= S::CHUNK;
                }
            }
            for _ in 0..groups {
                // SAFETY: `rows` checked that each row holds k bytes, and the assertion that
                // the tap holds ⌈k/4⌉ groups; this is group number < k/4 of both.
                unsafe {
                    let w = self.step.load(isa, weights);
                    for (row, sums) in rows.iter().zip(&mut sums) {
                        let codes = isa.broadcast_4(row.add(at));
                        self.step.add(isa, sums, flipped(codes), &w);
                    }
                    weights = weights.add(group);
                }
                at += 4;
            }
            if !k.is_multiple_of(4) {
                // SAFETY: as above; the last group is there and rows hold k codes.
                unsafe {
                    let w = self.step.load(isa, weights);
                    for (&row, sums) in rows.iter().zip(&mut sums) {
                        let codes = isa.splat_i32(last_codes(row, k));
                        self.step.add(isa, sums, flipped(codes), &w);
                    }
                }
            }
        }
        if const { NV == 4 && I::LANES == 16 }
            && let Some(written) = &self.product.written
        {
            // SAFETY: whoever made `written` sees to it that nothing else writes there.
            unsafe { written.write(isa, sums, self.first_row) };
            return;
        }
        let width = NV * I::LANES;
        for (row, sums) in self.sums[..MR * width].chunks_exact_mut(width).zip(sums) {
            for (to, sum) in row.chunks_exact_mut(I::LANES).zip(sums) {
                // SAFETY: `to` is LANES i32, a whole vector.
                unsafe { isa.store_bytes(to.as_mut_ptr().cast(), sum) };
            }
        }
    }
}

impl<S, const MR: usize, const NV: usize, const FLIP: bool> Tile<'_, S, MR, NV, FLIP> {
    /// The rows of some taps, checked: each is readable for `count · k` bytes.
    #[inline(always)]
    fn rows(&self, tap: &Stretch, starts: &[usize; MR]) -> [*const u8; MR] {
        let product = self.product;
        let (buffer, first, starts) = match tap.pixel {
            Some(pixel) => (
                product.codes,
                pixel * product.pixel_stride + product.channel,
                starts,
            ),
            None => (product.padding, 0, &[0; MR]),
        };
        let last = starts.iter().fold(0, |last, &start| last.max(start));
        assert!(
            first + last + tap.count * product.k <= buffer.len(),
            "rows lie inside their buffer"
        );
        each!(buffer.as_ptr(), |r| {
            // SAFETY: the assertion: row r starts inside the buffer.
            unsafe { buffer.as_ptr().add(first + starts[r]) }
        })
    }
}

/// The last `k` mod 4 codes of a row of `k`, then zeros (whose weights are zero too).
///
/// # Safety
/// `row` must be readable for `k` bytes; `k` is not a multiple of 4.
#[inline(always)]
unsafe fn last_codes(row: *const u8, k: usize) -> i32 {
    // SAFETY: the caller's contract; only bytes below k are read.
    unsafe {
        if k > 4 {
            // The last four bytes, less those that were multiplied before.
            let last = u32::from_le_bytes(row.add(k - 4).cast::<[u8; 4]>().read());
            return (last >> (8 * (4 - k % 4))) as i32;
        }
        let mut bytes = i32::from(*row);
        if k > 1 {
            bytes |= i32::from(*row.add(1)) << 8;
        }
        if k > 2 {
            bytes |= i32::from(*row.add(2)) << 16;
        }
        bytes
    }
}
