//! Digits CNN: every node of quantized graphs, run by its own engine on 16
//! images, and by the other engines on the same inputs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::{torch, torch_observers};
use crate::captures::error::CaptureError;
use crate::captures::manifest::{CapturedFile, Params, read_json};
use crate::captures::npz::Npz;
use crate::captures::problem::{self, Product, Windows, granularity, plain};
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};

const TENSORS: &str = "tensors.npz";

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (graph, name) = file
        .entry
        .file
        .split_once('/')
        .unwrap_or(("", &file.entry.file));
    match (graph, name) {
        ("observed", "weights.npz") => weight_observers(file, found),
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
struct Graph<'a> {
    file: &'a CapturedFile<'a>,
    weights: Npz,
    /// real-valued input of the graph
    images: Tensor,
}

fn graph_nodes(
    file: &CapturedFile<'_>,
    graph: &str,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let path = file.folder.path.join(graph).join("graph.json");
    let native = file.params().text("engine").unwrap_or_default().to_owned();
    let weights = format!("{graph}/weights.npz");
    let context = Graph {
        file,
        weights: file.beside(&weights)?,
        images: file.beside("data.npz")?.array("x_test")?.tensor()?,
    };
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
        if op == "flatten" {
            continue;
        }
        let Some(problem) = context.problem(op, &inputs, params)? else {
            let values = file.array(&format!("t.{name}"))?.len() as u64;
            found.skip(op, values, "no reference op");
            continue;
        };
        context.outputs(name, &native, problem, found)?;
    }
    found.skip(
        "graph",
        file.entry.values(|a| a.starts_with("logits")),
        "whole networks: nodes are checked alone",
    );
    Ok(())
}

impl Graph<'_> {
    fn tensor(&self, name: &str) -> Result<Tensor, CaptureError> {
        let array = self.file.array(&format!("t.{name}"))?;
        match array.shape().len() {
            4 => array.channel_last(),
            _ => array.tensor(),
        }
    }

    /// What every engine gave for node `name`: the array that `params.outputs`
    /// names for it, or the native engine's, where it gave the same.
    fn outputs(
        &self,
        name: &str,
        native: &str,
        problem: Problem,
        found: &mut Found,
    ) -> Result<(), CaptureError> {
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
        v.into(found);
        Ok(())
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

/// Weight observers on the folded float weights, and the codes under what they chose.
fn weight_observers(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let floats = file.beside("float_weights.npz")?;
    let layers: BTreeMap<&str, Vec<&str>> = file
        .npz()
        .names()
        .filter_map(|n| n.strip_suffix(".scale"))
        .fold(
            BTreeMap::new(),
            |mut layers: BTreeMap<&str, Vec<&str>>, part| {
                let layer = part.split('.').next().unwrap_or_default();
                layers.entry(layer).or_default().push(part);
                layers
            },
        );
    for (layer, parts) in layers {
        let w = floats.array(&format!("folded.{layer}.weight"))?.tensor()?;
        for part in parts {
            let of = |what: &str| file.array(&format!("{part}.{what}"));
            let (scales, zero_points) = (of("scale")?.floats()?, of("zp")?.integers()?);
            let per_channel = part.contains("PerChannel");
            let channels = if per_channel { w.shape()[0] } else { 1 };
            if scales.len() != channels || zero_points.len() != channels {
                return Err(of("scale")?.error(format!("must have {channels} scales")));
            }
            let Data::F32(values) = w.data() else {
                return Err(file.problem(format!("folded.{layer}.weight is not f32")));
            };
            let request = QparamsRequest {
                dtype: DType::I8,
                range: None,
                symmetric: true,
                reduce_range: false,
            };
            let each = values.len() / channels;
            let mut pairs = Vec::new();
            for (c, row) in values.chunks(each).enumerate() {
                let problem = problem::choose_qparams(row.to_vec(), request);
                let mut v = Builder::new(file, &format!("{part}[{c}]"), problem);
                let (scale, zero_point) = (scales[c], zero_points[c]);
                torch_observers::chosen(
                    file,
                    &mut v,
                    "observer",
                    "pytorch-observer",
                    scale,
                    zero_point,
                )?;
                v.into(found);
                pairs.push(problem::qparams(file, scale, zero_point)?);
            }
            let granularity = match per_channel {
                true => Granularity::PerChannel {
                    axis: 0,
                    qparams: pairs,
                },
                false => Granularity::PerTensor(pairs[0]),
            };
            let profile = if per_channel {
                "pytorch-scalar"
            } else {
                "fbgemm"
            };
            let problem = problem::quantize(w.clone(), DType::I8, granularity, None);
            let mut v = Builder::new(file, &format!("{part}.q"), problem);
            v.output("native", profile, 0, of("q")?.tensor()?)?;
            v.into(found);
        }
    }
    Ok(())
}
