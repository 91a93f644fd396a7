//! Colour for terminals, off unless asked for. Words carry the meaning;
//! colour only repeats it.

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    /// `text` in green.
    pub fn good(self, text: &str) -> String {
        self.wrap(text, "32")
    }

    /// `text` in red.
    pub fn bad(self, text: &str) -> String {
        self.wrap(text, "31")
    }

    /// `text` in yellow.
    pub fn caution(self, text: &str) -> String {
        self.wrap(text, "33")
    }

    /// `text` in bold.
    pub fn strong(self, text: &str) -> String {
        self.wrap(text, "1")
    }

    fn wrap(self, text: &str, code: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn cell(self, text: String, color: Option<Color>) -> Cell {
        match color {
            Some(color) if self.0 => Cell::new(text).fg(color),
            _ => Cell::new(text),
        }
    }

    pub(crate) fn table(self) -> Table {
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        if self.0 {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }
}

/// `12345678` as `12 345 678`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_from_the_right() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1 000");
        assert_eq!(grouped(50_123_456), "50 123 456");
    }

    #[test]
    fn colour_is_off_unless_asked_for() {
        assert_eq!(Paint(false).bad("differs"), "differs");
        assert_eq!(Paint(true).bad("differs"), "\x1b[31mdiffers\x1b[0m");
    }
}
