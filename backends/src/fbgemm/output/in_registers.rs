//! Outputs that a tile writes itself, from sums that are still in registers.

use super::super::columns::Columns;
use super::{Form, Place, codes, scaled};
use crate::isa::{Isa, each};
use crate::threads::Output;

/// Where a tile of sums writes its outputs while they are in registers, and what they are.
#[derive(Debug, Clone, Copy)]
pub struct Outputs {
    form: Form,
    offset: *const i32,
    bias: *const f32,
    multiplier: *const f32,
    target: *mut u8,
    stride: usize,
}

impl Outputs {
    /// What writes `place` of the output; `None` where the form, or the place, is for
    /// [`finish`](super::finish) alone.
    ///
    /// # Panics
    /// When the place does not fit: the loops above lay it out.
    pub fn of<I: Isa>(
        form: Form,
        columns: &Columns,
        place: Place,
        output: &mut Output<'_>,
    ) -> Option<Self> {
        if !matches!(form, Form::PackedCodes { .. } | Form::Sums { .. })
            || place.columns != 4 * I::LANES
        {
            return None;
        }
        assert!(place.column + place.columns <= columns.padded_len());
        Some(Self {
            form,
            offset: columns.offset[place.column..].as_ptr(),
            bias: columns.bias[place.column..].as_ptr(),
            multiplier: columns.multiplier[place.column..].as_ptr(),
            target: place.of(output),
            stride: output.stride(),
        })
    }

    /// The outputs of the rows from `rows` further down on.
    pub fn below(self, rows: usize) -> Self {
        let size = match self.form {
            Form::Sums { .. } => size_of::<i32>(),
            _ => 1,
        };
        Self {
            target: self.target.wrapping_add(rows * self.stride * size),
            ..self
        }
    }

    /// What sums start from: the offsets of their columns, which correct zero points.
    #[inline(always)]
    pub fn offsets<I: Isa, const NV: usize>(&self, isa: I) -> [I::V; NV] {
        assert!(NV <= 4, "`of` made it for four vectors");
        each!(isa.splat_i32(0), |v| {
            // SAFETY: `of` checked that constants are as long; they are there as long as `self`
            // is used, see `write`.
            unsafe { isa.load_bytes(self.offset.add(v * I::LANES).cast()) }
        })
    }

    /// Writes `ROWS` rows of four vectors of sums that started from [`offsets`](Self::offsets).
    ///
    /// # Safety
    /// The place that this was made of has as many rows and columns, and nothing else writes there
    /// meanwhile; its constants are still there.
    #[inline(always)]
    pub unsafe fn write<I: Isa, const ROWS: usize, const NV: usize>(
        self,
        isa: I,
        mut sums: [[I::V; NV]; ROWS],
    ) {
        match self.form {
            Form::PackedCodes {
                signed,
                zero_point,
                relu,
            } => {
                for v in 0..NV {
                    // SAFETY: `of` checked that constants are as long.
                    let (bias, multiplier) = unsafe {
                        (
                            isa.load_f32(self.bias.add(v * I::LANES)),
                            isa.load_f32(self.multiplier.add(v * I::LANES)),
                        )
                    };
                    for row in &mut sums {
                        row[v] = isa.f32_to_i32_even(scaled(isa, row[v], bias, multiplier));
                    }
                }
                for (r, row) in sums.iter().enumerate() {
                    let mut steps = [isa.splat_i32(0); 4];
                    for (to, &step) in steps.iter_mut().zip(row) {
                        *to = step;
                    }
                    let codes = codes::<I, false>(isa, steps, signed, zero_point, relu);
                    // SAFETY: `of` checked the place; rows are `stride` bytes apart.
                    unsafe { isa.store_bytes(self.target.add(r * self.stride), codes) };
                }
            }
            Form::Sums { relu } => {
                let lowest = isa.splat_i32(if relu { 0 } else { i32::MIN });
                for (r, row) in sums.iter().enumerate() {
                    for (v, &sum) in row.iter().enumerate() {
                        // SAFETY: `of` checked the place; rows are `stride` i32 apart.
                        unsafe {
                            let to = self.target.cast::<i32>().add(r * self.stride);
                            let sum = isa.max_i32(sum, lowest);
                            isa.store_bytes(to.add(v * I::LANES).cast(), sum);
                        }
                    }
                }
            }
            _ => unreachable!("`of` makes none of other forms"),
        }
    }
}
