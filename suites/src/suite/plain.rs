//! Suites of ops on single codes: relu, clamp, sigmoid, tanh.

use qassay_golden::tensor::DType;

use super::Level;
use super::draw::{Draw, count, id};
use super::pointwise::shape;
use crate::case::{CaseId, Made, Op, Scale, Zero};
use crate::data::DataClass;

/// Cases of one op in shapes of all ranks and tails, u8 and s8; `fill` gives each its
/// parameters.
fn cases(op: Op, level: Level, seed: u64, fill: fn(&mut Draw, &mut Made)) -> Vec<CaseId> {
    let mut draw = Draw::new(seed, op);
    let classes = [DataClass::Uniform, DataClass::Every, DataClass::Corners];
    // Every tail of four vectors, which other levels have among their cases.
    let tails = if level == Level::Smoke && op == Op::Relu {
        31
    } else {
        0
    };
    (0..count(level, 60) + tails)
        .map(|i| {
            let class = classes[i % 3];
            let shape = match (i + 1).checked_sub(count(level, 60)) {
                Some(len @ 1..) => crate::case::Shape::Dims(vec![len]),
                _ => shape(&mut draw, i / 3),
            };
            let mut made = draw.case(op, shape, class);
            made.dtype = [DType::U8, DType::I8][i / 3 % 2];
            fill(&mut draw, &mut made);
            id(made)
        })
        .collect()
}

pub(super) fn relu(level: Level, seed: u64) -> Vec<CaseId> {
    cases(Op::Relu, level, seed, |draw, made| {
        made.zero_points.0[0] = draw.zero(made.dtype);
    })
}

/// Bounds near both ends, on one code, and on the whole range.
pub(super) fn clamp(level: Level, seed: u64) -> Vec<CaseId> {
    cases(Op::Clamp, level, seed, |draw, made| {
        let (least, greatest) = made.dtype.code_range().expect("8-bit codes have a range");
        let low = draw.pick(&[0, 1, 17, 64, 128, 254]);
        let high = draw.pick(&[255, 254, 200, 129, low]).max(low);
        made.range = Some((least + low, (least + high).min(greatest)));
    })
}

pub(super) fn sigmoid(level: Level, seed: u64) -> Vec<CaseId> {
    function(Op::Sigmoid, level, seed)
}

pub(super) fn tanh(level: Level, seed: u64) -> Vec<CaseId> {
    function(Op::Tanh, level, seed)
}

/// Tables of every code, then codes in all shapes.
fn function(op: Op, level: Level, seed: u64) -> Vec<CaseId> {
    let mut all = tables(op, level, seed);
    all.extend(cases(op, level, seed, parameters));
    all
}

/// Input scales whose eighth step has a hyperbolic tangent of 4.5 and a little, 33.5 and a little
/// less, in steps of 1/128: where the zero point of 128 is added before rounding, f32 takes the
/// sum for a tie. Found by search over f32.
const TANH_NEAR_TIES: [f64; 2] = [0.004_396_346_863_359_213, 0.033_494_077_622_890_47];

fn tables(op: Op, level: Level, seed: u64) -> Vec<CaseId> {
    let mut cases = drawn_tables(op, level, seed);
    if op == Op::Tanh {
        cases.extend(TANH_NEAR_TIES.map(|scale| {
            let shape = crate::case::Shape::Dims(vec![256]);
            let mut made = Made::new(op, shape, DataClass::Every, seed);
            made.zero_points.0[0] = Zero::One(100);
            made.zero_points.0[2] = Zero::One(128);
            made.scales.0[0] = vec![Scale(scale)];
            id(made)
        }));
    }
    cases
}

fn drawn_tables(op: Op, level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed.wrapping_add(1), op);
    (0..count(level, 40))
        .map(|i| {
            let shape = crate::case::Shape::Dims(vec![256]);
            let mut made = draw.case(op, shape, DataClass::Every);
            made.dtype = [DType::U8, DType::U8, DType::I8][i % 3];
            parameters(&mut draw, &mut made);
            id(made)
        })
        .collect()
}

/// Any input zero point; the output's is where the function's range wants it.
fn parameters(draw: &mut Draw, made: &mut Made) {
    made.zero_points.0[0] = draw.zero(made.dtype);
    made.zero_points.0[2] = Zero::One(match (made.op, made.dtype) {
        (Op::Sigmoid, DType::I8) => -128,
        (Op::Tanh, DType::U8) => 128,
        _ => 0,
    });
}
