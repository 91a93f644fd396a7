//! Power of two: real values to signed powers of two. Source: QKeras
//! qkeras/quantizers.py (_clip_power_of_two, quantized_po2, quantized_relu_po2).

use super::ReferenceError;
use super::fake_quantize::{through, two_to};
use super::log_f32::ln_f32;
use crate::profile::{Logarithm, Profile, Subnormals};
use crate::spec::PowerOfTwoSpec;
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// |x| below this gets the least exponent.
const LEAST: f32 = 1e-7;

/// Quantizes `input` (`spec.shape`, f32) under the axes `logarithm`, `result` and `subnormals` of
/// `profile.fake_quantize`.
///
/// # Errors
/// When the exponents are no range.
pub(super) fn power_of_two(
    spec: &PowerOfTwoSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let Data::F32(values) = input.data() else {
        return Err(ReferenceError::Mismatch(format!(
            "power_of_two takes f32, not {}",
            input.dtype().name()
        )));
    };
    if spec.exponents.0 > spec.exponents.1 {
        return Err(ReferenceError::Mismatch(format!(
            "exponents {:?} are no range",
            spec.exponents
        )));
    }
    let rule = &profile.fake_quantize;
    let of = |&x: &f32| {
        witness.events.hit_if(Event::NanInput, x.is_nan());
        let positive = if x > 0.0 || x.is_nan() { x } else { 0.0 };
        let magnitude = if spec.signed { x.abs() } else { positive };
        let power = two_to(exponent(spec, rule.logarithm, magnitude));
        let power = match rule.subnormals {
            Subnormals::Flushed if power.is_subnormal() => 0.0,
            Subnormals::Kept | Subnormals::Flushed => power,
        };
        let greatest = spec.greatest.map(|greatest| greatest as f32);
        let straight = match greatest {
            _ if spec.signed => x,
            Some(greatest) if positive > greatest => greatest,
            _ => positive,
        };
        let value = if spec.signed && x < 0.0 {
            -power
        } else {
            power
        };
        through(rule.result, straight, value)
    };
    let values = values.iter().map(of).collect();
    Ok(Tensor::new(spec.shape.clone(), Data::F32(values)).expect("as many values"))
}

/// The exponent of |x|: a whole number, NaN of NaN.
fn exponent(spec: &PowerOfTwoSpec, form: Logarithm, magnitude: f32) -> f32 {
    let (least, most) = (spec.exponents.0 as f32, spec.exponents.1 as f32);
    if magnitude < LEAST {
        return least;
    }
    let held = match spec.greatest {
        Some(greatest) if magnitude >= greatest as f32 => greatest as f32,
        _ => magnitude,
    };
    let (root, factor) = match spec.quadratic {
        true => (held.sqrt(), 2.0),
        false => (held, 1.0),
    };
    let logarithm = ln_f32(form, root) / std::f32::consts::LN_2;
    let whole = match spec.floor {
        true => logarithm.floor(),
        false => logarithm.round_ties_even(),
    };
    factor * whole.clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::named;

    fn powers(profile: &str, spec: &PowerOfTwoSpec, values: &[f32]) -> Vec<f32> {
        let input = Tensor::new([values.len()], Data::F32(values.to_vec())).unwrap();
        let profile = named::find(profile).unwrap().profile;
        let mut witness = Witness::default();
        match power_of_two(spec, &input, &profile, &mut witness)
            .unwrap()
            .data()
        {
            Data::F32(values) => values.clone(),
            _ => panic!("f32"),
        }
    }

    fn spec(values: usize) -> PowerOfTwoSpec {
        PowerOfTwoSpec {
            shape: vec![values],
            exponents: (-4, 3),
            greatest: None,
            quadratic: false,
            floor: false,
            signed: true,
        }
    }

    #[test]
    fn exponents_are_nearest_in_the_logarithm_and_held() {
        // √2 is between 1 and 2.
        let got = powers("qkeras", &spec(6), &[1.4, 1.42, -3.0, 100.0, 0.001, 0.0]);
        assert_eq!(got, [1.0, 2.0, -4.0, 8.0, 0.0625, 0.0625]);
        let floor = PowerOfTwoSpec {
            floor: true,
            ..spec(2)
        };
        assert_eq!(powers("qkeras", &floor, &[1.9, -3.0]), [1.0, -2.0]);
        let even = PowerOfTwoSpec {
            quadratic: true,
            exponents: (-4, 2),
            ..spec(2)
        };
        assert_eq!(powers("qkeras", &even, &[1.9, 2.1]), [1.0, 4.0]);
    }

    #[test]
    fn without_a_sign_negative_values_get_the_least_power() {
        let spec = PowerOfTwoSpec {
            signed: false,
            greatest: Some(2.0),
            ..spec(3)
        };
        assert_eq!(
            powers("qkeras", &spec, &[-3.0, 9.0, 0.5]),
            [0.0625, 2.0, 0.5]
        );
    }

    #[test]
    fn subnormal_powers_are_flushed_where_the_profile_says_so() {
        let spec = PowerOfTwoSpec {
            exponents: (-128, 0),
            ..spec(1)
        };
        assert_eq!(powers("qkeras", &spec, &[0.0]), [0.0]);
        assert_eq!(powers("fbgemm", &spec, &[0.0]), [2.938_736e-39]);
    }

    #[test]
    fn exponents_that_are_no_range_are_refused() {
        let spec = PowerOfTwoSpec {
            exponents: (1, 0),
            ..spec(1)
        };
        let input = Tensor::new([1], Data::F32(vec![0.0])).unwrap();
        let profile = named::find("qkeras").unwrap().profile;
        assert!(power_of_two(&spec, &input, &profile, &mut Witness::default()).is_err());
    }
}
