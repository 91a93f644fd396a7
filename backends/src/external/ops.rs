//! Names of ops, as declarations of external backends list them.

use qassay_golden::spec::OpSpec;

macro_rules! ops {
    ($($variant:ident = $name:literal,)+) => {
        /// The name of every op.
        pub const OPS: &[&str] = &[$($name,)+];

        /// The name of an op, as declarations and `OpSpec`'s own JSON have it.
        pub fn op_name(op: &OpSpec) -> &'static str {
            match op { $(OpSpec::$variant(_) => $name,)+ }
        }
    };
}

ops! {
    Quantize = "quantize",
    Dequantize = "dequantize",
    Requantize = "requantize",
    ChooseQparams = "choose_qparams",
    Observe = "observe",
    Calibrate = "calibrate",
    Linear = "linear",
    Conv = "conv",
    Add = "add",
    Mul = "mul",
    Sub = "sub",
    Relu = "relu",
    Clamp = "clamp",
    Sigmoid = "sigmoid",
    Tanh = "tanh",
    Recode = "recode",
    AvgPool = "avg_pool",
    MaxPool = "max_pool",
    Cast = "cast",
    QuantizeBlocks = "quantize_blocks",
    DequantizeBlocks = "dequantize_blocks",
    ChooseRealQparams = "choose_real_qparams",
    Rescale = "rescale",
    FakeQuantize = "fake_quantize",
    FakeQuantizeGradient = "fake_quantize_gradient",
    FakeQuantizeScaleGradient = "fake_quantize_scale_gradient",
    PowerOfTwo = "power_of_two",
    ApproximateScale = "approximate_scale",
    RoundTrip = "round_trip",
    LinearBlocks = "linear_blocks",
    Hardswish = "hardswish",
    Hardsigmoid = "hardsigmoid",
    Gelu = "gelu",
    Concat = "concat",
    AddScalar = "add_scalar",
    MulScalar = "mul_scalar",
    ResizeNearest = "resize_nearest",
    ResizeBilinear = "resize_bilinear",
    LayerNorm = "layer_norm",
    BatchNorm = "batch_norm",
    ConvTranspose = "conv_transpose",
    QuantizeRows = "quantize_rows",
    LinearHalf = "linear_half",
    Softmax = "softmax",
    L2Normalize = "l2_normalize",
    Mean = "mean",
    Sum = "sum",
    ReduceMax = "reduce_max",
    LeakyRelu = "leaky_relu",
    Maximum = "maximum",
    Minimum = "minimum",
    SquaredDifference = "squared_difference",
    Abs = "abs",
    Elu = "elu",
    Exp = "exp",
    Rsqrt = "rsqrt",
    BatchMatmul = "batch_matmul",
    LinearRows = "linear_rows",
    Float = "float",
}

#[cfg(test)]
mod tests {
    use super::*;
    use qassay_golden::spec::{PowerOfTwoSpec, RequantizeSpec};
    use qassay_golden::tensor::DType;

    #[test]
    fn names_are_those_of_the_specs_json() {
        let requantize = OpSpec::Requantize(RequantizeSpec {
            rows: 1,
            columns: 1,
            dtype: DType::U8,
            zero_point: 0,
            multipliers: vec![1.0],
            relu: false,
        });
        let power = OpSpec::PowerOfTwo(PowerOfTwoSpec {
            shape: vec![1],
            exponents: (0, 1),
            greatest: None,
            quadratic: false,
            floor: false,
            signed: true,
        });
        for op in [requantize, power] {
            let json = serde_json::to_value(&op).unwrap();
            assert_eq!(
                json.as_object().unwrap().keys().next().unwrap(),
                op_name(&op)
            );
            assert!(OPS.contains(&op_name(&op)));
        }
    }
}
