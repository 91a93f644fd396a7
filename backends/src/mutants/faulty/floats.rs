//! Arithmetic on floats, and conversions from integers and to them.

use super::super::instruction::{cut, flushed, to_integer, truncated, up};
use super::{F, Faulty, Float, Instruction, N, V, lanes};
use crate::isa::Isa;

#[inline(always)]
pub(super) fn add_f32(isa: Faulty, a: F, b: F) -> F {
    let right = isa.base.add_f32(a, b);
    if isa.float(Float::AddCuts) {
        // Two f32 add up exactly in f64 wherever their exponents are not too far apart; there
        // the nearest f64 decides.
        return std::array::from_fn(|i| cut(f64::from(a[i]) + f64::from(b[i]), right[i]));
    }
    right
}

#[inline(always)]
pub(super) fn mul_f32(isa: Faulty, a: F, b: F) -> F {
    let Instruction::Float(fault) = isa.fault else {
        return isa.base.mul_f32(a, b);
    };
    let exact = |i: usize| f64::from(a[i]) * f64::from(b[i]);
    let right = isa.base.mul_f32(a, b);
    match fault {
        Float::MulDenormalsZero => lanes(a, b, |a, b| flushed(a) * flushed(b)),
        Float::MulCuts => std::array::from_fn(|i| cut(exact(i), right[i])),
        Float::MulUp => std::array::from_fn(|i| up(exact(i), right[i])),
        Float::MulShort => right.map(|x| f32::from_bits(x.to_bits() & !0xff)),
        _ => right,
    }
}

#[inline(always)]
pub(super) fn div_f32(isa: Faulty, a: F, b: F) -> F {
    match isa.fault {
        Instruction::Float(Float::DivReciprocal) => lanes(a, b, |a, b| a * (1.0 / b)),
        Instruction::Float(Float::DivApproximate) => lanes(a, b, |a, b| {
            a * f32::from_bits((1.0 / b).to_bits() & !0x7ff)
        }),
        _ => isa.base.div_f32(a, b),
    }
}

#[inline(always)]
pub(super) fn fma_f32(isa: Faulty, a: F, b: F, c: F) -> F {
    match isa.fault {
        Instruction::Float(Float::FmaSplit) => isa.base.add_f32(isa.base.mul_f32(a, b), c),
        Instruction::Float(Float::FmaDropsAddend) => isa.base.mul_f32(a, b),
        _ => isa.base.fma_f32(a, b, c),
    }
}

#[inline(always)]
pub(super) fn min_f32(isa: Faulty, a: F, b: F) -> F {
    match isa.fault {
        Instruction::Float(Float::MinOrder) => isa.base.min_f32(b, a),
        Instruction::Float(Float::MinLost) => a,
        Instruction::Float(Float::CompareDenormalsZero) => {
            isa.base.min_f32(a.map(flushed), b.map(flushed))
        }
        _ => isa.base.min_f32(a, b),
    }
}

#[inline(always)]
pub(super) fn max_f32(isa: Faulty, a: F, b: F) -> F {
    if isa.float(Float::CompareDenormalsZero) {
        return isa.base.max_f32(a.map(flushed), b.map(flushed));
    }
    isa.base.max_f32(a, b)
}

#[inline(always)]
pub(super) fn nan_mask(isa: Faulty, v: F) -> V {
    if isa.float(Float::NanUnseen) {
        return [0; N];
    }
    isa.base.nan_mask(v)
}

#[inline(always)]
pub(super) fn i32_to_f32(isa: Faulty, v: V) -> F {
    match isa.fault {
        Instruction::Float(Float::FromIntegerCuts) => v.map(|x| cut(f64::from(x), x as f32)),
        Instruction::Float(Float::FromIntegerUnsigned) => v.map(|x| x as u32 as f32),
        Instruction::Float(Float::FromInteger16) => v.map(|x| f32::from(x as i16)),
        _ => isa.base.i32_to_f32(v),
    }
}

#[inline(always)]
pub(super) fn f32_to_i32_even(isa: Faulty, v: F) -> V {
    let right = isa.base.f32_to_i32_even(v);
    match isa.fault {
        Instruction::Convert(fault) => lanes(v, right, |x, right| to_integer(fault, x, right)),
        _ => right,
    }
}

#[inline(always)]
pub(super) fn f32_to_i32_trunc(isa: Faulty, v: F) -> V {
    let right = isa.base.f32_to_i32_trunc(v);
    match isa.fault {
        Instruction::Convert(fault) => lanes(v, right, |x, right| truncated(fault, x, right)),
        _ => right,
    }
}
