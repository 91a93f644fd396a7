//! Suites of ops without weights over two inputs or windows: add, mul, pools.

use qassay_golden::tensor::DType;

use super::Level;
use super::draw::{Draw, count, id};
use crate::case::{CaseId, ImageShape, Made, Op, Shape};
use crate::data::DataClass;

pub(super) fn shape(draw: &mut Draw, i: usize) -> Shape {
    Shape::Dims(match i % 3 {
        // Something first, or the few cases of `smoke` would all be empty.
        0 => vec![match i / 3 % 132 {
            0 => 33,
            n => n - 1,
        }],
        1 => vec![draw.between(0, 6), draw.between(1, 70)],
        _ => vec![
            2,
            draw.between(1, 3),
            draw.between(1, 4),
            draw.between(1, 33),
        ],
    })
}

fn zeros(draw: &mut Draw, made: &mut Made, class: DataClass) {
    for slot in 0..3 {
        made.zero_points.0[slot] = match class {
            DataClass::Ties | DataClass::NearTies => draw.middle_zero(made.dtype),
            _ => draw.zero(made.dtype),
        };
    }
}

fn binary(op: Op, level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed, op);
    let classes = [
        DataClass::Uniform,
        DataClass::Ties,
        DataClass::FullRange,
        DataClass::Corners,
    ];
    let mut cases = Vec::new();
    for i in 0..count(level, 120) {
        let class = classes[i % 4];
        let shape = shape(&mut draw, i / 4);
        let mut made = draw.case(op, shape, class);
        made.dtype = [DType::U8, DType::U8, DType::I8][i / 4 % 3];
        zeros(&mut draw, &mut made, class);
        made.relu = draw.once_in(3);
        cases.push(id(made));
    }
    // Their own stream: these draws must not shift the other cases.
    let mut own = Draw::new(seed.wrapping_add(1), op);
    for i in 0..count(level, 24) {
        let shape = Shape::Dims(vec![own.between(60, 300)]);
        let mut made = own.case(op, shape, DataClass::NearTies);
        made.dtype = [DType::U8, DType::I8][i % 2];
        zeros(&mut own, &mut made, DataClass::NearTies);
        cases.push(id(made));
    }
    // Every pair of codes.
    for i in 0..count(level, 8) {
        let mut made = draw.case(op, Shape::Dims(vec![256, 256]), DataClass::Every);
        made.dtype = [DType::U8, DType::I8][i % 2];
        zeros(&mut draw, &mut made, DataClass::Every);
        cases.push(id(made));
    }
    cases
}

pub(super) fn add(level: Level, seed: u64) -> Vec<CaseId> {
    binary(Op::Add, level, seed)
}

pub(super) fn mul(level: Level, seed: u64) -> Vec<CaseId> {
    binary(Op::Mul, level, seed)
}

/// Windows of `total` cases of a level, with data of these classes in turn.
fn pool(op: Op, mut draw: Draw, total: usize, classes: &[DataClass]) -> Vec<CaseId> {
    let mut cases = Vec::new();
    for i in 0..total {
        let class = classes[i % classes.len()];
        let rank = [2, 2, 1, 3][i / 4 % 4];
        let kernel = match (op, class) {
            // Counts that are powers of two leave ties.
            (Op::AvgPool, DataClass::Ties) => draw.pick(&[2, 4]),
            // Others are rounded.
            (Op::AvgPool, DataClass::NearTies) => draw.pick(&[3, 3, 5]),
            _ => draw.pick(&[2, 3, 3, 4]),
        };
        let pad = draw.pick(&[0, 0, kernel / 2]);
        let image = ImageShape {
            batch: draw.pick(&[1, 1, 2]),
            input: (0..rank)
                .map(|_| draw.between(kernel, kernel + 5))
                .collect(),
            channels: 1 + i % 70,
            out_channels: None,
            kernel: vec![kernel; rank],
            stride: vec![draw.pick(&[1, 2, 3]); rank],
            pad_begin: vec![pad; rank],
            pad_end: vec![pad; rank],
            dilation: vec![1; rank],
            groups: 1,
        };
        let mut made = draw.case(op, Shape::Image(image), class);
        made.dtype = [DType::U8, DType::U8, DType::I8][i / 4 % 3];
        zeros(&mut draw, &mut made, class);
        if op == Op::MaxPool {
            // Output parameters are the input's; there are no others.
            made.zero_points.0[1] = crate::case::Zero::One(0);
            made.zero_points.0[2] = crate::case::Zero::One(0);
        } else {
            made.zero_points.0[1] = crate::case::Zero::One(0);
            made.exclude_pad = draw.once_in(2);
        }
        cases.push(id(made));
    }
    cases
}

pub(super) fn avg_pool(level: Level, seed: u64) -> Vec<CaseId> {
    let classes = [
        DataClass::Uniform,
        DataClass::Ties,
        DataClass::FullRange,
        DataClass::Corners,
    ];
    let draw = Draw::new(seed, Op::AvgPool);
    let mut cases = pool(Op::AvgPool, draw, count(level, 100), &classes);
    // Their own stream: these draws must not shift the other cases.
    let draw = Draw::new(seed.wrapping_add(2), Op::AvgPool);
    cases.extend(pool(
        Op::AvgPool,
        draw,
        count(level, 24),
        &[DataClass::NearTies],
    ));
    cases.extend(global_avg_pool(level, seed));
    cases
}

/// Windows as large as the image: kernels of their own in some engines, with tails in
/// pixels (7 at a time) as well as in channels.
fn global_avg_pool(level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed.wrapping_add(1), Op::AvgPool);
    let classes = [DataClass::Uniform, DataClass::Ties, DataClass::FullRange];
    let mut cases = Vec::new();
    for i in 0..count(level, 36) {
        let class = classes[i % 3];
        let rank = [2, 1, 2, 3][i / 3 % 4];
        let input: Vec<usize> = match class {
            // Counts that are powers of two leave ties.
            DataClass::Ties => (0..rank).map(|_| draw.pick(&[2, 4, 8])).collect(),
            _ if rank == 1 => vec![1 + i],
            _ => (0..rank).map(|_| draw.between(1, 7)).collect(),
        };
        let image = ImageShape {
            batch: draw.pick(&[1, 2, 3]),
            kernel: input.clone(),
            input,
            channels: 1 + i * 5 % 41,
            out_channels: None,
            stride: vec![1; rank],
            pad_begin: vec![0; rank],
            pad_end: vec![0; rank],
            dilation: vec![1; rank],
            groups: 1,
        };
        let mut made = draw.case(Op::AvgPool, Shape::Image(image), class);
        made.dtype = [DType::U8, DType::U8, DType::I8][i / 3 % 3];
        zeros(&mut draw, &mut made, class);
        made.zero_points.0[1] = crate::case::Zero::One(0);
        cases.push(id(made));
    }
    cases
}

pub(super) fn max_pool(level: Level, seed: u64) -> Vec<CaseId> {
    let classes = [DataClass::Uniform, DataClass::FullRange, DataClass::Corners];
    pool(
        Op::MaxPool,
        Draw::new(seed, Op::MaxPool),
        count(level, 100),
        &classes,
    )
}
