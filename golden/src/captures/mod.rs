//! Vectors captured from real systems, and the reference held to them.
//!
//! A capture is a folder with `manifest.json` and npz files. [`check`] computes
//! every captured problem under the profile of the engine that gave the values
//! and counts what differs; what has no reference or no profile yet is counted
//! too, with the reason. [`layers`] hands out the matrix products and
//! convolutions, for holding kernels to an engine's own bits; [`solved`]
//! everything, for finding out whose arithmetic it is; [`graph`] a whole network,
//! for running it node after node. [`Known`] lists the faults of upstream that
//! explain a difference.
//!
//! Tensors become channel-last on the way in. `systems` maps the files of each
//! system to problems.

mod check;
mod distance;
mod error;
mod fake;
mod flatbuffer;
mod graph;
mod hexfloat;
mod known;
mod layers;
mod manifest;
mod narrow;
mod npz;
mod onnx_model;
mod problem;
mod solved;
mod systems;
mod tosa_graph;
mod vector;

pub use check::{Checked, Difference, Progress, Row, check};
pub use error::CaptureError;
pub use graph::{Graph, Node, Step, graph};
pub use known::{Change, Fault, Known, KnownError};
pub use layers::{CapturedLayer, LayerOutput, layers};
pub use manifest::{Entry, Folder, Manifest, folders};
pub use solved::{Solved, solved};
pub use vector::{Captured, EngineOutput, UNKNOWN_PROFILE};
