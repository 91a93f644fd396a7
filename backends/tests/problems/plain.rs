//! Problems of ops without weights: pools, add, relu, clamp, sigmoid, tanh.

use qassay_golden::spec::{
    BinarySpec, ClampSpec, FunctionSpec, OpSpec, PoolSpec, Problem, ReluSpec,
};
use qassay_golden::tensor::{DType, Tensor};
use rand_chacha::ChaCha8Rng;

use super::{codes, quantized};

pub fn plain(rng: &mut ChaCha8Rng, problems: &mut Vec<(String, Problem)>) {
    let mut add = |name: String, op: OpSpec, inputs: Vec<Tensor>| {
        let constants = Default::default();
        let problem = Problem {
            op,
            constants,
            inputs,
        };
        problems.push((name, problem));
    };
    for len in [1, 3, 4, 8, 15, 16, 17, 32, 33, 64, 65, 100, 129, 257] {
        for dtype in [DType::U8, DType::I8] {
            let shape = vec![3, len];
            let (a, b) = (quantized(dtype, 0.1, 3), quantized(dtype, 0.037, 100));
            let output = quantized(dtype, 0.06, -1 + i32::from(dtype == DType::U8));
            let binary = BinarySpec {
                shape: shape.clone(),
                a,
                b,
                output,
                relu: len % 2 == 0,
            };
            let inputs = vec![codes(rng, &shape, dtype), codes(rng, &shape, dtype)];
            add(format!("add/{len}"), OpSpec::Add(binary), inputs);
            let input = codes(rng, &shape, dtype);
            let relu = ReluSpec {
                shape: shape.clone(),
                tensor: a,
            };
            let name = format!("relu/{len}/{}", dtype.name());
            add(name, OpSpec::Relu(relu), vec![input.clone()]);
            let clamp = ClampSpec {
                shape: shape.clone(),
                dtype,
                low: 5,
                high: 90,
            };
            let name = format!("clamp/{len}/{}", dtype.name());
            add(name, OpSpec::Clamp(clamp), vec![input]);
        }
        let shape = vec![3, len];
        for (name, scale, zero_point) in [("sigmoid", 1.0 / 256.0, 0), ("tanh", 1.0 / 128.0, 128)] {
            let spec = FunctionSpec {
                shape: shape.clone(),
                input: quantized(DType::U8, 0.03, 128),
                output: quantized(DType::U8, scale, zero_point),
            };
            let op = match name {
                "sigmoid" => OpSpec::Sigmoid(spec),
                _ => OpSpec::Tanh(spec),
            };
            let input = codes(rng, &shape, DType::U8);
            add(format!("{name}/{len}"), op, vec![input]);
        }
    }
    pools(rng, &mut add);
}

fn pools(rng: &mut ChaCha8Rng, add: &mut impl FnMut(String, OpSpec, Vec<Tensor>)) {
    for channels in [1, 7, 8, 16, 17, 33, 64, 65] {
        for kernel in [vec![3], vec![2, 2], vec![3, 4], vec![2, 2, 3]] {
            let dims = kernel.len();
            let dtype = if channels % 2 == 0 {
                DType::U8
            } else {
                DType::I8
            };
            let activation = quantized(dtype, 0.1, 9);
            let spec = PoolSpec {
                batch: 2,
                input: vec![5; dims],
                channels,
                stride: vec![2; dims],
                pad: kernel.iter().map(|size| size / 2).collect(),
                pad_end: None,
                kernel,
                count_include_pad: true,
                activation,
                output: activation,
            };
            let mut shape = vec![2];
            shape.extend(&spec.input);
            shape.push(channels);
            let input = codes(rng, &shape, dtype);
            let name = format!("{:?}/{channels}", spec.kernel);
            let max = OpSpec::MaxPool(spec.clone());
            add(format!("max_pool/{name}"), max, vec![input.clone()]);
            let average = OpSpec::AvgPool(PoolSpec {
                output: quantized(dtype, 0.07, -3 + 4 * i32::from(dtype == DType::U8)),
                ..spec
            });
            add(format!("avg_pool/{name}"), average, vec![input]);
        }
    }
}
