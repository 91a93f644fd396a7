//! The 512-bit instruction sets of x86 on the CPU's own instructions: AVX-512
//! F and BW (saturating and exact), AVX-512 VNNI, and AMX beside it.

mod lanes;
mod methods;
mod partial;

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::{Amx, Avx512, Avx512Exact, Avx512Vnni, InstructionSet, WithIsa, tiles};

/// A token of a 512-bit instruction set.
#[derive(Debug)]
pub struct Zmm<S>(PhantomData<fn() -> S>);

impl<S> Clone for Zmm<S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Zmm<S> {}

impl<S: ZmmSet> Zmm<S> {
    /// The token, if this CPU has the instructions.
    pub fn new() -> Option<Self> {
        S::detected().then_some(Self(PhantomData))
    }
}

/// What distinguishes the 512-bit sets.
///
/// # Safety
/// `detected` must be true only where AVX-512 F, BW and VL and everything that
/// the other functions use is there.
pub unsafe trait ZmmSet: InstructionSet {
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
    unsafe fn enter<B: WithIsa<Zmm<Self>>>(isa: Zmm<Self>, body: B) -> B::Output;
    /// see [`Isa::dot4`](super::Isa::dot4)
    ///
    /// # Safety
    /// The CPU must have the set.
    unsafe fn dot4(acc: __m512i, a: __m512i, b: __m512i) -> __m512i;
    /// see [`Isa::dot`](super::Isa::dot)
    ///
    /// # Safety
    /// The CPU must have the set.
    unsafe fn dot(acc: __m512i, a: __m512i, b: __m512i) -> __m512i;
}

// SAFETY: `detected` asks for the three features that the functions use.
unsafe impl ZmmSet for Avx512 {
    type Activation = u8;
    type Weight = i8;
    fn detected() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
    }
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn enter<B: WithIsa<Zmm<Self>>>(isa: Zmm<Self>, body: B) -> B::Output {
        body.call(isa)
    }
    #[inline(always)]
    unsafe fn dot4(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller's contract.
        unsafe {
            let pairs = _mm512_maddubs_epi16(a, b);
            _mm512_add_epi32(acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))
        }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller's contract.
        unsafe { Self::dot4(acc, a, b) }
    }
}

// SAFETY: `detected` asks for the three features that the functions use.
unsafe impl ZmmSet for Avx512Exact {
    type Activation = i16;
    type Weight = i16;
    fn detected() -> bool {
        Avx512::detected()
    }
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn enter<B: WithIsa<Zmm<Self>>>(isa: Zmm<Self>, body: B) -> B::Output {
        body.call(isa)
    }
    #[inline(always)]
    unsafe fn dot4(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // Bytes 0 and 2 of a lane, then 1 and 3, as i16 pairs. In a tile the halves of `b` do
        // not change with the row, nor those of `a` with the column, and are made once.
        // SAFETY: the caller's contract.
        unsafe {
            let a_even = _mm512_and_si512(a, _mm512_set1_epi16(0xff));
            let a_odd = _mm512_srli_epi16::<8>(a);
            let b_even = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(b));
            let b_odd = _mm512_srai_epi16::<8>(b);
            let acc = _mm512_add_epi32(acc, _mm512_madd_epi16(a_even, b_even));
            _mm512_add_epi32(acc, _mm512_madd_epi16(a_odd, b_odd))
        }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller's contract.
        unsafe { _mm512_add_epi32(acc, _mm512_madd_epi16(a, b)) }
    }
}

// SAFETY: `detected` asks for the four features that the functions use.
unsafe impl ZmmSet for Avx512Vnni {
    type Activation = u8;
    type Weight = i8;
    fn detected() -> bool {
        Avx512::detected() && is_x86_feature_detected!("avx512vnni")
    }
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn enter<B: WithIsa<Zmm<Self>>>(isa: Zmm<Self>, body: B) -> B::Output {
        body.call(isa)
    }
    #[inline(always)]
    unsafe fn dot4(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller's contract.
        unsafe { _mm512_dpbusd_epi32(acc, a, b) }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller's contract.
        unsafe { Self::dot4(acc, a, b) }
    }
}

// SAFETY: `detected` asks for those of AVX-512 VNNI, which the functions use, and for tiles.
unsafe impl ZmmSet for Amx {
    type Activation = u8;
    type Weight = i8;
    fn detected() -> bool {
        Avx512Vnni::detected() && tiles::native::detected()
    }
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn enter<B: WithIsa<Zmm<Self>>>(isa: Zmm<Self>, body: B) -> B::Output {
        body.call(isa)
    }
    #[inline(always)]
    unsafe fn dot4(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller's contract.
        unsafe { Avx512Vnni::dot4(acc, a, b) }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller's contract.
        unsafe { Self::dot4(acc, a, b) }
    }
}
