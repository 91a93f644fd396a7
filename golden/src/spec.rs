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
mod conv;
mod conv_transpose;
mod elu;
mod fake;
mod float;
mod linear;
mod narrow_weights;
mod norm;
mod observe;
mod plain;
mod quantize;
mod quantized;
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
pub use conv::*;
pub use conv_transpose::*;
pub use elu::*;
pub use fake::*;
pub use float::*;
pub use linear::*;
pub use narrow_weights::*;
pub use norm::*;
pub use observe::*;
pub use plain::*;
pub use quantize::*;
pub use quantized::*;
pub use relu::Relu;
pub use rescale::*;
pub use resize::*;
pub use rows::*;
pub use scalar::*;

pub(crate) use sliding::Sliding;

use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use shapes::image_shape;

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
