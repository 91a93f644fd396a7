//! Golden vectors: small cases with their inputs and the outputs that the
//! reference computes under every named profile, in files that anybody can read.
//!
//! A golden directory holds `MANIFEST.json` and `vectors/`, one JSON file per
//! op; `SCHEMA.md` beside them documents the form. [`generate`] writes the same
//! bytes on every machine: inputs come from an integer generator, and the
//! reference uses only operations that IEEE 754 defines to the last bit.

mod cases;
mod diff;
mod format;
mod generate;
mod manifest;
mod tensor_json;
mod verify;

use std::path::{Path, PathBuf};

pub use diff::{Changes, diff};
pub use format::{Expected, GoldenCase, GoldenFile, Undefined, read_file};
pub use generate::{Summary, generate};
pub use manifest::{FileEntry, Manifest, read_manifest, set_hash};
pub use verify::{Report, verify};

/// The version of the files' form; it grows when an older reader could not read them.
pub const SCHEMA_VERSION: u32 = 1;

/// The version of the reference that computed the outputs.
pub const REFERENCE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The folder of the files below a golden directory.
const VECTORS: &str = "vectors";

/// What is wrong with a golden directory as a whole.
#[derive(Debug, thiserror::Error)]
pub enum VectorsError {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// which one
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// A file is not JSON of the documented form.
    #[error("{}:{line}: {message}", path.display())]
    Json {
        /// which file
        path: PathBuf,
        /// the line, from 1
        line: usize,
        /// what is wrong there
        message: String,
    },
    /// A file has a form that this version cannot read.
    #[error("{}: schema version {found}; this version reads {SCHEMA_VERSION}", path.display())]
    Schema {
        /// which file
        path: PathBuf,
        /// its version
        found: u32,
    },
    /// A case cannot be written so that it reads back as it was.
    #[error("case {name} does not survive being written and read")]
    RoundTrip {
        /// which case
        name: String,
    },
}

impl VectorsError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    fn json(path: &Path, error: &serde_json::Error) -> Self {
        let message = error.to_string();
        // serde_json ends its message with the place, which stands in front here.
        let message = match message.rfind(" at line ") {
            Some(end) => message[..end].to_owned(),
            None => message,
        };
        Self::Json {
            path: path.to_owned(),
            line: error.line(),
            message,
        }
    }
}

/// The golden directory of this source tree: where the crate was built from.
pub fn default_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[cfg(test)]
mod tests;
