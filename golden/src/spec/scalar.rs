//! The spec of arithmetic with one real number, which changes scale and zero point.

use super::Quantized;
use crate::tensor::DType;
use serde::{Deserialize, Serialize};

/// A tensor and a real number. The op chooses the parameters of its output.
/// Input: `shape`. Outputs: codes `shape`, their scale `[1]` f64, their zero point `[1]` s32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalarSpec {
    /// shape
    pub shape: Vec<usize>,
    /// input
    pub input: Quantized,
    /// the number; finite
    pub scalar: f64,
}

impl ScalarSpec {
    /// Shapes and types of the outputs.
    pub fn outputs(&self) -> Vec<(Vec<usize>, DType)> {
        vec![
            (self.shape.clone(), self.input.dtype),
            (vec![1], DType::F64),
            (vec![1], DType::I32),
        ]
    }
}
