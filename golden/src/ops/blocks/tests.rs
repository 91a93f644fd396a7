//! Blocks along every dimension, with values small enough to follow by hand.

use super::*;
use crate::profile::named;

fn spec(shape: &[usize], block: &[usize], codes: DType, zero_point: Option<DType>) -> BlockSpec {
    BlockSpec {
        shape: shape.to_vec(),
        block: block.to_vec(),
        real: DType::F32,
        scale: DType::F32,
        codes,
        zero_point,
        range: None,
        saturate: true,
    }
}

fn profile(name: &str) -> &'static Profile {
    &named::find(name).unwrap().profile
}

fn f32s(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::new(shape, Data::F32(values.to_vec())).unwrap()
}

fn codes(tensor: &Tensor) -> Vec<i64> {
    (0..tensor.len()).map(|i| tensor.data().code(i)).collect()
}

#[test]
fn a_cut_off_last_block_has_a_scale_of_its_own() {
    let spec = spec(&[2, 3], &[1, 2], DType::I4, None);
    assert_eq!(spec.blocks(), [2, 2]);
    let x = f32s(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let scales = f32s(&[2, 2], &[1.0, 0.5, 2.0, 1.5]);
    let witness = &mut Witness::default();
    let q = quantize_blocks(&spec, &[x, scales], profile("onnxruntime"), witness).unwrap();
    // 5 / 2 is a tie: to even.
    assert_eq!(codes(&q), [1, 2, 6, 2, 2, 4]);
}

#[test]
fn blocks_run_along_any_dimension() {
    let spec = spec(&[4, 2], &[2, 1], DType::U2, Some(DType::U2));
    let ones = f32s(&[4, 2], &[1.0; 8]);
    let scales = f32s(&[2, 2], &[1.0, 0.5, 0.25, 1.0]);
    let zeros = Tensor::new([2, 2], Data::from_codes(DType::U2, [1, 0, 0, 3])).unwrap();
    let witness = &mut Witness::default();
    let inputs = [ones, scales.clone(), zeros.clone()];
    let q = quantize_blocks(&spec, &inputs, profile("onnxruntime"), witness).unwrap();
    assert_eq!(codes(&q), [2, 2, 2, 2, 3, 3, 3, 3]);
    let inputs = [q, scales, zeros];
    let x = dequantize_blocks(&spec, &inputs, profile("onnxruntime"), witness).unwrap();
    let expected = [1.0, 1.0, 1.0, 1.0, 0.75, 0.0, 0.75, 0.0];
    assert_eq!(x.data(), &Data::F32(expected.to_vec()));
}

#[test]
fn a_real_zero_point_is_added_before_rounding_and_wraps_past_i32() {
    let spec = spec(&[1, 5], &[1, 5], DType::U8, Some(DType::F32));
    let x = f32s(&[1, 5], &[0.0, 0.25, 0.75, f32::NAN, 2.147_483_5e9]);
    let inputs = [x, f32s(&[1, 1], &[0.1]), f32s(&[1, 1], &[10.5])];
    let profile = profile("pytorch-float-qparams");
    let q = quantize_blocks(&spec, &inputs, profile, &mut Witness::default()).unwrap();
    // 10.5 and 13.0, 18.0; NaN converts to i64::MIN, 2.1e10 to low bits below 0.
    assert_eq!(codes(&q), [10, 13, 18, 0, 0]);
    let inputs = [q, inputs[1].clone(), inputs[2].clone()];
    let x = dequantize_blocks(&spec, &inputs, profile, &mut Witness::default()).unwrap();
    let Data::F32(values) = x.data() else {
        panic!("f32 was asked for")
    };
    assert_eq!(values[1], 0.1f32 * 2.5);
}

#[test]
fn floats_as_codes_take_no_zero_point_but_zero() {
    let mut spec = spec(&[4], &[2], DType::F8E4M3FN, Some(DType::F8E4M3FN));
    let x = f32s(&[4], &[1.0, -1000.0, 1000.0, 0.5]);
    let zero = |bits| Tensor::new([2], Data::from_bits(DType::F8E4M3FN, [bits, 0])).unwrap();
    let scales = f32s(&[2], &[2.0, 1.0]);
    let mut inputs = [x, scales, zero(0)];
    let onnx = profile("onnx-reference");
    let q = quantize_blocks(&spec, &inputs, onnx, &mut Witness::default()).unwrap();
    assert_eq!(
        q.data(),
        &Data::from_bits(DType::F8E4M3FN, [0x30, 0xfe, 0x7e, 0x30])
    );
    spec.saturate = false;
    let free = quantize_blocks(&spec, &inputs, onnx, &mut Witness::default()).unwrap();
    assert_eq!(
        free.data(),
        &Data::from_bits(DType::F8E4M3FN, [0x30, 0xff, 0x7f, 0x30])
    );
    spec.real = DType::F16;
    inputs[0] = q;
    let x = dequantize_blocks(&spec, &inputs, onnx, &mut Witness::default()).unwrap();
    // 1, −896, 448 and 0.5 in half precision.
    assert_eq!(x.data(), &Data::F16(vec![0x3c00, 0xe300, 0x5f00, 0x3800]));
    inputs[2] = zero(0x38);
    let refused = dequantize_blocks(&spec, &inputs, onnx, &mut Witness::default());
    assert!(matches!(refused, Err(ReferenceError::Undefined(_))));
}

#[test]
fn a_zero_point_of_a_float_takes_the_sign_of_minus_zero_where_it_is_added() {
    let mut spec = spec(&[2], &[2], DType::F4E2M1, Some(DType::F4E2M1));
    let zero = |dtype| Tensor::new([1], Data::from_bits(dtype, [0])).unwrap();
    let inputs = |dtype| [f32s(&[2], &[-0.1, 1.0]), f32s(&[1], &[1.0]), zero(dtype)];
    let run = |spec: &BlockSpec, inputs: &[Tensor], name| {
        quantize_blocks(spec, inputs, profile(name), &mut Witness::default()).unwrap()
    };
    let minus = Data::from_bits(DType::F4E2M1, [8, 2]);
    let given = inputs(DType::F4E2M1);
    assert_eq!(run(&spec, &given, "onnx-reference").data(), &minus);
    assert_eq!(run(&spec, &given, "torchao").data(), &minus);
    let exactly = [f32s(&[2], &[-0.0, 1.0]), given[1].clone(), given[2].clone()];
    let plus = Data::from_bits(DType::F4E2M1, [0, 2]);
    assert_eq!(run(&spec, &exactly, "onnx-reference").data(), &plus);
    assert_eq!(run(&spec, &exactly, "torchao").data(), &minus);
    // 8-bit floats ignore it in both.
    (spec.codes, spec.zero_point) = (DType::F8E5M2, Some(DType::F8E5M2));
    let exactly = [exactly[0].clone(), given[1].clone(), zero(DType::F8E5M2)];
    let minus = Data::from_bits(DType::F8E5M2, [0x80, 0x3c]);
    assert_eq!(run(&spec, &exactly, "onnx-reference").data(), &minus);
}

#[test]
fn what_does_not_fit_is_told() {
    let x = f32s(&[4], &[1.0; 4]);
    let run = |spec: &BlockSpec, scale: f32| {
        let scales = f32s(&spec.blocks(), &vec![scale; spec.blocks().iter().product()]);
        let inputs = [x.clone(), scales];
        quantize_blocks(spec, &inputs, profile("exact"), &mut Witness::default())
    };
    let fits = spec(&[4], &[4], DType::I8, None);
    assert!(run(&fits, 1.0).is_ok());
    assert!(run(&fits, f32::NAN).is_err());
    assert!(
        run(
            &BlockSpec {
                block: vec![0],
                ..fits.clone()
            },
            1.0
        )
        .is_err()
    );
    assert!(
        run(
            &BlockSpec {
                block: vec![1, 1],
                ..fits.clone()
            },
            1.0
        )
        .is_err()
    );
    assert!(
        run(
            &BlockSpec {
                range: Some((0, 300)),
                ..fits
            },
            1.0
        )
        .is_err()
    );
}
