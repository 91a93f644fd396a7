//! Axes of choosing scale and zero point from a range of values.

use super::axis::{axis, rule};

axis! {
    /// The precision in which the scale is computed and kept.
    ScalePrecision {
        /// all in f32
        F32 = "f32",
        /// quotient in f64, kept in f64
        F64 = "f64",
        /// quotient in f64, rounded to f32 at once
        F64ThenF32 = "f64-then-f32",
        /// quotient in f64, zero point from it, then the scale is rounded to f32
        F64NarrowedLast = "f64-narrowed-last",
    }
}

axis! {
    /// How a symmetric range becomes a scale.
    SymmetricScale {
        /// max |x| over half of (qmax − qmin): 127.5 for 8 bits
        HalfRange = "half-range",
        /// max |x| over qmax
        Qmax = "qmax",
        /// stretch the range to a multiple of (−128, 127), then as affine (preserve_sparsity)
        PreserveSparsity = "preserve-sparsity",
        /// the greater of min / qmin and max / qmax, so that neither end is clipped (torchao)
        EachSide = "each-side",
        /// the end farther from 0, over qmin − zero point: of either sign, as ONNX Runtime packs weights
        SignedExtreme = "signed-extreme",
    }
}

axis! {
    /// The zero point of symmetric codes.
    SymmetricZeroPoint {
        /// 0 for signed codes; for unsigned 128, or the middle of a narrower range rounded down
        Conventional = "conventional",
        /// the middle of the range of codes, ties to even
        RoundedMiddle = "rounded-middle",
        /// the middle of the range of codes, rounded up
        MiddleUp = "middle-rounded-up",
    }
}

axis! {
    /// From which end of the range the zero point is computed.
    ZeroPointFrom {
        /// qmin − min / scale
        Min = "min",
        /// the end with the smaller |q| + |r / s|
        SmallerErrorSum = "error-plus",
        /// the end with the smaller |q| − |r / s|
        SmallerErrorDifference = "error-minus",
    }
}

axis! {
    /// Rounding of the zero point.
    ZeroPointRounding {
        /// ties to even, then clamp
        TiesEvenThenClamp = "ties-even-then-clamp",
        /// clamp, then ties to even; the highest code where a scale of 0 leaves no number
        ClampThenTiesEven = "clamp-then-ties-even",
        /// ties away from zero, then clamp
        TiesAwayThenClamp = "ties-away-then-clamp",
        /// ties to even, never clamped
        TiesEvenUnclamped = "ties-even-unclamped",
    }
}

axis! {
    /// What happens when the scale is zero or too small.
    SmallScale {
        /// scale = max(scale, f32 epsilon)
        FloorEps = "floor-eps",
        /// scale = max(scale, 2^-12) (quantizers of PyTorch's export path)
        FloorTwoPowMinus12 = "floor-2^-12",
        /// scale 0 (or with an infinite reciprocal) becomes 0.1; below 6.1e-5 the range is stretched to that scale
        TenthAndCutoff = "tenth-and-cutoff",
        /// a range of zero width gets scale 1
        One = "one",
        /// a range of zero width is taken to be 1 wide
        UnitRange = "unit-range",
        /// below the least normal f32: scale 1 and zero point 0
        TinyToOne = "tiny-to-one",
        /// nothing; under a scale of 0 the zero point is the lowest code (ONNX Runtime's packed weights)
        Kept = "kept",
    }
}

axis! {
    /// How reduce_range narrows the range of codes.
    ReduceRange {
        /// halve both ends: \[0,127\], \[−64,63\]
        Halve = "halve",
        /// \[0,127\], \[−64,64\] (ONNX Runtime's tools)
        Symmetric64 = "symmetric-64",
        /// the flag is ignored (qnnpack's dynamic linear)
        Ignored = "ignored",
    }
}

rule! {
    /// How a range of values becomes scale and zero point.
    QparamsRule {
        /// precision of the scale
        precision: ScalePrecision,
        /// symmetric ranges
        symmetric: SymmetricScale,
        /// zero point of symmetric ranges
        symmetric_zero_point: SymmetricZeroPoint,
        /// end that fixes the zero point
        zero_point_from: ZeroPointFrom,
        /// rounding of the zero point
        zero_point_rounding: ZeroPointRounding,
        /// degenerate ranges
        small_scale: SmallScale,
        /// the reduce_range flag
        reduce_range: ReduceRange,
    }
}
