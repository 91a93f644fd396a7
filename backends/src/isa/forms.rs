//! In which forms an instruction set has its products and conversions: what a kernel family asks
//! before it packs.

/// How an instruction set sums u8·s8 products in [`Isa::dot4`](super::Isa::dot4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dot4 {
    /// exactly (vpdpbusd, or widening to i16 and vpmaddwd)
    Exact,
    /// each pair of adjacent products saturates to i16 (vpmaddubsw), pairs are added exactly
    SaturatingPairs,
}

/// How the weights of one vector of [`Isa::dot`](super::Isa::dot) lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// each lane holds the [`DOT_K`](super::Isa::DOT_K) adjacent k of its column
    ByColumn,
    /// the first k of all `LANES` columns, then the next k of all
    ByDepth,
}

/// The natural form of products of i16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum I16Products {
    /// one product an i32 lane, added to it: [`mul_add_i16`](super::Isa::mul_add_i16) is an
    /// instruction (ARM smlal)
    Single,
    /// two products an i32 lane: [`madd_i16`](super::Isa::madd_i16) is (x86 vpmaddwd),
    /// `mul_add_i16` is made of several
    Pairs,
}

/// What float-to-integer conversions give for NaN and for what does not fit i32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// i32::MIN for both (x86 cvtps2dq, cvttps2dq)
    Indefinite,
    /// the nearer end of i32, and 0 for NaN (ARM fcvtns, fcvtzs)
    Saturating,
}

/// A code x from 0 to 255 held as x − 128, one byte: for instructions that multiply s8 alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Shifted(i8);

impl From<u8> for Shifted {
    #[inline(always)]
    fn from(code: u8) -> Self {
        Self((code ^ 0x80) as i8)
    }
}
