//! What can be wrong with a folder of captures: each error is one line that
//! says which file, which array or line, and what is wrong.

use std::path::{Path, PathBuf};

/// Why captures cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// No manifest was found.
    #[error("{}: no manifest.json here or in the folders below: not a folder of captures", .0.display())]
    NoCaptures(PathBuf),
    /// A file or folder cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// the file
        path: PathBuf,
        /// what the system says
        source: std::io::Error,
    },
    /// A JSON file is not JSON, or lacks what it must have.
    #[error("{}:{line}: {what}", path.display())]
    Json {
        /// the file
        path: PathBuf,
        /// line, from 1
        line: usize,
        /// what is wrong
        what: String,
    },
    /// A file is no npz archive (truncated, or something else).
    #[error("{}: not a whole npz archive: {what}", path.display())]
    Npz {
        /// the file
        path: PathBuf,
        /// what is wrong
        what: String,
    },
    /// An array of an npz is absent, damaged, or of another type or shape.
    #[error("{}: array `{array}`: {what}", path.display())]
    Array {
        /// the file
        path: PathBuf,
        /// the array
        array: String,
        /// what is wrong and what would be right
        what: String,
    },
    /// A parameter of a file is absent or not of the expected form.
    #[error("{}: parameter `{parameter}` in manifest.json: {what}", path.display())]
    Parameter {
        /// the file that the parameter belongs to
        path: PathBuf,
        /// the parameter
        parameter: String,
        /// what is wrong and what would be right
        what: String,
    },
    /// A list of known faults cannot be used.
    #[error("{}: {what}", path.display())]
    Known {
        /// the list
        path: PathBuf,
        /// what is wrong
        what: String,
    },
    /// A known fault is of a system that there is not.
    #[error("KNOWN.toml: {0}: no system of this name has a mapping or is being checked")]
    UnknownSystem(String),
    /// The arrays of a file do not make a problem that the reference accepts.
    #[error("{}: {what}", path.display())]
    Problem {
        /// the file
        path: PathBuf,
        /// what does not fit
        what: String,
    },
}

impl CaptureError {
    pub(super) fn unreadable(path: &Path, source: std::io::Error) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            source,
        }
    }
}
