//! Pools, add, relu and quantize on every instruction set.

use qassay_golden::spec::{
    BinarySpec, ClampSpec, Constants, FunctionSpec, Granularity, OpSpec, PoolSpec, Problem,
    QParams, QuantizeSpec, Quantized, ReluSpec,
};
use qassay_golden::tensor::{DType, Data, Tensor};
use qassay_golden::witness::{Event, Events};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::forms;
use crate::forms::check;
use crate::problems::{pick, quantized};

fn codes(rng: &mut ChaCha8Rng, dtype: DType, shape: &[usize]) -> Tensor {
    let (low, high) = dtype.code_range().expect("codes");
    let len = shape.iter().product();
    let data = Data::from_codes(dtype, (0..len).map(|_| rng.random_range(low..=high)));
    Tensor::new(shape, data).expect("as many codes as the shape holds")
}

fn problem(op: OpSpec, inputs: Vec<Tensor>) -> Problem {
    Problem {
        op,
        constants: Constants::default(),
        inputs,
    }
}

fn pool(rng: &mut ChaCha8Rng, max: bool) -> Problem {
    let dimensions = pick(rng, &[1, 2, 2, 3]);
    let kernel: Vec<usize> = (0..dimensions).map(|_| rng.random_range(1..5)).collect();
    let dtype = pick(rng, &[DType::U8, DType::I8]);
    let activation = quantized(rng, dtype, 0.02);
    // Scales that are powers of two apart, so that means of 2 and 4 codes land on ties.
    let ratio = pick(rng, &[0.5, 1.0, 1.0, 2.0, 1.3]);
    let mut average = quantized(rng, dtype, 0.02);
    average.qparams.scale = activation.qparams.scale * ratio;
    let spec = PoolSpec {
        batch: rng.random_range(1..3),
        input: kernel.iter().map(|k| k + rng.random_range(0..4)).collect(),
        channels: rng.random_range(1..70),
        stride: kernel.iter().map(|_| rng.random_range(1..4)).collect(),
        pad: kernel.iter().map(|k| rng.random_range(0..=k / 2)).collect(),
        pad_end: None,
        kernel,
        count_include_pad: rng.random(),
        activation,
        output: if max { activation } else { average },
    };
    let mut shape = vec![spec.batch];
    shape.extend(&spec.input);
    shape.push(spec.channels);
    let input = codes(rng, dtype, &shape);
    let op = if max {
        OpSpec::MaxPool(spec)
    } else {
        OpSpec::AvgPool(spec)
    };
    problem(op, vec![input])
}

#[test]
fn pools_give_the_references_bits() {
    let all = ["qnnpack", "qnnpack-q31", "xnnpack-rndnu"].map(|profile| forms(profile, &[]));
    let as_asked = forms(
        "qnnpack",
        &[
            ("pointwise", "avg_pool_count", "as-asked"),
            ("pointwise", "avg_pool_body", "mul-add-f32"),
        ],
    );
    let mut events = Events::default();
    for seed in 0..60 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let average = pool(&mut rng, false);
        for forms in all.iter().chain([&as_asked]) {
            check(forms, &average, &mut events);
        }
        check(&all[0], &pool(&mut rng, true), &mut events);
    }
    for event in [Event::PaddingTap, Event::ExactTie] {
        assert!(events.count(event) > 0, "no {}", event.key());
    }
}

#[test]
fn add_relu_and_clamp_give_the_references_bits() {
    let mut ties = 0;
    for profile in ["qnnpack", "xnnpack-rndnu"] {
        let forms = forms(profile, &[]);
        for seed in 0..60 {
            let mut rng = ChaCha8Rng::seed_from_u64(100 + seed);
            let shape = [rng.random_range(1..4), rng.random_range(1..140)];
            let dtype = pick(&mut rng, &[DType::U8, DType::I8]);
            let (a, mut b) = (
                quantized(&mut rng, dtype, 0.02),
                quantized(&mut rng, dtype, 0.1),
            );
            let mut output = quantized(&mut rng, dtype, 0.05);
            if seed % 2 == 0 {
                // Scales that are powers of two apart, so that sums land on ties.
                b.qparams.scale = a.qparams.scale * 0.5;
                output.qparams.scale = a.qparams.scale;
            }
            let add = problem(
                OpSpec::Add(BinarySpec {
                    shape: shape.to_vec(),
                    a,
                    b,
                    output,
                    relu: rng.random::<bool>().into(),
                }),
                vec![
                    codes(&mut rng, dtype, &shape),
                    codes(&mut rng, dtype, &shape),
                ],
            );
            let mut events = Events::default();
            check(&forms, &add, &mut events);
            ties += events.count(Event::ExactTie);
            let relu = OpSpec::Relu(ReluSpec {
                shape: shape.to_vec(),
                tensor: a,
            });
            let relu = problem(relu, vec![codes(&mut rng, dtype, &shape)]);
            check(&forms, &relu, &mut Events::default());
            let bounds = [0, 0].map(|_| rng.random_range(0..128));
            let clamp = OpSpec::Clamp(ClampSpec {
                shape: shape.to_vec(),
                dtype,
                low: *bounds.iter().min().expect("two"),
                high: *bounds.iter().max().expect("two"),
            });
            let clamp = problem(clamp, vec![codes(&mut rng, dtype, &shape)]);
            check(&forms, &clamp, &mut Events::default());
        }
    }
    assert!(ties > 1000, "{ties} ties");
}

/// Every code of every shift of the table.
#[test]
fn sigmoid_and_tanh_give_the_references_bits() {
    for profile in ["qnnpack", "xnnpack-rndnu"] {
        let forms = forms(profile, &[]);
        for zero_point in [0, 1, 77, 128, 255] {
            for scale in [0.000_1, 0.01, 0.037, 0.1, 1.3] {
                let tensor = |scale, zero_point| Quantized {
                    dtype: DType::U8,
                    qparams: QParams { scale, zero_point },
                };
                let all = Tensor::new([2, 128], Data::U8((0..=255).collect())).expect("256 codes");
                let spec = |output| FunctionSpec {
                    shape: vec![2, 128],
                    input: tensor(scale, zero_point),
                    output,
                };
                for op in [
                    OpSpec::Sigmoid(spec(tensor(1.0 / 256.0, 0))),
                    OpSpec::Tanh(spec(tensor(1.0 / 128.0, 128))),
                ] {
                    let problem = problem(op, vec![all.clone()]);
                    check(&forms, &problem, &mut Events::default());
                }
            }
        }
    }
}

#[test]
fn quantize_gives_the_references_bits_under_every_rule() {
    for profile in ["qnnpack", "qnnpack-magic", "xnnpack-rndnu", "gemmlowp"] {
        let forms = forms(profile, &[]);
        for seed in 0..30 {
            let mut rng = ChaCha8Rng::seed_from_u64(200 + seed);
            let shape = [rng.random_range(1..4), rng.random_range(1..140)];
            let dtype = pick(&mut rng, &[DType::U8, DType::I8]);
            let (low, high) = dtype.code_range().expect("codes");
            let scale = f64::from(pick(&mut rng, &[0.1f32, 0.5, 0.002_148_548_7, 3.7]));
            let zero_point = pick(&mut rng, &[low, high, 5]) as i32;
            let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e9, -3e9, 1e38];
            let values = (0..shape[0] * shape[1])
                .map(|_| match rng.random_range(0..6) {
                    0 => pick(&mut rng, &special),
                    1..4 => (f64::from(rng.random_range(-600i32..600)) * 0.5 * scale) as f32,
                    _ => rng.random_range(-200.0f32..200.0) * scale as f32,
                })
                .collect();
            let op = OpSpec::Quantize(QuantizeSpec {
                shape: shape.to_vec(),
                dtype,
                granularity: Granularity::PerTensor(QParams { scale, zero_point }),
                range: None,
            });
            let input = Tensor::new(shape, Data::F32(values)).expect("as many as the shape holds");
            check(&forms, &problem(op, vec![input]), &mut Events::default());
        }
    }
}
