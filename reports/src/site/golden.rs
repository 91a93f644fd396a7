//! What "right" rests on: the golden set, the captures of real systems, and
//! which of them these runs used.

use std::collections::BTreeMap;
use std::path::Path;

use maud::{Markup, html};
use qassay_golden::captures;
use qassay_golden::vectors;

use super::page::{self, Page};
use crate::paint::grouped;
use crate::survey::Survey;

/// What lies in the golden folder, as far as it can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// golden files: name, cases, blake3
    pub files: Vec<(String, u64, String)>,
    /// one hash over the set
    pub hash: Option<String>,
    /// captured systems: system, version, files, values
    pub systems: Vec<(String, String, u64, u64)>,
    /// why something is missing
    pub missing: Vec<String>,
}

impl Facts {
    /// Reads the golden folder `dir`.
    pub fn read(dir: &Path) -> Self {
        let mut facts = Self::default();
        match vectors::read_manifest(dir) {
            Ok(manifest) => {
                facts.files = manifest
                    .files
                    .into_iter()
                    .map(|entry| (entry.file, entry.cases as u64, entry.blake3))
                    .collect();
            }
            Err(error) => facts
                .missing
                .push(format!("the golden set cannot be read here: {error}")),
        }
        facts.hash = vectors::set_hash(dir).ok();
        match captures::folders(&dir.join("captures")) {
            Ok(folders) => {
                let mut systems: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
                for folder in folders {
                    let manifest = folder.manifest;
                    let version = manifest.version.unwrap_or_default();
                    let of = systems.entry((manifest.system, version)).or_default();
                    of.0 += manifest.files.len() as u64;
                    of.1 += manifest
                        .files
                        .iter()
                        .map(|entry| entry.values(|_| true))
                        .sum::<u64>();
                }
                facts.systems = systems
                    .into_iter()
                    .map(|((system, version), (files, values))| (system, version, files, values))
                    .collect();
            }
            Err(error) => facts
                .missing
                .push(format!("captures cannot be read here: {error}")),
        }
        facts
    }
}

pub(super) fn page(survey: &Survey<'_>, facts: &Facts) -> Page {
    let body = html! {
        p {
            "The reference says what every bit should be. It is checked against golden vectors that anyone can "
            "generate again, and against values that real systems computed."
        }
        @for what in &facts.missing { p.answer.bad { (what) } }
        (runs(survey, facts))
        (used(survey))
        @if !facts.systems.is_empty() {
            h2 id="captures" { "Captures of real systems" }
            (page::table(
                "captures",
                &[("system", false), ("version", false), ("files", true), ("values", true)],
                html! { @for (system, version, files, values) in &facts.systems { tr {
                    th scope="row" { (system) }
                    td.wide { (version) }
                    (page::count(*files))
                    (page::count(*values))
                } } },
            ))
        }
        @if !facts.files.is_empty() {
            h2 id="set" { "The golden set" }
            (page::table(
                "golden files",
                &[("file", false), ("cases", true), ("blake3", false)],
                html! { @for (file, cases, hash) in &facts.files { tr {
                    th scope="row" { (file) }
                    (page::count(*cases))
                    td { code title=(hash) { (short(hash)) } }
                } } },
            ))
        }
    };
    Page {
        file: "golden.html".into(),
        title: "Golden set and captures".into(),
        body,
    }
}

fn short(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}

/// Whether runs stood on the golden set that lies here.
fn runs(survey: &Survey<'_>, facts: &Facts) -> Markup {
    let mut hashes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in &survey.input.runs {
        let files = source.files.join(", ");
        hashes
            .entry(&source.run.header.golden_hash)
            .or_default()
            .push(files);
    }
    html! {
        @if hashes.len() > 1 {
            p.answer.bad {
                strong { "These runs stand on different golden sets. " }
                "Their verdicts do not say the same thing."
            }
        }
        @for (hash, files) in &hashes {
            p {
                "Golden set " code title=(hash) { (short(hash)) } " in " (files.join(", "))
                @match facts.hash.as_deref() {
                    Some(here) if here == *hash => { ": the set listed below." }
                    Some(_) => { ": another set than the one listed below." }
                    None => { "." }
                }
            }
        }
    }
}

/// Captured layers among the cases.
fn used(survey: &Survey<'_>) -> Markup {
    let mut layers: BTreeMap<&str, std::collections::BTreeSet<&str>> = BTreeMap::new();
    for record in survey.subjects.iter().flat_map(|subject| &subject.records) {
        if let Some(rest) = record.case.strip_prefix("captured/") {
            let network = rest.split('/').next().unwrap_or(rest);
            layers.entry(network).or_default().insert(&record.case);
        }
    }
    html! {
        @if !layers.is_empty() {
            h2 id="used" { "Captured layers that these runs asked" }
            p { "Layers of real networks with their real weights and activations. Where a backend has an engine's "
                "arithmetic, it must give that engine's own outputs as well." }
            (page::table("captured layers", &[("network", false), ("layers", true)], html! {
                @for (network, cases) in &layers {
                    tr { th scope="row" { (network) } (page::count(cases.len() as u64)) }
                }
            }))
            p { (grouped(layers.values().map(|cases| cases.len() as u64).sum())) " layers." }
        }
    }
}
