//! Dequantize: codes to f32. Some systems use two arithmetics in one call: one
//! for the body of a row, one for the elements that do not fill a vector.

use super::ReferenceError;
use crate::profile::{ChannelDequantize, DequantizeForm, Profile};
use crate::spec::{DequantizeSpec, QParams};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Dequantizes `input` (`spec.shape` of `spec.dtype`) under `profile.dequantize`.
pub(super) fn dequantize(
    spec: &DequantizeSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let channels = super::channels::channels(&spec.granularity, &spec.shape)?;
    let rule = profile.dequantize;
    let body = rule.width.body_of(input.len());
    let per_channel = spec.granularity.is_per_channel();
    let values = (0..input.len())
        .map(|index| {
            let form = match rule.per_channel {
                _ if !per_channel && index < body => rule.body,
                _ if !per_channel => rule.tail,
                ChannelDequantize::MulF64 => DequantizeForm::MulF64,
                ChannelDequantize::SubMul => DequantizeForm::SubMul,
                ChannelDequantize::AsPerTensor if index < body => rule.body,
                ChannelDequantize::AsPerTensor => rule.tail,
            };
            let qparams = spec.granularity.channel(channels.of(index));
            witness.zero_point(spec.dtype, qparams.zero_point);
            dequantize_value(form, spec.dtype, input.data().code(index), qparams)
        })
        .collect();
    Ok(Tensor::new(spec.shape.clone(), Data::F32(values)).expect("as many values as codes"))
}

/// One code of `dtype` to its value.
pub(crate) fn dequantize_value(
    form: DequantizeForm,
    dtype: DType,
    code: i64,
    qparams: QParams,
) -> f32 {
    let scale = qparams.scale as f32;
    let zero_point = i64::from(qparams.zero_point);
    // 8-bit codes never wrap; an s32 difference wraps as the instructions do.
    let difference = (code as i32).wrapping_sub(zero_point as i32) as f32;
    match form {
        DequantizeForm::SubMul => scale * difference,
        DequantizeForm::FmaPremul => scale.mul_add(code as f32, scale * -(zero_point as f32)),
        DequantizeForm::MulAddPremul => code as f32 * scale + scale * -(zero_point as f32),
        DequantizeForm::MulF64 => {
            (qparams.scale * f64::from(code as f32 - zero_point as f32)) as f32
        }
        DequantizeForm::FloatSubMul => scale * (code as f32 - zero_point as f32),
        DequantizeForm::MulLimitDiv => {
            let greatest = dtype.code_range().map_or(1, |(_, high)| high);
            let limit = (qparams.scale * greatest as f64) as f32;
            difference * limit / greatest as f32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Granularity;

    #[test]
    fn a_premultiplied_zero_point_rounds_differently() {
        let qparams = QParams {
            scale: f64::from(0.1f32),
            zero_point: 255,
        };
        let sub_mul = dequantize_value(DequantizeForm::SubMul, DType::U8, 2, qparams);
        let premul = dequantize_value(DequantizeForm::FmaPremul, DType::U8, 2, qparams);
        assert_ne!(sub_mul.to_bits(), premul.to_bits());
        assert!((sub_mul - premul).abs() < 1e-5);
    }

    /// Limits 0.3 of 127 steps: 5 · 0.3 / 127 in f32, which is not 5 · (0.3 / 127).
    #[test]
    fn a_limit_is_divided_after_it_was_multiplied() {
        let qparams = QParams {
            scale: f64::from(0.3f32) / 127.0,
            zero_point: 0,
        };
        let value = |form, code| dequantize_value(form, DType::I8, code, qparams);
        let by_scale = |code| value(DequantizeForm::SubMul, code);
        let by_limit = |code: i64| value(DequantizeForm::MulLimitDiv, code);
        assert!((-128..128).all(|code| by_limit(code) == code as f32 * 0.3 / 127.0));
        assert_eq!(by_limit(127), 0.3);
        assert!((-128..128).any(|code| by_limit(code) != by_scale(code)));
        // The greatest code is the type's.
        let four_bits = QParams {
            scale: f64::from(0.3f32) / 7.0,
            ..qparams
        };
        let form = DequantizeForm::MulLimitDiv;
        assert_eq!(dequantize_value(form, DType::I4, 7, four_bits), 0.3);
    }

    #[test]
    fn a_wide_code_is_narrowed_before_the_f64_product() {
        // 2^24 + 1 is no f32: it becomes 2^24, and 0.75 times that is 3·2^22.
        let qparams = QParams {
            scale: 0.75,
            zero_point: 0,
        };
        let value = dequantize_value(DequantizeForm::MulF64, DType::I32, (1 << 24) + 1, qparams);
        assert_eq!(value, 12_582_912.0);
        // In f64 throughout it would be 12582912.75, which rounds to 12582913.
        assert_ne!(value, (0.75 * f64::from((1 << 24) + 1)) as f32);
    }

    /// PyTorch 2.15: a scale per tensor is narrowed to f32, scales per channel are not.
    #[test]
    fn scales_of_channels_stay_wide_where_the_profile_says_so() {
        let qparams = QParams {
            scale: 0.034_850_005_764_724_52,
            zero_point: 0,
        };
        let code = 0x3439_b5ed;
        let of = |granularity| {
            let spec = DequantizeSpec {
                shape: vec![1],
                dtype: DType::I32,
                granularity,
            };
            let input = Tensor::new([1], Data::I32(vec![code])).unwrap();
            let profile = &crate::profile::named::find("pytorch-scalar")
                .unwrap()
                .profile;
            let mut witness = Witness::default();
            dequantize(&spec, &input, profile, &mut witness).unwrap()
        };
        let tensor = of(Granularity::PerTensor(qparams));
        let qparams = vec![qparams];
        let channel = of(Granularity::PerChannel { axis: 0, qparams });
        assert_eq!(tensor.data(), &Data::F32(vec![30_535_482.0]));
        assert_eq!(channel.data(), &Data::F32(vec![30_535_484.0]));
    }

    #[test]
    fn every_code_at_its_zero_point_is_zero() {
        for zero_point in -128..=127 {
            let qparams = QParams {
                scale: 0.3,
                zero_point,
            };
            for form in [
                DequantizeForm::SubMul,
                DequantizeForm::MulF64,
                DequantizeForm::FloatSubMul,
                DequantizeForm::MulLimitDiv,
            ] {
                let code = i64::from(zero_point);
                assert_eq!(dequantize_value(form, DType::I8, code, qparams), 0.0);
            }
        }
    }
}
