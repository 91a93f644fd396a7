//! The gradient of fake quantize with respect to its input, straight through
//! where values are not held to the range of codes.

use super::element::{before, whole};
use super::{channels, steps};
use crate::ops::ReferenceError;
use crate::profile::{FakeGradient, Profile};
use crate::spec::{Domain, FakeParameters, FakeQuantizeSpec, Levels};
use crate::tensor::{Data, Tensor};

/// The gradient of `input` for the gradient `above` of the values: `above` ⊗ 1 within the
/// range, ⊗ 0 beyond it, as `profile.fake_quantize.gradient` says.
///
/// # Errors
/// When scales are not given, or codes are not whole steps.
pub(in crate::ops) fn gradient(
    spec: &FakeQuantizeSpec,
    input: &Tensor,
    above: &Tensor,
    profile: &Profile,
) -> Result<Tensor, ReferenceError> {
    let (Data::F32(values), Data::F32(above)) = (input.data(), above.data()) else {
        return Err(ReferenceError::Mismatch("gradients are of f32".into()));
    };
    let plain = spec.levels == Levels::Steps && spec.domain == Domain::Plain;
    if !plain || !matches!(spec.parameters, FakeParameters::Scales(_)) {
        return Err(ReferenceError::Undefined(
            "gradients are defined for whole steps of given scales".into(),
        ));
    }
    let channels = channels(spec)?;
    let rule = &profile.fake_quantize;
    let (steps, _) = steps(spec, values, channels, rule)?;
    let (low, high) = (spec.range.0 as f32, spec.range.1 as f32);
    let of = |(index, (&x, &above)): (usize, (&f32, &f32))| {
        let steps = &steps[channels.of(index)];
        let before = before(rule, steps, (low, high), x);
        let inside = match rule.gradient {
            FakeGradient::CodesWithin => (low..=high).contains(&whole(rule, steps, before)),
            FakeGradient::StepsNotBeyond => !(before < low || before > high),
        };
        above * f32::from(u8::from(inside))
    };
    let gradients = values.iter().zip(above).enumerate().map(of).collect();
    Ok(Tensor::new(spec.shape.clone(), Data::F32(gradients)).expect("as many values"))
}
