//! gemmlowp's fixed-point numbers, as TFLite's kernels use them: integers of 32 bits that stand
//! for `raw / 2^(31 − integer bits)`, their products rounded to nearest.
//!
//! Sources: gemmlowp `fixedpoint/fixedpoint.h` (exp_on_negative_values,
//! one_over_one_plus_x_for_x_in_0_1, SaturatingRoundingMultiplyByPOT); TFLite
//! `kernels/internal/common.h` (GetReciprocal, GetInvSqrtQuantizedMultiplierExp).

use super::fixed_point::{rdbpot, srdhm};

/// Factors e^−(2^power) in 31 binary places, `power` from −2 up.
const POWERS: [(i32, i32); 7] = [
    (-2, 1_672_461_947),
    (-1, 1_302_514_674),
    (0, 790_015_084),
    (1, 290_630_308),
    (2, 39_332_535),
    (3, 720_401),
    (4, 242),
];
const E_TO_MINUS_EIGHTH: i32 = 1_895_147_668;
const THIRD: i32 = 715_827_883;
/// √2 / 2
const HALF_ROOT_OF_2: i32 = 1_518_500_250;

/// Times 2^`power`: rounded half away, or saturating.
pub(super) fn by_power(raw: i32, power: i32) -> i32 {
    if power <= 0 {
        return rdbpot(raw, -power);
    }
    (i64::from(raw) << power).clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// e^x in 31 binary places, for `raw` of at most 0 with 5 integer bits.
pub(super) fn exp_of_negative(raw: i32) -> i32 {
    const INTEGER_BITS: i32 = 5;
    const PLACES: i32 = 31 - INTEGER_BITS;
    if raw == 0 {
        return i32::MAX;
    }
    let quarter = 1 << (PLACES - 2);
    // x is a part in [−1/4, 0) less a sum of powers of two from 1/4 up.
    let part = (raw & (quarter - 1)) - quarter;
    let mut result = exp_of_quarter(by_power(part, INTEGER_BITS));
    let rest = part.wrapping_sub(raw);
    for (power, factor) in POWERS {
        if rest & (1 << (PLACES + power)) != 0 {
            result = srdhm(result, factor);
        }
    }
    result
}

/// e^x on [−1/4, 0) by Taylor's polynomial around −1/8; 31 binary places.
fn exp_of_quarter(raw: i32) -> i32 {
    let x = raw.wrapping_add(1 << 28);
    let x2 = srdhm(x, x);
    let x3 = srdhm(x2, x);
    let x4 = srdhm(x2, x2);
    let cubic = srdhm(by_power(x4, -2).wrapping_add(x3), THIRD);
    let rest = by_power(cubic.wrapping_add(x2), -1);
    E_TO_MINUS_EIGHTH.wrapping_add(srdhm(E_TO_MINUS_EIGHTH, x.wrapping_add(rest)))
}

/// 1 / x in 31 binary places and how often it is halved, for a positive `raw` with
/// `integer_bits`: 1 / x = reciprocal / 2^halvings.
pub(super) fn reciprocal(raw: i32, integer_bits: i32) -> (i32, i32) {
    let headroom = raw.leading_zeros();
    let above_one = ((raw as u32) << headroom).wrapping_sub(1 << 31) as i32;
    (of_one_plus(above_one), integer_bits - headroom as i32)
}

/// 1 / (1 + x) for x in [0, 1), 31 binary places, by three Newton steps.
fn of_one_plus(raw: i32) -> i32 {
    const FORTY_EIGHT_17THS: i32 = 1_515_870_810;
    const MINUS_THIRTY_TWO_17THS: i32 = -1_010_580_540;
    let sum = i64::from(raw) + i64::from(i32::MAX);
    let half = ((sum + if sum >= 0 { 1 } else { -1 }) / 2) as i32;
    // Two integer bits from here on.
    let mut x = FORTY_EIGHT_17THS.wrapping_add(srdhm(half, MINUS_THIRTY_TWO_17THS));
    for _ in 0..3 {
        let error = (1i32 << 29).wrapping_sub(srdhm(half, x));
        x = x.wrapping_add(by_power(srdhm(x, error), 2));
    }
    by_power(x, 1)
}

/// 1 / √x of an integer: a multiplier in 31 binary places and a power of two for it; 0 is
/// taken as 1.
pub(super) fn inverse_root(mut x: i32) -> (i32, i32) {
    if x <= 1 {
        return (i32::MAX, 0);
    }
    let mut right = 11;
    while x >= 1 << 29 {
        x /= 4;
        right += 1;
    }
    let pairs = (x.leading_zeros() as i32 - 1) / 2 - 1;
    right -= pairs;
    x <<= 2 * pairs;
    // x is in [2^27, 2^29); three integer bits from here on.
    let half = by_power(x >> 1, -1);
    let three_halves = (1 << 28) + (1 << 27);
    let mut root = 1i32 << 28;
    for _ in 0..5 {
        let cube = by_power(srdhm(srdhm(root, root), root), 6);
        let next = srdhm(three_halves, root).wrapping_sub(srdhm(half, cube));
        root = by_power(next, 3);
    }
    root = srdhm(root, HALF_ROOT_OF_2);
    if right < 0 {
        root <<= -right;
        right = 0;
    }
    (root, -right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real(raw: i32, integer_bits: i32) -> f64 {
        f64::from(raw) * 2f64.powi(integer_bits - 31)
    }

    #[test]
    fn exp_is_near_the_real_one() {
        for i in 0..20_000 {
            let raw = -i * 107_374;
            let error = real(exp_of_negative(raw), 0) - real(raw, 5).exp();
            assert!(error.abs() < 1e-6, "{raw}: {error:e}");
        }
    }

    #[test]
    fn reciprocals_are_near_the_real_ones() {
        for raw in [1 << 19, (1 << 19) + 1, 777_777, 12_345_678, i32::MAX] {
            let (multiplier, halvings) = reciprocal(raw, 12);
            let got = real(multiplier, 0) * 2f64.powi(-halvings);
            let relative = got * real(raw, 12) - 1.0;
            assert!(relative.abs() < 1e-7, "{raw}: {relative:e}");
        }
    }

    #[test]
    fn roots_are_near_the_real_ones() {
        for x in [2, 3, 4, 5, 17, 255, 65_025, 1 << 28, 1 << 29, i32::MAX] {
            let (multiplier, power) = inverse_root(x);
            let got = real(multiplier, 0) * 2f64.powi(power);
            let relative = got * f64::from(x).sqrt() - 1.0;
            assert!(relative.abs() < 1e-4, "{x}: {relative:e}");
        }
        assert_eq!(inverse_root(0), inverse_root(1));
    }
}
