//! The reference: every op, plain and scalar, under any profile. It is what
//! "right" means; it shares no code with any kernel.

mod abs;
mod accumulate;
mod add;
mod apply_scale;
mod approximate_scale;
mod avg_pool;
mod batch_matmul;
mod blocks;
pub(crate) mod cascade_sum;
mod cast;
mod channels;
mod check;
pub(crate) mod choose_qparams;
mod choose_real_qparams;
mod clamp;
mod code_pair;
mod concat;
mod conv;
mod conv_transpose;
pub(crate) mod dequantize;
mod exponential;
mod fake_quantize;
mod fixed_point;
mod float;
mod float_output;
mod function;
mod gelu;
mod hard;
mod interpolated;
mod l2_normalize;
mod landing;
mod leaky_relu;
mod linear;
mod linear_blocks;
mod linear_half;
mod linear_rows;
mod log_f32;
mod max_pool;
mod mul;
mod norm;
mod power_of_two;
mod product;
mod q31;
pub(crate) mod quantize;
mod quantize_rows;
mod read;
mod real;
mod recode;
mod reduce;
mod relu;
pub(crate) mod requantize;
mod rescale;
mod resize;
mod round_trip;
mod rsqrt;
mod scalar;
mod sigmoid_table;
mod softmax;
mod softmax_table;
mod squared_difference;
mod store;
mod through_real;
mod transcendental;
mod weight_only;
mod wide;
mod window;

pub use self::read::read_by;

use self::add::Sign;
use self::code_pair::{Extreme, code_pair};
use self::function::{Function, function};
use self::hard::HardFunction;
use self::reduce::{Reduction, reduce};
use crate::profile::{Profile, RealOps};
use crate::spec::{OpSpec, Problem};
use crate::tensor::Tensor;
use crate::witness::Witness;

/// Why the reference cannot compute a problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The tensors do not fit the spec.
    #[error("{0}")]
    Mismatch(String),
    /// The profile does not define this op on these types.
    #[error("{0}")]
    Undefined(String),
}

/// Computes `problem` under `profile`: the outputs that [`OpSpec::outputs`] lists.
///
/// # Errors
/// When tensors do not fit the spec, or the profile does not define the op.
pub fn reference(
    problem: &Problem,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Vec<Tensor>, ReferenceError> {
    (problem.op.check()).map_err(|error| ReferenceError::Mismatch(error.to_string()))?;
    check::inputs(problem)?;
    let (constants, inputs) = (&problem.constants, &problem.inputs);
    let output = match &problem.op {
        OpSpec::Linear(spec) => linear::linear(spec, constants, &inputs[0], profile, witness)?,
        OpSpec::Conv(spec) => conv::conv(spec, constants, &inputs[0], profile, witness)?,
        OpSpec::Add(spec) => add::add(Sign::Plus, spec, &inputs[0], &inputs[1], profile, witness)?,
        OpSpec::Sub(spec) => add::add(Sign::Minus, spec, &inputs[0], &inputs[1], profile, witness)?,
        OpSpec::Mul(spec) => mul::mul(spec, &inputs[0], &inputs[1], profile, witness)?,
        OpSpec::Relu(spec) => relu::relu(spec, &inputs[0], witness)?,
        OpSpec::Clamp(spec) => clamp::clamp(spec, &inputs[0], witness)?,
        OpSpec::Sigmoid(spec) => function(Function::Sigmoid, spec, &inputs[0], profile, witness)?,
        OpSpec::Tanh(spec) => function(Function::Tanh, spec, &inputs[0], profile, witness)?,
        OpSpec::Recode(spec) => recode::recode(spec, &inputs[0], profile, witness)?,
        OpSpec::AvgPool(spec) => avg_pool::avg_pool(spec, &inputs[0], profile, witness)?,
        OpSpec::MaxPool(spec) => max_pool::max_pool(spec, &inputs[0], witness)?,
        OpSpec::FakeQuantizeScaleGradient(spec) => {
            return fake_quantize::scale_gradient(spec, &inputs[0], &inputs[1], profile);
        }
        OpSpec::FakeQuantizeGradient(spec) => {
            fake_quantize::gradient(spec, &inputs[0], &inputs[1], profile)?
        }
        OpSpec::PowerOfTwo(spec) => power_of_two::power_of_two(spec, &inputs[0], profile, witness)?,
        OpSpec::Quantize(spec) => quantize::quantize(spec, &inputs[0], profile, witness)?,
        OpSpec::Dequantize(spec) => dequantize::dequantize(spec, &inputs[0], profile, witness)?,
        OpSpec::Requantize(spec) => requantize::requantize(spec, &inputs[0], profile, witness)?,
        OpSpec::Cast(spec) => cast::cast(spec, &inputs[0], profile, witness)?,
        OpSpec::QuantizeBlocks(spec) => blocks::quantize_blocks(spec, inputs, profile, witness)?,
        OpSpec::DequantizeBlocks(spec) => {
            blocks::dequantize_blocks(spec, inputs, profile, witness)?
        }
        OpSpec::Rescale(spec) => rescale::rescale(spec, &inputs[0], profile, witness)?,
        OpSpec::Hardswish(spec) => {
            hard::hard(HardFunction::Swish, spec, &inputs[0], profile, witness)?
        }
        OpSpec::Hardsigmoid(spec) => {
            hard::hard(HardFunction::Sigmoid, spec, &inputs[0], profile, witness)?
        }
        OpSpec::Gelu(spec) => gelu::gelu(spec, &inputs[0], profile, witness)?,
        OpSpec::Concat(spec) if on_real(profile) => {
            concat::on_real(spec, inputs, profile, witness)?
        }
        OpSpec::Concat(spec) => concat::concat(spec, inputs, profile, witness)?,
        OpSpec::ResizeNearest(spec) => resize::resize_nearest(spec, &inputs[0], profile, witness)?,
        OpSpec::ResizeBilinear(spec) => {
            resize::resize_bilinear(spec, &inputs[0], profile, witness)?
        }
        OpSpec::LayerNorm(spec) => norm::layer_norm(spec, constants, &inputs[0], profile, witness)?,
        OpSpec::BatchNorm(spec) => norm::batch_norm(spec, constants, inputs, profile, witness)?,
        OpSpec::ConvTranspose(spec) => {
            conv_transpose::conv_transpose(spec, constants, &inputs[0], profile, witness)?
        }
        OpSpec::LinearHalf(spec) => {
            linear_half::linear_half(spec, constants, &inputs[0], profile, witness)?
        }
        OpSpec::AddScalar(spec) => {
            return scalar::add_scalar(spec, &inputs[0], profile, witness);
        }
        OpSpec::MulScalar(spec) => {
            return scalar::mul_scalar(spec, &inputs[0], profile, witness);
        }
        OpSpec::QuantizeRows(spec) => {
            return quantize_rows::quantize_rows(spec, &inputs[0], witness);
        }
        OpSpec::Softmax(spec) if on_real(profile) => {
            real::softmax(spec, &inputs[0], profile, witness)?
        }
        OpSpec::Softmax(spec) => softmax::softmax(spec, &inputs[0], profile, witness)?,
        OpSpec::L2Normalize(spec) => {
            l2_normalize::l2_normalize(spec, &inputs[0], profile, witness)?
        }
        OpSpec::Mean(spec) if on_real(profile) => real::mean(spec, &inputs[0], profile, witness)?,
        OpSpec::Mean(spec) => reduce(Reduction::Mean, spec, &inputs[0], profile, witness)?,
        OpSpec::Sum(spec) => reduce(Reduction::Sum, spec, &inputs[0], profile, witness)?,
        OpSpec::ReduceMax(spec) => reduce(Reduction::Max, spec, &inputs[0], profile, witness)?,
        OpSpec::LeakyRelu(spec) if on_real(profile) => {
            real::leaky_relu(spec, &inputs[0], profile, witness)?
        }
        OpSpec::LeakyRelu(spec) => leaky_relu::leaky_relu(spec, &inputs[0], profile, witness)?,
        OpSpec::Maximum(spec) => {
            code_pair(Extreme::Maximum, spec, &inputs[0], &inputs[1], witness)?
        }
        OpSpec::Minimum(spec) => {
            code_pair(Extreme::Minimum, spec, &inputs[0], &inputs[1], witness)?
        }
        OpSpec::SquaredDifference(spec) => {
            let (a, b) = (&inputs[0], &inputs[1]);
            squared_difference::squared_difference(spec, a, b, profile, witness)?
        }
        OpSpec::Abs(spec) => abs::abs(spec, &inputs[0], profile, witness)?,
        OpSpec::Elu(spec) if on_real(profile) => real::elu(spec, &inputs[0], profile, witness)?,
        OpSpec::Elu(spec) => exponential::elu(spec, &inputs[0], profile, witness)?,
        OpSpec::Exp(spec) => exponential::exp(spec, &inputs[0], profile, witness)?,
        OpSpec::Rsqrt(spec) => rsqrt::rsqrt(spec, &inputs[0], profile, witness)?,
        OpSpec::BatchMatmul(spec) if on_real(profile) => {
            real::matmul(spec, &inputs[0], &inputs[1], profile, witness)?
        }
        OpSpec::BatchMatmul(spec) => {
            batch_matmul::batch_matmul(spec, &inputs[0], &inputs[1], profile, witness)?
        }
        OpSpec::LinearRows(spec) => {
            linear_rows::linear_rows(spec, constants, &inputs[0], profile, witness)?
        }
        OpSpec::Float(op) => float::float(op, constants, inputs, profile, witness)?,
        OpSpec::ChooseQparams(spec) => {
            return choose_qparams::choose_qparams(spec, &inputs[0], profile, witness);
        }
        OpSpec::LinearBlocks(spec) => {
            linear_blocks::linear_blocks(spec, constants, inputs, profile, witness)?
        }
        OpSpec::RoundTrip(spec) => {
            return round_trip::round_trip(spec, &inputs[0], profile, witness);
        }
        OpSpec::ChooseRealQparams(spec) => {
            let input = &inputs[0];
            return choose_real_qparams::choose_real_qparams(spec, input, profile, witness);
        }
        OpSpec::ApproximateScale(spec) => {
            return approximate_scale::approximate_scale(spec, &inputs[0]);
        }
        OpSpec::FakeQuantize(spec) => {
            return fake_quantize::fake_quantize(spec, &inputs[0], profile, witness);
        }
        OpSpec::Observe(spec) => return crate::observers::observe(spec, inputs, witness),
        OpSpec::Calibrate(spec) => return crate::calibrators::calibrate(spec, inputs, witness),
    };
    Ok(vec![output])
}

#[cfg(test)]
mod tests;

/// Whether the profile computes on real values what other profiles compute in integers.
fn on_real(profile: &Profile) -> bool {
    profile.pointwise.real_ops != RealOps::Undefined
}
