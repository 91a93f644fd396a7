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
        let all = codes::<I, false>(isa, steps, self.signed, self.zero_point, self.relu);
        let mut bytes = [[0u8; 16]; 4];
        assert!(row + count <= self.rows && self.count <= I::LANES && I::LANES <= 16);
        // SAFETY: four rows of 16 bytes are as much as the widest vector.
        unsafe { isa.store_bytes(bytes.as_mut_ptr().cast(), all) };
        let bytes = bytes.as_flattened();
        for at in 0..count {
            let from = bytes[at * I::LANES..].as_ptr();
            let to = self.target.wrapping_add((row + at) * self.stride);
            // SAFETY: the assertion, and `of` checked the place; rows are `stride` bytes apart.
            unsafe {
                if self.count == 16 {
                    to.cast::<[u8; 16]>().write(from.cast::<[u8; 16]>().read());
                } else {
                    from.copy_to_nonoverlapping(to, self.count);
                }
            }
        }
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
