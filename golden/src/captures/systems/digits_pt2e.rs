//! Digits CNN through PyTorch's export path: the reference graphs (quantize and dequantize
//! nodes with ops on f32 between them), and the graph lowered to oneDNN's ops. Arguments stand
//! in the order of each op's schema.
//!
//! Most tensors between two quantize nodes were not captured. The reference computes them from
//! captured ones, under the profile of the graph; the nodes behind them show whether it is right.
//!
//! - [`float`]: nodes on f32 of the reference graphs
//! - [`lowered`]: layers of oneDNN's ops

mod float;
mod lowered;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::digits::nodes_of;
use super::digits_args::Args;
use crate::captures::error::CaptureError;
use crate::captures::graph::{Graph, Node, Step};
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::Npz;
use crate::captures::problem::{self, Product, plain};
use crate::captures::vector::{Builder, Found};
use crate::ops::reference;
use crate::profile::named;
use crate::spec::*;
use crate::tensor::Tensor;
use crate::witness::Witness;
use float::{of_weights, relu, sum};

/// The engines of a graph: its own first, whose profile has every op of it, then those whose
/// arithmetic it can be run with.
type Engines = &'static [(&'static str, &'static str)];

const REFERENCE: Engines = &[
    ("decomposed", "pytorch-decomposed-avx2"),
    ("fbgemm", "fbgemm"),
    ("onednn", "onednn-jit-avx2"),
    ("qnnpack", "qnnpack-sse2"),
];
const LOWERED: Engines = &[
    ("onednn", "onednn-pt2e-jit-avx2"),
    ("fbgemm", "fbgemm"),
    ("qnnpack", "qnnpack-sse2"),
];

/// The lowered graph packs its weights; this file has them, in this order.
const LOWERED_WEIGHTS: &str = "pt2e_x86inductor/weights.npz";
/// The array of what the network gives.
const LOGITS: &str = "logits";

/// The tensors of one graph.
pub(super) fn read(
    file: &CapturedFile<'_>,
    name: &str,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let graph = graph(file, name)?;
    if let (Some(Step::Compute(last)), true) = (
        graph.nodes.last().map(|node| &node.step),
        file.npz().has(LOGITS),
    ) {
        // What the network gives is stored once more, under a name of its own.
        let (engine, profile) = graph.engines[0];
        let mut v = Builder::new(file, LOGITS, last.problem.clone());
        v.output(engine, profile, 0, file.array(LOGITS)?.tensor()?)?;
        v.into(found);
    }
    for node in graph.nodes {
        match node.step {
            Step::Compute(captured) if !node.computed => found.captured.push(*captured),
            Step::Unknown(values) => found.skip(&node.op, values, "no reference op"),
            Step::Compute(_) | Step::Flatten(_) => {}
        }
    }
    Ok(())
}

/// The whole network.
pub(super) fn graph(file: &CapturedFile<'_>, name: &str) -> Result<Graph, CaptureError> {
    let lowered = name.ends_with("_lowered");
    let engines = if lowered { LOWERED } else { REFERENCE };
    let nodes = nodes_of(&file.folder.path, &file.entry.file)?;
    let weights = match lowered {
        true => LOWERED_WEIGHTS.to_owned(),
        false => format!("{name}/weights.npz"),
    };
    let images = file.beside("data.npz")?.array("x_test")?.channel_last()?;
    let mut reader = Reader {
        file,
        weights: file.beside(&weights)?,
        own: engines[0],
        by_name: nodes
            .iter()
            .map(|node| (text(node, "name"), node))
            .collect(),
        given: HashSet::new(),
        tensors: HashMap::from([("x".to_owned(), images)]),
        nodes: Vec::new(),
    };
    for node in &nodes {
        reader.node(node)?;
    }
    let Reader { given, nodes, .. } = reader;
    let params = file.params();
    let workflow = [params.text("mode"), params.text("quantizer")];
    Ok(Graph {
        name: name.to_owned(),
        version: params.text("engine_version").unwrap_or_default().to_owned(),
        workflow: workflow.into_iter().flatten().collect::<Vec<_>>().join(" "),
        reduce_range: reduce_range(file),
        engine: engines[0].0.to_owned(),
        engines: engines.to_vec(),
        given: given.into_iter().collect(),
        nodes,
        labels: file.beside("data.npz")?.array("y_test")?.integers()?,
    })
}

/// Whether observers left one bit unused: the lowered graph's are those of its reference.
fn reduce_range(file: &CapturedFile<'_>) -> Option<bool> {
    let params = file.params();
    let Some(reference) = params.text("reference") else {
        return params.flag("reduce_range").ok();
    };
    let tensors = format!("{reference}/tensors.npz");
    let files = &file.folder.manifest.files;
    let entry = files.iter().find(|entry| entry.file == tensors)?;
    entry.params.get("reduce_range")?.as_bool()
}

fn text<'a>(node: &'a Value, key: &str) -> &'a str {
    node.get(key).and_then(Value::as_str).unwrap_or_default()
}

struct Reader<'a> {
    file: &'a CapturedFile<'a>,
    weights: Npz,
    own: (&'static str, &'static str),
    by_name: HashMap<&'a str, &'a Value>,
    /// what no node computes: the network's input and its constants
    given: HashSet<String>,
    /// what was captured, or else computed
    tensors: HashMap<String, Tensor>,
    nodes: Vec<Node>,
}

impl Reader<'_> {
    fn node(&mut self, node: &Value) -> Result<(), CaptureError> {
        let name = text(node, "name");
        let args = Args {
            file: self.file,
            node: name,
            list: (node.get("args").and_then(Value::as_array)).map_or(&[], Vec::as_slice),
        };
        let target = text(node, "target");
        let op = match target.strip_prefix("aten.") {
            Some(aten) => aten.split('.').next().unwrap_or_default(),
            None => text(node, "op"),
        };
        match (text(node, "op"), target) {
            ("constant" | "input", _) => {
                self.given.insert(name.to_owned());
            }
            ("output", _) => {}
            (_, "onednn.qconv2d_pointwise.binary") => self.conv_with_sum(node, args)?,
            _ => match self.problem(node, target, args)? {
                Some((inputs, problem)) => self.push(name, op, &inputs, problem)?,
                None => {
                    let array = format!("t.{name}");
                    let stored = self.file.npz().has(&array);
                    let values = if stored {
                        self.file.array(&array)?.len()
                    } else {
                        0
                    };
                    self.nodes.push(Node {
                        name: name.to_owned(),
                        op: op.to_owned(),
                        inputs: Vec::new(),
                        computed: !stored,
                        step: Step::Unknown(values as u64),
                    });
                }
            },
        }
        Ok(())
    }

    /// Adds a node with what was captured of it, else with what the reference computes.
    fn push(
        &mut self,
        name: &str,
        op: &str,
        inputs: &[&str],
        problem: Problem,
    ) -> Result<(), CaptureError> {
        let (engine, profile) = self.own;
        let array = format!("t.{name}");
        let stored = self.file.npz().has(&array);
        let values = if stored {
            let array = self.file.array(&array)?;
            match array.shape().len() {
                4 => array.channel_last()?,
                _ => array.tensor()?,
            }
        } else {
            let arithmetic = named::find(profile)
                .ok_or_else(|| self.file.problem(format!("there is no profile {profile}")))?;
            reference(&problem, &arithmetic.profile, &mut Witness::default())
                .map_err(|error| self.file.problem(format!("node {name}: {error}")))?
                .swap_remove(0)
        };
        self.tensors.insert(name.to_owned(), values.clone());
        let mut v = Builder::new(self.file, name, problem);
        v.output(engine, profile, 0, values)?;
        self.nodes.push(Node {
            name: name.to_owned(),
            op: op.to_owned(),
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            computed: !stored,
            step: Step::Compute(Box::new(v.done())),
        });
        Ok(())
    }

    fn tensor(&self, name: &str) -> Result<Tensor, CaptureError> {
        let tensor = self.tensors.get(name).cloned();
        tensor.ok_or_else(|| self.file.problem(format!("no node gives `{name}`")))
    }

    /// What a node reads and computes; `None` where there is no reference.
    fn problem<'n>(
        &self,
        node: &Value,
        target: &str,
        args: Args<'n>,
    ) -> Result<Option<(Vec<&'n str>, Problem)>, CaptureError> {
        let first = args.name(0);
        let one = |problem: Problem| Ok(Some((vec![first], problem)));
        let float = |op: FloatOp, x: Tensor| one(plain(OpSpec::Float(op), vec![x]));
        match target {
            "quantized_decomposed.quantize_per_tensor.default" => {
                let output = args.quantized(1, 5)?;
                let range = Some((args.integer(3)?, args.integer(4)?));
                let pair = Granularity::PerTensor(output.qparams);
                one(problem::quantize(
                    self.tensor(first)?,
                    output.dtype,
                    pair,
                    range,
                ))
            }
            "quantized_decomposed.dequantize_per_tensor.default" => {
                let pair = Granularity::PerTensor(args.quantized(1, 5)?.qparams);
                one(problem::dequantize(self.tensor(first)?, pair))
            }
            "quantized_decomposed.dequantize_per_channel.default" => {
                let (codes, pairs) = self.codes(args)?;
                one(problem::dequantize(of_weights(codes)?, pairs))
            }
            "aten.conv2d.default" => {
                let second = args.name(1);
                let problem = self.float_conv(args, self.tensor(first)?, self.tensor(second)?)?;
                Ok(Some((vec![first, second], problem)))
            }
            "aten.linear.default" => one(self.float_linear(args)?),
            "aten.add.Tensor" => {
                let second = args.name(1);
                let inputs = vec![self.tensor(first)?, self.tensor(second)?];
                Ok(Some((vec![first, second], sum(inputs))))
            }
            "aten.relu.default" => one(relu(self.tensor(first)?)),
            "aten.avg_pool2d.default" => {
                let x = self.tensor(first)?;
                let &[batch, height, width, channels] = x.shape() else {
                    return Err(self.file.problem(format!("{first} is no batch of images")));
                };
                args.at_most(3)?;
                let spec = FloatPoolSpec {
                    batch,
                    input: vec![height, width],
                    channels,
                    kernel: args.sizes(1)?,
                    stride: args.sizes(2)?,
                };
                float(FloatOp::AvgPool(spec), x)
            }
            "aten.flatten.using_ints" | "aten._unsafe_view.default" => {
                let x = self.tensor(first)?;
                let shape = x.shape().to_vec();
                float(FloatOp::Flatten { shape }, x)
            }
            "aten.clone.default" => {
                let x = self.tensor(first)?;
                let shape = x.shape().to_vec();
                float(FloatOp::Copy { shape }, x)
            }
            "onednn.qconv_pointwise.default" => {
                let product = Product {
                    activation: Activation::Quantized(args.quantized(1, 13)?),
                    weights: self.layer(node)?.1,
                    output: Output::Quantized(args.quantized(11, 13)?),
                    relu: (args.text(14) == "relu").into(),
                };
                one(self.conv(node, args, 6, product)?)
            }
            "onednn.qlinear_pointwise.default" => one(self.linear(node, args)?),
            _ => Ok(None),
        }
    }
}
