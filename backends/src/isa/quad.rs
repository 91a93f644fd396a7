//! The 128-bit instruction sets of ARM on the CPU's own instructions: NEON as
//! every aarch64 CPU has it, with dot products, and with 8-bit matrix products.
//!
//! The intrinsics of sdot, usdot and usmmla are not stable in Rust: they are
//! inline assembly.

mod methods;
mod partial;

use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};
use std::marker::PhantomData;

use super::{InstructionSet, Neon, NeonDot, NeonI8mm, Shifted, WithIsa};

/// A token of a 128-bit instruction set.
#[derive(Debug)]
pub struct Quad<S>(PhantomData<fn() -> S>);

impl<S> Clone for Quad<S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Quad<S> {}

impl<S: QuadSet> Quad<S> {
    /// The token, if this CPU has the instructions.
    pub fn new() -> Option<Self> {
        S::detected().then_some(Self(PhantomData))
    }
}

/// What distinguishes the 128-bit sets.
///
/// # Safety
/// `detected` must be true only where everything that the other functions use is there.
pub unsafe trait QuadSet: InstructionSet {
    /// A packed activation code.
    type Activation: Copy + Default + From<u8> + Send + Sync + std::fmt::Debug + 'static;
    /// A packed weight.
    type Weight: Copy + Default + From<i8> + Send + Sync + std::fmt::Debug + 'static;
    /// Whether this CPU has the instructions.
    fn detected() -> bool;
    /// Runs `body` in a function compiled for the set.
    ///
    /// # Safety
    /// The CPU must have the set, which `isa` proves.
    unsafe fn enter<B: WithIsa<Quad<Self>>>(isa: Quad<Self>, body: B) -> B::Output;
    /// see [`Isa::dot4`](super::Isa::dot4)
    ///
    /// # Safety
    /// The CPU must have the set.
    unsafe fn dot4(acc: int32x4_t, a: int32x4_t, b: int32x4_t) -> int32x4_t;
    /// see [`Isa::dot_element`](super::Isa::dot_element)
    ///
    /// # Safety
    /// The CPU must have the set.
    unsafe fn dot_element<const G: usize>(acc: int32x4_t, a: int32x4_t, b: int32x4_t) -> int32x4_t;
    /// see [`Isa::mmla`](super::Isa::mmla)
    ///
    /// # Safety
    /// The CPU must have the set.
    #[inline(always)]
    unsafe fn mmla(acc: int32x4_t, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: the caller's contract.
        unsafe {
            let rows = vreinterpretq_s64_s32(a);
            // A row meets both columns; the sums of its halves are then joined.
            let halves = |row: int64x2_t| Self::dot4(vdupq_n_s32(0), vreinterpretq_s32_s64(row), b);
            let first = halves(vdupq_laneq_s64::<0>(rows));
            let second = halves(vdupq_laneq_s64::<1>(rows));
            vaddq_s32(acc, vpaddq_s32(first, second))
        }
    }
}

// SAFETY: `detected` asks for the one feature that the functions use.
unsafe impl QuadSet for Neon {
    type Activation = i16;
    type Weight = i16;
    fn detected() -> bool {
        is_aarch64_feature_detected!("neon")
    }
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn enter<B: WithIsa<Quad<Self>>>(isa: Quad<Self>, body: B) -> B::Output {
        body.call(isa)
    }
    #[inline(always)]
    unsafe fn dot4(acc: int32x4_t, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: the caller's contract.
        unsafe {
            let (a, b) = (vreinterpretq_u8_s32(a), vreinterpretq_s8_s32(b));
            // A product of u8 and s8 fits i16, a sum of two does not.
            let low = vmulq_s16(
                vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(a))),
                vmovl_s8(vget_low_s8(b)),
            );
            let high = vmulq_s16(vreinterpretq_s16_u16(vmovl_high_u8(a)), vmovl_high_s8(b));
            vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)))
        }
    }
    #[inline(always)]
    unsafe fn dot_element<const G: usize>(acc: int32x4_t, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: the caller's contract.
        unsafe {
            let (a, b) = (vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b));
            let near = vget_low_s16(b);
            match G {
                0 => vmlal_high_laneq_s16::<1>(vmlal_laneq_s16::<0>(acc, near, a), b, a),
                1 => vmlal_high_laneq_s16::<3>(vmlal_laneq_s16::<2>(acc, near, a), b, a),
                2 => vmlal_high_laneq_s16::<5>(vmlal_laneq_s16::<4>(acc, near, a), b, a),
                _ => vmlal_high_laneq_s16::<7>(vmlal_laneq_s16::<6>(acc, near, a), b, a),
            }
        }
    }
}

// SAFETY: `detected` asks for both features that the functions use.
unsafe impl QuadSet for NeonDot {
    type Activation = Shifted;
    type Weight = i8;
    fn detected() -> bool {
        is_aarch64_feature_detected!("neon") && is_aarch64_feature_detected!("dotprod")
    }
    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    unsafe fn enter<B: WithIsa<Quad<Self>>>(isa: Quad<Self>, body: B) -> B::Output {
        body.call(isa)
    }
    #[inline(always)]
    unsafe fn dot4(acc: int32x4_t, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // Σ x·w = Σ (x − 128)·w − Σ (−128)·w: the shift fits s8, and so does −128.
        // SAFETY: the caller's contract.
        unsafe {
            let shift = vreinterpretq_s32_u8(vdupq_n_u8(0x80));
            let shifted = sdot(acc, veorq_s32(a, shift), b);
            vsubq_s32(shifted, sdot(vdupq_n_s32(0), shift, b))
        }
    }
    #[inline(always)]
    unsafe fn dot_element<const G: usize>(
        mut acc: int32x4_t,
        a: int32x4_t,
        b: int32x4_t,
    ) -> int32x4_t {
        // SAFETY: the caller's contract; the instruction reads and writes registers alone.
        unsafe {
            asm!(
                "sdot {acc:v}.4s, {b:v}.16b, {a:v}.4b[{group}]",
                acc = inout(vreg) acc,
                a = in(vreg) a,
                b = in(vreg) b,
                group = const G,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        acc
    }
}

// SAFETY: `detected` asks for both features that the functions use.
unsafe impl QuadSet for NeonI8mm {
    type Activation = u8;
    type Weight = i8;
    fn detected() -> bool {
        is_aarch64_feature_detected!("neon") && is_aarch64_feature_detected!("i8mm")
    }
    #[inline]
    #[target_feature(enable = "neon,i8mm")]
    unsafe fn enter<B: WithIsa<Quad<Self>>>(isa: Quad<Self>, body: B) -> B::Output {
        body.call(isa)
    }
    #[inline(always)]
    unsafe fn dot4(mut acc: int32x4_t, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: the caller's contract; the instruction reads and writes registers alone.
        unsafe {
            asm!(
                "usdot {acc:v}.4s, {a:v}.16b, {b:v}.16b",
                acc = inout(vreg) acc,
                a = in(vreg) a,
                b = in(vreg) b,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        acc
    }
    #[inline(always)]
    unsafe fn dot_element<const G: usize>(
        mut acc: int32x4_t,
        a: int32x4_t,
        b: int32x4_t,
    ) -> int32x4_t {
        // sudot is usdot with the signed operand first.
        // SAFETY: the caller's contract; the instruction reads and writes registers alone.
        unsafe {
            asm!(
                "sudot {acc:v}.4s, {b:v}.16b, {a:v}.4b[{group}]",
                acc = inout(vreg) acc,
                a = in(vreg) a,
                b = in(vreg) b,
                group = const G,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        acc
    }
    #[inline(always)]
    unsafe fn mmla(mut acc: int32x4_t, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: the caller's contract; the instruction reads and writes registers alone.
        unsafe {
            asm!(
                "usmmla {acc:v}.4s, {a:v}.16b, {b:v}.16b",
                acc = inout(vreg) acc,
                a = in(vreg) a,
                b = in(vreg) b,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        acc
    }
}

/// Four products of signed bytes added to each i32 lane.
///
/// # Safety
/// The CPU must have dot products.
#[inline(always)]
unsafe fn sdot(mut acc: int32x4_t, a: int32x4_t, b: int32x4_t) -> int32x4_t {
    // SAFETY: the caller's contract; the instruction reads and writes registers alone.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {a:v}.16b, {b:v}.16b",
            acc = inout(vreg) acc,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    acc
}
