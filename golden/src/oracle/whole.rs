//! Integers of any size. Those that fit 128 bits take no memory of their own, so that a run over
//! many inputs asks for none; the others are big integers.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Rem, Shl, Sub};

use num_bigint::BigInt;
use num_traits::ToPrimitive;

/// An integer. What fits `Small` is never `Big`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whole {
    /// of at most 128 bits
    Small(i128),
    /// of more
    Big(BigInt),
}

impl Whole {
    /// The same as a big integer.
    pub(super) fn big(&self) -> BigInt {
        match self {
            Self::Small(value) => BigInt::from(*value),
            Self::Big(value) => value.clone(),
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == Self::Small(0)
    }

    pub(super) fn is_negative(&self) -> bool {
        *self < Self::Small(0)
    }

    pub(super) fn is_positive(&self) -> bool {
        *self > Self::Small(0)
    }

    /// As an i64, if it fits.
    pub(super) fn to_i64(&self) -> Option<i64> {
        match self {
            Self::Small(value) => i64::try_from(*value).ok(),
            Self::Big(_) => None,
        }
    }

    /// As an i32, if it fits.
    pub(super) fn to_i32(&self) -> Option<i32> {
        i32::try_from(self.to_i64()?).ok()
    }
}

impl From<BigInt> for Whole {
    fn from(value: BigInt) -> Self {
        match value.to_i128() {
            Some(small) => Self::Small(small),
            None => Self::Big(value),
        }
    }
}

impl From<&Whole> for Whole {
    fn from(value: &Whole) -> Self {
        value.clone()
    }
}

impl From<i32> for Whole {
    fn from(value: i32) -> Self {
        Self::Small(value.into())
    }
}

impl From<i64> for Whole {
    fn from(value: i64) -> Self {
        Self::Small(value.into())
    }
}

impl Ord for Whole {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Small(a), Self::Small(b)) => a.cmp(b),
            _ => self.big().cmp(&other.big()),
        }
    }
}

impl PartialOrd for Whole {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An operation of two integers: in 128 bits where that holds the result.
macro_rules! operation {
    ($($operation:ident, $method:ident, $checked:ident;)+) => {$(
        impl<T: Into<Whole>> $operation<T> for &Whole {
            type Output = Whole;
            fn $method(self, other: T) -> Whole {
                let other = other.into();
                if let (Whole::Small(a), Whole::Small(b)) = (self, &other)
                    && let Some(small) = a.$checked(*b)
                {
                    return Whole::Small(small);
                }
                self.big().$method(other.big()).into()
            }
        }

        impl<T: Into<Whole>> $operation<T> for Whole {
            type Output = Whole;
            fn $method(self, other: T) -> Whole {
                (&self).$method(other)
            }
        }
    )+};
}

// Division is cut toward zero, and the remainder has the sign of the dividend.
operation! {
    Add, add, checked_add;
    Sub, sub, checked_sub;
    Mul, mul, checked_mul;
    Div, div, checked_div;
    Rem, rem, checked_rem;
}

impl Shl<i64> for Whole {
    type Output = Self;
    fn shl(self, places: i64) -> Self {
        if let Self::Small(value) = self
            && let Some(small) = shifted(value, places)
        {
            return Self::Small(small);
        }
        (self.big() << places).into()
    }
}

impl Neg for Whole {
    type Output = Self;
    fn neg(self) -> Self {
        Self::Small(0) - self
    }
}

/// `value` · 2^`places`, if that fits; `places` is not negative.
pub(super) fn shifted(value: i128, places: i64) -> Option<i128> {
    let free = i64::from(value.unsigned_abs().leading_zeros()) - 1;
    if value == 0 {
        return Some(0);
    }
    (places <= free).then(|| value << places)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Around both ends of 128 bits the results are those of big integers, and in one form.
    #[test]
    fn operations_beyond_128_bits_are_those_of_big_integers() {
        let values = [
            0,
            1,
            -1,
            3,
            i128::from(i64::MAX),
            i128::MAX,
            i128::MIN,
            i128::MAX / 3,
        ];
        for a in values {
            for b in values {
                let (x, y) = (Whole::Small(a), Whole::Small(b));
                let (p, q) = (BigInt::from(a), BigInt::from(b));
                assert_eq!(&x + &y, Whole::from(&p + &q), "{a} + {b}");
                assert_eq!(&x - &y, Whole::from(&p - &q), "{a} - {b}");
                assert_eq!(&x * &y, Whole::from(&p * &q), "{a} * {b}");
                if b != 0 {
                    assert_eq!(&x / &y, Whole::from(&p / &q), "{a} / {b}");
                    assert_eq!(&x % &y, Whole::from(&p % &q), "{a} % {b}");
                }
                let (product, square) = (&x * &y, &x * &x);
                assert_eq!(product.cmp(&square), (&p * &q).cmp(&(&p * &p)), "{a}, {b}");
            }
            for places in [0, 1, 64, 126, 127, 128, 200] {
                let expected = Whole::from(BigInt::from(a) << places);
                assert_eq!(Whole::Small(a) << places, expected, "{a} << {places}");
            }
            assert_eq!(-Whole::Small(a), Whole::from(-BigInt::from(a)));
        }
    }
}
