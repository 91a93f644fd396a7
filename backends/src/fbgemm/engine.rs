//! Which micro-kernel sums an op's products: what the profile asks for, met
//! with what the instruction set does.

use crate::backend::{Chosen, Refusal};
use crate::isa::{Dot4, Grouping, Isa};
use qassay_golden::profile::{Accumulation, Outliers, PaddingTap, Profile};

use super::acc16::Acc16;
use super::matrix::Matrix;
use super::micro_kernel::{Acc32, Sums};
use super::pack_b::PackedWeights;
use super::proof::{Found, Proof};
use super::proved::Proved;
use super::tiles::Tiles;

/// A way of summing that this family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// i32 accumulators, by the instruction set's `dot`
    Acc32,
    /// i16 sums of as many products as a proof allows, then i32 accumulators
    Proved,
    /// i32 accumulators, by the instruction set's `mmla`
    Matrix,
    /// i32 accumulators, by the instruction set's `tile_product`
    Tiles,
    /// i16 accumulators, spilled every 128 k
    Acc16Spill128,
    /// i16 accumulators, spilled every 256 k
    Acc16Spill256,
}

impl Engine {
    /// What is taken from each code before it is multiplied.
    pub fn code_shift<I: Isa>(self) -> i32 {
        match self {
            Self::Matrix => <Matrix as Sums<I>>::CODE_SHIFT,
            Self::Tiles => <Tiles as Sums<I>>::CODE_SHIFT,
            Self::Acc32 => <Acc32 as Sums<I>>::CODE_SHIFT,
            Self::Proved => <Proved as Sums<I>>::CODE_SHIFT,
            Self::Acc16Spill128 => <Acc16<128> as Sums<I>>::CODE_SHIFT,
            Self::Acc16Spill256 => <Acc16<256> as Sums<I>>::CODE_SHIFT,
        }
    }
}

/// The engine that sums as `accumulation` says on `I`.
///
/// # Errors
/// When the instruction set sums in another way, or the family has no such sums.
pub fn choose<I: Isa>(profile: &Profile, accumulation: Accumulation) -> Result<Engine, Refusal> {
    let unsupported = |what: &str| Err(Refusal::Unsupported(what.into()));
    if profile.accumulate.outliers != Outliers::Kept {
        return unsupported("weights with outliers split off; these kernels keep them");
    }
    if profile.accumulate.padding != PaddingTap::ZeroPoint {
        return unsupported("skipped padding; fbgemm packs the zero point");
    }
    match (accumulation, I::DOT4) {
        (Accumulation::Exact, Dot4::Exact) if I::MMLA => Ok(Engine::Matrix),
        (Accumulation::Exact, Dot4::Exact) if I::TILES => Ok(Engine::Tiles),
        (Accumulation::Exact, Dot4::Exact) | (Accumulation::PairsI16, Dot4::SaturatingPairs) => {
            Ok(Engine::Acc32)
        }
        (Accumulation::SumsI16Spill128, _) => Ok(Engine::Acc16Spill128),
        (Accumulation::SumsI16Spill256, _) => Ok(Engine::Acc16Spill256),
        (Accumulation::PairsI16InDepthwiseKernels | Accumulation::PairsI16PerTapInFours, _) => {
            unsupported("saturating pairs in some convolutions only")
        }
        (Accumulation::PairsI16PerTap | Accumulation::PairsI16InHalves, _) => unsupported(
            "pairs that restart at each kernel position or in the middle; fbgemm pairs through all of k",
        ),
        (Accumulation::Exact, _) => unsupported("exact sums on saturating instructions"),
        (Accumulation::PairsI16, _) => unsupported("saturating pairs on exact instructions"),
    }
}

/// Whether `I` sums exactly by widening codes, and has products of bytes that saturate.
pub const fn widens<I: Isa>() -> bool {
    matches!(I::DOT4, Dot4::Exact)
        && I::DOT_K == 2
        && I::LANES >= 8
        && matches!(I::DOT_GROUPING, Grouping::ByColumn)
}

/// `engine`, or sums in i16 where that is the same and takes less: where proofs for these weights
/// (`n` columns of `k` a group) and codes up to `most_code` say so.
pub fn proved<I: Isa>(engine: Engine, weights: &[i8], n: usize, k: usize, most_code: u8) -> Engine {
    if engine != Engine::Acc32 || !widens::<I>() || n * k == 0 {
        return engine;
    }
    let mut found = Found::default();
    for group in weights.chunks_exact(n * k) {
        let blocking = <Proved as Sums<I>>::blocking();
        for column in (0..n).step_by(blocking.nr) {
            let panel = &group[column * k..(column + blocking.nr).min(n) * k];
            for first in (0..k).step_by(blocking.kcb) {
                found += Proof::of(panel, k, first, most_code).found();
            }
        }
    }
    if found.pays() { Engine::Proved } else { engine }
}

/// What was chosen, for the record.
pub fn chosen<'a, I: Isa, T: Sums<I>>(
    weights: impl Iterator<Item = &'a PackedWeights<I, T>>,
) -> Chosen {
    let blocking = T::blocking();
    let mut micro_kernel = format!("{}-{}x{}", T::NAME, blocking.mr, blocking.nr);
    if T::PROVES {
        let mut found = Found::default();
        weights.for_each(|weights| found += weights.found());
        micro_kernel += &format!(", proved for {}", found.proved());
    }
    Chosen {
        micro_kernel,
        tile: Some((blocking.mr, blocking.nr, blocking.kcb)),
        fallback: None,
    }
}

/// Calls `$make::<I, T>($args)` with the micro-kernel of `$engine` as `T`.
macro_rules! with_engine {
    ($engine:expr, $isa:ty, $kernel:ident($($args:expr),*)) => {
        match $engine {
            $crate::fbgemm::engine::Engine::Acc32 => {
                Box::new($kernel::<$isa, $crate::fbgemm::micro_kernel::Acc32>::new($($args),*))
                    as Box<dyn $crate::backend::Kernel>
            }
            // Not compiled for instruction sets whose own products of bytes are exact.
            $crate::fbgemm::engine::Engine::Proved
                if const { $crate::fbgemm::engine::widens::<$isa>() } =>
            {
                Box::new($kernel::<$isa, $crate::fbgemm::proved::Proved>::new($($args),*))
            }
            // Nor for those without matrix products.
            $crate::fbgemm::engine::Engine::Matrix if const { <$isa as $crate::isa::Isa>::MMLA } => {
                Box::new($kernel::<$isa, $crate::fbgemm::matrix::Matrix>::new($($args),*))
            }
            // Nor for those without tiles.
            $crate::fbgemm::engine::Engine::Tiles if const { <$isa as $crate::isa::Isa>::TILES } => {
                Box::new($kernel::<$isa, $crate::fbgemm::tiles::Tiles>::new($($args),*))
            }
            $crate::fbgemm::engine::Engine::Matrix
            | $crate::fbgemm::engine::Engine::Tiles
            | $crate::fbgemm::engine::Engine::Proved => {
                unreachable!("`choose` and `proved` give these to sets that have them")
            }
            $crate::fbgemm::engine::Engine::Acc16Spill128 => {
                Box::new($kernel::<$isa, $crate::fbgemm::acc16::Acc16<128>>::new($($args),*))
            }
            $crate::fbgemm::engine::Engine::Acc16Spill256 => {
                Box::new($kernel::<$isa, $crate::fbgemm::acc16::Acc16<256>>::new($($args),*))
            }
        }
    };
}
pub(crate) use with_engine;
