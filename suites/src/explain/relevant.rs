//! Which axes of a profile an op reads: the others are not searched.

use qassay_golden::profile::{AxisName, SumOf};
use qassay_golden::spec::{Activation, FloatOp, OpSpec, Output, RowActivation};
use qassay_golden::tensor::DType;

/// Whether `axis` can matter for `op` at all.
pub fn relevant(op: &OpSpec, axis: AxisName) -> bool {
    let on_real = axis.stage == "pointwise" && axis.field == "real_ops";
    let sum = |kind: &str| match axis.field {
        "linear" | "conv" | "grouped" | "depthwise" => axis.field == kind,
        "padding" => kind != "linear",
        "signed_linear" => kind == "linear",
        _ => true,
    };
    // The scales and bias of integer sums that become floats.
    let of_sums = !matches!(axis.field, "weight_only" | "half_weights" | "float_conv");
    let to_code = |output: &Output, op: SumOf, activation: DType| {
        let applies = match axis.field {
            "scaling_linear" | "multiplier_linear" => op == SumOf::Linear,
            "scaling_transposed" => op == SumOf::Transposed,
            "scaling_batch" | "multiplier_batch" => op == SumOf::Batch,
            "multiplier_u8" => {
                !matches!(op, SumOf::Linear | SumOf::Batch) && output.dtype() == DType::U8
            }
            "scaling_wide" => activation.size() > 1,
            "scaling_depthwise_tail" | "depthwise_width" => op == SumOf::Depthwise,
            _ => true,
        };
        axis.stage == "requantize" && applies && !matches!(output, Output::Sums)
    };
    match op {
        OpSpec::Quantize(_) => axis.stage == "quantize",
        OpSpec::QuantizeBlocks(_) => matches!(axis.stage, "quantize" | "convert"),
        OpSpec::DequantizeBlocks(_) => axis.stage == "dequantize",
        OpSpec::Cast(_) => axis.stage == "convert",
        OpSpec::RoundTrip(_) => {
            matches!(
                axis.stage,
                "quantize" | "dequantize" | "qparams" | "convert"
            )
        }
        OpSpec::LinearBlocks(spec) => match spec.activation {
            RowActivation::Float => axis.stage == "dequantize" || axis.field == "weight_only",
            RowActivation::FloatTimesCodes => axis.field == "weight_only",
            RowActivation::RoundTrip(_) => {
                matches!(axis.stage, "quantize" | "qparams" | "dequantize")
                    || axis.field == "weight_only"
            }
            RowActivation::Quantized(_) => matches!(axis.stage, "quantize" | "qparams"),
        },
        OpSpec::Dequantize(_) => axis.stage == "dequantize",
        OpSpec::Requantize(_) => {
            axis.stage == "requantize"
                && matches!(
                    axis.field,
                    "scaling" | "rounding" | "zero_point" | "clamp" | "cast"
                )
        }
        OpSpec::ChooseQparams(_) => axis.stage == "qparams",
        OpSpec::ChooseRealQparams(_) => axis.field == "reduce_range",
        OpSpec::Observe(_)
        | OpSpec::Calibrate(_)
        | OpSpec::ApproximateScale(_)
        | OpSpec::QuantizeRows(_) => false,
        OpSpec::Linear(spec) => match spec.activation {
            Activation::Quantized(_) => match axis.stage {
                "accumulate" => sum("linear"),
                "float_output" => matches!(spec.output, Output::Float) && of_sums,
                _ => to_code(&spec.output, SumOf::Linear, spec.activation.dtype()),
            },
            Activation::Dynamic { .. } => match axis.stage {
                "accumulate" => sum("linear"),
                "float_output" => of_sums,
                stage => matches!(stage, "quantize" | "qparams"),
            },
            Activation::Float => {
                let unused = matches!(axis.field, "half_weights" | "float_conv");
                (axis.stage == "float_output" && !unused)
                    || (axis.stage == "dequantize" && axis.field == "body")
            }
        },
        OpSpec::Conv(spec) => match axis.stage {
            "accumulate" if spec.is_depthwise() => sum("depthwise"),
            "accumulate" if spec.groups > 1 => sum("grouped"),
            "accumulate" => sum("conv"),
            "float_output" => matches!(spec.output, Output::Float) && of_sums,
            _ => to_code(&spec.output, SumOf::of(spec), spec.activation.dtype),
        },
        OpSpec::Float(op) => matches!(op, FloatOp::Conv(_)) && axis.field == "float_conv",
        OpSpec::Add(_) | OpSpec::Sub(_) => pointwise(axis, "add"),
        OpSpec::Mul(_) => pointwise(axis, "mul"),
        OpSpec::AvgPool(_) => pointwise(axis, "avg_pool"),
        OpSpec::Hardswish(_) | OpSpec::Hardsigmoid(_) => {
            axis.stage == "pointwise" && axis.field == "hard_function"
        }
        OpSpec::Rescale(_) => axis.stage == "pointwise" && axis.field == "rescale",
        OpSpec::Gelu(_)
        | OpSpec::AddScalar(_)
        | OpSpec::MulScalar(_)
        | OpSpec::ResizeBilinear(_)
        | OpSpec::LayerNorm(_)
        | OpSpec::BatchNorm(_) => on_real,
        OpSpec::ConvTranspose(spec) => match axis.stage {
            "accumulate" => sum("conv"),
            _ => to_code(&spec.output, SumOf::Transposed, spec.activation.dtype),
        },
        OpSpec::LinearHalf(_) => axis.field == "half_weights",
        OpSpec::Sigmoid(spec) | OpSpec::Tanh(spec) => {
            let wide = spec.input.dtype.size() > 1;
            let field = if wide { "function_wide" } else { "function" };
            axis.stage == "pointwise" && axis.field == field
        }
        OpSpec::Elu(_) => on_real || axis.stage == "pointwise" && axis.field == "exponential",
        OpSpec::Exp(spec) => {
            let wide = spec.input.dtype.size() > 1;
            let field = if wide { "interpolated" } else { "exponential" };
            axis.stage == "pointwise" && axis.field == field
        }
        OpSpec::Rsqrt(spec) => {
            let wide = spec.input.dtype.size() > 1;
            let field = if wide { "interpolated" } else { "rsqrt" };
            axis.stage == "pointwise" && axis.field == field
        }
        OpSpec::Abs(_) => axis.stage == "pointwise" && axis.field == "abs",
        OpSpec::LeakyRelu(_) => match axis.stage {
            "pointwise" => on_real || axis.field == "leaky_relu",
            stage => matches!(stage, "quantize" | "dequantize"),
        },
        OpSpec::Concat(_) => match axis.stage {
            "pointwise" => on_real || axis.field == "concat",
            stage => matches!(stage, "quantize" | "dequantize"),
        },
        OpSpec::ResizeNearest(_) => {
            on_real || axis.stage == "pointwise" && axis.field == "nearest_pixel"
        }
        OpSpec::SquaredDifference(_) => {
            axis.stage == "pointwise" && axis.field == "squared_difference"
        }
        OpSpec::Softmax(spec) => {
            let wide = spec.input.dtype.size() > 1;
            let field = if wide { "softmax_wide" } else { "softmax" };
            on_real || axis.stage == "along" && axis.field == field
        }
        OpSpec::L2Normalize(_) => axis.stage == "along" && axis.field == "l2_normalize",
        OpSpec::Mean(_) => on_real || axis.stage == "along" && axis.field == "mean",
        OpSpec::Sum(_) => axis.stage == "along" && axis.field == "sum",
        OpSpec::BatchMatmul(spec) => {
            let output = Output::Quantized(spec.output);
            on_real || to_code(&output, SumOf::Batch, spec.a.dtype)
        }
        OpSpec::LinearRows(_) => match axis.stage {
            "along" => axis.field == "rows",
            stage => stage == "float_output" && of_sums,
        },
        OpSpec::Recode(_) => match axis.stage {
            "pointwise" => axis.field.starts_with("recode"),
            stage => matches!(stage, "quantize" | "dequantize"),
        },
        OpSpec::FakeQuantize(_)
        | OpSpec::FakeQuantizeGradient(_)
        | OpSpec::FakeQuantizeScaleGradient(_) => axis.stage == "fake_quantize",
        OpSpec::PowerOfTwo(_) => {
            axis.stage == "fake_quantize"
                && matches!(axis.field, "logarithm" | "result" | "subnormals")
        }
        OpSpec::Relu(_)
        | OpSpec::Clamp(_)
        | OpSpec::MaxPool(_)
        | OpSpec::ReduceMax(_)
        | OpSpec::Maximum(_)
        | OpSpec::Minimum(_) => false,
    }
}

fn pointwise(axis: AxisName, op: &str) -> bool {
    match axis.stage {
        "pointwise" => axis.field.starts_with(op),
        "requantize" => matches!(axis.field, "rounding" | "zero_point" | "clamp" | "cast"),
        _ => false,
    }
}
