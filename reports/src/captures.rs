//! The table of captures: the reference against vectors of real systems.

use comfy_table::Color;
use qassay_golden::captures::{Change, Checked, Row};

use crate::paint::{Paint, grouped};

/// Rows that are checked, as a table: system, version, op, engine → vectors,
/// values, mismatches; then every difference and every known one by name.
pub fn render(rows: &[Row], paint: Paint) -> String {
    let mut table = paint.table();
    table.set_header([
        "system",
        "version",
        "op",
        "engine",
        "profile",
        "vectors",
        "values",
        "mismatches",
        "open",
        "largest",
    ]);
    for row in rows.iter().filter(|row| row.covered()) {
        let color = match (row.mismatches, row.differs()) {
            (0, _) => Some(Color::Green),
            (_, true) => Some(Color::Red),
            (_, false) => Some(Color::Yellow),
        };
        table.add_row([
            paint.cell(row.system.clone(), None),
            paint.cell(row.version.clone(), None),
            paint.cell(row.op.clone(), None),
            paint.cell(row.engine.clone(), None),
            paint.cell(row.profile.unwrap_or("-").into(), None),
            paint.cell(grouped(row.vectors), None),
            paint.cell(grouped(row.values), None),
            paint.cell(grouped(row.mismatches), color),
            paint.cell(grouped(row.open), None),
            paint.cell(grouped(row.largest), None),
        ]);
    }
    let mut text = format!("{table}\n");
    for row in rows
        .iter()
        .filter(|row| row.covered() && row.mismatches > 0)
    {
        let place = format!("{} {} {} {}", row.system, row.version, row.op, row.engine);
        match &row.note {
            Some(note) => text.push_str(&format!(
                "{} {place}: {} of {} known mismatches in {} files: {note} [{}]\n",
                paint.caution("known"),
                grouped(row.mismatches),
                grouped(row.known),
                grouped(row.vectors),
                row.source.as_deref().unwrap_or("-"),
            )),
            None => text.push_str(&format!("{} {place}\n", paint.bad("differs"))),
        }
        if let Some(first) = &row.first {
            text.push_str(&format!(
                "      first: {} output {} element {}: captured {}, reference {}\n",
                first.vector, first.output, first.element, first.captured, first.reference
            ));
        }
    }
    text
}

/// Where the list of known faults and the captures disagree, one line each.
pub fn changes(changes: &[Change], paint: Paint) -> String {
    changes
        .iter()
        .map(|change| format!("{} KNOWN.toml: {change}\n", paint.bad("changed")))
        .collect()
}

/// Rows that nothing is checked of yet, with the reason, one line each.
pub fn uncovered(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows.iter().filter(|row| !row.covered()) {
        text.push_str(&format!(
            "not covered yet: {} {} {} {}: {} files, {} values: {}\n",
            row.system,
            row.version,
            row.op,
            row.engine,
            grouped(row.vectors),
            grouped(row.values),
            row.note.as_deref().unwrap_or("no profile")
        ));
    }
    text
}

/// One line of totals.
pub fn summary(checked: &Checked) -> String {
    let rows = &checked.rows;
    let covered = || rows.iter().filter(|row| row.covered());
    let sum = |field: fn(&Row) -> u64| covered().map(field).sum::<u64>();
    let known: u64 = covered()
        .filter(|row| !row.differs())
        .map(|row| row.mismatches)
        .sum();
    let unexplained = sum(|row| row.mismatches) - known;
    let changes = match checked.changes.len() {
        0 => String::new(),
        changes => format!(", {} changes of what is known", grouped(changes as u64)),
    };
    format!(
        "{} vectors, {} values: {} mismatches unexplained, {} known upstream{changes}; not covered yet: {} files",
        grouped(sum(|row| row.vectors)),
        grouped(sum(|row| row.values)),
        grouped(unexplained),
        grouped(known),
        grouped(
            rows.iter()
                .filter(|row| !row.covered())
                .map(|row| row.vectors)
                .sum()
        ),
    )
}
