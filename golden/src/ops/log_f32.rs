//! The natural logarithm of an f32, as a profile says.

use crate::calibrators::logarithm::ln;
use crate::profile::Logarithm;

/// Where the significand is halved: the f32 nearest to √½.
const ROOT_HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// ln x; −∞ of 0, NaN of negative values.
pub(crate) fn ln_f32(form: Logarithm, x: f32) -> f32 {
    if x.is_nan() || x < 0.0 {
        return f32::NAN;
    }
    if x == 0.0 {
        return f32::NEG_INFINITY;
    }
    if x.is_infinite() {
        return x;
    }
    match form {
        Logarithm::Rounded => ln(f64::from(x)) as f32,
        Logarithm::EigenF32 => eigen(x),
    }
}

/// Cephes' polynomial (logf.c) in the order of Eigen
/// Eigen/src/Core/arch/Default/GenericPacketMathFunctions.h (plog_impl_float), with fused
/// multiply-adds.
fn eigen(x: f32) -> f32 {
    // Exact: an f32 is normal in f64.
    let bits = f64::from(x).to_bits();
    let exponent = ((bits >> 52) & 0x7FF) as i32 - 1022;
    let significand = f64::from_bits((bits & ((1 << 52) - 1)) | (1022 << 52)) as f32;
    let (exponent, x) = if significand < ROOT_HALF {
        ((exponent - 1) as f32, significand - 1.0 + significand)
    } else {
        (exponent as f32, significand - 1.0)
    };
    let square = x * x;
    let cube = square * x;
    let high = 7.037_683_6e-2f32
        .mul_add(x, -1.151_461e-1)
        .mul_add(x, 1.167_699_9e-1);
    let middle = (-1.242_014_1e-1f32)
        .mul_add(x, 1.424_932_3e-1)
        .mul_add(x, -1.666_805_8e-1);
    let low = 2.000_071_5e-1f32
        .mul_add(x, -2.499_999_4e-1)
        .mul_add(x, 3.333_333e-1);
    let tail = high.mul_add(cube, middle).mul_add(cube, low) * cube;
    let tail = (-0.5f32).mul_add(square, tail);
    exponent.mul_add(std::f32::consts::LN_2, x + tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_within_a_unit_of_each_other() {
        for index in 1..2000 {
            let x = index as f32 * 0.037;
            let (rounded, eigen) = (
                ln_f32(Logarithm::Rounded, x),
                ln_f32(Logarithm::EigenF32, x),
            );
            let apart = (rounded - eigen).abs();
            assert!(
                apart <= rounded.abs().max(1e-2) * 2.4e-7,
                "{x}: {rounded} {eigen}"
            );
        }
    }

    #[test]
    fn the_root_of_a_half_is_half_a_step_only_for_eigen() {
        let steps = |form| ln_f32(form, 0.5f32.sqrt()) / std::f32::consts::LN_2;
        assert_eq!(steps(Logarithm::EigenF32), -0.5);
        assert!(steps(Logarithm::Rounded) < -0.5);
    }

    #[test]
    fn powers_of_two_and_special_values() {
        for form in [Logarithm::Rounded, Logarithm::EigenF32] {
            assert_eq!(ln_f32(form, 1.0), 0.0);
            assert_eq!(ln_f32(form, 0.5), -std::f32::consts::LN_2);
            assert_eq!(ln_f32(form, 0.0), f32::NEG_INFINITY);
            assert_eq!(ln_f32(form, f32::INFINITY), f32::INFINITY);
            assert!(ln_f32(form, -1.0).is_nan());
        }
    }
}
