//! Digits CNN through PyTorch's export path: quantize and dequantize nodes of
//! the reference graphs, and oneDNN's ops of the lowered graph. Arguments stand
//! in the order of each op's schema.

use serde_json::Value;

use super::digits::nodes_of;
use crate::captures::error::CaptureError;
use crate::captures::hexfloat;
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::{Array, Npz};
use crate::captures::problem::{self, Product, Windows, granularity};
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Tensor};

const DECOMPOSED: &str = "pytorch-decomposed";
/// Convolutions are those of the engine; linear to f32 takes its scales as they are.
const ONEDNN: &str = "onednn-jit-avx2";
const ONEDNN_FLOAT: &str = "onednn-pt2e-jit-avx2";

/// The lowered graph packs its weights; this file has them, in this order.
const LOWERED_WEIGHTS: &str = "pt2e_x86inductor/weights.npz";
const LAYERS: [&str; 5] = ["conv1", "conv2", "dw", "pw", "fc"];

/// The tensors of one graph.
pub(super) fn read(
    file: &CapturedFile<'_>,
    graph: &str,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let weights = match graph {
        "pt2e_x86inductor_lowered" => LOWERED_WEIGHTS.to_owned(),
        graph => format!("{graph}/weights.npz"),
    };
    let graph = Graph {
        file,
        weights: file.beside(&weights)?,
        images: file.beside("data.npz")?.array("x_test")?.tensor()?,
    };
    let mut checked = 0;
    for node in nodes_of(&file.folder.path, &file.entry.file)? {
        let name = node.get("name").and_then(Value::as_str).unwrap_or_default();
        if !file.npz().has(&format!("t.{name}")) {
            continue;
        }
        if let Some((engine, profile, problem)) = graph.problem(&node)? {
            let images = matches!(problem.op, OpSpec::Conv(_));
            let array = file.array(&format!("t.{name}"))?;
            let mut v = Builder::new(file, name, problem);
            let values = if images {
                array.channel_last()?
            } else {
                array.tensor()?
            };
            checked += values.len() as u64;
            v.output(engine, profile, 0, values)?;
            v.into(found);
        }
    }
    let stored = file.entry.values(|a| a.starts_with("t."));
    let reason = "float ops, or inputs that are not stored";
    found.skip("graph", stored - checked, reason);
    Ok(())
}

struct Graph<'a> {
    file: &'a CapturedFile<'a>,
    weights: Npz,
    images: Tensor,
}

impl Graph<'_> {
    /// The problem of a node with its engine and profile; `None` where there is no
    /// reference, or the input was not stored.
    fn problem(
        &self,
        node: &Value,
    ) -> Result<Option<(&'static str, &'static str, Problem)>, CaptureError> {
        let target = node
            .get("target")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let args = Args {
            file: self.file,
            list: node
                .get("args")
                .and_then(Value::as_array)
                .map_or(&[], Vec::as_slice),
        };
        let decomposed = |problem| Some(("decomposed", DECOMPOSED, problem));
        Ok(match target {
            "quantized_decomposed.quantize_per_tensor.default" => {
                let Some(x) = self.real(args.name(0))? else {
                    return Ok(None);
                };
                let output = args.quantized(1, 5)?;
                let range = Some((args.integer(3)?, args.integer(4)?));
                let pair = Granularity::PerTensor(output.qparams);
                decomposed(problem::quantize(x, output.dtype, pair, range))
            }
            "quantized_decomposed.dequantize_per_tensor.default" => {
                let codes = format!("t.{}", args.name(0));
                if !self.file.npz().has(&codes) {
                    return Ok(None);
                }
                let pair = Granularity::PerTensor(args.quantized(1, 5)?.qparams);
                decomposed(problem::dequantize(
                    self.file.array(&codes)?.tensor()?,
                    pair,
                ))
            }
            "quantized_decomposed.dequantize_per_channel.default" => {
                let (scales, zero_points) = (args.name(1), args.name(2));
                let scales = self.weights.array(scales)?;
                let pairs = granularity(self.file, scales, self.weights.array(zero_points)?, 0)?;
                let codes = self.weights.array(args.name(0))?.tensor()?;
                decomposed(problem::dequantize(codes, pairs))
            }
            "onednn.qconv_pointwise.default" => Some(("onednn", ONEDNN, self.conv(node, args)?)),
            "onednn.qlinear_pointwise.default" => {
                Some(("onednn", ONEDNN_FLOAT, self.linear(node, args)?))
            }
            _ => None,
        })
    }

    /// The real-valued input of a node, where it is stored.
    fn real(&self, name: &str) -> Result<Option<Tensor>, CaptureError> {
        let stored = format!("t.{name}");
        if name == "x" {
            return Ok(Some(self.images.clone()));
        }
        if !self.file.npz().has(&stored) {
            return Ok(None);
        }
        self.file.array(&stored)?.tensor().map(Some)
    }

    /// Weights, their parameters and bias of the layer that a node computes.
    fn layer(&self, node: &Value) -> Result<(&Array, Granularity, Tensor), CaptureError> {
        let name = node
            .get("weight_of")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let index = LAYERS
            .iter()
            .position(|layer| *layer == name)
            .ok_or_else(|| {
                self.file
                    .problem(format!("`{name}` is no layer of the graph"))
            })?;
        let suffix = match index {
            0 => String::new(),
            index => format!("_{index}"),
        };
        let codes = self
            .weights
            .array(&format!("quantize_per_channel_default{suffix}"))?;
        let scales = self.weights.array(&format!("_scale_{index}"))?;
        let zero_points = self.weights.array(&format!("_zero_point_{index}"))?;
        let bias = match name {
            "fc" => "fc_bias".to_owned(),
            name => format!("{name}_weight_bias"),
        };
        let bias = self.weights.array(&bias)?.tensor()?;
        Ok((codes, granularity(self.file, scales, zero_points, 0)?, bias))
    }

    fn conv(&self, node: &Value, args: Args<'_>) -> Result<Problem, CaptureError> {
        let (w, weights, bias) = self.layer(node)?;
        let pad = args.sizes(8)?;
        let windows = Windows {
            stride: args.sizes(7)?,
            pad_begin: pad.clone(),
            pad_end: pad,
            dilation: args.sizes(9)?,
            groups: usize::try_from(args.integer(10)?).unwrap_or(0),
        };
        let product = Product {
            activation: Activation::Quantized(args.quantized(1, 13)?),
            weights,
            output: Output::Quantized(args.quantized(11, 13)?),
            relu: (args.text(14) == "relu").into(),
        };
        let x = self
            .file
            .array(&format!("t.{}", args.name(0)))?
            .channel_last()?;
        problem::conv(
            self.file,
            x,
            w.channel_last()?,
            Some(bias),
            windows,
            product,
        )
    }

    fn linear(&self, node: &Value, args: Args<'_>) -> Result<Problem, CaptureError> {
        let (w, weights, bias) = self.layer(node)?;
        let scale_and_zero_point = args.quantized(1, usize::MAX)?;
        let product = Product {
            activation: Activation::Quantized(scale_and_zero_point),
            weights,
            output: Output::Float,
            relu: (args.text(10) == "relu").into(),
        };
        let x = self.file.array(&format!("t.{}", args.name(0)))?.tensor()?;
        problem::linear(self.file, x, w.tensor()?, Some(bias), product)
    }
}

/// The arguments of a node.
#[derive(Clone, Copy)]
struct Args<'a> {
    file: &'a CapturedFile<'a>,
    list: &'a [Value],
}

impl<'a> Args<'a> {
    fn get(&self, index: usize) -> &'a Value {
        self.list.get(index).unwrap_or(&Value::Null)
    }

    /// The node or constant that an argument refers to.
    fn name(&self, index: usize) -> &'a str {
        self.get(index)
            .get("ref")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn text(&self, index: usize) -> &'a str {
        self.get(index).as_str().unwrap_or_default()
    }

    fn integer(&self, index: usize) -> Result<i64, CaptureError> {
        self.get(index).as_i64().ok_or_else(|| {
            self.file
                .problem(format!("argument {index} of a node is no integer"))
        })
    }

    fn sizes(&self, index: usize) -> Result<Vec<usize>, CaptureError> {
        let list = self.get(index).as_array();
        list.and_then(|list| {
            list.iter()
                .map(|v| usize::try_from(v.as_u64()?).ok())
                .collect()
        })
        .ok_or_else(|| {
            self.file
                .problem(format!("argument {index} of a node is no list of sizes"))
        })
    }

    /// Scale at `index`, zero point behind it, and the type named at `dtype` (u8 where none is).
    fn quantized(&self, index: usize, dtype: usize) -> Result<Quantized, CaptureError> {
        let hex = self.get(index).get("hex").and_then(Value::as_str);
        let scale = hex.and_then(hexfloat::parse).ok_or_else(|| {
            self.file
                .problem(format!("argument {index} of a node is no scale"))
        })?;
        let dtype = super::torch_observers::dtype_of(self.text(dtype)).unwrap_or(DType::U8);
        Ok(Quantized {
            dtype,
            qparams: problem::qparams(self.file, scale, self.integer(index + 1)?)?,
        })
    }
}
