//! Sheets of verdicts: matrix, records, events, runs.

use qassay_suites::record::Verdict;

use super::{Sheet, joined, optional};
use crate::survey::Survey;

/// One row for each subject, suite and verdict.
pub(super) fn matrix(survey: &Survey<'_>) -> Sheet {
    Sheet::by_subject(survey, "matrix", &["suite", "verdict", "cases"], |of| {
        let verdicts = of.cells.iter().flat_map(|(suite, cell)| {
            (cell.verdicts.iter()).map(move |(verdict, cases)| (*suite, verdict.word(), cases))
        });
        verdicts
            .map(|(suite, verdict, cases)| {
                vec![suite.to_owned(), verdict.to_owned(), cases.to_string()]
            })
            .collect()
    })
}

/// One row for each case of each subject.
pub(super) fn records(survey: &Survey<'_>) -> Sheet {
    const COLUMNS: [&str; 13] = [
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
    ];
    Sheet::by_subject(survey, "records", &COLUMNS, |of| {
        let row = |record: &&qassay_suites::record::Record| {
            let first = (record.first.as_ref()).filter(|_| record.verdict == Verdict::Differs);
            vec![
                record.suite.clone(),
                record.case.clone(),
                record.verdict.word().to_owned(),
                record.values.to_string(),
                record.open.to_string(),
                record.mismatches.to_string(),
                first.map_or_else(String::new, |first| joined(&first.index, " ")),
                optional(first.map(|first| &first.expected)),
                optional(first.map(|first| &first.got)),
                record.chosen.clone(),
                record.data_hash.clone(),
                optional(record.output_hash.as_ref()),
                record.detail.clone(),
            ]
        };
        of.records.iter().map(row).collect()
    })
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
        columns: vec!["suite", "event", "times"],
        rows: rows.collect(),
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
            joined(&cpu.caches_kib, " "),
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
        columns: vec![
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
