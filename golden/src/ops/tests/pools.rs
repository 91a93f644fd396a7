//! Average and greatest codes of windows, against values worked out by hand and captured from
//! real engines.

use super::pointwise::u8_codes;
use super::*;
use crate::profile::AvgPoolForm;
use crate::witness::Event;

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
