//! `manifest.json`: which system was captured, and one entry for each file.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::error::CaptureError;
use super::hexfloat;
use super::npz::{Array, Npz};

/// A folder of captures with its manifest.
#[derive(Debug, Clone)]
pub struct Folder {
    /// where it is
    pub path: PathBuf,
    /// what its manifest says
    pub manifest: Manifest,
}

/// The part of `manifest.json` that a check needs.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    /// the system, as the folder is named
    pub system: String,
    /// its version
    #[serde(default)]
    pub version: Option<String>,
    /// one entry per file
    pub files: Vec<Entry>,
}

/// One file of a folder.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// path inside the folder
    pub file: String,
    /// the op, where the manifest says it
    #[serde(default)]
    pub op: Option<String>,
    /// parameters; floats are hexadecimal strings
    #[serde(default)]
    pub params: Value,
    /// the whole op with its parameters, in files of the documented form
    #[serde(default)]
    pub spec: Option<crate::spec::OpSpec>,
    /// who gave the outputs, in files of the documented form
    #[serde(default)]
    pub engine: Option<String>,
    /// the named profile that the outputs are held to, in files of the documented form
    #[serde(default)]
    pub profile: Option<String>,
    /// type and shape of each array
    #[serde(default)]
    pub arrays: Option<std::collections::BTreeMap<String, (String, Vec<usize>)>>,
}

impl Entry {
    /// How many values the arrays hold whose names `count` accepts.
    pub fn values(&self, count: impl Fn(&str) -> bool) -> u64 {
        self.arrays
            .iter()
            .flatten()
            .filter(|(name, _)| count(name))
            .map(|(_, (_, shape))| shape.iter().product::<usize>() as u64)
            .sum()
    }
}

/// Every folder with a manifest at `dir` or below, in order of path.
///
/// # Errors
/// When there is none, or a manifest cannot be read.
pub fn folders(dir: &Path) -> Result<Vec<Folder>, CaptureError> {
    let mut found = Vec::new();
    walk(dir, &mut found)?;
    if found.is_empty() {
        return Err(CaptureError::NoCaptures(dir.to_owned()));
    }
    Ok(found)
}

/// The files of all folders, in the order of folders and manifests.
pub fn entries(folders: &[Folder]) -> Vec<(&Folder, &Entry)> {
    (folders.iter())
        .flat_map(|folder| (folder.manifest.files.iter()).map(move |entry| (folder, entry)))
        .collect()
}

fn walk(dir: &Path, found: &mut Vec<Folder>) -> Result<(), CaptureError> {
    let manifest = dir.join("manifest.json");
    if manifest.is_file() {
        found.push(Folder {
            path: dir.to_owned(),
            manifest: read_json(&manifest)?,
        });
        return Ok(());
    }
    let listing = std::fs::read_dir(dir).map_err(|e| CaptureError::unreadable(dir, e))?;
    let mut below = Vec::new();
    for item in listing {
        let path = item.map_err(|e| CaptureError::unreadable(dir, e))?.path();
        if path.is_dir() {
            below.push(path);
        }
    }
    below.sort();
    below.iter().try_for_each(|path| walk(path, found))
}

/// Reads a JSON file; an error names the line.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, CaptureError> {
    let text = std::fs::read_to_string(path).map_err(|e| CaptureError::unreadable(path, e))?;
    serde_json::from_str(&without_bare_nan(text)).map_err(|e| CaptureError::Json {
        path: path.to_owned(),
        line: e.line(),
        what: e.to_string(),
    })
}

/// Python writes `NaN` and `Infinity` as bare words, which are not JSON. They
/// become `null`; lines stay where they are.
fn without_bare_nan(text: String) -> String {
    const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    if !WORDS.iter().any(|word| text.contains(word)) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let (mut quoted, mut escaped) = (false, false);
    while let Some(c) = rest.chars().next() {
        let word = WORDS
            .iter()
            .find(|word| !quoted && rest.starts_with(**word));
        if let Some(word) = word {
            out.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        match c {
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// One captured file with its arrays read.
#[derive(Debug)]
pub struct CapturedFile<'a> {
    /// the folder that it lies in
    pub folder: &'a Folder,
    /// its entry in the manifest
    pub entry: &'a Entry,
    npz: Npz,
}

impl<'a> CapturedFile<'a> {
    /// Reads the arrays of `entry`.
    ///
    /// # Errors
    /// When the file is absent or damaged.
    pub fn open(folder: &'a Folder, entry: &'a Entry) -> Result<Self, CaptureError> {
        Ok(Self {
            folder,
            entry,
            npz: Npz::read(&folder.path.join(&entry.file))?,
        })
    }

    /// Another file of the same folder.
    pub(super) fn beside(&self, file: &str) -> Result<Npz, CaptureError> {
        Npz::read(&self.folder.path.join(file))
    }

    /// The array with this name.
    pub(super) fn array(&self, name: &str) -> Result<&Array, CaptureError> {
        self.npz.array(name)
    }

    /// All arrays.
    pub(super) fn npz(&self) -> &Npz {
        &self.npz
    }

    /// The parameters.
    pub(super) fn params(&self) -> Params<'_> {
        Params {
            path: self.npz.path(),
            value: &self.entry.params,
        }
    }

    /// An error about this file as a whole.
    pub(super) fn problem(&self, what: impl Into<String>) -> CaptureError {
        CaptureError::Problem {
            path: self.npz.path().to_owned(),
            what: what.into(),
        }
    }
}

/// Parameters of a file or of a node of a graph, read with errors that name them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Params<'a> {
    pub path: &'a Path,
    pub value: &'a Value,
}

impl<'a> Params<'a> {
    pub fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some_and(|v| !v.is_null())
    }

    pub fn get(&self, key: &str) -> Result<&'a Value, CaptureError> {
        self.value
            .get(key)
            .ok_or_else(|| self.error(key, "is absent".into()))
    }

    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key)?.as_str()
    }

    /// A float: a number, or a string in hexadecimal or decimal.
    pub fn float(&self, key: &str) -> Result<f64, CaptureError> {
        let value = self.get(key)?;
        float_of(value).ok_or_else(|| self.error(key, format!("{value} is no float")))
    }

    /// An integer: a number, or a string of one.
    pub fn integer(&self, key: &str) -> Result<i64, CaptureError> {
        let value = self.get(key)?;
        integer_of(value).ok_or_else(|| self.error(key, format!("{value} is no integer")))
    }

    /// A flag: a boolean, or 0 or 1.
    pub fn flag(&self, key: &str) -> Result<bool, CaptureError> {
        let value = self.get(key)?;
        value
            .as_bool()
            .or_else(|| Some(integer_of(value)? != 0))
            .ok_or_else(|| self.error(key, format!("{value} is no flag")))
    }

    /// A list of sizes.
    pub fn sizes(&self, key: &str) -> Result<Vec<usize>, CaptureError> {
        let value = self.get(key)?;
        value
            .as_array()
            .and_then(|list| {
                list.iter()
                    .map(|v| usize::try_from(v.as_u64()?).ok())
                    .collect()
            })
            .ok_or_else(|| self.error(key, format!("{value} is no list of sizes")))
    }

    /// A list of floats, each as of [`Params::float`].
    pub fn floats(&self, key: &str) -> Result<Vec<f64>, CaptureError> {
        let value = self.get(key)?;
        let list = value.as_array();
        list.and_then(|list| list.iter().map(float_of).collect())
            .ok_or_else(|| self.error(key, format!("{value} is no list of floats")))
    }

    /// A `[scale, zero point]` pair.
    pub fn pair(&self, key: &str) -> Result<(f64, i64), CaptureError> {
        let value = self.get(key)?;
        let list = value.as_array().filter(|list| list.len() == 2);
        list.and_then(|list| Some((float_of(&list[0])?, integer_of(&list[1])?)))
            .ok_or_else(|| self.error(key, format!("{value} is no [scale, zero point]")))
    }

    pub fn error(&self, key: &str, what: String) -> CaptureError {
        CaptureError::Parameter {
            path: self.path.to_owned(),
            parameter: key.to_owned(),
            what,
        }
    }
}

fn float_of(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => hexfloat::parse(text),
        value => value.as_f64(),
    }
}

fn integer_of(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    }
}
