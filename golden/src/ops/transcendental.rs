//! exp, sigmoid and tanh to about 100 bits, from additions and multiplications
//! of f64 alone, so that they are the same on every machine.
//!
//! A number is the unevaluated sum of two f64 (Dekker 1971; sums after Knuth,
//! products by fused multiply-add). exp takes x = k·ln 2 + r, |r| ≤ ln 2 / 2, as
//! 2^k·((e^(r/512))^512).

use std::ops::{Add, Div, Mul, Neg, Sub};

/// high + low, where high is the f64 nearest to the sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wide {
    high: f64,
    low: f64,
}

const ZERO: Wide = Wide {
    high: 0.0,
    low: 0.0,
};
const ONE: Wide = Wide {
    high: 1.0,
    low: 0.0,
};
/// ln 2 to 106 bits.
const LN_2: Wide = Wide {
    high: std::f64::consts::LN_2,
    low: 2.319_046_813_846_299_6e-17,
};

impl From<f64> for Wide {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

impl Wide {
    /// The exact sum of two f64.
    fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let from_b = high - a;
        let low = (a - (high - from_b)) + (b - from_b);
        Self { high, low }
    }

    /// The exact product of two f64.
    pub(crate) fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Self {
            high,
            low: a.mul_add(b, -high),
        }
    }

    /// Times 2^`power`, in two steps so that neither factor overflows.
    fn scaled(self, power: i32) -> Self {
        let half = power / 2;
        let (a, b) = (2f64.powi(half), 2f64.powi(power - half));
        Self {
            high: self.high * a * b,
            low: self.low * a * b,
        }
    }

    /// The nearest f64.
    pub(crate) fn to_f64(self) -> f64 {
        self.high
    }

    /// The nearest f32: the sum is rounded to odd first, so that f64 does not round, too.
    pub(crate) fn to_f32(self) -> f32 {
        let bits = self.high.to_bits();
        if self.low == 0.0 || bits & 1 == 1 {
            return self.high as f32;
        }
        let toward_zero = (self.low > 0.0) != (self.high > 0.0);
        f64::from_bits(if toward_zero { bits - 1 } else { bits + 1 }) as f32
    }

    /// Whether it lies halfway between two integers.
    pub(crate) fn is_halfway(self) -> bool {
        self.low == 0.0 && self.high - self.high.floor() == 0.5
    }

    /// The nearest integer, ties to even.
    pub(crate) fn round_ties_even(self) -> f64 {
        let fraction = self.high - self.high.floor();
        if fraction == 0.5 && self.low != 0.0 {
            return if self.low > 0.0 {
                self.high.ceil()
            } else {
                self.high.floor()
            };
        }
        self.high.round_ties_even()
    }
}

impl Add for Wide {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (high, low) = (
            Self::sum(self.high, other.high),
            Self::sum(self.low, other.low),
        );
        let sum = Self::sum(high.high, high.low + low.high);
        Self::sum(sum.high, sum.low + low.low)
    }
}

impl Neg for Wide {
    type Output = Self;
    fn neg(self) -> Self {
        Self {
            high: -self.high,
            low: -self.low,
        }
    }
}

impl Sub for Wide {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Wide {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        let cross = self.high * other.low + self.low * other.high;
        Self::sum(product.high, product.low + cross)
    }
}

impl Div for Wide {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        // Three digits of the quotient, each from the remainder that the last left.
        let first = self.high / other.high;
        let rest = self - other * Self::from(first);
        let second = rest.high / other.high;
        let rest = rest - other * Self::from(second);
        let third = rest.high / other.high;
        Self::sum(first, second) + Self::from(third)
    }
}

/// e^x as the nearest f32; +∞ beyond it.
pub(crate) fn exp_f32(x: f32) -> f32 {
    if x > 90.0 {
        f32::INFINITY
    } else if x < -105.0 {
        0.0
    } else {
        exp(f64::from(x).into()).to_f32()
    }
}

/// e^x as the nearest f64, for |x| ≤ 700.
pub(crate) fn exp_f64(x: f64) -> f64 {
    exp(x.into()).to_f64()
}

/// ln x as f64, for x in 2^−900..2^900: one Newton step from the machine's own.
pub(crate) fn ln_f64(x: f64) -> f64 {
    let near = x.ln();
    let power = exp(near.into());
    let rest = (Wide::from(x) - power) / power;
    (Wide::from(near) + rest).to_f64()
}

/// e^x − 1 as the nearest f32, for x ≤ 0.
pub(crate) fn exp_less_one_f32(x: f32) -> f32 {
    if x < -105.0 {
        return -1.0;
    }
    let x = Wide::from(f64::from(x));
    // Near 0, e^x − 1 cancels; its series does not.
    let value = if x.high > -0.35 {
        series_less_one(x, 28)
    } else {
        exp(x) - ONE
    };
    value.to_f32()
}

/// 1 / (1 + e^−x)
pub(crate) fn sigmoid(x: Wide) -> Wide {
    if x.high < -700.0 {
        return ZERO;
    }
    if x.high > 700.0 {
        return ONE;
    }
    ONE / (ONE + exp(-x))
}

/// (e^2x − 1) / (e^2x + 1)
pub(crate) fn tanh(x: Wide) -> Wide {
    if x.high.abs() > 40.0 {
        return Wide::from(x.high.signum());
    }
    let double = x + x;
    // Near 0, e^x − 1 cancels; its series does not.
    let less_one = if double.high.abs() < 0.35 {
        series_less_one(double, 28)
    } else {
        exp(double) - ONE
    };
    less_one / (less_one + ONE + ONE)
}

/// The share of the normal distribution below x: (1 + erf(x / √2)) / 2, to about 50 bits.
///
/// erf z = 2/√π · e^(−z²) · (z + 2/3·z³ + 4/15·z⁵ + …), no term of which cancels.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    if x.abs() > 8.3 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    // In t = x², z = x / √2: the series is x/√2 · Σ t^n / (1·3·5·…·(2n + 1)).
    let square = Wide::product(x, x);
    let (mut term, mut sum, mut n) = (ONE, ONE, 1.0);
    while term.high > sum.high * 1e-20 {
        n += 2.0;
        term = term * square / Wide::from(n);
        sum = sum + term;
    }
    let density = exp(-(square * Wide::from(0.5)));
    let half_erf = density * sum * Wide::product(x, FRAC_1_SQRT_TAU);
    (Wide::from(0.5) + half_erf).high
}

/// 1 / √(2π)
const FRAC_1_SQRT_TAU: f64 = 0.398_942_280_401_432_7;

/// e^x for |x| ≤ 700.
fn exp(x: Wide) -> Wide {
    const SQUARINGS: i32 = 9;
    let k = (x.high / LN_2.high).round_ties_even();
    let r = (x - LN_2 * Wide::from(k)).scaled(-SQUARINGS);
    // (1 + e)² − 1 = 2e + e², so that no leading 1 takes digits away.
    let mut less_one = series_less_one(r, 10);
    for _ in 0..SQUARINGS {
        less_one = less_one + less_one + less_one * less_one;
    }
    (ONE + less_one).scaled(k as i32)
}

/// x + x²/2! + … + x^terms/terms!
fn series_less_one(x: Wide, terms: i32) -> Wide {
    let mut sum = ZERO;
    for n in (1..=terms).rev() {
        sum = x / Wide::from(f64::from(n)) * (ONE + sum);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_has_more_than_a_hundred_bits() {
        for (x, high, low) in EXPS {
            let got = exp(Wide::from(x));
            assert_eq!(got.high, high, "{x}");
            let error = (got.low - low).abs() / high;
            assert!(error < 2f64.powi(-100), "{x}: {error:e}");
        }
    }

    #[test]
    fn an_f32_is_rounded_once() {
        // Just above, on and just below the middle of two f32.
        let middle = 1.0 + 2f64.powi(-24);
        let wide = |low| Wide { high: middle, low };
        assert_eq!(wide(1e-30).to_f32(), 1f32.next_up());
        assert_eq!(wide(0.0).to_f32(), 1.0);
        assert_eq!(wide(-1e-30).to_f32(), 1.0);
        let odd = Wide {
            high: 1.0 + 3.0 * 2f64.powi(-24),
            low: -1e-30,
        };
        assert_eq!(odd.to_f32(), 1f32.next_up());
    }

    #[test]
    fn integers_are_rounded_once() {
        let wide = |low| Wide { high: 2.5, low };
        assert_eq!(wide(1e-30).round_ties_even(), 3.0);
        assert_eq!(wide(0.0).round_ties_even(), 2.0);
        assert!(wide(0.0).is_halfway() && !wide(1e-30).is_halfway());
        let odd = Wide {
            high: 3.5,
            low: -1e-30,
        };
        assert_eq!(odd.round_ties_even(), 3.0);
    }

    #[test]
    fn the_normal_distribution_is_that_of_its_tables() {
        for (x, share) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.0, 0.158_655_253_931_457_05),
            (2.0, 0.977_249_868_051_820_8),
            (-3.0, 0.001_349_898_031_630_094_6),
            (5.0, 0.999_999_713_348_428_1),
        ] {
            let error = (normal_cdf(x) - share).abs();
            assert!(error < 3e-16, "{x}: {error:e}");
        }
        assert_eq!((normal_cdf(9.0), normal_cdf(-9.0)), (1.0, 0.0));
    }

    #[test]
    fn ends_of_the_range() {
        assert_eq!(exp_f32(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp_f32(89.0), f32::INFINITY);
        assert!(exp_f32(88.7) < f32::INFINITY);
        assert_eq!(exp_f32(-104.0), 0.0);
        assert!(exp_f32(-103.0) > 0.0);
        assert_eq!(sigmoid(Wide::from(1e30)), ONE);
        assert_eq!(sigmoid(Wide::from(-1e30)), ZERO);
        assert_eq!(tanh(Wide::from(-1e30)).to_f64(), -1.0);
        // For small x, tanh x = x − x³/3.
        let small = tanh(Wide::from(1e-5));
        assert_eq!(small.to_f64(), 1e-5 - 1e-15 / 3.0);
    }

    /// (x, e^x as the sum of two f64)
    const EXPS: [(f64, f64, f64); 5] = [
        (1.5, 4.4816890703380645, 3.0481759556536343e-16),
        (-1.0, 0.36787944117144233, -1.2428753672788363e-17),
        (10.0, 22026.465794806718, -1.3780134700517372e-12),
        (0.1, 1.1051709180756477, -8.149523913327619e-17),
        (-87.25, 1.2817592313147442e-38, 4.4645892632534075e-55),
    ];
}
