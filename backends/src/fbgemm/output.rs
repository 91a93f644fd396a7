//! The output pipeline: blocks of i32 sums to codes, f32 or corrected sums.
//!
//! Sources: FBGEMM `src/QuantUtilsAvx2.cc` (requantizeOutputProcessingAvx2,
//! requantizeForFloatAvx2) and, for the portable path,
//! `include/fbgemm/OutputProcessing-inl.h` (ReQuantizeOutput, ReQuantizeForFloat).

mod in_registers;
mod interleaved;

use super::columns::Columns;
use crate::isa::{Isa, WithIsa, each};
use crate::threads::Output;

pub use in_registers::Outputs;
pub use interleaved::{Codes, Steps};

/// What becomes of a corrected sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// (f32(sum) ⊕ bias) ⊗ multiplier, cvtps2dq, packed to i16, zero point added saturating, packed to bytes
    PackedCodes {
        /// s8 rather than u8
        signed: bool,
        /// the output zero point
        zero_point: i32,
        /// nothing below the zero point
        relu: bool,
    },
    /// as `PackedCodes` up to the product; rounded to i64, zero point added, clamped
    WideCodes {
        /// s8 rather than u8
        signed: bool,
        /// the output zero point
        zero_point: i32,
        /// nothing below the zero point
        relu: bool,
    },
    /// fma(f32(sum), multiplier, bias)
    FusedFloat {
        /// nothing below 0
        relu: bool,
    },
    /// (f32(sum) ⊗ activation scale) ⊗ multiplier, ⊕ bias
    SteppedFloat {
        /// nothing below 0
        relu: bool,
    },
    /// the sums themselves
    Sums {
        /// nothing below 0
        relu: bool,
    },
}

/// Where a block of sums goes: rows and columns of the output.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// first row of the output
    pub row: usize,
    /// rows
    pub rows: usize,
    /// first column (channel) of the output
    pub column: usize,
    /// columns
    pub columns: usize,
}

impl Place {
    /// Its first value in `output`.
    ///
    /// # Panics
    /// When it does not lie in the output.
    fn of(&self, output: &mut Output<'_>) -> *mut u8 {
        let columns = self.column..self.column + self.columns;
        output.block(self.row..self.row + self.rows, columns)
    }
}

/// A block of sums in memory: `sums[r · ldc + c]`, `ldc` a multiple of 4 vectors.
pub struct Block<'a> {
    /// the sums
    pub sums: &'a [i32],
    /// sums between rows
    pub ldc: usize,
    /// Σa of each row, where weights have zero points and `sums` are not yet corrected for them
    pub row_sums: Option<&'a [i32]>,
}

/// Finishes a block of sums and writes it to `place` of the output, nothing else.
///
/// # Panics
/// When the block or the place do not fit: the loops above lay them out.
pub fn finish<I: Isa>(
    isa: I,
    form: Form,
    columns: &Columns,
    block: &Block<'_>,
    place: Place,
    output: &mut Output<'_>,
) {
    if place.rows == 0 || place.columns == 0 {
        return;
    }
    let padded = place.columns.next_multiple_of(4 * I::LANES);
    assert!(padded <= block.ldc && block.sums.len() >= place.rows * block.ldc);
    assert!(block.row_sums.is_none_or(|sums| sums.len() >= place.rows));
    assert!(place.column + padded <= columns.padded_len());
    isa.vectorize(Finish {
        form,
        columns,
        block,
        place,
        target: place.of(output),
        stride: output.stride(),
    });
}

/// (f32(sum) ⊕ bias) ⊗ multiplier.
#[inline(always)]
fn scaled<I: Isa>(isa: I, sum: I::V, bias: I::F, multiplier: I::F) -> I::F {
    isa.mul_f32(isa.add_f32(isa.i32_to_f32(sum), bias), multiplier)
}

/// Codes of four vectors of steps, in the order of channels or `INTERLEAVED`.
#[inline(always)]
fn codes<I: Isa, const INTERLEAVED: bool>(
    isa: I,
    steps: [I::V; 4],
    signed: bool,
    zero_point: i32,
    relu: bool,
) -> I::V {
    let zero_point = zero_point as i16;
    let codes = match (signed, INTERLEAVED) {
        (false, false) => isa.narrow_to_u8(steps, zero_point),
        (false, true) => isa.narrow_interleaved_to_u8(steps, zero_point),
        (true, false) => isa.narrow_to_i8(steps, zero_point),
        (true, true) => isa.narrow_interleaved_to_i8(steps, zero_point),
    };
    // Relu last: what comes before is monotone, so that codes are the same as of steps from 0 on.
    match (relu, signed) {
        (false, _) => codes,
        (true, false) => isa.max_u8(codes, isa.splat_u8(zero_point.clamp(0, 255) as u8)),
        (true, true) => isa.max_i8(codes, isa.splat_u8(zero_point.clamp(-128, 127) as u8)),
    }
}

struct Finish<'a> {
    form: Form,
    columns: &'a Columns,
    block: &'a Block<'a>,
    place: Place,
    target: *mut u8,
    stride: usize,
}

impl<I: Isa> WithIsa<I> for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let width = 4 * I::LANES;
        for column in (0..self.place.columns).step_by(width) {
            let count = (self.place.columns - column).min(width);
            // SAFETY: `finish` asserted that whole groups of 4 vectors can be read of sums and of
            // `columns`, and that row · stride + column lies in the output for every row and
            // column of the place.
            unsafe {
                if count <= width / 2 {
                    self.rows::<I, 2>(isa, column, count);
                } else {
                    self.rows::<I, 4>(isa, column, count);
                }
            }
        }
    }
}

/// What is known of the columns of `NV` vectors.
struct Parameters<I: Isa, const NV: usize> {
    offset: [I::V; NV],
    bias: [I::F; NV],
    multiplier: [I::F; NV],
}

impl Finish<'_> {
    /// All rows of `count` columns from `column` on, at most `NV` vectors.
    ///
    /// # Safety
    /// `NV` vectors from `column` on must lie in the block (and its padding) and in `columns`; the
    /// output must be writable for `count` values from `column` on in each row.
    #[inline(always)]
    unsafe fn rows<I: Isa, const NV: usize>(&self, isa: I, column: usize, count: usize) {
        let channel = self.place.column + column;
        // SAFETY: the caller's promise.
        let parameters: Parameters<I, NV> = unsafe {
            let offset = self.columns.offset.as_ptr().add(channel);
            let bias = self.columns.bias.as_ptr().add(channel);
            let multiplier = self.columns.multiplier.as_ptr().add(channel);
            Parameters {
                offset: each!(isa.splat_i32(0), |v| isa
                    .load_bytes(offset.add(v * I::LANES).cast())),
                bias: each!(isa.splat_f32(0.0), |v| isa.load_f32(bias.add(v * I::LANES))),
                multiplier: each!(isa.splat_f32(0.0), |v| isa
                    .load_f32(multiplier.add(v * I::LANES))),
            }
        };
        for row in 0..self.place.rows {
            // SAFETY: the caller's promise.
            unsafe {
                let sums: [I::V; NV] = each!(isa.splat_i32(0), |v| self.corrected(
                    isa,
                    row,
                    column + v * I::LANES,
                    parameters.offset[v]
                ));
                self.write(isa, sums, &parameters, row * self.stride + column, count);
            }
        }
    }

    /// One vector of sums, zero points corrected and i32 bias added.
    ///
    /// # Safety
    /// `row` and `column..column + LANES` must lie in the block (and its padding), and in
    /// `columns`.
    #[inline(always)]
    unsafe fn corrected<I: Isa>(&self, isa: I, row: usize, column: usize, offset: I::V) -> I::V {
        // SAFETY: the caller's promise.
        unsafe {
            let sums = self.block.sums.as_ptr().add(row * self.block.ldc + column);
            let sum = isa.add_i32(isa.load_bytes(sums.cast()), offset);
            let Some(row_sums) = self.block.row_sums else {
                return sum;
            };
            let channel = self.place.column + column;
            let zero_points = self.columns.weight_zero_point.as_ptr().add(channel);
            let row_sum = isa.splat_i32(row_sums[row]);
            let zero_points = isa.load_bytes(zero_points.cast());
            isa.sub_i32(sum, isa.mul_i32(zero_points, row_sum))
        }
    }

    /// Writes the first `count` of `NV` vectors of corrected sums.
    ///
    /// # Safety
    /// The output must be writable for `count` values from `at`.
    #[inline(always)]
    unsafe fn write<I: Isa, const NV: usize>(
        &self,
        isa: I,
        sums: [I::V; NV],
        parameters: &Parameters<I, NV>,
        at: usize,
        count: usize,
    ) {
        let width = 4 * I::LANES;
        match self.form {
            Form::PackedCodes {
                signed,
                zero_point,
                relu,
            } => {
                let mut rounded = [isa.splat_i32(0); 4];
                for (v, &sum) in sums.iter().enumerate() {
                    let scaled = scaled(isa, sum, parameters.bias[v], parameters.multiplier[v]);
                    rounded[v] = isa.f32_to_i32_even(scaled);
                }
                let codes = codes::<I, false>(isa, rounded, signed, zero_point, relu);
                // SAFETY: the caller's promise.
                unsafe {
                    if count == width {
                        isa.store_bytes(self.target.add(at), codes);
                    } else {
                        isa.store_bytes_partial(self.target.add(at), codes, count);
                    }
                }
            }
            Form::WideCodes {
                signed,
                zero_point,
                relu,
            } => {
                let (low, high) = if signed { (-128, 127) } else { (0, 255) };
                let low = if relu { i64::from(zero_point) } else { low };
                for (v, sum) in sums.into_iter().enumerate() {
                    let scaled = scaled(isa, sum, parameters.bias[v], parameters.multiplier[v]);
                    let scaled = isa.to_f32_array(scaled);
                    for (lane, &value) in scaled[..I::LANES].iter().enumerate() {
                        let index = v * I::LANES + lane;
                        if index < count {
                            let code = wide_code(value, zero_point).clamp(low, high);
                            // SAFETY: index < count.
                            unsafe { *self.target.add(at + index) = code as u8 };
                        }
                    }
                }
            }
            Form::FusedFloat { relu } | Form::SteppedFloat { relu } => {
                for (v, sum) in sums.into_iter().enumerate() {
                    let lanes = count.saturating_sub(v * I::LANES).min(I::LANES);
                    // SAFETY: the caller's promise; `lanes` are left of `count`.
                    unsafe {
                        let value = self.float(isa, sum, parameters, v);
                        // max(0, value) in this order: NaN stays NaN, -0 stays -0.
                        let value = if relu {
                            isa.max_f32(isa.splat_f32(0.0), value)
                        } else {
                            value
                        };
                        let target = self.target.cast::<f32>().add(at).wrapping_add(v * I::LANES);
                        if lanes == I::LANES {
                            isa.store_f32(target, value);
                        } else if lanes > 0 {
                            isa.store_f32_partial(target, value, lanes);
                        }
                    }
                }
            }
            Form::Sums { relu } => {
                let lowest = isa.splat_i32(if relu { 0 } else { i32::MIN });
                for (v, sum) in sums.into_iter().enumerate() {
                    let lanes = count.saturating_sub(v * I::LANES).min(I::LANES);
                    let sum = isa.max_i32(sum, lowest);
                    let target = self.target.cast::<i32>().wrapping_add(at + v * I::LANES);
                    // SAFETY: the caller's promise; `lanes` are left of `count`.
                    unsafe {
                        if lanes == I::LANES {
                            isa.store_bytes(target.cast(), sum);
                        } else if lanes > 0 {
                            isa.store_bytes_partial(target.cast(), sum, 4 * lanes);
                        }
                    }
                }
            }
        }
    }

    /// A sum in real units, plus the bias.
    #[inline(always)]
    fn float<I: Isa, const NV: usize>(
        &self,
        isa: I,
        sum: I::V,
        parameters: &Parameters<I, NV>,
        v: usize,
    ) -> I::F {
        let sum = isa.i32_to_f32(sum);
        let (bias, multiplier) = (parameters.bias[v], parameters.multiplier[v]);
        if matches!(self.form, Form::FusedFloat { .. }) {
            isa.fma_f32(sum, multiplier, bias)
        } else {
            let sum = isa.mul_f32(sum, isa.splat_f32(self.columns.activation_scale));
            isa.add_f32(isa.mul_f32(sum, multiplier), bias)
        }
    }
}

/// lrintf to 64 bits (out of range and NaN give the least), then the zero point.
fn wide_code(value: f32, zero_point: i32) -> i64 {
    const LIMIT: f32 = 9_223_372_036_854_775_808.0;
    let rounded = value.round_ties_even();
    let integer = if (-LIMIT..LIMIT).contains(&rounded) {
        rounded as i64
    } else {
        i64::MIN
    };
    integer.saturating_add(i64::from(zero_point))
}
