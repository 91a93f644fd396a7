//! Cases of rescale: every type and rounding, ties, scales per channel, and
//! values at the ends of what a scale holds.

use super::draw::Draw;
use super::{Cases, problem};
use crate::spec::{FixedScale, OpSpec, RescaleRounding, RescaleSpec};
use crate::tensor::{DType, Data};

const ROUNDINGS: [(&str, RescaleRounding); 3] = [
    ("single", RescaleRounding::Single),
    ("double", RescaleRounding::Double),
    ("inexact", RescaleRounding::Inexact),
];

pub(super) fn rescale() -> Cases {
    let mut cases = Cases::new();
    for (name, rounding) in ROUNDINGS {
        let mut add = |what: &str, spec: RescaleSpec, codes: Vec<i64>| {
            let data = Data::from_codes(spec.input, codes);
            let name = format!("{name}/{what}");
            cases.push((name, problem(OpSpec::Rescale(spec), vec![data])));
        };
        for (input, output, zero_points, multiplier, shift) in [
            (DType::I8, DType::I8, (-7, 9), 1_352_829_926, 31),
            (DType::U8, DType::I8, (128, -128), 1 << 30, 32),
            (DType::I8, DType::U8, (0, 255), 2_146_774_272, 33),
            (DType::I16, DType::I32, (0, 0), 1_506_014_464, 17),
            (DType::U16, DType::I16, (32_768, 0), 1_449_137_024, 31),
            (DType::I32, DType::I16, (0, 0), 1_117_009_664, 46),
            (DType::I32, DType::I32, (0, 0), 1_961_798_144, 32),
        ] {
            let what = format!("{}-{}/{shift}", input.name(), output.name());
            let spec = spec((input, output), zero_points, true, rounding);
            let spec = with(spec, vec![scale(multiplier, shift)]);
            let codes = codes(&spec, &what);
            add(&what, sized(spec, &[codes.len()]), codes);
        }
        if rounding == RescaleRounding::Double {
            continue;
        }
        for (input, output, multiplier, shift) in [
            (DType::I8, DType::I8, 16_384, 15),
            (DType::I16, DType::U8, 24_898, 22),
            (DType::I64, DType::I32, 32_767, 31),
            (DType::I64, DType::I16, 17_001, 45),
        ] {
            let what = format!("{}-{}/{shift}/scale16", input.name(), output.name());
            let spec = with(
                spec((input, output), (0, 0), false, rounding),
                vec![scale(multiplier, shift)],
            );
            let codes = codes(&spec, &what);
            add(&what, sized(spec, &[codes.len()]), codes);
        }
        let scales = vec![scale(1 << 14, 15), scale(3 << 13, 17), scale(32_767, 15)];
        let per_channel = with(
            spec((DType::I8, DType::I8), (3, -5), false, rounding),
            scales,
        );
        let codes = (0..12).map(|i| i * 11 - 60).collect();
        add("per-channel", sized(per_channel, &[4, 3]), codes);
    }
    cases
}

fn scale(multiplier: i32, shift: u32) -> FixedScale {
    FixedScale { multiplier, shift }
}

fn spec(
    (input, output): (DType, DType),
    (input_zero_point, output_zero_point): (i32, i32),
    scale32: bool,
    rounding: RescaleRounding,
) -> RescaleSpec {
    RescaleSpec {
        shape: Vec::new(),
        input,
        input_zero_point,
        output,
        output_zero_point,
        scale32,
        scales: Vec::new(),
        rounding,
    }
}

fn with(spec: RescaleSpec, scales: Vec<FixedScale>) -> RescaleSpec {
    RescaleSpec { scales, ..spec }
}

fn sized(spec: RescaleSpec, shape: &[usize]) -> RescaleSpec {
    let shape = shape.to_vec();
    RescaleSpec { shape, ..spec }
}

/// The ends of the type and of what the scale holds, small values, and random ones.
fn codes(spec: &RescaleSpec, what: &str) -> Vec<i64> {
    let (low, high) = spec.input.code_range().expect("an integer type");
    let shift = spec.scales[0].shift;
    let held = 1i64
        << if spec.scale32 {
            (shift - 1).min(31)
        } else {
            47
        };
    let zero_point = i64::from(spec.input_zero_point);
    let mut draw = Draw::new(&format!("rescale/{what}"));
    let mut codes: Vec<i64> = (zero_point - 5..zero_point + 6).collect();
    codes.extend([low, low + 1, high - 1, high]);
    codes.extend([-held - 1, -held, held - 1, held].map(|value| value + zero_point));
    let span = (zero_point - held, zero_point + held - 1);
    codes.extend((0..12).map(|_| draw.integer(low.max(span.0), high.min(span.1))));
    codes.retain(|code| (low..=high).contains(code));
    codes
}
