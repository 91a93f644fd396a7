//! Suites of linear: static, dynamic and weight-only.

use qassay_golden::spec::BiasKind;
use qassay_golden::tensor::DType;

use super::Level;
use super::draw::{Draw, count, id};
use crate::case::{CaseId, Layout, Made, Op, Shape, Zero};
use crate::data::DataClass;

/// Depths around vector widths, unrolls, packed blocks and spills of i16 sums.
const DEEP: &[usize] = &[
    127, 128, 129, 130, 191, 255, 256, 257, 258, 383, 384, 511, 512, 513, 515, 1024, 1030,
];
/// Widths around packed blocks.
const WIDE: &[usize] = &[
    95, 96, 97, 127, 128, 129, 159, 160, 161, 191, 193, 255, 256, 257, 320,
];

/// Shapes: all tails of m, n and k by coprime steps, then deep, wide and tall ones,
/// then a few that fill caches.
fn shapes(draw: &mut Draw, level: Level, standard: usize) -> Vec<Shape> {
    let matrix = |m, n, k| Shape::Matrix { m, n, k };
    let total = count(level, standard);
    let mut shapes: Vec<Shape> = (0..total)
        .map(|i| match i % 8 {
            0..=4 => matrix(1 + i % 29, 1 + (i * 7) % 67, 1 + (i * 11) % 73),
            5 => matrix(draw.between(1, 7), draw.between(1, 40), draw.pick(DEEP)),
            6 => matrix(draw.between(1, 7), draw.pick(WIDE), draw.between(1, 40)),
            _ => matrix(
                draw.between(30, 130),
                draw.between(1, 20),
                draw.between(1, 30),
            ),
        })
        .collect();
    if level != Level::Smoke {
        // m and n through 0 to 2·tile + 1 with little else.
        shapes.extend((0..=33).map(|m| matrix(m, 17, 5)));
        shapes.extend((1..=70).map(|n| matrix(3, n, 9)));
        shapes.extend((1..=70).map(|k| matrix(2, 18, k)));
        shapes.extend([matrix(96, 160, 320), matrix(50, 260, 520)]);
    }
    if level == Level::Exhaustive {
        for m in 1..=20 {
            shapes.extend((1..=70).step_by(3).map(|n| matrix(m, n, 1 + (m * n) % 37)));
        }
        shapes.extend([
            matrix(256, 768, 768),
            matrix(1, 3072, 768),
            matrix(513, 129, 1031),
        ]);
    }
    shapes
}

/// Where the order of roundings decides: per tensor and per channel, with every kind of bias, and
/// depths that leave room for it in the sums.
fn near_ties(level: Level, seed: u64) -> Vec<CaseId> {
    // Their own stream: these draws must not shift the other cases.
    let mut draw = Draw::new(seed.wrapping_add(1), Op::Linear);
    let mut cases = Vec::new();
    for i in 0..count(level, 64) {
        let shape = Shape::Matrix {
            m: 1 + i % 5,
            n: 8 + (i * 7) % 57,
            k: [1 + i / 4 % 9, draw.between(2, 60), 2][i % 3],
        };
        let mut made = draw.case(Op::Linear, shape, DataClass::NearTies);
        made.dtype = [DType::U8, DType::I8][i / 6 % 2];
        made.output = made.dtype;
        made.zero_points.0[0] = draw.middle_zero(made.dtype);
        // A zero point that is added before rounding rounds last bits away, unless it is 0.
        if i / 2 % 2 == 1 {
            made.zero_points.0[2] = draw.middle_zero(made.output);
        }
        made.bias = [
            BiasKind::F32,
            BiasKind::F32,
            BiasKind::None,
            BiasKind::F32,
            BiasKind::I32,
        ][i % 5];
        if i % 2 == 1 {
            made.per_channel = Some(0);
        }
        cases.push(id(made));
    }
    cases
}

pub(super) fn fixed(level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed, Op::Linear);
    let classes = [
        DataClass::Uniform,
        DataClass::Saturating,
        DataClass::Ties,
        DataClass::FullRange,
        DataClass::Reduced,
        DataClass::Corners,
        DataClass::Uniform,
    ];
    let mut cases = Vec::new();
    let mut shapes = shapes(&mut draw, level, 480);
    if level == Level::Smoke {
        // One size again and again, as other levels have anyway: packing that is kept too long shows.
        shapes.extend((0..8).map(|_| Shape::Matrix { m: 2, n: 18, k: 9 }));
    }
    for (i, shape) in shapes.into_iter().enumerate() {
        let class = classes[i % classes.len()];
        let mut made = draw.case(Op::Linear, shape, class);
        made.dtype = draw.pick(&[DType::U8, DType::U8, DType::U8, DType::I8]);
        made.output = match draw.between(0, 11) {
            0 => DType::I32,
            1 => DType::F32,
            2 if made.dtype == DType::U8 => DType::I8,
            2 => DType::U8,
            _ => made.dtype,
        };
        draw.parameters(&mut made, class, 8);
        cases.push(id(made));
    }
    // Every u8 (or s8) code with every s8 code, the sums themselves.
    if level != Level::Smoke {
        for dtype in [DType::U8, DType::I8] {
            let depths = if level == Level::Exhaustive {
                1..=8
            } else {
                1..=2
            };
            for k in depths {
                let shape = Shape::Matrix { m: 256, n: 256, k };
                let mut made = draw.case(Op::Linear, shape, DataClass::Every);
                made.dtype = dtype;
                made.output = DType::I32;
                cases.push(id(made));
            }
        }
    }
    if level == Level::Exhaustive {
        cases.extend(pairs());
    }
    // Sums beyond 2^24, where f32 no longer has every integer, and beyond 2^31, where i32 wraps:
    // corners have a channel of −128 alone.
    let depths: &[usize] = match level {
        Level::Smoke => &[1_300],
        _ => &[1_300, 2_047, 200_000],
    };
    for &k in depths {
        for output in [DType::I32, DType::U8] {
            let shape = Shape::Matrix { m: 3, n: 2, k };
            let mut made = draw.case(Op::Linear, shape, DataClass::Corners);
            made.output = output;
            cases.push(id(made));
        }
    }
    cases.extend(near_ties(level, seed));
    // As in quantized networks: kernels may have a way of their own for small weights.
    if level != Level::Smoke {
        for (m, n, k) in [(1, 70, 130), (7, 33, 64), (16, 48, 257), (50, 64, 512)] {
            for output in [DType::U8, DType::I32] {
                let shape = Shape::Matrix { m, n, k };
                let mut made = draw.case(Op::Linear, shape, DataClass::Gaussian);
                made.output = output;
                cases.push(id(made));
            }
        }
    }
    cases
}

/// The sums of any two products of u8 and s8 codes, all 2^32 of them: what an instruction that adds
/// pairs saturates, and what it does not.
fn pairs() -> impl Iterator<Item = CaseId> {
    (0..=255).map(|block| {
        let shape = Shape::Matrix {
            m: 256,
            n: 1 << 16,
            k: 2,
        };
        let mut made = Made::new(Op::Linear, shape, DataClass::Block(block), 0);
        made.layout = Layout::default();
        made.output = DType::I32;
        id(made)
    })
}

pub(super) fn dynamic(level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed, Op::LinearDynamic);
    let classes = [
        DataClass::Uniform,
        DataClass::Saturating,
        DataClass::Ties,
        DataClass::FullRange,
        DataClass::Reduced,
        DataClass::Corners,
    ];
    let mut cases = Vec::new();
    for (i, shape) in shapes(&mut draw, level, 160).into_iter().enumerate() {
        let class = classes[i % classes.len()];
        let mut made = draw.case(Op::LinearDynamic, shape, class);
        made.reduce_range = match class {
            DataClass::Reduced => true,
            DataClass::Saturating => false,
            _ => draw.once_in(3),
        };
        made.relu = draw.once_in(5);
        made.bias = draw.pick(&[BiasKind::None, BiasKind::F32, BiasKind::F32]);
        if draw.once_in(2) {
            made.per_channel = Some(0);
        }
        if draw.once_in(8) {
            made.zero_points.0[1] = Zero::One(draw.pick(&[1, -3, 10]));
        }
        cases.push(id(made));
    }
    cases
}

pub(super) fn weight_only(level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed, Op::LinearWeightOnly);
    let classes = [DataClass::Uniform, DataClass::FullRange, DataClass::Corners];
    let mut cases = Vec::new();
    for (i, shape) in shapes(&mut draw, level, 60).into_iter().enumerate() {
        if i % 2 == 1 && level == Level::Standard {
            continue;
        }
        let mut made = draw.case(Op::LinearWeightOnly, shape, classes[i / 2 % classes.len()]);
        made.relu = draw.once_in(5);
        made.bias = draw.pick(&[BiasKind::None, BiasKind::F32]);
        if draw.once_in(2) {
            made.per_channel = Some(0);
        }
        cases.push(id(made));
    }
    cases
}
