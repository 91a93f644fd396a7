//! Softmax, L2 normalization, means and sums, products of two run-time matrices, rows quantized
//! at run time.

use super::{profile, quantized, run};
use crate::profile::Profile;
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

fn plain(op: OpSpec, inputs: Vec<Data>, profile: &Profile) -> Data {
    run(
        op,
        Constants::default(),
        inputs,
        profile,
        &mut Witness::default(),
    )
}

fn codes(data: &Data) -> Vec<i64> {
    (0..data.len()).map(|i| data.code(i)).collect()
}

fn error(op: OpSpec, inputs: Vec<Data>, profile: &Profile) -> String {
    let shapes = op.inputs();
    let inputs = (inputs.into_iter().zip(shapes))
        .map(|(data, (shape, _))| Tensor::new(shape, data).unwrap())
        .collect();
    let problem = Problem {
        op,
        constants: Constants::default(),
        inputs,
    };
    let got = crate::ops::reference(&problem, profile, &mut Witness::default());
    got.unwrap_err().to_string()
}

/// Rows of codes that depend on the row.
fn rows(count: i64, row: i64) -> Vec<i64> {
    (0..count * row)
        .map(|i| (i * 7919 + i / row * 31) % 256 - 128)
        .collect()
}

fn softmax(dtype: DType, scale: f64, row: usize, count: usize) -> SoftmaxSpec {
    let (step, lowest) = match dtype {
        DType::I16 => (1.0 / 32_768.0, 0),
        DType::I8 => (1.0 / 256.0, -128),
        _ => (1.0 / 256.0, 0),
    };
    SoftmaxSpec {
        shape: vec![count, row],
        axis: 1,
        input: quantized(dtype, scale, 0),
        output: quantized(dtype, step, lowest),
        beta: 1.0,
    }
}

/// How far outputs are from the real softmax of each row, in codes.
fn farthest(spec: &SoftmaxSpec, inputs: &[i64], outputs: &[i64]) -> f64 {
    let row = spec.shape[1];
    let mut farthest = 0f64;
    for (inputs, outputs) in inputs.chunks(row).zip(outputs.chunks(row)) {
        let powers: Vec<f64> = (inputs.iter())
            .map(|&code| (code as f64 * spec.input.qparams.scale).exp())
            .collect();
        let sum: f64 = powers.iter().sum();
        for (power, &output) in powers.iter().zip(outputs) {
            let qparams = spec.output.qparams;
            let real = power / sum / qparams.scale + f64::from(qparams.zero_point);
            let (_, high) = spec.output.dtype.code_range().unwrap();
            farthest = farthest.max((real.min(high as f64) - output as f64).abs());
        }
    }
    farthest
}

#[test]
fn softmax_is_the_real_one_within_its_precision() {
    let inputs = rows(300, 9);
    for scale in [0.01, 0.037, 0.25] {
        let spec = softmax(DType::I8, scale, 9, 300);
        let data = || vec![Data::from_codes(DType::I8, inputs.clone())];
        let [a, b] = ["litert-reference", "litert-optimized"].map(|name| {
            let outputs = plain(OpSpec::Softmax(spec.clone()), data(), &profile(name));
            let outputs = codes(&outputs);
            let far = farthest(&spec, &inputs, &outputs);
            // Half a code of rounding.
            assert!(far < 0.501, "{name} {scale}: {far}");
            outputs
        });
        assert_eq!(a.len(), b.len());
    }
    // 16 bits: tables of 513 entries.
    let wide: Vec<i64> = inputs.iter().map(|code| code * 250).collect();
    let spec = softmax(DType::I16, 0.000_1, 9, 300);
    let data = vec![Data::from_codes(DType::I16, wide.clone())];
    let outputs = plain(
        OpSpec::Softmax(spec.clone()),
        data,
        &profile("litert-reference"),
    );
    let far = farthest(&spec, &wide, &codes(&outputs));
    assert!((0.5..12.0).contains(&far), "{far}");
}

#[test]
fn softmax_of_equal_codes_and_of_one_far_above() {
    let reference = profile("litert-reference");
    let spec = softmax(DType::I8, 0.5, 4, 2);
    let data = vec![Data::I8(vec![5, 5, 5, 5, -128, -128, 127, -128])];
    let outputs = plain(OpSpec::Softmax(spec), data, &reference);
    // A quarter is code 64 above the lowest; 1 is beyond the highest.
    assert_eq!(codes(&outputs), [-64, -64, -64, -64, -128, -128, 127, -128]);
}

#[test]
fn a_row_too_long_or_another_output_is_refused() {
    let reference = profile("litert-reference");
    let long = softmax(DType::I8, 0.5, 600, 1);
    let message = error(
        OpSpec::Softmax(long),
        vec![Data::I8(vec![0; 600])],
        &reference,
    );
    assert!(message.contains("sums below 512"), "{message}");
    let mut other = softmax(DType::I8, 0.5, 2, 1);
    other.output.qparams.scale = 0.01;
    let message = error(
        OpSpec::Softmax(other),
        vec![Data::I8(vec![0; 2])],
        &reference,
    );
    assert!(
        message.contains("scale 0.00390625 and zero point -128"),
        "{message}"
    );
    let usual = softmax(DType::I8, 0.5, 2, 1);
    let message = error(
        OpSpec::Softmax(usual),
        vec![Data::I8(vec![0; 2])],
        &profile("gemmlowp"),
    );
    assert!(message.contains("not defined by this profile"), "{message}");
}

#[test]
fn a_row_over_its_length() {
    let spec = |dtype, zero_point| FunctionSpec {
        shape: vec![2, 2],
        input: quantized(dtype, 0.1, zero_point),
        output: quantized(dtype, 1.0 / 128.0, if dtype == DType::U8 { 128 } else { 0 }),
    };
    let reference = profile("litert-reference");
    // 3/5 and 4/5 of 128: 76.8 and 102.4; 1 is beyond the highest code.
    let signed = vec![Data::I8(vec![4, -3, 1, 8])];
    let got = plain(OpSpec::L2Normalize(spec(DType::I8, 1)), signed, &reference);
    assert_eq!(codes(&got), [77, -102, 0, 127]);
    let unsigned = vec![Data::U8(vec![13, 6, 10, 17])];
    let got = plain(
        OpSpec::L2Normalize(spec(DType::U8, 10)),
        unsigned,
        &reference,
    );
    assert_eq!(codes(&got), [128 + 77, 128 - 102, 128, 255]);
}

fn reduce(shape: &[usize], axes: &[usize], scales: (f64, f64)) -> ReduceSpec {
    ReduceSpec {
        shape: shape.to_vec(),
        axes: axes.to_vec(),
        input: quantized(DType::I8, scales.0, 0),
        output: quantized(DType::I8, scales.1, 0),
    }
}

#[test]
fn halves_of_means_and_sums_go_as_each_kernel_rounds() {
    let spec = reduce(&[4, 2], &[1], (0.5, 0.5));
    let data = || vec![Data::I8(vec![2, 3, -2, -3, 4, 5, 7, 7])];
    let mean = |name| codes(&plain(OpSpec::Mean(spec.clone()), data(), &profile(name)));
    assert_eq!(mean("litert-reference"), [3, -2, 5, 7]);
    assert_eq!(mean("xnnpack-fp32"), [2, -2, 4, 7]);
    // A sum of halves of steps: 5/2, −5/2, 9/2, 14/2.
    let spec_of_sum = reduce(&[4, 2], &[1], (0.25, 0.5));
    let sum = |name| {
        codes(&plain(
            OpSpec::Sum(spec_of_sum.clone()),
            data(),
            &profile(name),
        ))
    };
    assert_eq!(sum("litert-reference"), [3, -2, 5, 7]);
    assert_eq!(sum("litert-optimized"), [3, -3, 5, 7]);
    assert_eq!(sum("xnnpack-fp32"), [2, -2, 4, 7]);
    let mut witness = Witness::default();
    let op = OpSpec::Mean(spec);
    let reference = profile("litert-reference");
    run(op, Constants::default(), data(), &reference, &mut witness);
    assert_eq!(witness.events.count(Event::ExactTie), 3);
}

#[test]
fn means_and_sums_over_any_axes() {
    let reference = profile("litert-reference");
    let values: Vec<i64> = (0..24).collect();
    let data = || vec![Data::from_codes(DType::I8, values.clone())];
    // A shape of [2, 3, 4].
    let sums = |axes: &[usize]| {
        let spec = reduce(&[2, 3, 4], axes, (1.0, 1.0));
        let shape = spec.output_shape();
        (shape, codes(&plain(OpSpec::Sum(spec), data(), &reference)))
    };
    assert_eq!(sums(&[2]), (vec![2, 3], vec![6, 22, 38, 54, 70, 86]));
    assert_eq!(sums(&[0]).1[..3], [12, 14, 16]);
    assert_eq!(sums(&[0, 2]), (vec![3], vec![60, 92, 124]));
    let spec = reduce(&[2, 3, 4], &[0, 1], (0.5, 0.25));
    assert_eq!(
        codes(&plain(OpSpec::Mean(spec), data(), &reference)),
        [20, 22, 24, 26]
    );
    let spec = reduce(&[2, 3, 4], &[1], (0.5, 0.5));
    let greatest = codes(&plain(OpSpec::ReduceMax(spec), data(), &reference));
    assert_eq!(greatest, [8, 9, 10, 11, 20, 21, 22, 23]);
}

#[test]
fn axes_that_are_not_there_are_refused() {
    let reference = profile("litert-reference");
    for axes in [vec![2], vec![1, 0], vec![0, 0]] {
        let spec = reduce(&[2, 2], &axes, (1.0, 1.0));
        let message = error(OpSpec::Sum(spec), vec![Data::I8(vec![0; 4])], &reference);
        assert!(message.contains("are not ascending axes"), "{message}");
    }
    let mut spec = reduce(&[2, 2], &[0], (1.0, 1.0));
    spec.output.qparams.scale = 2.0;
    let message = error(
        OpSpec::ReduceMax(spec),
        vec![Data::I8(vec![0; 4])],
        &reference,
    );
    assert!(message.contains("the output has others"), "{message}");
}

#[test]
fn a_batch_of_products_is_linear_after_linear() {
    let optimized = profile("litert-optimized");
    let (a, b) = (rows(2, 15), rows(2, 20));
    let operand = quantized(DType::I8, 0.037, -67);
    let second = quantized(DType::I8, 0.021, 72);
    let output = quantized(DType::I8, 1.3, -15);
    let spec = BatchMatmulSpec {
        batch: 2,
        m: 3,
        n: 4,
        k: 5,
        a: operand,
        b: second,
        output,
    };
    let inputs = [&a, &b].map(|codes| Data::from_codes(DType::I8, codes.clone()));
    let got = codes(&plain(OpSpec::BatchMatmul(spec), inputs.into(), &optimized));
    for batch in 0..2 {
        let b = &b[batch * 20..][..20];
        let weights: Vec<i64> = (0..20).map(|at| b[at % 5 * 4 + at / 5]).collect();
        let linear = LinearSpec {
            m: 3,
            n: 4,
            k: 5,
            activation: Activation::Quantized(operand),
            weights: Granularity::PerTensor(second.qparams),
            bias: BiasKind::None,
            output: Output::Quantized(output),
            relu: Relu::None,
        };
        let weights = Tensor::new([4, 5], Data::from_codes(DType::I8, weights)).unwrap();
        let constants = Constants {
            weights: Some(weights),
            bias: None,
        };
        let x = Data::from_codes(DType::I8, a[batch * 15..][..15].to_vec());
        let op = OpSpec::Linear(linear);
        let expected = run(op, constants, vec![x], &optimized, &mut Witness::default());
        assert_eq!(got[batch * 12..][..12], codes(&expected));
    }
}

/// One row times the unit matrix: the values of its codes.
fn row_values(values: &[f32], symmetric: bool, name: &str) -> Vec<f32> {
    let k = values.len();
    let spec = LinearRowsSpec {
        m: 1,
        n: k,
        k,
        symmetric,
        weights: Granularity::PerTensor(QParams {
            scale: 1.0,
            zero_point: 0,
        }),
        bias: false,
    };
    let unit = (0..k * k).map(|at| i64::from(at / k == at % k));
    let constants = Constants {
        weights: Some(Tensor::new([k, k], Data::from_codes(DType::I8, unit)).unwrap()),
        bias: None,
    };
    let inputs = vec![Data::F32(values.to_vec())];
    let op = OpSpec::LinearRows(spec);
    match run(
        op,
        constants,
        inputs,
        &profile(name),
        &mut Witness::default(),
    ) {
        Data::F32(values) => values,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_are_quantized_as_each_system_does() {
    let halves = [-127.0, -2.5, -0.5, 0.5, 1.5, 127.0];
    assert_eq!(
        row_values(&halves, true, "litert-reference"),
        [-127.0, -3.0, -1.0, 1.0, 2.0, 127.0]
    );
    // From −128 to 127 in steps of 1, the zero point 0.
    let halves = [-128.0, -2.5, -0.5, 0.5, 1.5, 127.0];
    assert_eq!(
        row_values(&halves, false, "litert-reference"),
        [-128.0, -3.0, -1.0, 1.0, 2.0, 127.0]
    );
    let even = [-128.0, -2.0, 0.0, 0.0, 2.0, 127.0];
    assert_eq!(row_values(&halves, false, "xnnpack-fp32"), even);
    assert_eq!(row_values(&halves, true, "xnnpack-fp32"), even);
    // Positive alone: from 0 to 255.
    let positive = [0.25, 254.75, 255.0];
    assert_eq!(
        row_values(&positive, false, "litert-reference"),
        [0.0, 255.0, 255.0]
    );
    for name in ["litert-reference", "xnnpack-fp32"] {
        assert_eq!(row_values(&[0.0, 0.0], false, name), [0.0, 0.0]);
    }
}
