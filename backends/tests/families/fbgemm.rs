//! Linear and convolution against the reference, bit for bit: every instruction
//! set, native and modelled; tails, strides, saturating data, zero points at the ends.

mod problems;

use std::sync::LazyLock;

use crate::forms::{self, Form, forms, profile};
use problems::{Variant, conv_spec, float_linear, quantized, variants};
use qassay_backends::registry;
use qassay_golden::spec::{
    Activation, ConvSpec, LinearSpec, OpSpec, Output, Problem, QParams, Quantized,
};
use qassay_golden::tensor::{DType, Data, Tensor};
use qassay_golden::witness::{Event, Events};

static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let declared = [
        "fbgemm-scalar",
        "fbgemm",
        "fbgemm-acc16",
        "fbgemm-exact",
        "fbgemm-neon",
        "fbgemm-vnni",
    ];
    forms("fbgemm", &declared, |declared| profile(declared, &[]))
});

/// Checks all forms. Gives how many saturated pairs the data had, summed over the profiles.
fn check(problem: &Problem) -> u64 {
    let mut events = Events::default();
    let open = forms::check(&FORMS, problem, &mut events);
    assert_eq!(open, 0, "fbgemm's profiles leave nothing open here");
    events.count(Event::PairSaturated)
}

#[test]
fn static_linear_gives_the_references_bits_at_every_tail() {
    let mut saturated = 0;
    let mut seed = 0;
    let mut go = |m: usize, n: usize, k: usize| {
        for (index, variant) in variants().iter().enumerate() {
            // Every shape meets two variants, every variant every kind of shape.
            if (seed as usize + index) % 5 < 2 {
                saturated += check(&variant.linear(seed, m, n, k));
            }
        }
        seed += 1;
    };
    for m in 0..=29 {
        go(m, 9, 7);
    }
    for n in 0..=70 {
        go(3, n, 5);
    }
    for k in 0..=70 {
        go(2, 5, k);
    }
    for (m, n, k) in [
        (121, 17, 33),
        (113, 130, 12),
        (97, 193, 9),
        (5, 66, 511),
        (13, 49, 513),
        (7, 33, 1029),
        (1, 200, 257),
        (61, 65, 259),
    ] {
        go(m, n, k);
    }
    assert!(saturated > 500_000, "{saturated} saturated pairs");
}

/// Every shape under every variant.
fn check_convs(specs: &[ConvSpec]) {
    let mut saturated = 0;
    for (seed, spec) in specs.iter().enumerate() {
        for variant in variants() {
            saturated += check(&variant.conv(seed as u64, spec.clone()));
        }
    }
    assert!(saturated > 5000, "{saturated} saturated pairs");
}

#[test]
fn convolution_gives_the_references_bits() {
    check_convs(&[
        conv_spec((&[9], 5, 6), &[1], 1, (0, 0), 1, 1),
        conv_spec((&[9], 3, 7), &[3], 2, (2, 1), 1, 1),
        conv_spec((&[7], 4, 4), &[5], 1, (3, 0), 2, 2),
        conv_spec((&[5, 6], 3, 10), &[3, 3], 1, (1, 1), 1, 1),
        conv_spec((&[6, 5], 3, 10), &[3, 3], 2, (1, 0), 1, 1),
        conv_spec((&[6, 7], 6, 70), &[1, 1], 1, (0, 0), 1, 1),
        conv_spec((&[6, 7], 6, 9), &[1, 1], 2, (0, 0), 1, 1),
        conv_spec((&[6, 6], 6, 9), &[2, 2], 1, (0, 1), 1, 3),
        conv_spec((&[7, 6], 9, 6), &[1, 3], 1, (0, 1), 2, 3),
        conv_spec((&[8, 7], 2, 3), &[5, 2], 1, (2, 2), 2, 1),
        conv_spec((&[2, 2], 3, 2), &[3, 3], 1, (3, 3), 3, 1),
        conv_spec((&[2, 3], 2, 2), &[5, 5], 1, (0, 0), 1, 1),
        conv_spec((&[3, 4, 3], 3, 4), &[3, 2, 3], 1, (1, 1), 1, 1),
        conv_spec((&[4, 3, 4], 4, 6), &[2, 3, 1], 2, (1, 0), 1, 2),
        conv_spec((&[9, 9], 65, 5), &[3, 3], 1, (1, 1), 1, 1),
        conv_spec((&[4, 4], 6, 12), &[3, 3], 1, (1, 1), 1, 6),
    ]);
}

#[test]
fn convolution_of_windows_in_place_gives_the_references_bits() {
    // Some instruction sets read them where they lie: rows of the kernel, single positions, those
    // of one group among several, codes that fill segments up, copies and the input itself.
    check_convs(&[
        conv_spec((&[9, 10], 3, 70), &[7, 7], 2, (3, 3), 1, 1),
        conv_spec((&[9, 10], 5, 65), &[3, 3], 1, (0, 0), 1, 1),
        conv_spec((&[9, 10], 8, 65), &[3, 3], 1, (0, 0), 1, 1),
        conv_spec((&[9, 10], 12, 8), &[3, 3], 1, (2, 2), 2, 2),
        // Lines no longer than what fills the last segment up.
        conv_spec((&[8, 1], 3, 16), &[1, 1], 1, (0, 0), 1, 1),
        conv_spec((&[7, 2], 1, 63), &[3, 2], 2, (0, 0), 1, 1),
        conv_spec((&[1], 2, 18), &[1], 1, (0, 0), 1, 1),
        conv_spec((&[9], 64, 6), &[3], 1, (1, 1), 1, 1),
        conv_spec((&[9, 13], 64, 64), &[3, 3], 1, (1, 1), 1, 1),
        conv_spec((&[8, 7], 64, 70), &[3, 3], 2, (1, 0), 1, 1),
        conv_spec((&[6, 6], 128, 5), &[3, 2], 2, (0, 1), 1, 1),
        conv_spec((&[6, 7], 64, 130), &[1, 1], 1, (0, 0), 1, 1),
        conv_spec((&[6, 7], 128, 64), &[1, 1], 2, (0, 0), 1, 1),
        conv_spec((&[7, 6], 128, 20), &[3, 3], 1, (2, 1), 2, 2),
        conv_spec((&[3, 4, 3], 64, 9), &[3, 2, 3], 1, (1, 1), 1, 1),
        conv_spec((&[1, 1], 64, 3), &[3, 3], 1, (1, 1), 1, 1),
        conv_spec((&[2, 2], 64, 3), &[1, 1], 1, (3, 3), 1, 1),
        // More than one block of k.
        conv_spec((&[4, 4], 512, 17), &[3, 5], 1, (1, 1), 1, 1),
        conv_spec((&[4, 4], 516, 17), &[3, 5], 1, (1, 1), 1, 1),
    ]);
}

#[test]
fn depthwise_gives_the_references_bits() {
    let shape = |input: &'static [usize], channels| (input, channels, channels);
    let mut specs = vec![
        conv_spec(shape(&[9], 5), &[3], 2, (1, 1), 1, 5),
        conv_spec(shape(&[5, 6], 33), &[5, 5], 1, (2, 2), 1, 33),
        conv_spec(shape(&[6, 5], 17), &[5, 5], 2, (2, 1), 1, 17),
        conv_spec(shape(&[3, 70], 40), &[3, 3], 2, (1, 1), 1, 40),
        conv_spec(shape(&[2, 2], 8), &[3, 3], 1, (3, 3), 1, 8),
        conv_spec(shape(&[3, 4], 33), &[5, 5], 1, (4, 0), 1, 33),
        conv_spec(shape(&[7, 6], 20), &[3, 3], 1, (2, 2), 2, 20),
        conv_spec(shape(&[3, 4, 3], 19), &[3, 3, 3], 1, (1, 1), 1, 19),
        conv_spec(shape(&[4, 4], 64), &[1, 1], 1, (0, 0), 1, 64),
        conv_spec(shape(&[4, 4], 8), &[2, 1], 1, (1, 1), 1, 8),
        // More than a piece of a line, blocks of channels, and what is left of both.
        conv_spec(shape(&[5, 67], 80), &[3, 3], 1, (1, 1), 1, 80),
        conv_spec(shape(&[5, 135], 144), &[3, 3], 2, (1, 1), 1, 144),
        conv_spec(shape(&[6, 70], 64), &[5, 5], 1, (2, 2), 1, 64),
        conv_spec(shape(&[4, 3], 33), &[3, 3], 1, (4, 36), 1, 33),
        conv_spec(shape(&[5, 19], 144), &[5, 5], 1, (2, 2), 1, 144),
        conv_spec(shape(&[5, 21], 70), &[3, 3], 2, (0, 2), 1, 70),
        conv_spec(shape(&[3, 71], 32), &[3, 3], 1, (1, 1), 1, 32),
        conv_spec(shape(&[3, 71], 16), &[5, 5], 1, (3, 2), 1, 16),
    ];
    for channels in [2, 3, 7, 8, 9, 15, 16, 31, 32, 63, 65, 129] {
        let shape = shape(&[4, 5], channels);
        specs.push(conv_spec(shape, &[3, 3], 1, (1, 1), 1, channels));
    }
    // What is left of blocks where windows lie apart: several outputs in one block, the last ones
    // once more, or too few for that.
    for channels in [1, 5, 16, 17, 24, 32, 33, 63, 64, 72, 81, 90, 96, 100] {
        for (input, step, pads) in [
            (&[5, 19], 2, (1, 1)),
            (&[3, 14], 2, (0, 1)),
            (&[4, 5], 2, (1, 0)),
            (&[4, 23], 3, (2, 4)),
        ] {
            let shape = shape(input, channels);
            specs.push(conv_spec(shape, &[3, 3], step, pads, 1, channels));
        }
    }
    check_convs(&specs);
}

const FLOAT_SHAPES: &[(usize, usize, usize)] = &[
    (0, 3, 4),
    (3, 0, 4),
    (3, 4, 0),
    (1, 1, 1),
    (1, 33, 7),
    (2, 31, 16),
    (5, 17, 33),
    (6, 64, 15),
    (7, 65, 130),
    (13, 9, 65),
    (121, 5, 9),
];

#[test]
fn dynamic_linear_gives_the_references_bits() {
    for (index, &shape) in FLOAT_SHAPES.iter().enumerate() {
        for seed in 0..8 {
            let activation = Activation::Dynamic {
                reduce_range: seed % 2 == 1,
            };
            check(&float_linear(seed * 11 + index as u64, shape, activation));
        }
    }
    // Ranges without width.
    for value in [0.0, 1e-30, -2.5, 7.0] {
        let mut problem = float_linear(
            1,
            (2, 5, 6),
            Activation::Dynamic {
                reduce_range: false,
            },
        );
        problem.inputs = vec![Tensor::new([2, 6], Data::F32(vec![value; 12])).unwrap()];
        check(&problem);
    }
}

#[test]
fn weight_only_linear_gives_the_references_bits() {
    for (index, &shape) in FLOAT_SHAPES.iter().enumerate() {
        for seed in 0..4 {
            check(&float_linear(
                seed * 7 + index as u64,
                shape,
                Activation::Float,
            ));
        }
    }
}

#[test]
fn overflow_of_the_conversion_is_that_of_the_declared_path() {
    // Multipliers far above 1: the packed path wraps to the lowest code, the wide one saturates.
    let variant = Variant {
        output: |_| quantized(DType::U8, 1e-13, 9),
        ..variants().swap_remove(0)
    };
    check(&variant.linear(5, 4, 40, 3));
    let variant = Variant {
        output: |_| quantized(DType::I8, 1e-30, -3),
        relu: true,
        ..variant
    };
    check(&variant.linear(6, 4, 40, 3));
}

#[test]
fn what_fbgemm_has_not_is_refused() {
    let entries = registry::entries();
    let avx2 = (entries.iter())
        .find(|entry| entry.declaration.name == "fbgemm/avx2")
        .expect("a backend of the registry");
    let refused = |change: fn(&mut LinearSpec)| {
        let mut problem = variants()[0].linear(1, 2, 3, 4);
        let OpSpec::Linear(spec) = &mut problem.op else {
            unreachable!()
        };
        change(spec);
        match avx2.modelled().prepare(&problem.op, &problem.constants) {
            Err(refusal) => refusal.to_string(),
            Ok(_) => "accepted".to_owned(),
        }
    };
    assert_eq!(refused(|_| ()), "accepted");
    assert_eq!(
        refused(|spec| {
            spec.activation = Activation::Quantized(Quantized {
                dtype: DType::I8,
                qparams: QParams {
                    scale: 1.0,
                    zero_point: 0,
                },
            });
        }),
        "unsupported: s8 activations; fbgemm has u8"
    );
    assert!(refused(|spec| spec.output = Output::Sums).contains("f32 bias on s32 sums"));
    assert!(refused(|spec| spec.n = 4).contains("12 weights were given"));
    let exact = avx2.modelled_under(profile("fbgemm-exact", &[]));
    let problem = variants()[0].linear(1, 2, 3, 4);
    assert!(exact.prepare(&problem.op, &problem.constants).is_err());
}
