//! A whole quantized network: its nodes in order, each with what real engines
//! gave for it on the same inputs.

use std::path::Path;

use super::error::CaptureError;
use super::manifest::folders;
use super::systems;
use super::vector::Captured;
use crate::tensor::Tensor;

/// A network as it was converted for one engine.
#[derive(Debug)]
pub struct Graph {
    /// the folder's name, such as `eager_fbgemm`
    pub name: String,
    /// the version of the system that made it
    pub version: String,
    /// how it was quantized, such as `eager PTQ`
    pub workflow: String,
    /// whether observers left one bit of the activations unused; `None` if the capture does not say
    pub reduce_range: Option<bool>,
    /// the engine that it was converted for; the inputs of nodes are its outputs
    pub engine: String,
    /// every engine that ran the nodes, with the named profile of its arithmetic
    pub engines: Vec<(&'static str, &'static str)>,
    /// what nodes read and no node gives: the network's input and its constants
    pub given: Vec<String>,
    /// the nodes, each after those that it reads
    pub nodes: Vec<Node>,
    /// the class of each input
    pub labels: Vec<i64>,
}

/// One node.
#[derive(Debug)]
pub struct Node {
    /// its name; its output has the same
    pub name: String,
    /// the op, as the graph calls it
    pub op: String,
    /// the nodes (or the graph's input) that it reads
    pub inputs: Vec<String>,
    /// whether its values were not captured: the reference's under the profile of the network's
    /// own engine stand for them, computed from captured ones
    pub computed: bool,
    /// what it does
    pub step: Step,
}

/// What a node does.
#[derive(Debug)]
pub enum Step {
    /// an op of the reference, with captured inputs and outputs
    Compute(Box<Captured>),
    /// `[n, h, w, c]` codes become `[n, c · h · w]`, channels slowest; what the engine gave
    Flatten(Tensor),
    /// an op without a reference, and how many values it gave
    Unknown(u64),
}

/// The network in folder `dir`, which holds its `graph.json`.
///
/// # Errors
/// When there is none, when it is of a form whose nodes cannot be run in order, or cannot be read.
pub fn graph(dir: &Path) -> Result<Graph, CaptureError> {
    let no_graph = |why: &str| CaptureError::Problem {
        path: dir.to_owned(),
        what: format!("{why}; right is the folder of a `graph.json`, such as {EXAMPLE}"),
    };
    if !dir.join("graph.json").is_file() {
        return Err(no_graph("holds no graph.json"));
    }
    let whole = dir
        .canonicalize()
        .map_err(|e| CaptureError::unreadable(dir, e))?;
    let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Err(no_graph("has no manifest.json beside it"));
    };
    let wanted = Path::new(name).join("tensors.npz");
    for folder in folders(parent)? {
        let entry = folder.manifest.files.iter();
        if let Some(entry) = entry.into_iter().find(|e| Path::new(&e.file) == wanted) {
            return systems::graph(&folder, entry)?.ok_or_else(|| {
                let system = &folder.manifest.system;
                no_graph(&format!(
                    "is of system `{system}`, of which no networks are known"
                ))
            });
        }
    }
    Err(no_graph("is not in the manifest.json beside it"))
}

const EXAMPLE: &str = "golden/captures/models/digits-cnn-torch/eager_fbgemm";
