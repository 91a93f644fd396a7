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
        self.together_line(text);
        if told.is_empty() {
            return;
        }
        let mut table = paint.table();
        table.set_header([
            "speed",
            "new ÷ base",
            "interval",
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
                paint.cell(range(change.interval), None),
                paint.cell(change.backend.clone(), None),
                paint.cell(format!("{}, {}", change.threads, change.caches), None),
                paint.cell(change.case.clone(), None),
            ]);
        }
        let _ = writeln!(text, "{table}");
        more(text, told.len(), "speeds");
    }

    /// What all cases share, and how much of it the machine did by itself.
    fn together_line(&self, text: &mut String) {
        let Some(all) = self.together else {
            return;
        };
        let _ = write!(
            text,
            "all times together: ×{:.3} ({}) {}",
            all.ratio,
            range(all.interval),
            all.speed.word()
        );
        if let Some(yardstick) = all.yardstick {
            let _ = write!(
                text,
                "; the yardstick, a fixed piece of work beside them: ×{yardstick:.3}"
            );
        }
        text.push('\n');
        let single = |change: &&super::SpeedChange| change.passes.contains(&1);
        let single = self.speeds.iter().filter(single).count();
        if single > 0 {
            let _ = writeln!(
                text,
                "{single} times were taken in a single pass, which says nothing of how the machine drifts"
            );
        }
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
            && !self.any(Speed::Slower)
            && !self.any(Speed::Faster);
        let word = if worse > 0 || self.any(Speed::Slower) {
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

/// Both ends; a single pass leaves them open.
fn range([low, high]: [f64; 2]) -> String {
    match high.is_finite() {
        true => format!("{low:.3} – {high:.3}"),
        false => "unknown".to_owned(),
    }
}

fn more(text: &mut String, all: usize, what: &str) {
    if all > NAMED {
        let _ = writeln!(text, "and {} more {what}", all - NAMED);
    }
}
