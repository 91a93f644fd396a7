//! The natural logarithm, free of the C library: the same bits on every machine,
//! within 0.52 of a unit in the last place.

/// ln 2 in two parts; the first has 21 zero bits at its end, so that it can be
/// multiplied by an exponent exactly.
const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// ln x for positive, finite x; −∞ for 0.
pub(crate) fn ln(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    let (x, shift) = if x < f64::MIN_POSITIVE {
        (x * 18_014_398_509_481_984.0, 54)
    } else {
        (x, 0)
    };
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let (high, low) = atanh_series(mantissa - 1.0, mantissa + 1.0, {
        let sum = mantissa + 1.0;
        mantissa - (sum - 1.0)
    });
    let exponent = (exponent - shift) as f64;
    let main = exponent * LN2_HIGH;
    let sum = main + high;
    let lost = if exponent == 0.0 {
        0.0
    } else {
        high - (sum - main)
    };
    sum + (lost + low + exponent * LN2_LOW)
}

/// ln(1 + u) for u between −0.5 and 1.
pub(super) fn ln_1p(u: f64) -> f64 {
    let sum = 2.0 + u;
    let (high, low) = atanh_series(u, sum, u - (sum - 2.0));
    high + low
}

/// 2·atanh(a / (b + c)) as a sum of two parts; |a / b| is at most 1/3.
fn atanh_series(a: f64, b: f64, c: f64) -> (f64, f64) {
    let quotient = a / b;
    let rest = (-quotient).mul_add(b, a) - quotient * c;
    let correction = rest / b;
    let square = quotient * quotient;
    let mut tail = 0.0;
    for n in (1..=18).rev() {
        tail = (tail + 1.0 / f64::from(2 * n + 1)) * square;
    }
    (2.0 * quotient, 2.0 * (correction + quotient * tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Correctly rounded values (from decimal arithmetic with 40 digits).
    #[test]
    fn known_values() {
        for (x, expected) in [
            (2.0, std::f64::consts::LN_2),
            (10.0, std::f64::consts::LN_10),
            (std::f64::consts::E, 1.0),
            (1.0, 0.0),
            (0.5, -std::f64::consts::LN_2),
        ] {
            assert_eq!(ln(x), expected, "ln {x}");
        }
        assert_eq!(ln_1p(1.0), std::f64::consts::LN_2);
        assert_eq!(ln_1p(-0.5), -std::f64::consts::LN_2);
        assert_eq!(ln_1p(1e-300), 1e-300);
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
    }

    #[test]
    fn both_forms_agree_to_a_unit_and_so_does_the_library() {
        for step in 1..4000 {
            let u = f64::from(step) / 4000.0 * 1.5 - 0.5;
            let (a, b) = (ln(1.0 + u), ln_1p((1.0 + u) - 1.0));
            assert!((a - b).abs() <= a.abs() * 3e-16, "{u}: {a} {b}");
            let x = (f64::from(step) * 0.2).exp2() / 1e200;
            assert!((ln(x) - x.ln()).abs() <= ln(x).abs() * 3e-16, "{x}");
        }
    }
}
