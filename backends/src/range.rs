//! The range of the values of a dynamic op, and the u8 parameters that PyTorch
//! chooses from it; what the families whose profiles name that rule share.
//!
//! Source: PyTorch `aten/src/ATen/native/quantized/cpu/QuantUtils.h`
//! (ChooseQuantizationParams).

mod dynamic;

use qassay_golden::profile::{
    QparamsRule, ReduceRange, ScalePrecision, SmallScale, ZeroPointFrom, ZeroPointRounding,
};
use qassay_golden::spec::QParams;

use crate::backend::Refusal;
use crate::isa::{Isa, WithIsa};
use crate::view::View;

pub use dynamic::DynamicCodes;

/// The highest code that parameters are chosen for.
///
/// # Errors
/// When the profile chooses parameters in another way than PyTorch's dynamic ops.
pub fn highest_code(rule: &QparamsRule, reduce_range: bool) -> Result<i32, Refusal> {
    let QparamsRule {
        precision: ScalePrecision::F64,
        zero_point_from: ZeroPointFrom::SmallerErrorDifference,
        zero_point_rounding: ZeroPointRounding::TiesEvenThenClamp,
        small_scale: SmallScale::TenthAndCutoff,
        reduce_range: reduce,
        symmetric: _,
        symmetric_zero_point: _,
    } = rule
    else {
        return Err(Refusal::Unsupported(
            "parameters chosen otherwise than by PyTorch's dynamic ops".into(),
        ));
    };
    Ok(match (reduce_range, reduce) {
        (false, _) | (true, ReduceRange::Ignored) => 255,
        (true, ReduceRange::Halve | ReduceRange::Symmetric64) => 127,
    })
}

/// Scale and zero point of u8 codes up to `qmax` for values from `min` to `max`.
pub fn choose_qparams(min: f32, max: f32, qmax: i32) -> QParams {
    /// below this scale the range is widened
    const CUTOFF: f32 = 6.1e-5;
    let (mut min, mut max) = (min.min(0.0), max.max(0.0));
    let steps = f64::from(qmax);
    let mut scale = (f64::from(max) - f64::from(min)) / steps;
    if scale as f32 == 0.0 || (1.0 / scale as f32).is_infinite() {
        scale = 0.1;
    }
    if scale < f64::from(CUTOFF) {
        let widened = CUTOFF / scale as f32;
        scale = f64::from(CUTOFF);
        if min == 0.0 {
            max = CUTOFF * qmax as f32;
        } else if max == 0.0 {
            min = -CUTOFF * qmax as f32;
        } else {
            min *= widened;
            max *= widened;
        }
    }
    let (from_min, from_max) = (f64::from(min) / scale, f64::from(max) / scale);
    let (error_min, error_max) = (-from_min.abs(), steps - from_max.abs());
    let zero_point = if error_min < error_max {
        -from_min
    } else {
        steps - from_max
    };
    QParams {
        scale,
        zero_point: zero_point.round_ties_even().clamp(0.0, steps) as i32,
    }
}

/// Rows of real values.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// the values
    pub values: &'a [f32],
    /// values between rows
    pub stride: usize,
    /// how many rows
    pub rows: usize,
    /// values in a row
    pub len: usize,
}

impl<'a> Rows<'a> {
    /// The rows of an f32 view.
    pub fn of(view: &View<'a>) -> Self {
        Self {
            values: view.f32(),
            stride: view.row_stride(),
            rows: view.rows(),
            len: view.row_len(),
        }
    }

    /// Some of the rows.
    pub fn part(self, rows: &std::ops::Range<usize>) -> Self {
        Self {
            // Rows of nothing may lie beyond the end.
            values: self.values.get(rows.start * self.stride..).unwrap_or(&[]),
            rows: rows.len(),
            ..self
        }
    }

    /// Row `index`.
    pub fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.stride..][..self.len]
    }
}

/// The least and the greatest value; NaN is passed over.
#[derive(Debug, Clone, Copy)]
pub struct Range<'a>(pub Rows<'a>);

impl<I: Isa> WithIsa<I> for Range<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn call(self, isa: I) -> (f32, f32) {
        let mut least = isa.splat_f32(f32::INFINITY);
        let mut greatest = isa.splat_f32(f32::NEG_INFINITY);
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        for row in 0..self.0.rows {
            let mut vectors = self.0.row(row).chunks_exact(I::LANES);
            for values in &mut vectors {
                // SAFETY: `values` is LANES f32, a whole vector.
                let values = unsafe { isa.load_f32(values.as_ptr()) };
                // In this order a NaN gives the second operand.
                least = isa.min_f32(values, least);
                greatest = isa.max_f32(values, greatest);
            }
            for &value in vectors.remainder() {
                (min, max) = (min.min(value), max.max(value));
            }
        }
        for &value in &isa.to_f32_array(least)[..I::LANES] {
            min = min.min(value);
        }
        for &value in &isa.to_f32_array(greatest)[..I::LANES] {
            max = max.max(value);
        }
        (min, max)
    }
}
