//! The i32 micro-kernels: a tile of MR rows by NR columns of sums in vector
//! registers, for each way in which u8·s8 products are summed.
//!
//! Packed operands are made of 4-byte groups: 4 codes of adjacent k as bytes, or
//! 2 as i16 for the widened path, so that one broadcast of a group of A meets a
//! vector of groups of B. The shapes of tiles and blocks are those of FBGEMM
//! (`include/fbgemm/PackingTraits-inl.h`) where its instructions are the same.

use crate::fbgemm::aligned::LINE;
use crate::fbgemm::output::Outputs;
use crate::fbgemm::proof::Proof;
use crate::isa::{Dot4, Grouping, InstructionSet, Isa, WithIsa, each};

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
    /// Groups that a tile takes at once: groups of B are padded with zeros to a multiple.
    const GROUPS_AT_ONCE: usize = 1;

    /// Whether tiles ask for a [`Proof`] of their weights.
    const PROVES: bool = false;
    /// Whether whole tiles can write their outputs themselves, see
    /// [`write_tile`](Self::write_tile).
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
    /// `args.a` must be readable for all segments of `args.groups` groups of `mr` rows, packed
    /// (or of `rows`, where they are a multiple of [`ROWS_IN_PLACE`](Self::ROWS_IN_PLACE)); `args.b`
    /// for `args.groups · nr` groups (a multiple of [`GROUPS_AT_ONCE`](Self::GROUPS_AT_ONCE)), and `args.c` valid for `mr` rows of `nr` sums `ldc` apart.
    /// [`ready`](Self::ready) was called on this thread.
    unsafe fn tile(isa: I, rows: usize, args: TileArgs);
    /// Computes a whole tile of `mr` rows over all of k and writes its outputs; `args.c` is not
    /// used.
    ///
    /// # Safety
    /// As for [`tile`](Self::tile), but for `args.c`; `outputs` is of as many rows and columns as a
    /// tile has, and all of it may be written. [`WRITES`](Self::WRITES) is true.
    unsafe fn write_tile(_isa: I, _args: TileArgs, _outputs: Outputs) {
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
            // memory before they are finished.
            kcb: if const { I::LANES >= 16 && one_instruction::<I>() } {
                2048
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
            heights::<I, 6, 3, 4>(isa, rows, args);
        } else if const { I::LANES >= 16 } {
            heights::<I, 14, 7, 2>(isa, rows, args);
        } else if const { I::LANES >= 8 && matches!(I::DOT4, Dot4::SaturatingPairs) } {
            heights::<I, 12, 6, 1>(isa, rows, args);
        } else if const { I::LANES >= 8 } {
            heights::<I, 6, 3, 2>(isa, rows, args);
        } else if const { many_narrow_registers::<I>() } {
            heights::<I, 8, 4, 2>(isa, rows, args);
        } else {
            heights::<I, 4, 3, 2>(isa, rows, args);
        }
    }

    #[inline]
    unsafe fn write_tile(isa: I, args: TileArgs, outputs: Outputs) {
        // Compiled for those sets alone.
        if const { I::LANES >= 16 && one_instruction::<I>() } {
            isa.vectorize(Tile::<Outputs, 6, 6, 4> { args, end: outputs });
        }
    }
}

/// Runs the lowest of the tile's heights that holds `rows`.
#[inline(always)]
fn heights<I: Isa, const MR: usize, const HALF: usize, const NV: usize>(
    isa: I,
    rows: usize,
    args: TileArgs,
) {
    match rows {
        1 => isa.vectorize(Tile::<Store, MR, 1, NV> { args, end: Store }),
        2 => isa.vectorize(Tile::<Store, MR, 2, NV> { args, end: Store }),
        _ if rows <= HALF => isa.vectorize(Tile::<Store, MR, HALF, NV> { args, end: Store }),
        _ => isa.vectorize(Tile::<Store, MR, MR, NV> { args, end: Store }),
    }
}

/// What becomes of a tile's sums.
trait End<I: Isa, const ROWS: usize, const NV: usize> {
    /// Takes the sums from their registers.
    ///
    /// # Safety
    /// As [`Sums::tile`] or [`Sums::write_tile`] say of what is written.
    unsafe fn end(self, isa: I, acc: [[I::V; NV]; ROWS], args: &TileArgs);
}

/// They go to `c`.
struct Store;

impl<I: Isa, const ROWS: usize, const NV: usize> End<I, ROWS, NV> for Store {
    #[inline(always)]
    unsafe fn end(self, isa: I, acc: [[I::V; NV]; ROWS], args: &TileArgs) {
        // SAFETY: the caller's promise.
        unsafe { store(isa, &acc, args.c, args.ldc, args.accumulate) };
    }
}

impl<I: Isa, const ROWS: usize, const NV: usize> End<I, ROWS, NV> for Outputs {
    #[inline(always)]
    unsafe fn end(self, isa: I, acc: [[I::V; NV]; ROWS], _args: &TileArgs) {
        // SAFETY: the caller's promise.
        unsafe { self.write(isa, acc) };
    }
}

/// `ROWS` of the `MR` rows of a panel, times `NV` vectors of columns.
struct Tile<E, const MR: usize, const ROWS: usize, const NV: usize> {
    args: TileArgs,
    end: E,
}

impl<I: Isa, E: End<I, ROWS, NV>, const MR: usize, const ROWS: usize, const NV: usize> WithIsa<I>
    for Tile<E, MR, ROWS, NV>
{
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        const GROUP: usize = 4;
        const SEGMENT_GROUPS: usize = LINE / GROUP;
        let TileArgs {
            a: Panel { start: mut a, .. },
            mut b,
            groups,
            ..
        } = self.args;
        let mut acc = [[isa.splat_i32(0); NV]; ROWS];
        // One row alone would wait for each product before the next: every second group is summed
        // apart. Sums in i32 wrap, so that their order does not matter.
        let mut apart = acc;
        let mut left = groups;
        while left >= SEGMENT_GROUPS {
            // SAFETY: `Sums::tile` promises `groups` groups of `mr` rows and `nr` columns;
            // `left` counts those not yet read.
            unsafe {
                if const { I::DOT_ELEMENT } {
                    for _ in 0..SEGMENT_GROUPS / 4 {
                        multiply_four_groups::<I, ROWS, NV>(isa, a, b, &mut acc);
                        a = a.add(4 * GROUP);
                        b = b.add(4 * GROUP * NV * I::LANES);
                    }
                } else if const { ROWS == 1 } {
                    for _ in 0..SEGMENT_GROUPS / 2 {
                        multiply_group::<I, ROWS, NV>(isa, a, b, &mut acc);
                        let next = b.add(GROUP * NV * I::LANES);
                        multiply_group::<I, ROWS, NV>(isa, a.add(GROUP), next, &mut apart);
                        a = a.add(2 * GROUP);
                        b = next.add(GROUP * NV * I::LANES);
                    }
                } else {
                    for _ in 0..SEGMENT_GROUPS {
                        multiply_group::<I, ROWS, NV>(isa, a, b, &mut acc);
                        a = a.add(GROUP);
                        b = b.add(GROUP * NV * I::LANES);
                    }
                }
            }
            left -= SEGMENT_GROUPS;
            // To the next segment; after the last one this points nowhere and is not read.
            a = a.wrapping_add((MR - 1) * LINE);
        }
        for _ in 0..left {
            // SAFETY: as above.
            unsafe {
                multiply_group::<I, ROWS, NV>(isa, a, b, &mut acc);
                a = a.add(GROUP);
                b = b.add(GROUP * NV * I::LANES);
            }
        }
        if const { ROWS == 1 } {
            for (acc, apart) in acc.iter_mut().zip(&apart) {
                for (sum, &apart) in acc.iter_mut().zip(apart) {
                    *sum = isa.add_i32(*sum, apart);
                }
            }
        }
        // SAFETY: `Sums::tile` promises `mr` rows of `nr` sums, `ldc` apart; `Sums::write_tile`
        // as many outputs.
        unsafe { self.end.end(isa, acc, &self.args) };
    }
}

/// Writes a tile of sums to `c`, or adds it to what is there.
///
/// # Safety
/// `c` must be valid for `ROWS` rows of `NV` vectors, `ldc` sums apart.
#[inline(always)]
pub(super) unsafe fn store<I: Isa, const ROWS: usize, const NV: usize>(
    isa: I,
    acc: &[[I::V; NV]; ROWS],
    c: *mut i32,
    ldc: usize,
    accumulate: bool,
) {
    for (r, row) in acc.iter().enumerate() {
        for (v, &sum) in row.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe {
                let place: *mut u8 = c.add(r * ldc + v * I::LANES).cast();
                let sum = if accumulate {
                    isa.add_i32(sum, isa.load_bytes(place))
                } else {
                    sum
                };
                isa.store_bytes(place, sum);
            }
        }
    }
}

/// Adds the products of one group of k.
///
/// # Safety
/// `a` must be readable for a group in each of `ROWS` segments, `b` for `NV` vectors.
#[inline(always)]
unsafe fn multiply_group<I: Isa, const ROWS: usize, const NV: usize>(
    isa: I,
    a: *const u8,
    b: *const u8,
    acc: &mut [[I::V; NV]; ROWS],
) {
    // SAFETY: the caller's promise.
    let columns: [I::V; NV] = each!(isa.splat_i32(0), |v| unsafe {
        isa.load_bytes(b.add(v * 4 * I::LANES))
    });
    for (r, row) in acc.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        let group = unsafe { isa.broadcast_4(a.add(r * LINE)) };
        for (sum, column) in row.iter_mut().zip(columns) {
            *sum = isa.dot(*sum, group, column);
        }
    }
}

/// Adds the products of four groups of k, on vectors that hold four groups.
///
/// # Safety
/// `a` must be readable for a vector in each of `ROWS` segments, `b` for `4·NV` vectors.
#[inline(always)]
unsafe fn multiply_four_groups<I: Isa, const ROWS: usize, const NV: usize>(
    isa: I,
    a: *const u8,
    b: *const u8,
    acc: &mut [[I::V; NV]; ROWS],
) {
    // SAFETY: the caller's promise.
    let rows: [I::V; ROWS] = each!(isa.splat_i32(0), |r| unsafe {
        isa.load_bytes(a.add(r * LINE))
    });
    // SAFETY: the caller's promise.
    unsafe {
        multiply_element::<I, 0, ROWS, NV>(isa, &rows, b, acc);
        multiply_element::<I, 1, ROWS, NV>(isa, &rows, b, acc);
        multiply_element::<I, 2, ROWS, NV>(isa, &rows, b, acc);
        multiply_element::<I, 3, ROWS, NV>(isa, &rows, b, acc);
    }
}

/// Adds the products of group `G` of each row with group `G` of `b`.
///
/// # Safety
/// `b` must be readable for `(G + 1)·NV` vectors.
#[inline(always)]
unsafe fn multiply_element<I: Isa, const G: usize, const ROWS: usize, const NV: usize>(
    isa: I,
    rows: &[I::V; ROWS],
    b: *const u8,
    acc: &mut [[I::V; NV]; ROWS],
) {
    for v in 0..NV {
        // SAFETY: the caller's promise.
        let column = unsafe { isa.load_bytes(b.add((G * NV + v) * 4 * I::LANES)) };
        for (row, &codes) in acc.iter_mut().zip(rows) {
            row[v] = isa.dot_element::<G>(row[v], codes, column);
        }
    }
}
