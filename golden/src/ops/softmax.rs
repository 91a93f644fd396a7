//! Softmax of codes along the last axis.
//!
//! Sources: TFLite `kernels/internal/reference/softmax.h` (Softmax, SoftmaxInt16),
//! `kernels/internal/optimized/optimized_ops.h` (PopulateSoftmaxLookupTable, Softmax),
//! `kernels/activations.cc` (SoftmaxPrepare), `kernels/internal/quantization_util.cc`
//! (PreprocessSoftmaxScaling, CalculateInputRadius).

use super::ReferenceError;
use super::fixed_point::{FixedPoint, rdbpot, srdhm};
use super::interpolated::{Precision, Table};
use super::q31;
use super::softmax_table;
use super::transcendental::{exp_f32, exp_f64};
use crate::profile::{Profile, SoftmaxForm, WideSoftmaxForm};
use crate::spec::{QParams, SoftmaxSpec};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// Softmax of each row.
///
/// # Errors
/// When types or parameters do not fit, or the profile has no such softmax.
pub(crate) fn softmax(
    spec: &SoftmaxSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let wide = spec.input.dtype == DType::I16;
    if !wide && profile.along.softmax == SoftmaxForm::ExpTable {
        return softmax_table::softmax(spec, input, witness);
    }
    let row = check(spec, witness)?;
    let codes: Vec<i64> = (0..input.len()).map(|i| input.data().code(i)).collect();
    let rows = codes.chunks(row.max(1));
    let outputs: Vec<i64> = match (wide, profile.along.softmax, profile.along.softmax_wide) {
        (true, _, WideSoftmaxForm::Interpolated) => {
            let form = Interpolated::new(spec)?;
            rows.flat_map(|row| form.row(row, witness)).collect()
        }
        (false, SoftmaxForm::Gemmlowp, _) => {
            let form = Gemmlowp::new(spec)?;
            rows.map(|row| form.row(row, witness))
                .collect::<Result<Vec<_>, _>>()?
                .concat()
        }
        (false, SoftmaxForm::TableF32, _) => {
            rows.flat_map(|row| by_table(spec, row, witness)).collect()
        }
        (true, _, WideSoftmaxForm::Undefined)
        | (false, SoftmaxForm::Undefined | SoftmaxForm::ExpTable, _) => {
            return Err(ReferenceError::Undefined(format!(
                "softmax of {} codes is not defined by this profile",
                spec.input.dtype.name()
            )));
        }
    };
    let data = Data::from_codes(spec.output.dtype, outputs);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}

/// Checks types and parameters; the length of a row.
fn check(spec: &SoftmaxSpec, witness: &mut Witness) -> Result<usize, ReferenceError> {
    for (name, tensor) in [("input", &spec.input), ("output", &spec.output)] {
        super::check::codes(name, tensor)?;
        witness.zero_point(tensor.dtype, tensor.qparams.zero_point);
    }
    if spec.input.dtype != spec.output.dtype {
        return Err(ReferenceError::Undefined(format!(
            "softmax of {} codes to {} codes is not defined here; codes of one type are",
            spec.input.dtype.name(),
            spec.output.dtype.name()
        )));
    }
    if !(spec.beta.is_finite() && spec.beta > 0.0) {
        return Err(ReferenceError::Mismatch(format!(
            "beta {} is not finite and positive",
            spec.beta
        )));
    }
    let (scale, zero_point) = match spec.output.dtype {
        DType::U8 => (1.0 / 256.0, 0),
        DType::I8 => (1.0 / 256.0, -128),
        _ => (1.0 / 32_768.0, 0),
    };
    if spec.output.qparams != (QParams { scale, zero_point }) {
        return Err(ReferenceError::Undefined(format!(
            "softmax gives scale {scale} and zero point {zero_point} only, not scale {} and zero point {}",
            spec.output.qparams.scale, spec.output.qparams.zero_point
        )));
    }
    super::check::axis(spec.axis, &spec.shape)?;
    if spec.axis + 1 != spec.shape.len() {
        return Err(ReferenceError::Undefined(
            "softmax is defined along the last axis only".into(),
        ));
    }
    let row = spec.shape.last().copied();
    row.ok_or_else(|| ReferenceError::Mismatch("softmax needs at least one dimension".into()))
}

fn greatest(row: &[i64]) -> i64 {
    row.iter().copied().max().unwrap_or(0)
}

/// 8-bit codes in gemmlowp's numbers.
struct Gemmlowp {
    multiplier: i32,
    left: i32,
    /// differences below this count as e^−∞
    least: i64,
    /// the lowest and highest code
    range: (i64, i64),
}

impl Gemmlowp {
    /// Integer bits of scaled differences, and of sums.
    const DIFFERENCE: i32 = 5;
    const SUM: i32 = 12;

    fn new(spec: &SoftmaxSpec) -> Result<Self, ReferenceError> {
        let real = spec.beta * spec.input.qparams.scale * f64::from(1 << (31 - Self::DIFFERENCE));
        let real = real.min(2_147_483_647.0);
        if real <= 1.0 {
            return Err(ReferenceError::Undefined(format!(
                "scale {} times beta {} is at most 2^-26, too small for this softmax",
                spec.input.qparams.scale, spec.beta
            )));
        }
        let (mut fraction, mut left) = (real, 0);
        while fraction >= 1.0 {
            fraction /= 2.0;
            left += 1;
        }
        let mut multiplier = (fraction * 2_147_483_648.0).round() as i64;
        if multiplier == 1 << 31 {
            (multiplier, left) = (multiplier / 2, left + 1);
        }
        let radius = f64::from((1 << Self::DIFFERENCE) - 1)
            * f64::from(1 << (31 - Self::DIFFERENCE))
            / 2f64.powi(left);
        Ok(Self {
            multiplier: multiplier as i32,
            left,
            least: -(radius.floor() as i64),
            range: spec.output.dtype.code_range().expect("8-bit codes"),
        })
    }

    fn row(&self, row: &[i64], witness: &mut Witness) -> Result<Vec<i64>, ReferenceError> {
        let greatest = greatest(row);
        let powers: Vec<Option<i32>> = (row.iter())
            .map(|code| code - greatest)
            .map(|difference| {
                let shifted = (difference << self.left.min(31)) as i32;
                (difference >= self.least)
                    .then(|| q31::exp_of_negative(srdhm(shifted, self.multiplier)))
            })
            .collect();
        let sum = (powers.iter().flatten()).fold(0i32, |sum, &power| {
            sum.wrapping_add(q31::by_power(power, -Self::SUM))
        });
        let (reciprocal, halvings) = q31::reciprocal(sum, Self::SUM);
        // 8 bits stay.
        let places = halvings + 23;
        if !(0..=31).contains(&places) {
            return Err(ReferenceError::Undefined(
                "this softmax holds sums below 512 times the greatest term only".into(),
            ));
        }
        let (low, high) = self.range;
        Ok((powers.into_iter().zip(row))
            .map(|(power, &code)| {
                let Some(power) = power else {
                    witness.step(Some(code), 0.0);
                    return low;
                };
                let share = srdhm(reciprocal, power);
                witness.step(Some(code), f64::from(share) * 2f64.powi(-places));
                let tie =
                    places > 0 && i64::from(share).rem_euclid(1 << places) == 1 << (places - 1);
                witness.events.hit_if(Event::ExactTie, tie);
                let code = i64::from(rdbpot(share, places)) + low;
                witness.events.hit_if(Event::ClampedHigh, code > high);
                code.clamp(low, high)
            })
            .collect())
    }
}

/// 8-bit codes in f32.
fn by_table(spec: &SoftmaxSpec, row: &[i64], witness: &mut Witness) -> Vec<i64> {
    let greatest = greatest(row);
    let factor = -(spec.input.qparams.scale as f32) * spec.beta as f32;
    let power = |code: i64| exp_f32(factor * (greatest - code) as f32);
    let sum = row.iter().fold(0f32, |sum, &code| sum + power(code));
    let inverse = 1.0 / (sum * spec.output.qparams.scale as f32);
    let (low, high) = (spec.output.dtype.code_range()).expect("8-bit codes");
    (row.iter())
        .map(|&code| {
            let steps = power(code) * inverse;
            witness.step(Some(code), steps.into());
            let tie = steps - steps.floor() == 0.5;
            witness.events.hit_if(Event::ExactTie, tie);
            let code = match spec.output.dtype {
                DType::U8 => (steps + 0.5) as i64,
                _ => (steps.round() as i64).saturating_add(spec.output.qparams.zero_point.into()),
            };
            witness.events.hit_if(Event::ClampedHigh, code > high);
            code.clamp(low, high)
        })
        .collect()
}

/// s16 codes, by tables.
struct Interpolated {
    scale: FixedPoint,
    powers: Table,
    reciprocals: Table,
}

impl Interpolated {
    fn new(spec: &SoftmaxSpec) -> Result<Self, ReferenceError> {
        const STEPS: f64 = 65_535.0;
        let scale = f64::from(spec.input.qparams.scale as f32 * spec.beta as f32);
        let qparams = |scale, zero_point| QParams { scale, zero_point };
        let output = qparams(2.0 / STEPS, 0);
        let powers = qparams(10.0 / STEPS, 32_767);
        let reciprocals = qparams(1.0 / STEPS, -32_768);
        Ok(Self {
            scale: FixedPoint::gemmlowp_of(scale / (10.0 / STEPS))?,
            powers: Table::new(Precision::F64, powers, output, exp_f64)?,
            reciprocals: Table::new(Precision::F64, reciprocals, output, |x| 1.0 / (1.0 + x))?,
        })
    }

    fn row(&self, row: &[i64], witness: &mut Witness) -> Vec<i64> {
        let greatest = greatest(row);
        let to_s16 = |value: i64| value.clamp(-32_768, 32_767);
        let powers: Vec<i64> = (row.iter())
            .map(|code| self.scale.apply((code - greatest) as i32) + 32_767)
            .map(|difference| self.powers.at(to_s16(difference)))
            .collect();
        let sum = powers
            .iter()
            .fold(0i32, |sum, &power| sum.wrapping_add(power as i32));
        let headroom = sum.leading_zeros();
        let shifted = ((i64::from(sum) << (headroom - 1)) + (1 << 13)) >> 14;
        let reciprocal = self.reciprocals.at(to_s16(shifted - (1 << 15) - (1 << 16)));
        let places = 31 - headroom;
        (powers.into_iter().zip(row))
            .map(|(power, &code)| {
                let product = power * reciprocal;
                witness.step(Some(code), product as f64 * 2f64.powi(-(places as i32)));
                let tie = product.rem_euclid(1 << places) == 1 << (places - 1);
                witness.events.hit_if(Event::ExactTie, tie);
                let code = (product + (1 << (places - 1))) >> places;
                witness.events.hit_if(Event::ClampedHigh, code > 32_767);
                code.clamp(0, 32_767)
            })
            .collect()
    }
}
