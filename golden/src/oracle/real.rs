//! Exact numbers, and the one rounding that IEEE 754 formats do to them.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

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
    Finite(BigRational),
}

/// An integer as a rational.
pub(super) fn integer(value: impl Into<BigInt>) -> BigRational {
    BigRational::from_integer(value.into())
}

/// 2 to any power.
pub(super) fn power_of_two(exponent: i64) -> BigRational {
    let power = integer(BigInt::from(1) << exponent.unsigned_abs());
    if exponent < 0 { power.recip() } else { power }
}

/// ⌊value⌋
pub(super) fn floor(value: &BigRational) -> BigInt {
    value.floor().to_integer()
}

/// ½
pub(super) fn half() -> BigRational {
    power_of_two(-1)
}

/// Nearest integer, ties to even.
pub(super) fn nearest_even(value: &BigRational) -> BigInt {
    let below = floor(value);
    let rest = value - integer(below.clone());
    let odd = !(&below % BigInt::from(2)).is_zero();
    if rest > half() || (rest == half() && odd) {
        below + 1
    } else {
        below
    }
}

/// Nearest integer, ties away from zero.
pub(super) fn nearest_away(value: &BigRational) -> BigInt {
    let magnitude = floor(&(value.abs() + half()));
    if value.is_negative() {
        -magnitude
    } else {
        magnitude
    }
}

/// Nearest integer, ties toward +∞.
pub(super) fn nearest_up(value: &BigRational) -> BigInt {
    floor(&(value + half()))
}

impl Format {
    /// The format's nearest value, ties to even; too large becomes infinite.
    pub(super) fn round(self, value: &BigRational) -> Real {
        if value.is_zero() {
            return Real::Finite(value.clone());
        }
        let bits = |n: &BigInt| i64::try_from(n.bits()).expect("numbers of sane size");
        let guess = bits(value.numer()) - bits(value.denom());
        let exponent = if value.abs() < power_of_two(guess) {
            guess - 1
        } else {
            guess
        };
        let unit = power_of_two((exponent - self.digits + 1).max(self.least));
        let rounded = integer(nearest_even(&(value / &unit))) * unit;
        if rounded.abs() >= power_of_two(self.top) {
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
            (Real::Finite(_), Real::Infinite(_)) => Real::Finite(BigRational::zero()),
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
        let fraction = i64::try_from(bits & ((1 << 52) - 1)).expect("52 bits");
        let biased = i64::try_from((bits >> 52) & 0x7FF).expect("11 bits");
        let (significand, exponent) = if biased == 0 {
            (fraction, -1074)
        } else {
            (fraction + (1 << 52), biased - 1075)
        };
        let magnitude = integer(significand) * power_of_two(exponent);
        Self::Finite(if value < 0.0 { -magnitude } else { magnitude })
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
