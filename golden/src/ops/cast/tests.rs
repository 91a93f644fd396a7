//! Casts against an exact definition of their own: every pattern of 8 and 16
//! bits, f32 at and beside every boundary, and the ends by hand.

use super::*;
use crate::profile::{FloatZeroPoint, named};

const EXACT: ConvertRule = ConvertRule {
    overflow: FloatOverflow::InfinityOrNan,
    nan: NanWithout::MinusZero,
    integer: IntegerConversion::TruncateWrapping,
    zero_point: FloatZeroPoint::Ignored,
};

const BITS: ConvertRule = ConvertRule {
    overflow: FloatOverflow::BitArithmetic,
    ..EXACT
};

const NARROW: [DType; 5] = [
    DType::F8E4M3FN,
    DType::F8E4M3FNUZ,
    DType::F8E5M2,
    DType::F8E5M2FNUZ,
    DType::F4E2M1,
];

fn bits(to: DType, saturate: bool, rule: &ConvertRule, value: f64) -> Option<u64> {
    let target = FloatTarget {
        saturate,
        ..FloatTarget::of(to)
    };
    target.bits(rule, value)
}

/// The definition, by distance: among all finite values of the type and the one
/// that would follow the greatest, the nearest; of two, the even pattern.
fn by_distance(format: &FloatFormat, saturate: bool, value: f64) -> u64 {
    let magnitude = value.abs();
    let mut finite: Vec<f64> = (0..=format.max()).map(|p| format.value(p)).collect();
    let step = finite[finite.len() - 1] - finite[finite.len() - 2];
    finite.push(finite[finite.len() - 1] + step);
    let at = finite.partition_point(|&v| v <= magnitude);
    let nearest = match at {
        at if at == finite.len() => at - 1,
        at => {
            let (below, above) = (magnitude - finite[at - 1], finite[at] - magnitude);
            at - 1 + usize::from(above < below || (above == below && at.is_multiple_of(2)))
        }
    } as u64;
    let beyond = format.infinity().or(format.nan()).unwrap_or(format.max());
    let sign = if value.is_sign_negative() {
        format.sign_bit()
    } else {
        0
    };
    match nearest {
        0 if format.special == Special::MinusZeroNan => 0,
        over if over > format.max() && saturate => format.max() | sign,
        over if over > format.max() => beyond | sign,
        nearest => nearest | sign,
    }
}

#[test]
fn every_f16_becomes_the_nearest_narrow_float() {
    let half = DType::F16.float_format().unwrap();
    for to in NARROW {
        let format = to.float_format().unwrap();
        for saturate in [false, true] {
            for pattern in 0..=u64::from(u16::MAX) {
                let value = half.value(pattern);
                if !value.is_finite() {
                    continue;
                }
                let got = bits(to, saturate, &EXACT, value);
                let expected = by_distance(&format, saturate, value);
                assert_eq!(got, Some(expected), "{} {saturate} {value:e}", to.name());
            }
        }
    }
}

#[test]
fn every_f32_at_a_boundary_of_a_16_bit_float_goes_to_the_right_side() {
    for to in [DType::F16, DType::BF16] {
        let format = to.float_format().unwrap();
        for pattern in 0..format.max() {
            let (low, high) = (format.value(pattern), format.value(pattern + 1));
            let middle = low + (high - low) / 2.0;
            assert_eq!(f64::from(middle as f32), middle);
            let even = pattern + (pattern & 1);
            let beside = (middle as f32).next_down();
            for (value, expected) in [
                (low, pattern),
                (f64::from(beside), pattern),
                (middle, even),
                (f64::from((middle as f32).next_up()), pattern + 1),
            ] {
                assert_eq!(bits(to, false, &EXACT, value), Some(expected));
                let negative = bits(to, false, &EXACT, -value);
                assert_eq!(negative, Some(expected | format.sign_bit()));
            }
        }
    }
}

#[test]
fn every_value_of_every_narrow_type_survives_a_cast_to_f32_and_back() {
    for to in NARROW.into_iter().chain([DType::F16, DType::BF16]) {
        let format = to.float_format().unwrap();
        for pattern in 0..1u64 << to.bits() {
            let value = f64::from(format.value(pattern) as f32);
            if value.is_nan() {
                let back = bits(to, true, &EXACT, value).unwrap();
                assert!(format.value(back).is_nan());
            } else if value.is_finite() {
                assert_eq!(bits(to, false, &EXACT, value), Some(pattern));
            }
        }
    }
}

#[test]
fn overflow_gives_what_each_type_has() {
    let cases = [
        (DType::F8E4M3FN, 448.0, [0x7e, 0x7f]),
        (DType::F8E4M3FNUZ, 240.0, [0x7f, 0x80]),
        (DType::F8E5M2, 57_344.0, [0x7b, 0x7c]),
        (DType::F8E5M2FNUZ, 57_344.0, [0x7f, 0x80]),
        (DType::F4E2M1, 6.0, [7, 7]),
    ];
    for (to, greatest, [saturated, free]) in cases {
        for value in [greatest * 1.25, 1e30, f64::INFINITY] {
            assert_eq!(
                bits(to, true, &EXACT, value),
                Some(saturated),
                "{}",
                to.name()
            );
            assert_eq!(bits(to, false, &EXACT, value), Some(free), "{}", to.name());
        }
        assert_ne!(bits(to, false, &EXACT, greatest), Some(free & 0x80));
    }
    assert_eq!(bits(DType::F8E4M3FN, false, &EXACT, -1e9), Some(0xff));
    assert_eq!(bits(DType::F8E4M3FNUZ, false, &EXACT, -1e9), Some(0x80));
    assert_eq!(bits(DType::F4E2M1, false, &EXACT, f64::NAN), Some(8));
}

#[test]
fn bit_arithmetic_keeps_and_loses_what_onnxruntime_does() {
    let e4m3 = |value| bits(DType::F8E4M3FN, false, &BITS, value);
    let table = [
        (464.0, 0x7e),
        (479.0, 0x7f),
        (480.0, 0x7e),
        (495.0, 0x7e),
        (496.0, 0x7f),
    ];
    for (value, expected) in table {
        assert_eq!(e4m3(value), Some(expected), "{value}");
    }
    let e5m2 = DType::F8E5M2.float_format().unwrap();
    let nan = |value| {
        e5m2.value(bits(DType::F8E5M2, false, &BITS, value).unwrap())
            .is_nan()
    };
    assert!(!nan(61_439.0) && nan(61_440.0) && nan(65_535.0) && !nan(65_536.0));
    // With saturation both ways agree.
    for value in [464.5, 479.0, 481.0, 500.0, 61_440.0, 1e9] {
        for to in [DType::F8E4M3FN, DType::F8E5M2] {
            assert_eq!(bits(to, true, &BITS, value), bits(to, true, &EXACT, value));
        }
    }
}

#[test]
fn every_f32_exponent_rounds_to_a_power_of_two() {
    let target = |power, saturate| FloatTarget {
        power,
        saturate,
        ..FloatTarget::of(DType::F8E8M0)
    };
    for code in 1..=253u64 {
        let power = FloatTarget::of(DType::F8E8M0).format.value(code);
        for (factor, [up, down, nearest]) in [
            (1.0, [0, 0, 0]),
            (1.25, [1, 0, 0]),
            (1.5, [1, 0, 1]),
            (1.75, [1, 0, 1]),
        ] {
            for (rounding, more) in [
                (PowerRounding::Up, up),
                (PowerRounding::Down, down),
                (PowerRounding::Nearest, nearest),
            ] {
                let value = power * factor;
                let got = target(rounding, true).bits(&EXACT, value);
                assert_eq!(got, Some(code + more), "{value:e}");
                assert_eq!(target(rounding, true).bits(&EXACT, -value), got);
            }
        }
    }
    let top = 1.5 * 2f64.powi(127);
    assert_eq!(target(PowerRounding::Up, true).bits(&EXACT, top), Some(254));
    assert_eq!(
        target(PowerRounding::Up, false).bits(&EXACT, top),
        Some(255)
    );
    assert_eq!(target(PowerRounding::Up, true).bits(&EXACT, 0.0), Some(0));
    let infinite = target(PowerRounding::Up, true).bits(&EXACT, f64::INFINITY);
    assert_eq!(infinite, Some(255));
}

#[test]
fn integers_wrap_and_open_ones_stay_open() {
    let wrap = IntegerConversion::TruncateWrapping;
    let table = [
        (DType::I4, 8.0, -8),
        (DType::I4, -9.0, 7),
        (DType::U4, -1.0, 15),
        (DType::I2, 2.0, -2),
        (DType::U2, 7.9, 3),
        (DType::U8, -0.9, 0),
        (DType::I16, 65_535.0, -1),
    ];
    for (to, value, expected) in table {
        assert_eq!(integer(to, wrap, value), Some(expected), "{value}");
    }
    for value in [f64::NAN, f64::INFINITY, 3e9, -3e9] {
        assert_eq!(integer(DType::I4, wrap, value), None);
    }
    assert_eq!(integer(DType::I4, IntegerConversion::Open, 7.0), Some(7));
    assert_eq!(integer(DType::I4, IntegerConversion::Open, 7.5), None);
}

#[test]
fn a_cast_takes_every_type_to_every_other() {
    let profile = &named::find("onnx-reference").unwrap().profile;
    let types = DType::ALL.into_iter().filter(|&d| d != DType::I64);
    for from in types.clone() {
        for to in types.clone() {
            let one = match from {
                DType::F32 => Data::F32(vec![1.0]),
                DType::F64 => Data::F64(vec![1.0]),
                _ if from.is_bit_pattern() => {
                    let bits = bits(from, true, &EXACT, 1.0).unwrap();
                    Data::from_bits(from, [bits as u16])
                }
                _ => Data::from_codes(from, [1]),
            };
            let spec = CastSpec {
                shape: vec![1],
                from,
                to,
                saturate: true,
                power: PowerRounding::Nearest,
            };
            let input = Tensor::new([1], one).unwrap();
            let output = cast(&spec, &input, profile, &mut Witness::default()).unwrap();
            assert_eq!(output.dtype(), to);
            assert_eq!(output.data().real(0), 1.0, "{} {}", from.name(), to.name());
        }
    }
}
