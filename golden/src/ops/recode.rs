//! Recode: codes of one scale, zero point and type to those of another.
//!
//! Sources: TFLite `kernels/quantize.cc` (Prepare) with
//! `internal/reference/requantize.h` and `internal/optimized/optimized_ops.h`
//! (Requantize); XNNPACK `src/qs8-vcvt/scalar.c.in` and
//! `src/microparams-init.c` (xnn_init_qs8_cvt_scalar_params); the captures of LiteRT.

use super::ReferenceError;
use super::dequantize::dequantize_value;
use super::fixed_point::{FixedPoint, fixed_point};
use super::quantize::quantize_value;
use crate::profile::{Profile, RecodeForm, Scaling};
use crate::spec::FunctionSpec;
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// Codes that stand for the nearest real values to those of `input`.
///
/// # Errors
/// When types or parameters do not fit, or the profile's fixed point cannot hold the ratio
/// of scales.
pub(crate) fn recode(
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let (from, to) = (spec.input, spec.output);
    for (name, tensor, types) in [
        (
            "input",
            from,
            &[DType::U8, DType::I8, DType::I16, DType::I32][..],
        ),
        ("output", to, &[DType::U8, DType::I8, DType::I16]),
    ] {
        if !types.contains(&tensor.dtype) {
            return Err(ReferenceError::Undefined(format!(
                "{name}: recode of {} is not defined",
                tensor.dtype.name()
            )));
        }
        super::check::qparams(name, tensor.dtype, tensor.qparams)?;
        witness.zero_point(tensor.dtype, tensor.qparams.zero_point);
    }
    let range = to.dtype.code_range().expect("a type of codes");
    let by_eight_bits = from.dtype.size() == 1 && to.dtype.size() == 1;
    let form = if by_eight_bits {
        profile.pointwise.recode
    } else {
        profile.pointwise.recode_wide
    };
    let fixed = multiplier(form, from.qparams.scale, to.qparams.scale)?;
    let codes = (0..input.len())
        .map(|index| {
            let code = input.data().code(index);
            let Some(fixed) = fixed else {
                let value =
                    dequantize_value(profile.dequantize.body, from.dtype, code, from.qparams);
                let rule = &profile.quantize;
                return quantize_value(rule, value, to.qparams, range, index, witness);
            };
            let steps = (code - i64::from(from.qparams.zero_point)) as i32;
            witness.step(Some(steps.into()), fixed.exact(steps));
            witness.events.hit_if(Event::ExactTie, fixed.is_tie(steps));
            let sum = (fixed.apply(steps) as i32).wrapping_add(to.qparams.zero_point);
            let sum = i64::from(sum);
            witness.events.hit_if(Event::ClampedLow, sum < range.0);
            witness.events.hit_if(Event::ClampedHigh, sum > range.1);
            sum.clamp(range.0, range.1)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(to.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}

/// The ratio of scales as the form holds it; `None` where it goes by real values.
fn multiplier(form: RecodeForm, from: f64, to: f64) -> Result<Option<FixedPoint>, ReferenceError> {
    match form {
        RecodeForm::ThroughReal => Ok(None),
        RecodeForm::Q31SrdhmRdbpot => fixed_point(Scaling::Q31SrdhmRdbpot, from / to),
        RecodeForm::Q31SrdhmRshu => fixed_point(Scaling::Q31SrdhmRshu, from / to),
        RecodeForm::Fixed8Up => {
            let ratio = from as f32 / to as f32;
            if !(1.0 / 256.0..=128.0).contains(&ratio) {
                return Err(ReferenceError::Undefined(format!(
                    "recode by 8 binary places takes a ratio of scales in [2^-8, 2^7], not {ratio}"
                )));
            }
            Ok(Some(FixedPoint::eight_places_up(ratio)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle;
    use crate::profile::axis::Axis;
    use crate::profile::named;
    use crate::spec::{QParams, Quantized};

    fn quantized(dtype: DType, scale: f64, zero_point: i32) -> Quantized {
        let qparams = QParams { scale, zero_point };
        Quantized { dtype, qparams }
    }

    fn codes(form: RecodeForm, input: Quantized, output: Quantized, codes: Data) -> Vec<i64> {
        let mut profile = named::find("litert-reference").unwrap().profile;
        (profile.pointwise.recode, profile.pointwise.recode_wide) = (form, form);
        let spec = FunctionSpec {
            shape: vec![codes.len()],
            input,
            output,
        };
        let input = Tensor::new([codes.len()], codes).unwrap();
        let output = recode(&spec, &input, &profile, &mut Witness::default()).unwrap();
        (0..output.len()).map(|i| output.data().code(i)).collect()
    }

    #[test]
    fn ties_land_as_the_form_says() {
        let (from, to) = (
            quantized(DType::I8, 0.25, 2),
            quantized(DType::U8, 1.0, 100),
        );
        // Steps −6, −2, 2 and 6 by 1/4; the last is clamped.
        let given = || Data::I8(vec![-4, 0, 4, 8]);
        let of = |form| codes(form, from, to, given());
        assert_eq!(of(RecodeForm::Q31SrdhmRdbpot), [98, 99, 101, 102]);
        assert_eq!(of(RecodeForm::Q31SrdhmRshu), [99, 100, 101, 102]);
        assert_eq!(of(RecodeForm::Fixed8Up), [99, 100, 101, 102]);
        // litert-reference quantizes half away.
        assert_eq!(of(RecodeForm::ThroughReal), [98, 99, 101, 102]);
    }

    #[test]
    fn eight_places_are_too_few_for_a_third_of_two() {
        // 2/3 as 171/256: 127 · 171/256 = 84.83, which 2/3 makes 84.67; 96 · 171/256 = 64.125.
        let (from, to) = (quantized(DType::I8, 2.0, 0), quantized(DType::I8, 3.0, 0));
        let of = |form| codes(form, from, to, Data::I8(vec![-128, 127, 96, -125]));
        assert_eq!(of(RecodeForm::Q31SrdhmRdbpot), [-85, 85, 64, -83]);
        assert_eq!(of(RecodeForm::Fixed8Up), [-85, 85, 64, -83]);
        // −128/3 as −128 · 85/256 = −42.5, which goes up.
        let (from, to) = (quantized(DType::I8, 1.0, 0), quantized(DType::I8, 3.0, 0));
        let of = |form| codes(form, from, to, Data::I8(vec![-128]));
        assert_eq!(of(RecodeForm::Q31SrdhmRdbpot), [-43]);
        assert_eq!(of(RecodeForm::Fixed8Up), [-42]);
    }

    #[test]
    fn ratios_beyond_eight_places_are_refused() {
        for (ratio, held) in [
            (128.0, true),
            (129.0, false),
            (1.0 / 256.0, true),
            (0.0039, false),
        ] {
            let found = multiplier(RecodeForm::Fixed8Up, ratio, 1.0);
            assert_eq!(found.is_ok(), held, "{ratio}");
        }
    }

    #[test]
    fn every_form_agrees_with_the_oracle_and_differs_from_the_others() {
        let all_s8 = || Data::from_codes(DType::I8, -128..=127);
        let i32s = || Data::I32((-300..300).map(|i| i * 6_543_211 + i % 7).collect());
        let profile = named::find("litert-reference").unwrap().profile;
        let mut results = Vec::new();
        for &form in RecodeForm::ALL {
            let mut got = Vec::new();
            for (input, output, given) in [
                (
                    quantized(DType::I8, 0.25, 3),
                    quantized(DType::I8, 1.0, 5),
                    all_s8(),
                ),
                (
                    quantized(DType::I8, 1.0, 3),
                    quantized(DType::U8, 3.0, 5),
                    all_s8(),
                ),
                (
                    quantized(DType::I8, 0.7, -7),
                    quantized(DType::I16, 0.3, 0),
                    all_s8(),
                ),
                (
                    quantized(DType::I32, 0.01, 0),
                    quantized(DType::I16, 0.3, 0),
                    i32s(),
                ),
                (
                    quantized(DType::I32, 3.0, 0),
                    quantized(DType::I8, 1.0, 1),
                    i32s(),
                ),
            ] {
                let codes = codes(form, input, output, given.clone());
                if form != RecodeForm::ThroughReal {
                    let expected: Vec<_> = (0..given.len())
                        .map(|i| oracle::recode(form, given.code(i), input, output).unwrap())
                        .collect();
                    assert_eq!(codes, expected, "{form:?} {input:?} {output:?}");
                }
                got.push(codes);
            }
            assert!(!results.contains(&got), "{form:?}");
            results.push(got);
        }
        // By real values it is quantize of dequantize.
        let (input, output) = (quantized(DType::I8, 0.7, -7), quantized(DType::I8, 0.3, 9));
        let through = codes(RecodeForm::ThroughReal, input, output, all_s8());
        for (code, got) in (-128i64..=127).zip(through) {
            let value = dequantize_value(profile.dequantize.body, input.dtype, code, input.qparams);
            let range = (-128, 127);
            let expected = oracle::quantize(&profile.quantize, value, output.qparams, range);
            assert_eq!(Some(got), expected);
        }
    }
}
