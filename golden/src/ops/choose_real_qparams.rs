//! Choose a scale and a zero point that need not be a code: PyTorch's
//! `per_channel_affine_float_qparams`, for embeddings.

use super::ReferenceError;
use super::choose_qparams::{min_max, reduced};
use crate::profile::Profile;
use crate::spec::ChooseQparamsSpec;
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// `scale = (max − min) / (qmax − qmin)`, 1 where that is not above f32 epsilon;
/// `zero_point = −min / scale`. All in f32; 0 need not be in the range.
///
/// Source: PyTorch torch/ao/quantization/observer.py (_calculate_qparams).
pub(super) fn choose_real_qparams(
    spec: &ChooseQparamsSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let Data::F32(values) = input.data() else {
        return Err(ReferenceError::Mismatch(format!(
            "choose_real_qparams takes f32, not {}",
            input.dtype().name()
        )));
    };
    if spec.request.symmetric {
        return Err(ReferenceError::Undefined(
            "a symmetric range has no real zero point".into(),
        ));
    }
    let (min, max) = min_max(values, witness)?;
    let (qmin, qmax) = reduced(&profile.qparams, &spec.request)?;
    let width = (max - min) / (qmax - qmin) as f32;
    let scale = if width > f32::EPSILON { width } else { 1.0 };
    let zero_point = -min / scale;
    let one = |value| Tensor::new([1], Data::F32(vec![value])).expect("one value");
    Ok(vec![one(scale), one(zero_point)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::named;
    use crate::spec::QparamsRequest;
    use crate::tensor::DType;

    fn choose(values: &[f32], reduce_range: bool) -> [f32; 2] {
        let spec = ChooseQparamsSpec {
            len: values.len(),
            request: QparamsRequest {
                dtype: DType::U8,
                range: None,
                symmetric: false,
                reduce_range,
            },
        };
        let profile = &named::find("pytorch-observer").unwrap().profile;
        let input = Tensor::new([values.len()], Data::F32(values.to_vec())).unwrap();
        let outputs = choose_real_qparams(&spec, &input, profile, &mut Witness::default());
        outputs
            .unwrap()
            .try_into()
            .map(|pair: [Tensor; 2]| pair.map(|tensor| tensor.data().real(0) as f32))
            .unwrap()
    }

    #[test]
    fn zero_need_not_be_in_the_range() {
        assert_eq!(choose(&[1.0, 2.0, 52.0], false), [0.2, -5.0]);
        assert_eq!(
            choose(&[-1.0, 253.5, 126.5], true),
            [254.5 / 127.0, 127.0 / 254.5]
        );
    }

    #[test]
    fn a_range_that_is_too_narrow_has_scale_1() {
        assert_eq!(choose(&[3.0, 3.0], false), [1.0, -3.0]);
        let zero = choose(&[0.0, 1e-6], false);
        assert_eq!(zero, [1.0, 0.0]);
        assert!(zero[1].is_sign_negative());
    }
}
