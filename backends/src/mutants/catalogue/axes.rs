//! Kernels of a family that are prepared for another choice on an axis of the profile.

use super::sources::*;
use super::{FBGEMM, ONEDNN, PRODUCTS, Place, QNNPACK, Table};
use crate::mutants::subject::Fault;

/// A row of the table.
type AxisRow = (
    &'static str,
    &'static [Place],
    &'static [(&'static str, &'static str)],
    &'static str,
    Option<&'static str>,
);

/// Adds them to the table.
pub fn add(table: &mut Table) {
    let rows: &[AxisRow] = &[
        (
            "reciprocal-of-output-scale",
            &[("onednn", PRODUCTS)],
            &[("requantize.scaling", "stepwise-mul-recip")],
            "the output scale's reciprocal is multiplied with where division is declared",
            None,
        ),
        (
            "division-by-output-scale",
            &[(ONEDNN, PRODUCTS)],
            &[("requantize.scaling", "stepwise-div")],
            "the output scale divides where multiplication by its reciprocal is declared",
            None,
        ),
        (
            "scales-multiplied-first",
            &[(ONEDNN, PRODUCTS)],
            &[("requantize.scaling", "product-then-mul-recip")],
            "the scales of activations and weights are multiplied with each other first",
            None,
        ),
        (
            "bias-fused",
            &[(ONEDNN, PRODUCTS)],
            &[
                ("requantize.bias_per_tensor", "f32-fused-after-scale"),
                ("requantize.bias_per_channel", "f32-fused-after-scale"),
            ],
            "scaling and bias are contracted to one fused multiply-add",
            Some(FUSED_OR_NOT),
        ),
        (
            "bias-divided",
            &[(FBGEMM, PRODUCTS)],
            &[("requantize.bias_per_tensor", "f32-div-by-act-w")],
            "a bias of one scale is divided by the scales where the reciprocal is declared",
            Some(BIAS_SCALE),
        ),
        (
            "bias-by-reciprocal",
            &[(FBGEMM, PRODUCTS)],
            &[("requantize.bias_per_channel", "f32-recip-of-act-w")],
            "a bias per channel is multiplied by the reciprocal of the scales where division is declared",
            Some(BIAS_SCALE),
        ),
        (
            "multiplier-divided",
            &[(QNNPACK, &["linear", "conv"])],
            &[("requantize.multiplier", "f32-product-div")],
            "the multiplier is divided by the output scale where the reciprocal is declared",
            None,
        ),
        (
            "multiplier-in-f64",
            &[(QNNPACK, &["linear", "conv"])],
            &[("requantize.multiplier", "f64-then-f32")],
            "the multiplier is computed in f64 and rounded once",
            None,
        ),
        (
            "magic-for-conversion",
            &[(QNNPACK, &["linear", "conv", "requantize"])],
            &[
                ("requantize.clamp", "before-round"),
                ("requantize.zero_point", "after-round-i64"),
            ],
            "codes are clamped before they are rounded, in f32",
            None,
        ),
        (
            "reciprocal-of-scale",
            &[("onednn", &["quantize"]), ("gemmlowp", &["quantize"])],
            &[("quantize.transform", "mul-recip-f32")],
            "values are multiplied by the reciprocal of the scale where division is declared",
            None,
        ),
        (
            "scale-divides",
            &[(ONEDNN, &["quantize"]), (QNNPACK, &["quantize"])],
            &[("quantize.transform", "div-f32")],
            "values are divided by the scale where its reciprocal is declared",
            None,
        ),
        (
            "reciprocal-in-f64",
            &[(QNNPACK, &["quantize"])],
            &[("quantize.transform", "mul-recip-f64")],
            "the scale's reciprocal is taken in f64",
            None,
        ),
        (
            "ties-even-for-away",
            &[("gemmlowp", &["quantize"])],
            &[
                ("quantize.rounding", "ties-even"),
                ("quantize.clamp", "before-round"),
                ("quantize.zero_point", "after-round-i64"),
            ],
            "ties go to even, and the zero point is added after rounding, where away from zero is declared",
            Some(TIES_AWAY),
        ),
        (
            "zero-point-inside",
            &[(QNNPACK, &["quantize"])],
            &[
                ("quantize.rounding", "ties-away"),
                ("quantize.clamp", "before-round"),
                ("quantize.zero_point", "before-round-f32"),
            ],
            "the zero point is added before rounding, and ties go away from zero",
            None,
        ),
        (
            "clamp-before-zero-point",
            &[(QNNPACK, &["quantize"])],
            &[
                ("quantize.clamp", "before-round"),
                ("quantize.zero_point", "after-round-i64"),
            ],
            "steps are held to the range before they are rounded",
            Some(CAST_BEFORE_ZERO_POINT),
        ),
        (
            "conversion-held",
            &[(QNNPACK, &["quantize", "requantize"])],
            &[
                ("quantize.cast", "saturate"),
                ("requantize.cast", "saturate"),
            ],
            "steps are held to i32 before the conversion",
            Some(CONVERSION_OVERFLOW),
        ),
        (
            "float-scales-multiplied-first",
            &[("onednn", &["linear", "linear-dynamic"])],
            &[("float_output.scale", "product")],
            "the scales of an f32 output are multiplied with each other first",
            None,
        ),
        (
            "float-scales-in-turn",
            &[(QNNPACK, &["linear", "linear-dynamic"])],
            &[("float_output.scale", "left-to-right")],
            "the scales of an f32 output are applied one after the other",
            None,
        ),
        (
            "float-bias-fused",
            &[(QNNPACK, &["linear", "linear-dynamic"])],
            &[("float_output.bias", "fma")],
            "scale and bias of an f32 output are contracted to one fused multiply-add",
            Some(FUSED_OR_NOT),
        ),
        (
            "float-bias-fused",
            &[("onednn", &["linear", "linear-dynamic"])],
            &[("float_output.bias", "fma")],
            "scale and bias of an f32 output are fused where they are declared to be rounded twice",
            Some(FUSED_OR_NOT),
        ),
        (
            "sums-contracted",
            &[("onednn", &["linear-weight-only"])],
            &[("float_output.weight_only", "sequential-mul-add")],
            "products and sums of f32 are rounded one after the other where they are fused",
            Some(FUSED_OR_NOT),
        ),
        (
            "addition-half-up",
            &[(QNNPACK, &["add"])],
            &[("pointwise.add", "fixed-point-20-up")],
            "sums are shifted with ties up and one bit less",
            None,
        ),
        (
            "addition-half-away",
            &[("xnnpack-rndnu", &["add"])],
            &[("pointwise.add", "fixed-point-21")],
            "sums are shifted with ties away from zero and one bit more",
            None,
        ),
        (
            "mean-in-two-divisions",
            &[(QNNPACK, &["avg-pool"])],
            &[
                ("pointwise.avg_pool_body", "mul-f32"),
                ("pointwise.avg_pool_tail", "mul-f32"),
            ],
            "a mean's multiplier is divided by the scale and then by the count",
            None,
        ),
        (
            "mean-zero-point-inside",
            &[(QNNPACK, &["avg-pool"])],
            &[
                ("pointwise.avg_pool_body", "mul-add-f32"),
                ("pointwise.avg_pool_tail", "mul-add-f32"),
            ],
            "a mean's zero point is added before rounding",
            None,
        ),
        (
            "mean-counts-inside",
            &[(QNNPACK, &["avg-pool"])],
            &[("pointwise.avg_pool_count", "as-asked")],
            "positions outside the image do not count where the whole window is declared",
            Some(PADDING_OF_POOLS),
        ),
        (
            "function-through-real",
            &[(QNNPACK, &["sigmoid", "tanh"])],
            &[("pointwise.function", "dequantize-f32")],
            "functions are rounded after they are scaled where the table rounds them at once",
            None,
        ),
        (
            "reduced-range",
            &[(QNNPACK, &["linear-dynamic"])],
            &[("qparams.reduce_range", "halve")],
            "a reduced range halves the codes where it is declared to be ignored",
            None,
        ),
        (
            "full-range",
            &[(FBGEMM, &["linear-dynamic"])],
            &[("qparams.reduce_range", "ignored")],
            "a reduced range is ignored",
            None,
        ),
    ];
    for &(name, places, changes, sentence, source) in rows {
        table.row(name, places, sentence, source, || Fault::Axes(changes));
    }
}
