//! Every instruction set, native and modelled, against the reference: all tails,
//! all schemes of requantization, weights with zero points and of both types.

mod elements;
mod problems;

use qassay_golden::spec::{Activation, OpSpec, Output, Problem, QParams, Quantized};
use qassay_golden::tensor::DType;
use qassay_golden::witness::{Event, Events};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::forms::{self, Choices, Form, check, profile};
use crate::problems::{Draw, conv_problem, geometry, linear_problem, pick, quantized};

/// All instruction sets under a named profile with some other choices; `qnnpack` is what
/// each declares (the conversion of large values is the instruction set's).
fn forms(name: &str, choices: Choices) -> Vec<Form> {
    forms::forms("qnnpack", &["qnnpack", "qnnpack-sse2"], |declared| {
        let name = if name == "qnnpack" { declared } else { name };
        profile(name, choices)
    })
}

fn static_activation(rng: &mut ChaCha8Rng) -> Activation {
    let dtype = pick(rng, &[DType::U8, DType::U8, DType::I8]);
    Activation::Quantized(quantized(rng, dtype, 0.02))
}

#[test]
fn linear_gives_the_references_bits_for_every_tail() {
    let forms = forms("qnnpack", &[]);
    let mut events = Events::default();
    // Up to two tiles and one more, of the widest tile; depths on both sides of the row sums' threshold.
    let shapes = (0..=17)
        .map(|m| (m, 9, 7))
        .chain((1..=65).map(|n| (3, n, 5)))
        .chain(
            (0..=19)
                .chain([31, 63, 64, 65, 66, 67, 130])
                .map(|k| (2, 18, k)),
        )
        .chain([(17, 65, 67), (13, 33, 64), (9, 17, 200)]);
    for (seed, shape) in (0..).zip(shapes) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let activation = static_activation(&mut rng);
        let draw = pick(&mut rng, &[Draw::Uniform, Draw::Ends]);
        let mut problem = linear_problem(&mut rng, shape, activation, draw);
        problems::move_weights(&mut rng, &mut problem);
        check(&forms, &problem, &mut events);
    }
    for event in [
        Event::PairSaturated,
        Event::MinTimesMin,
        Event::WeightZeroPoint,
        Event::ClampedLow,
        Event::ClampedHigh,
        Event::ReluClamped,
        Event::ZeroPointAtEnd,
    ] {
        assert!(events.count(event) > 0, "no {}", event.key());
    }
}

#[test]
fn dynamic_linear_gives_the_references_bits() {
    let forms = forms("qnnpack", &[]);
    for seed in 0..60 {
        let mut rng = ChaCha8Rng::seed_from_u64(1000 + seed);
        let shape = (
            rng.random_range(0..20),
            rng.random_range(1..40),
            rng.random_range(1..150),
        );
        let reduce_range = rng.random();
        let activation = Activation::Dynamic { reduce_range };
        let mut problem = linear_problem(&mut rng, shape, activation, Draw::Uniform);
        problems::move_weights(&mut rng, &mut problem);
        check(&forms, &problem, &mut Events::default());
    }
}

fn check_convs(forms: &[Form], seeds: std::ops::Range<u64>, depthwise: bool) -> Events {
    let mut events = Events::default();
    for seed in seeds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let channels = match seed % 4 {
            _ if depthwise => {
                let all = [2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65];
                (pick(&mut rng, &all), 1, 1)
            }
            0 => (
                pick(&mut rng, &[2, 3]),
                pick(&mut rng, &[1, 2, 3, 4, 8, 9]),
                pick(&mut rng, &[1, 2, 5, 8, 17]),
            ),
            _ => (
                1,
                pick(&mut rng, &[1, 2, 3, 4, 5, 7, 8, 13, 16]),
                pick(&mut rng, &[1, 3, 8, 9, 16, 17, 33]),
            ),
        };
        let geometry = geometry(&mut rng);
        let draw = pick(&mut rng, &[Draw::Uniform, Draw::Ends]);
        let mut problem = conv_problem(&mut rng, geometry, channels, draw);
        problems::move_weights(&mut rng, &mut problem);
        check(forms, &problem, &mut events);
    }
    events
}

#[test]
fn conv_gives_the_references_bits() {
    let events = check_convs(&forms("qnnpack", &[]), 2000..2110, false);
    for event in [
        Event::PaddingTap,
        Event::MinTimesMin,
        Event::WeightZeroPoint,
    ] {
        assert!(events.count(event) > 0, "no {}", event.key());
    }
}

#[test]
fn depthwise_gives_the_references_bits_in_one_pass_and_in_several() {
    let forms = forms("qnnpack", &[]);
    let events = check_convs(&forms, 3000..3070, true);
    assert!(events.count(Event::PaddingTap) > 0);
    for taps in 1..=31 {
        let mut rng = ChaCha8Rng::seed_from_u64(3500 + taps as u64);
        let problem = problems::depthwise(&mut rng, taps, 19);
        check(&forms, &problem, &mut Events::default());
    }
}

#[test]
fn every_scheme_requantizes_products_as_the_reference() {
    let schemes = [
        "qnnpack-magic",
        "qnnpack-q31",
        "qnnpack-precise",
        "gemmlowp",
        "xnnpack-rndnu",
    ];
    for (at, scheme) in (0..).zip(schemes) {
        let forms = forms(scheme, &[]);
        for seed in 0..24 {
            let mut rng = ChaCha8Rng::seed_from_u64(4000 + 100 * at + seed);
            let activation = static_activation(&mut rng);
            let shape = (rng.random_range(1..9), rng.random_range(1..40), 30);
            let mut problem = linear_problem(&mut rng, shape, activation, Draw::Uniform);
            problems::move_weights(&mut rng, &mut problem);
            check(&forms, &problem, &mut Events::default());
        }
    }
}

#[test]
fn sums_and_multipliers_at_their_ends_requantize_as_the_reference() {
    let mut ties = 0;
    for scheme in [
        "qnnpack",
        "qnnpack-magic",
        "qnnpack-q31",
        "qnnpack-precise",
        "gemmlowp",
        "xnnpack-rndnu",
    ] {
        let forms = forms(scheme, &[]);
        let above_one = matches!(
            scheme,
            "qnnpack" | "qnnpack-magic" | "gemmlowp" | "xnnpack-rndnu"
        );
        for seed in 0..40 {
            let mut rng = ChaCha8Rng::seed_from_u64(5000 + seed);
            let problem = problems::requantize(&mut rng, above_one);
            let mut events = Events::default();
            check(&forms, &problem, &mut events);
            ties += events.count(Event::ExactTie);
        }
    }
    assert!(ties > 1000, "{ties} ties");
}

#[test]
fn multipliers_outside_a_schemes_range_are_refused() {
    for (scheme, multiplier) in [
        ("qnnpack-q31", 1.0),
        ("qnnpack-precise", 1.5),
        ("qnnpack-q31", 2f32.powi(-33)),
        ("xnnpack-rndnu", 256.0),
        ("gemmlowp", 2f32.powi(30)),
    ] {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let Problem { op, constants, .. } = problems::requantize(&mut rng, false);
        let OpSpec::Requantize(mut spec) = op else {
            unreachable!("a requantize problem");
        };
        spec.multipliers = vec![multiplier];
        for form in forms(scheme, &[]) {
            let refusal = form
                .backend
                .prepare(&OpSpec::Requantize(spec.clone()), &constants)
                .err();
            let message = refusal.expect("a refusal").to_string();
            assert!(message.contains(&multiplier.to_string()), "{message}");
        }
    }
}

#[test]
fn sums_in_i16_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let activation = Activation::Quantized(Quantized {
        dtype: DType::U8,
        qparams: QParams {
            scale: 0.1,
            zero_point: 3,
        },
    });
    let mut problem = linear_problem(&mut rng, (2, 3, 4), activation, Draw::Uniform);
    let OpSpec::Linear(spec) = &mut problem.op else {
        unreachable!("a linear problem");
    };
    spec.output = Output::Sums;
    for form in forms("qnnpack", &[("accumulate", "linear", "i16-pairs")]) {
        let refusal = form.backend.prepare(&problem.op, &problem.constants).err();
        let message = refusal.expect("a refusal").to_string();
        assert!(message.contains("its sums are exact"), "{message}");
    }
}
