//! Choose scale and zero point from the least and greatest of some values.

use super::ReferenceError;
use super::quantize::code_range;
use crate::profile::{
    Profile, QparamsRule, ReduceRange, ScalePrecision, SmallScale, SymmetricScale,
    SymmetricZeroPoint, ZeroPointFrom, ZeroPointRounding,
};
use crate::spec::{ChooseQparamsSpec, QParams, QparamsRequest};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// The scale below which PyTorch's and FBGEMM's ChooseQuantizationParams stretch the range.
const SMALL_SCALE_THRESHOLD: f32 = 6.1e-5;

/// The least scale of [`SmallScale::FloorTwoPowMinus12`].
const TWO_POW_MINUS_12: f64 = 1.0 / 4096.0;

/// Chooses parameters for `input` (`[len]` f32) under `profile.qparams`: scale and zero point.
pub(super) fn choose_qparams(
    spec: &ChooseQparamsSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let Data::F32(values) = input.data() else {
        return Err(ReferenceError::Mismatch(format!(
            "choose_qparams takes f32, not {}",
            input.dtype().name()
        )));
    };
    let (min, max) = min_max(values, witness)?;
    let qparams = choose(&profile.qparams, min, max, &spec.request)?;
    Ok(vec![
        Tensor::new([1], Data::F64(vec![qparams.scale])).expect("one scale"),
        Tensor::new([1], Data::I32(vec![qparams.zero_point])).expect("one zero point"),
    ])
}

/// The least and greatest value.
///
/// # Errors
/// When there is no value, or one of them is not finite: no system defines that.
pub(crate) fn min_max(values: &[f32], witness: &mut Witness) -> Result<(f32, f32), ReferenceError> {
    let Some(&first) = values.first() else {
        return Err(ReferenceError::Undefined("no values, so no range".into()));
    };
    if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
        return Err(ReferenceError::Undefined(format!(
            "{bad} among the values: no range"
        )));
    }
    let (min, max) = (values.iter()).fold((first, first), |(min, max), &value| {
        (min.min(value), max.max(value))
    });
    witness.events.hit_if(Event::EmptyRange, min == max);
    Ok((min, max))
}

/// Scale and zero point for values between `min` and `max` (finite, `min ≤ max`).
///
/// Sources: PyTorch ATen/native/quantized/cpu/QuantUtils.h and FBGEMM src/QuantUtils.cc
/// (ChooseQuantizationParams); torch/ao/quantization/observer.py (_calculate_qparams);
/// ONNX Runtime core/util/qmath.h (GetQuantizationParameter) and
/// python/tools/quantization/quant_utils.py (compute_scale_zp).
///
/// # Errors
/// When the request's range of codes is not within its type.
pub(crate) fn choose(
    rule: &QparamsRule,
    min: f32,
    max: f32,
    request: &QparamsRequest,
) -> Result<QParams, ReferenceError> {
    let codes = reduced(rule, request)?;
    let zero_included = (min.min(0.0), max.max(0.0));
    if request.symmetric && rule.symmetric != SymmetricScale::PreserveSparsity {
        return Ok(symmetric(rule, zero_included, codes, request.dtype));
    }
    let preserve = request.symmetric && min < 0.0 && max > 0.0;
    let range = if preserve {
        stretch(min, max, codes)
    } else {
        zero_included
    };
    Ok(affine(rule, range, codes, preserve))
}

/// The range of codes, narrowed if the request and the rule say so.
pub(crate) fn reduced(
    rule: &QparamsRule,
    request: &QparamsRequest,
) -> Result<(i64, i64), ReferenceError> {
    let (qmin, qmax) = code_range(request.dtype, request.range)?;
    Ok(match (request.reduce_range, rule.reduce_range) {
        (false, _) | (true, ReduceRange::Ignored) => (qmin, qmax),
        (true, ReduceRange::Halve) => (qmin.div_euclid(2), qmax.div_euclid(2)),
        (true, ReduceRange::Symmetric64) if qmin < 0 => (-64, 64),
        (true, ReduceRange::Symmetric64) => (0, 127),
    })
}

/// A range that holds 0 in the middle of the codes (preserve_sparsity).
fn stretch(min: f32, max: f32, (qmin, qmax): (i64, i64)) -> (f32, f32) {
    let low = -((qmax - qmin) / 2 + 1) as f32;
    let high = ((qmax - qmin) / 2) as f32;
    let steps = f64::from((min / low).abs().max((max / high).abs()));
    (
        (steps * f64::from(low)) as f32,
        (steps * f64::from(high)) as f32,
    )
}

fn symmetric(
    rule: &QparamsRule,
    (min, max): (f32, f32),
    (qmin, qmax): (i64, i64),
    dtype: DType,
) -> QParams {
    let greatest = max.max(-min);
    let half = (qmax - qmin) as f64 / 2.0;
    let (greatest, steps) = match rule.symmetric {
        SymmetricScale::Qmax => (greatest, qmax as f64),
        SymmetricScale::HalfRange | SymmetricScale::PreserveSparsity => (greatest, half),
        // min / qmin > max / qmax; an unsigned qmin has no say.
        SymmetricScale::EachSide if qmin < 0 && min / qmin as f32 > max / qmax as f32 => {
            (min, qmin as f64)
        }
        SymmetricScale::EachSide => (max, qmax as f64),
        SymmetricScale::SignedExtreme => {
            let extreme = if max > -min { max } else { min };
            (extreme, -half.ceil())
        }
    };
    let scale = match rule.precision {
        ScalePrecision::F32 => f64::from(greatest / steps as f32),
        ScalePrecision::F64 => f64::from(greatest) / steps,
        ScalePrecision::F64ThenF32 => f64::from((f64::from(greatest) / steps) as f32),
        ScalePrecision::F64NarrowedLast => f64::from(greatest) / steps,
    };
    // A custom range of unsigned codes has its middle rounded down, the whole range up.
    let whole = dtype.code_range() == Some((qmin, qmax));
    let middle = match dtype {
        _ if rule.symmetric_zero_point == SymmetricZeroPoint::RoundedMiddle => {
            ((qmin + qmax) as f64 / 2.0).round_ties_even() as i64
        }
        _ if rule.symmetric_zero_point == SymmetricZeroPoint::MiddleUp => {
            (qmin + qmax + 1).div_euclid(2)
        }
        DType::U8 if whole || qmax - qmin == 127 => 128,
        DType::U8 => (qmin + qmax).div_euclid(2),
        _ if whole && qmin == 0 => (qmax + 1) / 2,
        _ => 0,
    };
    let (scale, zero_point) = match rule.small_scale {
        SmallScale::FloorEps => (scale.max(f64::from(f32::EPSILON)), middle),
        SmallScale::TenthAndCutoff if scale == 0.0 => (0.1, middle),
        SmallScale::One | SmallScale::UnitRange if scale == 0.0 => (1.0, middle),
        SmallScale::TinyToOne if scale < f64::from(f32::MIN_POSITIVE) => (1.0, 0),
        SmallScale::FloorTwoPowMinus12 => (scale.max(TWO_POW_MINUS_12), middle),
        _ => (scale, middle),
    };
    let scale = narrowed(rule, scale);
    QParams {
        scale,
        zero_point: zero_point as i32,
    }
}

fn affine(
    rule: &QparamsRule,
    (mut min, mut max): (f32, f32),
    (qmin, qmax): (i64, i64),
    preserve: bool,
) -> QParams {
    let steps = (qmax - qmin) as f64;
    if rule.small_scale == SmallScale::UnitRange && min == max {
        max = 1.0;
    }
    let mut scale = match rule.precision {
        ScalePrecision::F32 => f64::from((max - min) / steps as f32),
        ScalePrecision::F64 => (f64::from(max) - f64::from(min)) / steps,
        ScalePrecision::F64ThenF32 => f64::from(((f64::from(max) - f64::from(min)) / steps) as f32),
        ScalePrecision::F64NarrowedLast => (f64::from(max) - f64::from(min)) / steps,
    };
    match rule.small_scale {
        SmallScale::FloorEps => scale = scale.max(f64::from(f32::EPSILON)),
        SmallScale::FloorTwoPowMinus12 => scale = scale.max(TWO_POW_MINUS_12),
        SmallScale::One if min == max => scale = 1.0,
        SmallScale::TinyToOne if scale < f64::from(f32::MIN_POSITIVE) => {
            return QParams {
                scale: 1.0,
                zero_point: 0,
            };
        }
        SmallScale::Kept if scale == 0.0 => {
            return QParams {
                scale,
                zero_point: qmin as i32,
            };
        }
        SmallScale::TenthAndCutoff => {
            if scale as f32 == 0.0 || (1.0 / scale as f32).is_infinite() {
                scale = 0.1;
            }
            if scale < f64::from(SMALL_SCALE_THRESHOLD) {
                let original = scale as f32;
                scale = f64::from(SMALL_SCALE_THRESHOLD);
                if min == 0.0 {
                    max = SMALL_SCALE_THRESHOLD * steps as f32;
                } else if max == 0.0 {
                    min = -SMALL_SCALE_THRESHOLD * steps as f32;
                } else {
                    let amplifier = SMALL_SCALE_THRESHOLD / original;
                    min *= amplifier;
                    max *= amplifier;
                }
            }
        }
        SmallScale::One | SmallScale::UnitRange | SmallScale::TinyToOne | SmallScale::Kept => {}
    }
    let zero_point = if preserve {
        ((qmin + qmax) as f64 / 2.0).round_ties_even() as i64
    } else {
        zero_point(rule, (min, max), scale, (qmin, qmax))
    };
    QParams {
        scale: narrowed(rule, scale),
        zero_point: zero_point as i32,
    }
}

/// The scale as it is kept, once the zero point is known.
fn narrowed(rule: &QparamsRule, scale: f64) -> f64 {
    match rule.precision {
        ScalePrecision::F64NarrowedLast => f64::from(scale as f32),
        _ => scale,
    }
}

fn zero_point(
    rule: &QparamsRule,
    (min, max): (f32, f32),
    scale: f64,
    (qmin, qmax): (i64, i64),
) -> i64 {
    let quotient = |end: f32| match rule.precision {
        ScalePrecision::F32 => f64::from(end / scale as f32),
        ScalePrecision::F64 | ScalePrecision::F64ThenF32 | ScalePrecision::F64NarrowedLast => {
            f64::from(end) / scale
        }
    };
    let (from_min, from_max) = (quotient(min), quotient(max));
    let (low, high) = (qmin as f64, qmax as f64);
    // The observer rounds min / scale itself and subtracts integers.
    let rounds_quotient = rule.zero_point_from == ZeroPointFrom::Min
        && rule.zero_point_rounding == ZeroPointRounding::TiesEvenThenClamp;
    if rounds_quotient {
        let zero_point = low - from_min.round_ties_even();
        return zero_point.clamp(low, high) as i64;
    }
    // Sums in f32, too: 16-bit codes leave it few bits behind the point.
    let minus = |code: f64, steps: f64| match rule.precision {
        ScalePrecision::F32 => f64::from(code as f32 - steps as f32),
        _ => code - steps,
    };
    let (of_min, of_max) = (minus(low, from_min), minus(high, from_max));
    let real = match rule.zero_point_from {
        ZeroPointFrom::Min => of_min,
        ZeroPointFrom::SmallerErrorSum => {
            let (min, max) = (low.abs() + from_min.abs(), high.abs() + from_max.abs());
            if min < max { of_min } else { of_max }
        }
        ZeroPointFrom::SmallerErrorDifference => {
            let (min, max) = (low.abs() - from_min.abs(), high.abs() - from_max.abs());
            if min < max { of_min } else { of_max }
        }
    };
    (match rule.zero_point_rounding {
        // 0 / 0, where the scale underflowed: std::min gives its first operand, the highest code.
        ZeroPointRounding::ClampThenTiesEven if real.is_nan() => high,
        ZeroPointRounding::TiesEvenThenClamp | ZeroPointRounding::ClampThenTiesEven => {
            real.clamp(low, high).round_ties_even()
        }
        ZeroPointRounding::TiesAwayThenClamp => real.round().clamp(low, high),
        ZeroPointRounding::TiesEvenUnclamped => real.round_ties_even(),
    }) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::named;

    const U8: QparamsRequest = QparamsRequest {
        dtype: DType::U8,
        range: None,
        symmetric: false,
        reduce_range: false,
    };

    fn chosen(profile: &str, min: f32, max: f32, request: &QparamsRequest) -> (f64, i32) {
        let rule = named::find(profile).unwrap().profile.qparams;
        let qparams = choose(&rule, min, max, request).unwrap();
        (qparams.scale, qparams.zero_point)
    }

    #[test]
    fn the_two_rules_of_pytorch_choose_different_zero_points_for_minus_one_to_one() {
        assert_eq!(chosen("pytorch-observer", -1.0, 1.0, &U8).1, 127);
        assert_eq!(chosen("pytorch-dynamic", -1.0, 1.0, &U8).1, 128);
        assert_eq!(
            chosen("pytorch-observer", -1.0, 1.0, &U8).0,
            f64::from(2.0f32 / 255.0)
        );
        assert_eq!(chosen("pytorch-dynamic", -1.0, 1.0, &U8).0, 2.0 / 255.0);
    }

    #[test]
    fn a_difference_that_is_a_tie_in_f32_alone_is_one() {
        let s16 = QparamsRequest {
            dtype: DType::I16,
            ..U8
        };
        // −32768 − (−5096.5…) is −27671.5 in f32, and goes to the even code.
        let (min, max) = (-1.013_879e-6, 1.202_341_2e-5);
        assert_eq!(chosen("onnxruntime", min, max, &s16).1, -27672);
    }

    #[test]
    fn all_zeros_have_a_scale_of_each_systems_own() {
        assert_eq!(
            chosen("pytorch-observer", 0.0, 0.0, &U8),
            (f64::from(f32::EPSILON), 0)
        );
        assert_eq!(chosen("pytorch-dynamic", 0.0, 0.0, &U8), (0.1, 0));
        assert_eq!(chosen("onnxruntime", 0.0, 0.0, &U8).0, 1.0);
    }

    /// As ONNX Runtime 1.32 was seen to choose: 4e-45 / 255 is 0 in f32.
    #[test]
    fn a_scale_that_underflows_leaves_the_highest_code() {
        assert_eq!(chosen("onnxruntime", 0.0, 4e-45, &U8), (0.0, 255));
        assert_eq!(chosen("onnxruntime", -4e-45, 0.0, &U8), (0.0, 255));
    }

    #[test]
    fn reduce_range_halves_the_codes_unless_ignored() {
        let request = QparamsRequest {
            reduce_range: true,
            ..U8
        };
        assert_eq!(chosen("pytorch-dynamic", 0.0, 127.0, &request).0, 1.0);
        assert_eq!(chosen("qnnpack", 0.0, 255.0, &request).0, 1.0);
    }

    #[test]
    fn a_tiny_range_is_stretched_to_the_threshold() {
        let (scale, zero_point) = chosen("pytorch-dynamic", -1e-30, 1e-30, &U8);
        assert_eq!((scale, zero_point), (f64::from(6.1e-5f32), 128));
    }

    #[test]
    fn symmetric_codes_have_their_zero_in_the_middle() {
        let signed = QparamsRequest {
            dtype: DType::I8,
            symmetric: true,
            ..U8
        };
        assert_eq!(
            chosen("pytorch-observer", -1.0, 0.5, &signed),
            (f64::from(1.0f32 / 127.5), 0)
        );
        let unsigned = QparamsRequest {
            symmetric: true,
            ..U8
        };
        assert_eq!(chosen("pytorch-observer", -1.0, 0.5, &unsigned).1, 128);
    }
}
