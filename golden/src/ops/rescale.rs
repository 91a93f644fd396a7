//! Rescale: integer codes to integer codes by integer multipliers (TOSA's RESCALE).
//!
//! Sources: the TOSA specification (RESCALE); TOSA's reference model,
//! reference_model/src/ops/type_conversion.cc (OpRescale); the captures of TOSA
//! for inexact rounding.

use super::ReferenceError;
use super::apply_scale::{ApplyScale, ScaleWidth};
use crate::profile::{InexactRescale, Profile};
use crate::spec::{FixedScale, RescaleRounding, RescaleSpec};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// Rescales every code. What TOSA requires not to happen (values or results beyond their bits)
/// is left open.
///
/// # Errors
/// When types, zero points or scales do not fit the spec.
pub(crate) fn rescale(
    spec: &RescaleSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let range = check(spec)?;
    for (dtype, zero_point) in [
        (spec.input, spec.input_zero_point),
        (spec.output, spec.output_zero_point),
    ] {
        witness.zero_point(dtype, zero_point);
    }
    let width = match spec.scale32 {
        true => ScaleWidth::Scale32,
        false => ScaleWidth::Scale16,
    };
    let double = spec.rounding == RescaleRounding::Double;
    let scales = (spec.scales.iter())
        .map(|&scale| Ok((scale, ApplyScale::new(scale, width, double)?)))
        .collect::<Result<Vec<_>, ReferenceError>>()?;
    let inexact = (spec.rounding == RescaleRounding::Inexact).then_some(profile.pointwise.rescale);
    let (zero_in, zero_out) = (spec.input_zero_point, i64::from(spec.output_zero_point));
    let codes = (0..input.len())
        .map(|index| {
            let (scale, exact) = scales[index % scales.len()];
            let value = input.data().code(index).saturating_sub(i64::from(zero_in));
            witness.step(Some(value), exact.exact(value));
            witness.events.hit_if(Event::ExactTie, exact.is_tie(value));
            let scaled = match inexact {
                Some(InexactRescale::MultiplyF32) => in_f32(value, scale),
                None | Some(InexactRescale::Open) => exact.apply(value),
            };
            let defined = exact.is_defined(value, zero_out)
                && i32::try_from(scaled).is_ok()
                && i32::try_from(scaled + zero_out).is_ok();
            if !defined || inexact == Some(InexactRescale::Open) {
                witness.open.push((0, index));
            }
            let code = scaled.saturating_add(zero_out);
            witness.events.hit_if(Event::ClampedLow, code < range.0);
            witness.events.hit_if(Event::ClampedHigh, code > range.1);
            code.clamp(range.0, range.1)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}

/// f32(value) ⊗ (f32(multiplier) / 2^shift), nearest, ties to even.
fn in_f32(value: i64, scale: FixedScale) -> i64 {
    // A power of two: dividing by it rounds nothing.
    let power = (scale.shift as f32).exp2();
    let real = scale.multiplier as f32 / power;
    (value as f32 * real).round_ties_even() as i64
}

/// The range of output codes.
fn check(spec: &RescaleSpec) -> Result<(i64, i64), ReferenceError> {
    let mismatch = |message: String| Err(ReferenceError::Mismatch(message));
    let channels = spec.shape.last().copied().unwrap_or(1);
    if spec.scales.len() != 1 && spec.scales.len() != channels {
        return mismatch(format!(
            "{} scales for {channels} channels; one, or one per channel, is needed",
            spec.scales.len()
        ));
    }
    for (name, dtype, zero_point) in [
        ("input", spec.input, spec.input_zero_point),
        ("output", spec.output, spec.output_zero_point),
    ] {
        let Some((low, high)) = dtype.code_range() else {
            return Err(ReferenceError::Undefined(format!(
                "{name}: {} is not a type of codes",
                dtype.name()
            )));
        };
        if !(low..=high).contains(&i64::from(zero_point)) {
            return mismatch(format!(
                "{name}: zero point {zero_point} lies outside {low}..={high}, the codes of {}",
                dtype.name()
            ));
        }
    }
    match spec.output {
        DType::I64 => Err(ReferenceError::Undefined(
            "output: s64 codes are not defined here; up to 32 bits are".into(),
        )),
        dtype => Ok(dtype.code_range().expect("it was looked at above")),
    }
}
