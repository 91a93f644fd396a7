//! Ops that are computed on real values, with outputs that are derived by hand.

use super::*;
use crate::ops::ReferenceError;
use crate::spec::*;

const FBGEMM: &str = "fbgemm";

fn first(op: OpSpec, inputs: Vec<Data>) -> Data {
    with(op, Constants::default(), inputs)
}

fn with(op: OpSpec, constants: Constants, inputs: Vec<Data>) -> Data {
    let mut witness = Witness::default();
    run(op, constants, inputs, &profile(FBGEMM), &mut witness)
}

fn error(op: OpSpec, inputs: Vec<Tensor>, name: &str) -> ReferenceError {
    let problem = Problem {
        op,
        constants: Constants::default(),
        inputs,
    };
    reference(&problem, &profile(name), &mut Witness::default()).expect_err("it is not defined")
}

fn f32s(values: &[f32]) -> Tensor {
    Tensor::new([values.len()], Data::F32(values.to_vec())).unwrap()
}

fn u8s(codes: &[u8]) -> Data {
    Data::U8(codes.to_vec())
}

#[test]
fn leaky_relu_multiplies_what_is_not_positive() {
    let spec = LeakyReluSpec {
        shape: vec![5],
        input: quantized(DType::U8, 0.5, 10),
        output: quantized(DType::U8, 0.25, 20),
        slope: 0.25,
    };
    // −5, −1, 0, 1, 2.5 → −1.25, −0.25, 0, 1, 2.5
    let got = first(OpSpec::LeakyRelu(spec), vec![u8s(&[0, 8, 10, 12, 15])]);
    assert_eq!(got, u8s(&[15, 19, 20, 24, 30]));
}

#[test]
fn elu_ends_at_minus_alpha() {
    let spec = EluSpec {
        shape: vec![4],
        input: quantized(DType::U8, 1.0, 100),
        output: quantized(DType::U8, 0.125, 50),
        alpha: 2.0,
    };
    // e^−100 is 0 in f32: −2 is 16 steps. e^−1 − 1 = −0.632: −10.11 steps.
    let got = first(OpSpec::Elu(spec), vec![u8s(&[0, 99, 100, 103])]);
    assert_eq!(got, u8s(&[34, 40, 50, 74]));
}

#[test]
fn gelu_is_x_times_the_share_below_x() {
    let tensor = quantized(DType::I8, 1.0 / 16.0, 0);
    let spec = FunctionSpec {
        shape: vec![4],
        input: quantized(DType::I8, 1.0, 0),
        output: tensor,
    };
    // −1 · 0.15866, 0, 1 · 0.84134, 2 · 0.97725 in sixteenths: −2.54, 0, 13.46, 31.27
    let got = first(OpSpec::Gelu(spec), vec![Data::I8(vec![-1, 0, 1, 2])]);
    assert_eq!(got, Data::I8(vec![-3, 0, 13, 31]));
}

#[test]
fn softmax_sums_along_its_axis() {
    let softmax = |axis, shape: &[usize]| {
        let spec = SoftmaxSpec {
            shape: shape.to_vec(),
            axis,
            input: quantized(DType::U8, 1.0, 0),
            output: quantized(DType::U8, 1.0 / 256.0, 0),
            beta: 1.0,
        };
        first(OpSpec::Softmax(spec), vec![u8s(&[1, 1, 2, 200])])
    };
    // Columns: 1 and 2 → 1/(1 + e) and e/(1 + e); 1 and 200 → 0 and 1, which is clamped.
    assert_eq!(softmax(0, &[2, 2]), u8s(&[69, 0, 187, 255]));
    // Rows: two equal, 2 and 200.
    assert_eq!(softmax(1, &[2, 2]), u8s(&[128, 128, 0, 255]));
}

#[test]
fn a_mean_rounds_the_sum_of_codes() {
    let tensor = quantized(DType::U8, 0.1, 3);
    let spec = |axes: &[usize], output| ReduceSpec {
        shape: vec![2, 2, 2],
        axes: axes.to_vec(),
        input: tensor,
        output,
    };
    let codes = [1, 2, 2, 2, 5, 6, 0, 0];
    // 7/4 and 11/4; by pairs 1.5, 2, 5.5, 0.
    let got = first(OpSpec::Mean(spec(&[1, 2], tensor)), vec![u8s(&codes)]);
    assert_eq!(got, u8s(&[2, 3]));
    let got = first(OpSpec::Mean(spec(&[2], tensor)), vec![u8s(&codes)]);
    assert_eq!(got, u8s(&[2, 2, 6, 0]));
    let input = || vec![Tensor::new([2, 2, 2], u8s(&codes)).unwrap()];
    let other = quantized(DType::U8, 0.2, 3);
    let message = error(OpSpec::Mean(spec(&[2], other)), input(), FBGEMM).to_string();
    assert!(message.contains("keeps the input's"), "{message}");
    let message = error(OpSpec::Mean(spec(&[0], tensor)), input(), FBGEMM).to_string();
    assert!(message.contains("last dimensions"), "{message}");
}

#[test]
fn concat_brings_inputs_to_the_outputs_steps() {
    let spec = ConcatSpec {
        shape: vec![2, 9],
        axis: 1,
        sizes: vec![2, 1],
        inputs: vec![quantized(DType::U8, 0.5, 0), quantized(DType::U8, 0.25, 8)],
        output: quantized(DType::U8, 0.5, 1),
    };
    let inputs = vec![u8s(&[1, 2, 3, 255]), u8s(&[8, 11])];
    // 0.75 is 1.5 steps, half to even; 127.5 is clamped.
    let got = first(OpSpec::Concat(spec), inputs);
    assert_eq!(got, u8s(&[2, 3, 1, 4, 255, 3]));
}

#[test]
fn numbers_move_scale_and_zero_point() {
    let outputs = |op: OpSpec| {
        let problem = Problem {
            op,
            constants: Constants::default(),
            inputs: vec![Tensor::new([3], u8s(&[0, 10, 255])).unwrap()],
        };
        reference(&problem, &profile(FBGEMM), &mut Witness::default()).unwrap()
    };
    let spec = |scalar| ScalarSpec {
        shape: vec![3],
        input: quantized(DType::U8, 0.5, 10),
        scalar,
    };
    let check = |op: OpSpec, codes: &[u8], scale: f64, zero_point: i32| {
        let got = outputs(op);
        assert_eq!(got[0].data(), &u8s(codes));
        assert_eq!(got[1].data(), &Data::F64(vec![scale]));
        assert_eq!(got[2].data(), &Data::I32(vec![zero_point]));
    };
    check(OpSpec::AddScalar(spec(-1.0)), &[0, 10, 255], 0.5, 12);
    // 30 steps: the zero point would be −20, so 0 to 137.5 get 255 steps.
    // 20/275·255 = 18.5.., 30/275·255 = 27.8, all of it.
    check(
        OpSpec::AddScalar(spec(15.0)),
        &[19, 28, 255],
        275.0 / 255.0 * 0.5,
        0,
    );
    // −300 steps: the zero point would be 310; 310/255 of the step, 255 is 0.
    check(
        OpSpec::AddScalar(spec(-150.0)),
        &[0, 8, 210],
        310.0 / 255.0 * 0.5,
        255,
    );
    check(OpSpec::MulScalar(spec(3.0)), &[0, 10, 255], 1.5, 10);
    check(OpSpec::MulScalar(spec(0.0)), &[0, 0, 0], 1.0, 0);
    check(OpSpec::MulScalar(spec(-2.0)), &[255, 245, 0], 1.0, 245);
}

fn image(input: [usize; 2], output: [usize; 2], align_corners: bool) -> ResizeSpec {
    ResizeSpec {
        batch: 1,
        input: input.to_vec(),
        channels: 1,
        output: output.to_vec(),
        align_corners,
        tensor: quantized(DType::U8, 0.5, 3),
    }
}

#[test]
fn the_nearest_pixel_is_the_one_before() {
    let got = first(
        OpSpec::ResizeNearest(image([1, 3], [2, 5], false)),
        vec![u8s(&[7, 8, 9])],
    );
    // i · 0.6: 0, 0.6, 1.2, 1.8, 2.4
    assert_eq!(got, u8s(&[7, 7, 8, 8, 9, 7, 7, 8, 8, 9]));
}

#[test]
fn between_pixels_weights_are_shares() {
    let pixels = vec![u8s(&[0, 100])];
    let wider = OpSpec::ResizeBilinear(image([1, 2], [1, 4], false));
    assert_eq!(first(wider, pixels.clone()), u8s(&[0, 25, 75, 100]));
    let corners = OpSpec::ResizeBilinear(image([1, 2], [1, 5], true));
    assert_eq!(first(corners, pixels), u8s(&[0, 25, 50, 75, 100]));
    // Ties of codes less the zero point go to even: 0.5 − 3 = −2.5 → −2.
    let square = OpSpec::ResizeBilinear(image([2, 2], [1, 1], false));
    assert_eq!(first(square, vec![u8s(&[0, 1, 0, 1])]), u8s(&[1]));
}

#[test]
fn layer_norm_has_mean_0_and_deviation_1() {
    let spec = LayerNormSpec {
        rows: 1,
        len: 4,
        input: quantized(DType::U8, 0.5, 7),
        output: quantized(DType::U8, 0.25, 128),
        epsilon: 0.0,
    };
    let codes = || vec![u8s(&[10, 10, 14, 14])];
    let got = first(OpSpec::LayerNorm(spec.clone()), codes());
    assert_eq!(got, u8s(&[124, 124, 132, 132]));
    let constants = Constants {
        weights: Some(f32s(&[1.0, 2.0, 1.0, 2.0])),
        bias: Some(f32s(&[0.0, 0.0, 1.0, -1.0])),
    };
    let got = with(OpSpec::LayerNorm(spec), constants, codes());
    assert_eq!(got, u8s(&[124, 120, 136, 132]));
}

#[test]
fn batch_norm_goes_by_channel() {
    let spec = |relu| BatchNormSpec {
        pixels: 2,
        channels: 2,
        input: quantized(DType::U8, 0.5, 10),
        output: quantized(DType::U8, 0.25, 100),
        epsilon: 0.0,
        relu,
    };
    let run = |relu| {
        let constants = Constants {
            weights: Some(f32s(&[1.0, -3.0])),
            bias: Some(f32s(&[0.0, 0.5])),
        };
        let inputs = vec![
            u8s(&[10, 12, 14, 10]),
            Data::F32(vec![1.0, 0.0]),
            Data::F32(vec![4.0, 9.0]),
        ];
        with(OpSpec::BatchNorm(spec(relu)), constants, inputs)
    };
    // (0 − 1)/2, −1 · 1 + 0.5, (2 − 1)/2, 0.5
    assert_eq!(run(false), u8s(&[98, 98, 102, 102]));
    assert_eq!(run(true), u8s(&[100, 100, 102, 102]));
}

#[test]
fn matrices_are_multiplied_pair_by_pair() {
    let tensor = quantized(DType::U8, 0.5, 1);
    let spec = BatchMatmulSpec {
        batch: 2,
        m: 1,
        n: 2,
        k: 2,
        a: tensor,
        b: tensor,
        output: quantized(DType::U8, 0.5, 10),
    };
    let a = u8s(&[1, 3, 3, 5]);
    let b = u8s(&[3, 1, 5, 1, 3, 5, 1, 1]);
    // (0 1)·(1 0; 2 0) = 2 0 and (1 2)·(1 2; 0 0) = 1 2
    let got = first(OpSpec::BatchMatmul(spec), vec![a, b]);
    assert_eq!(got, u8s(&[14, 10, 12, 14]));
}

#[test]
fn transposed_convolution_scatters() {
    let spec = ConvTransposeSpec {
        batch: 1,
        input: vec![2],
        in_channels: 1,
        out_channels: 1,
        kernel: vec![3],
        stride: vec![2],
        pad_begin: vec![0],
        pad_end: vec![0],
        dilation: vec![1],
        activation: quantized(DType::U8, 1.0, 5),
        weights: Granularity::PerTensor(qparams(1.0, 0)),
        bias: BiasKind::None,
        output: Output::Sums,
        relu: Relu::None,
    };
    let constants = || Constants {
        weights: Some(Tensor::new([1, 3, 1], Data::I8(vec![1, 10, 100])).unwrap()),
        bias: None,
    };
    // 2 and 3: 2·(1, 10, 100) at 0 and 3·(1, 10, 100) at 2.
    let codes = || vec![u8s(&[7, 8])];
    let got = with(OpSpec::ConvTranspose(spec.clone()), constants(), codes());
    assert_eq!(got, Data::I32(vec![2, 20, 203, 30, 300]));
    let cut = ConvTransposeSpec {
        pad_begin: vec![1],
        pad_end: vec![2],
        ..spec
    };
    let got = with(OpSpec::ConvTranspose(cut), constants(), codes());
    assert_eq!(got, Data::I32(vec![20, 203]));
}

#[test]
fn rows_have_scales_of_their_own() {
    let outputs = |codes, values: &[f32]| {
        let spec = QuantizeRowsSpec {
            rows: 2,
            columns: values.len() / 2,
            codes,
        };
        let problem = Problem {
            op: OpSpec::QuantizeRows(spec),
            constants: Constants::default(),
            inputs: vec![Tensor::new([2, values.len() / 2], Data::F32(values.to_vec())).unwrap()],
        };
        reference(&problem, &profile(FBGEMM), &mut Witness::default()).unwrap()
    };
    let got = outputs(DType::U8, &[0.0, 255.0, 100.4, 2.0, 2.0, 2.0]);
    assert_eq!(got[0].data(), &u8s(&[0, 255, 100, 0, 0, 0]));
    assert_eq!(got[1].data(), &Data::F32(vec![1.0, 0.0]));
    assert_eq!(got[2].data(), &Data::F32(vec![0.0, 2.0]));
    // In 2 bits: −1 and steps of 1; a row without range has steps of 1.
    let got = outputs(DType::U2, &[-1.0, 2.0, 0.6, 0.5, 0.5, 0.5]);
    assert_eq!(
        got[0].data(),
        &Data::from_codes(DType::U2, [0, 3, 2, 0, 0, 0])
    );
    let bits = |values: [u16; 2]| Data::from_bits(DType::F16, values);
    assert_eq!(got[1].data(), &bits([0x3c00, 0x3c00]));
    assert_eq!(got[2].data(), &bits([0xbc00, 0x3800]));
}

#[test]
fn weights_of_half_precision_are_rounded_and_held() {
    let spec = LinearHalfSpec {
        m: 1,
        n: 2,
        k: 2,
        bias: BiasKind::F32,
    };
    let weights = Data::F32(vec![1.0 + 1.0 / 4096.0, 0.5, 1e6, 0.0]);
    let constants = Constants {
        weights: Some(Tensor::new([2, 2], weights).unwrap()),
        bias: Some(f32s(&[0.25, -4.0])),
    };
    let got = with(
        OpSpec::LinearHalf(spec),
        constants,
        vec![Data::F32(vec![1.0, 2.0])],
    );
    assert_eq!(got, Data::F32(vec![2.25, 65_500.0]));
}

#[test]
fn a_profile_without_the_ops_refuses_them() {
    let tensor = quantized(DType::U8, 0.5, 3);
    let spec = FunctionSpec {
        shape: vec![1],
        input: tensor,
        output: tensor,
    };
    let input = vec![Tensor::new([1], u8s(&[3])).unwrap()];
    let message = error(OpSpec::Gelu(spec), input, "tosa").to_string();
    assert_eq!(message, "gelu is not defined by this profile");
    let spec = LinearHalfSpec {
        m: 1,
        n: 1,
        k: 1,
        bias: BiasKind::None,
    };
    let input = vec![Tensor::new([1, 1], Data::F32(vec![1.0])).unwrap()];
    let message = error(OpSpec::LinearHalf(spec), input, "qnnpack").to_string();
    assert!(
        message.contains("half precision is not defined"),
        "{message}"
    );
}

fn by_onnxruntime(op: OpSpec, inputs: Vec<Data>) -> Data {
    let mut witness = Witness::default();
    let profile = profile("onnxruntime");
    run(op, Constants::default(), inputs, &profile, &mut witness)
}

#[test]
fn onnxruntimes_concat_divides_and_keeps_the_outputs_own_codes() {
    let own = quantized(DType::U8, 0.1, 7);
    let spec = ConcatSpec {
        shape: vec![3],
        axis: 0,
        sizes: vec![3, 1],
        inputs: vec![quantized(DType::U8, 0.25, 0), own],
        output: own,
    };
    // 0.25 ⊘ 0.1 is 2.5, half to even; 10 steps are 25; 255 · 0.25 is clamped.
    let got = by_onnxruntime(OpSpec::Concat(spec), vec![u8s(&[1, 10, 255]), u8s(&[200])]);
    assert_eq!(got, u8s(&[9, 32, 255, 200]));
}

#[test]
fn onnxruntimes_leaky_relu_takes_any_slope() {
    let leaky = |slope| LeakyReluSpec {
        shape: vec![4],
        input: quantized(DType::U8, 0.5, 10),
        output: quantized(DType::U8, 0.25, 100),
        slope,
    };
    let input = || vec![u8s(&[0, 9, 10, 13])];
    // Real values −5, −0.5, 0, 1.5.
    let got = by_onnxruntime(OpSpec::LeakyRelu(leaky(0.25)), input());
    assert_eq!(got, u8s(&[95, 100, 100, 106]));
    let got = by_onnxruntime(OpSpec::LeakyRelu(leaky(-1.0)), input());
    assert_eq!(got, u8s(&[120, 102, 100, 106]));
}

#[test]
fn onnxruntimes_softmax_wraps_s8_and_clamps_u8() {
    // Differences of 100 steps of 1: the greatest code has all of the sum.
    let softmax = |dtype, scale, zero_point, codes: Data| {
        let spec = SoftmaxSpec {
            shape: vec![3, 1],
            axis: 0,
            input: quantized(dtype, 1.0, 0),
            output: quantized(dtype, scale, zero_point),
            beta: 1.0,
        };
        by_onnxruntime(OpSpec::Softmax(spec), vec![codes])
    };
    let s8 = |scale, zero_point| softmax(DType::I8, scale, zero_point, Data::I8(vec![-50, 50, 1]));
    let step = 1.0 / 256.0;
    // 256 − 128 = 128 is −128 in 8 bits; 256 is beyond 255.
    assert_eq!(s8(step, -128), Data::I8(vec![-128, -128, -128]));
    assert_eq!(s8(step, 0), Data::I8(vec![0, -1, 0]));
    // ⌊1 ⊘ 0.015⌋ is 66.
    assert_eq!(s8(0.015, 3), Data::I8(vec![3, 69, 3]));
    let u8 = |scale, zero_point| softmax(DType::U8, scale, zero_point, u8s(&[0, 200, 100]));
    assert_eq!(u8(step, 0), u8s(&[0, 255, 0]));
    assert_eq!(u8(0.015, 3), u8s(&[3, 69, 3]));
}

#[test]
fn the_nearest_pixel_depends_on_which_ratio_is_rounded() {
    let spec = ResizeSpec {
        batch: 1,
        input: vec![2],
        channels: 1,
        output: vec![82],
        align_corners: false,
        tensor: quantized(DType::U8, 0.5, 3),
    };
    let of = |data: Data| (0..82).map(|i| data.code(i)).collect::<Vec<_>>();
    // 41 ⊗ (2 ⊘ 82) is the f32 below 1; 41 ⊘ (82 ⊘ 2) is 1.
    let half = |first| [vec![7; first], vec![9; 82 - first]].concat();
    let op = || OpSpec::ResizeNearest(spec.clone());
    assert_eq!(of(first(op(), vec![u8s(&[7, 9])])), half(42));
    assert_eq!(of(by_onnxruntime(op(), vec![u8s(&[7, 9])])), half(41));
}
