//! How far a captured value is from the reference's.

use crate::tensor::{DType, Data};

/// How far two values are apart: codes for integers, representable values for
/// floats. NaN equals NaN, and is as far as can be from everything else.
pub(super) fn distance(a: &Data, b: &Data, index: usize) -> u64 {
    match (a, b) {
        (Data::F32(a), Data::F32(b)) => {
            let order = |x: f32| {
                let bits = i64::from(x.to_bits() & 0x7fff_ffff);
                if x.is_sign_negative() {
                    -1 - bits
                } else {
                    bits
                }
            };
            between(
                a[index].is_nan(),
                b[index].is_nan(),
                order(a[index]),
                order(b[index]),
            )
        }
        (Data::F64(a), Data::F64(b)) => {
            let order = |x: f64| {
                let bits = (x.to_bits() & (u64::MAX >> 1)) as i64;
                if x.is_sign_negative() {
                    -1 - bits
                } else {
                    bits
                }
            };
            between(
                a[index].is_nan(),
                b[index].is_nan(),
                order(a[index]),
                order(b[index]),
            )
        }
        _ if a.dtype() != b.dtype() => u64::MAX,
        _ if a.dtype().is_bit_pattern() => {
            let sign = 1 << (a.dtype().bits() - 1);
            let order = |x: &Data| {
                let bits = i64::from(x.bits(index));
                if bits & sign != 0 && x.dtype() != DType::F8E8M0 {
                    sign - 1 - bits
                } else {
                    bits
                }
            };
            between(a.is_nan(index), b.is_nan(index), order(a), order(b))
        }
        (a, b) => a.code(index).abs_diff(b.code(index)),
    }
}

/// A value, for people.
pub(super) fn show(data: &Data, index: usize) -> String {
    match data {
        Data::F32(v) => format!("{:?}", v[index]),
        Data::F64(v) => format!("{:?}", v[index]),
        _ if data.dtype().is_bit_pattern() => {
            format!("{:?} (0x{:02x})", data.real(index), data.bits(index))
        }
        codes => codes.code(index).to_string(),
    }
}

fn between(a_nan: bool, b_nan: bool, a: i64, b: i64) -> u64 {
    match (a_nan, b_nan) {
        (true, true) => 0,
        (false, false) => a.abs_diff(b),
        _ => u64::MAX,
    }
}
