//! Operands of products: activation codes, weights, bias.

use qassay_golden::tensor::DType;

use super::{DataClass, Role, Stream};
use crate::case::Made;

/// Mean and variance of codes.
pub(crate) struct Moments {
    /// mean
    pub mean: f64,
    /// variance
    pub variance: f64,
}

/// Mean and variance of a class's activations and weights, near enough to choose
/// an output scale by.
pub(crate) fn moments(class: DataClass, dtype: DType) -> (Moments, Moments) {
    let of = |mean: f64, deviation: f64| Moments {
        mean,
        variance: deviation * deviation,
    };
    let middle = if dtype == DType::U8 { 127.5 } else { -0.5 };
    match class {
        DataClass::FullRange | DataClass::Corners => (of(middle, 104.0), of(-0.5, 104.0)),
        DataClass::Saturating => (of(middle + 105.0, 10.0), of(0.0, 112.0)),
        DataClass::Ties | DataClass::NearTies => (of(0.0, 2.6), of(0.0, 2.6)),
        DataClass::Gaussian => (of((middle / 2.0).floor(), 37.0), of(0.0, 31.8)),
        DataClass::Reduced => (of((middle / 2.0).floor(), 52.0), of(-0.5, 104.0)),
        _ => (of(middle, 74.0), of(-0.5, 74.0)),
    }
}

/// Codes of an activation tensor, row by row.
pub(crate) fn activation_codes(
    made: &Made,
    class: DataClass,
    shape: &[usize],
    zero_point: i32,
) -> Vec<i64> {
    let row_len = shape.last().copied().unwrap_or(1);
    let rows: usize = shape[..shape.len() - 1].iter().product();
    let (low, high) = made.dtype.code_range().expect("activations are codes");
    let zero = i64::from(zero_point);
    let mut codes = Vec::with_capacity(rows * row_len);
    for row in 0..rows as u64 {
        let row = row + made.skip[0];
        let mut stream = Stream::new(made.seed, Some(class), Role::X, row);
        for k in 0..row_len as u64 {
            codes.push(match class {
                DataClass::FullRange => ends_or_between(&mut stream, low, high),
                DataClass::Saturating => stream.between(high - 55, high),
                DataClass::Ties | DataClass::NearTies => {
                    (zero + stream.between(-4, 4)).clamp(low, high)
                }
                DataClass::Gaussian if made.dtype == DType::U8 => stream.between(0, 127),
                DataClass::Gaussian => stream.between(-64, 63),
                DataClass::Reduced if made.dtype == DType::U8 => {
                    ends_or_between(&mut stream, 0, 127)
                }
                DataClass::Reduced => ends_or_between(&mut stream, -64, 63),
                DataClass::Corners if row.is_multiple_of(4) => low,
                DataClass::Corners => {
                    let near = (zero + stream.between(-1, 1)).clamp(low, high);
                    stream.pick(&[low, high, near, low + 1, high - 1])
                }
                DataClass::Every => low + ((row + 85 * k) % 256) as i64,
                DataClass::Block(block) if k == 0 => low + i64::from(block),
                DataClass::Block(_) => low + (row % 256) as i64,
                _ => stream.between(low, high),
            });
        }
    }
    codes
}

/// The weights of output channel `n`.
pub(crate) fn weights(
    made: &Made,
    class: DataClass,
    n: usize,
    k: usize,
    zero_point: i32,
) -> Vec<i8> {
    let row = n as u64 + made.skip[1];
    let mut stream = Stream::new(made.seed, Some(class), Role::W, row);
    let zero = i64::from(zero_point);
    let mut sign = 1;
    (0..k)
        .map(|index| {
            let code = match class {
                DataClass::FullRange | DataClass::Reduced => {
                    ends_or_between(&mut stream, -128, 127)
                }
                DataClass::Saturating => {
                    // Pairs share a sign, and which index starts a pair shifts now and then,
                    // so that other pairing orders give other sums.
                    if index % 2 == 0 || stream.once_in(8) {
                        sign = if stream.once_in(2) { 1 } else { -1 };
                    }
                    let magnitude = stream.between(97, 128);
                    (sign * magnitude).clamp(-128, 127)
                }
                DataClass::Gaussian => bell(&mut stream),
                DataClass::Ties | DataClass::NearTies => {
                    (zero + stream.between(-4, 4)).clamp(-128, 127)
                }
                DataClass::Corners if row.is_multiple_of(4) => -128,
                DataClass::Corners => {
                    let near = (zero + stream.between(-1, 1)).clamp(-128, 127);
                    stream.pick(&[-128, 127, near, -127, 126])
                }
                DataClass::Every => ((row + 85 * index as u64) % 256) as i64 - 128,
                DataClass::Block(_) if index == 0 => (row / 256 % 256) as i64 - 128,
                DataClass::Block(_) => (row % 256) as i64 - 128,
                _ => stream.between(-128, 127),
            };
            code as i8
        })
        .collect()
}

/// The s32 bias of output channel `n`: a quarter of the sums' spread.
pub(crate) fn bias_steps(made: &Made, class: DataClass, n: usize, spread: f64) -> i32 {
    let most = (spread / 4.0).clamp(1.0, 1e9) as i64;
    let mut stream = Stream::new(made.seed, Some(class), Role::Bias, n as u64 + made.skip[1]);
    match class {
        DataClass::Corners => stream.pick(&[0, 1, -1, most as i32, -(most as i32)]),
        _ => stream.between(-most, most) as i32,
    }
}

/// The f32 bias of output channel `n`; `step` is one step of its sums in real units.
pub(crate) fn float_bias(made: &Made, class: DataClass, n: usize, spread: f64, step: f64) -> f32 {
    let mut stream = Stream::new(made.seed, Some(class), Role::Bias, n as u64 + made.skip[1]);
    match class {
        // Whole steps keep ties exact; halves are ties themselves where a profile rounds a bias to
        // steps.
        DataClass::Ties => {
            let most = (spread / 4.0).clamp(1.0, 1e6) as i64;
            let whole = stream.between(-most, most) as f64;
            let half = if stream.once_in(4) { 0.5 } else { 0.0 };
            ((whole + half) * step) as f32
        }
        // Whole steps keep sums where they are near ties; halves of steps are near ties themselves
        // where a profile rounds a bias to steps.
        DataClass::NearTies => {
            let most = (spread / 4.0).clamp(1.0, 1e6) as i64;
            let half = if stream.once_in(3) { 0.5 } else { 0.0 };
            ((stream.between(-most, most) as f64 + half) * step) as f32
        }
        DataClass::Corners => {
            let size = (spread * step) as f32;
            stream.pick(&[0.0, -0.0, 1e-40, size, -size])
        }
        _ => ((stream.unit() - 0.5) * spread * step) as f32,
    }
}

/// A bell curve around 0, 31.8 wide: the sum of six even draws, which every machine adds alike.
fn bell(stream: &mut Stream) -> i64 {
    let sum: i64 = (0..6).map(|_| stream.between(-22, 22)).sum();
    sum.clamp(-127, 127)
}

/// An end of the range half of the time.
pub(super) fn ends_or_between(stream: &mut Stream, low: i64, high: i64) -> i64 {
    match stream.below(4) {
        0 => low,
        1 => high,
        _ => stream.between(low, high),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Op, Shape};

    #[test]
    fn gaussian_weights_lie_on_a_bell_curve_and_activations_in_7_bits() {
        let class = DataClass::Gaussian;
        let shape = Shape::Matrix {
            m: 4,
            n: 16,
            k: 4096,
        };
        let made = Made::new(Op::Linear, shape, class, 5);
        let weights: Vec<f64> = (0..16)
            .flat_map(|n| weights(&made, class, n, 4096, 0))
            .map(f64::from)
            .collect();
        let count = weights.len() as f64;
        let mean = weights.iter().sum::<f64>() / count;
        let variance = weights.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 0.5, "{mean}");
        assert!((31.0..32.5).contains(&variance.sqrt()), "{variance}");
        // A bell curve has 68 % within one deviation and 95 % within two; an even one 58 % and all.
        let within =
            |width: f64| weights.iter().filter(|w| w.abs() < width * 31.8).count() as f64 / count;
        assert!((0.66..0.70).contains(&within(1.0)), "{}", within(1.0));
        assert!((0.94..0.97).contains(&within(2.0)), "{}", within(2.0));
        let codes = activation_codes(&made, class, &[4, 4096], 64);
        assert_eq!(codes.iter().min(), Some(&0));
        assert_eq!(codes.iter().max(), Some(&127));
    }
}
