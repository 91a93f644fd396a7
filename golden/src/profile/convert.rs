//! Axes of conversions between types: what a value becomes that the new type does not hold.

use super::axis::{axis, rule};

axis! {
    /// What an 8-bit float becomes, saturation not asked for, when the value is beyond the greatest finite one.
    FloatOverflow {
        /// infinity where the type has it, else NaN: as if rounded without a bound first
        InfinityOrNan = "infinity-or-nan",
        /// as the bits fall: e4m3fn keeps \[480, 496) at 448, e5m2 makes \[61440, 65536) NaN (ONNX Runtime float8.h)
        BitArithmetic = "bit-arithmetic",
    }
}

axis! {
    /// What NaN becomes in a float type without NaN.
    NanWithout {
        /// minus zero (ml_dtypes, which the onnx reference evaluator converts with)
        MinusZero = "minus-zero",
        /// left open: the profile does not say, and such outputs are not compared
        Open = "open",
    }
}

axis! {
    /// What a float becomes in an integer type.
    IntegerConversion {
        /// toward zero, then the low bits (C's conversion to i32 and a cut); left open for NaN and outside of i32
        TruncateWrapping = "truncate-wrapping",
        /// left open but for integers that the type holds
        Open = "open",
    }
}

axis! {
    /// What a zero point of 0, where one is given, does to codes that are floats.
    FloatZeroPoint {
        /// nothing
        Ignored = "ignored",
        /// it is added before rounding where the type has no NaN: −0 becomes 0 (onnx reference evaluator)
        AddedToFinite = "added-to-finite",
    }
}

rule! {
    /// What conversions between types give where the new type does not hold the value.
    ConvertRule {
        /// overflow of 8-bit floats without saturation
        overflow: FloatOverflow,
        /// NaN in types without NaN
        nan: NanWithout,
        /// float to integer
        integer: IntegerConversion,
        /// zero points of floats
        zero_point: FloatZeroPoint,
    }
}
