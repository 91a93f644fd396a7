//! The golden cases of every op: small, with the boundaries built in. Adding a
//! case to one of these lists is all that it takes.

mod along;
mod calibrate;
mod conv;
mod draw;
mod element;
mod fake;
mod float;
mod functions;
mod fused;
mod matrix;
mod narrow;
mod norms;
mod plain;
mod pointwise;
mod real;
mod rescale;
mod statistics;
mod wide;

use crate::spec::{Constants, OpSpec, Problem, QParams, Quantized};
use crate::tensor::{DType, Data, Tensor};

/// The cases of one op, by name.
pub(super) type Cases = Vec<(String, Problem)>;

/// Every op with its cases.
pub(super) fn all() -> Vec<(&'static str, Cases)> {
    vec![
        ("quantize", element::quantize()),
        ("dequantize", element::dequantize()),
        ("requantize", element::requantize()),
        ("choose_qparams", statistics::choose_qparams()),
        ("observe", statistics::observe()),
        ("calibrate", calibrate::calibrate()),
        (
            "linear",
            [matrix::linear(), fused::linear(), wide::linear()].concat(),
        ),
        ("conv", [conv::conv(), fused::conv(), wide::conv()].concat()),
        ("add", pointwise::add()),
        ("mul", pointwise::mul()),
        ("sub", pointwise::sub()),
        ("relu", pointwise::relu()),
        ("clamp", plain::clamp()),
        ("sigmoid", plain::sigmoid()),
        ("tanh", plain::tanh()),
        ("recode", plain::recode()),
        ("hardswish", plain::hardswish()),
        ("hardsigmoid", plain::hardsigmoid()),
        ("avg_pool", pointwise::avg_pool()),
        ("max_pool", pointwise::max_pool()),
        ("cast", narrow::cast()),
        ("quantize_blocks", narrow::quantize_blocks()),
        ("dequantize_blocks", narrow::dequantize_blocks()),
        ("choose_real_qparams", narrow::choose_real_qparams()),
        ("rescale", rescale::rescale()),
        ("fake_quantize", fake::fake_quantize()),
        ("fake_quantize_gradient", fake::fake_quantize_gradient()),
        (
            "fake_quantize_scale_gradient",
            fake::fake_quantize_scale_gradient(),
        ),
        ("power_of_two", fake::power_of_two()),
        ("approximate_scale", fake::approximate_scale()),
        ("round_trip", narrow::round_trip()),
        ("linear_blocks", narrow::linear_blocks()),
        ("gelu", real::gelu()),
        ("concat", real::concat()),
        ("add_scalar", real::add_scalar()),
        ("mul_scalar", real::mul_scalar()),
        ("resize_nearest", norms::resize_nearest()),
        ("resize_bilinear", norms::resize_bilinear()),
        ("layer_norm", norms::layer_norm()),
        ("batch_norm", norms::batch_norm()),
        ("conv_transpose", norms::conv_transpose()),
        ("quantize_rows", norms::quantize_rows()),
        ("linear_half", norms::linear_half()),
        ("softmax", with_real(along::softmax(), real::softmax())),
        ("l2_normalize", along::l2_normalize()),
        ("mean", with_real(along::mean(), real::mean())),
        ("sum", along::sum()),
        ("reduce_max", along::reduce_max()),
        (
            "leaky_relu",
            with_real(functions::leaky_relu(), real::leaky_relu()),
        ),
        ("maximum", functions::maximum()),
        ("minimum", functions::minimum()),
        ("squared_difference", functions::squared_difference()),
        ("abs", functions::abs()),
        ("elu", with_real(functions::elu(), real::elu())),
        ("exp", functions::exp()),
        ("rsqrt", functions::rsqrt()),
        (
            "batch_matmul",
            with_real(along::batch_matmul(), norms::matmul()),
        ),
        ("linear_rows", along::linear_rows()),
        ("float", float::float()),
    ]
}

/// The cases of an op in integers, and those of its form on real values.
fn with_real(mut cases: Cases, real: Cases) -> Cases {
    cases.extend((real.into_iter()).map(|(name, problem)| (format!("real/{name}"), problem)));
    cases
}

fn qparams(scale: f64, zero_point: i32) -> QParams {
    QParams { scale, zero_point }
}

fn quantized(dtype: DType, scale: f64, zero_point: i32) -> Quantized {
    let qparams = qparams(scale, zero_point);
    Quantized { dtype, qparams }
}

/// A problem of an op without constants, its inputs dense in the op's shapes.
fn problem(op: OpSpec, inputs: Vec<Data>) -> Problem {
    with_constants(op, Constants::default(), inputs)
}

fn with_constants(op: OpSpec, constants: Constants, inputs: Vec<Data>) -> Problem {
    let shapes = op.inputs();
    let inputs = (inputs.into_iter().zip(shapes))
        .map(|(data, (shape, _))| tensor(shape, data))
        .collect();
    Problem {
        op,
        constants,
        inputs,
    }
}

fn tensor(shape: impl Into<Vec<usize>>, data: Data) -> Tensor {
    Tensor::new(shape, data).expect("golden cases fill their shapes")
}
