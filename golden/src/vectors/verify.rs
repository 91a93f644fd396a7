//! Checks a golden directory: hashes, form, and every value against the reference.

use super::format::{GoldenCase, GoldenFile, Outcome, first_difference, parse};
use super::manifest::{self, hash};
use super::{VectorsError, generate};
use crate::tensor::Tensor;
use std::collections::BTreeSet;
use std::path::Path;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// golden files that were read
    pub files: usize,
    /// cases that were recomputed
    pub cases: usize,
    /// output values that were compared, over all profiles
    pub values: usize,
    /// one line per thing that is not as it should be
    pub findings: Vec<String>,
}

impl Report {
    /// Whether everything is as it should be.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Recomputes every case of a golden directory from the inputs in its file and
/// compares with the outputs in the file; compares the cases with those that
/// [`generate`](super::generate) makes; compares hashes with the manifest.
///
/// # Errors
/// When the manifest cannot be read. Everything else is a finding.
pub fn verify(dir: &Path) -> Result<Report, VectorsError> {
    let manifest = manifest::read_manifest(dir)?;
    let mut report = Report::default();
    let mut seen = BTreeSet::new();
    let fresh = generate::compute();
    for entry in &manifest.files {
        seen.insert(entry.file.clone());
        let path = dir.join(&entry.file);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                report
                    .findings
                    .push(VectorsError::io(&path)(error).to_string());
                continue;
            }
        };
        report.files += 1;
        let found = report.findings.len();
        let text = String::from_utf8_lossy(&bytes);
        match parse(&path, &text) {
            Err(error) => report.findings.push(error.to_string()),
            Ok(file) => {
                let fresh = fresh.iter().find(|fresh| fresh.op == file.op);
                check_file(&entry.file, &file, fresh, &mut report);
            }
        }
        let got = hash(&bytes);
        if got != entry.blake3 {
            // After what was found in it, which says more.
            report.findings.insert(
                found,
                format!(
                    "{}: the file's BLAKE3 is {}.., MANIFEST.json says {}..",
                    entry.file,
                    &got[..12],
                    entry.blake3.get(..12).unwrap_or(&entry.blake3),
                ),
            );
        }
    }
    for file in manifest::files_present(dir)? {
        if !seen.contains(&file) {
            report
                .findings
                .push(format!("{file}: MANIFEST.json does not list it"));
        }
    }
    for fresh in &fresh {
        if !seen
            .iter()
            .any(|file| file.ends_with(&format!("/{}.json", fresh.op)))
        {
            report.findings.push(format!(
                "MANIFEST.json lists no file for the op {}",
                fresh.op
            ));
        }
    }
    Ok(report)
}

fn check_file(name: &str, file: &GoldenFile, fresh: Option<&GoldenFile>, report: &mut Report) {
    for case in &file.cases {
        report.cases += 1;
        check_outputs(name, case, report);
        match fresh.and_then(|fresh| fresh.cases.iter().find(|f| f.name == case.name)) {
            None => report.findings.push(format!(
                "{name}: case {}: `golden generate` makes no such case",
                case.name
            )),
            Some(fresh) => check_operands(name, case, fresh, report),
        }
    }
    for fresh in fresh.iter().flat_map(|fresh| &fresh.cases) {
        if !file.cases.iter().any(|case| case.name == fresh.name) {
            report
                .findings
                .push(format!("{name}: case {} is missing", fresh.name));
        }
    }
}

/// Recomputes the outputs from the operands in the file.
fn check_outputs(name: &str, case: &GoldenCase, report: &mut Report) {
    let problem = case.problem();
    let at = |profile: &str| format!("{name}: case {}, profile {profile}", case.name);
    for expected in &case.expected {
        for profile in &expected.profiles {
            match Outcome::compute(&problem, profile) {
                Outcome::Undefined(reason) => report.findings.push(format!(
                    "{}: the file has outputs, the reference has none: {reason}",
                    at(profile)
                )),
                Outcome::Defined(outputs, open) => {
                    report.values += outputs.iter().map(Tensor::len).sum::<usize>();
                    let place = at(profile);
                    compare(
                        &place,
                        "output",
                        &expected.outputs,
                        &outputs,
                        "the reference computes",
                        report,
                    );
                    if open != expected.open {
                        report.findings.push(format!(
                            "{place}: the file leaves {:?} open, the reference {open:?}",
                            expected.open
                        ));
                    }
                }
            }
        }
    }
    for undefined in &case.undefined {
        for profile in &undefined.profiles {
            match Outcome::compute(&problem, profile) {
                Outcome::Undefined(reason) if reason == undefined.reason => {}
                Outcome::Undefined(reason) => report.findings.push(format!(
                    "{}: undefined because {:?} in the file, because {reason:?} in the reference",
                    at(profile),
                    undefined.reason
                )),
                Outcome::Defined(..) => report.findings.push(format!(
                    "{}: the file says undefined, the reference computes outputs",
                    at(profile)
                )),
            }
        }
    }
}

/// Compares what the case is made of, and which profiles it lists, with what the generator makes.
fn check_operands(name: &str, case: &GoldenCase, fresh: &GoldenCase, report: &mut Report) {
    let at = format!("{name}: case {}", case.name);
    if case.spec != fresh.spec {
        report.findings.push(format!(
            "{at}: the spec is not the one that `golden generate` makes"
        ));
    }
    let makes = "`golden generate` makes";
    compare(&at, "input", &case.inputs, &fresh.inputs, makes, report);
    let constants = |case: &GoldenCase| -> Vec<Tensor> {
        let constants = &case.constants;
        constants
            .weights
            .iter()
            .chain(&constants.bias)
            .cloned()
            .collect()
    };
    compare(
        &at,
        "constant",
        &constants(case),
        &constants(fresh),
        makes,
        report,
    );
    let profiles = |case: &GoldenCase| -> BTreeSet<String> {
        let defined = case.expected.iter().flat_map(|e| e.profiles.clone());
        defined
            .chain(case.undefined.iter().flat_map(|u| u.profiles.clone()))
            .collect()
    };
    let (has, should) = (profiles(case), profiles(fresh));
    for missing in should.difference(&has) {
        report
            .findings
            .push(format!("{at}: profile {missing} is missing"));
    }
}

fn compare(
    at: &str,
    what: &str,
    file: &[Tensor],
    right: &[Tensor],
    source: &str,
    report: &mut Report,
) {
    if file.len() != right.len() {
        let (has, should) = (file.len(), right.len());
        report.findings.push(format!(
            "{at}: {has} {what}s in the file, {source} {should}"
        ));
    }
    for (index, (file, right)) in file.iter().zip(right).enumerate() {
        if let Some((element, has, should)) = first_difference(file, right) {
            report.findings.push(format!(
                "{at}, {what} {index}, element {element}: the file says {has}, {source} {should}"
            ));
        }
    }
}
