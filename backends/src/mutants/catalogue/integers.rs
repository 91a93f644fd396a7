//! Integers between sums and codes: widening, zero points, narrowing, fixed point, and the
//! element-wise ops that live of them.

use super::sources::*;
use super::{FBGEMM, ONEDNN, PRODUCTS, Place, QNNPACK, Row, Table};
use crate::mutants::instruction::{Instruction, Integer, Memory, Narrow};

/// Ops of FBGEMM that pack codes to bytes, adding a zero point.
const PACKED: &[&str] = &["linear", "conv", "depthwise", "requantize"];
/// Ops that pack codes that are ready.
const READY: &[&str] = &["quantize", "requantize"];

pub fn add(table: &mut Table) {
    narrowing(table);
    widening(table);
    arithmetic(table);
    fixed_point(table);
}

fn narrowing(table: &mut Table) {
    let fbgemm: &[Place] = &[(FBGEMM, PACKED)];
    let rows: &[(&str, Narrow, &str, Option<&'static str>)] = &[
        (
            "words-wrap",
            Narrow::WordsWrap,
            "i32 wraps to i16 where it ought to saturate",
            Some(WRAP_OR_SATURATE),
        ),
        (
            "zero-point-wraps",
            Narrow::ZeroPointWraps,
            "the zero point is added in i16 that wraps (vpaddw for vpaddsw)",
            Some(ZERO_POINT_OVERFLOW),
        ),
        (
            "all-wraps",
            Narrow::AllWraps,
            "i32 wraps to i16, and the zero point is added in i16 that wraps",
            None,
        ),
        (
            "bytes-wrap",
            Narrow::BytesWrap,
            "i16 wraps to bytes where it ought to saturate",
            Some(WRAP_OR_SATURATE),
        ),
        (
            "packs-signed",
            Narrow::PacksSigned,
            "u8 are packed as if they were s8 (vpacksswb for vpackuswb)",
            None,
        ),
        (
            "packs-unsigned",
            Narrow::PacksUnsigned,
            "s8 are packed as if they were u8 (vpackuswb for vpacksswb)",
            None,
        ),
        (
            "zero-point-lost",
            Narrow::ZeroPointLost,
            "the output zero point is not added",
            None,
        ),
        (
            "zero-point-signed",
            Narrow::ZeroPointSigned,
            "the output zero point is read as s8",
            Some(ZERO_POINT_OF_8_BITS),
        ),
        (
            "blocks-unordered",
            Narrow::BlocksUnordered,
            "packed bytes stay in the order that 128-bit blocks leave them in (a missing vpermd)",
            None,
        ),
        (
            "highest-short",
            Narrow::HighShort,
            "the highest code is one too low",
            None,
        ),
        (
            "lowest-short",
            Narrow::LowShort,
            "the lowest code is one too high",
            None,
        ),
    ];
    for &(name, fault, sentence, source) in rows {
        table.instruction(name, fbgemm, sentence, source, Instruction::Narrow(fault));
    }
    let ready: &[Place] = &[(ONEDNN, READY)];
    for (name, fault, sentence) in [
        (
            "packs-signed",
            Narrow::PacksSigned,
            "u8 codes are packed as if they were s8",
        ),
        (
            "packs-unsigned",
            Narrow::PacksUnsigned,
            "s8 codes are packed as if they were u8",
        ),
        (
            "blocks-unordered",
            Narrow::BlocksUnordered,
            "packed codes stay in the order that 128-bit blocks leave them in",
        ),
        (
            "highest-short",
            Narrow::HighShort,
            "the highest code is one too low",
        ),
        (
            "lowest-short",
            Narrow::LowShort,
            "the lowest code is one too high",
        ),
    ] {
        table.instruction(name, ready, sentence, None, Instruction::Narrow(fault));
    }
    let elements: &[Place] = &[(QNNPACK, &["quantize", "add"])];
    for (name, fault, sentence) in [
        (
            "packs-signed",
            Narrow::PacksSigned,
            "u8 codes are packed as if they were s8",
        ),
        (
            "packs-unsigned",
            Narrow::PacksUnsigned,
            "s8 codes are packed as if they were u8",
        ),
        (
            "blocks-unordered",
            Narrow::BlocksUnordered,
            "packed codes stay in the order that 128-bit blocks leave them in",
        ),
    ] {
        table.instruction(name, elements, sentence, None, Instruction::Narrow(fault));
    }
}

fn widening(table: &mut Table) {
    let rows: &[(&str, Memory, &[Place], &str)] = &[
        (
            "codes-without-sign",
            Memory::CodesWithoutSign,
            &[
                (FBGEMM, &["dequantize"]),
                (ONEDNN, &["dequantize", "linear-weight-only"]),
                (QNNPACK, &["add", "avg-pool"]),
            ],
            "s8 codes are widened without their sign (vpmovzxbd for vpmovsxbd)",
        ),
        (
            "codes-with-sign",
            Memory::CodesWithSign,
            &[(FBGEMM, &["dequantize"]), (QNNPACK, &["add", "avg-pool"])],
            "u8 codes are widened with a sign (vpmovsxbd for vpmovzxbd)",
        ),
        (
            "taps-reversed-in-fours",
            Memory::InterleavesReversed,
            &[(FBGEMM, &["depthwise"])],
            "four kernel positions are interleaved in reverse order",
        ),
        (
            "channels-interleaved",
            Memory::KeepsInterleaved,
            &[(FBGEMM, &["depthwise"])],
            "sums of channels are stored in the order in which they were interleaved",
        ),
    ];
    for &(name, fault, places, sentence) in rows {
        table.instruction(name, places, sentence, None, Instruction::Memory(fault));
    }
}

fn arithmetic(table: &mut Table) {
    let rows: &[Row<'_, Integer>] = &[
        (
            "shift-by-128-lost",
            Integer::XorLost,
            &[
                (ONEDNN, PRODUCTS),
                (QNNPACK, &["linear", "conv", "relu", "clamp", "max-pool"]),
            ],
            "s8 codes are not moved to u8 before an instruction that wants u8",
            Some(COMPENSATION),
        ),
        (
            "correction-16",
            Integer::Mul16,
            &[(FBGEMM, PRODUCTS)],
            "the correction for zero points of weights is multiplied in 16 bits",
            None,
        ),
        (
            "lesser-unsigned",
            Integer::MinUnsigned,
            &[
                (FBGEMM, &["quantize", "linear-dynamic"]),
                (QNNPACK, &["linear", "conv", "quantize", "add"]),
            ],
            "the upper bound is applied without signs (vpminud)",
            None,
        ),
        (
            "greater-unsigned",
            Integer::MaxUnsigned,
            &[
                (FBGEMM, &["linear", "conv", "quantize", "linear-dynamic"]),
                (QNNPACK, &["linear", "conv", "quantize", "add"]),
            ],
            "the lower bound is applied without signs (vpmaxud)",
            None,
        ),
        (
            "greater-u8-signed",
            Integer::MaxBytesSigned,
            &[
                (FBGEMM, &["requantize"]),
                (QNNPACK, &["relu", "clamp", "max-pool"]),
            ],
            "the greater of two u8 is chosen with signs (vpmaxsb)",
            None,
        ),
        (
            "greater-s8-unsigned",
            Integer::MaxBytesUnsigned,
            &[(FBGEMM, &["requantize", "quantize"])],
            "the greater of two s8 is chosen without signs (vpmaxub)",
            None,
        ),
        (
            "lesser-u8-signed",
            Integer::MinBytesSigned,
            &[(QNNPACK, &["relu", "clamp"])],
            "the lesser of two u8 is chosen with signs (vpminsb)",
            None,
        ),
        (
            "difference-8",
            Integer::Sub8,
            &[
                (FBGEMM, &["dequantize"]),
                (ONEDNN, &["dequantize"]),
                (QNNPACK, &["dequantize"]),
            ],
            "code minus zero point wraps in 8 bits",
            Some(ZERO_POINT_OF_8_BITS),
        ),
        (
            "difference-16",
            Integer::Sub16,
            &[(FBGEMM, &["dequantize"]), (QNNPACK, &["dequantize"])],
            "code minus zero point wraps in 16 bits",
            None,
        ),
        (
            "zero-point-saturates",
            Integer::AddSaturates,
            &[(FBGEMM, &["quantize"])],
            "the zero point is added in i32 that saturates where it is declared to wrap",
            Some(ZERO_POINT_OVERFLOW),
        ),
    ];
    for &(name, fault, places, sentence, source) in rows {
        table.instruction(name, places, sentence, source, Instruction::Integer(fault));
    }
}

fn fixed_point(table: &mut Table) {
    const CODES: &[&str] = &["linear", "conv", "requantize"];
    let rows: &[Row<'_, Integer>] = &[
        (
            "remainder-or-equal",
            Integer::GreaterOrEqual,
            &[
                (QNNPACK, &["add"]),
                ("qnnpack-q31", CODES),
                ("gemmlowp", CODES),
            ],
            "a remainder of exactly half rounds the other way (>= for >)",
            Some(DOUBLE_ROUNDING),
        ),
        (
            "compares-unsigned",
            Integer::GreaterUnsigned,
            &[
                (QNNPACK, &["add"]),
                ("qnnpack-q31", CODES),
                ("gemmlowp", CODES),
            ],
            "signs are not seen where rounding asks for them",
            None,
        ),
        (
            "shift-logical",
            Integer::ShiftLogical,
            &[
                (QNNPACK, &["add"]),
                ("qnnpack-q31", CODES),
                ("gemmlowp", CODES),
            ],
            "a shift to the right brings in zeros (vpsrlvd for vpsravd)",
            None,
        ),
        (
            "rounding-shift-cuts",
            Integer::RoundingShiftCuts,
            &[("xnnpack-rndnu", &["add"])],
            "the rounding shift of a sum cuts",
            Some(TRUNCATION),
        ),
        (
            "product-shift-cuts",
            Integer::ProductShiftCuts,
            &[
                ("qnnpack-precise", CODES),
                ("xnnpack-rndnu", CODES),
                ("qnnpack-q31", &["avg-pool"]),
            ],
            "the rounding shift of a product cuts",
            Some(TRUNCATION),
        ),
        (
            "product-ties-down",
            Integer::ProductTiesDown,
            &[
                ("qnnpack-precise", CODES),
                ("xnnpack-rndnu", CODES),
                ("qnnpack-q31", &["avg-pool"]),
            ],
            "the rounding shift of a product takes ties down",
            None,
        ),
        (
            "product-32",
            Integer::Product32,
            &[("qnnpack-precise", CODES), ("xnnpack-rndnu", CODES)],
            "a product keeps 32 bits before it is shifted",
            None,
        ),
        (
            "magnitude-lost",
            Integer::AbsLost,
            &[("qnnpack-precise", CODES), ("qnnpack-q31", &["avg-pool"])],
            "negative sums are rounded as they are instead of by magnitude",
            None,
        ),
        (
            "high-product-cuts",
            Integer::HighProductCuts,
            &[("qnnpack-q31", CODES), ("gemmlowp", CODES)],
            "the high product is cut where it ought to be rounded (sqdmulh for sqrdmulh)",
            Some(DOUBLE_ROUNDING),
        ),
        (
            "high-product-half",
            Integer::HighProductHalf,
            &[("qnnpack-q31", CODES), ("gemmlowp", CODES)],
            "the high product is not doubled",
            None,
        ),
        (
            "words-wrap",
            Integer::Saturate16Wraps,
            &[("qnnpack", &["quantize"])],
            "steps wrap to i16 where they ought to saturate",
            Some(WRAP_OR_SATURATE),
        ),
    ];
    for &(name, fault, places, sentence, source) in rows {
        table.instruction(name, places, sentence, source, Instruction::Integer(fault));
    }
    for (name, choice, profile, sentence) in [
        (
            "precise-for-q31",
            "qnnpack-precise",
            "qnnpack-q31",
            "sums are scaled with one rounding where two are declared",
        ),
        (
            "q31-for-precise",
            "qnnpack-q31",
            "qnnpack-precise",
            "sums are scaled with two roundings where one is declared",
        ),
    ] {
        let change: &'static [(&str, &str)] = match choice {
            "qnnpack-precise" => &[("requantize.scaling", "qnnpack-precise")],
            _ => &[("requantize.scaling", "qnnpack-q31")],
        };
        let place: &[Place] = match profile {
            "qnnpack-q31" => &[("qnnpack-q31", CODES)],
            _ => &[("qnnpack-precise", CODES)],
        };
        table.row(name, place, sentence, Some(DOUBLE_ROUNDING), || {
            crate::mutants::subject::Fault::Axes(change)
        });
    }
}
