//! Packing of activations, at run time, a block of MCB rows at once.
//!
//! A panel holds `mr` rows side by side in segments of a cache line: segment 0
//! of each row, then segment 1 of each row, and so on. A micro-kernel meets
//! every row at a constant distance, and a short k wastes no cache. The widened
//! path keeps codes as i16. Row offsets (Σa) are made only where weights have
//! zero points.

use std::marker::PhantomData;

use super::aligned::{Aligned, LINE};
use super::micro_kernel::{Panel, Sums};
use super::windows::Windows;
use crate::isa::{Isa, WithIsa};

/// A block of up to MCB packed rows.
pub struct PackedRows<I, T> {
    bytes: Aligned<u8>,
    row_sums: Aligned<i32>,
    /// segments of a row
    segments: usize,
    k: usize,
    layout: PhantomData<fn() -> (I, T)>,
}

impl<I: Isa, T: Sums<I>> PackedRows<I, T> {
    /// Room for a block of rows of `k` codes.
    pub fn new(k: usize) -> Self {
        let blocking = T::blocking();
        let segments = k.div_ceil(T::SEGMENT_CODES);
        Self {
            bytes: Aligned::zeroed(blocking.mcb * segments * LINE),
            row_sums: Aligned::zeroed(blocking.mcb),
            segments,
            k,
            layout: PhantomData,
        }
    }

    /// Packs `codes` (`k` of them) as row `row` of the block.
    pub fn pack(&mut self, isa: I, row: usize, codes: &[u8], with_sum: bool) {
        assert_eq!(codes.len(), self.k, "a row has k codes");
        let mr = T::blocking().mr;
        let first = (row / mr * self.segments * mr + row % mr) * LINE;
        if self.segments > 0 {
            // SAFETY of the body rests on this slice: it ends with the row's last segment.
            let room = (self.segments - 1) * mr * LINE + LINE;
            let target = &mut self.bytes[first..first + room];
            isa.vectorize(Segments {
                codes,
                target,
                stride: mr * LINE,
                code_bytes: T::CODE_BYTES,
                shift: T::CODE_SHIFT as u8,
            });
        }
        if with_sum {
            self.sum(isa, row, codes);
        }
    }

    /// Notes the sum of row `row` of the block without packing it.
    pub fn sum(&mut self, isa: I, row: usize, codes: &[u8]) {
        let shift = T::CODE_SHIFT.wrapping_mul(codes.len() as i32);
        self.row_sums[row] = isa.vectorize(Sum(codes)).wrapping_sub(shift);
    }

    /// Σa of each row packed with its sum; of the codes as they are multiplied.
    pub fn row_sums(&self) -> &[i32] {
        &self.row_sums
    }
}

/// The rows of a block: the first `lent.rows` where they lie in the input, the others packed.
pub struct Block<'a, I, T> {
    /// the packed rows, at their places in the block
    pub packed: &'a PackedRows<I, T>,
    /// the rows that need no packing
    pub lent: Lent<'a>,
    /// all rows, where they are windows that tiles read in place
    pub windows: Option<Windows<'a>>,
}

/// Rows that a tile reads in place.
#[derive(Debug, Clone, Copy)]
pub struct Lent<'a> {
    /// the codes, from the block's first row on
    codes: &'a [u8],
    /// bytes between rows
    stride: usize,
    /// how many rows
    rows: usize,
}

impl<'a> Lent<'a> {
    /// No rows.
    pub const NONE: Self = Self {
        codes: &[],
        stride: 0,
        rows: 0,
    };

    /// As many of the `rows` rows of `k` codes, `stride` apart from the first of `codes`, as the
    /// tiles of `T` read in place: none where `T` reads packed rows or a row ends within a
    /// segment, and none in a panel that it would read more rows of than there are.
    pub fn of<I: Isa, T: Sums<I>>(codes: &'a [u8], stride: usize, k: usize, rows: usize) -> Self {
        let (at_once, mr) = (T::ROWS_IN_PLACE, T::blocking().mr);
        if at_once == 0 || k == 0 || !k.is_multiple_of(LINE) {
            return Self::NONE;
        }
        let rest = rows % mr;
        let rows = rows - rest + if rest == at_once { rest } else { 0 };
        assert!(
            rows == 0 || (rows - 1) * stride + k <= codes.len(),
            "rows lie in the input"
        );
        Self {
            codes,
            stride,
            rows,
        }
    }

    /// How many rows are lent.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

impl<I: Isa, T: Sums<I>> Block<'_, I, T> {
    /// Where the panel of row `row` (a multiple of `mr`) has group `group`, the first of a segment.
    pub fn panel(&self, row: usize, group: usize) -> Panel {
        if let Some(windows) = &self.windows {
            return Panel {
                start: std::ptr::null(),
                row: 0,
                segment: 0,
                panel: 0,
                windows: Some(windows.panel(row, group)),
            };
        }
        let segment = group / T::SEGMENT_GROUPS;
        if row < self.lent.rows {
            let at = row * self.lent.stride + segment * LINE;
            return Panel {
                start: self.lent.codes[at..].as_ptr(),
                row: self.lent.stride,
                segment: LINE,
                panel: T::blocking().mr * self.lent.stride,
                windows: None,
            };
        }
        let mr = T::blocking().mr;
        let at = (row / mr * self.packed.segments + segment) * mr * LINE;
        Panel {
            start: self.packed.bytes[at..].as_ptr(),
            row: LINE,
            segment: mr * LINE,
            panel: self.packed.segments * mr * LINE,
            windows: None,
        }
    }
}

/// Lays one row out in segments; the rest of the last one meets weights of 0.
struct Segments<'a> {
    codes: &'a [u8],
    target: &'a mut [u8],
    stride: usize,
    code_bytes: usize,
    /// taken from each code (as bytes, by turning the bits over)
    shift: u8,
}

impl<I: Isa> WithIsa<I> for Segments<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let per_segment = LINE / self.code_bytes;
        let (mut left, mut target) = (self.codes, self.target);
        // Not `chunks`, which divides to count them: rows may be as short as one segment.
        while !left.is_empty() {
            let (codes, rest) = left.split_at(left.len().min(per_segment));
            let (segment, next) = target.split_at_mut(self.stride.min(target.len()));
            (left, target) = (rest, next);
            let segment = &mut segment[..LINE];
            let whole = codes.len() == per_segment;
            if self.code_bytes == 1 {
                for at in (0..LINE).step_by(4 * I::LANES) {
                    // SAFETY: `segment` is LINE bytes, a multiple of a vector (LANES ≤ 16); so are
                    // `codes` where they are whole, else as many are read as are left.
                    unsafe {
                        let bytes = if whole {
                            isa.load_bytes(codes.as_ptr().add(at))
                        } else {
                            part(isa, codes, at, 4 * I::LANES)
                        };
                        let bytes = isa.xor(bytes, isa.splat_u8(self.shift));
                        isa.store_bytes(segment.as_mut_ptr().add(at), bytes);
                    }
                }
            } else {
                for at in (0..per_segment).step_by(2 * I::LANES) {
                    // SAFETY: as above; `segment` has two bytes for each code.
                    unsafe {
                        let wide = if whole {
                            isa.load_u8_as_i16(codes.as_ptr().add(at))
                        } else {
                            isa.u8_to_i16(part(isa, codes, at, 2 * I::LANES))
                        };
                        isa.store_bytes(segment.as_mut_ptr().add(2 * at), wide);
                    }
                }
            }
        }
    }
}

/// `most` codes from `at` on, as far as there are any, then zeros.
#[inline(always)]
fn part<I: Isa>(isa: I, codes: &[u8], at: usize, most: usize) -> I::V {
    let left = codes.get(at..).unwrap_or_default();
    // SAFETY: so many codes are left; `most` is a vector's length or half of it.
    unsafe { isa.load_bytes_partial(left.as_ptr(), left.len().min(most)) }
}

/// Σ of codes, wrapping.
struct Sum<'a>(&'a [u8]);

impl<I: Isa> WithIsa<I> for Sum<'_> {
    type Output = i32;

    #[inline(always)]
    fn call(self, isa: I) -> i32 {
        let mut sum = isa.splat_i32(0);
        let chunks = self.0.chunks_exact(4 * I::LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            // SAFETY: a chunk is 4·LANES bytes.
            sum = added(isa, sum, unsafe { isa.load_bytes(chunk.as_ptr()) });
        }
        // SAFETY: the remainder is readable for its own length, which is below 4·LANES.
        sum = added(isa, sum, unsafe {
            isa.load_bytes_partial(rest.as_ptr(), rest.len())
        });
        (isa.to_i32_array(sum).iter()).fold(0, |sum, &lane| sum.wrapping_add(lane))
    }
}

/// `sum` plus the codes of each lane.
#[inline(always)]
fn added<I: Isa>(isa: I, sum: I::V, codes: I::V) -> I::V {
    // Two codes are at most 510: vpmaddubsw with ones does not saturate.
    let pairs = isa.maddubs(codes, isa.splat_u8(1));
    isa.add_i32(sum, isa.madd_i16(pairs, isa.splat_i16(1)))
}
