//! Holds the reference to captured values and counts what agrees, by system,
//! op and engine.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use super::distance::{distance, show};
use super::error::CaptureError;
use super::known::{Change, Known, Tally};
use super::manifest::{Entry, Folder, entries, folders};
use super::systems;
use super::vector::{Captured, EngineOutput, Found};
use crate::ops::{ReferenceError, reference};
use crate::profile::named;
use crate::tensor::Tensor;
use crate::witness::Witness;

/// One line of the table: how the reference does against one engine's values of one op.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// the system, as its manifest calls it
    pub system: String,
    /// its version
    pub version: String,
    /// the op
    pub op: String,
    /// the engine, `-` for all
    pub engine: String,
    /// the profile that it is held to; none where nothing is checked
    pub profile: Option<&'static str>,
    /// how many problems (for rows that are not covered: files)
    pub vectors: u64,
    /// how many values were compared (for rows that are not covered: were captured)
    pub values: u64,
    /// how many values differ
    pub mismatches: u64,
    /// how many values the profile leaves open; they are not compared
    pub open: u64,
    /// the largest difference, in codes (integers) or units in the last place (floats)
    pub largest: u64,
    /// the first value that differs
    pub first: Option<Difference>,
    /// why nothing is checked, or why upstream is known to differ
    pub note: Option<String>,
    /// in rows of a known fault: where upstream's source shows it
    pub source: Option<String>,
    /// in rows of a known fault: how many values `KNOWN.toml` says differ
    pub known: u64,
    /// in rows of a known fault: problems with another number of differences than `KNOWN.toml` says
    pub changed: u64,
}

impl Row {
    /// Whether this row counts checked values.
    pub fn covered(&self) -> bool {
        self.profile.is_some()
    }

    /// Whether this row has other mismatches than known faults of upstream explain:
    /// any at all, or more or fewer than are known.
    pub fn differs(&self) -> bool {
        self.changed > 0 || (self.mismatches > 0 && self.note.is_none())
    }
}

/// Where a captured value is not what the reference says.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// file inside the folder, and what in it
    pub vector: String,
    /// number of the output
    pub output: usize,
    /// index into the channel-last values
    pub element: usize,
    /// captured value
    pub captured: String,
    /// the reference's value
    pub reference: String,
}

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// files checked
    pub done: usize,
    /// files in all
    pub total: usize,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// the table
    pub rows: Vec<Row>,
    /// where `KNOWN.toml` and the captures disagree
    pub changes: Vec<Change>,
}

impl Checked {
    /// Whether every value is the reference's, or differs as is known.
    pub fn is_clean(&self) -> bool {
        self.changes.is_empty() && !self.rows.iter().any(Row::differs)
    }
}

/// Checks every captured vector at `dir`, a folder with a manifest or a folder of such folders,
/// against the reference and the faults of upstream in `known`.
/// `progress` is called after each file, from several threads.
///
/// # Errors
/// When captures cannot be read, or do not have their system's form; when `known` names a
/// system that there is not.
pub fn check(
    dir: &Path,
    known: &Known,
    progress: impl Fn(Progress) + Sync,
) -> Result<Checked, CaptureError> {
    let folders = folders(dir)?;
    known.systems_exist(&folders)?;
    let files = entries(&folders);
    let done = std::sync::atomic::AtomicUsize::new(0);
    let tables = files
        .par_iter()
        .with_max_len(1)
        .map(|&(folder, entry)| {
            let table = check_file(folder, entry, known)?;
            progress(Progress {
                done: 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
                total: files.len(),
            });
            Ok(table)
        })
        .collect::<Result<Vec<Table>, CaptureError>>()?;
    let mut whole = Table::default();
    for table in tables {
        whole.merge(table);
    }
    Ok(Checked {
        changes: known.changes(&folders, &whole.tally),
        rows: whole.rows.into_values().collect(),
    })
}

/// What makes a row of its own.
type Key = (String, String, String, Option<&'static str>, Option<String>);

#[derive(Default)]
struct Table {
    rows: BTreeMap<Key, Row>,
    tally: Tally,
}

impl Table {
    fn row(
        &mut self,
        folder: &Folder,
        (op, engine): (&str, &str),
        profile: Option<&'static str>,
        note: Option<&str>,
    ) -> &mut Row {
        let system = &folder.manifest.system;
        let key = (
            system.clone(),
            op.to_owned(),
            engine.to_owned(),
            profile,
            note.map(str::to_owned),
        );
        self.rows.entry(key).or_insert_with(|| Row {
            system: system.clone(),
            version: folder.manifest.version.clone().unwrap_or_default(),
            op: op.to_owned(),
            engine: engine.to_owned(),
            profile,
            vectors: 0,
            values: 0,
            mismatches: 0,
            open: 0,
            largest: 0,
            first: None,
            note: note.map(str::to_owned),
            source: None,
            known: 0,
            changed: 0,
        })
    }

    fn merge(&mut self, other: Self) {
        self.tally.extend(other.tally);
        for (key, row) in other.rows {
            match self.rows.entry(key) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(row);
                }
                std::collections::btree_map::Entry::Occupied(mut place) => {
                    let mine = place.get_mut();
                    mine.vectors += row.vectors;
                    mine.values += row.values;
                    mine.mismatches += row.mismatches;
                    mine.open += row.open;
                    mine.largest = mine.largest.max(row.largest);
                    mine.first = mine.first.take().or(row.first);
                    mine.known += row.known;
                    mine.changed += row.changed;
                }
            }
        }
    }
}

fn check_file(folder: &Folder, entry: &Entry, known: &Known) -> Result<Table, CaptureError> {
    let Found {
        captured,
        uncovered,
    } = systems::read(folder, entry)?;
    let mut table = Table::default();
    for skipped in uncovered {
        let row = table.row(
            folder,
            (&skipped.op, &skipped.engine),
            None,
            Some(&skipped.reason),
        );
        row.vectors += 1;
        row.values += skipped.values;
    }
    for problem in &captured {
        check_problem(folder, entry, problem, known, &mut table)?;
    }
    Ok(table)
}

fn check_problem(
    folder: &Folder,
    entry: &Entry,
    captured: &Captured,
    known: &Known,
    table: &mut Table,
) -> Result<(), CaptureError> {
    let mut computed: Vec<(&str, Computed)> = Vec::new();
    for output in &captured.outputs {
        if !computed
            .iter()
            .any(|(profile, _)| *profile == output.profile)
        {
            computed.push((output.profile, compute(captured, output)));
        }
        let (_, result) = computed
            .iter()
            .find(|(profile, _)| *profile == output.profile)
            .expect("it was put there above");
        let names = (captured.op.as_str(), output.engine.as_str());
        match result {
            Ok((reference, witness)) => {
                let fault = known.find(&folder.manifest, captured, &output.engine);
                let reason = fault.map(|fault| fault.reason.as_str());
                let row = table.row(folder, names, Some(output.profile), reason);
                row.vectors += 1;
                let before = row.mismatches;
                for (index, expected) in &output.expected {
                    compare(row, captured, *index, expected, &reference[*index], witness);
                }
                if let Some(fault) = fault {
                    let found = row.mismatches - before;
                    let count = fault.files[&captured.name];
                    row.source = Some(fault.source.clone());
                    row.known += count;
                    row.changed += u64::from(found != count);
                    table.tally.add(fault, &captured.name, found);
                }
            }
            Err(ReferenceError::Undefined(why)) => {
                let row = table.row(folder, names, None, Some(why));
                row.vectors += 1;
                row.values += output
                    .expected
                    .iter()
                    .map(|(_, t)| t.len() as u64)
                    .sum::<u64>();
            }
            Err(ReferenceError::Mismatch(what)) => {
                return Err(CaptureError::Problem {
                    path: folder.path.join(&entry.file),
                    what: what.clone(),
                });
            }
        }
    }
    Ok(())
}

/// The reference's outputs and what it saw.
type Computed = Result<(Vec<Tensor>, Witness), ReferenceError>;

fn compute(captured: &Captured, output: &EngineOutput) -> Computed {
    let profile = named::find(output.profile).ok_or_else(|| {
        ReferenceError::Undefined("its arithmetic is not known: see `qassay identify`".into())
    })?;
    let mut witness = Witness::default();
    let outputs = reference(&captured.problem, &profile.profile, &mut witness)?;
    Ok((outputs, witness))
}

fn compare(
    row: &mut Row,
    captured: &Captured,
    output: usize,
    expected: &Tensor,
    got: &Tensor,
    witness: &Witness,
) {
    for element in 0..expected.len() {
        if witness.open.binary_search(&(output, element)).is_ok() {
            row.open += 1;
            continue;
        }
        row.values += 1;
        let distance = distance(expected.data(), got.data(), element);
        if distance == 0 {
            continue;
        }
        row.mismatches += 1;
        row.largest = row.largest.max(distance);
        row.first.get_or_insert_with(|| Difference {
            vector: captured.name.clone(),
            output,
            element,
            captured: show(expected.data(), element),
            reference: show(got.data(), element),
        });
    }
}
