//! Codes to values, and what is made of weights in blocks: round trips, and linear on them.

use super::choose_qparams::choose_qparams;
use super::code::quantize;
use super::real::{F32, F64, Real, integer};
use crate::profile::{DequantizeForm, FloatAccumulation, Profile};
use crate::spec::{QParams, QparamsRequest};
use crate::tensor::DType;

/// The value of a code of `dtype`, of at most 16 bits.
pub fn dequantize(form: DequantizeForm, dtype: DType, code: i64, qparams: QParams) -> f64 {
    let scale = Real::from(qparams.scale);
    let single = F32.fit(scale.clone());
    let zero_point = i64::from(qparams.zero_point);
    let (code, zero) = (Real::integer(code), Real::integer(-zero_point));
    let difference = F32.add(&code, &zero);
    let offset = F32.mul(&single, &zero);
    let value = match form {
        DequantizeForm::SubMul | DequantizeForm::FloatSubMul => F32.mul(&single, &difference),
        DequantizeForm::FmaPremul => F32.fma(&single, &code, &offset),
        DequantizeForm::MulAddPremul => F32.add(&F32.mul(&code, &single), &offset),
        DequantizeForm::MulF64 => F32.fit(F64.mul(&scale, &difference)),
        DequantizeForm::MulLimitDiv => {
            let greatest = Real::integer(dtype.code_range().map_or(1, |(_, high)| high));
            let limit = F32.fit(F64.mul(&scale, &greatest));
            F32.div(&F32.mul(&difference, &limit), &greatest)
        }
    };
    value.to_f64()
}

/// Scale and values of one block of values that are quantized to integer codes and dequantized
/// again; a value is `None` where the profile leaves its code open.
pub fn round_trip(
    profile: &Profile,
    values: &[f32],
    request: &QparamsRequest,
) -> Option<(f64, Vec<Option<f64>>)> {
    let (qparams, range) = chosen(profile, values, request)?;
    let rule = profile.dequantize;
    let body = rule.width.body_of(values.len());
    let back = values.iter().enumerate().map(|(index, &value)| {
        let code = quantize(&profile.quantize, value, qparams, range)?;
        let form = if index < body { rule.body } else { rule.tail };
        Some(dequantize(form, request.dtype, code, qparams))
    });
    Some((qparams.scale, back.collect()))
}

/// Parameters of values, the scale as f32, and the range of codes.
fn chosen(
    profile: &Profile,
    values: &[f32],
    request: &QparamsRequest,
) -> Option<(QParams, (i64, i64))> {
    let least = values.iter().copied().reduce(f32::min)?;
    let greatest = values.iter().copied().reduce(f32::max)?;
    let chosen = choose_qparams(&profile.qparams, least, greatest, request)?;
    let scale = F32.fit(Real::from(chosen.scale)).to_f64();
    let range = request.range.or(request.dtype.code_range())?;
    Some((QParams { scale, ..chosen }, range))
}

/// The weights of one output of a linear: codes less their zero point, and the scale of each.
pub struct Column<'a> {
    /// the type of the codes
    pub dtype: DType,
    /// the codes
    pub codes: &'a [i64],
    /// scale and zero point of each code
    pub qparams: &'a [QParams],
    /// the bias
    pub bias: Option<f32>,
}

/// Σ x · w of f32 values and dequantized weights, with the bias; `None` where sums run side by
/// side, which is not done here.
pub fn linear_blocks(profile: &Profile, row: &[f32], column: &Column<'_>) -> Option<f64> {
    let rule = profile.dequantize;
    let weight = |at: usize| {
        let (code, qparams) = (column.codes[at], column.qparams[at]);
        Real::from(dequantize(rule.body, column.dtype, code, qparams))
    };
    let pairs = (row.iter().enumerate()).map(|(at, &x)| (Real::from(x), weight(at)));
    let zero = Real::integer(0);
    let bias = column.bias.map(Real::from);
    let added = |sum: Real| match &bias {
        Some(bias) => F32.add(&sum, bias),
        None => sum,
    };
    let sum = match profile.float_output.weight_only {
        FloatAccumulation::SequentialMulAdd => {
            added(pairs.fold(zero, |sum, (x, w)| F32.add(&sum, &F32.mul(&x, &w))))
        }
        FloatAccumulation::SequentialFma => {
            added(pairs.fold(zero, |sum, (x, w)| F32.fma(&x, &w, &sum)))
        }
        FloatAccumulation::FmaFromBias => {
            let first = bias.clone().unwrap_or(zero);
            pairs.fold(first, |sum, (x, w)| F32.fma(&x, &w, &sum))
        }
        FloatAccumulation::F64 => {
            let sum = pairs.fold(zero, |sum, (x, w)| F64.add(&sum, &F64.mul(&x, &w)));
            F32.fit(match &bias {
                Some(bias) => F64.add(&sum, bias),
                None => sum,
            })
        }
        FloatAccumulation::SideBySide => return None,
    };
    Some(sum.to_f64())
}

/// The same where the row is quantized at run time, and every weight has the scale of the first:
/// the exact sum, scaled by the row's and then by the weights' scale; `None` where the profile
/// leaves a code of the row open.
pub fn linear_blocks_quantized(
    profile: &Profile,
    row: &[f32],
    request: &QparamsRequest,
    column: &Column<'_>,
) -> Option<f64> {
    let least = row.iter().copied().reduce(f32::min)?;
    let greatest = row.iter().copied().reduce(f32::max)?;
    let qparams = choose_qparams(&profile.qparams, least, greatest, request)?;
    let range = request.dtype.code_range()?;
    let mut sum = 0i64;
    for (&x, (&code, own)) in row.iter().zip(column.codes.iter().zip(column.qparams)) {
        let x = quantize(&profile.quantize, x, qparams, range)? - i64::from(qparams.zero_point);
        sum += x * (code - i64::from(own.zero_point));
    }
    let of_row = F32.mul(
        &F32.round(&integer(sum)),
        &F32.fit(Real::from(qparams.scale)),
    );
    let weights = F32.fit(Real::from(column.qparams.first()?.scale));
    let scaled = F32.mul(&of_row, &weights);
    let sum = match column.bias {
        Some(bias) => F32.add(&scaled, &Real::from(bias)),
        None => scaled,
    };
    Some(sum.to_f64())
}
