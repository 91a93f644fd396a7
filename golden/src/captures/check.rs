//! Holds the reference to captured values and counts what agrees, by system,
//! op and engine.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use super::error::CaptureError;
use super::manifest::{Entry, Folder, folders};
use super::systems;
use super::vector::{Captured, EngineOutput, Found};
use crate::ops::{ReferenceError, reference};
use crate::profile::named;
use crate::tensor::{DType, Data, Tensor};
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
}

impl Row {
    /// Whether this row counts checked values.
    pub fn covered(&self) -> bool {
        self.profile.is_some()
    }

    /// Whether this row has mismatches that no known fault of upstream explains.
    pub fn differs(&self) -> bool {
        self.mismatches > 0 && self.note.is_none()
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

/// Checks every captured vector at `dir`, a folder with a manifest or a folder of such folders.
/// `progress` is called after each file, from several threads.
///
/// # Errors
/// When captures cannot be read, or do not have their system's form.
pub fn check(dir: &Path, progress: impl Fn(Progress) + Sync) -> Result<Vec<Row>, CaptureError> {
    let folders = folders(dir)?;
    let files: Vec<(&Folder, &Entry)> = folders
        .iter()
        .flat_map(|folder| {
            folder
                .manifest
                .files
                .iter()
                .map(move |entry| (folder, entry))
        })
        .collect();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let tables = files
        .par_iter()
        .with_max_len(1)
        .map(|&(folder, entry)| {
            let table = check_file(folder, entry)?;
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
    Ok(whole.0.into_values().collect())
}

/// What makes a row of its own.
type Key = (String, String, String, Option<&'static str>, Option<String>);

#[derive(Default)]
struct Table(BTreeMap<Key, Row>);

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
        self.0.entry(key).or_insert_with(|| Row {
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
        })
    }

    fn merge(&mut self, other: Self) {
        for (key, row) in other.0 {
            match self.0.entry(key) {
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
                }
            }
        }
    }
}

fn check_file(folder: &Folder, entry: &Entry) -> Result<Table, CaptureError> {
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
        check_problem(folder, entry, problem, &mut table)?;
    }
    Ok(table)
}

fn check_problem(
    folder: &Folder,
    entry: &Entry,
    captured: &Captured,
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
                let row = table.row(folder, names, Some(output.profile), output.known);
                row.vectors += 1;
                for (index, expected) in &output.expected {
                    compare(row, captured, *index, expected, &reference[*index], witness);
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

/// How far two values are apart: codes for integers, representable values for
/// floats. NaN equals NaN, and is as far as can be from everything else.
fn distance(a: &Data, b: &Data, index: usize) -> u64 {
    match (a, b) {
        (Data::F32(a), Data::F32(b)) => {
            let order = |x: f32| {
                let bits = i64::from(x.to_bits() & 0x7fff_ffff);
                if x.is_sign_negative() {
                    -1 - bits
                } else {
                    bits
                }
            };
            between(
                a[index].is_nan(),
                b[index].is_nan(),
                order(a[index]),
                order(b[index]),
            )
        }
        (Data::F64(a), Data::F64(b)) => {
            let order = |x: f64| {
                let bits = (x.to_bits() & (u64::MAX >> 1)) as i64;
                if x.is_sign_negative() {
                    -1 - bits
                } else {
                    bits
                }
            };
            between(
                a[index].is_nan(),
                b[index].is_nan(),
                order(a[index]),
                order(b[index]),
            )
        }
        _ if a.dtype() != b.dtype() => u64::MAX,
        _ if a.dtype().is_bit_pattern() => {
            let sign = 1 << (a.dtype().bits() - 1);
            let order = |x: &Data| {
                let bits = i64::from(x.bits(index));
                if bits & sign != 0 && x.dtype() != DType::F8E8M0 {
                    sign - 1 - bits
                } else {
                    bits
                }
            };
            between(a.is_nan(index), b.is_nan(index), order(a), order(b))
        }
        (a, b) => a.code(index).abs_diff(b.code(index)),
    }
}

fn between(a_nan: bool, b_nan: bool, a: i64, b: i64) -> u64 {
    match (a_nan, b_nan) {
        (true, true) => 0,
        (false, false) => a.abs_diff(b),
        _ => u64::MAX,
    }
}

fn show(data: &Data, index: usize) -> String {
    match data {
        Data::F32(v) => format!("{:?}", v[index]),
        Data::F64(v) => format!("{:?}", v[index]),
        _ if data.dtype().is_bit_pattern() => {
            format!("{:?} (0x{:02x})", data.real(index), data.bits(index))
        }
        codes => codes.code(index).to_string(),
    }
}
