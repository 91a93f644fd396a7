//! A folder of files takes the place of an older one, whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Files, SiteError};

/// The file by which an older report is known.
const MARK: &str = ".qassay-report";

/// Writes `files` to a folder beside `dir`, which then takes its name.
pub(super) fn put(files: &Files, dir: &Path) -> Result<(), SiteError> {
    check(dir)?;
    let fresh = beside(dir, "new");
    let result = fill(files, &fresh).and_then(|()| swap(&fresh, dir));
    if result.is_err() {
        let _ = fs::remove_dir_all(&fresh);
    }
    result
}

/// A target that may be replaced: none, an empty folder, an older report.
fn check(dir: &Path) -> Result<(), SiteError> {
    let listing = match fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(wrong(dir)(source)),
    };
    let mut names: Vec<String> = listing
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    match names.into_iter().next() {
        Some(found) if !dir.join(MARK).exists() => Err(SiteError::Foreign {
            path: dir.to_owned(),
            found,
        }),
        _ => Ok(()),
    }
}

fn fill(files: &Files, fresh: &Path) -> Result<(), SiteError> {
    fs::create_dir_all(fresh).map_err(wrong(fresh))?;
    for (name, bytes) in files {
        let path = fresh.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(wrong(folder))?;
        }
        fs::write(&path, bytes).map_err(wrong(&path))?;
    }
    let mark = fresh.join(MARK);
    fs::write(&mark, "made by qassay report; replaced by the next one\n").map_err(wrong(&mark))
}

fn swap(fresh: &Path, dir: &Path) -> Result<(), SiteError> {
    let old = beside(dir, "old");
    let stood = dir.exists();
    if stood {
        fs::rename(dir, &old).map_err(wrong(dir))?;
    }
    if let Err(source) = fs::rename(fresh, dir) {
        if stood {
            let _ = fs::rename(&old, dir);
        }
        return Err(wrong(dir)(source));
    }
    if stood {
        let _ = fs::remove_dir_all(&old);
    }
    Ok(())
}

/// A name beside `dir` that nobody else uses.
fn beside(dir: &Path, word: &str) -> PathBuf {
    let name = dir.file_name().map_or_else(
        || "report".into(),
        |name| name.to_string_lossy().into_owned(),
    );
    dir.with_file_name(format!(".{name}.{word}-{}", std::process::id()))
}

fn wrong(path: &Path) -> impl FnOnce(std::io::Error) -> SiteError {
    let path = path.to_owned();
    move |source| SiteError::Write { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Files {
        vec![("data/a.csv".into(), text.as_bytes().to_vec())]
    }

    #[test]
    fn a_report_is_replaced_and_nothing_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("site");
        put(&files("one"), &dir).unwrap();
        put(&files("two"), &dir).unwrap();
        assert_eq!(fs::read_to_string(dir.join("data/a.csv")).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn other_peoples_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.tex"), "years of work").unwrap();
        let error = put(&files("x"), folder.path()).unwrap_err().to_string();
        assert!(error.contains("thesis.tex"), "{error}");
        assert!(folder.path().join("thesis.tex").exists());
        let file = folder.path().join("thesis.tex");
        assert!(put(&files("x"), &file).is_err());
    }
}
