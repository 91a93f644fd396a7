//! What faulty instructions compute, lane by lane, where it is not another instruction's result.

use super::{Convert, Dot, N, Narrow};
use crate::isa::models as m;

/// The dot product of bytes with a fault.
pub fn dot(fault: Dot, acc: [i32; N], a: [i32; N], b: [i32; N]) -> [i32; N] {
    let lanes = |codes: [[i32; 4]; N], weights: [[i32; 4]; N]| -> [[i32; 4]; N] {
        std::array::from_fn(|i| std::array::from_fn(|j| codes[i][j] * weights[i][j]))
    };
    let codes: [[i32; 4]; N] = a.map(|lane| lane.to_le_bytes().map(i32::from));
    let weights: [[i32; 4]; N] = b.map(|lane| lane.to_le_bytes().map(|w| i32::from(w as i8)));
    let signed = |values: [[i32; 4]; N]| values.map(|lane| lane.map(|x| i32::from(x as u8 as i8)));
    let unsigned = |values: [[i32; 4]; N]| values.map(|lane| lane.map(|x| i32::from(x as u8)));
    let each = |values: [[i32; 4]; N], f: fn(i32) -> i32| values.map(|lane| lane.map(f));
    let total = |products: [[i32; 4]; N]| products.map(|p| p.iter().sum::<i32>());
    let summed = |sums: [i32; N]| m::vpaddd(acc, sums);
    let exact = || total(lanes(codes, weights));
    let pairs =
        |f: fn(i32) -> i32| summed(lanes(codes, weights).map(|p| f(p[0] + p[1]) + f(p[2] + p[3])));
    let held16: fn(i32) -> i32 = |x| x.clamp(i32::from(i16::MIN), i32::from(i16::MAX));
    let cut16: fn(i32) -> i32 = |x| i32::from(x as i16);
    match fault {
        Dot::CodesSigned => summed(total(lanes(signed(codes), weights))),
        Dot::WeightsUnsigned => summed(total(lanes(codes, unsigned(weights)))),
        Dot::Swapped => summed(total(lanes(signed(codes), unsigned(weights)))),
        Dot::PairsSaturate => pairs(held16),
        Dot::PairsWrap => pairs(cut16),
        Dot::QuadsSaturate => summed(exact().map(held16)),
        Dot::SumsSaturate => {
            let sums = exact();
            std::array::from_fn(|i| acc[i].saturating_add(sums[i]))
        }
        Dot::FloatSums => {
            let sums = exact();
            std::array::from_fn(|i| (acc[i] as f32 + sums[i] as f32) as i32)
        }
        Dot::Sums24 => summed(exact()).map(|x| x << 8 >> 8),
        Dot::Sums16 => summed(exact()).map(cut16),
        Dot::Overwrites => exact(),
        Dot::Drops(which) => {
            let mut weights = weights;
            for lane in &mut weights {
                lane[usize::from(which)] = 0;
            }
            summed(total(lanes(codes, weights)))
        }
        Dot::Reversed => {
            let turned = weights.map(|[w0, w1, w2, w3]| [w3, w2, w1, w0]);
            summed(total(lanes(codes, turned)))
        }
        Dot::MiddleSwapped => {
            let turned = weights.map(|[w0, w1, w2, w3]| [w0, w2, w1, w3]);
            summed(total(lanes(codes, turned)))
        }
        Dot::LanesSwapped => {
            let mut sums = exact();
            sums.swap(2, 3);
            summed(sums)
        }
        Dot::HalvesSwapped => {
            let sums = exact();
            summed(std::array::from_fn(|i| sums[(i + N / 2) % N]))
        }
        Dot::LastLaneRepeats => {
            let mut sums = exact();
            sums[N - 1] = sums[N - 2];
            summed(sums)
        }
        Dot::MinWeightClamped => summed(total(lanes(codes, each(weights, |w| w.max(-127))))),
        Dot::MinWeightNegated => {
            let turned = each(weights, |w| if w == -128 { 128 } else { w });
            summed(total(lanes(codes, turned)))
        }
        Dot::SevenBitCodes => summed(total(lanes(each(codes, |x| x & 0x7f), weights))),
        Dot::CodesHeld => summed(total(lanes(each(codes, |x| x.min(127)), weights))),
        Dot::ProductsCut => summed(total(each(lanes(codes, weights), |p| p << 17 >> 17))),
    }
}

/// Conversion of one f32 to i32 with a fault; `right` is what it ought to be.
pub fn to_integer(fault: Convert, x: f32, right: i32) -> i32 {
    let fits = |whole: f32| {
        if (-2_147_483_648.0..2_147_483_648.0).contains(&whole) {
            whole as i32
        } else {
            i32::MIN
        }
    };
    let wide = f64::from(x);
    let narrow = |whole: f64| fits(whole as f32);
    match fault {
        Convert::TiesAway => narrow(wide.round()),
        Convert::TiesUp => narrow((wide + 0.5).floor()),
        Convert::TiesDown => narrow((wide - 0.5).ceil()),
        Convert::TiesZero => {
            let down = (wide.abs() - 0.5).ceil();
            narrow(down.max(0.0).copysign(wide))
        }
        Convert::Cuts => narrow(wide.trunc()),
        Convert::Floor => narrow(wide.floor()),
        Convert::Ceiling => narrow(wide.ceil()),
        Convert::FloorOfHalfMore => fits((x + 0.5).floor()),
        Convert::RoundsTwice => narrow(((wide * 4.0).round_ties_even() / 4.0).round_ties_even()),
        Convert::Magic => {
            const MAGIC: f32 = 12_582_912.0;
            ((x + MAGIC).to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32)
        }
        Convert::Saturates if x.is_nan() => right,
        Convert::Saturates => x.round_ties_even() as i32,
        Convert::SaturatesHigh if x >= 2_147_483_648.0 => i32::MAX,
        Convert::Through16 => right.clamp(i32::from(i16::MIN), i32::from(i16::MAX)),
        _ => right,
    }
}

/// Truncation of one f32 to i32 with a fault; `right` is what it ought to be.
pub fn truncated(fault: Convert, x: f32, right: i32) -> i32 {
    let whole = match fault {
        Convert::TruncRounds => x.round_ties_even(),
        Convert::TruncFloors => x.floor(),
        _ => return right,
    };
    if (-2_147_483_648.0..2_147_483_648.0).contains(&whole) {
        whole as i32
    } else {
        right
    }
}

/// Narrowing of four vectors to bytes with a fault.
pub fn narrow(fault: Narrow, v: [[i32; N]; 4], zero_point: i16, signed: bool) -> [i32; N] {
    let (low, high) = if signed { (-128, 127) } else { (0, 255) };
    let zero_point = match fault {
        Narrow::ZeroPointLost => 0,
        Narrow::ZeroPointSigned => i16::from(zero_point as i8),
        _ => zero_point,
    };
    let byte = |value: i32| -> u8 {
        let word = match fault {
            Narrow::WordsWrap | Narrow::AllWraps => value as i16,
            _ => value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16,
        };
        let moved = match fault {
            Narrow::ZeroPointWraps | Narrow::AllWraps => word.wrapping_add(zero_point),
            _ => word.saturating_add(zero_point),
        };
        let (low, high) = match fault {
            Narrow::BytesWrap => return moved as u8,
            Narrow::PacksSigned => (-128, 127),
            Narrow::PacksUnsigned => (0, 255),
            Narrow::HighShort => (low, high - 1),
            Narrow::LowShort => (low + 1, high),
            _ => (low, high),
        };
        moved.clamp(low, high) as u8
    };
    let mut bytes = [0u8; 4 * N];
    for (at, to) in bytes.iter_mut().enumerate() {
        // Without the last permutation, each block of 128 bits holds its part of all four vectors.
        let from = if fault == Narrow::BlocksUnordered {
            at / 16 * 4 + at % 16 / 4 * N + at % 4
        } else {
            at
        };
        *to = byte(v[from / N][from % N]);
    }
    std::array::from_fn(|i| {
        i32::from_le_bytes([
            bytes[4 * i],
            bytes[4 * i + 1],
            bytes[4 * i + 2],
            bytes[4 * i + 3],
        ])
    })
}

/// 0 where `x` is subnormal.
pub fn flushed(x: f32) -> f32 {
    if x.is_subnormal() {
        0.0f32.copysign(x)
    } else {
        x
    }
}

/// The f32 next to `exact` toward zero, if `rounded` is its nearest f32.
pub fn cut(exact: f64, rounded: f32) -> f32 {
    if rounded.is_finite() && f64::from(rounded).abs() > exact.abs() {
        f32::from_bits(rounded.to_bits() - 1)
    } else {
        rounded
    }
}

/// The f32 next to `exact` upward, if `rounded` is its nearest f32.
pub fn up(exact: f64, rounded: f32) -> f32 {
    if rounded.is_finite() && f64::from(rounded) < exact {
        rounded.next_up()
    } else {
        rounded
    }
}
