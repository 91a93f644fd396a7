//! Digits CNN: every node of quantized graphs, run by its own engine on 16
//! images, and by the other engines on the same inputs.

use std::path::Path;

use serde_json::Value;

use super::torch;
use crate::captures::error::CaptureError;
use crate::captures::graph::{Graph, Node, Step};
use crate::captures::manifest::{CapturedFile, Params, read_json};
use crate::captures::npz::Npz;
use crate::captures::problem::{self, Product, Windows, granularity, plain};
use crate::captures::vector::{Builder, Captured, Found};
use crate::spec::*;
use crate::tensor::{DType, Tensor};

const TENSORS: &str = "tensors.npz";
/// What the first node reads.
const INPUT: &str = "input";

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (graph, name) = file
        .entry
        .file
        .split_once('/')
        .unwrap_or(("", &file.entry.file));
    match (graph, name) {
        ("observed", "weights.npz") => super::digits_weights::observers(file, found),
        ("observed", _) => super::torch_observers::batches_of_one_tensor(file, found),
        (_, "observers.npz") => {
            let reason = "states after calibration of a whole network: the same observers are checked in observed/";
            found.skip("observe", file.entry.values(|_| true), reason);
            Ok(())
        }
        (_, TENSORS) if graph.starts_with("pt2e") => super::digits_pt2e::read(file, graph, found),
        (_, TENSORS) => graph_nodes(file, graph, found),
        _ => Ok(()),
    }
}

/// The nodes of `graph.json` beside `tensors`, in order.
pub(super) fn nodes_of(folder: &Path, tensors: &str) -> Result<Vec<Value>, CaptureError> {
    let path = folder.join(tensors).with_file_name("graph.json");
    let json: Value = read_json(&path)?;
    let nodes = json.get("nodes").and_then(Value::as_array);
    nodes.cloned().ok_or(CaptureError::Json {
        path,
        line: 1,
        what: "has no list `nodes`".into(),
    })
}

/// The tensors of a graph and what is needed to rebuild its nodes.
struct Tensors<'a> {
    file: &'a CapturedFile<'a>,
    weights: Npz,
    /// real-valued input of the graph
    images: Tensor,
}

impl<'a> Tensors<'a> {
    fn of(file: &'a CapturedFile<'a>, graph: &str) -> Result<Self, CaptureError> {
        Ok(Self {
            file,
            weights: file.beside(&format!("{graph}/weights.npz"))?,
            images: file.beside("data.npz")?.array("x_test")?.tensor()?,
        })
    }
}

fn graph_nodes(
    file: &CapturedFile<'_>,
    graph: &str,
    found: &mut Found,
) -> Result<(), CaptureError> {
    for node in graph_of(file, graph)?.nodes {
        match node.step {
            Step::Compute(captured) => found.captured.push(*captured),
            Step::Flatten(_) => {}
            Step::Unknown(values) => found.skip(&node.op, values, "no reference op"),
        }
    }
    found.skip(
        "graph",
        file.entry.values(|a| a.starts_with("logits")),
        "whole networks: nodes are checked alone, and in order by `qassay model`",
    );
    Ok(())
}

/// The graph whose tensors `file` holds.
pub(super) fn graph(file: &CapturedFile<'_>, name: &str) -> Result<Graph, CaptureError> {
    match name.starts_with("pt2e") {
        true => super::digits_pt2e::graph(file, name),
        false => graph_of(file, name),
    }
}

fn graph_of(file: &CapturedFile<'_>, name: &str) -> Result<Graph, CaptureError> {
    let path = file.folder.path.join(name).join("graph.json");
    let tensors = Tensors::of(file, name)?;
    let engine = file.params().text("engine").unwrap_or_default().to_owned();
    let mut nodes = Vec::new();
    for node in nodes_of(&file.folder.path, &file.entry.file)? {
        let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, op) = (text("name"), text("op"));
        let params = Params {
            path: &path,
            value: node.get("params").unwrap_or(&Value::Null),
        };
        let inputs: Vec<&str> = node
            .get("inputs")
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let step = if op == "flatten" {
            Step::Flatten(tensors.flattened(name)?)
        } else {
            match tensors.problem(op, &inputs, params)? {
                Some(problem) => Step::Compute(Box::new(tensors.captured(name, &engine, problem)?)),
                None => Step::Unknown(file.array(&format!("t.{name}"))?.len() as u64),
            }
        };
        nodes.push(Node {
            name: name.to_owned(),
            op: op.to_owned(),
            computed: false,
            inputs: inputs.into_iter().map(str::to_owned).collect(),
            step,
        });
    }
    let labels = file.beside("data.npz")?.array("y_test")?.integers()?;
    Ok(Graph {
        name: name.to_owned(),
        version: file
            .params()
            .text("engine_version")
            .unwrap_or_default()
            .to_owned(),
        workflow: file.params().text("mode").unwrap_or_default().to_owned(),
        reduce_range: file.params().flag("reduce_range").ok(),
        engine,
        engines: torch::ENGINES.to_vec(),
        given: vec![INPUT.to_owned()],
        nodes,
        labels,
    })
}

impl Tensors<'_> {
    fn tensor(&self, name: &str) -> Result<Tensor, CaptureError> {
        let array = self.file.array(&format!("t.{name}"))?;
        match array.shape().len() {
            4 => array.channel_last(),
            _ => array.tensor(),
        }
    }

    /// A node with what every engine gave for it: the array that `params.outputs`
    /// names, or the native engine's, where it gave the same.
    fn captured(
        &self,
        name: &str,
        native: &str,
        problem: Problem,
    ) -> Result<Captured, CaptureError> {
        let mut v = Builder::new(self.file, name, problem);
        let stored = self.file.params().get("outputs")?;
        for (engine, profile) in torch::ENGINES {
            let other = stored
                .get(format!("{name}@{engine}"))
                .and_then(Value::as_str);
            let own = format!("t.{name}");
            let array = match other {
                Some(other) if *engine != native => self.file.array(other)?,
                _ => self.file.array(&own)?,
            };
            let values = match array.shape().len() {
                4 => array.channel_last()?,
                _ => array.tensor()?,
            };
            v.output(engine, profile, 0, values)?;
        }
        Ok(v.done())
    }

    fn quantized(&self, params: Params<'_>, key: &str) -> Result<Quantized, CaptureError> {
        let scale = params.float(&format!("{key}_scale"))?;
        let zero_point = params.integer(&format!("{key}_zp"))?;
        Ok(Quantized {
            dtype: DType::U8,
            qparams: problem::qparams(self.file, scale, zero_point)?,
        })
    }

    /// The problem of a node; `None` for an op without a reference.
    fn problem(
        &self,
        op: &str,
        inputs: &[&str],
        params: Params<'_>,
    ) -> Result<Option<Problem>, CaptureError> {
        let first = inputs.first().copied().unwrap_or_default();
        Ok(Some(match op {
            "quantize" => {
                let output = self.quantized(params, "y")?;
                let x = self.images.clone();
                let order = channel_last_of_f32(&x);
                problem::quantize(
                    order,
                    DType::U8,
                    Granularity::PerTensor(output.qparams),
                    None,
                )
            }
            "dequantize" => {
                let x = self.quantized(params, "x")?;
                problem::dequantize(self.tensor(first)?, Granularity::PerTensor(x.qparams))
            }
            "conv2d" | "depthwise_conv2d" => self.conv(first, params)?,
            "linear" => {
                let w = self.array(params, "weights")?.tensor()?;
                let bias = self.array(params, "bias")?.tensor()?;
                let x = self.flattened(first)?;
                problem::linear(self.file, x, w, Some(bias), self.product(params)?)?
            }
            "add" | "mul" => {
                let second = inputs.get(1).copied().unwrap_or_default();
                let pairs = [
                    self.quantized(params, "a")?,
                    self.quantized(params, "b")?,
                    self.quantized(params, "y")?,
                ];
                let (a, b) = (self.tensor(first)?, self.tensor(second)?);
                let (spec, inputs) = problem::binary(a, b, pairs, params.flag("relu")?.into());
                let op = if op == "add" {
                    OpSpec::Add(spec)
                } else {
                    OpSpec::Mul(spec)
                };
                plain(op, inputs)
            }
            "avg_pool2d" => self.avg_pool(first, params)?,
            "relu" => {
                let x = self.tensor(first)?;
                let spec = ReluSpec {
                    shape: x.shape().to_vec(),
                    tensor: self.quantized(params, "x")?,
                };
                plain(OpSpec::Relu(spec), vec![x])
            }
            _ => return Ok(None),
        }))
    }

    /// The array of the weights file that parameter `key` names.
    fn array(
        &self,
        params: Params<'_>,
        key: &str,
    ) -> Result<&crate::captures::npz::Array, CaptureError> {
        let name = params
            .text(key)
            .ok_or_else(|| params.error(key, "names no array".into()))?;
        self.weights.array(name)
    }

    /// A flattened tensor is stored by its own node, channels first.
    fn flattened(&self, name: &str) -> Result<Tensor, CaptureError> {
        self.file.array(&format!("t.{name}"))?.tensor()
    }

    fn product(&self, params: Params<'_>) -> Result<Product, CaptureError> {
        let (scales, zero_points) = (self.array(params, "w_scale")?, self.array(params, "w_zp")?);
        Ok(Product {
            activation: Activation::Quantized(self.quantized(params, "x")?),
            weights: granularity(self.file, scales, zero_points, 0)?,
            output: Output::Quantized(self.quantized(params, "y")?),
            relu: params.flag("relu")?.into(),
        })
    }

    fn conv(&self, input: &str, params: Params<'_>) -> Result<Problem, CaptureError> {
        let pads = params.sizes("pads")?;
        if pads.len() != 4 {
            return Err(params.error("pads", "must have 4 entries".into()));
        }
        let windows = Windows {
            stride: params.sizes("strides")?,
            pad_begin: pads[..2].to_vec(),
            pad_end: pads[2..].to_vec(),
            dilation: params.sizes("dilations")?,
            groups: usize::try_from(params.integer("groups")?).unwrap_or(0),
        };
        let w = self.array(params, "weights")?.channel_last()?;
        let bias = self.array(params, "bias")?.tensor()?;
        let product = self.product(params)?;
        problem::conv(
            self.file,
            self.tensor(input)?,
            w,
            Some(bias),
            windows,
            product,
        )
    }

    fn avg_pool(&self, input: &str, params: Params<'_>) -> Result<Problem, CaptureError> {
        let x = self.tensor(input)?;
        let &[batch, height, width, channels] = x.shape() else {
            return Err(self
                .file
                .problem(format!("t.{input} is no batch of images")));
        };
        let spec = PoolSpec {
            batch,
            input: vec![height, width],
            channels,
            kernel: params.sizes("kernel")?,
            stride: params.sizes("strides")?,
            pad: params.sizes("pads")?.into_iter().take(2).collect(),
            pad_end: None,
            count_include_pad: params.flag("count_include_pad")?,
            activation: self.quantized(params, "x")?,
            output: self.quantized(params, "y")?,
        };
        Ok(plain(OpSpec::AvgPool(spec), vec![x]))
    }
}

/// `[n, 1, h, w]` images channel-last: the values stay in order, as there is one channel.
fn channel_last_of_f32(images: &Tensor) -> Tensor {
    let mut shape = images.shape().to_vec();
    shape[1..].rotate_left(1);
    Tensor::new(shape, images.data().clone()).expect("a rotated shape holds as many values")
}
