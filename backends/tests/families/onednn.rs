//! Every instruction set, native and modelled, against the reference under the
//! profile that it declares.

use qassay_backends::backend::{Precondition, Refusal};
use qassay_golden::spec::{Activation, Granularity, OpSpec, QParams};
use qassay_golden::tensor::DType;
use qassay_golden::witness::{Event, Events};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::forms::{self, Choices, Form, check, profile};
use crate::problems::{Draw, conv_problem, geometry, linear_problem, pick, quantized};

fn forms_with(choices: Choices) -> Vec<Form> {
    let declared = ["onednn", "onednn-jit", "onednn-jit-avx2", "onednn-brgemm"];
    forms::forms("onednn", &declared, |declared| profile(declared, choices))
}

fn forms() -> Vec<Form> {
    forms_with(&[])
}

/// Lengths around 1 and 2 tiles of every instruction set.
const M: [usize; 11] = [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 25];
const N: [usize; 17] = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 65, 100, 129];
const K: [usize; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 33, 64, 127, 130];

#[test]
fn static_linear_gives_the_references_bits() {
    let forms = forms();
    let mut events = Events::default();
    for seed in 0..220 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let at = seed as usize;
        let shape = (M[at % M.len()], N[at % N.len()], K[at % K.len()]);
        let dtype = pick(&mut rng, &[DType::U8, DType::U8, DType::I8]);
        let activation = Activation::Quantized(quantized(&mut rng, dtype, 0.02));
        let draw = pick(&mut rng, &[Draw::Uniform, Draw::Ends]);
        let problem = linear_problem(&mut rng, shape, activation, draw);
        check(&forms, &problem, &mut events);
    }
    for event in [
        Event::PairSaturated,
        Event::MinTimesMin,
        Event::ClampedLow,
        Event::ClampedHigh,
        Event::ReluClamped,
        Event::ZeroPointAtEnd,
    ] {
        assert!(events.count(event) > 0, "no {}", event.key());
    }
}

/// Dynamic and weight-only linears.
fn check_float_linears(forms: &[Form], seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let at = seed as usize;
        let shape = (M[at % M.len()], N[at % N.len()], K[at % K.len()]);
        let reduce_range = rng.random();
        let activation = [Activation::Float, Activation::Dynamic { reduce_range }][at % 2];
        let problem = linear_problem(&mut rng, shape, activation, Draw::Uniform);
        check(forms, &problem, &mut Events::default());
    }
}

#[test]
fn float_linear_gives_the_references_bits() {
    check_float_linears(&forms(), 1000..1160);
}

/// Convolutions of one and of several groups.
fn check_convs(forms: &[Form], seeds: std::ops::Range<u64>, events: &mut Events) {
    for seed in seeds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let channels = match seed % 4 {
            0 => (
                pick(&mut rng, &[2, 3]),
                pick(&mut rng, &[1, 2, 3, 4, 8]),
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
        let problem = conv_problem(&mut rng, geometry, channels, draw);
        check(forms, &problem, events);
    }
}

#[test]
fn conv_gives_the_references_bits() {
    let mut events = Events::default();
    check_convs(&forms(), 2000..2200, &mut events);
    for event in [Event::PairSaturated, Event::PaddingTap, Event::MinTimesMin] {
        assert!(events.count(event) > 0, "no {}", event.key());
    }
}

#[test]
fn depthwise_gives_the_references_bits() {
    let forms = forms();
    let mut events = Events::default();
    for seed in 3000..3120 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let channels = pick(&mut rng, &[2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40]);
        let geometry = geometry(&mut rng);
        let draw = pick(&mut rng, &[Draw::Uniform, Draw::Ends]);
        let problem = conv_problem(&mut rng, geometry, (channels, 1, 1), draw);
        check(&forms, &problem, &mut events);
    }
    assert!(events.count(Event::PaddingTap) > 0);
}

#[test]
fn other_choices_of_the_profile_are_followed() {
    let choices: [Choices; 4] = [
        &[("accumulate", "padding", "skipped")],
        &[("requantize", "scaling", "product-then-mul-recip")],
        &[
            ("requantize", "scaling", "product-then-div"),
            ("requantize", "bias_per_channel", "f32-fused-after-scale"),
            ("requantize", "bias_per_tensor", "f32-fused-after-scale"),
        ],
        &[("requantize", "scaling", "stepwise-div")],
    ];
    for (at, choices) in choices.into_iter().enumerate() {
        let first = 4000 + 100 * at as u64;
        check_convs(
            &forms_with(choices),
            first..first + 60,
            &mut Events::default(),
        );
    }
}

#[test]
fn float_outputs_follow_other_choices() {
    let choices: Choices = &[
        ("float_output", "scale", "left-to-right"),
        ("float_output", "bias", "fma"),
        ("float_output", "weight_only", "sequential-mul-add"),
    ];
    let forms = forms_with(choices);
    check_float_linears(&forms, 5000..5060);
}

#[test]
fn weight_zero_points_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let activation = Activation::Quantized(quantized(&mut rng, DType::U8, 0.02));
    let problem = linear_problem(&mut rng, (2, 3, 4), activation, Draw::Uniform);
    let OpSpec::Linear(mut spec) = problem.op else {
        unreachable!("a linear problem");
    };
    spec.weights = Granularity::PerTensor(QParams {
        scale: 0.1,
        zero_point: 1,
    });
    for form in forms() {
        let refusal = (form.backend)
            .prepare(&OpSpec::Linear(spec.clone()), &problem.constants)
            .err();
        let expected = Refusal::Precondition(Precondition::SymmetricWeights);
        assert_eq!(refusal, Some(expected), "{}", form.name);
    }
}
