//! Text to case id. Every error knows its position and what would be right.

use std::str::FromStr;

use qassay_golden::spec::BiasKind;
use qassay_golden::tensor::DType;

use super::fields::*;
use super::layout::{Place, Placement};
use super::{CaseError, CaseId};
use crate::data::{DATA_CLASSES, DataClass};

/// Why parsing stopped: position and what was expected there.
pub(super) struct Stop {
    position: usize,
    expected: String,
}

type Parsed<T> = Result<T, Stop>;

/// A piece of the id and where it starts.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub start: usize,
    pub text: &'a str,
}

impl<'a> Piece<'a> {
    fn stop<T>(self, expected: impl Into<String>) -> Parsed<T> {
        Err(Stop {
            position: self.start,
            expected: expected.into(),
        })
    }

    fn split(self, separator: char) -> impl Iterator<Item = Piece<'a>> {
        let mut start = self.start;
        self.text.split(separator).map(move |text| {
            let piece = Piece { start, text };
            start += text.len() + separator.len_utf8();
            piece
        })
    }

    /// What follows `prefix`.
    fn after(self, prefix: &str) -> Option<Piece<'a>> {
        self.text.strip_prefix(prefix).map(|text| Piece {
            start: self.start + prefix.len(),
            text,
        })
    }

    /// The first character and the rest.
    fn letter(self) -> Option<(char, Piece<'a>)> {
        let letter = self.text.chars().next()?;
        Some((
            letter,
            Piece {
                start: self.start + letter.len_utf8(),
                text: &self.text[letter.len_utf8()..],
            },
        ))
    }

    /// A whole number; nothing but plain decimal digits, at most `greatest`.
    fn number(self, what: &str, greatest: u64) -> Parsed<u64> {
        if let Some(at) = self.text.find(|c: char| !c.is_ascii_digit()) {
            return Piece {
                start: self.start + at,
                text: "",
            }
            .stop(format!("a digit of {what}"));
        }
        match self.text.parse::<u64>() {
            Ok(number) if number <= greatest => Ok(number),
            Ok(_) => self.stop(format!("{what} of at most {greatest}")),
            Err(_) if self.text.is_empty() => self.stop(what),
            Err(_) => self.stop(format!("{what} of at most {greatest}")),
        }
    }

    fn size(self, what: &str) -> Parsed<usize> {
        self.number(what, MAX_SIZE).map(|n| n as usize)
    }

    fn signed(self, what: &str) -> Parsed<i64> {
        let (negative, digits) = match self.after("-") {
            Some(rest) => (true, rest),
            None => (false, self),
        };
        let magnitude = digits.number(what, 1 << 32)? as i64;
        Ok(if negative { -magnitude } else { magnitude })
    }

    fn sizes(self, what: &str) -> Parsed<Vec<usize>> {
        self.split('x').map(|piece| piece.size(what)).collect()
    }

    fn dtype(self, choices: &[DType]) -> Parsed<DType> {
        match DType::from_name(self.text) {
            Some(dtype) if choices.contains(&dtype) => Ok(dtype),
            _ => self.stop(format!(
                "a type ({})",
                choices
                    .iter()
                    .map(|d| d.name())
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }

    fn scale(self) -> Parsed<Scale> {
        match self.text.parse::<f64>() {
            Ok(scale) if scale.is_finite() && scale > 0.0 => Ok(Scale(scale)),
            _ => self.stop("a scale: a positive decimal number, e.g. 0.0625"),
        }
    }
}

/// The greatest number that may stand in a shape.
const MAX_SIZE: u64 = 1 << 28;
/// The longest id that is read.
const MAX_LENGTH: usize = 1 << 16;

impl FromStr for CaseId {
    type Err = CaseError;

    fn from_str(id: &str) -> Result<Self, CaseError> {
        parse(id).map_err(|stop| {
            let found: String = id
                .get(stop.position..)
                .unwrap_or_default()
                .chars()
                .take(24)
                .collect();
            CaseError::Malformed {
                id: id.to_owned(),
                position: stop.position,
                expected: stop.expected,
                found: if found.is_empty() {
                    "the end".to_owned()
                } else {
                    format!("'{found}'")
                },
            }
        })
    }
}

fn parse(id: &str) -> Parsed<CaseId> {
    let whole = Piece { start: 0, text: id };
    if id.len() > MAX_LENGTH {
        return Piece {
            start: MAX_LENGTH,
            text: "",
        }
        .stop(format!("at most {MAX_LENGTH} characters"));
    }
    if let Some(path) = whole.after("captured/") {
        return captured(path);
    }
    let mut pieces = whole.split('/');
    let name = pieces.next().expect("split gives at least one piece");
    let Some(&op) = Op::ALL.iter().find(|op| op.name() == name.text) else {
        let names: Vec<_> = Op::ALL.iter().map(|op| op.name()).collect();
        return name.stop(format!("an op ({}, captured)", names.join(", ")));
    };
    let end = Piece {
        start: id.len(),
        text: "",
    };
    let shape = parse_shape(op, pieces.next().unwrap_or(end))?;
    let mut made = Made::new(op, shape, DataClass::Uniform, 0);
    let mut seen = Seen::default();
    for piece in pieces {
        option(&mut made, &mut seen, piece)?;
    }
    if !op.dtypes().is_empty() && !seen.has("type") {
        return end.stop(if matches!(op, Op::Linear | Op::Conv) {
            "a part with the types, e.g. u8.s8"
        } else {
            "a part with the type, e.g. u8"
        });
    }
    match &made.data {
        Source::Class(_) if !seen.has("data") => {
            let names: Vec<_> = DATA_CLASSES.iter().map(|entry| entry.name).collect();
            end.stop(format!(
                "a data class ({}) or given operands",
                names.join(", ")
            ))
        }
        Source::Class(class) if !seen.has("seed") && !matches!(class, DataClass::Block(_)) => {
            end.stop("a seed, e.g. seed0")
        }
        _ => Ok(CaseId::Made(Box::new(made))),
    }
}

fn captured(path: Piece<'_>) -> Parsed<CaseId> {
    for part in path.split('/') {
        if part.text.is_empty() || part.text.starts_with('.') {
            return part.stop("a captured layer: captured/NETWORK/OP/LAYER");
        }
        if let Some(at) = part
            .text
            .find(|c: char| !(c.is_ascii_alphanumeric() || "._-+".contains(c)))
        {
            return Piece {
                start: part.start + at,
                text: "",
            }
            .stop("a letter, digit, '.', '_', '-' or '+'");
        }
    }
    Ok(CaseId::Captured(CapturedId(path.text.to_owned())))
}

fn parse_shape(op: Op, piece: Piece<'_>) -> Parsed<Shape> {
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

/// Options that were read.
#[derive(Default)]
struct Seen(Vec<&'static str>);

impl Seen {
    fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    fn once(&mut self, name: &'static str, piece: Piece<'_>) -> Parsed<()> {
        if self.has(name) {
            return piece.stop(format!("one part with the {name}"));
        }
        self.0.push(name);
        Ok(())
    }
}

fn option(made: &mut Made, seen: &mut Seen, piece: Piece<'_>) -> Parsed<()> {
    let op = made.op;
    let allow = |allowed: bool, what: &str| -> Parsed<()> {
        if allowed {
            Ok(())
        } else {
            piece.stop(format!("no {what}: {} has none", op.name()))
        }
    };
    let (word, arguments) = match piece.text.split_once(':') {
        Some((word, text)) => (
            word,
            Some(Piece {
                start: piece.start + word.len() + 1,
                text,
            }),
        ),
        None => (piece.text, None),
    };
    match (word, arguments) {
        ("per-tensor" | "per-channel", arguments) => {
            seen.once("granularity", piece)?;
            allow(op.has_granularity(), word)?;
            if word == "per-channel" {
                made.per_channel = Some(match arguments {
                    Some(axis) if op.has_axis() => axis.size("an axis")?,
                    Some(axis) => return axis.stop("no axis: channels are given by the op"),
                    None if op == Op::Requantize => 1,
                    None => 0,
                });
            } else if let Some(rest) = arguments {
                return rest.stop("nothing after per-tensor");
            }
        }
        ("symmetric", None) => {
            seen.once("symmetric flag", piece)?;
            allow(op == Op::ChooseQparams, word)?;
            made.symmetric = true;
        }
        ("reduce-range", None) => {
            seen.once("reduce-range flag", piece)?;
            allow(matches!(op, Op::ChooseQparams | Op::LinearDynamic), word)?;
            made.reduce_range = true;
        }
        ("relu", None) => {
            seen.once("relu flag", piece)?;
            allow(
                op.is_product() || op.is_binary() || op == Op::Requantize,
                word,
            )?;
            made.relu = true;
        }
        ("exclude-pad", None) => {
            seen.once("exclude-pad flag", piece)?;
            allow(op == Op::AvgPool, word)?;
            made.exclude_pad = true;
        }
        ("range", Some(rest)) => {
            seen.once("range", piece)?;
            allow(matches!(op, Op::Quantize | Op::ChooseQparams), word)?;
            let bounds: Vec<i64> = rest
                .split(',')
                .map(|bound| bound.signed("a code"))
                .collect::<Parsed<_>>()?;
            let [low, high] = bounds[..] else {
                return rest.stop("two codes, e.g. range:0,127");
            };
            made.range = Some((low, high));
        }
        ("bias", Some(rest)) => {
            seen.once("bias", piece)?;
            allow(op.is_product(), word)?;
            made.bias = match rest.text {
                "f32" => BiasKind::F32,
                "s32" => BiasKind::I32,
                _ => return rest.stop("f32 or s32"),
            };
        }
        ("batches", Some(rest)) => {
            seen.once("batches", piece)?;
            allow(op.is_observer(), word)?;
            made.batches = rest.size("a number of batches")?;
        }
        ("skip", Some(rest)) => {
            seen.once("skip", piece)?;
            let counts: Vec<u64> = rest
                .split(',')
                .map(|count| count.number("a count", 1 << 40))
                .collect::<Parsed<_>>()?;
            let [rows, columns] = counts[..] else {
                return rest.stop("two counts, e.g. skip:3,5");
            };
            made.skip = [rows, columns];
        }
        ("zp", Some(rest)) => {
            seen.once("zero points", piece)?;
            zero_points(made, rest)?;
        }
        ("scale", Some(rest)) => {
            seen.once("scales", piece)?;
            scales(made, rest)?;
        }
        ("in", Some(rest)) => {
            seen.once("input layout", piece)?;
            made.layout.inputs = placement(rest)?;
        }
        ("out", Some(rest)) => {
            seen.once("output layout", piece)?;
            made.layout.outputs = placement(rest)?;
        }
        ("given", Some(rest)) => {
            seen.once("data", piece)?;
            made.data = Source::Given(given(made, rest)?);
        }
        _ => {
            if let Some(number) = piece.after("seed") {
                seen.once("seed", piece)?;
                made.seed = number.number("a seed", u64::MAX)?;
            } else if let Some(class) = class(piece)? {
                seen.once("data", piece)?;
                made.data = Source::Class(class);
            } else if !op.dtypes().is_empty() && !seen.has("type") {
                seen.once("type", piece)?;
                types(made, piece)?;
            } else {
                return piece.stop(
                    "an option (per-tensor, per-channel, symmetric, reduce-range, range:, zp:, scale:, bias:, relu, exclude-pad, batches:, skip:, in:, out:), a data class or a seed",
                );
            }
        }
    }
    Ok(())
}

fn class(piece: Piece<'_>) -> Parsed<Option<DataClass>> {
    if let Some(block) = piece.after("block") {
        return Ok(Some(DataClass::Block(
            block.number("a block from 0 to 255", 255)? as u8,
        )));
    }
    Ok(DATA_CLASSES
        .iter()
        .find(|entry| entry.name == piece.text)
        .map(|entry| entry.class))
}

fn types(made: &mut Made, piece: Piece<'_>) -> Parsed<()> {
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

fn zero_points(made: &mut Made, rest: Piece<'_>) -> Parsed<()> {
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

fn scales(made: &mut Made, rest: Piece<'_>) -> Parsed<()> {
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

fn placement(rest: Piece<'_>) -> Parsed<Placement> {
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

fn given(made: &Made, rest: Piece<'_>) -> Parsed<Given> {
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
