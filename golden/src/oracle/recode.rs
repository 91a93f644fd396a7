//! Codes of one scale to codes of another.

use super::code::wrap_i32;
use super::real::{F32, F64, Real, integer, nearest_even, nearest_up};
use super::requantize::fixed_point;
use super::whole::Whole;
use crate::profile::{RecodeForm, Scaling};
use crate::spec::Quantized;

/// The code of `output` for a code of `input`; `None` where the form goes by real values or
/// does not hold the ratio of scales.
pub fn recode(form: RecodeForm, code: i64, input: Quantized, output: Quantized) -> Option<i64> {
    let wide = (
        Real::from(input.qparams.scale),
        Real::from(output.qparams.scale),
    );
    let steps = wrap_i32(Whole::from(code - i64::from(input.qparams.zero_point)));
    let steps_i32 = steps.to_i32()?;
    let gemmlowp = |scaling| fixed_point(scaling, &F64.div(&wide.0, &wide.1), steps_i32);
    let scaled = match form {
        RecodeForm::ThroughReal => return None,
        RecodeForm::Q31SrdhmRdbpot => gemmlowp(Scaling::Q31SrdhmRdbpot)?,
        RecodeForm::Q31SrdhmRshu => gemmlowp(Scaling::Q31SrdhmRshu)?,
        RecodeForm::Fixed8Up => {
            let narrow = (F32.fit(wide.0.clone()), F32.fit(wide.1.clone()));
            let Real::Finite(ratio) = F32.div(&narrow.0, &narrow.1) else {
                return None;
            };
            let places = integer(256);
            let multiplier = nearest_even(&(ratio * &places));
            nearest_up(&(integer(steps * multiplier) / places))
        }
    };
    let (low, high) = output.dtype.code_range()?;
    let sum = wrap_i32(wrap_i32(scaled) + output.qparams.zero_point);
    sum.clamp(Whole::from(low), Whole::from(high)).to_i64()
}
