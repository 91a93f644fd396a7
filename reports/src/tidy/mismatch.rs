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

/// Of each suite, the case with most mismatches: it stands for all, which would be too many.
fn worst<'a>(of: &Subject<'a>) -> impl Iterator<Item = (&'a str, &'a str, &'a Spread)> {
    let suites: Vec<&'a str> = of.cells.keys().copied().collect();
    suites.into_iter().filter_map(|suite| {
        let (case, spread) = spreads(of, suite)
            .into_iter()
            .max_by_key(|(_, spread)| spread.cells.iter().map(|cell| cell[2]).sum::<u64>())?;
        Some((suite, case, spread))
    })
}

/// One row for each map of mismatches, numbered from 0; its cells are those of [`places`].
pub(super) fn maps(survey: &Survey<'_>) -> Sheet {
    const COLUMNS: [&str; 6] = [
        "suite",
        "case",
        "output",
        "shape",
        "grid_rows",
        "grid_columns",
    ];
    let mut sheet = Sheet::by_subject(survey, "mismatch_maps", &COLUMNS, |of| {
        let map = |(suite, case, spread): (&str, &str, &Spread)| {
            vec![
                suite.to_owned(),
                case.to_owned(),
                spread.output.to_string(),
                joined(&spread.shape, "x"),
                spread.grid[0].to_string(),
                spread.grid[1].to_string(),
            ]
        };
        worst(of).map(map).collect()
    });
    sheet.columns.insert(0, "map");
    for (number, row) in sheet.rows.iter_mut().enumerate() {
        row.insert(0, number.to_string());
    }
    sheet
}

/// One row for each cell with mismatches of each of the [`maps`].
pub(super) fn places(survey: &Survey<'_>) -> Sheet {
    let maps = survey.subjects.iter().flat_map(worst).enumerate();
    Sheet {
        name: "mismatch_places",
        columns: vec!["map", "row", "column", "mismatches"],
        rows: maps
            .flat_map(|(map, (_, _, spread))| {
                spread.cells.iter().map(move |&[row, column, count]| {
                    [map as u64, row, column, count]
                        .map(|n| n.to_string())
                        .into()
                })
            })
            .collect(),
    }
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
