//! Codes from sums whose channels are in the order of [`Isa::interleave_4`].

use super::{Form, Place, codes, scaled};
use crate::isa::{Isa, each};
use crate::threads::Output;

/// Where codes of a block of channels are written, and what they are.
#[derive(Debug, Clone, Copy)]
pub struct Codes {
    signed: bool,
    zero_point: i32,
    relu: bool,
    rows: usize,
    /// codes of a row
    count: usize,
    target: *mut u8,
    stride: usize,
}

impl Codes {
    /// What writes `place` of the output; `None` where the form is for
    /// [`finish`](super::finish) alone.
    ///
    /// # Panics
    /// When the place does not fit: the loops above lay it out.
    pub fn of(form: Form, place: Place, output: &mut Output<'_>) -> Option<Self> {
        let Form::PackedCodes {
            signed,
            zero_point,
            relu,
        } = form
        else {
            return None;
        };
        assert!(output.dtype().size() == 1, "codes are bytes");
        Some(Self {
            signed,
            zero_point,
            relu,
            rows: place.rows,
            count: place.columns,
            target: place.of(output),
            stride: output.stride(),
        })
    }

    /// The same with `rows` rows at a time as one.
    ///
    /// # Panics
    /// When there are gaps between rows.
    pub fn together(self, rows: usize) -> Self {
        assert!(rows == 1 || self.stride == self.count, "rows without gaps");
        Self {
            rows: self.rows / rows,
            count: self.count * rows,
            stride: self.stride * rows,
            ..self
        }
    }

    /// How many rows the place has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Writes row `row` of the place.
    ///
    /// # Safety
    /// The place that this was made of has such a row and no more columns than a vector has bytes;
    /// nothing else writes there meanwhile.
    #[inline(always)]
    pub unsafe fn write<I: Isa>(self, isa: I, row: usize, steps: [I::V; 4]) {
        let codes = codes::<I, true>(isa, steps, self.signed, self.zero_point, self.relu);
        // SAFETY: `of` checked the place; rows are `stride` bytes apart.
        unsafe {
            let to = self.target.add(row * self.stride);
            if self.count == 4 * I::LANES {
                isa.store_bytes(to, codes);
            } else {
                isa.store_bytes_partial(to, codes, self.count);
            }
        }
    }

    /// Writes `count` rows from `row` on, at most four, of a vector of steps each in the order of
    /// channels.
    #[inline(always)]
    pub fn write_rows<I: Isa>(self, isa: I, row: usize, count: usize, steps: [I::V; 4]) {
        assert!(count <= 4 && I::LANES <= 16);
        let all = codes::<I, false>(isa, steps, self.signed, self.zero_point, self.relu);
        let mut bytes = [0; 64];
        // SAFETY: as much as the widest vector.
        unsafe { isa.store_bytes(bytes.as_mut_ptr(), all) };
        self.copy_rows(row, count, &bytes, I::LANES);
    }

    /// Writes rows from `row` on, each of whose codes are `QUARTERS` quarters of `steps`.
    #[inline(always)]
    pub fn write_quarters<I: Isa, const QUARTERS: usize>(
        self,
        isa: I,
        row: usize,
        steps: [I::V; 4],
    ) {
        let all = codes::<I, true>(isa, steps, self.signed, self.zero_point, self.relu);
        let mut bytes = [0; 64];
        // SAFETY: as much as the widest vector.
        unsafe { isa.store_bytes(bytes.as_mut_ptr(), all) };
        self.copy_rows(row, 4 / QUARTERS, &bytes, QUARTERS * I::LANES);
    }

    /// Writes `count` rows from `row` on, whose codes start `apart` codes apart in `bytes`.
    #[inline(always)]
    fn copy_rows(self, row: usize, count: usize, bytes: &[u8; 64], apart: usize) {
        assert!(row + count <= self.rows && self.count <= apart.min(32));
        assert!(count * apart <= bytes.len());
        for at in 0..count {
            let from = bytes[at * apart..].as_ptr();
            let to = self.target.wrapping_add((row + at) * self.stride);
            // SAFETY: the assertion, and `of` checked the place; rows are `stride` bytes apart.
            unsafe {
                copy_few(from, to, self.count);
            }
        }
    }
}

/// Copies `count` bytes, at most 32: a call for each few bytes would take longer, and the
/// registers of whoever calls.
///
/// # Safety
/// `from` must be readable and `to` writable for `count` bytes, which do not overlap.
#[inline(always)]
unsafe fn copy_few(from: *const u8, to: *mut u8, count: usize) {
    // The first bytes, and the last ones, which may be the same in part.
    macro_rules! ends {
        ($few:ty) => {{
            let last = count - size_of::<$few>();
            // SAFETY: the caller's promise; `count` is one or two of them.
            unsafe {
                let ends = (
                    from.cast::<$few>().read_unaligned(),
                    from.add(last).cast::<$few>().read_unaligned(),
                );
                to.cast::<$few>().write_unaligned(ends.0);
                to.add(last).cast::<$few>().write_unaligned(ends.1);
            }
        }};
    }
    match count {
        16.. => ends!(u128),
        8.. => ends!(u64),
        4.. => ends!(u32),
        2.. => ends!(u16),
        1 => ends!(u8),
        0 => {}
    }
}

/// What makes steps of the output of sums, in registers.
#[derive(Clone, Copy)]
pub struct Steps<I: Isa, const NV: usize> {
    bias: [I::F; NV],
    multiplier: [I::F; NV],
}

impl<I: Isa, const NV: usize> Steps<I, NV> {
    /// Loads them.
    ///
    /// # Safety
    /// `bias` and `multiplier` must be readable for `NV` vectors.
    #[inline(always)]
    pub unsafe fn load(isa: I, bias: *const f32, multiplier: *const f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Self {
                bias: each!(isa.splat_f32(0.0), |v| isa.load_f32(bias.add(v * I::LANES))),
                multiplier: each!(isa.splat_f32(0.0), |v| isa
                    .load_f32(multiplier.add(v * I::LANES))),
            }
        }
    }

    /// The steps of sums whose zero points are corrected.
    #[inline(always)]
    pub fn of(&self, isa: I, sums: [I::V; NV]) -> [I::V; NV] {
        each!(isa.splat_i32(0), |v| isa.f32_to_i32_even(scaled(
            isa,
            sums[v],
            self.bias[v],
            self.multiplier[v]
        )))
    }
}
