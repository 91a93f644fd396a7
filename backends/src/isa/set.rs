//! The instruction sets by name, each with its native and its modelled form.
//!
//! The types here are names, not tokens: they exist on every platform, so that
//! models run everywhere. [`InstructionSet::native`] gives the token where this
//! CPU has the instructions.

use super::modelled::Model;
use super::{Conversion, Dot4, Grouping, I16Products, Isa, Shifted};

/// An instruction set by name.
pub trait InstructionSet: Copy + Send + Sync + 'static {
    /// the name in backend names, e.g. `avx2-exact`
    const NAME: &'static str;
    /// the architecture it belongs to: `any`, `x86`, `arm`
    const ARCHITECTURE: &'static str;
    /// vector registers
    const REGISTERS: usize;
    /// How [`Isa::dot4`] and [`Isa::dot`] sum.
    const DOT4: Dot4;
    /// see [`Isa::DOT_K`]
    const DOT_K: usize;
    /// see [`Isa::DOT_SHIFT`]
    const DOT_SHIFT: i32 = 0;
    /// see [`Isa::DOT_GROUPING`]
    const DOT_GROUPING: Grouping = Grouping::ByColumn;
    /// see [`Isa::DOT_ELEMENT`]
    const DOT_ELEMENT: bool = false;
    /// see [`Isa::MMLA`]
    const MMLA: bool = false;
    /// see [`Isa::TILES`]
    const TILES: bool = false;
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
    const REGISTERS: usize = 16;
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

/// Instruction sets of one architecture: name, register type and module, lanes, registers,
/// sums, the packed types of `dot`, and what differs from the defaults.
macro_rules! sets {
    ($architecture:literal, $target:tt, $conversion:ident, $products:ident:
    $($(#[doc = $doc:literal])+ $name:ident = $key:literal, $register:ident, $module:ident,
        $lanes:literal of $registers:literal, $dot4:ident, $dot_k:literal,
        $activation:ty, $weight:ty $(, { $($more:tt)+ })?;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, Copy)]
            pub enum $name {}

            impl InstructionSet for $name {
                const NAME: &'static str = $key;
                const ARCHITECTURE: &'static str = $architecture;
                const REGISTERS: usize = $registers;
                const DOT4: Dot4 = Dot4::$dot4;
                const DOT_K: usize = $dot_k;
                const CONVERSION: Conversion = Conversion::$conversion;
                const I16_PRODUCTS: I16Products = I16Products::$products;
                $($($more)+)?
                #[cfg(target_arch = $target)]
                type Native = super::$module::$register<$name>;
                #[cfg(not(target_arch = $target))]
                type Native = Self::Model;
                type Model = Model<$name, $activation, $weight, $lanes>;
                #[cfg(target_arch = $target)]
                fn native() -> Option<Self::Native> {
                    super::$module::$register::new()
                }
                #[cfg(not(target_arch = $target))]
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

sets! { "x86", "x86_64", Indefinite, Pairs:
    /// AVX2 and FMA; bytes multiplied by vpmaddubsw, whose pairs saturate to i16.
    Avx2 = "avx2", Ymm, ymm, 8 of 16, SaturatingPairs, 4, u8, i8;
    /// AVX2 and FMA; codes widened to i16 and multiplied by vpmaddwd, exact.
    Avx2Exact = "avx2-exact", Ymm, ymm, 8 of 16, Exact, 2, i16, i16;
    /// AVX2, FMA and AVX-VNNI: vpdpbusd on 256 bits, exact.
    AvxVnni = "avxvnni", Ymm, ymm, 8 of 16, Exact, 4, u8, i8;
    /// AVX-512 F and BW; vpmaddubsw on 512 bits, pairs saturate to i16.
    Avx512 = "avx512", Zmm, zmm, 16 of 32, SaturatingPairs, 4, u8, i8;
    /// AVX-512 F and BW; vpmaddwd on widened codes, exact.
    Avx512Exact = "avx512-exact", Zmm, zmm, 16 of 32, Exact, 2, i16, i16;
    /// AVX-512 F, BW and VNNI: vpdpbusd on 512 bits, exact.
    Avx512Vnni = "avx512vnni", Zmm, zmm, 16 of 32, Exact, 4, u8, i8;
    /// AVX-512 VNNI with AMX-TILE and AMX-INT8: tdpbusd on tiles of 16×64, exact.
    Amx = "amx", Zmm, zmm, 16 of 32, Exact, 4, u8, i8, {
        const TILES: bool = true;
    };
}

sets! { "arm", "aarch64", Saturating, Single:
    /// NEON, as every aarch64 CPU has it; codes widened to i16, multiplied by smlal, exact.
    Neon = "neon", Quad, quad, 4 of 32, Exact, 2, i16, i16, {
        const DOT_GROUPING: Grouping = Grouping::ByDepth;
        const DOT_ELEMENT: bool = true;
    };
    /// NEON with dot products: sdot on codes shifted to s8, exact.
    NeonDot = "neondot", Quad, quad, 4 of 32, Exact, 4, Shifted, i8, {
        const DOT_SHIFT: i32 = 128;
        const DOT_ELEMENT: bool = true;
    };
    /// NEON with 8-bit matrix products: usdot and usmmla, exact.
    NeonI8mm = "neoni8mm", Quad, quad, 4 of 32, Exact, 4, u8, i8, {
        const DOT_ELEMENT: bool = true;
        const MMLA: bool = true;
    };
}

/// Calls a function generic over instruction sets for each of them.
#[cfg(test)]
macro_rules! every_set {
    ($function:ident($($argument:expr),*)) => {
        $function::<$crate::isa::Scalar>($($argument),*);
        $function::<$crate::isa::Avx2>($($argument),*);
        $function::<$crate::isa::Avx2Exact>($($argument),*);
        $function::<$crate::isa::AvxVnni>($($argument),*);
        $function::<$crate::isa::Avx512>($($argument),*);
        $function::<$crate::isa::Avx512Exact>($($argument),*);
        $function::<$crate::isa::Avx512Vnni>($($argument),*);
        $function::<$crate::isa::Amx>($($argument),*);
        $function::<$crate::isa::Neon>($($argument),*);
        $function::<$crate::isa::NeonDot>($($argument),*);
        $function::<$crate::isa::NeonI8mm>($($argument),*);
    };
}
#[cfg(test)]
pub(crate) use every_set;
