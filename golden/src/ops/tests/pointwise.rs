//! Ops without weights, against values worked out by hand and captured from real engines.

use super::*;
use crate::profile::{AddForm, AvgPoolForm, MulForm};
use crate::spec::{BinarySpec, ClampSpec, FunctionSpec, PoolSpec, Relu, ReluSpec};
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

fn u8_codes(data: &Data) -> Vec<u8> {
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

pub(super) fn avg(profile: &Profile, spec: PoolSpec, a: &[u8]) -> Vec<u8> {
    let inputs = vec![Data::U8(a.to_vec())];
    let mut witness = Witness::default();
    u8_codes(&run(
        OpSpec::AvgPool(spec),
        Constants::default(),
        inputs,
        profile,
        &mut witness,
    ))
}

/// A window that PyTorch was seen to average: mean 135.5, zero point 61. Its
/// channel-last kernel gives 135, its channel-first kernel 136.
#[test]
fn the_mean_of_a_captured_window_is_as_captured() {
    let mut profile = profile("fbgemm");
    let window = [55, 202, 165, 120];
    assert_eq!(avg(&profile, pool([2, 2], 2, 2, 0, 61), &window), [135]);
    profile.pointwise.avg_pool_body = AvgPoolForm::MulAddF32;
    assert_eq!(avg(&profile, pool([2, 2], 2, 2, 0, 61), &window), [136]);
}

/// Windows that ONNX Runtime 1.32 was seen to average, scales 1/2, zero points 61: means
/// 103.5 and 78.5 are ties with the zero point inside, and go to even codes; of the whole
/// image, 42.5 and 17.5 go to even before the zero point is added.
#[test]
fn onnxruntime_averages_windows_of_reals_and_whole_images_of_sums() {
    let profile = profile("onnxruntime");
    for (window, in_part, whole) in [([104, 103, 104, 103], 104, 103), ([78, 79, 78, 79], 78, 79)] {
        assert_eq!(avg(&profile, pool([2, 2], 2, 2, 0, 61), &window), [whole]);
        let mut part = pool([2, 2], 2, 2, 0, 61);
        part.input = vec![4, 2];
        let twice = [window, window].concat();
        assert_eq!(avg(&profile, part, &twice), [in_part; 2]);
    }
}

/// 24 bits times a sum of 16 are exact in f64: only the last rounding rounds.
#[test]
fn the_fixed_point_means_are_exact_and_half_away_or_up() {
    let [mut away, mut up] = [profile("exact"), profile("exact")];
    away.pointwise.avg_pool_body = AvgPoolForm::FixedPoint24;
    up.pointwise.avg_pool_body = AvgPoolForm::FixedPoint24Up;
    let window = [55, 202, 165, 120];
    let mut ties = 0;
    for zero_point in 0..=255 {
        for scale in [0.5, 0.25, 0.3, 0.007] {
            let mut spec = pool([2, 2], 2, 2, 0, zero_point);
            spec.output.qparams.scale = scale;
            let sum: i32 = window
                .iter()
                .map(|&code| i32::from(code) - zero_point)
                .sum();
            let multiplier = 0.5f32 / (scale as f32 * 4.0);
            let steps = f64::from(sum) * f64::from(multiplier);
            ties += u32::from(steps - steps.floor() == 0.5);
            for (profile, rounded) in [(&away, steps.round()), (&up, (steps + 0.5).floor())] {
                let code = (rounded + f64::from(zero_point)).clamp(0.0, 255.0) as u8;
                let got = avg(profile, spec.clone(), &window);
                assert_eq!(got, [code], "{sum} {scale}");
            }
        }
    }
    assert!(ties > 0);
}

/// Debian's XNNPACK was seen to give these: a tie of a whole image goes to even, others away.
#[test]
fn xnnpack_averages_whole_images_in_f32() {
    let profile = profile("xnnpack-fp32");
    // Sums of 10, 26 and −34 less zero points: 2.5, 6.5 and −8.5 steps.
    for (window, zero_point, whole, in_part) in [
        ([5, 0, 5, 0], 0, 2, 3),
        ([148, 148, 147, 147], 141, 147, 148),
        ([132, 133, 132, 133], 141, 133, 132),
    ] {
        let spec = pool([2, 2], 2, 2, 0, zero_point);
        assert_eq!(avg(&profile, spec, &window), [whole]);
        let mut part = pool([2, 2], 2, 2, 0, zero_point);
        part.input = vec![4, 2];
        let twice = [window, window].concat();
        assert_eq!(avg(&profile, part, &twice), [in_part; 2]);
    }
}

/// Scales for which a quotient of a quotient is not the quotient by the product.
#[test]
fn qnnpack_divides_by_the_product_of_scale_and_count() {
    let mut differing = 0;
    for step in 1..3000 {
        let mut spec = pool([1, 3], 1, 1, 0, 0);
        spec.kernel = vec![1, 3];
        spec.activation.qparams.scale = 1.0;
        // A sum of 3 codes next to the middle of two steps.
        let sum = 200 + step % 300;
        let scale = f64::from(sum) / (3.0 * (f64::from(step % 40) + 60.5));
        spec.output.qparams.scale = f64::from(scale as f32);
        let codes = [sum / 3, (sum + 1) / 3, (sum + 2) / 3].map(|code| code as u8);
        let code = |form| {
            let mut profile = profile("exact");
            profile.pointwise.avg_pool_body = form;
            avg(&profile, spec.clone(), &codes)[0]
        };
        let multiplier = 1.0 / (scale as f32 * 3.0);
        let by_product = (sum as f32 * multiplier).round_ties_even() as u8;
        assert_eq!(code(AvgPoolForm::ProductMulF32), by_product);
        differing += u32::from(code(AvgPoolForm::MulF32) != by_product);
    }
    assert!(differing > 0);
}

#[test]
fn qnnpack_pools_refuse_ratios_that_they_cannot_hold() {
    for form in [
        AvgPoolForm::ProductMulF32,
        AvgPoolForm::FixedPoint24,
        AvgPoolForm::FixedPoint24Up,
    ] {
        let mut profile = profile("exact");
        profile.pointwise.avg_pool_tail = form;
        let mut spec = pool([2, 2], 2, 2, 0, 0);
        spec.output.qparams.scale = 0.5 / 256.0;
        let problem = Problem {
            op: OpSpec::AvgPool(spec),
            constants: Constants::default(),
            inputs: vec![Tensor::new([1, 2, 2, 1], Data::U8(vec![1; 4])).unwrap()],
        };
        let error = reference(&problem, &profile, &mut Witness::default()).unwrap_err();
        assert!(
            error.to_string().contains("[2^-8, 2^8), not 256"),
            "{error}"
        );
    }
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

#[test]
fn padding_counts_in_a_mean_only_when_asked() {
    let spec = |count_include_pad| PoolSpec {
        count_include_pad,
        ..pool([2, 2], 2, 2, 1, 10)
    };
    // Each window covers one pixel and three positions outside.
    let image = [18, 10, 50, 2];
    assert_eq!(avg(&profile("fbgemm"), spec(false), &image), image);
    assert_eq!(avg(&profile("fbgemm"), spec(true), &image), [12, 10, 20, 8]);
    assert_eq!(
        avg(&profile("qnnpack"), spec(false), &image),
        [12, 10, 20, 8]
    );
}

#[test]
fn max_pool_takes_the_greatest_code_inside_the_image() {
    let spec = pool([3, 3], 3, 2, 1, 200);
    let inputs = vec![Data::U8(vec![1, 2, 3, 4, 5, 6, 7, 8, 9])];
    let mut witness = Witness::default();
    let op = OpSpec::MaxPool(spec);
    let got = run(
        op,
        Constants::default(),
        inputs,
        &profile("exact"),
        &mut witness,
    );
    assert_eq!(got, Data::U8(vec![5, 6, 8, 9]));
    assert_eq!(witness.events.count(Event::PaddingTap), 4 * 5);
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
