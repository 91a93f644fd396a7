//! The i32 micro-kernels: a tile of MR rows by NR columns of sums in vector
//! registers, for each way in which u8·s8 products are summed.
//!
//! Packed operands are made of 4-byte groups: 4 codes of adjacent k as bytes, or
//! 2 as i16 for the widened path, so that one broadcast of a group of A meets a
//! vector of groups of B. The shapes of tiles and blocks are those of FBGEMM
//! (`include/fbgemm/PackingTraits-inl.h`) where its instructions are the same.

mod rows;
mod tile;

use crate::fbgemm::aligned::LINE;
use crate::fbgemm::output::Outputs;
use crate::fbgemm::proof::Proof;
use crate::isa::{Dot4, Grouping, InstructionSet, Isa};

pub use tile::store;
use tile::{heights, in_place, written};

/// Rows and columns of a tile, and how the loops around it are blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocking {
    /// rows of a tile
    pub mr: usize,
    /// columns of a tile
    pub nr: usize,
    /// rows of a block of packed A; a multiple of `mr`
    pub mcb: usize,
    /// columns of a block of packed B and of sums; a multiple of `nr` and of 4 vectors
    pub ncb: usize,
    /// codes of k that a tile sums before it goes back to memory; a multiple of a segment
    pub kcb: usize,
}

/// What a tile reads and writes.
pub struct TileArgs {
    /// a panel of A: segments of [`LINE`] bytes of `mr` rows, see [`pack_a`](super::pack_a)
    pub a: Panel,
    /// a panel of packed B: `groups` times `nr` groups, see [`pack_b`](super::pack_b)
    pub b: *const u8,
    /// groups of k to sum
    pub groups: usize,
    /// what is proved of the panel of B, for kernels that ask for it
    pub proof: Proof,
    /// the tile's first sum
    pub c: *mut i32,
    /// sums between rows of `c`
    pub ldc: usize,
    /// the columns that are asked for, 1 to `nr`; the others' sums may be anything
    pub columns: usize,
    /// whether the sums are added to those in `c`
    pub accumulate: bool,
}

/// Where a panel of rows lies: packed, or lent by the input where the kernel can read it there.
#[derive(Debug, Clone, Copy)]
pub struct Panel {
    /// the first row's first segment
    pub start: *const u8,
    /// bytes between two rows: [`LINE`] where packed
    pub row: usize,
    /// bytes between two segments of a row: `mr` lines where packed
    pub segment: usize,
    /// bytes to the next panel
    pub panel: usize,
    /// where rows lie instead, for kernels that read windows of an image in place
    pub windows: Option<WindowPanel>,
}

/// Rows that are windows of an image: segment `s` of row `r` starts `rows[r] + segments[s]` bytes
/// into it.
#[derive(Debug, Clone, Copy)]
pub struct WindowPanel {
    /// the image
    pub image: *const u8,
    /// where each of `mr` rows starts
    pub rows: *const usize,
    /// where each segment starts within a row
    pub segments: *const usize,
    /// groups of a segment
    pub segment_groups: usize,
}

impl WindowPanel {
    /// The rows from `rows` further down on.
    pub fn below(self, rows: usize) -> Self {
        Self {
            rows: self.rows.wrapping_add(rows),
            ..self
        }
    }
}

/// A way of summing u8·s8 products: its packed layout and its micro-kernel.
pub trait Sums<I: Isa>: Send + 'static {
    /// How it sums, for [`Chosen`](crate::backend::Chosen).
    const NAME: &'static str;
    /// Codes of adjacent k in one group (the row interleave of B).
    const INTERLEAVE: usize;
    /// Bytes of a packed code.
    const CODE_BYTES: usize;
    /// Groups in a segment of packed A.
    const SEGMENT_GROUPS: usize = LINE / (Self::INTERLEAVE * Self::CODE_BYTES);
    /// What is taken from each code before it is multiplied.
    const CODE_SHIFT: i32;
    /// The order of the weights in a vector.
    const GROUPING: Grouping;
    /// Codes in a segment of packed A.
    const SEGMENT_CODES: usize = LINE / Self::CODE_BYTES;

    /// Rows that a tile reads at once where it reads them in place: inputs whose rows are whole
    /// segments need not be packed for it. 0: it reads packed rows alone.
    const ROWS_IN_PLACE: usize = 0;
    /// Whether a tile can read windows of an image, see [`Panel::windows`].
    const READS_WINDOWS: bool = false;
    /// Groups that a tile takes at once: groups of B are padded with zeros to a multiple.
    const GROUPS_AT_ONCE: usize = 1;

    /// Whether tiles ask for a [`Proof`] of their weights.
    const PROVES: bool = false;
    /// Whether whole tiles can write their outputs themselves, see
    /// [`write_tiles`](Self::write_tiles).
    const WRITES: bool = false;

    /// The shape of the tile and of the blocks.
    fn blocking() -> Blocking;
    /// Readies this thread's registers for [`tile`](Self::tile).
    fn ready(_isa: I) {}
    /// Gives back what [`ready`](Self::ready) took.
    fn release(_isa: I) {}
    /// Sums `rows` (1 to `mr`) rows of a tile. May compute more rows than asked, up to `mr`.
    ///
    /// # Safety
    /// `args.a` must be readable for all segments of `args.groups` groups of `mr` rows, packed or
    /// as windows where [`READS_WINDOWS`](Self::READS_WINDOWS) is true
    /// (or of `rows`, where they are a multiple of [`ROWS_IN_PLACE`](Self::ROWS_IN_PLACE)); `args.b`
    /// for `args.groups · nr` groups (a multiple of [`GROUPS_AT_ONCE`](Self::GROUPS_AT_ONCE)), and `args.c` valid for `mr` rows of `nr` sums `ldc` apart.
    /// [`ready`](Self::ready) was called on this thread.
    unsafe fn tile(isa: I, rows: usize, args: TileArgs);
    /// Computes `tiles` whole tiles of `mr` rows below each other over all of k and writes their
    /// outputs; `args.c` is not used.
    ///
    /// # Safety
    /// As for [`tile`](Self::tile) of each, but for `args.c`; `outputs` is of as many rows and
    /// columns as they have, and all of it may be written. [`WRITES`](Self::WRITES) is true.
    unsafe fn write_tiles(_isa: I, _args: TileArgs, _tiles: usize, _outputs: Outputs) {
        unreachable!("WRITES says whether tiles write their outputs");
    }
}

/// Sums in i32 accumulators (acc32), by the instruction set's [`dot`](Isa::dot).
pub struct Acc32;

/// vpdpbusd needs no register beside sums, one vector of A and those of B; the others do.
const fn one_instruction<I: Isa>() -> bool {
    matches!(I::DOT4, Dot4::Exact) && I::DOT_K == 4
}

/// Four lanes and registers for 16 sums beside 8 rows of codes and the columns (ARM).
const fn many_narrow_registers<I: Isa>() -> bool {
    I::LANES == 4 && <I::Set as InstructionSet>::REGISTERS >= 32
}

impl<I: Isa> Sums<I> for Acc32 {
    const NAME: &'static str = match (I::DOT4, I::DOT_K) {
        (Dot4::SaturatingPairs, _) => "u8s8-i16pairs-i32",
        (Dot4::Exact, 2) => "u8s8-widened-i32",
        (Dot4::Exact, _) => "u8s8-dot4-i32",
    };
    const INTERLEAVE: usize = I::DOT_K;
    const CODE_BYTES: usize = size_of::<I::Activation>();
    const CODE_SHIFT: i32 = I::DOT_SHIFT;
    const GROUPING: Grouping = I::DOT_GROUPING;
    const WRITES: bool = I::LANES >= 16 && one_instruction::<I>();
    // Codes are multiplied as they are.
    const READS_WINDOWS: bool = I::LANES >= 16 && one_instruction::<I>();

    fn blocking() -> Blocking {
        // MCB×KCB of A stays in L2 with NCB×KCB of B; one panel of B stays in L1.
        let (mr, vectors, mcb, ncb) = if const { I::LANES >= 16 && one_instruction::<I>() } {
            // As many columns as the output pipeline takes at once.
            (6, 4, 96, 192)
        } else if const { I::LANES >= 16 } {
            (14, 2, 112, 128)
        } else if const { I::LANES >= 8 && matches!(I::DOT4, Dot4::SaturatingPairs) } {
            (12, 1, 120, 64)
        } else if const { I::LANES >= 8 } {
            (6, 2, 120, 64)
        } else if const { many_narrow_registers::<I>() } {
            (8, 2, 64, 64)
        } else {
            (4, 2, 64, 8 * I::LANES)
        };
        Blocking {
            mr,
            nr: vectors * I::LANES,
            mcb,
            ncb,
            // Where a tile takes as long as a panel of B takes from L2, sums need not go back to
            // memory before they are finished; a block of A and a panel of B fill 1 MiB.
            kcb: if const { I::LANES >= 16 && one_instruction::<I>() } {
                5120
            } else {
                512
            },
        }
    }

    #[inline]
    unsafe fn tile(isa: I, rows: usize, args: TileArgs) {
        // The branches are those of `blocking`; a constant condition keeps the compiler from
        // making the tiles of other vector widths.
        if const { I::LANES >= 16 && one_instruction::<I>() } {
            if let Some(windows) = args.a.windows {
                in_place::<I, 6, 3, 4>(isa, rows, args, windows);
            } else if args.columns <= I::LANES {
                heights::<I, 6, 3, 4, 1>(isa, rows, args);
            } else {
                heights::<I, 6, 3, 4, 4>(isa, rows, args);
            }
        } else if const { I::LANES >= 16 } {
            heights::<I, 14, 7, 2, 2>(isa, rows, args);
        } else if const { I::LANES >= 8 && matches!(I::DOT4, Dot4::SaturatingPairs) } {
            heights::<I, 12, 6, 1, 1>(isa, rows, args);
        } else if const { I::LANES >= 8 } {
            heights::<I, 6, 3, 2, 2>(isa, rows, args);
        } else if const { many_narrow_registers::<I>() } {
            heights::<I, 8, 4, 2, 2>(isa, rows, args);
        } else {
            heights::<I, 4, 3, 2, 2>(isa, rows, args);
        }
    }

    #[inline]
    unsafe fn write_tiles(isa: I, args: TileArgs, tiles: usize, outputs: Outputs) {
        // Compiled for those sets alone.
        if const { I::LANES >= 16 && one_instruction::<I>() } {
            written::<I, 6, 4>(isa, args, tiles, outputs);
        }
    }
}
