//! Which runs the report is made of: CPU, toolchain, command, level, totals.

use maud::{Markup, html};

use super::page::Page;
use crate::input;
use crate::paint::grouped;
use crate::survey::Survey;

pub(super) fn page(survey: &Survey<'_>) -> Page {
    let body = html! {
        h2 id="cpus" { "CPUs" }
        @for cpu in &survey.cpus {
            @let print = &cpu.fingerprint;
            section {
                h3 { (cpu.label) }
                dl.facts {
                    div { dt { "architecture" } dd { (print.architecture) } }
                    div { dt { "vendor" } dd { (print.vendor) } }
                    div { dt { "family, model, stepping" } dd { (print.family) ", " (print.model) ", " (print.stepping) } }
                    div { dt { "caches" } dd { (caches(&print.caches_kib)) } }
                    div.full { dt { "features" } dd { (print.features.join(", ")) } }
                }
            }
        }
        h2 id="runs" { "Runs" }
        @for source in &survey.input.runs {
            @let header = &source.run.header;
            @let summary = &source.run.summary;
            section {
                h3 { (source.files.join(", ")) }
                dl.facts {
                    div.full { dt { "command" } dd { pre { code { (input::command(header).join(" ")) } } } }
                    div { dt { "qassay" } dd { (header.version) @if let Some(revision) = &header.revision { " (" (revision) ")" } } }
                    div { dt { "toolchain" } dd { (header.toolchain) } }
                    div { dt { "level" } dd { (header.level) } }
                    div { dt { "seed" } dd { (header.seed) } }
                    @if let Some(shard) = &header.shard { div { dt { "part" } dd { (shard) } } }
                    div { dt { "CPU" } dd { (header.cpu.model_name) } }
                    div { dt { "golden set" } dd { code { (header.golden_hash.get(..16).unwrap_or(&header.golden_hash)) } } }
                    div { dt { "cases" } dd { (grouped(summary.cases)) } }
                    div { dt { "judged" } dd { (grouped(summary.judged)) } }
                    div { dt { "values" } dd { (grouped(summary.values)) } }
                    div { dt { "timed" } dd { (grouped(source.run.measurements.len() as u64)) } }
                    div { dt { "took" } dd { (format!("{:.1} s", summary.seconds)) } }
                }
                p.verdicts { @for (word, count) in &summary.verdicts {
                    span { (grouped(*count)) " " (word) } " "
                } }
            }
        }
        p.files { "Every record: " code { "qassay report RUN.jsonl --csv DIR" } }
    };
    Page {
        file: "runs.html".into(),
        title: "Runs and CPUs".into(),
        body,
    }
}

/// `L1d 48 KiB, L2 2 MiB, L3 300 MiB`.
fn caches(kib: &[u64]) -> Markup {
    const NAMES: [&str; 4] = ["L1d", "L2", "L3", "L4"];
    let texts: Vec<String> = kib
        .iter()
        .zip(NAMES)
        .map(|(size, name)| match size {
            size if *size >= 1024 => format!("{name} {} MiB", size / 1024),
            size => format!("{name} {size} KiB"),
        })
        .collect();
    html! { @if texts.is_empty() { "unknown" } @else { (texts.join(", ")) } }
}
