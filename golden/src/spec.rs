//! What is asked of a kernel: one spec type per op, with shapes, types and
//! quantization parameters, and [`OpSpec`] over them all.
//!
//! Layouts: activations and outputs are channel-last (`[batch, spatial.., channels]`,
//! linear `[m, k]`); weights are `[out, kernel.., in / groups]`, so that k runs
//! over (kernel position, channel) with the channel fastest.

mod along;
mod blocks;
mod calibrate;
mod cast;
mod check;
mod concat;
mod conv_transpose;
mod elu;
mod fake;
mod float;
mod narrow_weights;
mod norm;
mod plain;
mod relu;
mod rescale;
mod resize;
mod rows;
mod scalar;
mod shapes;
mod sliding;

pub use along::*;
pub use blocks::*;
pub use calibrate::*;
pub use cast::*;
pub use check::SpecError;
pub use concat::*;
pub use conv_transpose::*;
pub use elu::*;
pub use fake::*;
pub use float::*;
pub use narrow_weights::*;
pub use norm::*;
pub use plain::*;
pub use relu::Relu;
pub use rescale::*;
pub use resize::*;
pub use rows::*;
pub use scalar::*;

pub(crate) use sliding::Sliding;

use crate::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

/// Scale (the size of one step, in real units) and zero point (the code of 0).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QParams {
    /// real units per step; finite and positive
    pub scale: f64,
    /// the code that stands for 0
    pub zero_point: i32,
}

/// The type and parameters of a quantized tensor with one scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantized {
    /// an integer type
    pub dtype: DType,
    /// scale and zero point
    pub qparams: QParams,
}

/// Scales and zero points along an axis, or one pair for the whole tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// one scale and zero point
    PerTensor(QParams),
    /// one scale and zero point for each index along `axis`
    PerChannel {
        /// the axis, counted from the first dimension
        axis: usize,
        /// one entry per index along the axis
        qparams: Vec<QParams>,
    },
}

impl Granularity {
    /// The parameters of channel `index`.
    pub fn channel(&self, index: usize) -> QParams {
        match self {
            Self::PerTensor(qparams) => *qparams,
            Self::PerChannel { qparams, .. } => qparams[index],
        }
    }

    /// Whether there is a scale per channel.
    pub fn is_per_channel(&self) -> bool {
        matches!(self, Self::PerChannel { .. })
    }
}

/// f32 to codes. Input: `shape` f32. Output: `shape` of `dtype`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantizeSpec {
    /// shape of input and output
    pub shape: Vec<usize>,
    /// code type: u8, s8 or s32
    pub dtype: DType,
    /// scales and zero points
    pub granularity: Granularity,
    /// the range to clip to, where it is narrower than the type's
    pub range: Option<(i64, i64)>,
}

/// Codes to f32. Input: `shape` of `dtype`. Output: `shape` f32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DequantizeSpec {
    /// shape of input and output
    pub shape: Vec<usize>,
    /// code type: u8, s8 or s32
    pub dtype: DType,
    /// scales and zero points
    pub granularity: Granularity,
}

/// i32 sums to codes by one real multiplier (per tensor or per column).
/// Input: `[rows, columns]` s32. Output: `[rows, columns]` of `output.dtype`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequantizeSpec {
    /// rows
    pub rows: usize,
    /// columns (channels)
    pub columns: usize,
    /// output type and zero point; its scale is already inside the multipliers
    pub dtype: DType,
    /// the output zero point
    pub zero_point: i32,
    /// one multiplier, or one per column; finite and positive
    pub multipliers: Vec<f32>,
    /// whether codes below the zero point become the zero point
    pub relu: bool,
}

/// How a range becomes codes when parameters are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QparamsRequest {
    /// code type
    pub dtype: DType,
    /// the range of codes, where it is not the type's whole range
    pub range: Option<(i64, i64)>,
    /// zero point fixed in the middle
    pub symmetric: bool,
    /// leave one bit unused (see the `reduce_range` axis)
    pub reduce_range: bool,
}

/// The least and greatest value of a tensor to scale and zero point.
/// Input: `[len]` f32. Outputs: scale `[1]` f64, zero point `[1]` s32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChooseQparamsSpec {
    /// how many values
    pub len: usize,
    /// what to choose
    pub request: QparamsRequest,
}

/// Which statistics an observer keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObserverKind {
    /// least and greatest value of all batches
    MinMax,
    /// exponential moving average of each batch's least and greatest value (constant 0.01)
    MovingAverage,
    /// as moving average, in two products: 0.99 of the old and 0.01 of the new (NNI)
    WeightedAverage,
    /// as min-max, per channel
    PerChannelMinMax,
    /// as moving average, per channel
    PerChannelMovingAverage,
    /// 2048 bins, range chosen by the search for the least quantization error
    Histogram,
    /// as histogram, of so many bins
    HistogramOf {
        /// how many bins; at least 1
        bins: usize,
    },
    /// as histogram, as PyTorch 1.13 has it: the range grows by whole 128ths of its width, and
    /// values are counted over a range whose ends are cut to integers
    GrowingHistogram {
        /// how many bins; at least 1
        bins: usize,
    },
}

impl ObserverKind {
    /// How many bins a histogram has; `None` for other observers.
    pub fn bins(self) -> Option<usize> {
        match self {
            Self::Histogram => Some(2048),
            Self::HistogramOf { bins } | Self::GrowingHistogram { bins } => Some(bins),
            _ => None,
        }
    }
}

/// Batches of values to statistics. Inputs: `batches` tensors of `shape` f32.
/// Outputs: minima `[channels]` f32, maxima `[channels]` f32, and for
/// histograms the bins, f32, as many as [`ObserverKind::bins`] says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObserveSpec {
    /// which observer
    pub kind: ObserverKind,
    /// shape of each batch
    pub shape: Vec<usize>,
    /// how many batches
    pub batches: usize,
    /// the channel axis of per-channel observers
    pub axis: usize,
}

/// What the activations of a product are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// codes with known parameters (static quantization)
    Quantized(Quantized),
    /// f32; parameters are chosen from the values at run time, then quantized to u8
    Dynamic {
        /// leave one bit unused
        reduce_range: bool,
    },
    /// f32, multiplied with dequantized weights
    Float,
}

/// What a product's output is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// codes with these parameters
    Quantized(Quantized),
    /// f32
    Float,
    /// the sums, zero points corrected: s32, or s64 of 16-bit activations
    Sums,
}

/// The type of a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BiasKind {
    /// no bias
    None,
    /// real values, f32
    F32,
    /// s32 in steps of (activation scale · weight scale); s64 too where activations are of 16 bits
    I32,
}

/// `y[m, n] = Σ_k x[m, k] · w[n, k] + bias[n]`.
/// Input: `[m, k]`. Constants: weights `[n, k]` s8 (or u8), bias `[n]`. Output: `[m, n]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearSpec {
    /// rows
    pub m: usize,
    /// output columns
    pub n: usize,
    /// inner length
    pub k: usize,
    /// the activations
    pub activation: Activation,
    /// the weights' scales and zero points (per channel: axis 0)
    pub weights: Granularity,
    /// the bias
    pub bias: BiasKind,
    /// the output
    pub output: Output,
    /// what the output is held to
    pub relu: Relu,
}

/// Convolution in 1, 2 or 3 spatial dimensions (as many as `kernel` has entries).
/// Input: `[batch, input.., in_channels]`. Constants: weights
/// `[out_channels, kernel.., in_channels / groups]` s8 (or u8), bias `[out_channels]`.
/// Output: `[batch, output.., out_channels]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvSpec {
    /// images
    pub batch: usize,
    /// spatial size of the input
    pub input: Vec<usize>,
    /// input channels
    pub in_channels: usize,
    /// output channels
    pub out_channels: usize,
    /// spatial size of the kernel
    pub kernel: Vec<usize>,
    /// steps between windows
    pub stride: Vec<usize>,
    /// positions added before the first
    pub pad_begin: Vec<usize>,
    /// positions added after the last
    pub pad_end: Vec<usize>,
    /// steps between kernel positions
    pub dilation: Vec<usize>,
    /// groups of channels that do not mix
    pub groups: usize,
    /// the activations
    pub activation: Quantized,
    /// the weights' scales and zero points (per channel: axis 0)
    pub weights: Granularity,
    /// the bias
    pub bias: BiasKind,
    /// the output
    pub output: Output,
    /// what the output is held to
    pub relu: Relu,
}

impl ConvSpec {
    /// Its windows.
    pub(crate) fn sliding(&self) -> Sliding<'_> {
        Sliding {
            input: &self.input,
            kernel: &self.kernel,
            stride: &self.stride,
            pad_begin: Some(&self.pad_begin),
            pad_end: Some(&self.pad_end),
            dilation: Some(&self.dilation),
        }
    }

    /// The spatial size of the output.
    pub fn output_size(&self) -> Vec<usize> {
        self.sliding().output_size()
    }

    /// The shape of the output: `[batch, output.., out_channels]`.
    pub fn output_shape(&self) -> Vec<usize> {
        image_shape(self.batch, &self.output_size(), self.out_channels)
    }

    /// Whether each group has one input and one output channel.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels && self.groups == self.out_channels
    }

    /// Products per output: kernel positions times channels per group.
    pub fn k(&self) -> usize {
        self.kernel.iter().product::<usize>()
            * self.in_channels.checked_div(self.groups).unwrap_or(0)
    }
}

fn image_shape(batch: usize, size: &[usize], channels: usize) -> Vec<usize> {
    let mut shape = vec![batch];
    shape.extend(size);
    shape.push(channels);
    shape
}

/// One op with everything but the values. One that is read from a file can be: see
/// [`OpSpec::check`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", remote = "Self")]
pub enum OpSpec {
    /// see [`QuantizeSpec`]
    Quantize(QuantizeSpec),
    /// see [`DequantizeSpec`]
    Dequantize(DequantizeSpec),
    /// see [`RequantizeSpec`]
    Requantize(RequantizeSpec),
    /// see [`ChooseQparamsSpec`]
    ChooseQparams(ChooseQparamsSpec),
    /// see [`ObserveSpec`]
    Observe(ObserveSpec),
    /// see [`CalibrateSpec`]
    Calibrate(CalibrateSpec),
    /// see [`LinearSpec`]
    Linear(LinearSpec),
    /// see [`ConvSpec`]
    Conv(ConvSpec),
    /// see [`BinarySpec`]
    Add(BinarySpec),
    /// see [`BinarySpec`]
    Mul(BinarySpec),
    /// the first input less the second; see [`BinarySpec`]
    Sub(BinarySpec),
    /// see [`ReluSpec`]
    Relu(ReluSpec),
    /// see [`ClampSpec`]
    Clamp(ClampSpec),
    /// 1 / (1 + e^−x); see [`FunctionSpec`]
    Sigmoid(FunctionSpec),
    /// the hyperbolic tangent; see [`FunctionSpec`]
    Tanh(FunctionSpec),
    /// the same real values in codes of another scale, zero point or type (u8, s8 or s16,
    /// from s32 too); see [`FunctionSpec`]
    Recode(FunctionSpec),
    /// see [`PoolSpec`]
    AvgPool(PoolSpec),
    /// see [`PoolSpec`]
    MaxPool(PoolSpec),
    /// see [`CastSpec`]
    Cast(CastSpec),
    /// see [`BlockSpec`]
    QuantizeBlocks(BlockSpec),
    /// see [`BlockSpec`]
    DequantizeBlocks(BlockSpec),
    /// as [`ChooseQparams`](Self::ChooseQparams), the zero point a real number.
    /// Outputs: scale `[1]` f32, zero point `[1]` f32
    ChooseRealQparams(ChooseQparamsSpec),
    /// see [`RescaleSpec`]
    Rescale(RescaleSpec),
    /// see [`FakeQuantizeSpec`]
    FakeQuantize(FakeQuantizeSpec),
    /// the gradient of the input of [`FakeQuantize`](Self::FakeQuantize). Inputs: values, and
    /// the gradient of the output. Output: the gradient of the input; each `shape` f32
    FakeQuantizeGradient(FakeQuantizeSpec),
    /// the gradients of a fake quantizer's scale and zero point
    FakeQuantizeScaleGradient(FakeQuantizeSpec),
    /// see [`PowerOfTwoSpec`]
    PowerOfTwo(PowerOfTwoSpec),
    /// see [`ApproximateScaleSpec`]
    ApproximateScale(ApproximateScaleSpec),
    /// see [`RoundTripSpec`]
    RoundTrip(RoundTripSpec),
    /// see [`LinearBlocksSpec`]
    LinearBlocks(LinearBlocksSpec),
    /// x · relu6(x + 3) / 6; see [`FunctionSpec`]
    Hardswish(FunctionSpec),
    /// relu6(x + 3) / 6; see [`FunctionSpec`]
    Hardsigmoid(FunctionSpec),
    /// x · (1 + erf(x / √2)) / 2; see [`FunctionSpec`]
    Gelu(FunctionSpec),
    /// see [`ConcatSpec`]
    Concat(ConcatSpec),
    /// the input plus a real number; see [`ScalarSpec`]
    AddScalar(ScalarSpec),
    /// the input times a real number; see [`ScalarSpec`]
    MulScalar(ScalarSpec),
    /// the nearest pixel; see [`ResizeSpec`]
    ResizeNearest(ResizeSpec),
    /// between four pixels of two spatial dimensions; see [`ResizeSpec`]
    ResizeBilinear(ResizeSpec),
    /// see [`LayerNormSpec`]
    LayerNorm(LayerNormSpec),
    /// see [`BatchNormSpec`]
    BatchNorm(BatchNormSpec),
    /// see [`ConvTransposeSpec`]
    ConvTranspose(ConvTransposeSpec),
    /// see [`QuantizeRowsSpec`]
    QuantizeRows(QuantizeRowsSpec),
    /// see [`LinearHalfSpec`]
    LinearHalf(LinearHalfSpec),
    /// see [`SoftmaxSpec`]
    Softmax(SoftmaxSpec),
    /// x / √(Σ x²) along the last axis; see [`FunctionSpec`]
    L2Normalize(FunctionSpec),
    /// the mean; see [`ReduceSpec`]
    Mean(ReduceSpec),
    /// the sum; see [`ReduceSpec`]
    Sum(ReduceSpec),
    /// the greatest code, parameters unchanged; see [`ReduceSpec`]
    ReduceMax(ReduceSpec),
    /// see [`LeakyReluSpec`]
    LeakyRelu(LeakyReluSpec),
    /// the greater of two codes; see [`CodePairSpec`]
    Maximum(CodePairSpec),
    /// the lesser of two codes; see [`CodePairSpec`]
    Minimum(CodePairSpec),
    /// (a − b)²; see [`BinarySpec`]
    SquaredDifference(BinarySpec),
    /// |x|; see [`FunctionSpec`]
    Abs(FunctionSpec),
    /// see [`EluSpec`]
    Elu(EluSpec),
    /// e^x; see [`FunctionSpec`]
    Exp(FunctionSpec),
    /// 1 / √x, the highest code for 0; see [`FunctionSpec`]
    Rsqrt(FunctionSpec),
    /// see [`BatchMatmulSpec`]
    BatchMatmul(BatchMatmulSpec),
    /// see [`LinearRowsSpec`]
    LinearRows(LinearRowsSpec),
    /// what stands between dequantize and quantize in exported networks; see [`FloatOp`]
    Float(FloatOp),
}

/// The tensors that are known before a kernel runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constants {
    /// weights of linear and conv
    pub weights: Option<Tensor>,
    /// bias of linear and conv, f32 or s32 as the spec says
    pub bias: Option<Tensor>,
}

/// One op with its constants and inputs: everything that a result depends on but the profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// the op
    pub op: OpSpec,
    /// weights and bias
    pub constants: Constants,
    /// run-time inputs, in the order that the spec gives
    pub inputs: Vec<Tensor>,
}

impl Activation {
    /// The type of the input tensor.
    pub fn dtype(&self) -> DType {
        match self {
            Self::Quantized(q) => q.dtype,
            Self::Dynamic { .. } | Self::Float => DType::F32,
        }
    }
}

impl Output {
    /// The type of the output tensor of a product of such activations.
    pub fn of(&self, activation: DType) -> DType {
        match (self, activation) {
            (Self::Sums, DType::I16) => DType::I64,
            _ => self.dtype(),
        }
    }

    /// The type of the output tensor, activations being of 8 bits.
    pub fn dtype(&self) -> DType {
        match self {
            Self::Quantized(q) => q.dtype,
            Self::Float => DType::F32,
            Self::Sums => DType::I32,
        }
    }
}
