//! A piece of an id that knows where it starts, and the numbers in it.

use qassay_golden::tensor::DType;

use crate::case::fields::Scale;

/// Why parsing stopped: position and what was expected there.
pub(super) struct Stop {
    pub(super) position: usize,
    pub(super) expected: String,
}

/// What was read, or where reading stopped.
pub(super) type Parsed<T> = Result<T, Stop>;

/// A piece of the id and where it starts.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) start: usize,
    pub(super) text: &'a str,
}

impl<'a> Piece<'a> {
    pub(super) fn stop<T>(self, expected: impl Into<String>) -> Parsed<T> {
        Err(Stop {
            position: self.start,
            expected: expected.into(),
        })
    }

    pub(super) fn split(self, separator: char) -> impl Iterator<Item = Piece<'a>> {
        let mut start = self.start;
        self.text.split(separator).map(move |text| {
            let piece = Piece { start, text };
            start += text.len() + separator.len_utf8();
            piece
        })
    }

    /// What follows `prefix`.
    pub(super) fn after(self, prefix: &str) -> Option<Piece<'a>> {
        self.text.strip_prefix(prefix).map(|text| Piece {
            start: self.start + prefix.len(),
            text,
        })
    }

    /// The first character and the rest.
    pub(super) fn letter(self) -> Option<(char, Piece<'a>)> {
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
    pub(super) fn number(self, what: &str, greatest: u64) -> Parsed<u64> {
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

    pub(super) fn size(self, what: &str) -> Parsed<usize> {
        self.number(what, MAX_SIZE).map(|n| n as usize)
    }

    pub(super) fn signed(self, what: &str) -> Parsed<i64> {
        let (negative, digits) = match self.after("-") {
            Some(rest) => (true, rest),
            None => (false, self),
        };
        let magnitude = digits.number(what, 1 << 32)? as i64;
        Ok(if negative { -magnitude } else { magnitude })
    }

    pub(super) fn sizes(self, what: &str) -> Parsed<Vec<usize>> {
        self.split('x').map(|piece| piece.size(what)).collect()
    }

    pub(super) fn dtype(self, choices: &[DType]) -> Parsed<DType> {
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

    pub(super) fn scale(self) -> Parsed<Scale> {
        match self.text.parse::<f64>() {
            Ok(scale) if scale.is_finite() && scale > 0.0 => Ok(Scale(scale)),
            _ => self.stop("a scale: a positive decimal number, e.g. 0.0625"),
        }
    }
}

/// The greatest number that may stand in a shape.
const MAX_SIZE: u64 = 1 << 28;
