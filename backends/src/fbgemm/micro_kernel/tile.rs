//! A tile of sums in registers: rows that are packed or windows of an image, times
//! vectors of columns; its sums go to memory, or its outputs are written.

use super::rows::{GROUP, Packed, Rows, Windows};
use super::{TileArgs, WindowPanel};
use crate::fbgemm::output::Outputs;
use crate::isa::{Isa, WithIsa, each};

/// Runs the lowest of the tile's heights that holds `rows`, on the first `USED` of `NV` vectors of
/// columns.
#[inline(always)]
pub fn heights<I: Isa, const MR: usize, const HALF: usize, const NV: usize, const USED: usize>(
    isa: I,
    rows: usize,
    args: TileArgs,
) {
    let a = Packed::<MR>(args.a.start);
    let (b, groups, end) = (args.b, args.groups, Store::of(&args));
    match rows {
        1 => isa.vectorize(Tile::<_, _, 1, NV, USED> { a, b, groups, end }),
        2 => isa.vectorize(Tile::<_, _, 2, NV, USED> { a, b, groups, end }),
        _ if rows <= HALF => isa.vectorize(Tile::<_, _, HALF, NV, USED> { a, b, groups, end }),
        _ => isa.vectorize(Tile::<_, _, MR, NV, USED> { a, b, groups, end }),
    }
}

/// As [`heights`], on rows that are windows.
#[inline(always)]
pub fn in_place<I: Isa, const MR: usize, const HALF: usize, const NV: usize>(
    isa: I,
    rows: usize,
    args: TileArgs,
    windows: WindowPanel,
) {
    let (b, groups, end) = (args.b, args.groups, Store::of(&args));
    // SAFETY: `Sums::tile` promises MR rows, of which each takes as many.
    unsafe {
        match rows {
            1 => {
                let a = Windows::<1>::of(windows);
                isa.vectorize(Tile::<_, _, 1, NV, NV> { a, b, groups, end });
            }
            2 => {
                let a = Windows::<2>::of(windows);
                isa.vectorize(Tile::<_, _, 2, NV, NV> { a, b, groups, end });
            }
            _ if rows <= HALF => {
                let a = Windows::<HALF>::of(windows);
                isa.vectorize(Tile::<_, _, HALF, NV, NV> { a, b, groups, end });
            }
            _ => {
                let a = Windows::<MR>::of(windows);
                isa.vectorize(Tile::<_, _, MR, NV, NV> { a, b, groups, end });
            }
        }
    }
}

/// `tiles` whole tiles of `MR` rows, packed or windows, that write their outputs.
#[inline(always)]
pub fn written<I: Isa, const MR: usize, const NV: usize>(
    isa: I,
    args: TileArgs,
    tiles: usize,
    outputs: Outputs,
) {
    let (b, groups) = (args.b, args.groups);
    if let Some(windows) = args.a.windows {
        // SAFETY: `Sums::write_tiles` promises MR rows of each tile.
        let panel = |tile: usize| unsafe { Windows::<MR>::of(windows.below(tile * MR)) };
        isa.vectorize(Written::<_, MR, NV> {
            panel,
            tiles,
            b,
            groups,
            outputs,
        });
    } else {
        let panel = |tile| Packed::<MR>(args.a.start.wrapping_add(tile * args.a.panel));
        isa.vectorize(Written::<_, MR, NV> {
            panel,
            tiles,
            b,
            groups,
            outputs,
        });
    }
}

/// Tiles below each other that write their outputs: entered together, so that the products of
/// one are under way while the outputs of the one before are made.
struct Written<P, const MR: usize, const NV: usize> {
    panel: P,
    tiles: usize,
    b: *const u8,
    groups: usize,
    outputs: Outputs,
}

impl<I: Isa, A: Rows, P: Fn(usize) -> A, const MR: usize, const NV: usize> WithIsa<I>
    for Written<P, MR, NV>
{
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        for tile in 0..self.tiles {
            Tile::<_, _, MR, NV, NV> {
                a: (self.panel)(tile),
                b: self.b,
                groups: self.groups,
                end: self.outputs.below(tile * MR),
            }
            .call(isa);
        }
    }
}

/// What a tile's sums start from, and what becomes of them.
trait End<I: Isa, const ROWS: usize, const USED: usize> {
    /// What sums start from.
    fn start(&self, isa: I) -> [I::V; USED];
    /// Takes the sums from their registers.
    ///
    /// # Safety
    /// As [`Sums::tile`] or [`Sums::write_tiles`] say of what is written.
    unsafe fn end(self, isa: I, acc: [[I::V; USED]; ROWS]);
}

/// They go to `c`.
struct Store {
    c: *mut i32,
    ldc: usize,
    accumulate: bool,
}

impl Store {
    fn of(args: &TileArgs) -> Self {
        Self {
            c: args.c,
            ldc: args.ldc,
            accumulate: args.accumulate,
        }
    }
}

impl<I: Isa, const ROWS: usize, const USED: usize> End<I, ROWS, USED> for Store {
    #[inline(always)]
    fn start(&self, isa: I) -> [I::V; USED] {
        [isa.splat_i32(0); USED]
    }
    #[inline(always)]
    unsafe fn end(self, isa: I, acc: [[I::V; USED]; ROWS]) {
        // SAFETY: the caller's promise.
        unsafe { store(isa, &acc, self.c, self.ldc, self.accumulate) };
    }
}

impl<I: Isa, const ROWS: usize, const USED: usize> End<I, ROWS, USED> for Outputs {
    #[inline(always)]
    fn start(&self, isa: I) -> [I::V; USED] {
        self.offsets(isa)
    }
    #[inline(always)]
    unsafe fn end(self, isa: I, acc: [[I::V; USED]; ROWS]) {
        // SAFETY: the caller's promise.
        unsafe { self.write(isa, acc) };
    }
}

/// `ROWS` rows times the first `USED` of `NV` vectors of columns.
struct Tile<A, E, const ROWS: usize, const NV: usize, const USED: usize> {
    a: A,
    b: *const u8,
    groups: usize,
    end: E,
}

impl<I, A, E, const ROWS: usize, const NV: usize, const USED: usize> WithIsa<I>
    for Tile<A, E, ROWS, NV, USED>
where
    I: Isa,
    A: Rows,
    E: End<I, ROWS, USED>,
{
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let Self {
            mut a,
            mut b,
            groups,
            end,
        } = self;
        let step = GROUP * NV * I::LANES;
        let mut acc = [end.start(isa); ROWS];
        // One row alone would wait for each product before the next: every second group is summed
        // apart. Sums in i32 wrap, so that their order does not matter.
        let mut apart = [[isa.splat_i32(0); USED]; ROWS];
        let segment = a.segment_groups();
        let mut left = groups;
        while left >= segment {
            // SAFETY: `Sums::tile` promises `groups` groups of `mr` rows and `nr` columns;
            // `left` counts those not yet read.
            unsafe {
                a.segment();
                if const { I::DOT_ELEMENT } {
                    for _ in 0..segment / 4 {
                        multiply_four_groups::<I, A, ROWS, NV, USED>(isa, &a, b, &mut acc);
                        a.advance(4);
                        b = b.add(4 * step);
                    }
                } else if const { ROWS == 1 } {
                    for _ in 0..segment / 2 {
                        multiply_group::<I, A, ROWS, USED>(isa, &a, b, &mut acc);
                        a.advance(1);
                        multiply_group::<I, A, ROWS, USED>(isa, &a, b.add(step), &mut apart);
                        a.advance(1);
                        b = b.add(2 * step);
                    }
                    if segment % 2 == 1 {
                        multiply_group::<I, A, ROWS, USED>(isa, &a, b, &mut acc);
                        a.advance(1);
                        b = b.add(step);
                    }
                } else {
                    for _ in 0..segment {
                        multiply_group::<I, A, ROWS, USED>(isa, &a, b, &mut acc);
                        a.advance(1);
                        b = b.add(step);
                    }
                }
            }
            left -= segment;
            a.end_segment();
        }
        if left > 0 {
            // SAFETY: as above.
            unsafe { a.segment() };
        }
        for _ in 0..left {
            // SAFETY: as above.
            unsafe {
                multiply_group::<I, A, ROWS, USED>(isa, &a, b, &mut acc);
                a.advance(1);
                b = b.add(step);
            }
        }
        if const { ROWS == 1 } {
            for (acc, apart) in acc.iter_mut().zip(&apart) {
                for (sum, &apart) in acc.iter_mut().zip(apart) {
                    *sum = isa.add_i32(*sum, apart);
                }
            }
        }
        // SAFETY: `Sums::tile` promises `mr` rows of `nr` sums, `ldc` apart; `Sums::write_tiles`
        // as many outputs.
        unsafe { end.end(isa, acc) };
    }
}

/// Writes a tile of sums to `c`, or adds it to what is there.
///
/// # Safety
/// `c` must be valid for `ROWS` rows of `NV` vectors, `ldc` sums apart.
#[inline(always)]
pub unsafe fn store<I: Isa, const ROWS: usize, const NV: usize>(
    isa: I,
    acc: &[[I::V; NV]; ROWS],
    c: *mut i32,
    ldc: usize,
    accumulate: bool,
) {
    let place = |r: usize, v: usize| c.wrapping_add(r * ldc + v * I::LANES).cast::<u8>();
    // Two short loops, which the compiler unrolls where it would leave one of both as it is, and
    // the sums in memory.
    if accumulate {
        for (r, row) in acc.iter().enumerate() {
            for (v, &sum) in row.iter().enumerate() {
                // SAFETY: the caller's promise.
                unsafe {
                    let before = isa.load_bytes(place(r, v));
                    isa.store_bytes(place(r, v), isa.add_i32(sum, before));
                }
            }
        }
    } else {
        for (r, row) in acc.iter().enumerate() {
            for (v, &sum) in row.iter().enumerate() {
                // SAFETY: the caller's promise.
                unsafe { isa.store_bytes(place(r, v), sum) };
            }
        }
    }
}

/// Adds the products of one group of k.
///
/// # Safety
/// `a` must be readable for a group in each of `ROWS` rows, `b` for `USED` vectors.
#[inline(always)]
unsafe fn multiply_group<I: Isa, A: Rows, const ROWS: usize, const USED: usize>(
    isa: I,
    a: &A,
    b: *const u8,
    acc: &mut [[I::V; USED]; ROWS],
) {
    // SAFETY: the caller's promise.
    let columns: [I::V; USED] = each!(isa.splat_i32(0), |v| unsafe {
        isa.load_bytes(b.add(v * GROUP * I::LANES))
    });
    for (r, row) in acc.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        let group = unsafe { isa.broadcast_4(a.group(r)) };
        for (sum, column) in row.iter_mut().zip(columns) {
            *sum = isa.dot(*sum, group, column);
        }
    }
}

/// Adds the products of four groups of k, on vectors that hold four groups.
///
/// # Safety
/// `a` must be readable for a vector in each of `ROWS` rows, `b` for `4·NV` vectors.
#[inline(always)]
unsafe fn multiply_four_groups<I, A, const ROWS: usize, const NV: usize, const USED: usize>(
    isa: I,
    a: &A,
    b: *const u8,
    acc: &mut [[I::V; USED]; ROWS],
) where
    I: Isa,
    A: Rows,
{
    // SAFETY: the caller's promise.
    let rows: [I::V; ROWS] = each!(isa.splat_i32(0), |r| unsafe { isa.load_bytes(a.group(r)) });
    // SAFETY: the caller's promise.
    unsafe {
        multiply_element::<I, 0, ROWS, NV, USED>(isa, &rows, b, acc);
        multiply_element::<I, 1, ROWS, NV, USED>(isa, &rows, b, acc);
        multiply_element::<I, 2, ROWS, NV, USED>(isa, &rows, b, acc);
        multiply_element::<I, 3, ROWS, NV, USED>(isa, &rows, b, acc);
    }
}

/// Adds the products of group `G` of each row with group `G` of `b`.
///
/// # Safety
/// `b` must be readable for `(G + 1)·NV` vectors.
#[inline(always)]
unsafe fn multiply_element<
    I: Isa,
    const G: usize,
    const ROWS: usize,
    const NV: usize,
    const USED: usize,
>(
    isa: I,
    rows: &[I::V; ROWS],
    b: *const u8,
    acc: &mut [[I::V; USED]; ROWS],
) {
    for v in 0..USED {
        // SAFETY: the caller's promise.
        let column = unsafe { isa.load_bytes(b.add((G * NV + v) * GROUP * I::LANES)) };
        for (row, &codes) in acc.iter_mut().zip(rows) {
            row[v] = isa.dot_element::<G>(row[v], codes, column);
        }
    }
}
