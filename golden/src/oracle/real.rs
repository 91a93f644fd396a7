//! Exact numbers, and the one rounding that IEEE 754 formats do to them.

use std::cmp::Ordering;

use super::ratio::{Parts, Ratio};
use super::whole::{Whole, shifted};

/// A binary floating-point format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    /// digits of the significand, the leading one included
    digits: i64,
    /// exponent of the least subnormal
    least: i64,
    /// 2^top is the first power of two that is too large
    top: i64,
}

/// IEEE 754 binary32.
pub(super) const F32: Format = Format {
    digits: 24,
    least: -149,
    top: 128,
};

/// IEEE 754 binary64.
pub(super) const F64: Format = Format {
    digits: 53,
    least: -1074,
    top: 1024,
};

/// A value of a floating-point format, exactly. Zeros have no sign here: no op
/// of the oracle divides by a negative zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Real {
    /// not a number
    Nan,
    /// +∞ (`true`) or −∞
    Infinite(bool),
    /// a number
    Finite(Ratio),
}

/// An integer as a rational.
pub(super) fn integer(value: impl Into<Whole>) -> Ratio {
    Ratio::from_integer(value.into())
}

/// 2 to any power.
pub(super) fn power_of_two(exponent: i64) -> Ratio {
    Ratio::small(1, exponent)
}

/// ⌊value⌋
pub(super) fn floor(value: &Ratio) -> Whole {
    value.floor()
}

/// ½
pub(super) fn half() -> Ratio {
    power_of_two(-1)
}

/// Nearest integer, ties to even.
pub(super) fn nearest_even(value: &Ratio) -> Whole {
    let below = floor(value);
    let rest = value - integer(&below);
    let odd = !(&below % 2).is_zero();
    if rest > half() || (rest == half() && odd) {
        below + 1
    } else {
        below
    }
}

/// Nearest integer, ties away from zero.
pub(super) fn nearest_away(value: &Ratio) -> Whole {
    let magnitude = floor(&(value.abs() + half()));
    if value.is_negative() {
        -magnitude
    } else {
        magnitude
    }
}

/// Nearest integer, ties toward +∞.
pub(super) fn nearest_up(value: &Ratio) -> Whole {
    floor(&(value + half()))
}

/// The e with 2^(e − 1) ≤ |value| < 2^e; `value` is not 0.
pub(super) fn exponent_above(value: &Ratio) -> i64 {
    if let Ratio::Small(parts) = value
        && let Some(exponent) = exponent_of(parts)
    {
        return exponent;
    }
    let value = value.big();
    let bits = |n: &num_bigint::BigInt| i64::try_from(n.bits()).expect("numbers of sane size");
    let guess = bits(value.numer()) - bits(value.denom());
    match Ratio::from(value).abs().cmp(&power_of_two(guess)) {
        Ordering::Less => guess,
        _ => guess + 1,
    }
}

/// [`exponent_above`] in 128 bits; `None` where they do not hold it.
fn exponent_of(parts: &Parts) -> Option<i64> {
    let bits = |n: i128| i64::from(128 - n.unsigned_abs().leading_zeros());
    let guess = bits(parts.numer) - bits(parts.denom);
    // Brought to the same length, the greater one tells.
    let numer = shifted(parts.numer.checked_abs()?, (-guess).max(0))?;
    let denom = shifted(parts.denom, guess.max(0))?;
    Some(guess + parts.exponent + i64::from(numer >= denom))
}

/// The integer nearest to numer / denom · 2^exponent, ties to even, in 128 bits; `None` where they
/// do not hold it.
fn nearest_of(parts: &Parts, exponent: i64) -> Option<i128> {
    let magnitude = parts.numer.checked_abs()?;
    let numer = shifted(magnitude, exponent.max(0))?;
    let denom = shifted(parts.denom, (-exponent).max(0))?;
    let (whole, rest) = (numer / denom, numer % denom);
    let up = match rest.cmp(&(denom - rest)) {
        Ordering::Less => false,
        Ordering::Equal => whole & 1 == 1,
        Ordering::Greater => true,
    };
    Some((whole + i128::from(up)) * parts.numer.signum())
}

impl Format {
    /// The format's nearest value, ties to even; too large becomes infinite.
    pub(super) fn round(self, value: &Ratio) -> Real {
        if value.is_zero() {
            return Real::Finite(Ratio::zero());
        }
        let unit = (exponent_above(value) - self.digits).max(self.least);
        let small = match value {
            Ratio::Small(parts) => nearest_of(parts, parts.exponent - unit),
            Ratio::Big(_) => None,
        };
        let rounded = match small {
            Some(steps) => Ratio::small(steps, unit),
            None => integer(nearest_even(&(value / power_of_two(unit)))) * power_of_two(unit),
        };
        if !rounded.is_zero() && exponent_above(&rounded) > self.top {
            Real::Infinite(rounded.is_positive())
        } else {
            Real::Finite(rounded)
        }
    }

    /// [`round`](Self::round) of something that may not be finite.
    pub(super) fn fit(self, value: Real) -> Real {
        match value {
            Real::Finite(value) => self.round(&value),
            other => other,
        }
    }

    /// a + b
    pub(super) fn add(self, a: &Real, b: &Real) -> Real {
        match (a, b) {
            (Real::Nan, _) | (_, Real::Nan) => Real::Nan,
            (Real::Infinite(x), Real::Infinite(y)) if x != y => Real::Nan,
            (Real::Infinite(x), _) | (_, Real::Infinite(x)) => Real::Infinite(*x),
            (Real::Finite(x), Real::Finite(y)) => self.round(&(x + y)),
        }
    }

    /// a · b
    pub(super) fn mul(self, a: &Real, b: &Real) -> Real {
        self.fit(product(a, b))
    }

    /// a · b + c, rounded once
    pub(super) fn fma(self, a: &Real, b: &Real, c: &Real) -> Real {
        self.add(&product(a, b), c)
    }

    /// a / b
    pub(super) fn div(self, a: &Real, b: &Real) -> Real {
        match (a, b) {
            (Real::Nan, _) | (_, Real::Nan) | (Real::Infinite(_), Real::Infinite(_)) => Real::Nan,
            (Real::Infinite(x), y) => Real::Infinite(*x == y.is_at_least_zero()),
            (Real::Finite(_), Real::Infinite(_)) => Real::Finite(Ratio::zero()),
            (Real::Finite(x), Real::Finite(y)) if y.is_zero() => {
                if x.is_zero() {
                    Real::Nan
                } else {
                    Real::Infinite(x.is_positive())
                }
            }
            (Real::Finite(x), Real::Finite(y)) => self.round(&(x / y)),
        }
    }

    /// 1 / b
    pub(super) fn recip(self, b: &Real) -> Real {
        self.div(&Real::integer(1), b)
    }
}

/// a · b, not rounded.
fn product(a: &Real, b: &Real) -> Real {
    match (a, b) {
        (Real::Nan, _) | (_, Real::Nan) => Real::Nan,
        (Real::Finite(x), Real::Finite(y)) => Real::Finite(x * y),
        (Real::Finite(x), Real::Infinite(_)) | (Real::Infinite(_), Real::Finite(x))
            if x.is_zero() =>
        {
            Real::Nan
        }
        _ => Real::Infinite(a.is_at_least_zero() == b.is_at_least_zero()),
    }
}

impl Real {
    /// The value of an f64 (every f32 is one).
    pub(super) fn from(value: impl Into<f64>) -> Self {
        let value: f64 = value.into();
        if value.is_nan() {
            return Self::Nan;
        }
        if value.is_infinite() {
            return Self::Infinite(value > 0.0);
        }
        let bits = value.to_bits();
        let fraction = i128::from(bits & ((1 << 52) - 1));
        let biased = i64::try_from((bits >> 52) & 0x7FF).expect("11 bits");
        let (significand, exponent) = if biased == 0 {
            (fraction, -1074)
        } else {
            (fraction + (1 << 52), biased - 1075)
        };
        let sign = if value < 0.0 { -1 } else { 1 };
        Self::Finite(Ratio::small(sign * significand, exponent))
    }

    /// An integer, exactly.
    pub(super) fn integer(value: i64) -> Self {
        Self::Finite(integer(value))
    }

    /// The f64 that this is: exact for every value of [`F64`] and [`F32`].
    pub(super) fn to_f64(&self) -> f64 {
        match self {
            Self::Nan => f64::NAN,
            Self::Infinite(true) => f64::INFINITY,
            Self::Infinite(false) => f64::NEG_INFINITY,
            // The nearest f64 by construction: the value is an f64.
            Self::Finite(value) => value.to_f64().expect("finite"),
        }
    }

    fn is_at_least_zero(&self) -> bool {
        match self {
            Self::Nan => false,
            Self::Infinite(positive) => *positive,
            Self::Finite(value) => !value.is_negative(),
        }
    }
}
