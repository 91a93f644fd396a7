//! What changed between two golden directories.

use super::VectorsError;
use super::format::{GoldenCase, differences, first_difference, read_file};
use super::manifest::read_manifest;
use crate::tensor::Tensor;
use std::collections::BTreeMap;
use std::path::Path;

/// The changes from one golden directory to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// cases that are in both
    pub cases: usize,
    /// one line per change
    pub lines: Vec<String>,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_clean(&self) -> bool {
        self.lines.is_empty()
    }
}

impl std::fmt::Display for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        let changes = self.lines.len();
        write!(f, "{} cases in both sets, {changes} changes", self.cases)
    }
}

/// Compares two golden directories: files, cases, operands, and outputs by profile.
///
/// # Errors
/// When a manifest or a file that one lists cannot be read.
pub fn diff(old: &Path, new: &Path) -> Result<Changes, VectorsError> {
    let (old, new) = (load(old)?, load(new)?);
    let mut changes = Changes::default();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        changes.lines.push(format!("- {name}: removed"));
    }
    for name in new.keys().filter(|name| !old.contains_key(*name)) {
        changes.lines.push(format!("+ {name}: added"));
    }
    for (name, old) in &old {
        if let Some(new) = new.get(name) {
            changes.cases += 1;
            compare(name, old, new, &mut changes.lines);
        }
    }
    Ok(changes)
}

fn load(dir: &Path) -> Result<BTreeMap<String, GoldenCase>, VectorsError> {
    let mut cases = BTreeMap::new();
    for entry in read_manifest(dir)?.files {
        let file = read_file(&dir.join(&entry.file))?;
        for case in file.cases {
            cases.insert(format!("{}: {}", entry.file, case.name), case);
        }
    }
    Ok(cases)
}

fn compare(name: &str, old: &GoldenCase, new: &GoldenCase, lines: &mut Vec<String>) {
    let operands = |case: &GoldenCase| -> Vec<Tensor> {
        let constants = case.constants.weights.iter().chain(&case.constants.bias);
        case.inputs.iter().chain(constants).cloned().collect()
    };
    if old.spec != new.spec || !super::format::same_bits(&operands(old), &operands(new)) {
        lines.push(format!(
            "~ {name}: other operands, so its outputs do not compare"
        ));
        return;
    }
    let (old, new) = (by_profile(old), by_profile(new));
    for profile in old.keys().filter(|profile| !new.contains_key(*profile)) {
        lines.push(format!("- {name}, profile {profile}: no outputs any more"));
    }
    for profile in new.keys().filter(|profile| !old.contains_key(*profile)) {
        lines.push(format!(
            "+ {name}, profile {profile}: outputs where there were none"
        ));
    }
    for (profile, old) in &old {
        let Some(new) = new.get(profile) else {
            continue;
        };
        for (index, (old, new)) in old.outputs.iter().zip(&new.outputs).enumerate() {
            if let Some((element, was, is)) = first_difference(old, new) {
                let comparable = old.shape() == new.shape() && old.dtype() == new.dtype();
                let count = if comparable {
                    differences(old, new).count()
                } else {
                    1
                };
                lines.push(format!(
                    "~ {name}, profile {profile}, output {index}: {count} of {} differ, first element {element}: {was} became {is}",
                    old.len()
                ));
            }
        }
        if old.open != new.open {
            lines.push(format!(
                "~ {name}, profile {profile}: {} outputs were left open, now {}",
                old.open.len(),
                new.open.len()
            ));
        }
    }
}

fn by_profile(case: &GoldenCase) -> BTreeMap<&str, &super::Expected> {
    (case.expected.iter())
        .flat_map(|expected| {
            expected
                .profiles
                .iter()
                .map(move |name| (name.as_str(), expected))
        })
        .collect()
}
