//! f32 operands: of quantize, choose_qparams, observers, dynamic and weight-only linear.

use super::{DataClass, Role, Stream};
use crate::case::parameters::Parameters;
use crate::case::{Made, Op};

/// Values of input `number` (the batch, for observers).
pub(crate) fn floats(
    made: &Made,
    class: DataClass,
    shape: &[usize],
    number: usize,
    p: &Parameters,
) -> Vec<f32> {
    let len: usize = shape.iter().product();
    if let DataClass::Block(block) = class {
        return (0..len as u32)
            .map(|i| f32::from_bits((u32::from(block) << 24) | i))
            .collect();
    }
    let row_len = shape.last().copied().unwrap_or(1).max(1);
    // Streams of different batches must differ: rows count on through batches.
    let first_row = (number * len.div_ceil(row_len)) as u64 + made.skip[0];
    let mut values = Vec::with_capacity(len);
    let range = Range::of(made, class, number);
    for (row, start) in (0..len).step_by(row_len).enumerate() {
        let mut stream = Stream::new(made.seed, Some(class), Role::X, first_row + row as u64);
        for index in start..start + row_len {
            values.push(if made.op == Op::Quantize {
                to_quantize(made, class, &mut stream, channel(shape, index, p), p)
            } else {
                in_range(made, class, &mut stream, &range)
            });
        }
    }
    if made.skip[0] == 0 {
        for (value, end) in values.iter_mut().zip(range.first) {
            *value = end;
        }
    }
    values
}

/// The channel of element `index`.
fn channel(shape: &[usize], index: usize, p: &Parameters) -> usize {
    match p.axis(2) {
        None => 0,
        Some(axis) => {
            let inner: usize = shape[axis + 1..].iter().product();
            index / inner % shape[axis]
        }
    }
}

fn to_quantize(
    made: &Made,
    class: DataClass,
    stream: &mut Stream,
    channel: usize,
    p: &Parameters,
) -> f32 {
    let qparams = p.channel(2, channel);
    let zero = i64::from(qparams.zero_point);
    let scale = qparams.scale;
    let (low, high) = made
        .range
        .or(made.dtype.code_range())
        .expect("codes are integers");
    // s32 codes beyond 2^24 are coarser than a step in f32.
    let (low, high) = (
        (low - zero).clamp(-(1 << 22), 0),
        (high - zero).clamp(0, 1 << 22),
    );
    match class {
        DataClass::FullRange => {
            // Any finite f32: all exponents alike.
            let bits = stream.bits();
            let value = f32::from_bits(bits);
            if value.is_finite() {
                value
            } else {
                f32::from_bits(bits & 0x807f_ffff)
            }
        }
        DataClass::Ties | DataClass::NearTies => {
            let steps = stream.between(low - 3, high + 3) as f64 + 0.5;
            (steps * scale) as f32
        }
        DataClass::Corners => corner(stream, scale, low, high),
        _ => {
            let width = (high - low) as f64;
            let steps = low as f64 + width * (stream.unit() * 1.2 - 0.1);
            (steps * scale) as f32
        }
    }
}

/// A value at which some implementation of quantize goes wrong.
fn corner(stream: &mut Stream, scale: f64, low: i64, high: i64) -> f32 {
    let special = [
        f32::NAN,
        -f32::NAN,
        f32::from_bits(0x7f80_0001),
        f32::INFINITY,
        f32::NEG_INFINITY,
        0.0,
        -0.0,
        f32::from_bits(1),
        f32::from_bits(0x8000_0001),
        f32::from_bits(0x007f_ffff),
        f32::MIN_POSITIVE,
        f32::MAX,
        f32::MIN,
    ];
    // Around the ends of the range of codes, of i32, of f32's whole numbers and of i64.
    let steps = [
        low as f64,
        high as f64,
        low as f64 - 0.5,
        high as f64 + 0.5,
        2_147_483_520.0,
        2_147_483_648.0,
        -2_147_483_648.0,
        8_388_609.0,
        9.3e18,
        -9.3e18,
        0.5,
        -0.5,
        1.5,
    ];
    match stream.below(2) {
        0 => stream.pick(&special),
        _ => {
            let value = (stream.pick(&steps) * scale) as f32;
            match stream.below(3) {
                0 => value.next_down(),
                1 => value.next_up(),
                _ => value,
            }
        }
    }
}

/// What values of ops that look at ranges lie between, and the first of them.
struct Range {
    low: f64,
    high: f64,
    /// stand in front, so that the range is what was meant
    first: Vec<f32>,
}

impl Range {
    fn of(made: &Made, class: DataClass, number: usize) -> Self {
        let mut stream = Stream::new(made.seed, Some(class), Role::Zero, 0);
        let plain = |low: f64, high: f64| Self {
            low,
            high,
            first: Vec::new(),
        };
        let size = 0.1 + 8.0 * stream.unit();
        match class {
            DataClass::Saturating => Self {
                low: 0.8 * size,
                high: size,
                first: vec![size as f32],
            },
            DataClass::Ties => {
                // A range of exactly 255 (or 127) steps of 2^−5.
                let step = 0.03125;
                let steps = if made.reduce_range { 127.0 } else { 255.0 };
                let below = f64::from(stream.below(64));
                // Where parameters are the result, the zero point itself is the tie.
                let below = if made.op == Op::ChooseQparams {
                    below + 0.5
                } else {
                    below
                };
                let (low, high) = (-below * step, (steps - below) * step);
                Self {
                    low,
                    high,
                    first: vec![low as f32, high as f32],
                }
            }
            DataClass::Growth => {
                let grown = size * f64::from(1u32 << (2 * number.min(10)));
                plain(-grown, grown * 0.7)
            }
            DataClass::Corners => {
                let tiny = 1e-6 * stream.unit();
                // Extremes alone have a meaning with infinities, and signs of their zeros.
                let kinds = if made.op == Op::ObserveMinMax { 10 } else { 8 };
                // Drawn, since the seeds of a suite's corner cases have a stride.
                match stream.below(kinds) {
                    0 => plain(0.0, 0.0),
                    1 => plain(size, size),
                    2 => plain(-size, -size),
                    3 => plain(-1e-39, 1e-39),
                    4 => plain(-tiny, tiny),
                    5 => plain(-1e37, 1e37),
                    6 => plain(tiny, size),
                    8 => Self {
                        first: vec![f32::INFINITY, f32::NEG_INFINITY],
                        ..plain(-size, size)
                    },
                    // Zeros of both signs.
                    9 => plain(-0.0, 0.0),
                    _ => plain(-size, -tiny),
                }
            }
            // Ranges on both sides of 0, and on one.
            _ => match stream.below(4) {
                0 => plain(0.1 * size, size),
                1 => plain(-size, -0.1 * size),
                _ => plain(-size * stream.unit(), size),
            },
        }
    }
}

fn in_range(made: &Made, class: DataClass, stream: &mut Stream, range: &Range) -> f32 {
    let between = |stream: &mut Stream| range.low + (range.high - range.low) * stream.unit();
    let value = match class {
        DataClass::FullRange | DataClass::Reduced => match stream.below(4) {
            0 => range.low,
            1 => range.high,
            2 => between(stream),
            // All magnitudes within the range.
            _ => between(stream) / f64::from(1u32 << stream.below(31)),
        },
        DataClass::Ties if made.op == Op::LinearDynamic => {
            let steps = (between(stream) / 0.03125).floor();
            let half = if stream.once_in(2) { 0.5 } else { 0.0 };
            ((steps + half) * 0.03125).clamp(range.low, range.high)
        }
        DataClass::Corners if range.low == 0.0 && range.low.is_sign_negative() => {
            stream.pick(&[range.low, range.high])
        }
        _ => between(stream),
    };
    value as f32
}
