//! The shape in an id.

use super::piece::{Parsed, Piece};
use crate::case::fields::{ImageShape, Op, Shape};

/// The shape of `op`: letters with sizes, between dots.
pub(super) fn shape(op: Op, piece: Piece<'_>) -> Parsed<Shape> {
    let (required, optional) = op.shape_letters();
    let example = match required {
        "d" => "a shape, e.g. d3x5",
        "mn" => "a shape, e.g. m3.n5",
        "mnk" => "a shape, e.g. m7.n13.k17",
        "bicok" => "a shape, e.g. b1.i9x8.c4.o6.k3x3.s1.p1",
        _ => "a shape, e.g. b1.i9x8.c4.k3x3.s2",
    };
    let mut found: Vec<(char, Piece<'_>, Vec<usize>)> = Vec::new();
    for part in piece.split('.') {
        let Some((letter, rest)) = part.letter() else {
            return part.stop(example);
        };
        if !(required.contains(letter) || optional.contains(letter)) {
            return part.stop(example);
        }
        if found.iter().any(|(seen, ..)| *seen == letter) {
            return part.stop(format!("'{letter}' once"));
        }
        found.push((
            letter,
            rest,
            rest.sizes(&format!("a number after {letter}"))?,
        ));
    }
    let get = |letter: char| found.iter().find(|(l, ..)| *l == letter);
    if let Some(missing) = required.chars().find(|&l| get(l).is_none()) {
        return Piece {
            start: piece.start + piece.text.len(),
            text: "",
        }
        .stop(format!("'{missing}' in the shape; {example}"));
    }
    let one = |letter: char| -> Parsed<usize> {
        let (_, rest, sizes) = get(letter).expect("checked above");
        match sizes[..] {
            [size] => Ok(size),
            _ => rest.stop(format!("one number after {letter}")),
        }
    };
    Ok(match required {
        "d" => Shape::Dims(get('d').expect("checked above").2.clone()),
        "mn" => Shape::Rows {
            m: one('m')?,
            n: one('n')?,
        },
        "mnk" => Shape::Matrix {
            m: one('m')?,
            n: one('n')?,
            k: one('k')?,
        },
        _ => {
            let input = get('i').expect("checked above").2.clone();
            if input.len() > 3 {
                return get('i').expect("checked above").1.stop("1 to 3 sizes");
            }
            let along = |letter: char, default: usize| -> Parsed<Vec<usize>> {
                match get(letter) {
                    None => Ok(vec![default; input.len()]),
                    Some((_, _, sizes)) if sizes.len() == input.len() => Ok(sizes.clone()),
                    Some((_, _, sizes)) if sizes.len() == 1 => Ok(vec![sizes[0]; input.len()]),
                    Some((_, rest, _)) => {
                        rest.stop(format!("as many sizes as after i ({})", input.len()))
                    }
                }
            };
            let channels = one('c')?;
            let pad_begin = along('p', 0)?;
            Shape::Image(ImageShape {
                batch: one('b')?,
                channels,
                out_channels: if op.is_pool() { None } else { Some(one('o')?) },
                kernel: along('k', 1)?,
                stride: along('s', 1)?,
                pad_end: match get('e') {
                    None => pad_begin.clone(),
                    Some(_) => along('e', 0)?,
                },
                pad_begin,
                dilation: along('d', 1)?,
                groups: if get('g').is_some() { one('g')? } else { 1 },
                input,
            })
        }
    })
}
