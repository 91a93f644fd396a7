//! A submission: run files, what they were made on, a statement of what ran
//! natively, and a hash of every file. Anyone can check that nothing changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::input::Input;
use crate::markdown;
use crate::survey::Survey;

/// The file that lists all others.
const MANIFEST: &str = "MANIFEST.json";
/// The version of the manifest.
const SCHEMA: u32 = 1;

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// the version of this form
    pub schema: u32,
    /// every other file, sorted by name
    pub files: Vec<FileEntry>,
    /// blake3 over names and hashes of all files: names the bundle as a whole
    pub bundle: String,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// its path in the bundle, with `/`
    pub file: String,
    /// how long it is
    pub bytes: u64,
    /// blake3 of its bytes, hexadecimal
    pub blake3: String,
}

/// Why a bundle cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// a file cannot be read
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// which
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// a file cannot be written
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// which
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// the target is there already
    #[error("{} is there already; give a new folder", .0.display())]
    Exists(PathBuf),
    /// two run files have the same name
    #[error("two run files are named {0}; give them different names")]
    SameName(String),
    /// a run file is not whole
    #[error("only whole run files are published: {0}")]
    NotWhole(String),
    /// the manifest is not of this form
    #[error("{}: {what}", path.display())]
    Manifest {
        /// which
        path: PathBuf,
        /// what is wrong
        what: String,
    },
}

/// Publishes run files to the new folder `dir`; gives the manifest.
///
/// # Errors
/// When a run file is not whole, or something cannot be read or written.
pub fn publish(paths: &[PathBuf], input: &Input, dir: &Path) -> Result<Manifest, BundleError> {
    if let Some(note) = input.notes.first() {
        return Err(BundleError::NotWhole(note.to_string()));
    }
    if dir.exists() {
        return Err(BundleError::Exists(dir.to_owned()));
    }
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for path in paths {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = format!("runs/{}", name.unwrap_or_default());
        if files.iter().any(|(known, _)| *known == name) {
            return Err(BundleError::SameName(name));
        }
        let bytes = fs::read(path).map_err(|source| BundleError::Read {
            path: path.clone(),
            source,
        })?;
        files.push((name, bytes));
    }
    let survey = Survey::new(input);
    files.push(("environment.json".into(), environment(input)));
    files.push((
        "STATEMENT.md".into(),
        markdown::statement(&survey).into_bytes(),
    ));
    files.sort();
    let entries = files
        .iter()
        .map(|(name, bytes)| entry(name, bytes))
        .collect();
    let manifest = Manifest::of(entries);
    files.push((MANIFEST.into(), manifest.bytes()));
    write(&files, dir)?;
    Ok(manifest)
}

/// What the runs were made on and with: their headers, by file.
fn environment(input: &Input) -> Vec<u8> {
    let headers: Vec<serde_json::Value> = (input.runs.iter())
        .map(|source| serde_json::json!({ "files": source.files, "header": source.run.header }))
        .collect();
    let mut bytes = serde_json::to_vec_pretty(&headers).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn entry(name: &str, bytes: &[u8]) -> FileEntry {
    FileEntry {
        file: name.to_owned(),
        bytes: bytes.len() as u64,
        blake3: blake3::hash(bytes).to_hex().to_string(),
    }
}

impl Manifest {
    fn of(files: Vec<FileEntry>) -> Self {
        let lines: String = files
            .iter()
            .map(|entry| format!("{} {} {}\n", entry.blake3, entry.bytes, entry.file))
            .collect();
        Self {
            schema: SCHEMA,
            files,
            bundle: blake3::hash(lines.as_bytes()).to_hex().to_string(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// Writes to a folder beside `dir`, which then takes its name.
fn write(files: &[(String, Vec<u8>)], dir: &Path) -> Result<(), BundleError> {
    let name = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let fresh = dir.with_file_name(format!(
        ".{}.new-{}",
        name.unwrap_or_default(),
        std::process::id()
    ));
    let put = |path: &Path, bytes: &[u8]| -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)
    };
    let mut result = files.iter().try_for_each(|(name, bytes)| {
        let path = fresh.join(name);
        put(&path, bytes).map_err(|source| BundleError::Write { path, source })
    });
    if result.is_ok() {
        result = fs::rename(&fresh, dir).map_err(|source| BundleError::Write {
            path: dir.to_owned(),
            source,
        });
    }
    if result.is_err() {
        let _ = fs::remove_dir_all(&fresh);
    }
    result
}

/// What a check of a bundle found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// the manifest
    pub manifest: Manifest,
    /// what is not as it says, one line each
    pub faults: Vec<String>,
}

/// Checks every byte of a bundle.
///
/// # Errors
/// When the manifest cannot be read.
pub fn verify(dir: &Path) -> Result<Verified, BundleError> {
    let path = dir.join(MANIFEST);
    let bytes = fs::read(&path).map_err(|source| BundleError::Read {
        path: path.clone(),
        source,
    })?;
    let wrong = |what: String| BundleError::Manifest {
        path: path.clone(),
        what,
    };
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if manifest.schema != SCHEMA {
        return Err(wrong(format!(
            "the bundle's schema is {}, and this qassay reads schema {SCHEMA}",
            manifest.schema
        )));
    }
    let mut faults = Vec::new();
    if Manifest::of(manifest.files.clone()) != manifest || manifest.bytes() != bytes {
        faults.push(format!("{MANIFEST} was changed: its own hash does not fit"));
    }
    let mut listed = BTreeSet::new();
    for known in &manifest.files {
        listed.insert(known.file.clone());
        let outside = Path::new(&known.file)
            .components()
            .any(|part| !matches!(part, std::path::Component::Normal(_)));
        if outside {
            faults.push(format!("{} lies outside the bundle", known.file));
            continue;
        }
        match fs::read(dir.join(&known.file)) {
            Err(error) => faults.push(format!("{} cannot be read: {error}", known.file)),
            Ok(bytes) => {
                let found = entry(&known.file, &bytes);
                if found.bytes != known.bytes {
                    faults.push(format!(
                        "{} was changed: {} bytes instead of {}",
                        known.file, found.bytes, known.bytes
                    ));
                } else if found.blake3 != known.blake3 {
                    faults.push(format!(
                        "{} was changed: blake3 {} instead of {}",
                        known.file, found.blake3, known.blake3
                    ));
                }
            }
        }
    }
    for found in present(dir, "")? {
        if found != MANIFEST && !listed.contains(&found) {
            faults.push(format!("{found} is not in {MANIFEST}"));
        }
    }
    Ok(Verified { manifest, faults })
}

/// Files below a folder by path, sorted.
fn present(dir: &Path, below: &str) -> Result<Vec<String>, BundleError> {
    let folder = dir.join(below);
    let wrong = |source| BundleError::Read {
        path: folder.clone(),
        source,
    };
    let mut files = Vec::new();
    for item in fs::read_dir(&folder).map_err(wrong)? {
        let item = item.map_err(wrong)?;
        let name = item.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        if item.file_type().map_err(wrong)?.is_dir() {
            files.extend(present(dir, &path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{input, sample};

    fn bundle() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        sample::run().write(&path).unwrap();
        let dir = folder.path().join("bundle");
        publish(std::slice::from_ref(&path), &input::read(&[&path]), &dir).unwrap();
        (folder, dir)
    }

    #[test]
    fn a_bundle_is_whole_and_says_what_ran() {
        let (folder, dir) = bundle();
        let verified = verify(&dir).unwrap();
        assert_eq!(verified.faults, [""; 0]);
        let names: Vec<&str> = verified
            .manifest
            .files
            .iter()
            .map(|f| f.file.as_str())
            .collect();
        assert_eq!(
            names,
            ["STATEMENT.md", "environment.json", "runs/run.jsonl"]
        );
        let statement = fs::read_to_string(dir.join("STATEMENT.md")).unwrap();
        assert!(
            statement.contains("natively") && statement.contains("fbgemm/avx2"),
            "{statement}"
        );
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
            "nothing lies beside it"
        );
        let run = folder.path().join("run.jsonl");
        let again = publish(std::slice::from_ref(&run), &input::read(&[&run]), &dir).unwrap_err();
        assert!(again.to_string().contains("there already"), "{again}");
    }

    #[test]
    fn every_changed_byte_is_found_and_its_file_named() {
        let (_folder, dir) = bundle();
        for name in ["STATEMENT.md", "environment.json", "runs/run.jsonl"] {
            let path = dir.join(name);
            let bytes = fs::read(&path).unwrap();
            let mut changed = bytes.clone();
            let middle = changed.len() / 2;
            changed[middle] ^= 1;
            fs::write(&path, &changed).unwrap();
            let faults = verify(&dir).unwrap().faults;
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(
                faults[0].starts_with(&format!("{name} was changed: blake3")),
                "{faults:?}"
            );
            fs::write(&path, &bytes[1..]).unwrap();
            assert!(verify(&dir).unwrap().faults[0].contains("bytes instead of"));
            fs::write(&path, bytes).unwrap();
        }
        let path = dir.join(MANIFEST);
        let bytes = fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            let found = verify(&dir).map_or(true, |verified| !verified.faults.is_empty());
            assert!(found, "byte {at} of the manifest");
        }
    }

    #[test]
    fn files_that_are_missing_or_too_many_are_named() {
        let (_folder, dir) = bundle();
        fs::write(dir.join("runs/other.jsonl"), "x").unwrap();
        fs::remove_file(dir.join("STATEMENT.md")).unwrap();
        let faults = verify(&dir).unwrap().faults;
        assert!(
            faults[0].starts_with("STATEMENT.md cannot be read"),
            "{faults:?}"
        );
        assert_eq!(faults[1], "runs/other.jsonl is not in MANIFEST.json");
    }

    #[test]
    fn a_run_file_that_is_cut_is_not_published() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        sample::run().write(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
        let dir = folder.path().join("bundle");
        let error = publish(std::slice::from_ref(&path), &input::read(&[&path]), &dir).unwrap_err();
        assert!(error.to_string().contains("run.jsonl, line"), "{error}");
        assert!(!dir.exists());
    }
}
