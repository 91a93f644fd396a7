//! Layers captured from real networks, as cases.

use qassay_golden::spec::Problem;

use crate::case::{CapturedId, EngineOutput};

/// A captured layer.
pub(crate) struct Layer {
    /// the op with its real operands
    pub problem: Problem,
    /// what the captured engines gave
    pub engines: Vec<EngineOutput>,
}

/// The ids of all captured layers.
pub fn ids() -> Vec<CapturedId> {
    Vec::new()
}

/// Reads a captured layer.
pub(crate) fn load(id: &CapturedId) -> Result<Layer, String> {
    Err(format!("there is no captured layer '{}'", id.0))
}
