//! Problems for products: codes, parameters, biases and outputs that vary beside shapes.

use qassay_golden::spec::*;
use qassay_golden::tensor::{DType, Data, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How codes are made.
#[derive(Clone, Copy, PartialEq)]
pub enum Codes {
    Full,
    Saturating,
    /// weights of which many products fit i16
    SmallWeights,
    /// activations of 7 bits
    Reduced,
}

fn activations(rng: &mut ChaCha8Rng, len: usize, codes: Codes) -> Data {
    Data::U8(match codes {
        Codes::Full | Codes::SmallWeights => (0..len).map(|_| rng.random()).collect(),
        Codes::Saturating => (0..len).map(|_| rng.random_range(190..=255)).collect(),
        Codes::Reduced => (0..len).map(|_| rng.random_range(100..=127)).collect(),
    })
}

fn weights(rng: &mut ChaCha8Rng, len: usize, codes: Codes) -> Data {
    Data::I8(match codes {
        Codes::Full | Codes::Reduced => (0..len).map(|_| rng.random()).collect(),
        // Now and then a block that does not fit.
        Codes::SmallWeights => (0..len)
            .map(|_| match rng.random_range(0..400) {
                0 => 127,
                _ => rng.random_range(-50..=50),
            })
            .collect(),
        Codes::Saturating => {
            let sign: bool = rng.random();
            (0..len)
                .map(|i| if (i / 2 % 3 == 0) == sign { 127 } else { -128 })
                .collect()
        }
    })
}

/// What varies beside shapes.
pub struct Variant {
    pub codes: Codes,
    pub activation_zero_point: i32,
    pub weight_zero_points: bool,
    pub per_channel: bool,
    pub bias: BiasKind,
    pub output: fn(f64) -> Output,
    pub relu: bool,
}

fn u8_output(scale: f64) -> Output {
    quantized(DType::U8, scale, 120)
}

fn u8_output_at_end(scale: f64) -> Output {
    quantized(DType::U8, scale, 255)
}

fn s8_output(scale: f64) -> Output {
    quantized(DType::I8, scale, -128)
}

fn sums_output(_: f64) -> Output {
    Output::Sums
}

pub fn quantized(dtype: DType, scale: f64, zero_point: i32) -> Output {
    Output::Quantized(Quantized {
        dtype,
        qparams: QParams { scale, zero_point },
    })
}

pub fn variants() -> Vec<Variant> {
    let base = || Variant {
        codes: Codes::Full,
        activation_zero_point: 3,
        weight_zero_points: false,
        per_channel: false,
        bias: BiasKind::F32,
        output: u8_output,
        relu: false,
    };
    vec![
        base(),
        Variant {
            codes: Codes::Saturating,
            activation_zero_point: 255,
            weight_zero_points: true,
            per_channel: true,
            output: sums_output,
            bias: BiasKind::None,
            ..base()
        },
        Variant {
            activation_zero_point: 0,
            weight_zero_points: true,
            per_channel: true,
            output: s8_output,
            relu: true,
            ..base()
        },
        Variant {
            codes: Codes::Saturating,
            bias: BiasKind::I32,
            output: u8_output_at_end,
            relu: true,
            ..base()
        },
        Variant {
            codes: Codes::Saturating,
            activation_zero_point: 200,
            weight_zero_points: true,
            ..base()
        },
        Variant {
            codes: Codes::SmallWeights,
            ..base()
        },
        Variant {
            codes: Codes::Reduced,
            activation_zero_point: 127,
            per_channel: true,
            ..base()
        },
    ]
}

impl Variant {
    fn granularity(&self, rng: &mut ChaCha8Rng, channels: usize) -> Granularity {
        let mut one = || QParams {
            scale: f64::from(rng.random_range(0.001f32..0.02)),
            zero_point: if self.weight_zero_points {
                rng.random_range(-128..=127)
            } else {
                0
            },
        };
        if self.per_channel {
            Granularity::PerChannel {
                axis: 0,
                qparams: (0..channels).map(|_| one()).collect(),
            }
        } else {
            Granularity::PerTensor(one())
        }
    }

    fn bias(&self, rng: &mut ChaCha8Rng, channels: usize) -> Option<Tensor> {
        let data = match self.bias {
            BiasKind::None => return None,
            BiasKind::F32 => {
                Data::F32((0..channels).map(|_| rng.random_range(-9.0..9.0)).collect())
            }
            BiasKind::I32 => Data::I32(
                (0..channels)
                    .map(|_| rng.random_range(-9000..9000))
                    .collect(),
            ),
        };
        Some(Tensor::new([channels], data).unwrap())
    }

    fn activation(&self) -> Quantized {
        Quantized {
            dtype: DType::U8,
            qparams: QParams {
                scale: 0.037,
                zero_point: self.activation_zero_point,
            },
        }
    }

    /// An output whose range the sums of `k` products fill.
    fn output(&self, k: usize) -> Output {
        let spread = (k.max(1) as f64).sqrt();
        (self.output)(0.037 * 0.01 * spread * 70.0)
    }

    pub fn linear(&self, seed: u64, m: usize, n: usize, k: usize) -> Problem {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let op = OpSpec::Linear(LinearSpec {
            m,
            n,
            k,
            activation: Activation::Quantized(self.activation()),
            weights: self.granularity(rng, n),
            bias: self.bias,
            output: self.output(k),
            relu: self.relu.into(),
        });
        let constants = Constants {
            weights: Some(Tensor::new([n, k], weights(rng, n * k, self.codes)).unwrap()),
            bias: self.bias(rng, n),
        };
        let inputs = vec![Tensor::new([m, k], activations(rng, m * k, self.codes)).unwrap()];
        Problem {
            op,
            constants,
            inputs,
        }
    }

    pub fn conv(&self, seed: u64, spec: ConvSpec) -> Problem {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let spec = ConvSpec {
            activation: self.activation(),
            weights: self.granularity(rng, spec.out_channels),
            bias: self.bias,
            output: self.output(spec.k()),
            relu: self.relu.into(),
            ..spec
        };
        let mut shape = vec![spec.out_channels];
        shape.extend(&spec.kernel);
        shape.push(spec.in_channels / spec.groups);
        let len = shape.iter().product();
        let constants = Constants {
            weights: Some(Tensor::new(shape, weights(rng, len, self.codes)).unwrap()),
            bias: self.bias(rng, spec.out_channels),
        };
        let op = OpSpec::Conv(spec);
        let (shape, _) = op.inputs().remove(0);
        let len = shape.iter().product();
        let inputs = vec![Tensor::new(shape, activations(rng, len, self.codes)).unwrap()];
        Problem {
            op,
            constants,
            inputs,
        }
    }
}

pub fn conv_spec(
    (input, in_channels, out_channels): (&[usize], usize, usize),
    kernel: &[usize],
    stride: usize,
    pads: (usize, usize),
    dilation: usize,
    groups: usize,
) -> ConvSpec {
    let dims = kernel.len();
    let none = QParams {
        scale: 1.0,
        zero_point: 0,
    };
    ConvSpec {
        batch: 2,
        input: input.to_vec(),
        in_channels,
        out_channels,
        kernel: kernel.to_vec(),
        stride: vec![stride; dims],
        pad_begin: vec![pads.0; dims],
        pad_end: vec![pads.1; dims],
        dilation: vec![dilation; dims],
        groups,
        activation: Quantized {
            dtype: DType::U8,
            qparams: none,
        },
        weights: Granularity::PerTensor(none),
        bias: BiasKind::None,
        output: Output::Sums,
        relu: false.into(),
    }
}

/// f32 activations of linear, dynamic or weight-only.
pub fn float_linear(
    seed: u64,
    (m, n, k): (usize, usize, usize),
    activation: Activation,
) -> Problem {
    let mut variants = variants();
    let variant = variants.swap_remove(seed as usize % 3);
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let bias = if seed.is_multiple_of(4) {
        BiasKind::None
    } else {
        BiasKind::F32
    };
    let variant = Variant { bias, ..variant };
    let low = [-3.0, 0.0, -200.0, -1e-7][seed as usize % 4];
    let high = [5.0f32, 1e4, 0.5, 1e-6][seed as usize / 4 % 4];
    let inputs = Data::F32((0..m * k).map(|_| rng.random_range(low..high)).collect());
    Problem {
        op: OpSpec::Linear(LinearSpec {
            m,
            n,
            k,
            activation,
            weights: variant.granularity(rng, n),
            bias,
            output: Output::Float,
            relu: seed.is_multiple_of(5).into(),
        }),
        constants: Constants {
            weights: Some(Tensor::new([n, k], weights(rng, n * k, variant.codes)).unwrap()),
            bias: variant.bias(rng, n),
        },
        inputs: vec![Tensor::new([m, k], inputs).unwrap()],
    }
}
