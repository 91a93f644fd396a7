//! Ops without weights, element by element, against values worked out by hand and captured from
//! real engines.

use super::*;
use crate::profile::{AddForm, MulForm};
use crate::spec::{BinarySpec, ClampSpec, FunctionSpec, Relu, ReluSpec};
use crate::witness::Event;

fn binary(len: usize, a: Quantized, b: Quantized, output: Quantized) -> BinarySpec {
    BinarySpec {
        shape: vec![len],
        a,
        b,
        output,
        relu: Relu::None,
    }
}

pub(super) fn u8_codes(data: &Data) -> Vec<u8> {
    match data {
        Data::U8(codes) => codes.clone(),
        other => panic!("{} codes", other.dtype().name()),
    }
}

fn add(form: AddForm, spec: &BinarySpec, a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut profile = profile("exact");
    profile.pointwise.add = form;
    let inputs = vec![Data::U8(a.to_vec()), Data::U8(b.to_vec())];
    let op = OpSpec::Add(spec.clone());
    u8_codes(&run(
        op,
        Constants::default(),
        inputs,
        &profile,
        &mut Witness::default(),
    ))
}

const ADD_FORMS: [AddForm; 6] = [
    AddForm::Dequantize,
    AddForm::FmaPremul,
    AddForm::FmaFixed,
    AddForm::FixedPoint21,
    AddForm::FixedPoint20Up,
    AddForm::Gemmlowp20,
];

#[test]
fn adding_with_scales_that_are_powers_of_two_is_exact() {
    let spec = binary(
        3,
        quantized(DType::U8, 0.5, 10),
        quantized(DType::U8, 0.25, 3),
        quantized(DType::U8, 0.5, 5),
    );
    // (12−10)·0.5 + (7−3)·0.25 = 2 → 4 steps + 5; then the two ends of the range.
    for form in ADD_FORMS {
        assert_eq!(
            add(form, &spec, &[12, 0, 255], &[7, 0, 255]),
            [9, 0, 255],
            "{form:?}"
        );
    }
}

#[test]
fn ties_of_add_fall_where_each_form_says() {
    // Halves: 0.5 and 1.5 steps above, 0.5 below the zero point 1.
    let spec = binary(
        3,
        quantized(DType::U8, 0.5, 1),
        quantized(DType::U8, 1.0, 0),
        quantized(DType::U8, 1.0, 1),
    );
    let ties = |form| add(form, &spec, &[2, 4, 0], &[0, 0, 0]);
    assert_eq!(
        ties(AddForm::Dequantize),
        [1, 3, 1],
        "even, then the zero point"
    );
    assert_eq!(
        ties(AddForm::FmaPremul),
        [1, 3, 1],
        "even, then the zero point"
    );
    assert_eq!(
        ties(AddForm::FmaFixed),
        [2, 2, 0],
        "the zero point, then even"
    );
    assert_eq!(ties(AddForm::FixedPoint21), [2, 3, 0], "away from zero");
    assert_eq!(ties(AddForm::FixedPoint20Up), [2, 3, 1], "up");
}

#[test]
fn fixed_point_addition_refuses_ratios_that_it_cannot_hold() {
    let refusal = |form, scale| {
        let mut profile = profile("exact");
        profile.pointwise.add = form;
        let q = |scale| quantized(DType::U8, scale, 0);
        let problem = Problem {
            op: OpSpec::Add(binary(1, q(scale), q(1.0), q(1.0))),
            constants: Constants::default(),
            inputs: vec![Tensor::new([1], Data::U8(vec![1])).unwrap(); 2],
        };
        let result = reference(&problem, &profile, &mut Witness::default());
        result.err().map(|error| error.to_string())
    };
    let below = |scale: f32| f64::from(scale.next_down());
    for (form, least) in [
        (AddForm::FixedPoint21, 2f32.powi(-14)),
        (AddForm::FixedPoint20Up, 2f32.powi(-10)),
    ] {
        assert_eq!(refusal(form, f64::from(least)), None);
        assert_eq!(refusal(form, below(256.0)), None);
        assert!(refusal(form, below(least)).is_some(), "{form:?}");
        let error = refusal(form, 256.0).unwrap();
        assert!(error.contains("2^8), not 256"), "{error}");
    }
}

#[test]
fn fixed_point_rounding_is_to_nearest() {
    // One step of `a` is 2^-8 of an output step: every fraction occurs.
    let spec = binary(
        511,
        quantized(DType::U8, 1.0 / 256.0, 128),
        quantized(DType::U8, 0.5, 3),
        quantized(DType::U8, 1.0, 100),
    );
    let a: Vec<u8> = (0..511).map(|i| (i % 256) as u8).collect();
    let b: Vec<u8> = (0..511).map(|i| (i / 256) as u8).collect();
    let away = add(AddForm::FixedPoint21, &spec, &a, &b);
    let up = add(AddForm::FixedPoint20Up, &spec, &a, &b);
    for i in 0..511 {
        let exact = (f64::from(a[i]) - 128.0) / 256.0 + (f64::from(b[i]) - 3.0) / 2.0;
        assert_eq!(f64::from(away[i]), exact.round() + 100.0, "{exact}");
        assert_eq!(f64::from(up[i]), (exact + 0.5).floor() + 100.0, "{exact}");
    }
}

#[test]
fn every_product_of_two_codes_is_the_exact_one_rounded() {
    let spec = BinarySpec {
        relu: Relu::Zero,
        ..binary(
            65536,
            quantized(DType::U8, 0.5, 7),
            quantized(DType::I8, 0.25, -9),
            quantized(DType::U8, 2.0, 31),
        )
    };
    let a: Vec<u8> = (0..65536).map(|i| (i / 256) as u8).collect();
    let b: Vec<i8> = (0..65536).map(|i| (i % 256) as u8 as i8).collect();
    for form in [
        MulForm::IntegerProduct,
        MulForm::DequantizeDiv,
        MulForm::IntegerProductDivAdd,
        MulForm::IntegerProductDiv,
        MulForm::IntegerProductDivF32,
    ] {
        let mut profile = profile("exact");
        profile.pointwise.mul = form;
        let inputs = vec![Data::U8(a.clone()), Data::I8(b.clone())];
        let op = OpSpec::Mul(spec.clone());
        let mut witness = Witness::default();
        let got = u8_codes(&run(
            op,
            Constants::default(),
            inputs,
            &profile,
            &mut witness,
        ));
        for i in 0..65536 {
            let product = (i32::from(a[i]) - 7) * (i32::from(b[i]) + 9);
            let steps = f64::from(product) / 16.0;
            let code = match form {
                MulForm::IntegerProductDivAdd => (steps + 31.0).round_ties_even(),
                _ => steps.round_ties_even() + 31.0,
            };
            assert_eq!(f64::from(got[i]), code.clamp(31.0, 255.0), "{product}");
        }
        for event in [Event::ExactTie, Event::ClampedHigh, Event::ReluClamped] {
            assert!(witness.events.count(event) > 0, "{}", event.key());
        }
    }
}

#[test]
fn relu_holds_codes_at_the_zero_point() {
    let spec = ReluSpec {
        shape: vec![4],
        tensor: quantized(DType::I8, 1.0, -3),
    };
    let mut witness = Witness::default();
    let inputs = vec![Data::I8(vec![-128, -4, -3, 127])];
    let op = OpSpec::Relu(spec);
    let got = run(
        op,
        Constants::default(),
        inputs,
        &profile("exact"),
        &mut witness,
    );
    assert_eq!(got, Data::I8(vec![-3, -3, -3, 127]));
    assert_eq!(witness.events.count(Event::ReluClamped), 2);
}

#[test]
fn clamp_holds_codes_between_two() {
    let op = |low, high| {
        OpSpec::Clamp(ClampSpec {
            shape: vec![5],
            dtype: DType::I8,
            low,
            high,
        })
    };
    let codes = Data::I8(vec![-128, -6, -5, 40, 127]);
    let mut witness = Witness::default();
    let got = run(
        op(-5, 40),
        Constants::default(),
        vec![codes.clone()],
        &profile("exact"),
        &mut witness,
    );
    assert_eq!(got, Data::I8(vec![-5, -5, -5, 40, 40]));
    assert_eq!(witness.events.count(Event::ClampedLow), 2);
    assert_eq!(witness.events.count(Event::ClampedHigh), 1);
    for (low, high) in [(3, 2), (-129, 0), (0, 128)] {
        let problem = Problem {
            op: op(low, high),
            constants: Constants::default(),
            inputs: vec![Tensor::new([5], codes.clone()).unwrap()],
        };
        let result = reference(&problem, &profile("exact"), &mut Witness::default());
        assert!(result.is_err(), "{low} {high}");
    }
}

#[test]
fn qnnpack_tables_refuse_other_outputs() {
    for (op, name) in [
        (OpSpec::Sigmoid as fn(FunctionSpec) -> OpSpec, "sigmoid"),
        (OpSpec::Tanh, "tanh"),
    ] {
        let problem = Problem {
            op: op(FunctionSpec {
                shape: vec![1],
                input: quantized(DType::U8, 0.1, 0),
                output: quantized(DType::U8, 0.01, 0),
            }),
            constants: Constants::default(),
            inputs: vec![Tensor::new([1], Data::U8(vec![1])).unwrap()],
        };
        let error = reference(&problem, &profile("qnnpack"), &mut Witness::default()).unwrap_err();
        let wanted = format!("QNNPACK's {name} gives scale");
        assert!(error.to_string().starts_with(&wanted), "{error}");
    }
}

/// What LiteRT 2.3 and ONNX Runtime 1.32 gave on an x86 CPU for the same pair of codes over and
/// over, scales chosen so that other forms give other codes.
#[test]
fn what_real_engines_gave_near_ties() {
    let op = |scales: [f64; 3], zero_points: [i32; 3], dtype, count| {
        let [a, b, output] = [0, 1, 2].map(|i| quantized(dtype, scales[i], zero_points[i]));
        binary(count, a, b, output)
    };
    let codes = |name: &str, op: OpSpec, pair: [i64; 2], dtype, count: usize| -> Vec<i64> {
        let inputs = pair.map(|code| Data::from_codes(dtype, std::iter::repeat_n(code, count)));
        let mut witness = Witness::default();
        let got = run(
            op,
            Constants::default(),
            inputs.to_vec(),
            &profile(name),
            &mut witness,
        );
        (0..count).map(|i| got.code(i)).collect()
    };
    // 8 codes of u8 fill a vector, 16 of s8; the last is the tail.
    for (dtype, width, scales, zero_points, pair, body, tail) in [
        (
            DType::U8,
            8,
            [
                0.03774980455636978,
                0.013482073321938515,
                0.021571317687630653,
            ],
            [182, 7, 124],
            [76, 231],
            78,
            79,
        ),
        (
            DType::I8,
            16,
            [
                0.016812844201922417,
                0.07845994085073471,
                0.02241712622344494,
            ],
            [43, -11, 3],
            [-101, -16],
            -122,
            -123,
        ),
    ] {
        let add = || OpSpec::Add(op(scales, zero_points, dtype, width + 1));
        let of = |name| codes(name, add(), pair, dtype, width + 1);
        assert_eq!(of("litert-reference"), vec![tail; width + 1]);
        let mut expected = vec![body; width];
        expected.push(tail);
        assert_eq!(of("litert-optimized"), expected);
    }
    let scales = [
        0.08258996158838272,
        0.057162150740623474,
        1.2085810899734497,
    ];
    let mul = OpSpec::Mul(op(scales, [251, 34, 52], DType::U8, 1));
    assert_eq!(codes("litert-reference", mul, [30, 23], DType::U8, 1), [62]);
    let scales = [0.08520194888114929, 0.04227844253182411, 0.6916235089302063];
    let mul = OpSpec::Mul(op(scales, [249, 45, 229], DType::U8, 1));
    assert_eq!(codes("onnxruntime", mul, [1, 177], DType::U8, 1), [58]);
    let scales = [
        0.29743826389312744,
        0.05311397463083267,
        0.08498235791921616,
    ];
    let add = OpSpec::Add(op(scales, [135, 125, 122], DType::U8, 1));
    assert_eq!(codes("onnxruntime", add, [78, 253], DType::U8, 1), [2]);
}
