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
    /// those findings that say a file is missing or not of the documented form
    pub unreadable: Vec<String>,
}

impl Report {
    /// Whether everything is as it should be.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn unreadable(&mut self, error: &VectorsError) {
        self.findings.push(error.to_string());
        self.unreadable.push(error.to_string());
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        write!(
            f,
            "{} files, {} cases, {} values recomputed: ",
            self.files, self.cases, self.values
        )?;
        match self.findings.len() {
            0 => write!(f, "all as the reference computes"),
            1 => write!(f, "1 thing is wrong"),
            n => write!(f, "{n} things are wrong"),
        }
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
                report.unreadable(&VectorsError::io(&path)(error));
                continue;
            }
        };
        report.files += 1;
        let found = report.findings.len();
        let text = String::from_utf8_lossy(&bytes);
        match parse(&path, &text) {
            Err(error) => report.unreadable(&error),
            Ok(file) => {
                let fresh = fresh.iter().find(|fresh| fresh.op == file.op);
                check_file(&entry.file, &file, fresh, &mut report);
            }
        }
        let got = hash(&bytes);
        if got != entry.blake3 && report.findings.len() == found {
            // Nothing that says more was found in it.
            let listed = entry.blake3.get(..12).unwrap_or(&entry.blake3);
            report.findings.push(format!(
                "{}: the file's BLAKE3 is {}.., MANIFEST.json says {listed}..",
                entry.file,
                &got[..12]
            ));
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
        let at = format!("{name}: case {}", case.name);
        let before = report.findings.len();
        match fresh.and_then(|fresh| fresh.cases.iter().find(|f| f.name == case.name)) {
            None => (report.findings).push(format!("{at}: `golden generate` makes no such case")),
            Some(fresh) => check_operands(&at, case, fresh, report),
        }
        // Outputs of other operands than the generator's would all differ.
        if report.findings.len() == before {
            check_outputs(&at, case, report);
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
fn check_outputs(at: &str, case: &GoldenCase, report: &mut Report) {
    let problem = case.problem();
    for expected in &case.expected {
        let found = (expected.profiles.iter()).flat_map(|profile| {
            let found = match Outcome::compute(&problem, profile) {
                Outcome::Undefined(reason) => {
                    vec![format!(
                        "the file has outputs, the reference has none: {reason}"
                    )]
                }
                Outcome::Defined(outputs, open) => {
                    report.values += outputs.iter().map(Tensor::len).sum::<usize>();
                    let source = "the reference computes";
                    let mut found = compare("output", &expected.outputs, &outputs, source);
                    if open != expected.open {
                        let listed = &expected.open;
                        found.push(format!(
                            "the file leaves {listed:?} open, the reference {open:?}"
                        ));
                    }
                    found
                }
            };
            found.into_iter().map(move |line| (line, profile.as_str()))
        });
        let found = by_line(found.collect());
        report
            .findings
            .extend(found.into_iter().map(|line| format!("{at}: {line}")));
    }
    for undefined in &case.undefined {
        let found = (undefined.profiles.iter()).filter_map(|profile| {
            let written = &undefined.reason;
            let line = match Outcome::compute(&problem, profile) {
                Outcome::Undefined(reason) if reason == *written => return None,
                Outcome::Undefined(reason) => {
                    format!(
                        "undefined because {written:?} in the file, {reason:?} in the reference"
                    )
                }
                Outcome::Defined(..) => "undefined in the file, not in the reference".to_owned(),
            };
            Some((line, profile.as_str()))
        });
        let found = by_line(found.collect());
        report
            .findings
            .extend(found.into_iter().map(|line| format!("{at}: {line}")));
    }
}

/// Puts the profiles that share a finding behind it.
fn by_line(found: Vec<(String, &str)>) -> Vec<String> {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (line, profile) in found {
        match groups.iter_mut().find(|group| group.0 == line) {
            Some(group) => group.1.push(profile),
            None => groups.push((line, vec![profile])),
        }
    }
    (groups.into_iter())
        .map(|(line, profiles)| match profiles.len() {
            1 => format!("{line} (profile {})", profiles[0]),
            n => format!("{line} (profile {} and {} more)", profiles[0], n - 1),
        })
        .collect()
}

/// Compares what the case is made of, and which profiles it lists, with what the generator makes.
fn check_operands(at: &str, case: &GoldenCase, fresh: &GoldenCase, report: &mut Report) {
    let mut found = Vec::new();
    if case.spec != fresh.spec {
        found.push("the spec is not the one that `golden generate` makes".to_owned());
    }
    let makes = "`golden generate` makes";
    found.extend(compare("input", &case.inputs, &fresh.inputs, makes));
    let constants = |case: &GoldenCase| -> Vec<Tensor> {
        let constants = &case.constants;
        (constants.weights.iter().chain(&constants.bias))
            .cloned()
            .collect()
    };
    found.extend(compare(
        "constant",
        &constants(case),
        &constants(fresh),
        makes,
    ));
    let profiles = |case: &GoldenCase| -> BTreeSet<String> {
        let defined = case.expected.iter().flat_map(|e| e.profiles.clone());
        (defined.chain(case.undefined.iter().flat_map(|u| u.profiles.clone()))).collect()
    };
    let (has, should) = (profiles(case), profiles(fresh));
    found.extend(
        should
            .difference(&has)
            .map(|missing| format!("profile {missing} is missing")),
    );
    report
        .findings
        .extend(found.into_iter().map(|line| format!("{at}: {line}")));
}

/// One line per tensor that differs, with the first element.
fn compare(what: &str, file: &[Tensor], right: &[Tensor], source: &str) -> Vec<String> {
    let mut found = Vec::new();
    if file.len() != right.len() {
        found.push(format!(
            "{} {what}s in the file, {source} {}",
            file.len(),
            right.len()
        ));
    }
    for (index, (file, right)) in file.iter().zip(right).enumerate() {
        if let Some((element, has, should)) = first_difference(file, right) {
            found.push(format!(
                "{what} {index}, element {element}: the file says {has}, {source} {should}"
            ));
        }
    }
    found
}
