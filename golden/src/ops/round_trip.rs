//! Round trip: scales chosen per block, values quantized and dequantized again.
//!
//! Sources: torchao quantization/quant_primitives.py (choose_qparams_affine,
//! _choose_scale_float8, _quantize_affine_float8).

use super::ReferenceError;
use super::blocks::{Blocks, dequantize_blocks, quantize_blocks};
use super::choose_qparams::{choose, min_max};
use crate::profile::Profile;
use crate::spec::{QparamsRequest, RoundTripSpec};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// The values after the round trip, and the scale of each block.
pub(super) fn round_trip(
    spec: &RoundTripSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    let blocks = spec.blocks();
    let Data::F32(values) = input.data() else {
        return Err(ReferenceError::Mismatch(format!(
            "a round trip takes f32, not {}",
            input.dtype().name()
        )));
    };
    let places = Blocks::places(&blocks)?;
    let mut parts = vec![Vec::new(); blocks.blocks().iter().product()];
    for (index, &value) in values.iter().enumerate() {
        parts[places.of(index)].push(value);
    }
    let (mut scales, mut zero_points) = (Vec::new(), Vec::new());
    for part in &parts {
        let (min, max) = min_max(part, witness)?;
        let Some(format) = spec.codes.float_format() else {
            let request = QparamsRequest {
                dtype: spec.codes,
                range: spec.range,
                symmetric: spec.symmetric,
                reduce_range: false,
            };
            let qparams = choose(&profile.qparams, min, max, &request)?;
            scales.push(qparams.scale as f32);
            zero_points.push(qparams.zero_point);
            continue;
        };
        let scale = max.max(-min) / format.value(format.max()) as f32;
        if scale == 0.0 {
            return Err(ReferenceError::Undefined(
                "a block of zeros has no scale".into(),
            ));
        }
        scales.push(scale);
    }
    let shaped = |data| Tensor::new(blocks.blocks(), data).expect("one for each block");
    let scales = shaped(Data::F32(scales));
    let mut inputs = vec![input.clone(), scales.clone()];
    if blocks.zero_point.is_some() {
        inputs.push(shaped(Data::I32(zero_points)));
    }
    inputs[0] = quantize_blocks(&blocks, &inputs, profile, witness)?;
    let values = dequantize_blocks(&blocks, &inputs, profile, witness)?;
    Ok(vec![values, scales])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::named;
    use crate::tensor::DType;

    fn run(
        codes: DType,
        symmetric: bool,
        block: [usize; 2],
        values: &[f32],
    ) -> (Vec<f32>, Vec<f32>) {
        let spec = RoundTripSpec {
            shape: vec![2, values.len() / 2],
            block: block.to_vec(),
            codes,
            range: None,
            symmetric,
        };
        let input = Tensor::new(spec.shape.clone(), Data::F32(values.to_vec())).unwrap();
        let name = if codes.code_range().is_some() {
            "torchao"
        } else {
            "torchao-float8"
        };
        let profile = &named::find(name).unwrap().profile;
        let outputs = round_trip(&spec, &input, profile, &mut Witness::default()).unwrap();
        let f32s = |tensor: &Tensor| {
            (0..tensor.len())
                .map(|i| tensor.data().real(i) as f32)
                .collect()
        };
        (f32s(&outputs[0]), f32s(&outputs[1]))
    }

    #[test]
    fn each_block_has_the_scale_of_its_own_values() {
        // Greatest 7.5 and 15 over 7.5 steps of 4-bit codes: scales 1 and 2.
        let (values, scales) = run(DType::I4, true, [1, 2], &[7.5, -2.6, 1.2, 15.0]);
        assert_eq!(scales, [1.0, 2.0]);
        assert_eq!(values, [7.0, -3.0, 2.0, 14.0]);
    }

    #[test]
    fn floats_have_the_greatest_value_at_their_end() {
        let (values, scales) = run(DType::F8E4M3FN, true, [2, 2], &[448.0, 17.0, -1.03, 0.0]);
        assert_eq!(scales, [1.0]);
        assert_eq!(values, [448.0, 16.0, -1.0, 0.0]);
    }

    #[test]
    fn an_affine_block_keeps_its_ends() {
        let (values, scales) = run(DType::U2, false, [2, 2], &[-1.0, 2.0, 0.4, 0.6]);
        assert_eq!(scales, [1.0]);
        assert_eq!(values, [-1.0, 2.0, 0.0, 1.0]);
    }
}
