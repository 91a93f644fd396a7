//! Writes a golden directory.

use super::format::{GoldenCase, GoldenFile, parse, same_bits};
use super::manifest::{self, FileEntry, Manifest, hash};
use super::{REFERENCE_VERSION, SCHEMA_VERSION, VECTORS, VectorsError, cases};
use rayon::prelude::*;
use std::path::Path;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// golden files
    pub files: usize,
    /// cases in all files
    pub cases: usize,
    /// bytes of all files
    pub bytes: usize,
    /// names of the files whose bytes are not what they were
    pub changed: Vec<String>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} cases in {} files, {} bytes: ",
            self.cases, self.files, self.bytes
        )?;
        match self.changed.len() {
            0 => write!(f, "nothing changed"),
            _ => write!(f, "{} written anew", self.changed.join(", ")),
        }
    }
}

/// Writes `MANIFEST.json` and `vectors/` below `dir`: the same bytes on every
/// machine. Each file is written beside its place and then renamed, so that an
/// interruption leaves the old file or the new one.
///
/// # Errors
/// When something cannot be written.
pub fn generate(dir: &Path) -> Result<Summary, VectorsError> {
    let folder = dir.join(VECTORS);
    std::fs::create_dir_all(&folder).map_err(VectorsError::io(&folder))?;
    let old = manifest::read_manifest(dir).map_or_else(|_| Vec::new(), |old| old.files);
    let mut summary = Summary {
        files: 0,
        cases: 0,
        bytes: 0,
        changed: Vec::new(),
    };
    let mut entries = Vec::new();
    for file in compute() {
        let name = format!("{VECTORS}/{}.json", file.op);
        let text = file.to_text();
        check_round_trip(&file, &dir.join(&name), &text)?;
        if write(&dir.join(&name), text.as_bytes())? {
            summary.changed.push(name.clone());
        }
        summary.files += 1;
        summary.cases += file.cases.len();
        summary.bytes += text.len();
        entries.push(FileEntry {
            file: name,
            cases: file.cases.len(),
            blake3: hash(text.as_bytes()),
        });
    }
    let manifest = Manifest {
        schema: SCHEMA_VERSION,
        reference: REFERENCE_VERSION.to_owned(),
        files: entries,
    };
    let mut text = serde_json::to_string_pretty(&manifest).expect("a manifest is plain JSON");
    text.push('\n');
    if write(&manifest::path(dir), text.as_bytes())? {
        summary.changed.push("MANIFEST.json".to_owned());
    }
    // Only what an older version of this function wrote is taken away.
    for entry in old {
        if !manifest.files.iter().any(|new| new.file == entry.file) {
            let path = dir.join(&entry.file);
            match std::fs::remove_file(&path) {
                Ok(()) => summary.changed.push(entry.file),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(VectorsError::io(&path)(error)),
            }
        }
    }
    Ok(summary)
}

/// All golden files, computed; sorted by op.
pub(super) fn compute() -> Vec<GoldenFile> {
    let mut files: Vec<_> = (cases::all().into_iter())
        .map(|(op, problems)| GoldenFile {
            schema: SCHEMA_VERSION,
            op: op.to_owned(),
            cases: (problems.into_par_iter())
                .map(|(name, problem)| GoldenCase::compute(name, problem))
                .collect(),
        })
        .collect();
    files.sort_by(|a, b| a.op.cmp(&b.op));
    files
}

fn check_round_trip(file: &GoldenFile, path: &Path, text: &str) -> Result<(), VectorsError> {
    let read = parse(path, text)?;
    for (case, back) in file.cases.iter().zip(&read.cases) {
        let outputs = |case: &GoldenCase| -> Vec<_> {
            (case.expected.iter())
                .flat_map(|e| e.outputs.clone())
                .collect()
        };
        let constants = |case: &GoldenCase| -> Vec<_> {
            let constants = &case.constants;
            constants
                .weights
                .iter()
                .chain(&constants.bias)
                .cloned()
                .collect()
        };
        let same = case.spec == back.spec
            && same_bits(&case.inputs, &back.inputs)
            && same_bits(&constants(case), &constants(back))
            && same_bits(&outputs(case), &outputs(back));
        if !same {
            return Err(VectorsError::RoundTrip {
                name: case.name.clone(),
            });
        }
    }
    Ok(())
}

/// Writes a file if its bytes change; whether they did.
fn write(path: &Path, bytes: &[u8]) -> Result<bool, VectorsError> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    let temporary = path.with_extension("json.partial");
    let written =
        std::fs::write(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&temporary);
        VectorsError::io(path)(error)
    })?;
    Ok(true)
}
