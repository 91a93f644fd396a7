//! Text to case id. Every error knows its position and what would be right.

mod piece;
mod shape;
mod values;

use std::str::FromStr;

use qassay_golden::spec::BiasKind;

use self::piece::{Parsed, Piece};
use super::fields::*;
use super::{CaseError, CaseId};
use crate::data::{DATA_CLASSES, DataClass};

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
    let shape = shape::shape(op, pieces.next().unwrap_or(end))?;
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
            allow(
                matches!(op, Op::Quantize | Op::ChooseQparams | Op::Clamp),
                word,
            )?;
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
            values::zero_points(made, rest)?;
        }
        ("scale", Some(rest)) => {
            seen.once("scales", piece)?;
            values::scales(made, rest)?;
        }
        ("in", Some(rest)) => {
            seen.once("input layout", piece)?;
            made.layout.inputs = values::placement(rest)?;
        }
        ("out", Some(rest)) => {
            seen.once("output layout", piece)?;
            made.layout.outputs = values::placement(rest)?;
        }
        ("given", Some(rest)) => {
            seen.once("data", piece)?;
            made.data = Source::Given(values::given(made, rest)?);
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
                values::types(made, piece)?;
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
