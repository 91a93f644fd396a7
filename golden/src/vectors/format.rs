//! The form of a golden file: its types, and reading and writing them.

use super::{SCHEMA_VERSION, VectorsError};
use crate::ops::{ReferenceError, reference};
use crate::profile::named;
use crate::spec::{Constants, OpSpec, Problem};
use crate::tensor::Tensor;
use crate::witness::Witness;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::Path;

/// All golden cases of one op.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenFile {
    /// see [`SCHEMA_VERSION`]
    pub schema: u32,
    /// the op, as in the file's name
    pub op: String,
    /// the cases; names are unique within a file
    pub cases: Vec<GoldenCase>,
}

/// One case: an op with its values, and what comes out under each profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenCase {
    /// what the case is about
    pub name: String,
    /// the op's spec
    pub spec: OpSpec,
    /// weights and bias
    pub constants: Constants,
    /// run-time inputs
    pub inputs: Vec<Tensor>,
    /// outputs, one entry per group of profiles that agree
    pub expected: Vec<Expected>,
    /// profiles that do not define the case
    #[serde(default)]
    pub undefined: Vec<Undefined>,
}

/// What comes out under some profiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// names of the profiles that agree on this
    pub profiles: Vec<String>,
    /// the outputs, as the op lists them
    pub outputs: Vec<Tensor>,
    /// (output, element) that the profiles leave open: the value there means nothing
    #[serde(default)]
    pub open: Vec<(usize, usize)>,
}

/// Profiles under which the op has no meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undefined {
    /// their names
    pub profiles: Vec<String>,
    /// why
    pub reason: String,
}

/// What one profile makes of a problem.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Defined(Vec<Tensor>, Vec<(usize, usize)>),
    Undefined(String),
}

impl Outcome {
    /// Computes `problem` under the named profile `name`.
    pub(super) fn compute(problem: &Problem, name: &str) -> Self {
        let Some(named) = named::find(name) else {
            return Self::Undefined(format!("there is no profile {name:?}"));
        };
        let mut witness = Witness::default();
        match reference(problem, &named.profile, &mut witness) {
            Ok(outputs) => Self::Defined(outputs, witness.open),
            Err(ReferenceError::Undefined(reason) | ReferenceError::Mismatch(reason)) => {
                Self::Undefined(reason)
            }
        }
    }
}

impl GoldenCase {
    /// The case of `problem`, computed under every named profile.
    pub(super) fn compute(name: String, problem: Problem) -> Self {
        let mut expected: Vec<Expected> = Vec::new();
        let mut undefined: Vec<Undefined> = Vec::new();
        for named in named::PROFILES {
            let profile = named.name.to_owned();
            match Outcome::compute(&problem, named.name) {
                Outcome::Defined(outputs, open) => {
                    let same = (expected.iter_mut())
                        .find(|group| group.open == open && same_bits(&group.outputs, &outputs));
                    match same {
                        Some(group) => group.profiles.push(profile),
                        None => expected.push(Expected {
                            profiles: vec![profile],
                            outputs,
                            open,
                        }),
                    }
                }
                Outcome::Undefined(reason) => {
                    match undefined.iter_mut().find(|group| group.reason == reason) {
                        Some(group) => group.profiles.push(profile),
                        None => undefined.push(Undefined {
                            profiles: vec![profile],
                            reason,
                        }),
                    }
                }
            }
        }
        Self {
            name,
            spec: problem.op,
            constants: problem.constants,
            inputs: problem.inputs,
            expected,
            undefined,
        }
    }

    /// What a kernel is given.
    pub fn problem(&self) -> Problem {
        Problem {
            op: self.spec.clone(),
            constants: self.constants.clone(),
            inputs: self.inputs.clone(),
        }
    }
}

/// Whether two lists of tensors agree bit for bit (any NaN is any other NaN).
pub(super) fn same_bits(a: &[Tensor], b: &[Tensor]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| first_difference(a, b).is_none())
}

/// The first element at which two tensors differ, with both values; element 0
/// and the shapes where those differ.
pub(super) fn first_difference(a: &Tensor, b: &Tensor) -> Option<(usize, String, String)> {
    if a.shape() != b.shape() || a.dtype() != b.dtype() {
        let describe = |t: &Tensor| format!("{} {:?}", t.dtype().name(), t.shape());
        return Some((0, describe(a), describe(b)));
    }
    differences(a, b).next()
}

/// The elements at which two tensors of one shape and type differ, with both values.
pub(super) fn differences<'a>(
    a: &'a Tensor,
    b: &'a Tensor,
) -> impl Iterator<Item = (usize, String, String)> + 'a {
    (0..a.len()).filter_map(|i| {
        let (a, b) = (element(a, i), element(b, i));
        (a != b).then_some((i, a, b))
    })
}

/// One element as the files write it; distinct for distinct bits, but for NaN.
fn element(tensor: &Tensor, index: usize) -> String {
    use crate::tensor::Data;
    match tensor.data() {
        Data::F32(values) => format!("{:?}", values[index]),
        Data::F64(values) => format!("{:?}", values[index]),
        data if data.dtype().is_bit_pattern() && data.is_nan(index) => "NaN".into(),
        data if data.dtype().is_bit_pattern() => data.bits(index).to_string(),
        codes => codes.code(index).to_string(),
    }
}

impl GoldenFile {
    /// The text of the file: one line per tensor, so that a difference of two
    /// versions is readable.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!(
            "{{\"schema\":{},\"op\":{},\"cases\":[\n",
            self.schema,
            json(&self.op)
        );
        for (index, case) in self.cases.iter().enumerate() {
            let comma = if index + 1 < self.cases.len() {
                ","
            } else {
                ""
            };
            case.write(&mut text);
            text.push_str(comma);
            text.push('\n');
        }
        text.push_str("]}\n");
        text
    }
}

impl GoldenCase {
    fn write(&self, text: &mut String) {
        let mut line = |indent: usize, content: &str| {
            writeln!(text, "{:indent$}{content}", "").expect("a String takes any text");
        };
        line(0, &format!("{{\"name\":{},", json(&self.name)));
        line(1, &format!("\"spec\":{},", json(&self.spec)));
        line(1, "\"constants\":{");
        line(
            2,
            &format!("\"weights\":{},", json(&self.constants.weights)),
        );
        line(2, &format!("\"bias\":{}}},", json(&self.constants.bias)));
        line(1, "\"inputs\":[");
        let inputs = joined(&self.inputs, 2);
        line(2, &format!("{inputs}],"));
        line(1, "\"expected\":[");
        for (index, expected) in self.expected.iter().enumerate() {
            let close = if index + 1 < self.expected.len() {
                "},"
            } else {
                "}"
            };
            line(2, &format!("{{\"profiles\":{},", json(&expected.profiles)));
            line(3, &format!("\"open\":{},", json(&expected.open)));
            line(3, "\"outputs\":[");
            line(4, &format!("{}]{close}", joined(&expected.outputs, 4)));
        }
        line(1, "],");
        text.push_str(&format!(" \"undefined\":{}}}", json(&self.undefined)));
    }
}

fn joined(tensors: &[Tensor], indent: usize) -> String {
    let separator = format!(",\n{:indent$}", "");
    tensors
        .iter()
        .map(json)
        .collect::<Vec<_>>()
        .join(&separator)
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("golden types hold nothing that JSON cannot")
}

/// Reads and parses one golden file.
///
/// # Errors
/// When it cannot be read, is not of the documented form (with the line), or
/// has another schema version.
pub fn read_file(path: &Path) -> Result<GoldenFile, VectorsError> {
    let text = std::fs::read_to_string(path).map_err(VectorsError::io(path))?;
    parse(path, &text)
}

pub(super) fn parse(path: &Path, text: &str) -> Result<GoldenFile, VectorsError> {
    let file: GoldenFile =
        serde_json::from_str(text).map_err(|error| VectorsError::json(path, &error))?;
    if file.schema != SCHEMA_VERSION {
        return Err(VectorsError::Schema {
            path: path.to_owned(),
            found: file.schema,
        });
    }
    Ok(file)
}
