//! How a value in f32 becomes a code: zero point added, held to the range, both
//! in f32, then rounded to nearest-even (src/cpu/ref_io_helper.hpp and the
//! generated kernels' store of 8-bit types).

use crate::isa::Isa;
use crate::rows;

/// The bounds of a range of codes in f32.
#[derive(Debug, Clone, Copy)]
pub struct Store {
    low: f32,
    high: f32,
}

impl Store {
    /// Codes from `range.0` to `range.1`.
    pub fn new(range: (i64, i64)) -> Self {
        let (low, high) = rows::float_range(range);
        Self { low, high }
    }

    /// Whether codes below 0 are among them: s8.
    pub fn is_signed(self) -> bool {
        self.low < 0.0
    }

    /// `LANES` values in steps, zero points apart, to codes.
    #[inline(always)]
    pub fn codes<I: Isa>(self, isa: I, steps: I::F, zero_point: I::F) -> I::V {
        let moved = isa.add_f32(steps, zero_point);
        let held = isa.min_f32(moved, isa.splat_f32(self.high));
        isa.f32_to_i32_even(isa.max_f32(held, isa.splat_f32(self.low)))
    }

    /// The same, not held at the low end: for a narrowing that saturates there, of a range that
    /// is a type's whole. What conversions make of values far below it is below it, too.
    #[inline(always)]
    pub fn codes_to_narrow<I: Isa>(self, isa: I, steps: I::F, zero_point: I::F) -> I::V {
        let moved = isa.add_f32(steps, zero_point);
        isa.f32_to_i32_even(isa.min_f32(moved, isa.splat_f32(self.high)))
    }
}
