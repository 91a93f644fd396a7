//! Products and their sums: opcodes, signs, lanes, saturation, the width of accumulators, and
//! the depth of a product.

use super::sources::*;
use super::{FBGEMM, GEMM, ONEDNN, PRODUCTS, Place, QNNPACK, Table};
use crate::mutants::instruction::{Dot, Instruction};
use crate::mutants::parts;
use crate::mutants::subject::Fault;

const ALL: &[Place] = &[(FBGEMM, PRODUCTS), (ONEDNN, PRODUCTS), (QNNPACK, GEMM)];
/// Deep products alone reach such sums.
///
/// Not FBGEMM's: it ends a sum after 512 products, which is before 2^24.
const DEEP: &[Place] = &[(ONEDNN, &["linear"]), (QNNPACK, &["linear"])];

pub fn add(table: &mut Table) {
    let rows: &[(&str, Dot, &str, Option<&'static str>)] = &[
        (
            "codes-signed",
            Dot::CodesSigned,
            "u8 codes are multiplied as if they were s8",
            Some(SIGNED_READ_AS_UNSIGNED),
        ),
        (
            "weights-unsigned",
            Dot::WeightsUnsigned,
            "s8 weights are multiplied as if they were u8",
            None,
        ),
        (
            "operands-swapped",
            Dot::Swapped,
            "codes and weights stand in each other's operand of the instruction",
            None,
        ),
        (
            "pairs-saturate",
            Dot::PairsSaturate,
            "pairs of products saturate to i16 (vpmaddubsw) where sums are declared exact",
            Some(PAIR_SATURATION),
        ),
        (
            "pairs-wrap",
            Dot::PairsWrap,
            "pairs of products wrap to i16",
            Some(LATENT_PAIR_OVERFLOW),
        ),
        (
            "quads-saturate",
            Dot::QuadsSaturate,
            "sums of four products saturate to i16",
            Some(PAIR_SATURATION_GEMM),
        ),
        (
            "sums-16",
            Dot::Sums16,
            "the accumulator has 16 bits",
            Some(SUMS_OF_16_BITS),
        ),
        (
            "overwrites",
            Dot::Overwrites,
            "each step overwrites the sums of those before",
            None,
        ),
        (
            "drops-first",
            Dot::Drops(0),
            "the first of four products is left out",
            None,
        ),
        (
            "drops-second",
            Dot::Drops(1),
            "the second of four products is left out",
            None,
        ),
        (
            "drops-third",
            Dot::Drops(2),
            "the third of four products is left out",
            None,
        ),
        (
            "drops-fourth",
            Dot::Drops(3),
            "the fourth of four products is left out",
            None,
        ),
        (
            "weights-reversed",
            Dot::Reversed,
            "the four weights of a lane are packed in reverse order",
            None,
        ),
        (
            "middle-swapped",
            Dot::MiddleSwapped,
            "the middle two weights of a lane are packed in each other's place",
            None,
        ),
        (
            "lanes-swapped",
            Dot::LanesSwapped,
            "two lanes of sums change places",
            None,
        ),
        (
            "halves-swapped",
            Dot::HalvesSwapped,
            "the two halves of a vector of sums change places (a missing vpermq)",
            None,
        ),
        (
            "last-lane-repeats",
            Dot::LastLaneRepeats,
            "the last lane of sums repeats the one before it",
            None,
        ),
        (
            "min-weight-clamped",
            Dot::MinWeightClamped,
            "a weight of -128 is held to -127",
            None,
        ),
        (
            "min-weight-negated",
            Dot::MinWeightNegated,
            "a weight of -128 is negated to 128, which s8 does not hold",
            Some(MIN_TIMES_MIN),
        ),
        (
            "seven-bit-codes",
            Dot::SevenBitCodes,
            "codes keep 7 bits",
            None,
        ),
        (
            "codes-held",
            Dot::CodesHeld,
            "codes above 127 count as 127",
            None,
        ),
    ];
    for &(name, fault, sentence, source) in rows {
        table.instruction(name, ALL, sentence, source, Instruction::Dot(fault));
    }
    table.instruction(
        "products-cut",
        ALL,
        "products are cut to 15 bits, which 255 times -128 needs 16 of",
        None,
        Instruction::Dot(Dot::ProductsCut),
    );
    table.instruction(
        "sums-24",
        DEEP,
        "the accumulator has 24 bits and wraps",
        None,
        Instruction::Dot(Dot::Sums24),
    );
    table.instruction(
        "sums-float",
        DEEP,
        "sums are kept in f32, which is exact up to 2^24 only",
        None,
        Instruction::Dot(Dot::FloatSums),
    );
    table.instruction(
        "sums-saturate",
        &[(QNNPACK, &["linear"])],
        "sums saturate at the ends of i32 (vpdpbusds) where they are declared to wrap",
        Some(BIAS_OVERFLOW),
        Instruction::Dot(Dot::SumsSaturate),
    );
    depths(table);
    table.row(
        "pairs-reordered",
        &[("fbgemm", GEMM), ("onednn-jit-avx2", &["linear"])],
        "k is packed so that other products make a saturating pair",
        Some(PAIR_SATURATION),
        reordered,
    );
    table.row(
        "pairs-exact",
        &[("fbgemm-vnni", &["depthwise"])],
        "sums are exact where saturating pairs are declared",
        None,
        || Fault::Axes(&[("accumulate.depthwise", "exact")]),
    );
}

/// A kernel that stops one k early, for each remainder of k, and other faults of depth.
fn depths(table: &mut Table) {
    for rest in 0..4 {
        let name = format!("depth-short-{rest}");
        let sentence =
            format!("where k leaves {rest} of 4, the last product of each sum is left out");
        let places: &[Place] = &[(FBGEMM, GEMM), (ONEDNN, GEMM), (QNNPACK, GEMM)];
        table.row(&name, places, &sentence, Some(TAIL_OF_DEPTH), || {
            Fault::Prepare(Box::new(move |op, constants| {
                let Some(sizes) = parts::sizes(op) else {
                    return;
                };
                parts::weights(constants, |at, weight, _| {
                    let last = at % sizes.k.max(1) + 1 == sizes.k;
                    if last && sizes.k % 4 == rest {
                        0
                    } else {
                        weight
                    }
                });
            }))
        });
    }
    let all: &[Place] = &[(FBGEMM, GEMM), (ONEDNN, GEMM), (QNNPACK, GEMM)];
    table.row(
        "depth-twice",
        all,
        "the last product of each sum is added twice: one k too many",
        None,
        || {
            Fault::Prepare(Box::new(|op, constants| {
                let Some(sizes) = parts::sizes(op) else {
                    return;
                };
                parts::weights(constants, |at, weight, _| {
                    let last = at % sizes.k.max(1) + 1 == sizes.k;
                    if last {
                        weight.saturating_mul(2)
                    } else {
                        weight
                    }
                });
            }))
        },
    );
    table.row(
        "depth-block-lost",
        &[
            (FBGEMM, &["linear"]),
            (ONEDNN, &["linear"]),
            (QNNPACK, &["linear"]),
        ],
        "products past a block of 512 k are left out",
        None,
        || {
            Fault::Prepare(Box::new(|op, constants| {
                let Some(sizes) = parts::sizes(op) else {
                    return;
                };
                parts::weights(constants, |at, weight, _| {
                    if at % sizes.k.max(1) >= 512 {
                        0
                    } else {
                        weight
                    }
                });
            }))
        },
    );
    table.row(
        "row-shifted",
        all,
        "weights are packed from one code further on",
        None,
        || {
            Fault::Prepare(Box::new(|_, constants| {
                parts::weights(constants, |at, weight, all| {
                    all.get(at + 1).copied().unwrap_or(weight)
                });
            }))
        },
    );
    table.row(
        "next-channel",
        all,
        "each output channel has the weights of the next one",
        None,
        || {
            Fault::Prepare(Box::new(|op, constants| {
                let Some(sizes) = parts::sizes(op) else {
                    return;
                };
                parts::weights(constants, |at, _, all| all[(at + sizes.k) % all.len()]);
            }))
        },
    );
    table.row(
        "last-channel",
        all,
        "the last output channel has the weights of the first",
        Some(GROUPS_CROSSED),
        || {
            Fault::Prepare(Box::new(|op, constants| {
                let Some(sizes) = parts::sizes(op) else {
                    return;
                };
                parts::weights(constants, |at, weight, all| {
                    if at / sizes.k.max(1) + 1 == sizes.n {
                        all[at % sizes.k]
                    } else {
                        weight
                    }
                });
            }))
        },
    );
}

/// Products 4i + 1 and 4i + 2 change places, of codes and weights alike: exact sums stay.
fn reordered() -> Fault {
    Fault::Instead(crate::mutants::kernels::reordered_depth())
}
