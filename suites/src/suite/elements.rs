//! Suites of quantize, dequantize and requantize.

use qassay_golden::tensor::DType;

use super::Level;
use super::draw::{Draw, count, id};
use crate::case::{CaseId, Layout, Made, Op, Scale, Shape, Zero};
use crate::data::DataClass;

/// Row lengths around every vector width, and a few longer ones.
fn length(draw: &mut Draw, i: usize) -> usize {
    match i % 4 {
        0 | 1 => i / 2 % 131,
        2 => draw.between(131, 600),
        _ => draw.pick(&[255, 256, 257, 511, 512, 513, 1023, 1025]),
    }
}

/// One to four dimensions of about `len` values, with some dimension of 0 now and then.
fn dims(draw: &mut Draw, len: usize) -> Vec<usize> {
    match draw.between(0, 5) {
        0..=2 => vec![len],
        3 => vec![draw.between(0, 9), len.min(160)],
        4 => vec![draw.between(1, 3), draw.between(1, 5), len.min(70)],
        _ => vec![2, draw.between(1, 3), draw.between(1, 3), len.min(40)],
    }
}

/// The zero points and channels of a quantize or dequantize case.
fn parameters(draw: &mut Draw, made: &mut Made, slot: usize, class: DataClass) {
    let Shape::Dims(shape) = &made.shape else {
        return;
    };
    let rank = shape.len();
    made.zero_points.0[slot] = match class {
        DataClass::Ties => draw.middle_zero(made.dtype),
        _ => draw.zero(made.dtype),
    };
    if draw.once_in(3) {
        made.per_channel = Some(draw.between(0, rank - 1));
        if draw.once_in(2) {
            made.zero_points.0[slot] = Zero::Vary;
        }
    }
}

/// Large cases: most of the values of a run.
const LARGE: usize = 1 << 16;

pub(super) fn quantize(level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed, Op::Quantize);
    let classes = [
        DataClass::Uniform,
        DataClass::FullRange,
        DataClass::Ties,
        DataClass::Corners,
    ];
    let types = [DType::U8, DType::I8, DType::U8, DType::I8, DType::I32];
    let mut cases = Vec::new();
    for i in 0..count(level, 400) {
        let class = classes[i % classes.len()];
        let length = length(&mut draw, i / classes.len());
        let shape = Shape::Dims(dims(&mut draw, length));
        let mut made = draw.case(Op::Quantize, shape, class);
        made.dtype = types[(i / 4) % types.len()];
        parameters(&mut draw, &mut made, 2, class);
        if made.dtype != DType::I32 && draw.once_in(5) {
            made.range = Some(if made.dtype == DType::U8 {
                draw.pick(&[(0, 127), (1, 254), (0, 15)])
            } else {
                draw.pick(&[(-64, 63), (-127, 127), (-8, 7)])
            });
            // Zero points of real systems lie within the range.
            made.zero_points.0[2] = Zero::One(draw.pick(&[1, 5, 7]));
        }
        cases.push(id(made));
    }
    for i in 0..count(level, 16) {
        let mut made = draw.case(Op::Quantize, Shape::Dims(vec![LARGE]), classes[i % 4]);
        made.dtype = types[i % 2];
        made.zero_points.0[2] = draw.middle_zero(made.dtype);
        cases.push(id(made));
    }
    cases.extend(near_ties(Op::Quantize, level, seed));
    cases.extend(tails(Op::Quantize, level, seed));
    // The smallest scale that is a normal f32: the greatest subnormal value is a step of it, and 0
    // where subnormals count as 0.
    for i in 0..count(level, 8) {
        let shape = Shape::Dims(vec![61 + i]);
        let mut made = draw.case(Op::Quantize, shape, DataClass::Corners);
        made.dtype = types[i % 2];
        made.zero_points.0[2] = draw.middle_zero(made.dtype);
        made.scales.0[2] = vec![Scale(f32::MIN_POSITIVE.into())];
        cases.push(id(made));
    }
    if level == Level::Exhaustive {
        for dtype in [DType::U8, DType::I8] {
            cases.extend(blocks(
                Op::Quantize,
                Shape::Dims(vec![1 << 24]),
                dtype,
                None,
            ));
        }
    }
    cases
}

/// Quantize or requantize where the order of roundings decides.
fn near_ties(op: Op, level: Level, seed: u64) -> Vec<CaseId> {
    // Their own stream: these draws must not shift the other cases.
    let mut draw = Draw::new(seed.wrapping_add(1), op);
    (0..count(level, 48))
        .map(|i| {
            let shape = match op {
                Op::Quantize => Shape::Dims(vec![draw.between(200, 1000)]),
                _ => Shape::Rows {
                    m: draw.between(1, 9),
                    n: draw.between(20, 120),
                },
            };
            let mut made = draw.case(op, shape, DataClass::NearTies);
            made.dtype = [DType::U8, DType::I8][i % 2];
            made.zero_points.0[2] = draw.middle_zero(made.dtype);
            if i / 2 % 2 == 1 {
                made.per_channel = Some(if op == Op::Quantize { 0 } else { 1 });
            }
            id(made)
        })
        .collect()
}

/// A few values of every length up to four vectors: other levels have them among their cases.
fn tails(op: Op, level: Level, seed: u64) -> Vec<CaseId> {
    // Their own stream: these draws must not shift the other cases.
    let mut draw = Draw::new(seed.wrapping_add(2), op);
    let longest = if level == Level::Smoke { 31 } else { 0 };
    (1..=longest)
        .map(|len| {
            let shape = Shape::Dims(vec![len]);
            let mut made = draw.case(op, shape, DataClass::Uniform);
            made.dtype = [DType::U8, DType::I8][len % 2];
            id(made)
        })
        .collect()
}

/// All 2^32 bit patterns at one scale or multiplier: this one, or one that the data class chooses.
fn blocks(op: Op, shape: Shape, dtype: DType, scale: Option<f64>) -> impl Iterator<Item = CaseId> {
    (0..=255).map(move |block| {
        let seed = u64::from(dtype == DType::I8);
        let mut made = Made::new(op, shape.clone(), DataClass::Block(block), seed);
        made.layout = Layout::default();
        made.dtype = dtype;
        made.zero_points.0[2] = Zero::One(if dtype == DType::U8 { 113 } else { -7 });
        if op == Op::Requantize {
            made.scales.0[1] = scale.map(Scale).into_iter().collect();
        }
        id(made)
    })
}

/// Multipliers of requantize at which arithmetic turns, with the codes they lead to.
fn edges() -> [(f64, DType); 3] {
    let ulp = f64::from(f32::EPSILON);
    [
        // Every odd sum is a tie.
        (0.5, DType::U8),
        // The greatest f32 below 1, where QNNPACK's fixed point ends: all bits of it are set, and
        // almost every product is rounded.
        (1.0 - ulp / 2.0, DType::I8),
        // The greatest f32 below 256, where XNNPACK's ends: most products leave s32.
        (256.0 - 128.0 * ulp, DType::U8),
    ]
}

/// Sums of all sizes by the least multiplier that shifts of 32 bits hold: no sum is more than half
/// a step, and the ends of s32 are one.
fn least(draw: &mut Draw) -> Vec<CaseId> {
    let mut cases = Vec::new();
    for class in [DataClass::FullRange, DataClass::Corners] {
        for dtype in [DType::U8, DType::I8] {
            let mut made = draw.case(Op::Requantize, Shape::Rows { m: 256, n: 256 }, class);
            made.dtype = dtype;
            made.zero_points.0[2] = draw.middle_zero(dtype);
            made.scales.0[1] = vec![Scale(2f64.powi(-32))];
            cases.push(id(made));
        }
    }
    cases
}

pub(super) fn dequantize(level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed, Op::Dequantize);
    let classes = [
        DataClass::Uniform,
        DataClass::Every,
        DataClass::FullRange,
        DataClass::Corners,
    ];
    let types = [DType::U8, DType::I8, DType::I32];
    let mut cases = Vec::new();
    for i in 0..count(level, 240) {
        let class = classes[i % classes.len()];
        let length = length(&mut draw, i / classes.len());
        let shape = Shape::Dims(dims(&mut draw, length));
        let mut made = draw.case(Op::Dequantize, shape, class);
        made.dtype = types[(i / 4) % types.len()];
        parameters(&mut draw, &mut made, 0, class);
        cases.push(id(made));
    }
    cases.extend(tails(Op::Dequantize, level, seed));
    // Every code with every zero point.
    let zeros = if level == Level::Exhaustive {
        256
    } else {
        count(level, 32)
    };
    for i in 0..zeros {
        let shape = Shape::Dims(vec![256]);
        let mut made = draw.case(Op::Dequantize, shape, DataClass::Every);
        let zero = (i * 255 / (zeros - 1).max(1)) as i32;
        made.zero_points.0[0] = Zero::One(zero);
        cases.push(id(made.clone()));
        made.dtype = DType::I8;
        made.zero_points.0[0] = Zero::One(zero - 128);
        cases.push(id(made));
    }
    for i in 0..count(level, 16) {
        let shape = Shape::Dims(vec![LARGE]);
        let mut made = draw.case(Op::Dequantize, shape, classes[i % 4]);
        made.dtype = types[i % 2];
        made.zero_points.0[0] = draw.zero(made.dtype);
        cases.push(id(made));
    }
    cases
}

pub(super) fn requantize(level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed, Op::Requantize);
    let classes = [
        DataClass::Uniform,
        DataClass::FullRange,
        DataClass::Ties,
        DataClass::Corners,
    ];
    let types = [DType::U8, DType::I8];
    let mut cases = Vec::new();
    for i in 0..count(level, 320) {
        let class = classes[i % classes.len()];
        let shape = Shape::Rows {
            m: if i % 50 == 49 { 0 } else { draw.between(1, 9) },
            n: length(&mut draw, i / classes.len()).max(1),
        };
        let mut made = draw.case(Op::Requantize, shape, class);
        made.dtype = types[(i / 4) % 2];
        made.zero_points.0[2] = match class {
            DataClass::Ties => draw.middle_zero(made.dtype),
            _ => draw.zero(made.dtype),
        };
        made.relu = draw.once_in(4);
        if draw.once_in(2) {
            made.per_channel = Some(1);
        }
        cases.push(id(made));
    }
    for i in 0..count(level, 16) {
        let shape = Shape::Rows { m: 256, n: 256 };
        let mut made = draw.case(Op::Requantize, shape, classes[i % 4]);
        made.dtype = types[i % 2];
        made.zero_points.0[2] = draw.middle_zero(made.dtype);
        cases.push(id(made));
    }
    cases.extend(near_ties(Op::Requantize, level, seed));
    if level == Level::Exhaustive {
        let shape = Shape::Rows {
            m: 1 << 12,
            n: 1 << 12,
        };
        cases.extend(least(&mut draw));
        for (multiplier, dtype) in edges() {
            cases.extend(blocks(
                Op::Requantize,
                shape.clone(),
                dtype,
                Some(multiplier),
            ));
        }
    }
    cases
}
