//! What can be wrong with an instruction: the faults that [`Faulty`](super::faulty::Faulty)
//! carries. Its module has the arithmetic of those that need some.

mod arithmetic;

pub use arithmetic::{cut, dot, flushed, narrow, to_integer, truncated, up};

/// Lanes of the instruction set whose models carry faults.
pub const N: usize = 8;

/// A fault of one instruction's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction {
    /// none: every instruction is right
    None,
    /// a fault of the dot product of bytes
    Dot(Dot),
    /// a fault of a load or store of part of a vector, where the part has so many values
    Tail(Tail, usize),
    /// a fault of a load or store, whatever its length
    Memory(Memory),
    /// a fault of arithmetic on integers
    Integer(Integer),
    /// a fault of the narrowing of i32 lanes to bytes
    Narrow(Narrow),
    /// a fault of arithmetic on floats
    Float(Float),
    /// a fault of a conversion of floats to integers
    Convert(Convert),
}

/// Faults of the dot product of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dot {
    /// unsigned codes are read as signed
    CodesSigned,
    /// signed weights are read as unsigned
    WeightsUnsigned,
    /// codes and weights change places
    Swapped,
    /// pairs of products saturate to i16
    PairsSaturate,
    /// pairs of products wrap to i16
    PairsWrap,
    /// the sum of four products saturates to i16
    QuadsSaturate,
    /// the accumulator saturates at the ends of i32
    SumsSaturate,
    /// the accumulator is an f32: exact up to 2^24
    FloatSums,
    /// the accumulator has 24 bits and wraps
    Sums24,
    /// the accumulator has 16 bits and wraps
    Sums16,
    /// the accumulator is not added
    Overwrites,
    /// product number n of four is left out
    Drops(u8),
    /// the four weights of a lane meet the codes in reverse order
    Reversed,
    /// the middle two weights of a lane change places
    MiddleSwapped,
    /// two lanes change places
    LanesSwapped,
    /// lanes come in two halves, the wrong one first
    HalvesSwapped,
    /// the last lane repeats the one before it
    LastLaneRepeats,
    /// a weight of −128 counts as −127
    MinWeightClamped,
    /// a weight of −128 counts as 128
    MinWeightNegated,
    /// codes keep 7 bits
    SevenBitCodes,
    /// codes above 127 count as 127
    CodesHeld,
    /// products are cut to 15 bits
    ProductsCut,
}

/// Faults of partial loads and stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// the last of so many bytes is not loaded
    LoadBytes,
    /// the last of so many f32 is not loaded
    LoadFloats,
    /// the last of so many codes is not loaded
    LoadCodes,
    /// the last of so many bytes is not stored
    StoreBytes,
    /// the last of so many low bytes is not stored
    StoreLowBytes,
    /// the last of so many f32 is not stored
    StoreFloats,
}

/// Faults of loads and stores of any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// a partial load of bytes reads one byte more
    LoadsByteMore,
    /// a partial load of floats reads one value more
    LoadsFloatMore,
    /// a partial load of codes reads one code more
    LoadsCodeMore,
    /// a partial store of bytes writes one byte more
    StoresByteMore,
    /// a partial store of low bytes writes all lanes
    StoresAllLowBytes,
    /// a partial store of floats writes one value more
    StoresFloatMore,
    /// s8 codes are widened without their sign
    CodesWithoutSign,
    /// u8 codes are widened as if they were signed
    CodesWithSign,
    /// four rows are interleaved in another order
    InterleavesReversed,
    /// sums are put back in the order in which they were computed
    KeepsInterleaved,
}

/// Faults of arithmetic on integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integer {
    /// i32 sums saturate
    AddSaturates,
    /// i32 differences keep 8 bits
    Sub8,
    /// i32 differences keep 16 bits
    Sub16,
    /// products of i32 keep 16 bits of each factor
    Mul16,
    /// the lesser i32 is the one that is less without its sign
    MinUnsigned,
    /// the greater i32 is the one that is greater without its sign
    MaxUnsigned,
    /// the lesser u8 is chosen with signs
    MinBytesSigned,
    /// the greater u8 is chosen with signs
    MaxBytesSigned,
    /// the greater s8 is chosen without signs
    MaxBytesUnsigned,
    /// exclusive or does nothing
    XorLost,
    /// greater is taken as greater or equal
    GreaterOrEqual,
    /// greater is taken without signs
    GreaterUnsigned,
    /// magnitudes keep their sign
    AbsLost,
    /// shifts to the right bring in zeros
    ShiftLogical,
    /// a rounding shift cuts
    RoundingShiftCuts,
    /// a rounding shift of a product cuts
    ProductShiftCuts,
    /// a rounding shift of a product takes ties down
    ProductTiesDown,
    /// a rounding shift of a product keeps 32 bits of it before it shifts
    Product32,
    /// the doubled high product is not rounded
    HighProductCuts,
    /// the high product is not doubled
    HighProductHalf,
    /// values keep 16 bits where they ought to saturate to i16
    Saturate16Wraps,
}

/// Faults of narrowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Narrow {
    /// i32 to i16 wraps
    WordsWrap,
    /// the zero point is added in i16 that wraps
    ZeroPointWraps,
    /// i16 to bytes wraps
    BytesWrap,
    /// u8 are packed as if they were signed
    PacksSigned,
    /// s8 are packed as if they were unsigned
    PacksUnsigned,
    /// the zero point is not added
    ZeroPointLost,
    /// the zero point is read as s8
    ZeroPointSigned,
    /// blocks stay in the order in which the instructions leave them
    BlocksUnordered,
    /// the zero point is added before values are narrowed to i16, in i16 that wraps
    AllWraps,
    /// the highest code is one less
    HighShort,
    /// the lowest code is one more
    LowShort,
}

/// Faults of arithmetic on floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Float {
    /// subnormal factors count as 0 (DAZ)
    MulDenormalsZero,
    /// products are cut to f32 (rounding control: toward zero)
    MulCuts,
    /// products are rounded up (rounding control: up)
    MulUp,
    /// products keep 16 bits of mantissa
    MulShort,
    /// sums are cut to f32
    AddCuts,
    /// quotients are products with the reciprocal
    DivReciprocal,
    /// quotients are products with a reciprocal of 12 bits
    DivApproximate,
    /// fused multiply-adds round twice
    FmaSplit,
    /// fused multiply-adds forget the addend
    FmaDropsAddend,
    /// the lesser value gives the first operand for NaN
    MinOrder,
    /// the lesser value is never the second operand
    MinLost,
    /// integers are cut to f32
    FromIntegerCuts,
    /// integers lose their sign on the way to f32
    FromIntegerUnsigned,
    /// integers pass through 16 bits on the way to f32
    FromInteger16,
    /// NaN is not seen
    NanUnseen,
    /// differences of subnormals become 0
    CompareDenormalsZero,
}

/// Faults of conversions of floats to integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convert {
    /// ties away from zero
    TiesAway,
    /// ties up
    TiesUp,
    /// ties down
    TiesDown,
    /// ties toward zero
    TiesZero,
    /// cut (cvttps2dq for cvtps2dq)
    Cuts,
    /// the floor (rounding control: down)
    Floor,
    /// the ceiling (rounding control: up)
    Ceiling,
    /// ⌊x + 0.5⌋ in f32, which errs just below a half and from 2^23 on
    FloorOfHalfMore,
    /// first to a quarter, then to an integer
    RoundsTwice,
    /// adding 1.5·2^23 without a bound
    Magic,
    /// what does not fit saturates
    Saturates,
    /// what is too great saturates, the rest is indefinite
    SaturatesHigh,
    /// through 16 bits that saturate
    Through16,
    /// truncation rounds to nearest-even instead
    TruncRounds,
    /// truncation takes the floor
    TruncFloors,
}
