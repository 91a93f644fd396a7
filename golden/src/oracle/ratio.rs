//! Rational numbers of any size. Those whose parts fit 128 bits take no memory of their own: a
//! quotient of two integers times a power of two, as floats and their sums, products and
//! quotients are. Every operation is checked; what does not fit becomes a big rational.

use std::cmp::Ordering;
use std::iter::Sum;
use std::ops::{Add, Div, Mul, MulAssign, Neg, Sub};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

use super::whole::{Whole, shifted};

/// A rational number.
#[derive(Debug, Clone)]
pub(super) enum Ratio {
    /// whose parts fit 128 bits
    Small(Parts),
    /// any
    Big(Box<BigRational>),
}

/// numer / denom · 2^exponent. The numerator is odd, or all is 0 / 1 · 2^0; the denominator is odd
/// and positive. They may have common divisors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub(super) numer: i128,
    pub(super) denom: i128,
    pub(super) exponent: i64,
}

impl Parts {
    /// The same number, its numerator odd; `denom` is odd already.
    fn new(numer: i128, denom: i128, exponent: i64) -> Self {
        if numer == 0 {
            return Self {
                numer: 0,
                denom: 1,
                exponent: 0,
            };
        }
        let twos = numer.trailing_zeros();
        Self {
            numer: numer >> twos,
            denom,
            exponent: exponent + i64::from(twos),
        }
    }

    fn big(self) -> BigRational {
        let power = BigInt::from(1) << self.exponent.unsigned_abs();
        let (numer, denom) = (BigInt::from(self.numer), BigInt::from(self.denom));
        if self.exponent < 0 {
            BigRational::new(numer, denom * power)
        } else {
            BigRational::new(numer * power, denom)
        }
    }

    /// Both over one denominator and with one exponent: the numerators, and those two.
    fn aligned(self, other: Self) -> Option<(i128, i128, i128, i64)> {
        let exponent = match (self.numer, other.numer) {
            (0, _) => other.exponent,
            (_, 0) => self.exponent,
            _ => self.exponent.min(other.exponent),
        };
        let numer = |one: Self, denom: i128| {
            if one.numer == 0 {
                return Some(0);
            }
            shifted(one.numer.checked_mul(denom)?, one.exponent - exponent)
        };
        if self.denom == other.denom {
            return Some((numer(self, 1)?, numer(other, 1)?, self.denom, exponent));
        }
        let denom = self.denom.checked_mul(other.denom)?;
        Some((
            numer(self, other.denom)?,
            numer(other, self.denom)?,
            denom,
            exponent,
        ))
    }

    fn add(self, other: Self) -> Option<Self> {
        let (a, b, denom, exponent) = self.aligned(other)?;
        Some(Self::new(a.checked_add(b)?, denom, exponent))
    }

    fn mul(self, other: Self) -> Option<Self> {
        let numer = self.numer.checked_mul(other.numer)?;
        let denom = self.denom.checked_mul(other.denom)?;
        Some(Self::new(numer, denom, self.exponent + other.exponent))
    }

    /// 1 / self, which is not 0.
    fn recip(self) -> Option<Self> {
        let denom = self.numer.checked_abs()?;
        Some(Self {
            numer: self.denom * self.numer.signum(),
            denom,
            exponent: -self.exponent,
        })
    }

    fn negated(self) -> Option<Self> {
        let numer = self.numer.checked_neg()?;
        Some(Self { numer, ..self })
    }

    fn cmp(self, other: Self) -> Option<Ordering> {
        if self.numer.signum() != other.numer.signum() {
            return Some(self.numer.cmp(&other.numer));
        }
        let (a, b, ..) = self.aligned(other)?;
        Some(a.cmp(&b))
    }

    /// Numerator and denominator as integers; `None` where they do not fit.
    fn fraction(self) -> Option<(i128, i128)> {
        if self.exponent < 0 {
            Some((self.numer, shifted(self.denom, -self.exponent)?))
        } else {
            Some((shifted(self.numer, self.exponent)?, self.denom))
        }
    }
}

impl Ratio {
    /// 0
    pub(super) fn zero() -> Self {
        Self::small(0, 0)
    }

    /// `numer` · 2^`exponent`
    pub(super) fn small(numer: i128, exponent: i64) -> Self {
        Self::Small(Parts::new(numer, 1, exponent))
    }

    /// The same as a big rational.
    pub(super) fn big(&self) -> BigRational {
        match self {
            Self::Small(parts) => parts.big(),
            Self::Big(value) => (**value).clone(),
        }
    }

    /// An integer.
    pub(super) fn from_integer(value: Whole) -> Self {
        match value {
            Whole::Small(value) => Self::small(value, 0),
            Whole::Big(value) => BigRational::from_integer(value).into(),
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        match self {
            Self::Small(parts) => parts.numer == 0,
            Self::Big(value) => value.is_zero(),
        }
    }

    pub(super) fn is_negative(&self) -> bool {
        match self {
            Self::Small(parts) => parts.numer < 0,
            Self::Big(value) => value.is_negative(),
        }
    }

    pub(super) fn is_positive(&self) -> bool {
        match self {
            Self::Small(parts) => parts.numer > 0,
            Self::Big(value) => value.is_positive(),
        }
    }

    pub(super) fn abs(&self) -> Self {
        if self.is_negative() {
            -self
        } else {
            self.clone()
        }
    }

    /// The greatest integer that is not greater.
    pub(super) fn floor(&self) -> Whole {
        if let Self::Small(parts) = self
            && let Some((numer, denom)) = parts.fraction()
        {
            return Whole::Small(numer.div_euclid(denom));
        }
        self.big().floor().to_integer().into()
    }

    /// The integer without the fraction.
    pub(super) fn to_integer(&self) -> Whole {
        if let Self::Small(parts) = self
            && let Some((numer, denom)) = parts.fraction()
        {
            return Whole::Small(numer / denom);
        }
        self.big().to_integer().into()
    }

    /// Without the fraction.
    pub(super) fn trunc(&self) -> Self {
        Self::from_integer(self.to_integer())
    }

    /// The f64 that this is, or one near it.
    pub(super) fn to_f64(&self) -> Option<f64> {
        const EXACT: i128 = 1 << 53;
        if let Self::Small(parts) = self
            && parts.denom == 1
            && parts.numer.abs() < EXACT
            && (-1074..=971).contains(&parts.exponent)
        {
            // Both factors and the product are f64s: the numerator is odd, so that nothing of it
            // lies below the least subnormal.
            return Some(parts.numer as f64 * power(parts.exponent));
        }
        self.big().to_f64()
    }
}

/// 2^`exponent`, −1074 to 1023, by its bits.
fn power(exponent: i64) -> f64 {
    f64::from_bits(if exponent < -1022 {
        1 << (exponent + 1074)
    } else {
        ((exponent + 1023) as u64) << 52
    })
}

impl From<BigRational> for Ratio {
    fn from(value: BigRational) -> Self {
        Self::Big(Box::new(value))
    }
}

impl From<&Ratio> for Ratio {
    fn from(value: &Ratio) -> Self {
        value.clone()
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Self::Small(a), Self::Small(b)) = (self, other)
            && let Some(order) = a.cmp(*b)
        {
            return order;
        }
        self.big().cmp(&other.big())
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ratio {}

/// An operation of two numbers: of parts of 128 bits where they hold the result.
macro_rules! operation {
    ($($operation:ident, $method:ident, $small:expr;)+) => {$(
        impl<T: Into<Ratio>> $operation<T> for &Ratio {
            type Output = Ratio;
            fn $method(self, other: T) -> Ratio {
                let other = other.into();
                let small: fn(Parts, Parts) -> Option<Parts> = $small;
                if let (Ratio::Small(a), Ratio::Small(b)) = (self, &other)
                    && let Some(small) = small(*a, *b)
                {
                    return Ratio::Small(small);
                }
                self.big().$method(other.big()).into()
            }
        }

        impl<T: Into<Ratio>> $operation<T> for Ratio {
            type Output = Ratio;
            fn $method(self, other: T) -> Ratio {
                (&self).$method(other)
            }
        }
    )+};
}

operation! {
    Add, add, |a, b| a.add(b);
    Sub, sub, |a, b| a.add(b.negated()?);
    Mul, mul, |a, b| a.mul(b);
    // A quotient by 0 panics, as that of big rationals does.
    Div, div, |a, b| if b.numer == 0 { None } else { a.mul(b.recip()?) };
}

impl MulAssign for Ratio {
    fn mul_assign(&mut self, other: Self) {
        *self = &*self * other;
    }
}

impl Neg for &Ratio {
    type Output = Ratio;
    fn neg(self) -> Ratio {
        if let Ratio::Small(parts) = self
            && let Some(small) = parts.negated()
        {
            return Ratio::Small(small);
        }
        (-self.big()).into()
    }
}

impl Neg for Ratio {
    type Output = Ratio;
    fn neg(self) -> Ratio {
        -&self
    }
}

impl Sum for Ratio {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::zero(), |sum, value| sum + value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parts of all lengths, so that results fit and do not.
    fn any_ratio() -> impl Strategy<Value = Ratio> {
        (
            any::<i128>(),
            0u32..127,
            any::<u64>(),
            0u32..64,
            -300i64..300,
        )
            .prop_map(|(numer, less, denom, fewer, exponent)| {
                let denom = i128::from(denom >> fewer) | 1;
                Ratio::Small(Parts::new(numer >> less, denom, exponent))
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn every_operation_gives_what_big_rationals_give(a in any_ratio(), b in any_ratio()) {
            let (x, y) = (a.big(), b.big());
            prop_assert_eq!((&a + &b).big(), &x + &y);
            prop_assert_eq!((&a - &b).big(), &x - &y);
            prop_assert_eq!((&a * &b).big(), &x * &y);
            if !b.is_zero() {
                prop_assert_eq!((&a / &b).big(), &x / &y);
            }
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
            prop_assert_eq!((-&a).big(), -x.clone());
            prop_assert_eq!(a.abs().big(), x.abs());
            prop_assert_eq!(a.floor().big(), x.floor().to_integer());
            prop_assert_eq!(a.to_integer().big(), x.to_integer());
            prop_assert_eq!(a.is_zero(), x.is_zero());
            prop_assert_eq!((a.is_negative(), a.is_positive()), (x.is_negative(), x.is_positive()));
        }

        #[test]
        fn a_float_is_itself(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let exact = Ratio::from(BigRational::from_float(value).unwrap());
            let ours = match crate::oracle::real::Real::from(value) {
                crate::oracle::real::Real::Finite(ours) => ours,
                other => panic!("{value} became {other:?}"),
            };
            prop_assert!(ours == exact);
            prop_assert_eq!(ours.to_f64(), Some(value));
        }
    }
}
