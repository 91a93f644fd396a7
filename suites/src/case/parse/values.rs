//! The options that carry values: types, zero points, scales, layouts, operands.

use qassay_golden::tensor::DType;

use super::piece::{Parsed, Piece};
use crate::case::fields::{Given, Made, Op, Zero};
use crate::case::layout::{Place, Placement};

/// Types of activations, weights and output, or the one type.
pub(super) fn types(made: &mut Made, piece: Piece<'_>) -> Parsed<()> {
    let parts: Vec<_> = piece.split('.').collect();
    made.dtype = parts[0].dtype(made.op.dtypes())?;
    if matches!(made.op, Op::Linear | Op::Conv) {
        made.output = made.dtype;
    }
    match (made.op, &parts[1..]) {
        (Op::Linear | Op::Conv, []) => {
            return piece.stop("types of activations and weights, e.g. u8.s8");
        }
        (Op::Linear | Op::Conv, [weights, rest @ ..]) => {
            weights.dtype(&[DType::I8])?;
            match rest {
                [] => {}
                [output] => {
                    let mut choices = vec![DType::U8, DType::I8, DType::I32];
                    if made.op == Op::Linear {
                        choices.push(DType::F32);
                    }
                    made.output = output.dtype(&choices)?;
                }
                [_, extra, ..] => return extra.stop("at most three types"),
            }
        }
        (_, []) => {}
        (_, [extra, ..]) => return extra.stop("one type"),
    }
    Ok(())
}

fn slot(letters: [char; 3], piece: Piece<'_>, what: &str) -> Parsed<usize> {
    let known: Vec<String> = letters
        .iter()
        .filter(|l| **l != ' ')
        .map(char::to_string)
        .collect();
    match piece.letter() {
        Some((letter, _)) if letter != ' ' && letters.contains(&letter) => Ok(letters
            .iter()
            .position(|&l| l == letter)
            .expect("contained")),
        _ if known.is_empty() => piece.stop(format!("no {what}: this op has none")),
        _ => piece.stop(format!("the {what} of one of {}", known.join(", "))),
    }
}

/// `x3,w-2,yvary`.
pub(super) fn zero_points(made: &mut Made, rest: Piece<'_>) -> Parsed<()> {
    let mut filled = [false; 3];
    for part in rest.split(',') {
        let slot = slot(made.op.zero_point_letters(), part, "zero point")?;
        if std::mem::replace(&mut filled[slot], true) {
            return part.stop("each zero point once");
        }
        let (_, value) = part.letter().expect("slot read a letter");
        made.zero_points.0[slot] = if value.text == "vary" {
            Zero::Vary
        } else {
            let list = value
                .split('_')
                .map(|zero| {
                    let number = zero.signed("a zero point")?;
                    i32::try_from(number).or_else(|_| zero.stop("a zero point that fits s32"))
                })
                .collect::<Parsed<Vec<i32>>>()?;
            match list[..] {
                [zero] => Zero::One(zero),
                _ => Zero::List(list),
            }
        };
    }
    Ok(())
}

/// `x0.5,w0.25_0.125`.
pub(super) fn scales(made: &mut Made, rest: Piece<'_>) -> Parsed<()> {
    for part in rest.split(',') {
        let slot = slot(made.op.scale_letters(), part, "scale")?;
        if !made.scales.0[slot].is_empty() {
            return part.stop("each scale once");
        }
        let (_, value) = part.letter().expect("slot read a letter");
        made.scales.0[slot] = value.split('_').map(Piece::scale).collect::<Parsed<_>>()?;
    }
    Ok(())
}

/// `gap3,off1,start`.
pub(super) fn placement(rest: Piece<'_>) -> Parsed<Placement> {
    const GREATEST: u64 = 4096;
    let mut placement = Placement::default();
    for part in rest.split(',') {
        if let Some(gap) = part.after("gap") {
            placement.row_gap = gap.number("a gap between rows", GREATEST)? as usize;
        } else if let Some(offset) = part.after("off") {
            placement.offset = offset.number("an offset", GREATEST)? as usize;
        } else if part.text == "start" {
            placement.place = Place::Start;
        } else if part.text == "end" {
            placement.place = Place::End;
        } else {
            return part.stop("gapN, offN, start or end");
        }
    }
    Ok(placement)
}

/// `x=ffff,w=7f7f`.
pub(super) fn given(made: &Made, rest: Piece<'_>) -> Parsed<Given> {
    let mut given = Given::default();
    let mut filled = [false; 3];
    let floats = made.op.takes_floats() || made.op == Op::Requantize || made.dtype == DType::I32;
    for part in rest.split(',') {
        let (slot, value) = if let Some(value) = part.after("bias=") {
            (2, value)
        } else if let Some(value) = part.after("x=") {
            (0, value)
        } else if let Some(value) = part.after("w=") {
            (1, value)
        } else {
            return part.stop("x=HEX, w=HEX or bias=HEX");
        };
        if std::mem::replace(&mut filled[slot], true) {
            return part.stop("each operand once");
        }
        let digits = if slot == 2 || (slot == 0 && floats) {
            8
        } else {
            2
        };
        let values = hex(value, digits)?;
        match slot {
            0 => given.x = values,
            1 => given.w = values,
            _ => given.bias = values,
        }
    }
    Ok(given)
}

fn hex(piece: Piece<'_>, digits: usize) -> Parsed<Vec<u32>> {
    if let Some(at) = piece
        .text
        .find(|c: char| !(c.is_ascii_digit() || ('a'..='f').contains(&c)))
    {
        return Piece {
            start: piece.start + at,
            text: "",
        }
        .stop("a hexadecimal digit (0-9, a-f)");
    }
    if !piece.text.len().is_multiple_of(digits) {
        return Piece {
            start: piece.start + piece.text.len(),
            text: "",
        }
        .stop(format!("{digits} hexadecimal digits a value"));
    }
    Ok(piece
        .text
        .as_bytes()
        .chunks(digits)
        .map(|chunk| {
            chunk.iter().fold(0u32, |value, &digit| {
                value << 4 | (digit as char).to_digit(16).expect("checked above")
            })
        })
        .collect())
}
