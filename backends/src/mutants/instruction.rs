//! What can be wrong with an instruction: the faults that [`Faulty`](super::faulty::Faulty)
//! carries, and the arithmetic of those that need some.

use crate::isa::models as m;

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

/// The dot product of bytes with a fault.
pub fn dot(fault: Dot, acc: [i32; N], a: [i32; N], b: [i32; N]) -> [i32; N] {
    let lanes = |codes: [[i32; 4]; N], weights: [[i32; 4]; N]| -> [[i32; 4]; N] {
        std::array::from_fn(|i| std::array::from_fn(|j| codes[i][j] * weights[i][j]))
    };
    let codes: [[i32; 4]; N] = a.map(|lane| lane.to_le_bytes().map(i32::from));
    let weights: [[i32; 4]; N] = b.map(|lane| lane.to_le_bytes().map(|w| i32::from(w as i8)));
    let signed = |values: [[i32; 4]; N]| values.map(|lane| lane.map(|x| i32::from(x as u8 as i8)));
    let unsigned = |values: [[i32; 4]; N]| values.map(|lane| lane.map(|x| i32::from(x as u8)));
    let each = |values: [[i32; 4]; N], f: fn(i32) -> i32| values.map(|lane| lane.map(f));
    let total = |products: [[i32; 4]; N]| products.map(|p| p.iter().sum::<i32>());
    let summed = |sums: [i32; N]| m::vpaddd(acc, sums);
    let exact = || total(lanes(codes, weights));
    let pairs =
        |f: fn(i32) -> i32| summed(lanes(codes, weights).map(|p| f(p[0] + p[1]) + f(p[2] + p[3])));
    let held16: fn(i32) -> i32 = |x| x.clamp(i32::from(i16::MIN), i32::from(i16::MAX));
    let cut16: fn(i32) -> i32 = |x| i32::from(x as i16);
    match fault {
        Dot::CodesSigned => summed(total(lanes(signed(codes), weights))),
        Dot::WeightsUnsigned => summed(total(lanes(codes, unsigned(weights)))),
        Dot::Swapped => summed(total(lanes(signed(codes), unsigned(weights)))),
        Dot::PairsSaturate => pairs(held16),
        Dot::PairsWrap => pairs(cut16),
        Dot::QuadsSaturate => summed(exact().map(held16)),
        Dot::SumsSaturate => {
            let sums = exact();
            std::array::from_fn(|i| acc[i].saturating_add(sums[i]))
        }
        Dot::FloatSums => {
            let sums = exact();
            std::array::from_fn(|i| (acc[i] as f32 + sums[i] as f32) as i32)
        }
        Dot::Sums24 => summed(exact()).map(|x| x << 8 >> 8),
        Dot::Sums16 => summed(exact()).map(cut16),
        Dot::Overwrites => exact(),
        Dot::Drops(which) => {
            let mut weights = weights;
            for lane in &mut weights {
                lane[usize::from(which)] = 0;
            }
            summed(total(lanes(codes, weights)))
        }
        Dot::Reversed => {
            let turned = weights.map(|[w0, w1, w2, w3]| [w3, w2, w1, w0]);
            summed(total(lanes(codes, turned)))
        }
        Dot::MiddleSwapped => {
            let turned = weights.map(|[w0, w1, w2, w3]| [w0, w2, w1, w3]);
            summed(total(lanes(codes, turned)))
        }
        Dot::LanesSwapped => {
            let mut sums = exact();
            sums.swap(2, 3);
            summed(sums)
        }
        Dot::HalvesSwapped => {
            let sums = exact();
            summed(std::array::from_fn(|i| sums[(i + N / 2) % N]))
        }
        Dot::LastLaneRepeats => {
            let mut sums = exact();
            sums[N - 1] = sums[N - 2];
            summed(sums)
        }
        Dot::MinWeightClamped => summed(total(lanes(codes, each(weights, |w| w.max(-127))))),
        Dot::MinWeightNegated => {
            let turned = each(weights, |w| if w == -128 { 128 } else { w });
            summed(total(lanes(codes, turned)))
        }
        Dot::SevenBitCodes => summed(total(lanes(each(codes, |x| x & 0x7f), weights))),
        Dot::CodesHeld => summed(total(lanes(each(codes, |x| x.min(127)), weights))),
        Dot::ProductsCut => summed(total(each(lanes(codes, weights), |p| p << 17 >> 17))),
    }
}

/// Conversion of one f32 to i32 with a fault; `right` is what it ought to be.
pub fn to_integer(fault: Convert, x: f32, right: i32) -> i32 {
    let fits = |whole: f32| {
        if (-2_147_483_648.0..2_147_483_648.0).contains(&whole) {
            whole as i32
        } else {
            i32::MIN
        }
    };
    let wide = f64::from(x);
    let narrow = |whole: f64| fits(whole as f32);
    match fault {
        Convert::TiesAway => narrow(wide.round()),
        Convert::TiesUp => narrow((wide + 0.5).floor()),
        Convert::TiesDown => narrow((wide - 0.5).ceil()),
        Convert::TiesZero => {
            let down = (wide.abs() - 0.5).ceil();
            narrow(down.max(0.0).copysign(wide))
        }
        Convert::Cuts => narrow(wide.trunc()),
        Convert::Floor => narrow(wide.floor()),
        Convert::Ceiling => narrow(wide.ceil()),
        Convert::FloorOfHalfMore => fits((x + 0.5).floor()),
        Convert::RoundsTwice => narrow(((wide * 4.0).round_ties_even() / 4.0).round_ties_even()),
        Convert::Magic => {
            const MAGIC: f32 = 12_582_912.0;
            ((x + MAGIC).to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32)
        }
        Convert::Saturates if x.is_nan() => right,
        Convert::Saturates => x.round_ties_even() as i32,
        Convert::SaturatesHigh if x >= 2_147_483_648.0 => i32::MAX,
        Convert::Through16 => right.clamp(i32::from(i16::MIN), i32::from(i16::MAX)),
        _ => right,
    }
}

/// Truncation of one f32 to i32 with a fault; `right` is what it ought to be.
pub fn truncated(fault: Convert, x: f32, right: i32) -> i32 {
    let whole = match fault {
        Convert::TruncRounds => x.round_ties_even(),
        Convert::TruncFloors => x.floor(),
        _ => return right,
    };
    if (-2_147_483_648.0..2_147_483_648.0).contains(&whole) {
        whole as i32
    } else {
        right
    }
}

/// Narrowing of four vectors to bytes with a fault.
pub fn narrow(fault: Narrow, v: [[i32; N]; 4], zero_point: i16, signed: bool) -> [i32; N] {
    let (low, high) = if signed { (-128, 127) } else { (0, 255) };
    let zero_point = match fault {
        Narrow::ZeroPointLost => 0,
        Narrow::ZeroPointSigned => i16::from(zero_point as i8),
        _ => zero_point,
    };
    let byte = |value: i32| -> u8 {
        let word = match fault {
            Narrow::WordsWrap | Narrow::AllWraps => value as i16,
            _ => value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16,
        };
        let moved = match fault {
            Narrow::ZeroPointWraps | Narrow::AllWraps => word.wrapping_add(zero_point),
            _ => word.saturating_add(zero_point),
        };
        let (low, high) = match fault {
            Narrow::BytesWrap => return moved as u8,
            Narrow::PacksSigned => (-128, 127),
            Narrow::PacksUnsigned => (0, 255),
            Narrow::HighShort => (low, high - 1),
            Narrow::LowShort => (low + 1, high),
            _ => (low, high),
        };
        moved.clamp(low, high) as u8
    };
    let mut bytes = [0u8; 4 * N];
    for (at, to) in bytes.iter_mut().enumerate() {
        // Without the last permutation, each block of 128 bits holds its part of all four vectors.
        let from = if fault == Narrow::BlocksUnordered {
            at / 16 * 4 + at % 16 / 4 * N + at % 4
        } else {
            at
        };
        *to = byte(v[from / N][from % N]);
    }
    std::array::from_fn(|i| {
        i32::from_le_bytes([
            bytes[4 * i],
            bytes[4 * i + 1],
            bytes[4 * i + 2],
            bytes[4 * i + 3],
        ])
    })
}

/// 0 where `x` is subnormal.
pub fn flushed(x: f32) -> f32 {
    if x.is_subnormal() {
        0.0f32.copysign(x)
    } else {
        x
    }
}

/// The f32 next to `exact` toward zero, if `rounded` is its nearest f32.
pub fn cut(exact: f64, rounded: f32) -> f32 {
    if rounded.is_finite() && f64::from(rounded).abs() > exact.abs() {
        f32::from_bits(rounded.to_bits() - 1)
    } else {
        rounded
    }
}

/// The f32 next to `exact` upward, if `rounded` is its nearest f32.
pub fn up(exact: f64, rounded: f32) -> f32 {
    if rounded.is_finite() && f64::from(rounded) < exact {
        rounded.next_up()
    } else {
        rounded
    }
}
