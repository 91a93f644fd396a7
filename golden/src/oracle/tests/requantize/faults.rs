//! Each other choice of an axis gives another code somewhere, or is listed as unseen with the
//! reason.

use super::super::missed;
use super::epilogue::ties_of_epilogues;
use super::{op_codes, quantized, sums};
use crate::oracle::{self, SumBias, SumScale};
use crate::profile::{Profile, SumOf};
use crate::spec::{Quantized, Relu};
use crate::tensor::DType;

/// Choices that nothing tells from the profile's own.
const UNSEEN: [&str; 20] = [
    // Where i16 saturates, the code is clamped in any case.
    "fbgemm zero_point=after-round-i64",
    "fbgemm zero_point=after-round-f32",
    // Stepwise scaling builds no multiplier.
    "onednn multiplier=f32-product-recip",
    "onednn multiplier=f64-then-f32",
    "onednn multiplier=f64",
    // The clamp comes first and its bounds are integers: nothing out of range is converted.
    "onednn clamp=after-zero-point",
    "onednn cast=x86-indefinite-i32",
    "onednn cast=x86-indefinite-i64",
    "onednn cast=open",
    "qnnpack zero_point=after-round-i64",
    "qnnpack zero_point=after-round-f32",
    // What saturates is clamped in any case (qnnpack-magic), and no product leaves i64.
    "qnnpack clamp=before-round",
    "qnnpack cast=x86-indefinite-i64",
    "onnxruntime zero_point=after-round-i32-wrapping",
    "onnxruntime zero_point=after-round-i16-saturating",
    "onnxruntime zero_point=after-round-f32",
    "onnxruntime clamp=after-zero-point",
    "onnxruntime cast=x86-indefinite-i32",
    "onnxruntime cast=x86-indefinite-i64",
    "onnxruntime cast=open",
];

/// Each other choice of an axis gives another code somewhere, or a fault in it would hide.
#[test]
fn a_fault_in_any_axis_is_caught() {
    let given = [
        (0.5, quantized(DType::U8, 1.0, 7)),
        (0.000_71, quantized(DType::U8, 1.0, 7)),
        (3.7, quantized(DType::U8, 1.0, 7)),
        (3.7, quantized(DType::I8, 1.0, -5)),
    ];
    let names = ["fbgemm", "onednn", "qnnpack", "onnxruntime"];
    assert_eq!(missed_with(names, &given), UNSEEN);
}

/// Choices that nothing tells from a fixed-point profile's own.
const UNSEEN_IN_FIXED_POINT: [&str; 27] = [
    // The same codes by other instructions.
    "qnnpack-q31 scaling_linear=q31-srdhm-rdbpot",
    // Where i16 saturates, the code is clamped in any case, and integers need no rounding.
    "qnnpack-q31 zero_point=after-round-i64",
    "qnnpack-q31 zero_point=after-round-f32",
    "qnnpack-q31 zero_point=before-round-f32",
    "qnnpack-precise zero_point=after-round-i64",
    "qnnpack-precise zero_point=after-round-f32",
    "qnnpack-precise zero_point=before-round-f32",
    // Its own scaling.
    "gemmlowp scaling_linear=q31-srdhm-rdbpot",
    "xnnpack-rndnu zero_point=after-round-i16-saturating",
    "xnnpack-rndnu zero_point=after-round-f32",
    "xnnpack-rndnu zero_point=before-round-f32",
    // Where the zero point would leave i32 the code is open, and all else is clamped.
    "tosa zero_point=after-round-i32-wrapping",
    "tosa zero_point=after-round-i16-saturating",
    "tosa zero_point=after-round-f32",
    "tosa zero_point=before-round-f32",
    // TOSA's two roundings in one sum are those that gemmlowp does one after the other.
    "tosa-double-round scaling_linear=q31-srdhm-rdbpot",
    "tosa-double-round zero_point=after-round-i32-wrapping",
    "tosa-double-round zero_point=after-round-i16-saturating",
    "tosa-double-round zero_point=after-round-f32",
    "tosa-double-round zero_point=before-round-f32",
    // The last bit of an f32 does not reach 15 bits here.
    "tosa-scale16 multiplier=f32-product-div",
    "tosa-scale16 multiplier=f32-product-recip",
    "tosa-scale16 multiplier=f64",
    "tosa-scale16 zero_point=after-round-i32-wrapping",
    "tosa-scale16 zero_point=after-round-i16-saturating",
    "tosa-scale16 zero_point=after-round-f32",
    "tosa-scale16 zero_point=before-round-f32",
];

/// The same for fixed-point arithmetic, which has no float to round, clamp or convert.
#[test]
fn a_fault_in_any_fixed_point_scheme_is_caught() {
    let given = [
        (0.5, quantized(DType::U8, 1.0, 7)),
        (0.25, quantized(DType::U8, 1.0, 7)),
        (0.000_71, quantized(DType::U8, 1.0, 7)),
        // The greatest sum and the zero point leave i32.
        (1f32.next_down(), quantized(DType::U8, 1.0, 255)),
        // Beyond QNNPACK's range, and beyond XNNPACK's on both sides.
        (3.7, quantized(DType::U8, 1.0, 7)),
        (300.0, quantized(DType::U8, 1.0, 7)),
        (2f32.powi(-33), quantized(DType::U8, 1.0, 7)),
    ];
    let names = [
        "qnnpack-q31",
        "qnnpack-precise",
        "gemmlowp",
        "xnnpack-rndnu",
        "tosa",
        "tosa-double-round",
        "tosa-scale16",
    ];
    let mut unseen = missed_with(names, &given);
    unseen.retain(|unseen| {
        ["scaling", "multiplier", "zero_point"]
            .iter()
            .any(|axis| unseen.contains(axis))
    });
    assert_eq!(unseen, UNSEEN_IN_FIXED_POINT);
}

/// [`missed`] on ties of epilogues, and on sums with these multipliers.
fn missed_with<const N: usize>(names: [&str; N], given: &[(f32, Quantized)]) -> Vec<String> {
    let (sums, problems) = (sums(), ties_of_epilogues());
    let reference = |profile: &Profile| {
        let rule = &profile.requantize;
        let linear = problems.iter().map(|p| p.reference_of(SumOf::Linear, rule));
        let mut codes: Vec<_> = problems.iter().map(|p| p.reference(rule)).collect();
        codes.extend(linear);
        for &(multiplier, output) in given {
            let of_op = op_codes(profile, &sums, multiplier, output, false);
            codes.extend(of_op.unwrap_or_else(|| vec![None; sums.len()]));
        }
        codes
    };
    let oracle = |profile: &Profile| {
        let rule = &profile.requantize;
        let mut codes: Vec<_> = problems.iter().map(|p| p.oracle(rule)).collect();
        codes.extend(problems.iter().map(|p| p.oracle_of(SumOf::Linear, rule)));
        for &(multiplier, output) in given {
            let scale = SumScale::Given(multiplier);
            let code =
                |&sum| oracle::requantize(rule, sum, scale, SumBias::None, output, Relu::None);
            codes.extend(sums.iter().map(code));
        }
        codes
    };
    let mut unseen = missed(names, "requantize", oracle, reference);
    // The axes of depthwise matter only where both are set: the tests of fused ops do that.
    // Sums of 16-bit activations, transposed convolutions and batches are not asked for here, and
    // these scales are no f32s, nor do they tell f64 quotients of f32s apart.
    const ELSEWHERE: [&str; 7] = [
        "depthwise",
        "scaling_wide",
        "scaling_transposed",
        "scaling_batch",
        "multiplier_batch",
        "=f64-of-f32",
        "=f32-product-f64-div",
    ];
    unseen.retain(|unseen| !ELSEWHERE.iter().any(|part| unseen.contains(part)));
    unseen
}
