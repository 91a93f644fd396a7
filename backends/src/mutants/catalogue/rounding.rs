//! Real numbers between sums and codes: conversions, ties, the control register, reciprocals,
//! fused multiply-adds, NaN and infinities, subnormals.

use super::sources::*;
use super::{FBGEMM, ONEDNN, PRODUCTS, Place, QNNPACK, Row, Table};
use crate::mutants::instruction::{Convert, Float, Instruction};
use crate::mutants::kernels::{self, Control};
use crate::mutants::subject::Fault;

/// Ops that convert real numbers to codes.
const CODES: &[&str] = &["linear", "conv", "depthwise", "quantize", "requantize"];
const ALL: &[Place] = &[(FBGEMM, CODES), (ONEDNN, CODES), (QNNPACK, CODES)];
/// Ops whose conversions may overflow.
const WIDE: &[&str] = &["quantize", "requantize"];

pub fn add(table: &mut Table) {
    conversions(table);
    floats(table);
    control(table);
}

fn conversions(table: &mut Table) {
    let rows: &[(&str, Convert, &str, Option<&'static str>)] = &[
        (
            "ties-away",
            Convert::TiesAway,
            "ties are rounded away from zero",
            Some(TIES_AWAY),
        ),
        (
            "ties-up",
            Convert::TiesUp,
            "ties are rounded up",
            Some(TIES_UP),
        ),
        (
            "ties-down",
            Convert::TiesDown,
            "ties are rounded down",
            None,
        ),
        (
            "ties-toward-zero",
            Convert::TiesZero,
            "ties are rounded toward zero",
            None,
        ),
        (
            "truncates",
            Convert::Cuts,
            "steps are cut (vcvttps2dq for vcvtps2dq)",
            Some(TRUNCATION),
        ),
        (
            "floors",
            Convert::Floor,
            "steps are rounded down, as the control register may say",
            Some(ROUNDING_MODE),
        ),
        (
            "ceils",
            Convert::Ceiling,
            "steps are rounded up, as the control register may say",
            Some(ROUNDING_MODE),
        ),
        (
            "half-added",
            Convert::FloorOfHalfMore,
            "a half is added in f32, and the sum rounded down",
            None,
        ),
        (
            "rounds-twice",
            Convert::RoundsTwice,
            "steps are rounded to quarters before they are rounded to integers",
            Some(DOUBLE_ROUNDING),
        ),
    ];
    for &(name, fault, sentence, source) in rows {
        table.instruction(name, ALL, sentence, source, Instruction::Convert(fault));
    }
    let wide: &[Place] = &[(FBGEMM, WIDE)];
    let rows: &[Row<'_, Convert>] = &[
        (
            "conversion-saturates",
            Convert::Saturates,
            wide,
            "what does not fit i32 saturates where it is declared to become i32::MIN",
            Some(CONVERSION_OVERFLOW),
        ),
        (
            "conversion-saturates-above",
            Convert::SaturatesHigh,
            &[(FBGEMM, &["requantize"])],
            "what is above i32 saturates where it is declared to become i32::MIN",
            Some(INFINITE_STEPS),
        ),
        (
            "magic-unbounded",
            Convert::Magic,
            &[(FBGEMM, WIDE), (QNNPACK, &["quantize"])],
            "1.5 times 2^23 is added without a bound, which rounds below 2^22 alone",
            None,
        ),
        (
            "conversion-16",
            Convert::Through16,
            &[(FBGEMM, &["quantize"])],
            "steps pass through 16 bits that saturate",
            None,
        ),
        (
            "truncation-rounds",
            Convert::TruncRounds,
            &[("gemmlowp", &["quantize"])],
            "a truncation rounds to nearest (vcvtps2dq for vcvttps2dq)",
            None,
        ),
        (
            "truncation-floors",
            Convert::TruncFloors,
            &[("gemmlowp", &["quantize"])],
            "a truncation rounds down",
            None,
        ),
    ];
    for &(name, fault, places, sentence, source) in rows {
        table.instruction(name, places, sentence, source, Instruction::Convert(fault));
    }
}

fn floats(table: &mut Table) {
    const SCALED: &[&str] = &["linear", "conv", "depthwise", "requantize", "quantize"];
    let scaled: &[Place] = &[(FBGEMM, SCALED), (ONEDNN, SCALED), (QNNPACK, SCALED)];
    let rows: &[Row<'_, Float>] = &[
        (
            "products-truncated",
            Float::MulCuts,
            scaled,
            "scaling rounds toward zero, as the control register may say",
            Some(ROUNDING_MODE),
        ),
        (
            "products-up",
            Float::MulUp,
            scaled,
            "scaling rounds up, as the control register may say",
            Some(ROUNDING_MODE),
        ),
        (
            "products-16",
            Float::MulShort,
            &[
                (FBGEMM, &["linear", "requantize", "dequantize"]),
                (ONEDNN, &["linear"]),
            ],
            "scaling keeps 16 bits of the mantissa",
            None,
        ),
        (
            "sums-truncated",
            Float::AddCuts,
            &[(FBGEMM, PRODUCTS), (ONEDNN, PRODUCTS)],
            "sums of f32 are cut",
            None,
        ),
        (
            "fma-split",
            Float::FmaSplit,
            &[(FBGEMM, &["linear-dynamic", "linear-weight-only"])],
            "a fused multiply-add rounds twice",
            Some(FUSED_OR_NOT),
        ),
        (
            "fma-drops-addend",
            Float::FmaDropsAddend,
            &[(FBGEMM, &["linear-dynamic", "linear-weight-only"])],
            "a fused multiply-add forgets what it adds to",
            None,
        ),
        (
            "division-by-reciprocal",
            Float::DivReciprocal,
            &[
                ("onednn", &["linear", "quantize"]),
                ("gemmlowp", &["quantize"]),
            ],
            "a division is a product with the reciprocal",
            None,
        ),
        (
            "division-approximate",
            Float::DivApproximate,
            &[
                ("onednn", &["linear", "quantize"]),
                ("gemmlowp", &["quantize"]),
            ],
            "a division is a product with a reciprocal of 12 bits (vrcpps)",
            None,
        ),
        (
            "lesser-order",
            Float::MinOrder,
            &[(FBGEMM, &["quantize"])],
            "the lesser of two floats gives the other operand for NaN",
            Some(NAN_TO_CODE),
        ),
        (
            "bound-lost",
            Float::MinLost,
            &[(FBGEMM, &["quantize"]), (ONEDNN, &["quantize", "linear"])],
            "the upper bound is not applied before the conversion",
            Some(CONVERSION_OVERFLOW),
        ),
        (
            "integers-truncated",
            Float::FromIntegerCuts,
            &[(FBGEMM, &["dequantize"]), (ONEDNN, &["dequantize"])],
            "integers above 2^24 are cut to f32 instead of rounded",
            None,
        ),
        (
            "integers-unsigned",
            Float::FromIntegerUnsigned,
            &[
                (FBGEMM, &["linear", "requantize", "dequantize"]),
                (ONEDNN, &["linear", "requantize"]),
                (QNNPACK, &["linear", "requantize"]),
            ],
            "sums are converted to f32 without their sign",
            None,
        ),
        (
            "integers-16",
            Float::FromInteger16,
            &[
                (FBGEMM, &["linear", "requantize"]),
                (ONEDNN, &["linear"]),
                (QNNPACK, &["linear"]),
            ],
            "sums pass through 16 bits on their way to f32",
            None,
        ),
        (
            "nan-unseen",
            Float::NanUnseen,
            &[("qnnpack", &["quantize"]), ("xnnpack-rndnu", &["quantize"])],
            "NaN is not treated apart",
            Some(NAN_TO_CODE),
        ),
        (
            "subnormal-factors",
            Float::MulDenormalsZero,
            &[
                (FBGEMM, &["quantize"]),
                (ONEDNN, &["quantize"]),
                (QNNPACK, &["quantize"]),
            ],
            "subnormal factors count as 0 (DAZ)",
            Some(DENORMALS),
        ),
        (
            "subnormal-extremes",
            Float::CompareDenormalsZero,
            &[(FBGEMM, &["observers"])],
            "subnormal values count as 0 when extremes are taken (DAZ)",
            Some(DENORMALS),
        ),
    ];
    for &(name, fault, places, sentence, source) in rows {
        table.instruction(name, places, sentence, source, Instruction::Float(fault));
    }
}

/// The control register, where kernels may change it.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn control(table: &mut Table) {
    const REAL: &[&str] = &["quantize", "requantize", "linear"];
    for (name, which, sentence) in [
        (
            "control-toward-zero",
            Control::TowardZero,
            "the kernel sets rounding toward zero while it runs",
        ),
        (
            "control-up",
            Control::Up,
            "the kernel sets rounding up while it runs",
        ),
        (
            "control-down",
            Control::Down,
            "the kernel sets rounding down while it runs",
        ),
    ] {
        // Natively alone: models do not ask the register how to round to integers.
        table.row(
            name,
            &[(FBGEMM, REAL), (ONEDNN, REAL)],
            sentence,
            Some(ROUNDING_MODE),
            || Fault::Instead(kernels::control(which, true)),
        );
    }
    table.row(
        "control-flush",
        &[
            (FBGEMM, &["quantize", "observers"]),
            (ONEDNN, &["quantize", "linear-weight-only"]),
        ],
        "the kernel flushes subnormals to 0 while it runs (FTZ and DAZ)",
        Some(DENORMALS),
        || Fault::Instead(kernels::control(Control::Flush, true)),
    );
    for (name, which, sentence) in [
        (
            "control-left-toward-zero",
            Control::TowardZero,
            "the kernel leaves rounding toward zero behind",
        ),
        (
            "control-left-flushing",
            Control::Flush,
            "the kernel leaves FTZ and DAZ behind",
        ),
    ] {
        table.row(
            name,
            &[(FBGEMM, &["quantize", "linear"])],
            sentence,
            Some(ROUNDING_MODE),
            || Fault::Instead(kernels::control(which, false)),
        );
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn control(_: &mut Table) {}
