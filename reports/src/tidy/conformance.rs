//! Sheets of verdicts: matrix, differences, mismatches, agreement, events, records, runs.

use std::collections::BTreeMap;

use qassay_suites::record::{Spread, Unit, Verdict};

use super::{Sheet, optional};
use crate::agreement;
use crate::survey::{Subject, Survey};

/// The columns that say which subject a row is about.
fn subject(survey: &Survey<'_>, subject: &Subject<'_>) -> Vec<String> {
    [
        subject.backend,
        subject.execution,
        subject.profile,
        &survey.cpus[subject.cpu].label,
    ]
    .map(str::to_owned)
    .into()
}

/// A row that starts with its subject.
fn row(
    survey: &Survey<'_>,
    of: &Subject<'_>,
    rest: impl IntoIterator<Item = String>,
) -> Vec<String> {
    let mut row = subject(survey, of);
    row.extend(rest);
    row
}

/// One row for each subject, suite and verdict.
pub(super) fn matrix(survey: &Survey<'_>) -> Sheet {
    let mut rows = Vec::new();
    for of in &survey.subjects {
        for (suite, cell) in &of.cells {
            for (verdict, cases) in &cell.verdicts {
                let rest = [
                    (*suite).to_owned(),
                    verdict.word().to_owned(),
                    cases.to_string(),
                ];
                rows.push(row(survey, of, rest));
            }
        }
    }
    Sheet {
        name: "matrix",
        columns: &[
            "backend",
            "execution",
            "profile",
            "cpu",
            "suite",
            "verdict",
            "cases",
        ],
        rows,
    }
}

/// One row for each axis that explains a difference (one without axis where none does).
pub(super) fn differences(survey: &Survey<'_>) -> Sheet {
    let mut rows = Vec::new();
    for of in &survey.subjects {
        for found in &of.explanations {
            let mut changes: Vec<[&str; 3]> = found
                .axes
                .iter()
                .map(|axis| [axis.axis.as_str(), &axis.expected, &axis.actual])
                .collect();
            if changes.is_empty() {
                changes.push([""; 3]);
            }
            for change in changes {
                let mut rest = vec![found.suite.clone()];
                rest.extend(change.map(str::to_owned));
                rest.extend([
                    optional(found.identified.as_ref()),
                    found.shrunk_case.clone(),
                    found.repro.clone(),
                    found.sentence.clone(),
                ]);
                rows.push(row(survey, of, rest));
            }
        }
    }
    Sheet {
        name: "differences",
        columns: &[
            "backend",
            "execution",
            "profile",
            "cpu",
            "suite",
            "axis",
            "expected",
            "actual",
            "identified_profile",
            "smallest_case",
            "command",
            "sentence",
        ],
        rows,
    }
}

/// Everything that is known of where and how a subject differs in a suite.
fn spreads<'a>(of: &Subject<'a>, suite: &str) -> Vec<(&'a str, &'a Spread)> {
    of.in_suite(suite)
        .filter_map(|record| Some((record.case.as_str(), record.spread.as_ref()?)))
        .collect()
}

/// One row for each cell with mismatches of each case.
pub(super) fn mismatch_places(survey: &Survey<'_>) -> Sheet {
    let mut rows = Vec::new();
    for of in &survey.subjects {
        for suite in of.cells.keys() {
            // The case with most mismatches stands for the suite; all would be too many.
            let worst = spreads(of, suite)
                .into_iter()
                .max_by_key(|(_, spread)| spread.cells.iter().map(|cell| cell[2]).sum::<u64>());
            let Some((case, spread)) = worst else {
                continue;
            };
            for [grid_row, grid_column, mismatches] in &spread.cells {
                let rest = [
                    (*suite).to_owned(),
                    case.to_owned(),
                    spread.output.to_string(),
                    spread
                        .shape
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join("x"),
                    spread.grid[0].to_string(),
                    spread.grid[1].to_string(),
                    grid_row.to_string(),
                    grid_column.to_string(),
                    mismatches.to_string(),
                ];
                rows.push(row(survey, of, rest));
            }
        }
    }
    Sheet {
        name: "mismatch_places",
        columns: &[
            "backend",
            "execution",
            "profile",
            "cpu",
            "suite",
            "case",
            "output",
            "shape",
            "grid_rows",
            "grid_columns",
            "row",
            "column",
            "mismatches",
        ],
        rows,
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
pub(super) fn mismatch_sizes(survey: &Survey<'_>) -> Sheet {
    let mut rows = Vec::new();
    for of in &survey.subjects {
        for suite in of.cells.keys() {
            for ((unit, size), mismatches) in sizes(of, suite) {
                let size = size.map_or_else(|| "nan".to_owned(), |size| size.to_string());
                let rest = [
                    (*suite).to_owned(),
                    unit.word().to_owned(),
                    size,
                    mismatches.to_string(),
                ];
                rows.push(row(survey, of, rest));
            }
        }
    }
    Sheet {
        name: "mismatch_sizes",
        columns: &[
            "backend",
            "execution",
            "profile",
            "cpu",
            "suite",
            "unit",
            "size",
            "mismatches",
        ],
        rows,
    }
}

/// One row for each pair of subjects in each suite that both answered.
pub(super) fn agreement(survey: &Survey<'_>) -> Sheet {
    let mut rows = Vec::new();
    for suite in &survey.suites {
        let found = agreement::agreement(survey, Some(suite));
        for (a, &first) in found.order.iter().enumerate() {
            for (b, &second) in found.order.iter().enumerate().skip(a + 1) {
                let pair = found.pairs[a][b];
                rows.push(vec![
                    (*suite).to_owned(),
                    survey.name(&survey.subjects[first]),
                    survey.name(&survey.subjects[second]),
                    pair.common.to_string(),
                    pair.identical.to_string(),
                ]);
            }
        }
    }
    Sheet {
        name: "agreement",
        columns: &["suite", "a", "b", "common_cases", "identical_cases"],
        rows,
    }
}

/// One row for each suite and event, events that never occurred included.
pub(super) fn events(survey: &Survey<'_>) -> Sheet {
    let counts = crate::coverage::by_suite(survey);
    let rows = survey.suites.iter().flat_map(|suite| {
        let counts = &counts;
        qassay_golden::witness::Event::ALL.iter().map(move |event| {
            let times = counts.get(&(*suite, event.key())).copied().unwrap_or(0);
            vec![
                (*suite).to_owned(),
                event.key().to_owned(),
                times.to_string(),
            ]
        })
    });
    Sheet {
        name: "events",
        columns: &["suite", "event", "times"],
        rows: rows.collect(),
    }
}

/// One row for each case of each subject.
pub(super) fn records(survey: &Survey<'_>) -> Sheet {
    let mut rows = Vec::new();
    for of in &survey.subjects {
        for record in &of.records {
            let first = record
                .first
                .as_ref()
                .filter(|_| record.verdict == Verdict::Differs);
            let index = first.map(|first| {
                first
                    .index
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            });
            let rest = [
                record.suite.clone(),
                record.case.clone(),
                record.verdict.word().to_owned(),
                record.values.to_string(),
                record.open.to_string(),
                record.mismatches.to_string(),
                index.unwrap_or_default(),
                optional(first.map(|first| &first.expected)),
                optional(first.map(|first| &first.got)),
                record.chosen.clone(),
                record.data_hash.clone(),
                optional(record.output_hash.as_ref()),
                record.detail.clone(),
            ];
            rows.push(row(survey, of, rest));
        }
    }
    Sheet {
        name: "records",
        columns: &[
            "backend",
            "execution",
            "profile",
            "cpu",
            "suite",
            "case",
            "verdict",
            "values",
            "open_values",
            "mismatches",
            "first_index",
            "first_expected",
            "first_got",
            "chosen",
            "data_hash",
            "output_hash",
            "detail",
        ],
        rows,
    }
}

/// One row for each run.
pub(super) fn runs(survey: &Survey<'_>) -> Sheet {
    let rows = survey.input.runs.iter().map(|source| {
        let (header, summary) = (&source.run.header, &source.run.summary);
        let cpu = &header.cpu;
        vec![
            source.files.join(" "),
            header.version.clone(),
            optional(header.revision.as_ref()),
            header.toolchain.clone(),
            cpu.architecture.clone(),
            cpu.vendor.clone(),
            cpu.model_name.clone(),
            cpu.family.to_string(),
            cpu.model.to_string(),
            cpu.stepping.to_string(),
            cpu.features.join(" "),
            cpu.caches_kib
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
            header.golden_hash.clone(),
            header.level.clone(),
            header.seed.to_string(),
            optional(header.shard.as_ref()),
            crate::input::command(header).join(" "),
            summary.cases.to_string(),
            summary.judged.to_string(),
            source.run.measurements.len().to_string(),
            summary.seconds.to_string(),
        ]
    });
    Sheet {
        name: "runs",
        columns: &[
            "files",
            "version",
            "revision",
            "toolchain",
            "architecture",
            "vendor",
            "cpu",
            "family",
            "model",
            "stepping",
            "features",
            "caches_kib",
            "golden_hash",
            "level",
            "seed",
            "shard",
            "command",
            "cases",
            "judged",
            "measured",
            "seconds",
        ],
        rows: rows.collect(),
    }
}
