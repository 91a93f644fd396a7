//! Sheets of what differs: why, where in the output, and by how much.

use std::collections::BTreeMap;

use qassay_suites::record::{Spread, Unit};

use super::{Sheet, joined, optional};
use crate::survey::{Subject, Survey};

/// One row for each axis that explains a difference (one without axis where none does).
pub(super) fn differences(survey: &Survey<'_>) -> Sheet {
    const COLUMNS: [&str; 8] = [
        "suite",
        "axis",
        "expected",
        "actual",
        "identified_profile",
        "smallest_case",
        "command",
        "sentence",
    ];
    Sheet::by_subject(survey, "differences", &COLUMNS, |of| {
        let mut rows = Vec::new();
        for found in &of.explanations {
            let axes = found.axes.iter();
            let mut changes: Vec<[&str; 3]> = axes
                .map(|axis| [axis.axis.as_str(), &axis.expected, &axis.actual])
                .collect();
            if changes.is_empty() {
                changes.push([""; 3]);
            }
            for [axis, expected, actual] in changes {
                rows.push(vec![
                    found.suite.clone(),
                    axis.to_owned(),
                    expected.to_owned(),
                    actual.to_owned(),
                    optional(found.identified.as_ref()),
                    found.shrunk_case.clone(),
                    found.repro.clone(),
                    found.sentence.clone(),
                ]);
            }
        }
        rows
    })
}

/// Everything that is known of where and how a subject differs in a suite.
fn spreads<'a>(of: &Subject<'a>, suite: &str) -> Vec<(&'a str, &'a Spread)> {
    of.in_suite(suite)
        .filter_map(|record| Some((record.case.as_str(), record.spread.as_ref()?)))
        .collect()
}

/// One row for each cell with mismatches. Of each suite, the case with most mismatches stands for
/// all: those would be too many.
pub(super) fn places(survey: &Survey<'_>) -> Sheet {
    const COLUMNS: [&str; 9] = [
        "suite",
        "case",
        "output",
        "shape",
        "grid_rows",
        "grid_columns",
        "row",
        "column",
        "mismatches",
    ];
    Sheet::by_subject(survey, "mismatch_places", &COLUMNS, |of| {
        let mut rows = Vec::new();
        for suite in of.cells.keys() {
            let worst = spreads(of, suite)
                .into_iter()
                .max_by_key(|(_, spread)| spread.cells.iter().map(|cell| cell[2]).sum::<u64>());
            let Some((case, spread)) = worst else {
                continue;
            };
            let place = [
                (*suite).to_owned(),
                case.to_owned(),
                spread.output.to_string(),
                joined(&spread.shape, "x"),
                spread.grid[0].to_string(),
                spread.grid[1].to_string(),
            ];
            for cell in &spread.cells {
                let mut row = place.to_vec();
                row.extend(cell.map(|number| number.to_string()));
                rows.push(row);
            }
        }
        rows
    })
}

/// Mismatches by unit and size of all failing cases in one suite.
pub(crate) fn sizes(of: &Subject<'_>, suite: &str) -> BTreeMap<(Unit, Option<i64>), u64> {
    let mut sizes = BTreeMap::new();
    for (_, spread) in spreads(of, suite) {
        for (size, count) in &spread.sizes {
            *sizes.entry((spread.unit, Some(*size))).or_default() += count;
        }
        if spread.not_a_number > 0 {
            *sizes.entry((spread.unit, None)).or_default() += spread.not_a_number;
        }
    }
    sizes
}

/// One row for each size of mismatches of each subject in each suite.
pub(super) fn by_size(survey: &Survey<'_>) -> Sheet {
    let columns = ["suite", "unit", "size", "mismatches"];
    Sheet::by_subject(survey, "mismatch_sizes", &columns, |of| {
        let mut rows = Vec::new();
        for suite in of.cells.keys() {
            for ((unit, size), mismatches) in sizes(of, suite) {
                rows.push(vec![
                    (*suite).to_owned(),
                    unit.word().to_owned(),
                    size.map_or_else(|| "nan".to_owned(), |size| size.to_string()),
                    mismatches.to_string(),
                ]);
            }
        }
        rows
    })
}
