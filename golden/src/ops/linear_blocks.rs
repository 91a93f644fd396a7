//! Linear with weights in blocks: on f32 activations, or on rows that are
//! quantized at run time.
//!
//! Sources: ONNX Runtime contrib_ops/cpu/quantization/matmul_nbits.cc (accuracy
//! levels 0 and 1, whose captures show the order of sums); torchao
//! dtypes/uintx/plain_layout.py (int8 dynamic activations; int8 weights alone, whose captures
//! show the order too).

use super::ReferenceError;
use super::blocks::{Blocks, dequantize_blocks};
use super::choose_qparams::{choose, min_max};
use super::quantize::{code_range, quantize_value};
use super::weight_only::{dot, side_by_side};
use crate::profile::Profile;
use crate::spec::{Constants, LinearBlocksSpec, QparamsRequest, RowActivation};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Computes `[m, n]` f32 from `inputs` (activations, scales, zero points).
pub(super) fn linear_blocks(
    spec: &LinearBlocksSpec,
    constants: &Constants,
    inputs: &[Tensor],
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let mismatch = |message: String| ReferenceError::Mismatch(message);
    let weights = (constants.weights.as_ref())
        .filter(|w| w.shape() == [spec.n, spec.k] && w.dtype() == spec.codes)
        .ok_or_else(|| mismatch(format!("weights must be {} [n, k]", spec.codes.name())))?;
    let bias = match (spec.bias, constants.bias.as_ref().map(Tensor::data)) {
        (false, None) => None,
        (true, Some(Data::F32(bias))) if bias.len() == spec.n => Some(bias),
        _ => {
            return Err(mismatch(
                "the bias must be f32 [n], where the spec has one".into(),
            ));
        }
    };
    let Data::F32(x) = inputs[0].data() else {
        return Err(mismatch("activations are f32".into()));
    };
    let mut weight_inputs = inputs.to_vec();
    weight_inputs[0] = weights.clone();
    let rows = (0..spec.m).map(|m| &x[m * spec.k..][..spec.k]);
    let mut values = Vec::with_capacity(spec.m * spec.n);
    let accumulation = profile.float_output.weight_only;
    match spec.activation {
        RowActivation::Float | RowActivation::RoundTrip(_) => {
            let weights = spec.weights();
            let real = dequantize_blocks(&weights, &weight_inputs, profile, witness)?;
            let Data::F32(w) = real.data() else {
                return Err(mismatch("weights are dequantized to f32".into()));
            };
            let sums = side_by_side(accumulation, spec.n, spec.k)?;
            for row in rows {
                let row = match spec.activation {
                    RowActivation::RoundTrip(dtype) => {
                        let (q, scale) = quantized_row(row, dtype, false, profile, witness)?;
                        q.into_iter().map(|q| q as f32 * scale).collect()
                    }
                    _ => row.to_vec(),
                };
                for n in 0..spec.n {
                    let w = &w[n * spec.k..][..spec.k];
                    let bias = bias.map(|bias| bias[n]);
                    values.push(dot(accumulation, sums[n], &row, w, bias));
                }
            }
        }
        RowActivation::FloatTimesCodes => {
            one_scale_a_row(spec)?;
            if spec.zero_point.is_some() {
                return Err(ReferenceError::Undefined(
                    "activations are multiplied with codes only where zero points are 0".into(),
                ));
            }
            let blocks_spec = spec.weights();
            let blocks = Blocks::new(&blocks_spec, &weight_inputs)?;
            let codes = blocks.differences(weights.data())?;
            let codes: Vec<f32> = codes.into_iter().map(|code| code as f32).collect();
            let sums = side_by_side(accumulation, spec.n, spec.k)?;
            for row in rows {
                for n in 0..spec.n {
                    let w = &codes[n * spec.k..][..spec.k];
                    let sum = dot(accumulation, sums[n], row, w, None);
                    let scaled = sum * blocks.scale(n * spec.k) as f32;
                    values.push(bias.map_or(scaled, |bias| scaled + bias[n]));
                }
            }
        }
        RowActivation::Quantized(dtype) => {
            one_scale_a_row(spec)?;
            let blocks_spec = spec.weights();
            let blocks = Blocks::new(&blocks_spec, &weight_inputs)?;
            let codes = blocks.differences(weights.data())?;
            for row in rows {
                let (q, scale) = quantized_row(row, dtype, true, profile, witness)?;
                for n in 0..spec.n {
                    let sum: i64 = (q.iter().zip(&codes[n * spec.k..]))
                        .map(|(q, w)| q * w)
                        .sum();
                    let of_row = sum as f32 * scale;
                    let scaled = of_row * blocks.scale(n * spec.k) as f32;
                    values.push(bias.map_or(scaled, |bias| scaled + bias[n]));
                }
            }
        }
    }
    for &value in &values {
        witness.step(None, f64::from(value));
    }
    Ok(Tensor::new([spec.m, spec.n], Data::F32(values)).expect("one value for each output"))
}

fn one_scale_a_row(spec: &LinearBlocksSpec) -> Result<(), ReferenceError> {
    if spec.block >= spec.k {
        return Ok(());
    }
    Err(ReferenceError::Undefined(
        "sums that are scaled at the end take one scale for each row of weights".into(),
    ))
}

/// The codes of a row, less their zero point, and its scale.
fn quantized_row(
    row: &[f32],
    dtype: DType,
    symmetric: bool,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<(Vec<i64>, f32), ReferenceError> {
    let request = QparamsRequest {
        dtype,
        range: None,
        symmetric,
        reduce_range: false,
    };
    let (min, max) = min_max(row, witness)?;
    let qparams = choose(&profile.qparams, min, max, &request)?;
    let range = code_range(dtype, None)?;
    let mut inner = Witness::default();
    let codes = row.iter().map(|&value| {
        let code = quantize_value(&profile.quantize, value, qparams, range, 0, &mut inner);
        code - i64::from(qparams.zero_point)
    });
    let codes = codes.collect();
    witness.events.merge(&inner.events);
    if !inner.open.is_empty() {
        return Err(ReferenceError::Undefined(
            "the profile leaves a quantized activation open".into(),
        ));
    }
    Ok((codes, qparams.scale as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::named;

    fn spec(k: usize, block: usize, activation: RowActivation) -> LinearBlocksSpec {
        LinearBlocksSpec {
            m: 1,
            n: 2,
            k,
            block,
            codes: DType::U4,
            scale: DType::F32,
            zero_point: Some(DType::U4),
            activation,
            bias: true,
        }
    }

    fn run(
        spec: &LinearBlocksSpec,
        x: &[f32],
        scales: &[f32],
        zeros: &[i64],
        name: &str,
    ) -> Result<Tensor, ReferenceError> {
        let blocks = spec.weights().blocks();
        let constants = Constants {
            weights: Some(
                Tensor::new(
                    [2, 4],
                    Data::from_codes(DType::U4, [1, 2, 3, 4, 5, 6, 7, 15]),
                )
                .unwrap(),
            ),
            bias: Some(Tensor::new([2], Data::F32(vec![0.5, -1.0])).unwrap()),
        };
        let inputs = [
            Tensor::new([1, 4], Data::F32(x.to_vec())).unwrap(),
            Tensor::new(blocks.clone(), Data::F32(scales.to_vec())).unwrap(),
            Tensor::new(blocks, Data::from_codes(DType::U4, zeros.to_vec())).unwrap(),
        ];
        let profile = &named::find(name).unwrap().profile;
        linear_blocks(spec, &constants, &inputs, profile, &mut Witness::default())
    }

    #[test]
    fn each_block_of_k_has_its_scale_and_zero_point() {
        let spec = spec(4, 2, RowActivation::Float);
        let (x, scales) = ([1.0, 2.0, -1.0, 3.0], [1.0, 0.5, 2.0, 0.25]);
        let y = run(&spec, &x, &scales, &[0, 3, 5, 7], "onnxruntime").unwrap();
        // 1·1 + 2·2 − 1·0 + 3·½ + ½ and 1·0 + 2·2 − 1·0 + 3·2 − 1.
        assert_eq!(y.data(), &Data::F32(vec![7.0, 9.0]));
    }

    #[test]
    fn codes_are_multiplied_before_they_are_scaled() {
        let spec = LinearBlocksSpec {
            zero_point: None,
            ..spec(4, 4, RowActivation::FloatTimesCodes)
        };
        let constants = Constants {
            weights: Some(
                Tensor::new(
                    [2, 4],
                    Data::from_codes(DType::U4, [1, 2, 3, 4, 5, 6, 7, 15]),
                )
                .unwrap(),
            ),
            bias: Some(Tensor::new([2], Data::F32(vec![0.5, -1.0])).unwrap()),
        };
        let inputs = [
            Tensor::new([1, 4], Data::F32(vec![1.0, 1.0, 1.0, 0.0])).unwrap(),
            Tensor::new([2, 1], Data::F32(vec![0.1, 0.3])).unwrap(),
        ];
        let profile = &named::find("torchao").unwrap().profile;
        let mut witness = Witness::default();
        let y = linear_blocks(&spec, &constants, &inputs, profile, &mut witness).unwrap();
        // 3 · 0.1 one by one would be another f32.
        let expected = vec![6.0 * 0.1f32 + 0.5, 18.0 * 0.3f32 - 1.0];
        assert_eq!(y.data(), &Data::F32(expected));
    }

    #[test]
    fn a_round_trip_at_run_time_rounds_the_row_to_its_steps() {
        let spec = spec(4, 2, RowActivation::RoundTrip(DType::I8));
        // −1 to 254: steps of 1, and 2.4 is 2.
        let x = [254.0, -1.0, 2.4, 0.0];
        let y = run(&spec, &x, &[1.0, 1.0, 2.0, 0.5], &[0, 1, 5, 7], "torchao").unwrap();
        // 254 − 2 + 2 · 2 + ½ and 0 − 2 + 0 − 1.
        assert_eq!(y.data(), &Data::F32(vec![256.5, -3.0]));
    }

    #[test]
    fn a_row_quantized_at_run_time_is_scaled_first_by_its_own_scale() {
        let spec = spec(4, 4, RowActivation::Quantized(DType::I8));
        let x = [127.5, -1.0, 2.0, 64.0];
        let y = run(&spec, &x, &[0.1, 0.3], &[1, 5], "torchao").unwrap();
        // Scale 1: codes 127 (128 is clamped), −1, 2, 64.
        let sums = [-1.0 + 4.0 + 64.0 * 3.0, -1.0 + 4.0 + 64.0 * 10.0];
        let expected = vec![sums[0] * 0.1f32 + 0.5, sums[1] * 0.3f32 - 1.0];
        assert_eq!(y.data(), &Data::F32(expected));
        let halves = LinearBlocksSpec { block: 2, ..spec };
        let refused = run(&halves, &x, &[0.1, 0.3, 1.0, 1.0], &[1, 5, 0, 0], "torchao");
        assert!(matches!(refused, Err(ReferenceError::Undefined(_))));
    }
}
