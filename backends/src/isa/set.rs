//! The instruction sets by name, each with its native and its modelled form.
//!
//! The types here are names, not tokens: they exist on every platform, so that
//! models run everywhere. [`InstructionSet::native`] gives the token where this
//! CPU has the instructions.

use super::modelled::Model;
use super::{Conversion, Dot4, I16Products, Isa};

/// An instruction set by name.
pub trait InstructionSet: Copy + Send + Sync + 'static {
    /// the name in backend names, e.g. `avx2-exact`
    const NAME: &'static str;
    /// the architecture it belongs to: `any`, `x86`
    const ARCHITECTURE: &'static str;
    /// How [`Isa::dot4`] and [`Isa::dot`] sum.
    const DOT4: Dot4;
    /// see [`Isa::DOT_K`]
    const DOT_K: usize;
    /// see [`Isa::CONVERSION`]
    const CONVERSION: Conversion;
    /// see [`Isa::I16_PRODUCTS`]
    const I16_PRODUCTS: I16Products;
    /// The CPU's own instructions.
    type Native: Isa<Set = Self>;
    /// Models of them.
    type Model: Isa<Set = Self>;
    /// The token, where this CPU has the instructions.
    fn native() -> Option<Self::Native>;
    /// The models' token.
    fn model() -> Self::Model;
}

/// Plain Rust, no instructions of its own: four lanes, exact sums, on every CPU.
#[derive(Debug, Clone, Copy)]
pub enum Scalar {}

impl InstructionSet for Scalar {
    const NAME: &'static str = "scalar";
    const ARCHITECTURE: &'static str = "any";
    const DOT4: Dot4 = Dot4::Exact;
    const DOT_K: usize = 4;
    const CONVERSION: Conversion = Conversion::Indefinite;
    const I16_PRODUCTS: I16Products = I16Products::Pairs;
    // There is no instruction to model: both forms are the same plain code.
    type Native = Model<Scalar, u8, i8, 4>;
    type Model = Model<Scalar, u8, i8, 4>;
    fn native() -> Option<Self::Native> {
        Some(Model::new())
    }
    fn model() -> Self::Model {
        Model::new()
    }
}

macro_rules! x86_sets {
    ($($(#[doc = $doc:literal])+ $name:ident = $key:literal, $register:ident, $module:ident, $lanes:literal,
        $dot4:ident, $dot_k:literal, $activation:ty, $weight:ty;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, Copy)]
            pub enum $name {}

            impl InstructionSet for $name {
                const NAME: &'static str = $key;
                const ARCHITECTURE: &'static str = "x86";
                const DOT4: Dot4 = Dot4::$dot4;
                const DOT_K: usize = $dot_k;
                const CONVERSION: Conversion = Conversion::Indefinite;
                const I16_PRODUCTS: I16Products = I16Products::Pairs;
                #[cfg(target_arch = "x86_64")]
                type Native = super::$module::$register<$name>;
                #[cfg(not(target_arch = "x86_64"))]
                type Native = Self::Model;
                type Model = Model<$name, $activation, $weight, $lanes>;
                #[cfg(target_arch = "x86_64")]
                fn native() -> Option<Self::Native> {
                    super::$module::$register::new()
                }
                #[cfg(not(target_arch = "x86_64"))]
                fn native() -> Option<Self::Native> {
                    None
                }
                fn model() -> Self::Model {
                    Model::new()
                }
            }
        )+
    };
}

x86_sets! {
    /// AVX2 and FMA; bytes multiplied by vpmaddubsw, whose pairs saturate to i16.
    Avx2 = "avx2", Ymm, ymm, 8, SaturatingPairs, 4, u8, i8;
    /// AVX2 and FMA; codes widened to i16 and multiplied by vpmaddwd, exact.
    Avx2Exact = "avx2-exact", Ymm, ymm, 8, Exact, 2, i16, i16;
    /// AVX2, FMA and AVX-VNNI: vpdpbusd on 256 bits, exact.
    AvxVnni = "avxvnni", Ymm, ymm, 8, Exact, 4, u8, i8;
    /// AVX-512 F and BW; vpmaddubsw on 512 bits, pairs saturate to i16.
    Avx512 = "avx512", Zmm, zmm, 16, SaturatingPairs, 4, u8, i8;
    /// AVX-512 F and BW; vpmaddwd on widened codes, exact.
    Avx512Exact = "avx512-exact", Zmm, zmm, 16, Exact, 2, i16, i16;
    /// AVX-512 F, BW and VNNI: vpdpbusd on 512 bits, exact.
    Avx512Vnni = "avx512vnni", Zmm, zmm, 16, Exact, 4, u8, i8;
}
