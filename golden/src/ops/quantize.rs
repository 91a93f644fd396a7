//! Quantize: f32 to codes, per tensor or per channel along any axis.

use super::ReferenceError;
use super::landing::{BELOW_2_POW_31, Landing, Steps};
use crate::profile::named::QUANTIZE_OF_KERNELS;
use crate::profile::{PreClamp, Profile, QuantizeRule, Transform, ZeroPointAt};
use crate::spec::{Granularity, QParams, QuantizeSpec};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// Quantizes `input` (`spec.shape`, f32) under `profile.quantize`.
pub(super) fn quantize(
    spec: &QuantizeSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let Data::F32(values) = input.data() else {
        return Err(ReferenceError::Mismatch(format!(
            "quantize takes f32, not {}",
            input.dtype().name()
        )));
    };
    let range = code_range(spec.dtype, spec.range)?;
    let in_i16 = profile.quantize.zero_point == ZeroPointAt::AfterI16Saturating;
    if in_i16 && !(range.0 >= i64::from(i16::MIN) && range.1 <= i64::from(i16::MAX)) {
        return Err(ReferenceError::Undefined(format!(
            "codes [{}, {}] do not fit the i16 in which this profile adds the zero point",
            range.0, range.1
        )));
    }
    let channels = super::channels::channels(&spec.granularity, &spec.shape)?;
    let len = values.len();
    let body = profile.quantize.width.body_of(len);
    let data = match &spec.granularity {
        // One channel: no division to find it, billions of times in exhaustive runs.
        Granularity::PerTensor(qparams) => {
            let rule = profile.quantize;
            let (first, last) = (rule.at(0, usize::MAX), rule.at(len, len));
            if body == len {
                alike(&first, spec.dtype, values, *qparams, range, witness)
            } else {
                let codes = (values.iter().enumerate()).map(|(index, &value)| {
                    let rule = if index < body { &first } else { &last };
                    quantize_value(rule, value, *qparams, range, index, witness)
                });
                Data::from_codes(spec.dtype, codes)
            }
        }
        granularity => {
            let rule = profile.quantize.of_channels();
            let codes = (values.iter().enumerate()).map(|(index, &value)| {
                let qparams = granularity.channel(channels.of(index));
                quantize_value(&rule.at(index, len), value, qparams, range, index, witness)
            });
            Data::from_codes(spec.dtype, codes)
        }
    };
    Ok(Tensor::new(spec.shape.clone(), data).expect("as many codes as values"))
}

/// All values by one rule. Where it is one that kernels have, the loop is compiled for it: its
/// choices need not be made again at each of the billions of values of an exhaustive run.
fn alike(
    rule: &QuantizeRule,
    dtype: DType,
    values: &[f32],
    qparams: QParams,
    range: (i64, i64),
    witness: &mut Witness,
) -> Data {
    macro_rules! compiled_for {
        ($($known:literal)+) => {
            match dtype {
                $(DType::U8 if *rule == QUANTIZE_OF_KERNELS[$known] => {
                    Data::U8(codes::<$known, u8>(values, qparams, range, witness))
                }
                DType::I8 if *rule == QUANTIZE_OF_KERNELS[$known] => {
                    Data::I8(codes::<$known, i8>(values, qparams, range, witness))
                })+
                _ => {
                    let codes = (values.iter().enumerate()).map(|(index, &value)| {
                        quantize_value(rule, value, qparams, range, index, witness)
                    });
                    Data::from_codes(dtype, codes)
                }
            }
        };
    }
    compiled_for!(0 1 2 3 4 5 6 7)
}

/// By the rule number `KNOWN` of those that kernels have.
fn codes<const KNOWN: usize, T: TryFrom<i64>>(
    values: &[f32],
    qparams: QParams,
    range: (i64, i64),
    witness: &mut Witness,
) -> Vec<T> {
    count_inputs(values, qparams, range, witness);
    (values.iter().enumerate())
        .map(move |(index, &value)| {
            let rule = const { &QUANTIZE_OF_KERNELS[KNOWN] };
            let code = counted_value(rule, value, qparams, range, index, witness);
            T::try_from(code).unwrap_or_else(|_| unreachable!("held to the range of the type"))
        })
        .collect()
}

/// Counts the events of values as they come, before anything is done to them.
#[inline(always)]
fn count_inputs(values: &[f32], qparams: QParams, range: (i64, i64), witness: &mut Witness) {
    let events = &mut witness.events;
    events.add(Event::NanInput, count(values, f32::is_nan));
    events.add(Event::InfiniteInput, count(values, f32::is_infinite));
    events.add(Event::SubnormalInput, count(values, f32::is_subnormal));
    let zero_point = i64::from(qparams.zero_point);
    if zero_point == range.0 || zero_point == range.1 {
        events.add(Event::ZeroPointAtEnd, values.len() as u64);
    }
}

/// How many there are. Never too many for a u64: an addition that need not tell vectorises.
#[inline(always)]
fn count(values: &[f32], is: impl Fn(f32) -> bool) -> u64 {
    values
        .iter()
        .fold(0, |count: u64, &x| count.wrapping_add(u64::from(is(x))))
}

/// The range of codes to clip to: the spec's, or the type's.
///
/// # Errors
/// When the type holds no codes or the range is not within it.
pub(crate) fn code_range(
    dtype: DType,
    range: Option<(i64, i64)>,
) -> Result<(i64, i64), ReferenceError> {
    let whole = dtype.code_range().ok_or_else(|| {
        ReferenceError::Undefined(format!("{} is not a type of codes", dtype.name()))
    })?;
    let (lo, hi) = range.unwrap_or(whole);
    if lo < whole.0 || hi > whole.1 || lo >= hi {
        return Err(ReferenceError::Mismatch(format!(
            "codes [{lo}, {hi}] are not a range within {}",
            dtype.name()
        )));
    }
    Ok((lo, hi))
}

/// One value to a code; `index` is where an open output is noted.
#[inline(always)]
pub(crate) fn quantize_value(
    rule: &QuantizeRule,
    value: f32,
    qparams: QParams,
    range: (i64, i64),
    index: usize,
    witness: &mut Witness,
) -> i64 {
    count_inputs(&[value], qparams, range, witness);
    counted_value(rule, value, qparams, range, index, witness)
}

/// [`quantize_value`] of a value that was counted.
#[inline(always)]
fn counted_value(
    rule: &QuantizeRule,
    value: f32,
    qparams: QParams,
    range: (i64, i64),
    index: usize,
    witness: &mut Witness,
) -> i64 {
    let zero_point = i64::from(qparams.zero_point);
    let steps = steps(rule, value, qparams.scale);
    witness.step(None, steps.value);
    Landing::quantize(rule, range).land(index, steps, zero_point, witness)
}

/// A value as a number of steps, the zero point not yet added.
#[inline(always)]
pub(crate) fn steps(rule: &QuantizeRule, value: f32, scale: f64) -> Steps {
    bound(rule.pre_clamp, transform(rule.transform, value, scale))
}

#[inline(always)]
fn transform(transform: Transform, value: f32, scale: f64) -> Steps {
    match transform {
        Transform::MulRecipF32 => Steps::single(value * (1.0 / scale as f32)),
        Transform::MulRecipF64 => Steps::single(value * (1.0 / scale) as f32),
        Transform::DivF32 => Steps::single(value / scale as f32),
        Transform::DivF64 => Steps {
            value: f64::from(value) / scale,
            single: false,
        },
        Transform::DivF64BySingle => Steps {
            value: f64::from(value) / f64::from(scale as f32),
            single: false,
        },
    }
}

#[inline(always)]
fn bound(pre_clamp: PreClamp, steps: Steps) -> Steps {
    match pre_clamp {
        PreClamp::None => steps,
        PreClamp::MinBelow2Pow31 => {
            let bound = f64::from(BELOW_2_POW_31);
            // minps gives its second operand, the bound, when the first is NaN.
            Steps {
                value: if steps.value < bound {
                    steps.value
                } else {
                    bound
                },
                ..steps
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::named;

    fn codes(profile: &str, dtype: DType, zero_point: i32, scale: f64, values: &[f32]) -> Vec<i64> {
        let rule = named::find(profile).unwrap().profile.quantize;
        let range = code_range(dtype, None).unwrap();
        (values.iter())
            .map(|&x| {
                let qparams = QParams { scale, zero_point };
                quantize_value(&rule, x, qparams, range, 0, &mut Witness::default())
            })
            .collect()
    }

    #[test]
    fn fbgemm_wraps_where_its_instructions_do() {
        let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e9, -3e9];
        assert_eq!(
            codes("fbgemm", DType::U8, 127, 1.0, &special),
            [255, 255, 0, 255, 0]
        );
        assert_eq!(
            codes("fbgemm", DType::U8, 128, 1.0, &special),
            [0, 0, 0, 0, 0]
        );
        assert_eq!(
            codes("fbgemm", DType::I8, -1, 1.0, &special),
            [127, 127, 127, 127, 127]
        );
    }

    #[test]
    fn division_and_reciprocal_differ_on_the_value_that_fbgemm_documents() {
        let (scale, value) = (0.002_148_548_7_f32, 0.273_939_94_f32);
        assert_eq!(
            codes("fbgemm", DType::U8, 0, f64::from(scale), &[value]),
            [128]
        );
        assert_eq!(
            codes("onnxruntime", DType::U8, 0, f64::from(scale), &[value]),
            [127]
        );
    }

    #[test]
    fn an_odd_zero_point_inside_rounding_flips_ties() {
        assert_eq!(
            codes("onednn", DType::U8, 1, 1.0, &[0.5, 1.5, 2.5]),
            [2, 2, 4]
        );
        assert_eq!(
            codes("fbgemm", DType::U8, 1, 1.0, &[0.5, 1.5, 2.5]),
            [1, 3, 3]
        );
    }

    /// 8 values by multiplication, half to even; the ninth by division in f64, half away.
    #[test]
    fn litert_quantizes_what_fills_no_vector_otherwise() {
        let run = |granularity, len: usize| {
            let spec = QuantizeSpec {
                shape: vec![len],
                dtype: DType::I8,
                granularity,
                range: None,
            };
            let x = Tensor::new([len], Data::F32(vec![2.5; len])).unwrap();
            let profile = &named::find("litert-optimized").unwrap().profile;
            let codes = quantize(&spec, &x, profile, &mut Witness::default()).unwrap();
            (0..len).map(|i| codes.data().code(i)).collect::<Vec<_>>()
        };
        let one = QParams {
            scale: 1.0,
            zero_point: 0,
        };
        let whole = Granularity::PerTensor(one);
        assert_eq!(run(whole.clone(), 9), [2, 2, 2, 2, 2, 2, 2, 2, 3]);
        assert_eq!(run(whole, 3), [3, 3, 3]);
        let each = Granularity::PerChannel {
            axis: 0,
            qparams: vec![one; 9],
        };
        assert_eq!(run(each, 9), [3; 9]);
    }

    #[test]
    fn onnxruntime_gives_nan_the_lowest_code() {
        let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        assert_eq!(
            codes("onnxruntime", DType::I8, 5, 1.0, &special),
            [-128, 127, -128]
        );
    }
}
