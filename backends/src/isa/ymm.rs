//! The 256-bit instruction sets of x86 on the CPU's own instructions: AVX2
//! (saturating and exact) and AVX-VNNI.

mod lanes;
mod methods;
mod partial;

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::{Avx2, Avx2Exact, AvxVnni, InstructionSet, WithIsa};

/// A token of a 256-bit instruction set.
#[derive(Debug)]
pub struct Ymm<S>(PhantomData<fn() -> S>);

impl<S> Clone for Ymm<S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Ymm<S> {}

impl<S: YmmSet> Ymm<S> {
    /// The token, if this CPU has the instructions.
    pub fn new() -> Option<Self> {
        S::detected().then_some(Self(PhantomData))
    }
}

/// What distinguishes the 256-bit sets.
///
/// # Safety
/// `detected` must be true only where AVX2, FMA and everything that the other
/// functions use is there.
pub unsafe trait YmmSet: InstructionSet {
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
    unsafe fn enter<B: WithIsa<Ymm<Self>>>(isa: Ymm<Self>, body: B) -> B::Output;
    /// see [`Isa::dot4`](super::Isa::dot4)
    ///
    /// # Safety
    /// The CPU must have the set.
    unsafe fn dot4(acc: __m256i, a: __m256i, b: __m256i) -> __m256i;
    /// see [`Isa::dot`](super::Isa::dot)
    ///
    /// # Safety
    /// The CPU must have the set.
    unsafe fn dot(acc: __m256i, a: __m256i, b: __m256i) -> __m256i;
}

// SAFETY: `detected` asks for both features that the functions use.
unsafe impl YmmSet for Avx2 {
    type Activation = u8;
    type Weight = i8;
    fn detected() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn enter<B: WithIsa<Ymm<Self>>>(isa: Ymm<Self>, body: B) -> B::Output {
        body.call(isa)
    }
    #[inline(always)]
    unsafe fn dot4(acc: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller's contract.
        unsafe {
            let pairs = _mm256_maddubs_epi16(a, b);
            _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller's contract.
        unsafe { Self::dot4(acc, a, b) }
    }
}

// SAFETY: `detected` asks for both features that the functions use.
unsafe impl YmmSet for Avx2Exact {
    type Activation = i16;
    type Weight = i16;
    fn detected() -> bool {
        Avx2::detected()
    }
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn enter<B: WithIsa<Ymm<Self>>>(isa: Ymm<Self>, body: B) -> B::Output {
        body.call(isa)
    }
    #[inline(always)]
    unsafe fn dot4(acc: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // Bytes 0 and 2 of a lane, then 1 and 3, as i16 pairs. In a tile the halves of `b` do
        // not change with the row, nor those of `a` with the column, and are made once.
        // SAFETY: the caller's contract.
        unsafe {
            let a_even = _mm256_and_si256(a, _mm256_set1_epi16(0xff));
            let a_odd = _mm256_srli_epi16::<8>(a);
            let b_even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(b));
            let b_odd = _mm256_srai_epi16::<8>(b);
            let acc = _mm256_add_epi32(acc, _mm256_madd_epi16(a_even, b_even));
            _mm256_add_epi32(acc, _mm256_madd_epi16(a_odd, b_odd))
        }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller's contract.
        unsafe { _mm256_add_epi32(acc, _mm256_madd_epi16(a, b)) }
    }
}

// SAFETY: `detected` asks for the three features that the functions use.
unsafe impl YmmSet for AvxVnni {
    type Activation = u8;
    type Weight = i8;
    fn detected() -> bool {
        Avx2::detected() && is_x86_feature_detected!("avxvnni")
    }
    #[inline]
    #[target_feature(enable = "avx2,fma,avxvnni")]
    unsafe fn enter<B: WithIsa<Ymm<Self>>>(isa: Ymm<Self>, body: B) -> B::Output {
        body.call(isa)
    }
    #[inline(always)]
    unsafe fn dot4(acc: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller's contract.
        unsafe { _mm256_dpbusd_avx_epi32(acc, a, b) }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller's contract.
        unsafe { Self::dot4(acc, a, b) }
    }
}
