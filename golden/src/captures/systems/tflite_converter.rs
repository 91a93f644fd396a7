//! TensorFlow's converter to TFLite: the scales and codes of weights and biases that it made of
//! one float network under each of its options.

use serde_json::Value;

use super::torch_observers::chosen;
use crate::captures::error::CaptureError;
use crate::captures::manifest::{CapturedFile, Params};
use crate::captures::problem;
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};

const ENGINE: &str = "converter";
/// Codes are those of the runtime's reference quantizer; scales are max |w| / 127.
const PROFILE: &str = "litert-reference";
const REQUEST: QparamsRequest = QparamsRequest {
    dtype: DType::I8,
    range: Some((-127, 127)),
    symmetric: true,
    reduce_range: false,
};

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let Some(name) = file.entry.file.strip_prefix("convert/") else {
        // What all other files are made of.
        return Ok(());
    };
    if name.starts_with("float") {
        let values = file.entry.values(|array| array.ends_with(".data"));
        found.skip("weight", values, "weights stay floats");
    }
    let tensors = file.params().get("tensors")?.as_array();
    let tensors = tensors.ok_or_else(|| file.problem("`tensors` is no list"))?;
    for tensor in tensors {
        let tensor = Converted::new(file, tensor)?;
        match tensor.dtype {
            _ if tensor.scales == 0 => {}
            "int8" if tensor.constant => tensor.weights(found)?,
            "int32" if tensor.constant => tensor.bias(found)?,
            "int64" => found.skip(
                "bias",
                tensor.len as u64,
                "biases of 64 bits: no codes of that width",
            ),
            _ => found.skip(
                "activation",
                1,
                "scales from a float run that was not captured",
            ),
        }
    }
    let outputs = file.entry.values(|array| array == "y");
    found.skip(
        "graph",
        outputs,
        "whole networks: what is between was not captured",
    );
    Ok(())
}

/// One tensor of a converted network.
struct Converted<'a> {
    file: &'a CapturedFile<'a>,
    /// arrays are called `t<index>.<what>`
    index: i64,
    /// the layer that it belongs to
    layer: &'a str,
    dtype: &'a str,
    constant: bool,
    /// the axis of its scales
    axis: usize,
    scales: usize,
    len: usize,
}

impl<'a> Converted<'a> {
    fn new(file: &'a CapturedFile<'a>, tensor: &'a Value) -> Result<Self, CaptureError> {
        let params = Params {
            path: file.npz().path(),
            value: tensor,
        };
        let text = |key| (params.text(key)).ok_or_else(|| params.error(key, "is absent".into()));
        let size = |key: &str| -> Result<usize, CaptureError> {
            usize::try_from(params.integer(key)?)
                .map_err(|_| params.error(key, "is negative".into()))
        };
        Ok(Self {
            file,
            index: params.integer("index")?,
            layer: text("name")?.split('/').nth(1).unwrap_or_default(),
            dtype: text("dtype")?,
            constant: params.has("const") && params.flag("const")?,
            axis: size("axis")?,
            scales: size("nscale")?,
            len: params.sizes("shape")?.iter().product(),
        })
    }

    fn array(&self, what: &str) -> String {
        format!("t{}.{what}", self.index)
    }

    fn granularity(&self, axis: usize) -> Result<Granularity, CaptureError> {
        let scales = self.file.array(&self.array("scale"))?;
        let zero_points = self.file.array(&self.array("zp"))?;
        problem::granularity(self.file, scales, zero_points, axis)
    }

    /// Keras has the output channels last, TFLite first; those of a depthwise layer last.
    fn weights(&self, found: &mut Found) -> Result<(), CaptureError> {
        let floats = self.file.beside("inputs.npz")?;
        let floats = floats.array(&format!("{}.0", self.layer))?;
        let order: &[usize] = match floats.shape().len() {
            2 => &[1, 0],
            _ => &[3, 0, 1, 2],
        };
        let weights = floats.permuted(order)?;
        let granularity = self.granularity(self.axis)?;
        let codes = self.file.array(&self.array("data"))?.tensor()?;
        let range = REQUEST.range;
        let problem = problem::quantize(weights.clone(), DType::I8, granularity.clone(), range);
        let mut v = Builder::new(self.file, &self.array("data"), problem);
        v.output(ENGINE, PROFILE, 0, codes)?;
        v.into(found);
        for (channel, values) in channels(&weights, &granularity).into_iter().enumerate() {
            if values.iter().all(|&value| value == 0.0) {
                found.skip(
                    "choose_qparams",
                    1,
                    "a channel of zeros: its scale comes from its bias",
                );
                continue;
            }
            let QParams { scale, zero_point } = granularity.channel(channel);
            let problem = problem::choose_qparams(values, REQUEST);
            let part = format!("{}[{channel}]", self.array("scale"));
            let mut v = Builder::new(self.file, &part, problem);
            let zero_point = zero_point.into();
            chosen(self.file, &mut v, ENGINE, PROFILE, scale, zero_point)?;
            v.into(found);
        }
        Ok(())
    }

    /// Biases in steps of their scales; those beyond 2^30 steps have made their own scale.
    fn bias(&self, found: &mut Found) -> Result<(), CaptureError> {
        let floats = self.file.beside("inputs.npz")?;
        let Data::F32(bias) = floats
            .array(&format!("{}.1", self.layer))?
            .tensor()?
            .data()
            .clone()
        else {
            return Err(self.file.problem("a bias is not f32"));
        };
        let granularity = self.granularity(0)?;
        let codes = self.file.array(&self.array("data"))?.integers()?;
        let usual: Vec<usize> = (0..codes.len())
            .filter(|&i| codes[i].abs() < 1 << 29)
            .collect();
        let special = (codes.len() - usual.len()) as u64;
        if special > 0 {
            let reason = "the bias of a channel of zeros has made its own scale";
            found.skip("bias", special, reason);
        }
        let parameters = match &granularity {
            Granularity::PerTensor(_) => granularity.clone(),
            Granularity::PerChannel { axis, qparams } => Granularity::PerChannel {
                axis: *axis,
                qparams: usual.iter().map(|&i| qparams[i]).collect(),
            },
        };
        let x = problem::flat(Data::F32(usual.iter().map(|&i| bias[i]).collect()));
        let problem = problem::quantize(x, DType::I32, parameters, None);
        let expected = Data::from_codes(DType::I32, usual.iter().map(|&i| codes[i]));
        let mut v = Builder::new(self.file, &self.array("data"), problem);
        v.output(ENGINE, PROFILE, 0, problem::flat(expected))?;
        v.into(found);
        Ok(())
    }
}

/// The values under each scale.
fn channels(weights: &Tensor, granularity: &Granularity) -> Vec<Vec<f32>> {
    let Data::F32(values) = weights.data() else {
        return Vec::new();
    };
    let Granularity::PerChannel { axis, qparams } = granularity else {
        return vec![values.clone()];
    };
    let stride: usize = weights.shape()[axis + 1..].iter().product();
    let mut channels = vec![Vec::new(); qparams.len()];
    for (index, &value) in values.iter().enumerate() {
        channels[index / stride.max(1) % qparams.len()].push(value);
    }
    channels
}
