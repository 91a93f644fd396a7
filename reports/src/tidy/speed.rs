//! Sheets of times: one row a measurement, one row a sample, and what the CPU can do.

use super::{Sheet, optional};
use crate::speed::{Row, rows};
use crate::survey::Survey;

/// The columns that say which measurement a row is about.
fn place(survey: &Survey<'_>, row: &Row<'_>) -> Vec<String> {
    let measurement = row.measurement;
    vec![
        measurement.backend.clone(),
        survey.cpus[row.cpu].label.clone(),
        row.set.clone(),
        row.name.clone(),
        measurement.case.clone(),
        measurement.threads.to_string(),
        measurement.caches.word().to_owned(),
    ]
}

/// One row for each measurement.
pub(super) fn speed(survey: &Survey<'_>) -> Sheet {
    let rows = rows(survey).into_iter().map(|row| {
        let measurement = row.measurement;
        let time = measurement.time.as_ref();
        let mut values = place(survey, &row);
        values.extend([
            measurement.verdict.word().to_owned(),
            measurement.chosen.clone(),
            measurement.data_hash.clone(),
            measurement.work.macs.to_string(),
            measurement.work.bytes().to_string(),
            optional(measurement.prepare_ns),
            optional(time.map(|time| time.median_ns)),
            optional(time.map(|time| time.interval_ns[0])),
            optional(time.map(|time| time.interval_ns[1])),
            optional(time.map(|time| time.unstable)),
            optional(time.map(|time| time.gops(&measurement.work))),
            optional(time.map(|time| time.gbytes(&measurement.work))),
            optional(time.and_then(|time| Some(time.share.as_ref()?.share))),
            optional(time.and_then(|time| Some(&time.share.as_ref()?.limit))),
            optional(row.to_best.as_ref().map(|best| best.base)),
            optional(row.to_best.as_ref().map(|best| best.ratio)),
            optional(row.to_best.as_ref().map(|best| best.interval[0])),
            optional(row.to_best.as_ref().map(|best| best.interval[1])),
        ]);
        values
    });
    Sheet {
        name: "speed",
        columns: vec![
            "backend",
            "cpu",
            "set",
            "shape",
            "case",
            "threads",
            "caches",
            "verdict",
            "chosen",
            "data_hash",
            "multiply_accumulates",
            "bytes",
            "prepare_ns",
            "median_ns",
            "low_ns",
            "high_ns",
            "unstable",
            "gops",
            "gbytes_per_s",
            "share_of_peak",
            "limit",
            "best",
            "speed_to_best",
            "speed_to_best_low",
            "speed_to_best_high",
        ],
        rows: rows.collect(),
    }
}

/// One row for each sample.
pub(super) fn samples(survey: &Survey<'_>) -> Sheet {
    let mut all = Vec::new();
    for row in rows(survey) {
        let Some(time) = &row.measurement.time else {
            continue;
        };
        let rounds = (time.samples_ns.len() / time.passes.max(1)).max(1);
        for (round, ns) in time.samples_ns.iter().enumerate() {
            let mut values = place(survey, &row);
            values.extend([
                (round / rounds).to_string(),
                round.to_string(),
                time.iterations.to_string(),
                ns.to_string(),
                optional(time.yardstick_ns.get(round)),
            ]);
            all.push(values);
        }
    }
    Sheet {
        name: "samples",
        columns: vec![
            "backend",
            "cpu",
            "set",
            "shape",
            "case",
            "threads",
            "caches",
            "pass",
            "round",
            "iterations",
            "ns",
            "yardstick_ns",
        ],
        rows: all,
    }
}

/// One row for each thing that a CPU was measured at, in each run.
pub(super) fn peaks(survey: &Survey<'_>) -> Sheet {
    let mut rows = Vec::new();
    for source in &survey.input.runs {
        let Some(measuring) = &source.run.header.measuring else {
            continue;
        };
        let label = survey
            .cpus
            .iter()
            .find(|cpu| cpu.fingerprint == source.run.header.cpu)
            .map_or("", |cpu| &cpu.label);
        let mut push = |what: &str, name: &str, unit: &str, value: f64| {
            rows.push(
                [
                    &source.files.join(" "),
                    label,
                    what,
                    name,
                    unit,
                    &value.to_string(),
                ]
                .map(str::to_owned)
                .into(),
            );
        };
        let peaks = &measuring.peaks;
        push("clock", "cycles", "GHz", peaks.ghz);
        for peak in &peaks.schemes {
            push("compute", &peak.scheme, "GOP/s", peak.gops);
        }
        for width in &peaks.bandwidths {
            push("read", &width.level, "GB/s", width.read);
            push("write", &width.level, "GB/s", width.write);
            if let Some(past) = width.write_non_temporal {
                push("write-non-temporal", &width.level, "GB/s", past);
            }
            push("copy", &width.level, "GB/s", width.copy);
        }
    }
    Sheet {
        name: "peaks",
        columns: vec!["files", "cpu", "what", "name", "unit", "value"],
        rows,
    }
}
