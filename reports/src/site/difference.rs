//! Where a backend differs: the explanation, the first wrong element, the
//! smallest case, the command that repeats it, where in the output mismatches
//! lie, and how large they are.

use std::collections::BTreeMap;

use maud::{Markup, html};
use qassay_suites::record::{Explanation, Mismatch, Record, Spread, Unit, Verdict};

use super::overview::anchor;
use super::page;
use crate::paint::grouped;
use crate::plot::heat::{Grid, heat};
use crate::plot::histogram::histogram;
use crate::survey::{Subject, Survey};
use crate::tidy;

/// A part for each suite in which the subject differs.
pub(super) fn all(survey: &Survey<'_>, subject: &Subject<'_>) -> Markup {
    html! {
        @for suite in &survey.suites {
            @let failing: Vec<&Record> =
                subject.in_suite(suite).filter(|record| record.verdict == Verdict::Differs).collect();
            @if !failing.is_empty() {
                (part(survey, subject, suite, &failing))
            }
        }
    }
}

fn part(survey: &Survey<'_>, subject: &Subject<'_>, suite: &str, failing: &[&Record]) -> Markup {
    let explanation = subject
        .explanations
        .iter()
        .find(|found| found.suite == suite);
    let cell = &subject.cells[suite];
    let wrong: u64 = failing.iter().map(|record| record.mismatches).sum();
    let values: u64 = failing.iter().map(|record| record.values).sum();
    html! {
        section.difference id=(anchor(survey, subject, suite)) {
            h3 { (suite) ": differs in " (grouped(failing.len() as u64)) " of " (grouped(cell.total())) " cases" }
            p {
                (grouped(wrong)) " of " (grouped(values)) " output values of these cases are not what "
                (subject.profile) " says."
            }
            @match explanation {
                Some(found) => { (explained(found)) }
                None => { p { "These runs hold no explanation." } (first_of(failing)) }
            }
            div.plots {
                (places(failing))
                (sizes(subject, suite))
            }
        }
    }
}

fn explained(found: &Explanation) -> Markup {
    html! {
        p.sentence { (found.sentence) "." }
        @if !found.axes.is_empty() {
            div.scroll tabindex="0" role="group" aria-label="axes that explain it" {
            table.axes {
                thead { tr { th scope="col" { "axis" } th scope="col" { "held to" } th scope="col" { "does" } th scope="col" { "which means" } } }
                tbody { @for change in &found.axes { tr {
                    th scope="row" { (change.axis) }
                    td { code { (change.expected) } }
                    td.bad { code { (change.actual) } }
                    td.wide { (change.meaning) }
                } } }
            }
            }
        }
        dl.facts {
            @if let Some(profile) = &found.identified {
                div { dt { "the bits are those of" } dd { (profile) } }
            }
            @if !found.indistinguishable.is_empty() {
                div { dt { "declared, but this data cannot tell" } dd {
                    @for (at, change) in found.indistinguishable.iter().enumerate() {
                        @if at > 0 { "; " }
                        (change.axis) " " code { (change.actual) }
                    }
                } }
            }
        }
        dl.facts {
            div.full { dt { "smallest case" } dd { code { (found.shrunk_case) } } }
            @if let Some(first) = &found.first {
                div.full { dt { "there" } dd { (element(first)) } }
            }
            div.full { dt { "repeat" } dd { pre { code { (found.repro) } } } }
        }
    }
}

/// The first wrong element of the case with the fewest values.
fn first_of(failing: &[&Record]) -> Markup {
    let smallest = failing.iter().min_by_key(|record| record.values);
    html! {
        @if let Some(record) = smallest {
            dl.facts {
                div.full { dt { "smallest case" } dd { code { (record.case) } } }
                @if let Some(first) = &record.first {
                    div.full { dt { "there" } dd { (element(first)) } }
                }
                @if !record.detail.is_empty() {
                    div.full { dt { "and" } dd { (record.detail) } }
                }
            }
        }
    }
}

/// One wrong element.
fn element(first: &Mismatch) -> Markup {
    let index: Vec<String> = first.index.iter().map(ToString::to_string).collect();
    html! {
        "output"
        @if first.output > 0 { " " (first.output) }
        "[" (index.join(", ")) "]: "
        @if let Some(accumulator) = first.accumulator {
            "sum " code { (accumulator) } ", "
        }
        @if let Some(scaled) = first.scaled {
            "scaled " code { (scaled) } ", "
        }
        "expected " code { (first.expected) } ", got " code.bad { (first.got) }
    }
}

/// Where mismatches lie: in the case that has most, cell by cell.
fn places(failing: &[&Record]) -> Markup {
    let weight = |spread: &Spread| spread.cells.iter().map(|cell| cell[2]).sum::<u64>();
    let worst = failing
        .iter()
        .filter_map(|record| Some((record, record.spread.as_ref()?)))
        // A single value is no place on a map.
        .filter(|(_, spread)| spread.grid[0] * spread.grid[1] > 1)
        .max_by_key(|(_, spread)| weight(spread));
    let Some((record, spread)) = worst else {
        return html! {};
    };
    let [rows, columns] = spread.grid;
    let mut counts = vec![vec![0; columns]; rows];
    for [row, column, count] in &spread.cells {
        if let Some(cell) = counts
            .get_mut(*row as usize)
            .and_then(|r| r.get_mut(*column as usize))
        {
            *cell += count;
        }
    }
    let (outer, last) = match spread.shape.split_last() {
        Some((last, outer)) => (outer, *last),
        None => (&[][..], 1),
    };
    let outer_len: usize = outer.iter().product();
    let grid = Grid {
        cells: (counts.iter())
            .map(|row| row.iter().map(|&count| count as f64).collect())
            .collect(),
        rows: format!("{outer_len} rows"),
        columns: format!("last dimension, {last}"),
    };
    let caption = format!(
        "Where in the output: {} wrong values",
        grouped(weight(spread))
    );
    let names: Vec<String> = (0..spread.grid[1])
        .map(|column| format!("column {column}"))
        .collect();
    let headings: Vec<(&str, bool)> = std::iter::once("row")
        .chain(names.iter().map(String::as_str))
        .map(|name| (name, true))
        .collect();
    let shape: Vec<String> = spread.shape.iter().map(ToString::to_string).collect();
    let numbers = html! {
        p {
            "Output " (spread.output) " of shape " (shape.join(" × ")) " of " code { (record.case) }
            ", the failing case with most wrong values, as a grid of " (rows) " × " (columns)
            ": across its last dimension, down all others."
        }
        (page::table("wrong values by place", &headings, html! {
            @for (row, counts) in counts.iter().enumerate() {
                tr { (page::count(row as u64)) @for count in counts { (page::count(*count)) } }
            }
        }))
    };
    page::figure(
        &caption,
        heat(&caption, &grid),
        numbers,
        "mismatch_places.csv",
    )
}

/// How large mismatches are, over all failing cases of the suite.
fn sizes(subject: &Subject<'_>, suite: &str) -> Markup {
    let all = tidy::sizes(subject, suite);
    let mut by_unit: BTreeMap<Unit, Vec<(Option<i64>, u64)>> = BTreeMap::new();
    for ((unit, size), count) in all {
        by_unit.entry(unit).or_default().push((size, count));
    }
    html! {
        @for (unit, sizes) in by_unit {
            @let total: u64 = sizes.iter().map(|(_, count)| count).sum();
            @let caption = format!("How far off, in {}: {} wrong values", unit.word(), grouped(total));
            @let columns = columns(&sizes);
            @let numbers = page::table("wrong values by size", &[("got − expected", false), ("wrong values", true)], html! {
                @for (name, count) in &columns { tr { td { (name) } (page::count(*count)) } }
            });
            @let ranges = columns.iter().any(|(name, _)| name.ends_with('+'));
            @let axis = format!("got − expected in {}{}", unit.word(), if ranges { "; 8+ is 8 to 15, and so on" } else { "" });
            (page::figure(&caption, histogram(&caption, &axis, &columns), numbers, "mismatch_sizes.csv"))
        }
    }
}

/// The most columns of a histogram; more sizes are put together by magnitude.
const MOST_COLUMNS: usize = 17;

/// Sizes as columns: the least first, NaN last.
fn columns(sizes: &[(Option<i64>, u64)]) -> Vec<(String, u64)> {
    let nan: u64 = sizes
        .iter()
        .filter(|(size, _)| size.is_none())
        .map(|(_, n)| n)
        .sum();
    let mut numbers: Vec<(i64, u64)> = sizes
        .iter()
        .filter_map(|(size, count)| Some(((*size)?, *count)))
        .collect();
    numbers.sort_unstable();
    let mut columns: Vec<(String, u64)> = if numbers.len() <= MOST_COLUMNS {
        numbers
            .iter()
            .map(|(size, count)| (name(*size), *count))
            .collect()
    } else {
        let mut by_magnitude: BTreeMap<u32, u64> = BTreeMap::new();
        for (size, count) in numbers {
            *by_magnitude
                .entry(size.unsigned_abs().max(1).ilog(16))
                .or_default() += count;
        }
        by_magnitude
            .into_iter()
            .map(|(power, count)| (format!("±{}", tick(16_i64.saturating_pow(power))), count))
            .collect()
    };
    if nan > 0 {
        columns.push(("NaN".into(), nan));
    }
    columns
}

/// `−3`, `8+`, `−64+`.
fn name(size: i64) -> String {
    let sign = if size < 0 { "−" } else { "" };
    let magnitude = size.unsigned_abs().min(i64::MAX.unsigned_abs()) as i64;
    let more = if magnitude > Spread::EXACT { "+" } else { "" };
    format!("{sign}{}{more}", tick(magnitude))
}

/// A magnitude in few characters: powers of two in k, M and G of 1024.
fn tick(magnitude: i64) -> String {
    match magnitude {
        m if m >= 1 << 30 && m % (1 << 30) == 0 => format!("{}G", m >> 30),
        m if m >= 1 << 20 && m % (1 << 20) == 0 => format!("{}M", m >> 20),
        m if m >= 1 << 10 && m % (1 << 10) == 0 => format!("{}k", m >> 10),
        m => m.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stand_in_order_with_nan_last() {
        let sizes = [(None, 2), (Some(3), 5), (Some(-64), 1), (Some(4096), 7)];
        let expected = [("−64+", 1), ("3", 5), ("4k+", 7), ("NaN", 2)];
        assert_eq!(
            columns(&sizes),
            expected.map(|(name, n)| (name.to_owned(), n))
        );
    }

    #[test]
    fn many_sizes_are_put_together_and_none_is_lost() {
        let sizes: Vec<(Option<i64>, u64)> = (0..40)
            .map(|power| (Some(1_i64 << power), 1))
            .chain([(Some(-1), 1)])
            .collect();
        let columns = columns(&sizes);
        assert!(columns.len() <= MOST_COLUMNS, "{columns:?}");
        assert_eq!(columns.iter().map(|(_, n)| n).sum::<u64>(), 41);
        assert_eq!(columns[0], ("±1".to_owned(), 5));
    }
}
