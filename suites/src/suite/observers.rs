//! Suites of choosing parameters: choose_qparams and observers.

use qassay_golden::tensor::DType;

use super::Level;
use super::draw::{Draw, count, id};
use crate::case::{CaseId, Op, Shape};
use crate::data::DataClass;

pub(super) fn choose_qparams(level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed, Op::ChooseQparams);
    let classes = [
        DataClass::Uniform,
        DataClass::Ties,
        DataClass::FullRange,
        DataClass::Corners,
    ];
    let mut cases = Vec::new();
    for i in 0..count(level, 160) {
        let class = classes[i % 4];
        let len = match class {
            DataClass::Ties => 2 + i / 4 % 70,
            _ => 1 + i / 4 % 70,
        };
        let mut made = draw.case(Op::ChooseQparams, Shape::Dims(vec![len]), class);
        made.dtype = draw.pick(&[DType::U8, DType::I8]);
        made.symmetric = draw.once_in(3);
        made.reduce_range = draw.once_in(3);
        cases.push(id(made));
    }
    cases
}

pub(super) fn observers(level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed, Op::ObserveMinMax);
    let classes = [
        DataClass::Uniform,
        DataClass::Growth,
        DataClass::FullRange,
        DataClass::Corners,
    ];
    let mut cases = Vec::new();
    for i in 0..count(level, 200) {
        let class = classes[i % 4];
        let op = [Op::ObserveMinMax, Op::ObserveMovingAverage][i / 4 % 2];
        let dims = match i % 3 {
            0 => vec![1 + i % 131],
            1 => vec![draw.between(1, 9), draw.between(1, 70)],
            _ => vec![
                draw.between(1, 3),
                draw.between(1, 5),
                draw.between(1, 4),
                draw.between(1, 33),
            ],
        };
        let rank = dims.len();
        let mut made = draw.case(op, Shape::Dims(dims), class);
        made.batches = draw.between(1, 4);
        if draw.once_in(2) {
            made.per_channel = Some(draw.between(0, rank - 1));
        }
        cases.push(id(made));
    }
    // The search of a histogram is long: few cases.
    for i in 0..count(level, 48) {
        let class = classes[i % 4];
        let dims = match i / 4 % 3 {
            0 => vec![1 + i * 3],
            1 => vec![3, draw.between(1, 70)],
            _ => vec![2, draw.between(100, 600)],
        };
        let mut made = draw.case(Op::ObserveHistogram, Shape::Dims(dims), class);
        made.batches = if class == DataClass::Growth {
            3
        } else {
            draw.between(1, 3)
        };
        cases.push(id(made));
    }
    cases
}
