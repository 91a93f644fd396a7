//! Zero points, overflow and float biases, as profiles differ in them.

use super::*;
use crate::profile::named;
use crate::spec::QParams;

fn one(profile: &str, sums: &[i32], scale: f64, zero_point: i32) -> Vec<i64> {
    let rule = named::find(profile).unwrap().profile.requantize;
    let weights = Granularity::PerTensor(QParams {
        scale: 1.0,
        zero_point: 0,
    });
    let output = Quantized {
        dtype: DType::U8,
        qparams: QParams {
            scale: 1.0,
            zero_point,
        },
    };
    let epilogue =
        Epilogue::new(&rule, (SumOf::Conv, 1), scale, &weights, output, Relu::None).unwrap();
    (sums.iter())
        .map(|&sum| epilogue.finish(0, sum, 0, ChannelBias::None, &mut Witness::default()))
        .collect()
}

#[test]
fn the_zero_point_before_rounding_moves_ties() {
    let sums: Vec<i32> = (0..8).collect();
    assert_eq!(one("onnxruntime", &sums, 0.5, 1), [1, 1, 2, 3, 3, 3, 4, 5]);
    assert_eq!(one("onednn", &sums, 0.5, 1), [1, 2, 2, 2, 3, 4, 4, 4]);
}

#[test]
fn overflow_of_the_conversion_gives_zero_on_avx2_and_saturates_elsewhere() {
    assert_eq!(one("fbgemm", &[i32::MAX], 2.0, 3), [0]);
    assert_eq!(one("fbgemm-scalar", &[i32::MAX], 2.0, 3), [255]);
    assert_eq!(one("onednn", &[i32::MAX], 2.0, 3), [255]);
}

#[test]
fn a_float_bias_enters_as_the_profile_says() {
    let weights = Granularity::PerTensor(QParams {
        scale: 1.0,
        zero_point: 0,
    });
    let output = Quantized {
        dtype: DType::U8,
        qparams: QParams {
            scale: 1.0,
            zero_point: 0,
        },
    };
    let code = |profile: &str| {
        let rule = named::find(profile).unwrap().profile.requantize;
        let epilogue =
            Epilogue::new(&rule, (SumOf::Conv, 1), 1.0, &weights, output, Relu::None).unwrap();
        epilogue.finish(0, 10, 0, ChannelBias::F32(0.75), &mut Witness::default())
    };
    assert_eq!(code("fbgemm"), 11);
    // 0.75 steps round to 1 before they are added; the same here, not at 0.5:
    assert_eq!(code("qnnpack"), 11);
    let half = |profile: &str| {
        let rule = named::find(profile).unwrap().profile.requantize;
        let epilogue =
            Epilogue::new(&rule, (SumOf::Conv, 1), 1.0, &weights, output, Relu::None).unwrap();
        epilogue.finish(0, 11, 0, ChannelBias::F32(0.5), &mut Witness::default())
    };
    assert_eq!(half("fbgemm"), 12);
    assert_eq!(half("qnnpack"), 11);
}
