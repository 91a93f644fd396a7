//! Approximate scale: a real factor as an integer multiplier and a shift. Source:
//! Distiller distiller/quantization/q_utils.py (get_scale_approximation_params,
//! approx_scale_as_mult_and_shift).

use super::ReferenceError;
use crate::calibrators::logarithm::ln;
use crate::spec::ApproximateScaleSpec;
use crate::tensor::{Data, Tensor};

/// Multipliers of more bits than this are not whole in f32's range of shifts.
const MOST_BITS: u32 = 31;

/// Multiplier, shift and approximation of each factor, all f32.
///
/// # Errors
/// When there are no bits, or more than 31.
pub(super) fn approximate_scale(
    spec: &ApproximateScaleSpec,
    input: &Tensor,
) -> Result<Vec<Tensor>, ReferenceError> {
    let Data::F32(factors) = input.data() else {
        return Err(ReferenceError::Mismatch(format!(
            "approximate_scale takes f32, not {}",
            input.dtype().name()
        )));
    };
    check_bits(spec.bits)?;
    let found: Vec<Approximation> = (factors.iter())
        .map(|&x| within(x, spec.bits, spec.greatest_shift))
        .collect();
    let of = |value: fn(&Approximation) -> f32| {
        let values = found.iter().map(value).collect();
        Tensor::new([spec.len], Data::F32(values)).expect("as many as factors")
    };
    Ok(vec![
        of(|found| found.multiplier),
        of(|found| found.shift),
        of(|found| found.value),
    ])
}

/// Whether a multiplier can have this many bits.
///
/// # Errors
/// When it cannot.
pub(crate) fn check_bits(bits: u32) -> Result<(), ReferenceError> {
    if (1..=MOST_BITS).contains(&bits) {
        return Ok(());
    }
    Err(ReferenceError::Mismatch(format!(
        "a multiplier of {bits} bits: 1 to {MOST_BITS} are possible"
    )))
}

/// A factor as multiplier / 2^shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Approximation {
    multiplier: f32,
    shift: f32,
    /// the approximation
    pub(crate) value: f32,
}

/// shift = ⌊log2((1 ⊘ x) ⊗ (2^bits − 1))⌋, multiplier = ⌊x ⊗ 2^shift⌋.
pub(crate) fn approximate(x: f32, bits: u32) -> Approximation {
    within(x, bits, None)
}

/// As [`approximate`], by no greater shift than `greatest`.
fn within(x: f32, bits: u32, greatest: Option<u32>) -> Approximation {
    let most = ((1u64 << bits) - 1) as f32;
    let room = f64::from(1.0 / x * most);
    let shift = ((ln(room) / std::f64::consts::LN_2) as f32).floor();
    let shift = greatest.map_or(shift, |greatest| shift.min(greatest as f32));
    let power = super::fake_quantize::two_to(shift);
    let multiplier = (x * power).floor();
    Approximation {
        multiplier,
        shift,
        value: multiplier / power,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_in_eight_bits() {
        // 3 · 255 = 765 lies between 2^9 and 2^10; 512 / 3 = 170.67.
        let found = approximate(1.0 / 3.0, 8);
        assert_eq!((found.multiplier, found.shift), (170.0, 9.0));
        assert_eq!(found.value, 170.0 / 512.0);
    }

    #[test]
    fn factors_above_the_greatest_multiplier_shift_the_other_way() {
        // 255 / 1000 is above 2^-2: 1000 / 4 = 250.
        let found = approximate(1000.0, 8);
        assert_eq!(
            (found.multiplier, found.shift, found.value),
            (250.0, -2.0, 1000.0)
        );
    }

    #[test]
    fn a_shift_is_held_to_the_greatest() {
        // 255 · 1000 lies between 2^17 and 2^18; 2^8 / 1000 is below 1.
        assert_eq!(within(0.001, 8, Some(17)).shift, 17.0);
        let found = within(0.001, 8, Some(8));
        assert_eq!((found.multiplier, found.shift), (0.0, 8.0));
    }

    #[test]
    fn an_approximation_is_below_and_near() {
        for index in 1..500 {
            let x = index as f32 * 0.0137;
            let value = approximate(x, 15).value;
            assert!(
                value <= x && value > x * (1.0 - 1.0 / 8192.0),
                "{x}: {value}"
            );
        }
    }

    #[test]
    fn impossible_bits_are_refused() {
        assert!(check_bits(0).is_err() && check_bits(32).is_err() && check_bits(31).is_ok());
    }
}
