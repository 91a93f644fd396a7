//! Relations that hold between ops for any operands.

use super::*;
use crate::spec::{Activation, BiasKind, ConvSpec, Granularity, LinearSpec, Output, Relu};
use proptest::prelude::*;

/// Pseudo-random codes over the whole range; `seed` and `index` alone decide.
fn code(seed: u64, index: usize) -> u8 {
    let mut x = seed ^ (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x >> 31) & 0xFF) as u8
}

fn u8s(seed: u64, len: usize, limit: u8) -> Vec<u8> {
    (0..len).map(|i| code(seed, i) & limit).collect()
}

fn s8s(seed: u64, len: usize) -> Vec<i8> {
    (0..len).map(|i| code(seed ^ 0x55, i) as i8).collect()
}

fn run_conv(spec: &ConvSpec, a: &[u8], w: &[i8], profile: &Profile) -> Vec<i32> {
    let mut shape = vec![spec.out_channels];
    shape.extend(&spec.kernel);
    shape.push(spec.in_channels / spec.groups);
    let constants = Constants {
        weights: Some(Tensor::new(shape, Data::I8(w.to_vec())).unwrap()),
        bias: None,
    };
    let inputs = vec![Data::U8(a.to_vec())];
    let mut witness = Witness::default();
    match run(
        OpSpec::Conv(spec.clone()),
        constants,
        inputs,
        profile,
        &mut witness,
    ) {
        Data::I32(sums) => sums,
        _ => panic!("sums are s32"),
    }
}

fn run_linear(
    (m, n, k): (usize, usize, usize),
    (za, zw): (i32, i32),
    a: &[u8],
    w: &[i8],
    profile: &Profile,
) -> Vec<i32> {
    let spec = LinearSpec {
        m,
        n,
        k,
        activation: Activation::Quantized(quantized(DType::U8, 0.1, za)),
        weights: Granularity::PerTensor(qparams(0.1, zw)),
        bias: BiasKind::None,
        output: Output::Sums,
        relu: Relu::None,
    };
    let constants = Constants {
        weights: Some(Tensor::new([n, k], Data::I8(w.to_vec())).unwrap()),
        bias: None,
    };
    let inputs = vec![Data::U8(a.to_vec())];
    let mut witness = Witness::default();
    match run(
        OpSpec::Linear(spec),
        constants,
        inputs,
        profile,
        &mut witness,
    ) {
        Data::I32(sums) => sums,
        _ => panic!("sums are s32"),
    }
}

fn profiles() -> impl Strategy<Value = Profile> {
    proptest::sample::select(vec!["exact", "fbgemm", "fbgemm-acc16", "onednn-jit-avx2"])
        .prop_map(profile)
}

fn conv_2d(size: [usize; 2], channels: [usize; 2], kernel: [usize; 2], groups: usize) -> ConvSpec {
    ConvSpec {
        batch: 1,
        input: size.to_vec(),
        in_channels: channels[0] * groups,
        out_channels: channels[1] * groups,
        kernel: kernel.to_vec(),
        stride: vec![1, 2],
        pad_begin: vec![1, 0],
        pad_end: vec![0, 1],
        dilation: vec![1, 1],
        groups,
        activation: quantized(DType::U8, 0.1, 7),
        weights: Granularity::PerTensor(qparams(0.1, -3)),
        bias: BiasKind::None,
        output: Output::Sums,
        relu: Relu::None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn exact_sums_are_the_definition(
        m in 1usize..4, n in 1usize..4, k in 1usize..40,
        za in 0i32..256, zw in -128i32..128, seed: u64,
    ) {
        let (a, w) = (u8s(seed, m * k, 255), s8s(seed, n * k));
        let got = run_linear((m, n, k), (za, zw), &a, &w, &profile("exact"));
        for row in 0..m {
            for column in 0..n {
                let sum: i128 = (0..k)
                    .map(|i| {
                        let a = i128::from(a[row * k + i]) - i128::from(za);
                        a * (i128::from(w[column * k + i]) - i128::from(zw))
                    })
                    .sum();
                prop_assert_eq!(i128::from(got[row * n + column]), sum);
            }
        }
    }

    #[test]
    fn a_pair_saturating_engine_is_exact_on_7_bit_activations(
        k in 1usize..70, za in 0i32..128, zw in -128i32..128, seed: u64,
    ) {
        let (a, w) = (u8s(seed, 2 * k, 127), s8s(seed, 2 * k));
        let got = run_linear((2, 2, k), (za, zw), &a, &w, &profile("fbgemm"));
        prop_assert_eq!(got, run_linear((2, 2, k), (za, zw), &a, &w, &profile("exact")));
    }

    #[test]
    fn a_saturating_sum_is_the_exact_sum_less_what_saturation_took(
        k in 1usize..40, za in 0i32..256, zw in -128i32..128, seed: u64,
    ) {
        let (a, w) = (u8s(seed, k, 255), s8s(seed, k));
        let taken: i32 = (0..k / 2)
            .map(|i| {
                let product = |at: usize| i32::from(a[at]) * i32::from(w[at]);
                let pair = product(2 * i) + product(2 * i + 1);
                pair - pair.clamp(-32768, 32767)
            })
            .sum();
        let exact = run_linear((1, 1, k), (za, zw), &a, &w, &profile("exact"))[0];
        let got = run_linear((1, 1, k), (za, zw), &a, &w, &profile("fbgemm"))[0];
        prop_assert_eq!(got, exact - taken);
    }

    #[test]
    fn a_1x1_convolution_is_a_linear(
        profile in profiles(), pixels in 1usize..6, c in 1usize..40, oc in 1usize..5, seed: u64,
    ) {
        let mut spec = conv_2d([pixels, 1], [c, oc], [1, 1], 1);
        (spec.stride, spec.pad_begin, spec.pad_end) = (vec![1, 1], vec![0, 0], vec![0, 0]);
        let (a, w) = (u8s(seed, pixels * c, 255), s8s(seed, oc * c));
        let linear = run_linear((pixels, oc, c), (7, -3), &a, &w, &profile);
        prop_assert_eq!(run_conv(&spec, &a, &w, &profile), linear);
    }

    #[test]
    fn a_grouped_convolution_is_one_convolution_per_group(
        height in 2usize..5, width in 2usize..5, c in 1usize..4, oc in 1usize..3,
        groups in 2usize..4, seed: u64,
    ) {
        // Under one rule for all kinds of convolution.
        let mut rule = profile("fbgemm");
        rule.accumulate.depthwise = rule.accumulate.conv;
        let spec = conv_2d([height, width], [c, oc], [2, 2], groups);
        let a = u8s(seed, height * width * c * groups, 255);
        let w = s8s(seed, oc * groups * 4 * c);
        let got = run_conv(&spec, &a, &w, &rule);
        let single = conv_2d([height, width], [c, oc], [2, 2], 1);
        let windows: usize = spec.output_size().iter().product();
        for group in 0..groups {
            let slice: Vec<u8> = (0..height * width)
                .flat_map(|pixel| {
                    let start = (pixel * groups + group) * c;
                    a[start..start + c].to_vec()
                })
                .collect();
            let rows = group * oc * 4 * c..(group + 1) * oc * 4 * c;
            let alone = run_conv(&single, &slice, &w[rows], &rule);
            for window in 0..windows {
                let start = (window * groups + group) * oc;
                prop_assert_eq!(&got[start..start + oc], &alone[window * oc..(window + 1) * oc]);
            }
        }
    }

    #[test]
    fn a_third_dimension_of_one_changes_nothing(
        profile in profiles(), height in 2usize..5, width in 2usize..5, c in 1usize..4, seed: u64,
    ) {
        let flat = conv_2d([height, width], [c, 2], [2, 2], 1);
        let mut deep = flat.clone();
        for list in [&mut deep.input, &mut deep.kernel, &mut deep.stride, &mut deep.dilation] {
            list.insert(0, 1);
        }
        deep.pad_begin.insert(0, 0);
        deep.pad_end.insert(0, 0);
        let (a, w) = (u8s(seed, height * width * c, 255), s8s(seed, 8 * c));
        prop_assert_eq!(run_conv(&deep, &a, &w, &profile), run_conv(&flat, &a, &w, &profile));
    }
}

#[test]
fn depthwise_has_its_own_rule() {
    let spec = conv_2d([3, 3], [1, 1], [2, 2], 2);
    let (a, w) = (vec![255; 18], vec![127; 8]);
    let mut rule = profile("exact");
    let exact = run_conv(&spec, &a, &w, &rule);
    rule.accumulate.grouped = crate::profile::Accumulation::PairsI16;
    assert_eq!(run_conv(&spec, &a, &w, &rule), exact, "not grouped");
    rule.accumulate.depthwise = crate::profile::Accumulation::PairsI16;
    assert_ne!(run_conv(&spec, &a, &w, &rule), exact);
}
