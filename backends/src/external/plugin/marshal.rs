//! An op as C sees it: specs of `qassay_golden` to those of `include/qassay.h`.

use std::ffi::c_void;

use qassay_golden::spec::{
    Activation, BiasKind, BinarySpec, ConvSpec, FunctionSpec, Granularity, LinearSpec, ObserveSpec,
    ObserverKind, OpSpec, Output, PoolSpec, QparamsRequest, Quantized, Relu,
};
use qassay_golden::spec::{Constants, DequantizeSpec, QuantizeSpec, RequantizeSpec};
use qassay_golden::tensor::{DType, Data, Tensor};

use super::abi;
use crate::backend::Refusal;
use crate::external::op_name;

/// An op for C, with everything that its pointers need.
pub(super) struct Marshalled<'a> {
    number: i32,
    spec: Spec,
    weights: Option<(abi::Tensor, &'a Tensor)>,
    bias: Option<(abi::Tensor, &'a Tensor)>,
    inputs: i32,
    outputs: i32,
    // Owned by this value alone; their buffers stay where they are when it moves.
    _kept: Kept,
}

enum Spec {
    Elements(abi::Elements),
    Requantize(abi::Requantize),
    ChooseQparams(abi::ChooseQparams),
    Observe(abi::Observe),
    Linear(abi::Linear),
    Conv(Box<abi::Conv>),
    Binary(abi::Binary),
    Function(abi::Function),
    Clamp(abi::Clamp),
    Pool(Box<abi::Pool>),
}

#[derive(Default)]
struct Kept {
    lengths: Vec<Vec<i64>>,
    scales: Vec<Vec<f64>>,
    zero_points: Vec<Vec<i32>>,
    multipliers: Vec<f32>,
}

impl<'a> Marshalled<'a> {
    /// The op with its constants.
    ///
    /// # Errors
    /// [`Refusal::Unsupported`] for what the C interface does not carry.
    pub(super) fn new(op: &OpSpec, constants: &'a Constants) -> Result<Self, Refusal> {
        let name = op_name(op);
        let &(number, _) = (abi::OP_NUMBERS.iter())
            .find(|(_, known)| *known == name)
            .ok_or_else(|| unsupported(format!("{name} has no place in qassay.h")))?;
        let mut kept = Kept::default();
        let spec = spec(op, &mut kept)?;
        let mut constant = |tensor: &'a Option<Tensor>| {
            tensor
                .as_ref()
                .map(|tensor| (kept.constant(tensor), tensor))
        };
        let (weights, bias) = (constant(&constants.weights), constant(&constants.bias));
        Ok(Self {
            number,
            spec,
            weights,
            bias,
            inputs: op.inputs().len() as i32,
            outputs: op.outputs().len() as i32,
            _kept: kept,
        })
    }

    /// Shows the op to C; it lives as long as the call.
    pub(super) fn with<R>(&self, call: impl FnOnce(&abi::Op) -> R) -> R {
        let spec: *const c_void = match &self.spec {
            Spec::Elements(spec) => std::ptr::from_ref(spec).cast(),
            Spec::Requantize(spec) => std::ptr::from_ref(spec).cast(),
            Spec::ChooseQparams(spec) => std::ptr::from_ref(spec).cast(),
            Spec::Observe(spec) => std::ptr::from_ref(spec).cast(),
            Spec::Linear(spec) => std::ptr::from_ref(spec).cast(),
            Spec::Conv(spec) => std::ptr::from_ref(&**spec).cast(),
            Spec::Binary(spec) => std::ptr::from_ref(spec).cast(),
            Spec::Function(spec) => std::ptr::from_ref(spec).cast(),
            Spec::Clamp(spec) => std::ptr::from_ref(spec).cast(),
            Spec::Pool(spec) => std::ptr::from_ref(&**spec).cast(),
        };
        let tensor = |tensor: &Option<(abi::Tensor, &Tensor)>| {
            tensor
                .as_ref()
                .map_or(std::ptr::null(), |(tensor, _)| std::ptr::from_ref(tensor))
        };
        call(&abi::Op {
            size: size_of::<abi::Op>(),
            spec,
            weights: tensor(&self.weights),
            bias: tensor(&self.bias),
            op: self.number,
            inputs: self.inputs,
            outputs: self.outputs,
            reserved: 0,
        })
    }
}

/// The number of a type.
///
/// # Errors
/// [`Refusal::Unsupported`] for types that kernels are not handed.
pub(super) fn dtype(dtype: DType) -> Result<i32, Refusal> {
    Ok(match dtype {
        DType::U8 => abi::U8,
        DType::I8 => abi::S8,
        DType::I32 => abi::S32,
        DType::F32 => abi::F32,
        DType::F64 => abi::F64,
        other => {
            return Err(unsupported(format!(
                "{} has no place in qassay.h",
                other.name()
            )));
        }
    })
}

fn unsupported(what: String) -> Refusal {
    Refusal::Unsupported(what)
}

fn spec(op: &OpSpec, kept: &mut Kept) -> Result<Spec, Refusal> {
    Ok(match op {
        OpSpec::Quantize(QuantizeSpec {
            shape,
            dtype,
            granularity,
            range,
        }) => Spec::Elements(kept.elements(shape, *dtype, granularity, *range)?),
        OpSpec::Dequantize(DequantizeSpec {
            shape,
            dtype,
            granularity,
        }) => Spec::Elements(kept.elements(shape, *dtype, granularity, None)?),
        OpSpec::Requantize(spec) => Spec::Requantize(kept.requantize(spec)?),
        OpSpec::ChooseQparams(spec) => {
            Spec::ChooseQparams(choose_qparams(spec.len, &spec.request)?)
        }
        OpSpec::Observe(spec) => Spec::Observe(kept.observe(spec)?),
        OpSpec::Linear(spec) => Spec::Linear(kept.linear(spec)?),
        OpSpec::Conv(spec) => Spec::Conv(Box::new(kept.conv(spec)?)),
        OpSpec::Add(spec) | OpSpec::Mul(spec) | OpSpec::Sub(spec) => {
            Spec::Binary(kept.binary(spec)?)
        }
        OpSpec::Relu(spec) => Spec::Function(kept.function(&FunctionSpec {
            shape: spec.shape.clone(),
            input: spec.tensor,
            output: spec.tensor,
        })?),
        OpSpec::Sigmoid(spec)
        | OpSpec::Tanh(spec)
        | OpSpec::Recode(spec)
        | OpSpec::Hardswish(spec)
        | OpSpec::Hardsigmoid(spec) => Spec::Function(kept.function(spec)?),
        OpSpec::Clamp(spec) => Spec::Clamp(abi::Clamp {
            size: size_of::<abi::Clamp>(),
            shape: kept.lengths(&spec.shape),
            rank: spec.shape.len() as i32,
            dtype: dtype(spec.dtype)?,
            low: spec.low,
            high: spec.high,
        }),
        OpSpec::AvgPool(spec) | OpSpec::MaxPool(spec) => Spec::Pool(Box::new(pool(spec)?)),
        other => {
            return Err(unsupported(format!(
                "{} has no place in qassay.h",
                op_name(other)
            )));
        }
    })
}

impl Kept {
    fn lengths(&mut self, shape: &[usize]) -> *const i64 {
        self.lengths
            .push(shape.iter().map(|&len| len as i64).collect());
        self.lengths[self.lengths.len() - 1].as_ptr()
    }

    fn constant(&mut self, tensor: &Tensor) -> abi::Tensor {
        let (data, dtype): (*const c_void, i32) = match tensor.data() {
            Data::U8(values) => (values.as_ptr().cast(), abi::U8),
            Data::I8(values) => (values.as_ptr().cast(), abi::S8),
            Data::I32(values) => (values.as_ptr().cast(), abi::S32),
            Data::F32(values) => (values.as_ptr().cast(), abi::F32),
            Data::F64(values) => (values.as_ptr().cast(), abi::F64),
            other => unreachable!("{} is refused before it comes here", other.dtype().name()),
        };
        abi::Tensor {
            data: data.cast_mut(),
            shape: self.lengths(tensor.shape()),
            row_stride: tensor.shape().last().map_or(1, |&len| len as i64),
            rank: tensor.shape().len() as i32,
            dtype,
        }
    }

    fn granularity(&mut self, granularity: &Granularity) -> abi::Granularity {
        let (all, axis) = match granularity {
            Granularity::PerTensor(one) => (std::slice::from_ref(one), -1),
            Granularity::PerChannel { axis, qparams } => (&qparams[..], *axis as i32),
        };
        let scales: Vec<f64> = all.iter().map(|qparams| qparams.scale).collect();
        let zero_points: Vec<i32> = all.iter().map(|qparams| qparams.zero_point).collect();
        let made = abi::Granularity {
            scales: scales.as_ptr(),
            zero_points: zero_points.as_ptr(),
            count: all.len() as i64,
            axis,
            reserved: 0,
        };
        self.scales.push(scales);
        self.zero_points.push(zero_points);
        made
    }

    fn elements(
        &mut self,
        shape: &[usize],
        of: DType,
        granularity: &Granularity,
        range: Option<(i64, i64)>,
    ) -> Result<abi::Elements, Refusal> {
        let (low, high) = range.or_else(|| of.code_range()).unwrap_or_default();
        Ok(abi::Elements {
            size: size_of::<abi::Elements>(),
            shape: self.lengths(shape),
            granularity: self.granularity(granularity),
            low,
            high,
            rank: shape.len() as i32,
            dtype: dtype(of)?,
        })
    }

    fn requantize(&mut self, spec: &RequantizeSpec) -> Result<abi::Requantize, Refusal> {
        self.multipliers.clone_from(&spec.multipliers);
        Ok(abi::Requantize {
            size: size_of::<abi::Requantize>(),
            rows: spec.rows as i64,
            columns: spec.columns as i64,
            multipliers: self.multipliers.as_ptr(),
            multiplier_count: self.multipliers.len() as i64,
            dtype: dtype(spec.dtype)?,
            zero_point: spec.zero_point,
            relu: i32::from(spec.relu),
            reserved: 0,
        })
    }

    fn observe(&mut self, spec: &ObserveSpec) -> Result<abi::Observe, Refusal> {
        Ok(abi::Observe {
            size: size_of::<abi::Observe>(),
            shape: self.lengths(&spec.shape),
            batches: spec.batches as i64,
            rank: spec.shape.len() as i32,
            kind: match spec.kind {
                ObserverKind::MinMax => abi::MIN_MAX,
                ObserverKind::MovingAverage => abi::MOVING_AVERAGE,
                ObserverKind::PerChannelMinMax => abi::PER_CHANNEL_MIN_MAX,
                ObserverKind::PerChannelMovingAverage => abi::PER_CHANNEL_MOVING_AVERAGE,
                ObserverKind::Histogram => abi::HISTOGRAM,
                ObserverKind::WeightedAverage => {
                    return Err(unsupported("moving averages in two products".into()));
                }
                ObserverKind::HistogramOf { .. } | ObserverKind::GrowingHistogram { .. } => {
                    return Err(unsupported(
                        "histograms of other bins or that grow in another way".into(),
                    ));
                }
            },
            axis: spec.axis as i32,
            reserved: 0,
        })
    }

    fn linear(&mut self, spec: &LinearSpec) -> Result<abi::Linear, Refusal> {
        let (activation, activation_kind, reduce_range) = match &spec.activation {
            Activation::Quantized(of) => (quantized(of)?, abi::ACTIVATION_QUANTIZED, false),
            Activation::Dynamic { reduce_range } => {
                (NOT_QUANTIZED, abi::ACTIVATION_DYNAMIC, *reduce_range)
            }
            Activation::Float => (NOT_QUANTIZED, abi::ACTIVATION_FLOAT, false),
        };
        let (output, output_kind) = output(&spec.output)?;
        Ok(abi::Linear {
            size: size_of::<abi::Linear>(),
            m: spec.m as i64,
            n: spec.n as i64,
            k: spec.k as i64,
            activation,
            output,
            weights: self.granularity(&spec.weights),
            relu: fused(spec.relu),
            activation_kind,
            reduce_range: i32::from(reduce_range),
            output_kind,
            bias_kind: bias(spec.bias),
        })
    }

    fn conv(&mut self, spec: &ConvSpec) -> Result<abi::Conv, Refusal> {
        let (output, output_kind) = output(&spec.output)?;
        Ok(abi::Conv {
            size: size_of::<abi::Conv>(),
            batch: spec.batch as i64,
            in_channels: spec.in_channels as i64,
            out_channels: spec.out_channels as i64,
            groups: spec.groups as i64,
            input: spatial(&spec.input)?,
            output_size: spatial(&spec.output_size())?,
            kernel: spatial(&spec.kernel)?,
            stride: spatial(&spec.stride)?,
            pad_begin: spatial(&spec.pad_begin)?,
            pad_end: spatial(&spec.pad_end)?,
            dilation: spatial(&spec.dilation)?,
            activation: quantized(&spec.activation)?,
            output,
            weights: self.granularity(&spec.weights),
            relu: fused(spec.relu),
            spatial: spec.kernel.len() as i32,
            output_kind,
            bias_kind: bias(spec.bias),
            reserved: 0,
        })
    }

    fn binary(&mut self, spec: &BinarySpec) -> Result<abi::Binary, Refusal> {
        Ok(abi::Binary {
            size: size_of::<abi::Binary>(),
            shape: self.lengths(&spec.shape),
            a: quantized(&spec.a)?,
            b: quantized(&spec.b)?,
            output: quantized(&spec.output)?,
            relu: fused(spec.relu),
            rank: spec.shape.len() as i32,
            reserved: 0,
        })
    }

    fn function(&mut self, spec: &FunctionSpec) -> Result<abi::Function, Refusal> {
        Ok(abi::Function {
            size: size_of::<abi::Function>(),
            shape: self.lengths(&spec.shape),
            input: quantized(&spec.input)?,
            output: quantized(&spec.output)?,
            rank: spec.shape.len() as i32,
            reserved: 0,
        })
    }
}

/// In place of parameters where there are none: every field 0.
const NOT_QUANTIZED: abi::Quantized = abi::Quantized {
    scale: 0.0,
    zero_point: 0,
    dtype: 0,
};

fn quantized(of: &Quantized) -> Result<abi::Quantized, Refusal> {
    Ok(abi::Quantized {
        scale: of.qparams.scale,
        zero_point: of.qparams.zero_point,
        dtype: dtype(of.dtype)?,
    })
}

fn output(of: &Output) -> Result<(abi::Quantized, i32), Refusal> {
    Ok(match of {
        Output::Quantized(of) => (quantized(of)?, abi::OUTPUT_QUANTIZED),
        Output::Float => (NOT_QUANTIZED, abi::OUTPUT_FLOAT),
        Output::Sums => (NOT_QUANTIZED, abi::OUTPUT_SUMS),
    })
}

fn bias(kind: BiasKind) -> i32 {
    match kind {
        BiasKind::None => abi::BIAS_NONE,
        BiasKind::F32 => abi::BIAS_F32,
        BiasKind::I32 => abi::BIAS_S32,
    }
}

fn fused(relu: Relu) -> abi::Fused {
    let (kind, low, high) = match relu {
        Relu::None => (abi::RELU_NONE, 0, 0),
        Relu::Zero => (abi::RELU_ZERO, 0, 0),
        Relu::Codes { low, high } => (abi::RELU_CODES, low, high),
    };
    abi::Fused {
        kind,
        low,
        high,
        reserved: 0,
    }
}

fn choose_qparams(len: usize, request: &QparamsRequest) -> Result<abi::ChooseQparams, Refusal> {
    let range = request.range.or_else(|| request.dtype.code_range());
    let (low, high) = range.unwrap_or_default();
    Ok(abi::ChooseQparams {
        size: size_of::<abi::ChooseQparams>(),
        len: len as i64,
        low,
        high,
        dtype: dtype(request.dtype)?,
        symmetric: i32::from(request.symmetric),
        reduce_range: i32::from(request.reduce_range),
        reserved: 0,
    })
}

fn pool(spec: &PoolSpec) -> Result<abi::Pool, Refusal> {
    Ok(abi::Pool {
        size: size_of::<abi::Pool>(),
        batch: spec.batch as i64,
        channels: spec.channels as i64,
        input: spatial(&spec.input)?,
        output_size: spatial(&spec.output_size())?,
        kernel: spatial(&spec.kernel)?,
        stride: spatial(&spec.stride)?,
        pad_begin: spatial(&spec.pad)?,
        pad_end: spatial(spec.pad_end())?,
        activation: quantized(&spec.activation)?,
        output: quantized(&spec.output)?,
        spatial: spec.kernel.len() as i32,
        count_include_pad: i32::from(spec.count_include_pad),
    })
}

/// Up to three lengths; the rest 0.
fn spatial(lengths: &[usize]) -> Result<[i64; 3], Refusal> {
    let mut all = [0; 3];
    if lengths.len() > all.len() {
        return Err(unsupported(format!("{} spatial dimensions", lengths.len())));
    }
    for (to, &from) in all.iter_mut().zip(lengths) {
        *to = from as i64;
    }
    Ok(all)
}
