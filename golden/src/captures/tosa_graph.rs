//! Graphs of TOSA: the operator of a captured test with its attributes, and
//! the constants that it is given.
//!
//! Source: the TOSA serialization library, schema/tosa.fbs.

use std::path::Path;

use super::error::CaptureError;
use super::flatbuffer::{Damaged, Table};
use super::manifest::CapturedFile;
use crate::tensor::DType;

/// Numbers of `Op` in the schema.
const CONST: u32 = 67;

/// The bytes of the graph that a captured file is the run of: it lies beside it.
pub(super) struct GraphFile {
    path: std::path::PathBuf,
    bytes: Vec<u8>,
}

impl GraphFile {
    /// Reads the graph beside `file`.
    pub fn beside(file: &CapturedFile<'_>) -> Result<Self, CaptureError> {
        let path = file.folder.path.join(&file.entry.file);
        let path = path.with_extension("tosa");
        let bytes = std::fs::read(&path).map_err(|e| CaptureError::unreadable(&path, e))?;
        Ok(Self { path, bytes })
    }

    /// The graph's one operator that is no constant.
    pub fn node(&self) -> Result<Node<'_>, CaptureError> {
        node(&self.path, &self.bytes)
            .map_err(|damaged| self.problem(format!("is no TOSA graph: {damaged}")))?
            .ok_or_else(|| self.problem("has not exactly one operator besides constants".into()))
    }

    fn problem(&self, what: String) -> CaptureError {
        problem(&self.path, what)
    }
}

fn problem(path: &Path, what: String) -> CaptureError {
    CaptureError::Problem {
        path: path.to_owned(),
        what,
    }
}

/// An operator with what it is given.
pub(super) struct Node<'a> {
    path: &'a Path,
    /// its number in the schema's `Op`
    pub op: u32,
    attributes: Option<Table<'a>>,
    inputs: Vec<Tensor<'a>>,
    outputs: Vec<Tensor<'a>>,
}

/// A tensor of the graph.
#[derive(Clone)]
struct Tensor<'a> {
    name: String,
    shape: Vec<usize>,
    kind: u32,
    data: &'a [u8],
}

/// The integers of TOSA, by their number in the schema's `DType`: their type here, and how many
/// bytes a value has in the file. 48 bits are kept in 64.
const INTEGERS: [(u32, DType, usize); 4] = [
    (3, DType::I8, 1),
    (4, DType::I16, 2),
    (5, DType::I32, 4),
    (6, DType::I64, 6),
];

fn node<'a>(path: &'a Path, bytes: &'a [u8]) -> Result<Option<Node<'a>>, Damaged> {
    let mut operators = Vec::new();
    let mut tensors = Vec::new();
    for region in Table::root(bytes)?.tables(1)? {
        for block in region.tables(1)? {
            for operator in block.tables(1)? {
                if operator.u32(0)? != CONST {
                    operators.push(operator);
                }
            }
            for tensor in block.tables(2)? {
                tensors.push(Tensor {
                    name: tensor.string(0)?,
                    shape: sizes(&tensor.integers(1)?),
                    kind: tensor.u32(2)?,
                    data: tensor.bytes(3)?,
                });
            }
        }
    }
    let &[operator] = operators.as_slice() else {
        return Ok(None);
    };
    let named = |names: Vec<String>| -> Vec<Tensor<'a>> {
        (names.iter())
            .filter_map(|name| tensors.iter().find(|tensor| tensor.name == *name))
            .cloned()
            .collect()
    };
    Ok(Some(Node {
        path,
        op: operator.u32(0)?,
        attributes: operator.table(2)?,
        inputs: named(operator.strings(3)?),
        outputs: named(operator.strings(4)?),
    }))
}

fn sizes(shape: &[i32]) -> Vec<usize> {
    shape.iter().map(|&n| n.max(0) as usize).collect()
}

impl Node<'_> {
    /// The name and type of input `index`.
    pub fn input(&self, index: usize) -> Result<(&str, DType), CaptureError> {
        self.typed(&self.inputs, index, "input")
    }

    /// The name and type of output `index`.
    pub fn output(&self, index: usize) -> Result<(&str, DType), CaptureError> {
        self.typed(&self.outputs, index, "output")
    }

    fn typed<'b>(
        &self,
        tensors: &'b [Tensor<'_>],
        index: usize,
        what: &str,
    ) -> Result<(&'b str, DType), CaptureError> {
        let tensor = (tensors.get(index))
            .ok_or_else(|| self.problem(format!("the operator has no {what} {index}")))?;
        let (_, dtype, _) = self.integer(tensor)?;
        Ok((&tensor.name, *dtype))
    }

    fn integer(&self, tensor: &Tensor<'_>) -> Result<&'static (u32, DType, usize), CaptureError> {
        (INTEGERS.iter())
            .find(|(kind, ..)| *kind == tensor.kind)
            .ok_or_else(|| {
                self.problem(format!(
                    "{} is of type {}, which is no integer of 8, 16, 32 or 48 bits",
                    tensor.name, tensor.kind
                ))
            })
    }

    /// The shape and values of input `index`, which is a constant.
    pub fn constant(&self, index: usize) -> Result<(Vec<usize>, Vec<i64>), CaptureError> {
        let tensor = (self.inputs.get(index))
            .ok_or_else(|| self.problem(format!("the operator has no input {index}")))?;
        let &(_, _, size) = self.integer(tensor)?;
        let values: Vec<i64> = tensor.data.chunks_exact(size).map(little_endian).collect();
        if values.len() != tensor.shape.iter().product::<usize>() {
            return Err(self.problem(format!(
                "{} holds {} values, its shape is {:?}",
                tensor.name,
                values.len(),
                tensor.shape
            )));
        }
        Ok((tensor.shape.clone(), values))
    }

    /// The one value of input `index`, which is a constant.
    pub fn scalar(&self, index: usize) -> Result<i64, CaptureError> {
        match self.constant(index)?.1.as_slice() {
            &[value] => Ok(value),
            _ => Err(self.problem(format!("input {index} is not one value"))),
        }
    }

    /// A list of integers among the attributes.
    pub fn list(&self, field: usize) -> Result<Vec<i32>, CaptureError> {
        self.attribute(|table| table.integers(field))
    }

    /// A flag among the attributes.
    pub fn flag(&self, field: usize) -> Result<bool, CaptureError> {
        self.attribute(|table| table.flag(field))
    }

    /// A number of an enumeration among the attributes.
    pub fn number(&self, field: usize) -> Result<u32, CaptureError> {
        self.attribute(|table| table.u32(field))
    }

    fn attribute<T>(
        &self,
        read: impl Fn(Table<'_>) -> Result<T, Damaged>,
    ) -> Result<T, CaptureError> {
        let table = (self.attributes)
            .ok_or_else(|| self.problem("the operator has no attributes".into()))?;
        read(table).map_err(|damaged| self.problem(format!("is no TOSA graph: {damaged}")))
    }

    /// An error about the graph.
    pub fn problem(&self, what: String) -> CaptureError {
        problem(self.path, what)
    }
}

/// A signed integer of up to 8 bytes.
fn little_endian(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let unused = 64 - 8 * bytes.len() as u32;
    (i64::from_le_bytes(wide) << unused) >> unused
}

#[cfg(test)]
mod tests {
    use super::little_endian;

    #[test]
    fn integers_of_every_width_keep_their_sign() {
        assert_eq!(little_endian(&[0x80]), -128);
        assert_eq!(little_endian(&[0x61, 0x43]), 0x4361);
        assert_eq!(little_endian(&[0, 0, 0, 0, 0, 0x80]), -(1 << 47));
        assert_eq!(
            little_endian(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            (1 << 47) - 1
        );
    }
}
