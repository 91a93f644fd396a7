//! From sums to outputs, a vector at a time: tiles of sums in memory, and tiles that write their
//! outputs while sums are in registers. The arithmetic is prepared by
//! [`epilogue`](super::epilogue).

use std::ops::Range;

use qassay_golden::tensor::DType;

use super::epilogue::{Epilogue, PADDING, Target};
use super::store::Store;
use crate::isa::{Isa, WithIsa, each};
use crate::threads::Output;

/// A tile of sums and where it belongs.
#[derive(Debug, Clone, Copy)]
pub struct Sums<'a> {
    /// rows of sums, `stride` apart
    pub sums: &'a [i32],
    /// values between rows; a multiple of `LANES`
    pub stride: usize,
    /// how many rows
    pub rows: usize,
    /// the output position of the first row
    pub first_output: usize,
    /// the output column of the first sum
    pub first_column: usize,
    /// how many columns
    pub columns: usize,
    /// what is added to the sum of each output column
    pub compensation: &'a [i32],
}

/// Where tiles of four vectors write codes or sums while sums are in registers.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    epilogue: &'a Epilogue,
    compensation: &'a [i32],
    column: usize,
    /// the first row's first value
    first: *mut u8,
    stride: usize,
    /// the rows' numbers
    first_row: usize,
    rows: usize,
}

impl Epilogue {
    /// Stores `tile.rows` rows of sums, `tile.columns` columns each, as outputs.
    ///
    /// # Panics
    /// When the tile does not lie inside the output.
    pub fn store<I: Isa>(&self, isa: I, tile: Sums<'_>, output: &mut Output<'_>) {
        let last = tile.first_output + tile.rows - 1;
        assert!(
            tile.first_column + tile.columns <= self.weight_scales.len()
                && tile.compensation.len() >= tile.first_column + tile.columns + PADDING
                && tile.sums.len() >= tile.rows * tile.stride
                && tile.columns <= tile.stride
                && matches!(tile.stride / I::LANES, 1 | 2 | 4)
                && tile.stride.is_multiple_of(I::LANES)
                && last * output.stride() + tile.first_column + tile.columns <= output.len(),
            "the tile lies inside the output"
        );
        isa.vectorize(Rows {
            epilogue: self,
            tile,
            output,
        });
    }

    /// What writes codes or sums of rows `rows`, which are the outputs from `first_output` on, in
    /// the columns of four whole vectors from `column` on; `None` where outputs are f32, or vectors
    /// not of 16 lanes.
    ///
    /// # Panics
    /// When the rows do not lie inside the output.
    pub fn written<'a, I: Isa>(
        &'a self,
        compensation: &'a [i32],
        rows: Range<usize>,
        first_output: usize,
        column: usize,
        output: &mut Output<'_>,
    ) -> Option<Written<'a>> {
        let columns = 4 * I::LANES;
        if I::LANES != 16 || rows.is_empty() {
            return None;
        }
        assert!(
            column + columns <= self.weight_scales.len()
                && compensation.len() >= column + columns + PADDING,
            "columns are the op's"
        );
        let stride = output.stride();
        let start = first_output * stride + column;
        let len = (rows.len() - 1) * stride + columns;
        let first = match self.target {
            Target::Codes { .. } => output.first_code(start, len),
            Target::Sums => output.first_i32(start, len).cast(),
            Target::Float => return None,
        };
        Some(Written {
            epilogue: self,
            compensation,
            column,
            first,
            stride,
            first_row: rows.start,
            rows: rows.len(),
        })
    }

    /// Those of the vector that starts at `column`.
    ///
    /// # Safety
    /// `column` and the `LANES` values from there on must lie in the columns and their padding.
    #[inline(always)]
    unsafe fn parameters<I: Isa>(
        &self,
        isa: I,
        compensation: &[i32],
        column: usize,
    ) -> Parameters<I> {
        // SAFETY: the caller's contract; all have the same padding.
        unsafe {
            Parameters {
                compensation: isa.load_bytes(compensation.as_ptr().add(column).cast()),
                scale: isa.load_f32(self.multipliers.as_ptr().add(column)),
                bias: (self.bias.as_ref()).map(|bias| isa.load_f32(bias.as_ptr().add(column))),
            }
        }
    }
}

struct Rows<'a, 'b, 'c> {
    epilogue: &'a Epilogue,
    tile: Sums<'a>,
    output: &'b mut Output<'c>,
}

impl<I: Isa> WithIsa<I> for Rows<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        match self.tile.stride / I::LANES {
            1 => self.vectors::<I, 1>(isa),
            2 => self.vectors::<I, 2>(isa),
            _ => self.vectors::<I, 4>(isa),
        }
    }
}

/// What is known of the columns of a vector.
#[derive(Clone, Copy)]
struct Parameters<I: Isa> {
    compensation: I::V,
    scale: I::F,
    bias: Option<I::F>,
}

impl Rows<'_, '_, '_> {
    /// All rows; the tile is `NV` vectors wide.
    #[inline(always)]
    fn vectors<I: Isa, const NV: usize>(self, isa: I) {
        let Self {
            epilogue,
            tile,
            output,
        } = self;
        let column = tile.first_column;
        // SAFETY: `store` checked that the tile's columns are columns of the op, after whose last
        // one parameters hold PADDING ≥ NV·LANES more.
        let parameters: [Parameters<I>; NV] = unsafe {
            let first = epilogue.parameters(isa, tile.compensation, column);
            each!(first, |v| epilogue.parameters(
                isa,
                tile.compensation,
                column + v * I::LANES
            ))
        };
        for row in 0..tile.rows {
            let sums = tile.sums[row * tile.stride..][..NV * I::LANES].as_ptr();
            let sums: [I::V; NV] = each!(isa.splat_i32(0), |v| {
                // SAFETY: `sums` is NV vectors long.
                unsafe { isa.load_bytes(sums.add(v * I::LANES).cast()) }
            });
            let start = (tile.first_output + row) * output.stride() + column;
            // Loops of constant length, so that sums stay in registers.
            match output.dtype() {
                DType::I32 => {
                    let out = output.i32s(start, tile.columns);
                    for (v, &sum) in sums.iter().enumerate() {
                        let lanes = tile.columns.saturating_sub(v * I::LANES).min(I::LANES);
                        let mut sum = isa.add_i32(sum, parameters[v].compensation);
                        if epilogue.relu {
                            sum = isa.max_i32(sum, isa.splat_i32(0));
                        }
                        let to = out.as_mut_ptr().wrapping_add(v * I::LANES);
                        // SAFETY: `lanes` are left of `out`.
                        unsafe {
                            if lanes == I::LANES {
                                isa.store_bytes(to.cast(), sum);
                            } else if lanes > 0 {
                                isa.store_bytes_partial(to.cast(), sum, 4 * lanes);
                            }
                        }
                    }
                }
                DType::F32 => {
                    let out = output.f32s(start, tile.columns);
                    for (v, &sum) in sums.iter().enumerate() {
                        let lanes = tile.columns.saturating_sub(v * I::LANES).min(I::LANES);
                        let [value] = epilogue.real(isa, [sum], &parameters[v]);
                        let to = out.as_mut_ptr().wrapping_add(v * I::LANES);
                        // SAFETY: `lanes` are left of `out`.
                        unsafe {
                            if lanes == I::LANES {
                                isa.store_f32(to, value);
                            } else if lanes > 0 {
                                isa.store_f32_partial(to, value, lanes);
                            }
                        }
                    }
                }
                _ => {
                    let out = output.codes(start, tile.columns);
                    for (v, &sum) in sums.iter().enumerate() {
                        let lanes = tile.columns.saturating_sub(v * I::LANES).min(I::LANES);
                        if lanes > 0 {
                            let value = epilogue.real(isa, [sum], &parameters[v]);
                            let [codes] = epilogue.target.codes(isa, value);
                            let to = out.as_mut_ptr().wrapping_add(v * I::LANES);
                            // SAFETY: `lanes` are left of `out`.
                            unsafe { isa.store_low_bytes(to, codes, lanes) };
                        }
                    }
                }
            }
        }
    }
}

impl Written<'_> {
    /// Writes `MR` rows of four vectors of sums, compensation not yet added, from row `row` on.
    ///
    /// # Safety
    /// Nothing else writes there meanwhile, and the output is still there.
    #[inline(always)]
    pub unsafe fn write<I: Isa, const MR: usize, const NV: usize>(
        &self,
        isa: I,
        sums: [[I::V; NV]; MR],
        row: usize,
    ) {
        let row = row - self.first_row;
        assert!(NV == 4 && row + MR <= self.rows, "rows lie inside");
        if let Target::Sums = self.epilogue.target {
            // SAFETY: the caller's contract.
            unsafe { self.write_sums(isa, sums, row) };
            return;
        }
        // One by one rather than in a loop, for which sums would go to memory.
        let codes = [
            self.codes::<I, MR, NV, 0>(isa, &sums),
            self.codes::<I, MR, NV, 1>(isa, &sums),
            self.codes::<I, MR, NV, 2>(isa, &sums),
            self.codes::<I, MR, NV, 3>(isa, &sums),
        ];
        let rows: [[I::V; 4]; MR] = each!([isa.splat_i32(0); 4], |r| {
            [codes[0][r], codes[1][r], codes[2][r], codes[3][r]]
        });
        for (r, &codes) in rows.iter().enumerate() {
            let bytes = if self.epilogue.target.is_signed() {
                isa.narrow_to_i8(codes, 0)
            } else {
                isa.narrow_to_u8(codes, 0)
            };
            // SAFETY: the assertion, and `written` checked the rows.
            unsafe { isa.store_bytes(self.first.add((row + r) * self.stride), bytes) };
        }
    }

    /// # Safety
    /// As of [`write`](Self::write), and the rows lie inside.
    #[inline(always)]
    unsafe fn write_sums<I: Isa, const MR: usize, const NV: usize>(
        &self,
        isa: I,
        sums: [[I::V; NV]; MR],
        row: usize,
    ) {
        let compensation = self.compensation[self.column..][..NV * I::LANES].as_ptr();
        for v in 0..NV {
            // SAFETY: the slice.
            let compensation = unsafe { isa.load_bytes(compensation.add(v * I::LANES).cast()) };
            for (r, sums) in sums.iter().enumerate() {
                let mut sum = isa.add_i32(sums[v], compensation);
                if self.epilogue.relu {
                    sum = isa.max_i32(sum, isa.splat_i32(0));
                }
                // SAFETY: the caller's contract, and `written` checked the rows.
                unsafe {
                    let to = self.first.cast::<i32>().add((row + r) * self.stride);
                    isa.store_bytes(to.add(v * I::LANES).cast(), sum);
                }
            }
        }
    }

    /// The codes of vector `V` of all rows, to be narrowed.
    #[inline(always)]
    fn codes<I: Isa, const MR: usize, const NV: usize, const V: usize>(
        &self,
        isa: I,
        sums: &[[I::V; NV]; MR],
    ) -> [I::V; MR] {
        // SAFETY: `written` checked the columns of four vectors.
        let parameters = unsafe {
            let column = self.column + V * I::LANES;
            self.epilogue.parameters(isa, self.compensation, column)
        };
        let mut column = [isa.splat_i32(0); MR];
        for r in 0..MR {
            column[r] = sums[r][V];
        }
        let values = self.epilogue.real(isa, column, &parameters);
        self.epilogue.target.codes_to_narrow(isa, values)
    }
}

impl Epilogue {
    /// `N` vectors of sums of the same columns in real units, with bias and relu. Choices are made
    /// for all of them at once.
    #[inline(always)]
    fn real<I: Isa, const N: usize>(
        &self,
        isa: I,
        sums: [I::V; N],
        parameters: &Parameters<I>,
    ) -> [I::F; N] {
        let Parameters {
            compensation,
            scale,
            bias,
        } = *parameters;
        let mut values = [isa.splat_f32(0.0); N];
        for (value, sum) in values.iter_mut().zip(sums) {
            *value = isa.i32_to_f32(isa.add_i32(sum, compensation));
        }
        if let Some(source) = self.source {
            let source = isa.splat_f32(source);
            for value in &mut values {
                *value = isa.mul_f32(*value, source);
            }
        }
        match bias {
            None => {
                for value in &mut values {
                    *value = isa.mul_f32(*value, scale);
                }
            }
            Some(bias) if self.fused_bias => {
                for value in &mut values {
                    *value = isa.fma_f32(*value, scale, bias);
                }
            }
            Some(bias) => {
                for value in &mut values {
                    *value = isa.add_f32(isa.mul_f32(*value, scale), bias);
                }
            }
        }
        if self.relu {
            for value in &mut values {
                // In this order NaN stays NaN.
                *value = isa.max_f32(isa.splat_f32(0.0), *value);
            }
        }
        values
    }
}

impl Target {
    /// Whether codes are s8.
    fn is_signed(self) -> bool {
        matches!(self, Self::Codes { store, .. } if store.is_signed())
    }

    /// Real values to codes in i32 lanes.
    #[inline(always)]
    fn codes<I: Isa, const N: usize>(self, isa: I, values: [I::F; N]) -> [I::V; N] {
        let (steps, store, zero_point) = self.steps(isa, values);
        let mut codes = [isa.splat_i32(0); N];
        for (code, steps) in codes.iter_mut().zip(steps) {
            *code = store.codes(isa, steps, zero_point);
        }
        codes
    }

    /// The same, to be narrowed to bytes by an instruction that saturates.
    #[inline(always)]
    fn codes_to_narrow<I: Isa, const N: usize>(self, isa: I, values: [I::F; N]) -> [I::V; N] {
        let (steps, store, zero_point) = self.steps(isa, values);
        let mut codes = [isa.splat_i32(0); N];
        for (code, steps) in codes.iter_mut().zip(steps) {
            *code = store.codes_to_narrow(isa, steps, zero_point);
        }
        codes
    }

    /// Real values in steps of the output's scale, and what makes codes of them.
    #[inline(always)]
    fn steps<I: Isa, const N: usize>(
        self,
        isa: I,
        mut values: [I::F; N],
    ) -> ([I::F; N], Store, I::F) {
        let Self::Codes {
            divide,
            scale,
            zero_point,
            store,
        } = self
        else {
            unreachable!("byte outputs are codes");
        };
        let scale = isa.splat_f32(scale);
        if divide {
            for value in &mut values {
                *value = isa.div_f32(*value, scale);
            }
        } else {
            for value in &mut values {
                *value = isa.mul_f32(*value, scale);
            }
        }
        (values, store, isa.splat_f32(zero_point))
    }
}
