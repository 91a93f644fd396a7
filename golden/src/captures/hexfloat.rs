//! Floats as C's `%a` and Python's `float.hex` write them: `0x1.99999ap-4`.

/// The value of a hexadecimal or decimal float, `inf`, `-inf` or `nan`; `None`
/// when the text is neither, or has more digits than an f64 holds exactly.
pub(super) fn parse(text: &str) -> Option<f64> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) else {
        return text.parse().ok();
    };
    let (mantissa, exponent) = match hex.split_once(['p', 'P']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (hex, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let mut bits = 0u64;
    for digit in whole.chars().chain(fraction.chars()) {
        let digit = u64::from(digit.to_digit(16)?);
        bits = bits.checked_mul(16)?.checked_add(digit)?;
    }
    if bits >= 1 << 53 {
        return None;
    }
    let exponent = exponent - 4 * i32::try_from(fraction.len()).ok()?;
    let value = scale_by_power_of_two(bits as f64, exponent);
    Some(if negative { -value } else { value })
}

/// `value · 2^exponent`: exact wherever the result is representable, because
/// the mantissa has at most 53 bits and at most the last step is inexact.
fn scale_by_power_of_two(mut value: f64, mut exponent: i32) -> f64 {
    while exponent > 1000 && value != 0.0 && value.is_finite() {
        value *= 2f64.powi(1000);
        exponent -= 1000;
    }
    while exponent < -900 && value != 0.0 {
        value *= 2f64.powi(-900);
        exponent += 900;
    }
    value * 2f64.powi(exponent)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_hexadecimal_floats() {
        assert_eq!(parse("0x1.999999999999ap-4"), Some(0.1));
        assert_eq!(parse("-0x1.8p+1"), Some(-3.0));
        assert_eq!(
            parse("0x1.0000000000000p-23"),
            Some(f64::from(f32::EPSILON))
        );
        assert_eq!(parse("0x0.0000000000001p-1022"), Some(5e-324));
        assert_eq!(parse("0x1.fffffffffffffp+1023"), Some(f64::MAX));
        assert_eq!(parse("0x0p+0"), Some(0.0));
        assert_eq!(parse("1.0"), Some(1.0));
        assert_eq!(parse("-inf"), Some(f64::NEG_INFINITY));
    }

    #[test]
    fn refuses_what_is_no_float() {
        for text in [
            "",
            "0x",
            "0x1.8q",
            "0xp3",
            "0x1.zp0",
            "0x1.00000000000001p0",
            "one",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
