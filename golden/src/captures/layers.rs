//! Layers of real networks and single products with the outputs of real
//! engines, for holding kernels to an engine's own bits.

use std::path::Path;

use rayon::prelude::*;

use super::error::CaptureError;
use super::known::Known;
use super::manifest::{entries, folders};
use super::systems;
use super::vector::Captured;
use crate::spec::{OpSpec, Problem};
use crate::tensor::Tensor;

/// A linear, dynamic linear, conv or depthwise layer that real engines have run.
#[derive(Debug, Clone)]
pub struct CapturedLayer {
    /// the system, as its manifest calls it
    pub system: String,
    /// file inside the system's folder, and what in it
    pub name: String,
    /// the op: `linear`, `linear_dynamic`, `conv2d`, `depthwise2d`, …
    pub op: String,
    /// op, weights, bias and input
    pub problem: Problem,
    /// what each engine gave
    pub outputs: Vec<LayerOutput>,
}

/// What one engine gave for a layer.
#[derive(Debug, Clone)]
pub struct LayerOutput {
    /// the engine, as the capture names it
    pub engine: String,
    /// the named profile that describes this engine's arithmetic
    pub profile: &'static str,
    /// the values, channel-last
    pub output: Tensor,
    /// why upstream is known to differ from the profile
    pub known: Option<String>,
}

impl CapturedLayer {
    /// The output of the first engine that has this profile.
    pub fn output_of(&self, profile: &str) -> Option<&LayerOutput> {
        self.outputs.iter().find(|output| output.profile == profile)
    }
}

/// Every captured layer at `dir`, a folder with a manifest or a folder of such folders,
/// in the order of folders and manifests.
///
/// # Errors
/// When captures cannot be read, or do not have their system's form.
pub fn layers(dir: &Path) -> Result<impl Iterator<Item = CapturedLayer>, CaptureError> {
    let (folders, known) = (folders(dir)?, Known::built_in()?);
    let files = entries(&folders);
    let layers = files
        .par_iter()
        .map(|&(folder, entry)| {
            let mut captured = systems::read(folder, entry)?.captured;
            known.mark(&folder.manifest, &mut captured);
            let system = &folder.manifest.system;
            Ok(captured
                .into_iter()
                .filter_map(|c| layer(system, c))
                .collect())
        })
        .collect::<Result<Vec<Vec<_>>, CaptureError>>()?;
    Ok(layers.into_iter().flatten())
}

fn layer(system: &str, captured: Captured) -> Option<CapturedLayer> {
    if !matches!(captured.problem.op, OpSpec::Linear(_) | OpSpec::Conv(_)) {
        return None;
    }
    let outputs = captured.outputs.into_iter().filter_map(|output| {
        Some(LayerOutput {
            engine: output.engine,
            profile: output.profile,
            output: output.expected.into_iter().next()?.1,
            known: output.known,
        })
    });
    Some(CapturedLayer {
        system: system.to_owned(),
        name: captured.name,
        op: captured.op,
        problem: captured.problem,
        outputs: outputs.collect(),
    })
}
