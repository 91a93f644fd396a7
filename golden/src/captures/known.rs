//! Faults of upstream that are explained: `KNOWN.toml`, one entry for each, with
//! the problems that show it and the exact number of values that differ in each.
//! Nothing else is excused: more or fewer differences are a change to explain.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;

use super::error::CaptureError;
use super::manifest::{Folder, Manifest};
use super::systems;
use super::vector::Captured;

/// The committed list, for the committed captures and what they were copied from.
const COMMITTED: &str = include_str!("../../captures/KNOWN.toml");

static BUILT_IN: LazyLock<Result<Known, String>> =
    LazyLock::new(|| Known::parse(COMMITTED).map_err(|wrong| wrong.to_string()));

/// A list of known faults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// the faults, in the order of the file
    #[serde(default, rename = "known")]
    pub faults: Vec<Fault>,
}

/// A known fault of one engine in one op.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// the system, as its manifest calls it
    pub system: String,
    /// the version, as its manifest gives it: the fault of another version is another entry
    pub version: String,
    /// the op, as the table of captures calls it
    pub op: String,
    /// the engine
    pub engine: String,
    /// what upstream does
    pub reason: String,
    /// where upstream's source does it (file and function), or the issue that reports it
    pub source: String,
    /// problem (file inside the folder, with `:part` where a file holds several) → how many
    /// of its values differ
    pub files: BTreeMap<String, u64>,
}

/// Where `KNOWN.toml` and the captures disagree. One line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Change {
    /// Another number of values differs than is known.
    #[error("{place}: {problem}: {known} mismatches are known, {found} were found")]
    Count {
        /// system, version, op and engine
        place: String,
        /// the problem
        problem: String,
        /// the number in `KNOWN.toml`
        known: u64,
        /// the number found
        found: u64,
    },
    /// The folder has the file, but nothing in it is compared that the entry is about.
    #[error("{place}: {problem}: superfluous: no such output is compared in this file")]
    NotCompared {
        /// system, version, op and engine
        place: String,
        /// the problem
        problem: String,
    },
    /// The system's folder has none of the files.
    #[error("{place}: superfluous: the captures have none of its files")]
    NoFile {
        /// system, version, op and engine
        place: String,
    },
}

/// Why a list of known faults cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KnownError {
    /// The text is not TOML, or lacks what an entry must have.
    #[error("{0}")]
    Toml(String),
    /// An entry has no file, no reason, no source, or a count of 0.
    #[error("entry {number} ({place}): {what}")]
    Entry {
        /// number of the entry, from 1
        number: usize,
        /// system, version, op and engine
        place: String,
        /// what is wrong
        what: String,
    },
}

impl Known {
    /// The list that stands with the committed captures.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn built_in() -> Result<&'static Self, CaptureError> {
        BUILT_IN.as_ref().map_err(|what| CaptureError::Known {
            path: "KNOWN.toml".into(),
            what: what.clone(),
        })
    }

    /// A list in a file of the user's.
    ///
    /// # Errors
    /// When it cannot be read or used.
    pub fn read(path: &Path) -> Result<Self, CaptureError> {
        let text = std::fs::read_to_string(path).map_err(|e| CaptureError::unreadable(path, e))?;
        Self::parse(&text).map_err(|wrong| CaptureError::Known {
            path: path.to_owned(),
            what: wrong.to_string(),
        })
    }

    /// A list from its text.
    ///
    /// # Errors
    /// When it is not TOML of this form, or an entry excuses nothing, everything, or what
    /// another entry excuses already.
    pub fn parse(text: &str) -> Result<Self, KnownError> {
        let known: Self = toml::from_str(text).map_err(|e| {
            let line = e
                .span()
                .map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            KnownError::Toml(format!("line {line}: {}", e.message()))
        })?;
        let mut claimed = BTreeSet::new();
        for (index, fault) in known.faults.iter().enumerate() {
            let wrong = |what: String| {
                Err(KnownError::Entry {
                    number: index + 1,
                    place: fault.place(),
                    what,
                })
            };
            if fault.reason.trim().is_empty() || fault.source.trim().is_empty() {
                return wrong("reason and source must not be empty".into());
            }
            if fault.files.is_empty() {
                return wrong("names no file".into());
            }
            for (problem, count) in &fault.files {
                if *count == 0 {
                    return wrong(format!("{problem}: 0 differences explain nothing"));
                }
                if !claimed.insert((fault.place(), problem)) {
                    return wrong(format!("{problem}: an earlier entry has it already"));
                }
            }
        }
        Ok(known)
    }

    /// The fault that a problem of an engine is known to show.
    pub(super) fn find(
        &self,
        manifest: &Manifest,
        captured: &Captured,
        engine: &str,
    ) -> Option<&Fault> {
        self.faults.iter().find(|fault| {
            fault.is_of(manifest)
                && fault.op == captured.op
                && fault.engine == engine
                && fault.files.contains_key(&captured.name)
        })
    }

    /// Notes the reason at every output that is known to differ.
    pub(super) fn mark(&self, manifest: &Manifest, captured: &mut [Captured]) {
        for problem in captured {
            let reasons: Vec<Option<String>> = (problem.outputs.iter())
                .map(|output| self.find(manifest, problem, &output.engine))
                .map(|fault| fault.map(|fault| fault.reason.clone()))
                .collect();
            for (output, reason) in problem.outputs.iter_mut().zip(reasons) {
                output.known = reason;
            }
        }
    }

    /// Every entry must be about a system that has a mapping, or is being checked.
    pub(super) fn systems_exist(&self, folders: &[Folder]) -> Result<(), CaptureError> {
        let exists = |name: &str| {
            systems::is_mapped(name) || folders.iter().any(|f| f.manifest.system == name)
        };
        match self.faults.iter().find(|fault| !exists(&fault.system)) {
            None => Ok(()),
            Some(fault) => Err(CaptureError::UnknownSystem(fault.place())),
        }
    }

    /// Where the list and what was found in `folders` disagree.
    pub(super) fn changes(&self, folders: &[Folder], tally: &Tally) -> Vec<Change> {
        let mut changes = Vec::new();
        for fault in &self.faults {
            let of_it: Vec<&Folder> = (folders.iter())
                .filter(|folder| fault.is_of(&folder.manifest))
                .collect();
            if of_it.is_empty() {
                continue;
            }
            let place = fault.place();
            let mut present = false;
            for (problem, &known) in &fault.files {
                let file = problem.split(':').next().unwrap_or_default();
                let is_there = |f: &&Folder| f.manifest.files.iter().any(|e| e.file == file);
                if !of_it.iter().any(is_there) {
                    continue;
                }
                present = true;
                let (place, problem) = (place.clone(), problem.clone());
                match tally.found(fault, &problem) {
                    None => changes.push(Change::NotCompared { place, problem }),
                    Some(found) if found != known => changes.push(Change::Count {
                        place,
                        problem,
                        known,
                        found,
                    }),
                    Some(_) => {}
                }
            }
            if !present {
                changes.push(Change::NoFile { place });
            }
        }
        changes
    }
}

impl Fault {
    fn is_of(&self, manifest: &Manifest) -> bool {
        self.system == manifest.system
            && self.version == manifest.version.as_deref().unwrap_or_default()
    }

    /// System, version, op and engine.
    pub fn place(&self) -> String {
        format!(
            "{} {} {} {}",
            self.system, self.version, self.op, self.engine
        )
    }
}

/// How many values differed in the problems that entries are about.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<(String, String), u64>);

impl Tally {
    pub fn add(&mut self, fault: &Fault, problem: &str, mismatches: u64) {
        let key = (fault.place(), problem.to_owned());
        *self.0.entry(key).or_default() += mismatches;
    }

    pub fn extend(&mut self, other: Self) {
        for (key, mismatches) in other.0 {
            *self.0.entry(key).or_default() += mismatches;
        }
    }

    fn found(&self, fault: &Fault, problem: &str) -> Option<u64> {
        self.0.get(&(fault.place(), problem.to_owned())).copied()
    }
}
