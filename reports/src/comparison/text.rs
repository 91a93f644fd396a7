//! A comparison as text for a terminal.

use std::fmt::Write as _;

use super::{Comparison, Speed};
use crate::paint::{Paint, grouped};

/// Changes of one kind that are named; the rest is counted.
const NAMED: usize = 30;

impl Comparison {
    /// The comparison as lines: verdicts, bits, speeds, then one line that sums up.
    pub fn render(&self, paint: Paint) -> String {
        let mut text = String::new();
        self.verdict_lines(&mut text, paint);
        self.bit_lines(&mut text, paint);
        self.speed_lines(&mut text, paint);
        text.push_str(&self.summary(paint));
        text
    }

    fn verdict_lines(&self, text: &mut String, paint: Paint) {
        for change in self.verdicts.iter().take(NAMED) {
            let word = if change.is_regression() {
                paint.bad("worse")
            } else if change.base.is_failure() && !change.new.is_failure() {
                paint.good("better")
            } else {
                paint.caution("changed")
            };
            let _ = write!(
                text,
                "{word}  {} as {}: {} → {} in {}",
                change.backend,
                change.profile,
                change.base.word(),
                change.new.word(),
                change.case
            );
            if !change.detail.is_empty() {
                let _ = write!(text, "\n       {}", change.detail);
            }
            text.push('\n');
        }
        more(text, self.verdicts.len(), "changed verdicts");
    }

    fn bit_lines(&self, text: &mut String, paint: Paint) {
        for change in self.bits.iter().take(NAMED) {
            let _ = writeln!(
                text,
                "{}  {}: other output bits in {} ({} wrong values, were {})",
                paint.caution("bits"),
                change.backend,
                change.case,
                grouped(change.new),
                grouped(change.base)
            );
        }
        more(text, self.bits.len(), "cases with other bits");
    }

    fn speed_lines(&self, text: &mut String, paint: Paint) {
        let told: Vec<_> = self
            .speeds
            .iter()
            .filter(|change| change.speed != Speed::Alike)
            .collect();
        if told.is_empty() {
            return;
        }
        let mut table = paint.table();
        table.set_header([
            "speed",
            "new ÷ base",
            "95 % interval",
            "backend",
            "threads",
            "case",
        ]);
        for change in told.iter().take(NAMED) {
            let color = match change.speed {
                Speed::Slower => Some(comfy_table::Color::Red),
                Speed::Faster => Some(comfy_table::Color::Green),
                Speed::Alike | Speed::Inconclusive => None,
            };
            let unstable = if change.unstable { ", unstable" } else { "" };
            table.add_row([
                paint.cell(format!("{}{unstable}", change.speed.word()), color),
                paint.cell(format!("{:.3}", change.ratio), None),
                paint.cell(
                    format!("{:.3} – {:.3}", change.interval[0], change.interval[1]),
                    None,
                ),
                paint.cell(change.backend.clone(), None),
                paint.cell(format!("{}, {}", change.threads, change.caches), None),
                paint.cell(change.case.clone(), None),
            ]);
        }
        let _ = writeln!(text, "{table}");
        more(text, told.len(), "speeds");
    }

    /// One line.
    fn summary(&self, paint: Paint) -> String {
        let worse = self
            .verdicts
            .iter()
            .filter(|change| change.is_regression())
            .count();
        let mut parts = vec![format!("{} judgements in common", grouped(self.common))];
        if self.gone > 0 {
            parts.push(format!("{} only in the base", grouped(self.gone)));
        }
        if self.added > 0 {
            parts.push(format!("{} only in the new run", grouped(self.added)));
        }
        parts.push(format!(
            "{} verdicts changed ({worse} worse)",
            self.verdicts.len()
        ));
        parts.push(format!("{} with other bits", self.bits.len()));
        if !self.speeds.is_empty() {
            let percent = self.threshold * 100.0;
            let counts: Vec<String> = [
                Speed::Slower,
                Speed::Faster,
                Speed::Alike,
                Speed::Inconclusive,
            ]
            .into_iter()
            .map(|speed| format!("{} {}", self.count(speed), speed.word()))
            .collect();
            let how = if self.normalised {
                ", as shares of each CPU's own peak"
            } else {
                ""
            };
            parts.push(format!(
                "speeds within {percent:.3} %{how}: {}",
                counts.join(", ")
            ));
        }
        if self.untimed > 0 {
            parts.push(format!("{} times without a counterpart", self.untimed));
        }
        let same = self.verdicts.is_empty()
            && self.bits.is_empty()
            && self.count(Speed::Slower) + self.count(Speed::Faster) == 0;
        let word = if worse > 0 || self.count(Speed::Slower) > 0 {
            paint.bad("worse")
        } else if same && self.speeds.is_empty() {
            paint.good("equal")
        } else if same {
            paint.good("equal or inconclusive")
        } else {
            paint.caution("changed")
        };
        format!("{word}: {}\n", parts.join("; "))
    }
}

fn more(text: &mut String, all: usize, what: &str) {
    if all > NAMED {
        let _ = writeln!(text, "and {} more {what}", all - NAMED);
    }
}
