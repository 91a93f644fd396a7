//! What may be done to spec and constants before a kernel is prepared: parameters of another
//! channel, zero points left out, weights packed in another order, windows laid otherwise.

use qassay_golden::spec::{
    Activation, BiasKind, Constants, ConvSpec, Granularity, OpSpec, Output, QParams, Relu,
};
use qassay_golden::tensor::{DType, Data, Tensor};

/// The sizes of a product: output channels, products an output, groups.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// output channels
    pub n: usize,
    /// products an output
    pub k: usize,
    /// groups of channels
    pub groups: usize,
}

/// The sizes of a product; `None` of other ops.
pub fn sizes(op: &OpSpec) -> Option<Sizes> {
    match op {
        OpSpec::Linear(spec) => Some(Sizes {
            n: spec.n,
            k: spec.k,
            groups: 1,
        }),
        OpSpec::Conv(spec) => Some(Sizes {
            n: spec.out_channels,
            k: spec.k(),
            groups: spec.groups,
        }),
        _ => None,
    }
}

/// Changes every s8 weight, as `change(index, weight, weights)` says.
pub fn weights(constants: &mut Constants, change: impl Fn(usize, i8, &[i8]) -> i8) {
    let Some(tensor) = &mut constants.weights else {
        return;
    };
    let Data::I8(old) = tensor.data() else {
        return;
    };
    let new = (old.iter().enumerate())
        .map(|(at, &weight)| change(at, weight, old))
        .collect();
    let shape = tensor.shape().to_vec();
    *tensor = Tensor::new(shape, Data::I8(new)).expect("as many weights as before");
}

/// Changes the bias, as `change(channel, all)` says; real values and steps alike.
pub fn bias(constants: &mut Constants, change: impl Fn(usize, &[f64]) -> f64) {
    let Some(tensor) = &mut constants.bias else {
        return;
    };
    let old: Vec<f64> = (0..tensor.len()).map(|at| tensor.data().real(at)).collect();
    let new = (0..old.len()).map(|at| change(at, &old));
    let data = match tensor.data() {
        Data::F32(_) => Data::F32(new.map(|x| x as f32).collect()),
        Data::I32(_) => Data::I32(new.map(|x| x as i32).collect()),
        _ => return,
    };
    let shape = tensor.shape().to_vec();
    *tensor = Tensor::new(shape, data).expect("as many values as before");
}

/// The parameters of the weights.
fn weight_parameters(op: &mut OpSpec) -> Option<&mut Granularity> {
    match op {
        OpSpec::Linear(spec) => Some(&mut spec.weights),
        OpSpec::Conv(spec) => Some(&mut spec.weights),
        _ => None,
    }
}

/// Changes the parameters of the weights (of quantize and dequantize: of the codes), channel by
/// channel, as `change(channel, all)` says.
pub fn channels(op: &mut OpSpec, change: impl Fn(usize, &[QParams]) -> QParams) {
    let granularity = match op {
        OpSpec::Quantize(spec) => Some(&mut spec.granularity),
        OpSpec::Dequantize(spec) => Some(&mut spec.granularity),
        _ => weight_parameters(op),
    };
    if let Some(Granularity::PerChannel { qparams, .. }) = granularity {
        let old = qparams.clone();
        for (channel, slot) in qparams.iter_mut().enumerate() {
            *slot = change(channel, &old);
        }
    }
}

/// Changes all zero points of the weights.
pub fn weight_zero_points(op: &mut OpSpec, change: impl Fn(i32) -> i32) {
    match weight_parameters(op) {
        Some(Granularity::PerTensor(qparams)) => qparams.zero_point = change(qparams.zero_point),
        Some(Granularity::PerChannel { qparams, .. }) => {
            for one in qparams {
                one.zero_point = change(one.zero_point);
            }
        }
        None => {}
    }
}

/// Changes the parameters of the activations, of a static product.
pub fn activation(op: &mut OpSpec, change: impl Fn(DType, &mut QParams)) {
    match op {
        OpSpec::Linear(spec) => {
            if let Activation::Quantized(quantized) = &mut spec.activation {
                change(quantized.dtype, &mut quantized.qparams);
            }
        }
        OpSpec::Conv(spec) => change(spec.activation.dtype, &mut spec.activation.qparams),
        OpSpec::AvgPool(spec) => change(spec.activation.dtype, &mut spec.activation.qparams),
        OpSpec::Add(spec) | OpSpec::Mul(spec) => change(spec.a.dtype, &mut spec.a.qparams),
        OpSpec::Sigmoid(spec) | OpSpec::Tanh(spec) => {
            change(spec.input.dtype, &mut spec.input.qparams);
        }
        _ => {}
    }
}

/// Changes the parameters of the output, where it is quantized.
pub fn output(op: &mut OpSpec, change: impl Fn(DType, &mut QParams)) {
    match op {
        OpSpec::Linear(spec) => {
            if let Output::Quantized(quantized) = &mut spec.output {
                change(quantized.dtype, &mut quantized.qparams);
            }
        }
        OpSpec::Conv(spec) => {
            if let Output::Quantized(quantized) = &mut spec.output {
                change(quantized.dtype, &mut quantized.qparams);
            }
        }
        OpSpec::AvgPool(spec) => change(spec.output.dtype, &mut spec.output.qparams),
        OpSpec::Add(spec) | OpSpec::Mul(spec) => {
            change(spec.output.dtype, &mut spec.output.qparams)
        }
        OpSpec::Requantize(spec) => {
            let mut qparams = QParams {
                scale: 1.0,
                zero_point: spec.zero_point,
            };
            change(spec.dtype, &mut qparams);
            spec.zero_point = qparams.zero_point;
        }
        OpSpec::Quantize(spec) => {
            let dtype = spec.dtype;
            match &mut spec.granularity {
                Granularity::PerTensor(qparams) => change(dtype, qparams),
                Granularity::PerChannel { qparams, .. } => {
                    for one in qparams {
                        change(dtype, one);
                    }
                }
            }
        }
        OpSpec::Dequantize(spec) => {
            let dtype = spec.dtype;
            match &mut spec.granularity {
                Granularity::PerTensor(qparams) => change(dtype, qparams),
                Granularity::PerChannel { qparams, .. } => {
                    for one in qparams {
                        change(dtype, one);
                    }
                }
            }
        }
        _ => {}
    }
}

/// Takes a fused relu away, or puts one where there is none.
pub fn relu(op: &mut OpSpec, change: impl Fn(bool) -> bool) {
    let turned = |relu: Relu| Relu::from(change(relu.is_zero()));
    match op {
        OpSpec::Linear(spec) => spec.relu = turned(spec.relu),
        OpSpec::Conv(spec) => spec.relu = turned(spec.relu),
        OpSpec::Add(spec) | OpSpec::Mul(spec) => spec.relu = turned(spec.relu),
        OpSpec::Requantize(spec) => spec.relu = change(spec.relu),
        _ => {}
    }
}

/// Rounds a real bias to steps of (activation scale · weight scale) by `round`, where it goes
/// into codes; it is then an s32 bias.
pub fn bias_in_steps(op: &mut OpSpec, constants: &mut Constants, round: impl Fn(f64) -> f64) {
    let (activation, granularity, kind) = match op {
        OpSpec::Linear(spec) if matches!(spec.output, Output::Quantized(_)) => {
            let Activation::Quantized(quantized) = &spec.activation else {
                return;
            };
            (
                quantized.qparams.scale,
                spec.weights.clone(),
                &mut spec.bias,
            )
        }
        OpSpec::Conv(spec) if matches!(spec.output, Output::Quantized(_)) => (
            spec.activation.qparams.scale,
            spec.weights.clone(),
            &mut spec.bias,
        ),
        _ => return,
    };
    let Some(tensor) = &mut constants.bias else {
        return;
    };
    let Data::F32(values) = tensor.data() else {
        return;
    };
    let steps = (values.iter().enumerate())
        .map(|(channel, &bias)| {
            let step = activation * granularity.channel(channel).scale;
            round(f64::from(bias) / step) as i32
        })
        .collect();
    let shape = tensor.shape().to_vec();
    *tensor = Tensor::new(shape, Data::I32(steps)).expect("as many values as before");
    *kind = BiasKind::I32;
}

/// Changes how windows of a convolution lie, and pads behind the image so that there are as many
/// outputs as before; leaves it as it was where that cannot be.
pub fn windows(op: &mut OpSpec, change: impl Fn(&mut ConvSpec)) {
    let OpSpec::Conv(spec) = op else {
        return;
    };
    let sizes = spec.output_size();
    let mut changed = spec.clone();
    change(&mut changed);
    for (d, &size) in sizes.iter().enumerate() {
        let reach = changed.dilation[d] * (changed.kernel[d] - 1) + 1;
        let needed = size.saturating_sub(1) * changed.stride[d] + reach;
        match needed.checked_sub(changed.input[d] + changed.pad_begin[d]) {
            Some(behind) => changed.pad_end[d] = behind,
            // Fewer positions than there are: those behind are not looked at.
            None => changed.pad_end[d] = 0,
        }
    }
    if changed.output_size() == sizes {
        *spec = changed;
    }
}

/// Orders the weights of a convolution anew: `place(sizes of kernel, tap)` is the tap whose
/// weight stands there.
pub fn taps(op: &OpSpec, constants: &mut Constants, place: impl Fn(&[usize], usize) -> usize) {
    let OpSpec::Conv(spec) = op else {
        return;
    };
    let taps: usize = spec.kernel.iter().product();
    let channels = spec.in_channels / spec.groups.max(1);
    if taps == 0 || channels == 0 {
        return;
    }
    weights(constants, |at, _, all| {
        let (outer, tap, channel) = (at / channels / taps, at / channels % taps, at % channels);
        all[(outer * taps + place(&spec.kernel, tap)) * channels + channel]
    });
}
