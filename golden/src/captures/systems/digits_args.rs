//! Arguments of a node of an exported graph, in the order of its op's schema.

use serde_json::Value;

use crate::captures::error::CaptureError;
use crate::captures::hexfloat;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem;
use crate::spec::Quantized;
use crate::tensor::DType;

/// The arguments of one node.
#[derive(Clone, Copy)]
pub(super) struct Args<'a> {
    pub file: &'a CapturedFile<'a>,
    /// the node's name
    pub node: &'a str,
    pub list: &'a [Value],
}

impl<'a> Args<'a> {
    fn get(&self, index: usize) -> &'a Value {
        self.list.get(index).unwrap_or(&Value::Null)
    }

    fn problem(&self, index: usize, what: &str) -> CaptureError {
        let node = self.node;
        (self.file).problem(format!("argument {index} of node {node} is no {what}"))
    }

    /// Whether there is an argument.
    pub fn has(&self, index: usize) -> bool {
        index < self.list.len()
    }

    /// Refuses arguments that nobody reads.
    ///
    /// # Errors
    /// When there are more than `count`.
    pub fn at_most(&self, count: usize) -> Result<(), CaptureError> {
        if self.list.len() <= count {
            return Ok(());
        }
        Err(self.file.problem(format!(
            "node {} has {} arguments; what those after {count} do is not known",
            self.node,
            self.list.len()
        )))
    }

    /// The node or constant that an argument refers to.
    pub fn name(&self, index: usize) -> &'a str {
        self.get(index)
            .get("ref")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub fn text(&self, index: usize) -> &'a str {
        self.get(index).as_str().unwrap_or_default()
    }

    pub fn integer(&self, index: usize) -> Result<i64, CaptureError> {
        let integer = self.get(index).as_i64();
        integer.ok_or_else(|| self.problem(index, "integer"))
    }

    pub fn float(&self, index: usize) -> Result<f64, CaptureError> {
        let hex = self.get(index).get("hex").and_then(Value::as_str);
        let value = hex.and_then(hexfloat::parse);
        value.ok_or_else(|| self.problem(index, "real number"))
    }

    pub fn sizes(&self, index: usize) -> Result<Vec<usize>, CaptureError> {
        let list = self.get(index).as_array();
        list.and_then(|list| {
            list.iter()
                .map(|v| usize::try_from(v.as_u64()?).ok())
                .collect()
        })
        .ok_or_else(|| self.problem(index, "list of sizes"))
    }

    /// Scale at `index`, zero point behind it, and the type named at `dtype` (u8 where none is).
    pub fn quantized(&self, index: usize, dtype: usize) -> Result<Quantized, CaptureError> {
        let scale = self.float(index)?;
        let dtype = super::torch_observers::dtype_of(self.text(dtype)).unwrap_or(DType::U8);
        Ok(Quantized {
            dtype,
            qparams: problem::qparams(self.file, scale, self.integer(index + 1)?)?,
        })
    }
}
