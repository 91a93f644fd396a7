//! Codes and sums of ops without weights.

use qassay_golden::spec::QParams;
use qassay_golden::tensor::DType;

use super::products::ends_or_between;
use super::{DataClass, Role, Stream};
use crate::case::Made;
use crate::case::parameters::Parameters;

/// Codes of the first input of an op without weights.
pub(crate) fn codes(made: &Made, class: DataClass, shape: &[usize], p: &Parameters) -> Vec<i64> {
    tensor(made, class, shape, Role::X, p.one(0).zero_point, |i| i)
}

/// Codes of the second input of add and mul.
pub(crate) fn second_codes(
    made: &Made,
    class: DataClass,
    shape: &[usize],
    qparams: QParams,
) -> Vec<i64> {
    // With `every`, 256 rows of 256: each code of the first with each of the second.
    tensor(made, class, shape, Role::W, qparams.zero_point, |i| i / 256)
}

fn tensor(
    made: &Made,
    class: DataClass,
    shape: &[usize],
    role: Role,
    zero_point: i32,
    order: fn(u64) -> u64,
) -> Vec<i64> {
    let row_len = shape.last().copied().unwrap_or(1);
    let len: usize = shape.iter().product();
    let (low, high) = match made.dtype {
        DType::I32 => (-(1 << 24), 1 << 24),
        dtype => dtype.code_range().expect("codes are integers"),
    };
    let zero = i64::from(zero_point);
    let mut codes = Vec::with_capacity(len);
    for (row, start) in (0..len).step_by(row_len.max(1)).enumerate() {
        let mut stream = Stream::new(made.seed, Some(class), role, row as u64);
        for i in start..start + row_len {
            codes.push(match class {
                DataClass::Every => low + (order(i as u64) % (high - low + 1) as u64) as i64,
                DataClass::FullRange if made.dtype == DType::I32 => i64::from(stream.bits() as i32),
                DataClass::FullRange => ends_or_between(&mut stream, low, high),
                DataClass::Ties | DataClass::NearTies => {
                    (zero + stream.between(-25, 25)).clamp(low, high)
                }
                DataClass::Corners => {
                    let (low, high) = made.dtype.code_range().expect("codes are integers");
                    let near = (zero + stream.between(-1, 1)).clamp(low, high);
                    stream.pick(&[low, high, near, low + 1, high - 1])
                }
                _ => stream.between(low, high),
            });
        }
    }
    codes
}

/// Requantize's s32 sums; each column around its own multiplier.
pub(crate) fn sums(made: &Made, class: DataClass, shape: &[usize], p: &Parameters) -> Vec<i32> {
    let (rows, columns) = (shape[0], shape[1]);
    if let DataClass::Block(block) = class {
        return (0..(rows * columns) as u32)
            .map(|i| ((u32::from(block) << 24) | i) as i32)
            .collect();
    }
    let zero = f64::from(p.one(2).zero_point);
    let (low, high) = made.dtype.code_range().expect("codes are integers");
    let (low, high) = (low as f64 - zero, high as f64 - zero);
    let mut sums = Vec::with_capacity(rows * columns);
    for row in 0..rows as u64 {
        let mut stream = Stream::new(made.seed, Some(class), Role::X, row + made.skip[0]);
        for column in 0..columns {
            let multiplier = f64::from(p.channel(1, column).scale as f32);
            let sum = match class {
                DataClass::FullRange => f64::from(stream.bits() as i32),
                DataClass::Ties => {
                    // Odd multiples of half a step.
                    let code = stream.between(low as i64 - 8, high as i64 + 8) as f64;
                    (code + 0.5) / multiplier
                }
                // The same, to the nearest sum.
                DataClass::NearTies => {
                    let code = stream.between(low as i64 - 8, high as i64 + 8) as f64;
                    ((code + 0.5) / multiplier).round()
                }
                DataClass::Corners => stream.pick(&[
                    f64::from(i32::MIN),
                    f64::from(i32::MAX),
                    0.0,
                    1.0,
                    -1.0,
                    16_777_217.0,
                    (low / multiplier).floor(),
                    (high / multiplier).ceil(),
                    (low - 0.5) / multiplier,
                    (high + 0.5) / multiplier,
                ]),
                _ => (low + (high - low) * (stream.unit() * 1.2 - 0.1)) / multiplier,
            };
            sums.push(sum as i32);
        }
    }
    sums
}
