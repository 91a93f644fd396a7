//! The gradients of a learned scale and zero point. Source: NNI
//! nni/compression/base/apply_method.py (lsq_clamp_round, lsq_plus_clamp_round).

use super::{steps, summable};
use crate::ops::cascade_sum::sum;
use crate::ops::channels::Channels;
use crate::ops::{ReferenceError, landing::round};
use crate::profile::{Profile, ScaleGradient};
use crate::spec::{Domain, FakeParameters, FakeQuantizeSpec, Levels};
use crate::tensor::{Data, Tensor};

/// The gradients of the scale and of the zero point for the gradient `above` of the values. With
/// t = x ⊘ s and a = t ⊕ z, a value gives qmin ⊖ z or qmax ⊖ z where a is beyond the codes and
/// round(a) ⊖ t ⊖ z elsewhere, for the zero point −s or 0.
///
/// # Errors
/// When scales are not learned, or are several, or codes are not whole steps.
pub(in crate::ops) fn scale_gradient(
    spec: &FakeQuantizeSpec,
    input: &Tensor,
    above: &Tensor,
    profile: &Profile,
) -> Result<Vec<Tensor>, ReferenceError> {
    let (Data::F32(values), Data::F32(above)) = (input.data(), above.data()) else {
        return Err(ReferenceError::Mismatch("gradients are of f32".into()));
    };
    let rule = &profile.fake_quantize;
    let undefined = |what: &str| Err(ReferenceError::Undefined(what.into()));
    if rule.scale_gradient == ScaleGradient::None {
        return undefined("this profile's scales are not learned");
    }
    let plain = spec.levels == Levels::Steps && spec.domain == Domain::Plain;
    if !plain || spec.axis.is_some() || !matches!(spec.parameters, FakeParameters::Scales(_)) {
        return undefined("gradients of scales are defined for whole steps of one given scale");
    }
    summable(values)?;
    let (steps, _) = steps(spec, values, Channels::one(), rule)?;
    let (scale, zero_point) = (steps[0].scale, steps[0].zero_point);
    let (qmin, qmax) = (spec.range.0 as f32, spec.range.1 as f32);
    let root = (spec.range.1 as f64 * values.len() as f64).sqrt();
    let share = if root == 0.0 {
        1.0
    } else {
        (1.0 / root) as f32
    };
    let flag = |is: bool| f32::from(u8::from(is));
    let (mut of_scale, mut of_zero_point) = (Vec::new(), Vec::new());
    for (&x, &above) in values.iter().zip(above) {
        let t = x / scale;
        let a = t + zero_point;
        let (below, beyond) = (flag(a < qmin), flag(a > qmax));
        // Upstream multiplies by 0 where it does not choose: NaN and infinity go through.
        let within = 1.0 - below - beyond;
        let rounded = round(rule.rounding, f64::from(a), true) as f32;
        let of_codes = below * (qmin - zero_point) + beyond * (qmax - zero_point);
        let of_rounding = within * (0.0 - t - zero_point + rounded);
        of_scale.push((of_codes + of_rounding) * above * share);
        of_zero_point.push((below * -scale + beyond * -scale + within * 0.0) * above);
    }
    let one = |value: f32| Tensor::new([1], Data::F32(vec![value])).expect("one value");
    Ok(vec![one(sum(&of_scale)), one(sum(&of_zero_point))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::named::find;
    use crate::spec::{Constants, OpSpec, Problem, RealQParams};
    use crate::witness::Witness;

    fn gradients(profile: &str, zero_point: f64) -> Result<Vec<f32>, ReferenceError> {
        let spec = FakeQuantizeSpec {
            shape: vec![4],
            range: (-8, 4),
            axis: None,
            domain: Domain::Plain,
            levels: Levels::Steps,
            parameters: FakeParameters::Scales(vec![RealQParams {
                scale: 0.5,
                zero_point,
                lowest: 0.0,
                gain: 1.0,
                value_scale: None,
                approximate_bits: None,
            }]),
        };
        let tensor = |values: [f32; 4]| Tensor::new([4], Data::F32(values.to_vec())).unwrap();
        let problem = Problem {
            op: OpSpec::FakeQuantizeScaleGradient(spec),
            constants: Constants::default(),
            inputs: vec![
                tensor([-9.0, 9.0, 0.625, 0.25]),
                tensor([1.0, 2.0, 4.0, 8.0]),
            ],
        };
        let profile = &find(profile).unwrap().profile;
        let outputs = crate::ops::reference(&problem, profile, &mut Witness::default())?;
        Ok((outputs.iter())
            .map(|output| match output.data() {
                Data::F32(values) => values[0],
                _ => panic!("f32"),
            })
            .collect())
    }

    #[test]
    fn clamped_values_count_as_their_code_others_as_what_rounding_took() {
        // qmax · count = 16. Steps: −18, 18, 1.25, 0.5 (to even: 0).
        let terms = -8.0 + 2.0 * 4.0 + 4.0 * -0.25 + 8.0 * -0.5;
        let clamped = -(1.0 * 0.5 + 2.0 * 0.5);
        assert_eq!(gradients("nni-lsq", 0.0), Ok(vec![terms / 4.0, clamped]));
        // With a zero point of 1: −17, 19, 2.25, 1.5 (to even: 2).
        let terms = -9.0 + 2.0 * 3.0 + 4.0 * -0.25 + 8.0 * 0.5;
        assert_eq!(gradients("nni", 1.0), Ok(vec![terms / 4.0, clamped]));
    }

    #[test]
    fn scales_that_are_not_learned_have_no_gradient() {
        assert!(gradients("exact", 0.0).is_err());
    }
}
