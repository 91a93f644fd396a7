//! Which captured systems have a profile, and what reads the files of each:
//! one table. A mapping turns a file into problems with expected outputs.

mod caffe;
mod calibrated;
mod coremltools;
mod digits;
mod digits_args;
mod digits_pt2e;
mod digits_weights;
mod distiller;
mod distiller_layers;
mod documented;
mod litert;
mod litert_ops;
mod litert_pointwise;
mod minilm;
mod mxnet;
mod nni;
mod nni_steps;
mod nvidia;
mod onnx_nodes;
mod onnxruntime;
mod onnxruntime_along;
mod onnxruntime_blocks;
mod onnxruntime_calibrators;
mod onnxruntime_models;
mod onnxruntime_ops;
mod onnxruntime_tools;
mod paddle;
mod paddle_ops;
mod paddleslim;
mod ppocr;
mod qkeras;
mod tensorflow;
mod tflite_converter;
mod torch;
mod torch_casts;
mod torch_float_ops;
mod torch_observers;
mod torch_ops;
mod torch_steps;
mod torchao;
mod tosa;
mod tosa_products;

use super::error::CaptureError;
use super::graph::Graph;
use super::manifest::{CapturedFile, Entry, Folder};
use super::vector::Found;

type Read = fn(&CapturedFile<'_>, &mut Found) -> Result<(), CaptureError>;

/// A system with a profile: the name in its manifest, and what reads its files.
struct System {
    name: &'static str,
    read: Read,
}

const SYSTEMS: &[System] = &[
    System {
        name: "torch-2.15",
        read: torch::read_2_15,
    },
    System {
        name: "torch-debian-1.13",
        read: torch::read_debian,
    },
    System {
        name: "onnxruntime",
        read: onnxruntime::read,
    },
    System {
        name: "onnxruntime-tools-1.32.0",
        read: onnxruntime_tools::read,
    },
    System {
        name: "torchao",
        read: torchao::read,
    },
    System {
        name: "onnx-node-tests",
        read: onnx_nodes::read,
    },
    System {
        name: "litert-2.3.0",
        read: litert::read,
    },
    System {
        name: "tf-2.21-lite",
        read: litert::read,
    },
    System {
        name: "tf-2.21-converter",
        read: tflite_converter::read,
    },
    System {
        name: "nvidia-pytorch-quantization",
        read: nvidia::read,
    },
    System {
        name: "mxnet",
        read: mxnet::read,
    },
    System {
        name: "caffe-int8-convert-tools",
        read: caffe::read,
    },
    System {
        name: "paddle",
        read: paddle::read,
    },
    System {
        name: "paddleslim-2.6.0",
        read: paddle::read_slim,
    },
    System {
        name: "nni-3.0",
        read: nni::read,
    },
    System {
        name: "distiller",
        read: distiller::read_q_utils,
    },
    System {
        name: "distiller-d859fc8",
        read: distiller::read,
    },
    System {
        name: "tensorflow",
        read: tensorflow::read,
    },
    System {
        name: "qkeras-0.9.0",
        read: qkeras::read,
    },
    System {
        name: "qkeras-git-78ea90f",
        read: qkeras::read_git,
    },
    System {
        name: "coremltools",
        read: coremltools::read,
    },
    System {
        name: "digits-cnn-torch",
        read: digits::read,
    },
    System {
        name: "minilm-l6-torch",
        read: minilm::read,
    },
    System {
        name: "ppocr-cls-onnxruntime",
        read: ppocr::read,
    },
    System {
        name: "ppocr-det-onnxruntime",
        read: ppocr::read,
    },
    System {
        name: "ppocr-rec-onnxruntime",
        read: ppocr::read,
    },
    System {
        name: "paddle-3.3.1-ops",
        read: paddle_ops::read,
    },
    System {
        name: "tosa-ref",
        read: tosa::read,
    },
    System {
        name: "tosa-tools-2026.8.0",
        read: tosa::read,
    },
];

/// Whether a system of this name has a mapping.
pub(super) fn is_mapped(name: &str) -> bool {
    SYSTEMS.iter().any(|system| system.name == name)
}

/// What the file of `entry` holds. A file of a system without a profile is
/// noted as not covered and not opened.
pub(super) fn read(folder: &Folder, entry: &Entry) -> Result<Found, CaptureError> {
    let mut found = Found::default();
    if let Some(spec) = &entry.spec {
        documented::read(&CapturedFile::open(folder, entry)?, spec, &mut found)?;
        return Ok(found);
    }
    let system = &folder.manifest.system;
    let Some(known) = SYSTEMS.iter().find(|s| s.name == system) else {
        found.skip("-", entry.values(|_| true), "no profile of this system yet");
        return Ok(found);
    };
    if !entry.file.ends_with(".npz") {
        return Ok(found);
    }
    let file = CapturedFile::open(folder, entry)?;
    (known.read)(&file, &mut found)?;
    Ok(found)
}

type ReadGraph = fn(&CapturedFile<'_>, &str) -> Result<Graph, CaptureError>;

/// The systems with whole networks, and what reads the network of a name.
const GRAPHS: &[(&str, ReadGraph)] = &[("digits-cnn-torch", digits::graph)];

/// The whole network whose tensors the file of `entry` holds; `None` where none of its system
/// is known.
pub(super) fn graph(folder: &Folder, entry: &Entry) -> Result<Option<Graph>, CaptureError> {
    let (name, _) = entry.file.split_once('/').unwrap_or_default();
    let system = &folder.manifest.system;
    let Some((_, read)) = GRAPHS.iter().find(|(known, _)| known == system) else {
        return Ok(None);
    };
    read(&CapturedFile::open(folder, entry)?, name).map(Some)
}
