//! Where two profiles part, as text: a block for each axis with the smallest
//! case that shows it, then a table of suites.

use std::fmt::Write as _;

use qassay_suites::parting::{AxisParting, Oracle, Parting};

use crate::paint::{Paint, grouped};

/// The whole comparison.
pub fn render(parting: &Parting, paint: Paint) -> String {
    let (from, to) = (parting.from.name, parting.to.name);
    if parting.axes.is_empty() {
        return format!("{from} and {to} make the same choice on every axis\n");
    }
    let mut text = format!("{from} → {to}: {} axes differ\n", parting.axes.len());
    for axis in &parting.axes {
        text.push('\n');
        text += &block(axis, [from, to], paint);
    }
    text.push('\n');
    let mut table = paint.table();
    table.set_header([
        "suite",
        "cases",
        "that differ",
        "values",
        "that differ",
        "not defined by one",
    ]);
    for suite in &parting.suites {
        table.add_row([
            suite.suite.to_owned(),
            grouped(suite.cases),
            grouped(suite.differing_cases),
            grouped(suite.values),
            share(suite.differing_values, suite.values),
            grouped(suite.undefined),
        ]);
    }
    let _ = writeln!(text, "{table}");
    text
}

fn block(part: &AxisParting, [from, to]: [&str; 2], paint: Paint) -> String {
    let change = &part.change;
    let title = format!("{}: {} → {}", change.axis, change.expected, change.actual);
    let mut text = format!("{}\n", paint.strong(&title));
    let width = from.len().max(to.len()).max("smallest".len());
    let mut line = |name: &str, what: &str| {
        let _ = writeln!(text, "  {name:width$}  {what}");
    };
    line(from, &part.meaning_from);
    line(to, &change.meaning);
    let Some(shown) = &part.shown else {
        let why = match part.tried {
            0 => "no case of the chosen suites has to do with this axis".to_owned(),
            n => format!("{} cases tried: none tells these choices apart", grouped(n)),
        };
        line("unseen", &why);
        return text;
    };
    line("smallest", &shown.case);
    let element = &shown.element;
    let mut at = match element.output {
        0 => format!("output{:?}", element.index),
        number => format!("output {number} {:?}", element.index),
    };
    if let Some(sum) = element.accumulator {
        let _ = write!(at, "  accumulator {sum}");
    }
    if let Some(scaled) = element.scaled {
        let _ = write!(at, "  scaled {scaled}");
    }
    let (a, b) = (&element.expected, &element.got);
    let _ = write!(at, "  {} {a}  {} {b}", change.expected, change.actual);
    line("", &at);
    if !shown.from_first {
        line("", &format!("with every other choice as in {to}"));
    }
    let oracle = match shown.oracle {
        Oracle::Confirms => "gives both values too, in exact rationals",
        Oracle::Contradicts => "gives OTHER values: the reference or the oracle is wrong",
        Oracle::NotAsked => "does not cover this op",
    };
    line("oracle", oracle);
    text
}

/// `12 345 (1.2 %)`.
fn share(part: u64, whole: u64) -> String {
    if part == 0 {
        return "0".into();
    }
    let percent = 100.0 * part as f64 / whole as f64;
    format!("{} ({percent:.2} %)", grouped(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use qassay_golden::profile::named;
    use qassay_suites::parting::part;
    use qassay_suites::suite::{self, Level};

    #[test]
    fn a_tie_is_shown_with_its_sum_and_both_codes() {
        let [from, to] = ["exact", "onednn"].map(|name| named::find(name).unwrap());
        let suites = [suite::find("requantize").unwrap()];
        let text = render(&part(from, to, &suites, Level::Smoke, 0), Paint(false));
        assert!(text.contains("requantize.zero_point: after-round-i64 → before-round-f32"));
        assert!(text.contains("accumulator "), "{text}");
        assert!(text.contains("gives both values too"), "{text}");
        assert!(
            text.contains("accumulate"),
            "axes without cases are listed: {text}"
        );
        assert!(text.lines().any(|line| line.starts_with(" requantize ")));
    }
}
