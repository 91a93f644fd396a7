//! What each real instruction does, in plain Rust: one function per
//! instruction, on `N` lanes of 32 bits (`N / 4` blocks of 128 bits).
//!
//! A lane holds 4 bytes or 2 i16, lowest first, as in memory. Source of every
//! function here: Intel 64 and IA-32 Architectures Software Developer's Manual,
//! volume 2, under the instruction's name; those of ARM are in `arm`, the
//! products and shifts of fixed point in `fixed_point`, tiles in `tiles`. The tests compare each
//! function with the instruction itself where the CPU has it.
//!
//! What is more than one operation a lane is a function that is called: inlined into every
//! modelled kernel, these models were half of what it costs to build this crate.

mod arm;
mod fixed_point;
mod tiles;

pub use arm::*;
pub use fixed_point::*;
pub use tiles::*;

/// The four bytes of a lane, lowest first.
#[inline(always)]
fn u8s(lane: i32) -> [u8; 4] {
    lane.to_le_bytes()
}

/// The four signed bytes of a lane, lowest first.
#[inline(always)]
fn i8s(lane: i32) -> [i8; 4] {
    lane.to_le_bytes().map(|byte| byte as i8)
}

/// The two i16 of a lane, lowest first.
#[inline(always)]
fn i16s(lane: i32) -> [i16; 2] {
    [lane as i16, (lane >> 16) as i16]
}

#[inline(always)]
fn of_u8s(bytes: [u8; 4]) -> i32 {
    i32::from_le_bytes(bytes)
}

#[inline(always)]
fn of_i16s([low, high]: [i16; 2]) -> i32 {
    (i32::from(high) << 16) | i32::from(low as u16)
}

#[inline(always)]
fn lanes<const N: usize>(a: [i32; N], b: [i32; N], f: impl Fn(i32, i32) -> i32) -> [i32; N] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

#[inline(always)]
fn bytes<const N: usize>(a: [i32; N], b: [i32; N], f: impl Fn(u8, u8) -> u8) -> [i32; N] {
    lanes(a, b, |a, b| {
        let (a, b) = (u8s(a), u8s(b));
        of_u8s(std::array::from_fn(|i| f(a[i], b[i])))
    })
}

#[inline(always)]
fn words<const N: usize>(a: [i32; N], b: [i32; N], f: impl Fn(i16, i16) -> i16) -> [i32; N] {
    lanes(a, b, |a, b| {
        let (a, b) = (i16s(a), i16s(b));
        of_i16s([f(a[0], b[0]), f(a[1], b[1])])
    })
}

#[inline(always)]
fn floats<const N: usize>(a: [f32; N], b: [f32; N], f: impl Fn(f32, f32) -> f32) -> [f32; N] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// vpmaddubsw: each unsigned byte of `a` times the signed byte of `b`; two
/// adjacent products are added and saturate to i16.
#[inline(never)]
pub fn vpmaddubsw<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    lanes(a, b, |a, b| {
        let (a, b) = (u8s(a), i8s(b));
        let pair = |i: usize| {
            let sum = i32::from(a[i]) * i32::from(b[i]) + i32::from(a[i + 1]) * i32::from(b[i + 1]);
            sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
        };
        of_i16s([pair(0), pair(2)])
    })
}

/// vpmaddwd: products of i16, two adjacent ones added in i32. Only
/// (−32768)² · 2 wraps.
#[inline(never)]
pub fn vpmaddwd<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    lanes(a, b, |a, b| {
        let (a, b) = (i16s(a), i16s(b));
        (i32::from(a[0]) * i32::from(b[0])).wrapping_add(i32::from(a[1]) * i32::from(b[1]))
    })
}

/// vpdpbusd: four products of unsigned `a` and signed `b` bytes added to the
/// i32 accumulator, which wraps; nothing saturates.
#[inline(never)]
pub fn vpdpbusd<const N: usize>(acc: [i32; N], a: [i32; N], b: [i32; N]) -> [i32; N] {
    let sums = lanes(a, b, |a, b| {
        let (a, b) = (u8s(a), i8s(b));
        let product = |i: usize| i32::from(a[i]) * i32::from(b[i]);
        product(0) + product(1) + product(2) + product(3)
    });
    vpaddd(acc, sums)
}

/// vpaddd: i32 sum, wrapping.
#[inline(always)]
pub fn vpaddd<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    lanes(a, b, i32::wrapping_add)
}

/// vpsubd: i32 difference, wrapping.
#[inline(always)]
pub fn vpsubd<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    lanes(a, b, i32::wrapping_sub)
}

/// vpmulld: the low 32 bits of the product.
#[inline(always)]
pub fn vpmulld<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    lanes(a, b, i32::wrapping_mul)
}

/// vpmullw: the low 16 bits of the product.
#[inline(never)]
pub fn vpmullw<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    words(a, b, i16::wrapping_mul)
}

/// vpaddw: i16 sum, wrapping.
#[inline(always)]
pub fn vpaddw<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    words(a, b, i16::wrapping_add)
}

/// vpsubw: i16 difference, wrapping.
#[inline(never)]
pub fn vpsubw<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    words(a, b, i16::wrapping_sub)
}

/// vpcmpgtd: all ones where `a > b`.
#[inline(always)]
pub fn vpcmpgtd<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    lanes(a, b, |a, b| -i32::from(a > b))
}

/// vpabsd: magnitude, wrapping.
#[inline(always)]
pub fn vpabsd<const N: usize>(v: [i32; N]) -> [i32; N] {
    v.map(i32::wrapping_abs)
}

/// vpaddsw: i16 sum, saturating.
#[inline(never)]
pub fn vpaddsw<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    words(a, b, i16::saturating_add)
}

/// vpminsd: the lesser i32.
#[inline(always)]
pub fn vpminsd<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    lanes(a, b, i32::min)
}

/// vpmaxsd: the greater i32.
#[inline(always)]
pub fn vpmaxsd<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    lanes(a, b, i32::max)
}

/// vpminub: the lesser unsigned byte.
#[inline(never)]
pub fn vpminub<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    bytes(a, b, u8::min)
}

/// vpmaxub: the greater unsigned byte.
#[inline(never)]
pub fn vpmaxub<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    bytes(a, b, u8::max)
}

/// vpminsb: the lesser signed byte.
#[inline(never)]
pub fn vpminsb<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    bytes(a, b, |a, b| (a as i8).min(b as i8) as u8)
}

/// vpmaxsb: the greater signed byte.
#[inline(never)]
pub fn vpmaxsb<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    bytes(a, b, |a, b| (a as i8).max(b as i8) as u8)
}

/// In each block of 128 bits: the elements of `a`'s block, then those of `b`'s,
/// narrowed. `N` lanes of `b` follow `N` lanes of `a` within every block.
#[inline(always)]
fn blocks<const N: usize>(f: impl Fn(bool, usize) -> i32) -> [i32; N] {
    std::array::from_fn(|i| {
        let (block, lane) = (i / 4 * 4, i % 4);
        // Two output lanes come from `a`, two from `b`; each takes two input lanes.
        f(lane < 2, block + lane % 2 * 2)
    })
}

/// vpackssdw: i32 to i16, saturating; per 128 bits first `a`, then `b`.
#[inline(never)]
pub fn vpackssdw<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    let narrow = |x: i32| x.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
    blocks(|first, at| {
        let from = if first { &a } else { &b };
        of_i16s([narrow(from[at]), narrow(from[at + 1])])
    })
}

#[inline(always)]
fn narrow_words<const N: usize>(a: [i32; N], b: [i32; N], f: impl Fn(i16) -> u8) -> [i32; N] {
    blocks(|first, at| {
        let from = if first { &a } else { &b };
        let (low, high) = (i16s(from[at]), i16s(from[at + 1]));
        of_u8s([f(low[0]), f(low[1]), f(high[0]), f(high[1])])
    })
}

/// vpackuswb: i16 to u8, saturating; per 128 bits first `a`, then `b`.
#[inline(never)]
pub fn vpackuswb<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    narrow_words(a, b, |x| x.clamp(0, 255) as u8)
}

/// vpacksswb: i16 to s8, saturating; per 128 bits first `a`, then `b`.
#[inline(never)]
pub fn vpacksswb<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    narrow_words(a, b, |x| x.clamp(-128, 127) as i8 as u8)
}

/// vpunpcklqdq: per 128 bits the lower halves of `a` and `b`.
#[inline(never)]
pub fn vpunpcklqdq<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    std::array::from_fn(|i| if i % 4 < 2 { a[i] } else { b[i - 2] })
}

/// vpunpckhqdq: per 128 bits the upper halves of `a` and `b`.
#[inline(never)]
pub fn vpunpckhqdq<const N: usize>(a: [i32; N], b: [i32; N]) -> [i32; N] {
    std::array::from_fn(|i| if i % 4 < 2 { a[i + 2] } else { b[i] })
}

/// vpermd: lane `i` of the result is lane `index[i]` of `v`.
#[inline(never)]
pub fn vpermd<const N: usize>(v: [i32; N], index: [usize; N]) -> [i32; N] {
    std::array::from_fn(|i| v[index[i] % N])
}

/// vpmovsxwd: the `N` i16 from lane `from` on, widened to i32.
#[inline(never)]
pub fn vpmovsxwd<const N: usize>(v: [i32; N], from: usize) -> [i32; N] {
    std::array::from_fn(|i| i32::from(i16s(v[from + i / 2])[i % 2]))
}

/// vpmovzxbd and vpmovsxbd feed on plain bytes; this widens unsigned ones.
#[inline(never)]
pub fn vpmovzxbd<const N: usize>(bytes: [u8; N]) -> [i32; N] {
    bytes.map(i32::from)
}

/// vpmovsxbd: signed bytes to i32.
#[inline(never)]
pub fn vpmovsxbd<const N: usize>(bytes: [i8; N]) -> [i32; N] {
    bytes.map(i32::from)
}

/// vaddps.
#[inline(always)]
pub fn vaddps<const N: usize>(a: [f32; N], b: [f32; N]) -> [f32; N] {
    floats(a, b, |a, b| a + b)
}

/// vsubps.
#[inline(always)]
pub fn vsubps<const N: usize>(a: [f32; N], b: [f32; N]) -> [f32; N] {
    floats(a, b, |a, b| a - b)
}

/// vmulps.
#[inline(always)]
pub fn vmulps<const N: usize>(a: [f32; N], b: [f32; N]) -> [f32; N] {
    floats(a, b, |a, b| a * b)
}

/// vdivps.
#[inline(always)]
pub fn vdivps<const N: usize>(a: [f32; N], b: [f32; N]) -> [f32; N] {
    floats(a, b, |a, b| a / b)
}

/// vminps: `b` unless `a < b`; so `b` when either is NaN, and for equal zeros.
#[inline(always)]
pub fn vminps<const N: usize>(a: [f32; N], b: [f32; N]) -> [f32; N] {
    floats(a, b, |a, b| if a < b { a } else { b })
}

/// vmaxps: `b` unless `a > b`; so `b` when either is NaN, and for equal zeros.
#[inline(always)]
pub fn vmaxps<const N: usize>(a: [f32; N], b: [f32; N]) -> [f32; N] {
    floats(a, b, |a, b| if a > b { a } else { b })
}

/// vandps.
#[inline(always)]
pub fn vandps<const N: usize>(a: [f32; N], b: [f32; N]) -> [f32; N] {
    floats(a, b, |a, b| f32::from_bits(a.to_bits() & b.to_bits()))
}

/// vorps.
#[inline(always)]
pub fn vorps<const N: usize>(a: [f32; N], b: [f32; N]) -> [f32; N] {
    floats(a, b, |a, b| f32::from_bits(a.to_bits() | b.to_bits()))
}

/// vfmadd213ps: `a·b + c` rounded once.
///
/// The product of two f32 is exact in f64. The sum is taken in f64 and rounded
/// to odd: where it is inexact and its last bit is even, it moves one step
/// toward the error. A second rounding to f32 is then right (Boldo and
/// Melquiond, *Emulation of FMA and correctly rounded sums*, 2008).
#[inline(never)]
pub fn vfmaddps<const N: usize>(a: [f32; N], b: [f32; N], c: [f32; N]) -> [f32; N] {
    std::array::from_fn(|i| {
        let product = f64::from(a[i]) * f64::from(b[i]);
        let addend = f64::from(c[i]);
        let sum = product + addend;
        // Knuth's two-sum: `error` is exactly what `sum` lost (NaN if sum is not finite).
        let part = sum - product;
        let error = (product - (sum - part)) + (addend - part);
        let bits = sum.to_bits();
        let away = (error > 0.0) == (sum > 0.0);
        let inexact = error != 0.0 && !error.is_nan();
        let odd = if !inexact || bits & 1 == 1 {
            bits
        } else if away {
            bits + 1
        } else {
            bits - 1
        };
        f64::from_bits(odd) as f32
    })
}

/// Nearest integral value, ties to even, sign kept: by adding and taking away
/// 2^23, beyond which every f32 is integral.
#[inline(always)]
fn round_even(x: f32) -> f32 {
    const INTEGRAL: f32 = 8_388_608.0;
    let rounded = if x.abs() < INTEGRAL {
        let magnitude = (x.abs() + INTEGRAL) - INTEGRAL;
        magnitude.copysign(x)
    } else {
        x
    };
    if x.is_nan() { x } else { rounded }
}

/// vroundps (and vrndscaleps with scale 0) in mode nearest-even.
#[inline(never)]
pub fn vroundps<const N: usize>(v: [f32; N]) -> [f32; N] {
    v.map(round_even)
}

/// An integral value to i32; what does not fit gives the integer indefinite.
#[inline(always)]
fn to_i32(integral: f32) -> i32 {
    // Neither comparison holds for NaN. `as` saturates, which never shows here.
    if (-2_147_483_648.0..2_147_483_648.0).contains(&integral) {
        integral as i32
    } else {
        i32::MIN
    }
}

/// vcvtps2dq under the default rounding mode: nearest-even; NaN and what is
/// outside i32 give 0x80000000.
#[inline(never)]
pub fn vcvtps2dq<const N: usize>(v: [f32; N]) -> [i32; N] {
    v.map(|x| to_i32(round_even(x)))
}

/// vcvttps2dq: toward zero; NaN and what is outside i32 give 0x80000000.
#[inline(never)]
pub fn vcvttps2dq<const N: usize>(v: [f32; N]) -> [i32; N] {
    v.map(to_i32)
}

/// vcvtdq2ps: nearest-even.
#[inline(always)]
pub fn vcvtdq2ps<const N: usize>(v: [i32; N]) -> [f32; N] {
    v.map(|x| x as f32)
}

/// vcmpunordps of a value with itself: all ones where it is NaN.
#[inline(never)]
pub fn vcmpunordps<const N: usize>(v: [f32; N]) -> [i32; N] {
    v.map(|x| -i32::from(x.is_nan()))
}

#[cfg(test)]
mod samples;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;
