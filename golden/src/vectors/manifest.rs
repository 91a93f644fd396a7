//! The manifest: which files make the set, and a hash of each.

use super::{SCHEMA_VERSION, VECTORS, VectorsError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a golden directory holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// see [`SCHEMA_VERSION`]
    pub schema: u32,
    /// see [`REFERENCE_VERSION`](super::REFERENCE_VERSION)
    pub reference: String,
    /// the files, sorted by name
    pub files: Vec<FileEntry>,
}

/// One golden file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// path below the golden directory, with `/`
    pub file: String,
    /// how many cases it holds
    pub cases: usize,
    /// BLAKE3 of its bytes, hexadecimal
    pub blake3: String,
}

/// Where the manifest of a golden directory is.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("MANIFEST.json")
}

/// Reads the manifest of a golden directory.
///
/// # Errors
/// When it is missing, unreadable (with the line) or of another schema version.
pub fn read_manifest(dir: &Path) -> Result<Manifest, VectorsError> {
    let path = path(dir);
    let text = std::fs::read_to_string(&path).map_err(VectorsError::io(&path))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| VectorsError::json(&path, &error))?;
    if manifest.schema == SCHEMA_VERSION {
        Ok(manifest)
    } else {
        Err(VectorsError::Schema {
            path,
            found: manifest.schema,
        })
    }
}

/// The BLAKE3 of some bytes, hexadecimal.
pub(super) fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// One hash for a whole set: over the names and the bytes of all its files, as
/// they are now. What the header of a run file records.
///
/// # Errors
/// When the manifest or a file that it lists cannot be read.
pub fn set_hash(dir: &Path) -> Result<String, VectorsError> {
    let mut lines = String::new();
    for entry in read_manifest(dir)?.files {
        let path = dir.join(&entry.file);
        let bytes = std::fs::read(&path).map_err(VectorsError::io(&path))?;
        lines += &format!("{} {}\n", hash(&bytes), entry.file);
    }
    Ok(hash(lines.as_bytes()))
}

/// The golden files that lie in a golden directory, listed or not, sorted by name.
pub(super) fn files_present(dir: &Path) -> Result<Vec<String>, VectorsError> {
    let folder = dir.join(VECTORS);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(VectorsError::io(&folder))? {
        let name = (entry.map_err(VectorsError::io(&folder))?.file_name())
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".json") {
            files.push(format!("{VECTORS}/{name}"));
        }
    }
    files.sort();
    Ok(files)
}
