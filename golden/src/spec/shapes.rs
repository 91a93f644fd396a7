//! Shapes and types of what goes into each op and comes out of it.

use super::{ObserverKind, OpSpec};
use crate::tensor::DType;

impl OpSpec {
    /// Shapes and types of the outputs.
    pub fn outputs(&self) -> Vec<(Vec<usize>, DType)> {
        match self {
            Self::Quantize(s) => vec![(s.shape.clone(), s.dtype)],
            Self::Dequantize(s) => vec![(s.shape.clone(), DType::F32)],
            Self::Requantize(s) => vec![(vec![s.rows, s.columns], s.dtype)],
            Self::ChooseQparams(_) => vec![(vec![1], DType::F64), (vec![1], DType::I32)],
            Self::Observe(s) => {
                let channels = match s.kind {
                    ObserverKind::PerChannelMinMax | ObserverKind::PerChannelMovingAverage => {
                        s.shape[s.axis]
                    }
                    _ => 1,
                };
                let mut outputs = vec![(vec![channels], DType::F32); 2];
                if let Some(bins) = s.kind.bins() {
                    outputs.push((vec![bins], DType::F32));
                }
                outputs
            }
            Self::Calibrate(s) => vec![(vec![s.channels()], DType::F64); s.outputs().len()],
            Self::Linear(s) => vec![(vec![s.m, s.n], s.output.of(s.activation.dtype()))],
            Self::Conv(s) => vec![(s.output_shape(), s.output.of(s.activation.dtype))],
            Self::Add(s) | Self::Mul(s) | Self::Sub(s) => vec![(s.shape.clone(), s.output.dtype)],
            Self::Relu(s) => vec![(s.shape.clone(), s.tensor.dtype)],
            Self::Clamp(s) => vec![(s.shape.clone(), s.dtype)],
            Self::Sigmoid(s) | Self::Tanh(s) | Self::Recode(s) => {
                vec![(s.shape.clone(), s.output.dtype)]
            }
            Self::AvgPool(s) | Self::MaxPool(s) => {
                vec![(s.output_shape(), s.output.dtype)]
            }
            Self::Cast(s) => vec![(s.shape.clone(), s.to)],
            Self::QuantizeBlocks(s) => vec![(s.shape.clone(), s.codes)],
            Self::DequantizeBlocks(s) => vec![(s.shape.clone(), s.real)],
            Self::ChooseRealQparams(_) => vec![(vec![1], DType::F32); 2],
            Self::Rescale(s) => vec![(s.shape.clone(), s.output)],
            Self::PowerOfTwo(s) => vec![(s.shape.clone(), DType::F32)],
            Self::FakeQuantizeGradient(s) => vec![(s.shape.clone(), DType::F32)],
            Self::FakeQuantizeScaleGradient(_) => vec![(vec![1], DType::F32); 2],
            Self::ApproximateScale(s) => vec![(vec![s.len], DType::F32); 3],
            Self::FakeQuantize(s) => {
                let shapes = [
                    s.shape.clone(),
                    s.shape.clone(),
                    vec![s.channels()],
                    vec![s.channels()],
                ];
                shapes.map(|shape| (shape, DType::F32)).to_vec()
            }
            Self::RoundTrip(s) => {
                vec![
                    (s.shape.clone(), DType::F32),
                    (s.blocks().blocks(), DType::F32),
                ]
            }
            Self::LinearBlocks(s) => vec![(vec![s.m, s.n], DType::F32)],
            Self::Concat(s) => vec![(s.output_shape(), s.output.dtype)],
            Self::AddScalar(s) | Self::MulScalar(s) => s.outputs(),
            Self::ResizeNearest(s) | Self::ResizeBilinear(s) => {
                vec![(s.output_shape(), s.tensor.dtype)]
            }
            Self::LayerNorm(s) => vec![(vec![s.rows, s.len], s.output.dtype)],
            Self::BatchNorm(s) => vec![(vec![s.pixels, s.channels], s.output.dtype)],
            Self::ConvTranspose(s) => vec![(s.output_shape(), s.output.dtype())],
            Self::QuantizeRows(s) => s.outputs(),
            Self::LinearHalf(s) => vec![(vec![s.m, s.n], DType::F32)],
            Self::Hardswish(s)
            | Self::Hardsigmoid(s)
            | Self::Gelu(s)
            | Self::L2Normalize(s)
            | Self::Abs(s)
            | Self::Exp(s)
            | Self::Rsqrt(s) => vec![(s.shape.clone(), s.output.dtype)],
            Self::Elu(s) => vec![(s.shape.clone(), s.output.dtype)],
            Self::Softmax(s) => vec![(s.shape.clone(), s.output.dtype)],
            Self::Mean(s) | Self::Sum(s) | Self::ReduceMax(s) => {
                vec![(s.output_shape(), s.output.dtype)]
            }
            Self::LeakyRelu(s) => vec![(s.shape.clone(), s.output.dtype)],
            Self::Maximum(s) | Self::Minimum(s) => vec![(s.shape.clone(), s.dtype)],
            Self::SquaredDifference(s) => vec![(s.shape.clone(), s.output.dtype)],
            Self::BatchMatmul(s) => vec![(vec![s.batch, s.m, s.n], s.output.dtype)],
            Self::LinearRows(s) => vec![(vec![s.m, s.n], DType::F32)],
            Self::Float(op) => vec![(op.output(), DType::F32)],
        }
    }

    /// Shapes and types of the run-time inputs.
    pub fn inputs(&self) -> Vec<(Vec<usize>, DType)> {
        match self {
            Self::Quantize(s) => vec![(s.shape.clone(), DType::F32)],
            Self::Dequantize(s) => vec![(s.shape.clone(), s.dtype)],
            Self::Requantize(s) => vec![(vec![s.rows, s.columns], DType::I32)],
            Self::ChooseQparams(s) | Self::ChooseRealQparams(s) => {
                vec![(vec![s.len], DType::F32)]
            }
            Self::Observe(s) => vec![(s.shape.clone(), DType::F32); s.batches],
            Self::Calibrate(s) => vec![(s.shape.clone(), DType::F32); s.batches],
            Self::Linear(s) => vec![(vec![s.m, s.k], s.activation.dtype())],
            Self::Conv(s) => vec![(
                image_shape(s.batch, &s.input, s.in_channels),
                s.activation.dtype,
            )],
            Self::Add(s) | Self::Mul(s) | Self::Sub(s) => {
                vec![(s.shape.clone(), s.a.dtype), (s.shape.clone(), s.b.dtype)]
            }
            Self::Relu(s) => vec![(s.shape.clone(), s.tensor.dtype)],
            Self::Clamp(s) => vec![(s.shape.clone(), s.dtype)],
            Self::Sigmoid(s) | Self::Tanh(s) | Self::Recode(s) => {
                vec![(s.shape.clone(), s.input.dtype)]
            }
            Self::AvgPool(s) | Self::MaxPool(s) => {
                vec![(
                    image_shape(s.batch, &s.input, s.channels),
                    s.activation.dtype,
                )]
            }
            Self::Cast(s) => vec![(s.shape.clone(), s.from)],
            Self::QuantizeBlocks(s) => s.inputs_of(s.real),
            Self::DequantizeBlocks(s) => s.inputs_of(s.codes),
            Self::Rescale(s) => vec![(s.shape.clone(), s.input)],
            Self::ApproximateScale(s) => vec![(vec![s.len], DType::F32)],
            Self::FakeQuantizeGradient(s) | Self::FakeQuantizeScaleGradient(s) => {
                vec![(s.shape.clone(), DType::F32); 2]
            }
            Self::FakeQuantize(s) => vec![(s.shape.clone(), DType::F32)],
            Self::PowerOfTwo(s) => vec![(s.shape.clone(), DType::F32)],
            Self::RoundTrip(s) => vec![(s.shape.clone(), DType::F32)],
            Self::LinearBlocks(s) => s.inputs(),
            Self::Concat(s) => s.inputs(),
            Self::AddScalar(s) | Self::MulScalar(s) => vec![(s.shape.clone(), s.input.dtype)],
            Self::ResizeNearest(s) | Self::ResizeBilinear(s) => {
                vec![(s.input_shape(), s.tensor.dtype)]
            }
            Self::LayerNorm(s) => vec![(vec![s.rows, s.len], s.input.dtype)],
            Self::BatchNorm(s) => s.inputs(),
            Self::ConvTranspose(s) => vec![(s.input_shape(), s.activation.dtype)],
            Self::QuantizeRows(s) => vec![(vec![s.rows, s.columns], DType::F32)],
            Self::LinearHalf(s) => vec![(vec![s.m, s.k], DType::F32)],
            Self::Hardswish(s)
            | Self::Hardsigmoid(s)
            | Self::Gelu(s)
            | Self::L2Normalize(s)
            | Self::Abs(s)
            | Self::Exp(s)
            | Self::Rsqrt(s) => vec![(s.shape.clone(), s.input.dtype)],
            Self::Elu(s) => vec![(s.shape.clone(), s.input.dtype)],
            Self::Softmax(s) => vec![(s.shape.clone(), s.input.dtype)],
            Self::Mean(s) | Self::Sum(s) | Self::ReduceMax(s) => {
                vec![(s.shape.clone(), s.input.dtype)]
            }
            Self::LeakyRelu(s) => vec![(s.shape.clone(), s.input.dtype)],
            Self::Maximum(s) | Self::Minimum(s) => vec![(s.shape.clone(), s.dtype); 2],
            Self::SquaredDifference(s) => {
                vec![(s.shape.clone(), s.a.dtype), (s.shape.clone(), s.b.dtype)]
            }
            Self::BatchMatmul(s) => vec![
                (vec![s.batch, s.m, s.k], s.a.dtype),
                (vec![s.batch, s.k, s.n], s.b.dtype),
            ],
            Self::LinearRows(s) => vec![(vec![s.m, s.k], DType::F32)],
            Self::Float(op) => (op.inputs().into_iter())
                .map(|shape| (shape, DType::F32))
                .collect(),
        }
    }
}

/// Channel-last: `[batch, size.., channels]`.
pub(super) fn image_shape(batch: usize, size: &[usize], channels: usize) -> Vec<usize> {
    let mut shape = vec![batch];
    shape.extend(size);
    shape.push(channels);
    shape
}
