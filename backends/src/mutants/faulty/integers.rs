//! Arithmetic on integers: lanes, products of bytes, and narrowing to bytes.

use super::super::instruction::{Dot, dot, narrow};
use super::{Faulty, Instruction, Integer, V, lanes};
use crate::isa::Isa;

#[inline(always)]
pub(super) fn add_i32(isa: Faulty, a: V, b: V) -> V {
    if isa.integer(Integer::AddSaturates) {
        return lanes(a, b, i32::saturating_add);
    }
    isa.base.add_i32(a, b)
}

#[inline(always)]
pub(super) fn sub_i32(isa: Faulty, a: V, b: V) -> V {
    let right = isa.base.sub_i32(a, b);
    match isa.fault {
        Instruction::Integer(Integer::Sub8) => right.map(|x| i32::from(x as i8)),
        Instruction::Integer(Integer::Sub16) => right.map(|x| i32::from(x as i16)),
        _ => right,
    }
}

#[inline(always)]
pub(super) fn mul_i32(isa: Faulty, a: V, b: V) -> V {
    if isa.integer(Integer::Mul16) {
        return lanes(a, b, |a, b| i32::from(a as i16) * i32::from(b as i16));
    }
    isa.base.mul_i32(a, b)
}

#[inline(always)]
pub(super) fn min_i32(isa: Faulty, a: V, b: V) -> V {
    if isa.integer(Integer::MinUnsigned) {
        return lanes(a, b, |a, b| (a as u32).min(b as u32) as i32);
    }
    isa.base.min_i32(a, b)
}

#[inline(always)]
pub(super) fn max_i32(isa: Faulty, a: V, b: V) -> V {
    if isa.integer(Integer::MaxUnsigned) {
        return lanes(a, b, |a, b| (a as u32).max(b as u32) as i32);
    }
    isa.base.max_i32(a, b)
}

#[inline(always)]
pub(super) fn min_u8(isa: Faulty, a: V, b: V) -> V {
    if isa.integer(Integer::MinBytesSigned) {
        return isa.base.min_i8(a, b);
    }
    isa.base.min_u8(a, b)
}

#[inline(always)]
pub(super) fn max_u8(isa: Faulty, a: V, b: V) -> V {
    if isa.integer(Integer::MaxBytesSigned) {
        return bytes(a, b, |a, b| (a as i8).max(b as i8) as u8);
    }
    isa.base.max_u8(a, b)
}

#[inline(always)]
pub(super) fn max_i8(isa: Faulty, a: V, b: V) -> V {
    if isa.integer(Integer::MaxBytesUnsigned) {
        return bytes(a, b, u8::max);
    }
    isa.base.max_i8(a, b)
}

#[inline(always)]
pub(super) fn xor(isa: Faulty, a: V, b: V) -> V {
    if isa.integer(Integer::XorLost) {
        return a;
    }
    isa.base.xor(a, b)
}

#[inline(always)]
pub(super) fn mul_round_shift(isa: Faulty, v: V, multiplier: V, shift: V) -> V {
    let Instruction::Integer(fault) = isa.fault else {
        return isa.base.mul_round_shift(v, multiplier, shift);
    };
    let one = |i: usize| {
        let (product, shift) = (i64::from(v[i]) * i64::from(multiplier[i]), shift[i]);
        let half = 1i64 << (shift - 1);
        let rounded = match fault {
            Integer::ProductShiftCuts => product >> shift,
            Integer::ProductTiesDown => (product + half - 1) >> shift,
            Integer::Product32 => (i64::from(product as i32) + half) >> shift,
            _ => (product + half) >> shift,
        };
        rounded as i32
    };
    std::array::from_fn(one)
}

#[inline(always)]
pub(super) fn rounding_doubling_high_mul_i32(isa: Faulty, a: V, b: V) -> V {
    let Instruction::Integer(fault) = isa.fault else {
        return isa.base.rounding_doubling_high_mul_i32(a, b);
    };
    let product = |a: i32, b: i32| i64::from(a) * i64::from(b);
    match fault {
        Integer::HighProductCuts => lanes(a, b, |a, b| (product(a, b) >> 31) as i32),
        Integer::HighProductHalf => lanes(a, b, |a, b| ((product(a, b) + (1 << 31)) >> 32) as i32),
        _ => isa.base.rounding_doubling_high_mul_i32(a, b),
    }
}

#[inline(always)]
pub(super) fn shift_right_i32(isa: Faulty, v: V, n: V) -> V {
    if isa.integer(Integer::ShiftLogical) {
        return lanes(v, n, |v, n| ((v as u32) >> (n & 31)) as i32);
    }
    isa.base.shift_right_i32(v, n)
}

#[inline(always)]
pub(super) fn rounding_shift_right_i32(isa: Faulty, v: V, n: V) -> V {
    if isa.integer(Integer::RoundingShiftCuts) {
        return lanes(v, n, |v, n| v >> (n & 31));
    }
    isa.base.rounding_shift_right_i32(v, n)
}

#[inline(always)]
pub(super) fn gt_i32(isa: Faulty, a: V, b: V) -> V {
    match isa.fault {
        Instruction::Integer(Integer::GreaterOrEqual) => lanes(a, b, |a, b| -i32::from(a >= b)),
        Instruction::Integer(Integer::GreaterUnsigned) => {
            lanes(a, b, |a, b| -i32::from(a as u32 > b as u32))
        }
        _ => isa.base.gt_i32(a, b),
    }
}

#[inline(always)]
pub(super) fn abs_i32(isa: Faulty, v: V) -> V {
    if isa.integer(Integer::AbsLost) {
        return v;
    }
    isa.base.abs_i32(v)
}

#[inline(always)]
pub(super) fn dot4(isa: Faulty, acc: V, a: V, b: V) -> V {
    match isa.fault {
        Instruction::Dot(fault) => faulty_dot(fault, acc, a, b),
        _ => isa.base.dot4(acc, a, b),
    }
}

#[inline(always)]
pub(super) fn saturate_to_i16(isa: Faulty, v: V) -> V {
    if isa.integer(Integer::Saturate16Wraps) {
        return v.map(|x| i32::from(x as i16));
    }
    isa.base.saturate_to_i16(v)
}

#[inline(always)]
pub(super) fn narrow_to_u8(isa: Faulty, v: [V; 4], zero_point: i16) -> V {
    match isa.fault {
        Instruction::Narrow(fault) => narrow(fault, v, zero_point, false),
        _ => isa.base.narrow_to_u8(v, zero_point),
    }
}

#[inline(always)]
pub(super) fn narrow_to_i8(isa: Faulty, v: [V; 4], zero_point: i16) -> V {
    match isa.fault {
        Instruction::Narrow(fault) => narrow(fault, v, zero_point, true),
        _ => isa.base.narrow_to_i8(v, zero_point),
    }
}

/// Byte by byte.
#[inline(always)]
fn bytes(a: V, b: V, f: impl Fn(u8, u8) -> u8) -> V {
    lanes(a, b, |a, b| {
        let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
        i32::from_le_bytes(std::array::from_fn(|i| f(a[i], b[i])))
    })
}

/// Apart, so that the loops of kernels hold no more than a jump past it.
#[cold]
#[inline(never)]
fn faulty_dot(fault: Dot, acc: V, a: V, b: V) -> V {
    dot(fault, acc, a, b)
}
