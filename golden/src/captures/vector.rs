//! What a mapping finds in captured files: problems with the outputs of real
//! engines, and what has no reference yet.

use super::error::CaptureError;
use super::manifest::CapturedFile;
use crate::spec::{Activation, OpSpec, Problem};
use crate::tensor::{DType, Data, Tensor};

/// Stands where a profile's name would: whose arithmetic it is, is not known.
pub const UNKNOWN_PROFILE: &str = "unknown";

/// One problem that real engines have solved.
#[derive(Debug, Clone)]
pub struct Captured {
    /// file inside the folder, and what in it
    pub name: String,
    /// the op, for tables
    pub op: String,
    /// the problem
    pub problem: Problem,
    /// what the engines gave
    pub outputs: Vec<EngineOutput>,
}

/// What one engine gave.
#[derive(Debug, Clone)]
pub struct EngineOutput {
    /// the engine, as the capture names it
    pub engine: String,
    /// the named profile that describes this engine's arithmetic
    pub profile: &'static str,
    /// values by number of output (an engine may not give all of them)
    pub expected: Vec<(usize, Tensor)>,
    /// why values may differ from the profile, where upstream is known to be at fault
    pub known: Option<String>,
}

/// Captured values that are not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    /// the op
    pub op: String,
    /// the engine, or `-` for all of them
    pub engine: String,
    /// how many values
    pub values: u64,
    /// why not
    pub reason: String,
}

/// Everything found in one file.
#[derive(Debug, Default)]
pub struct Found {
    /// problems with outputs
    pub captured: Vec<Captured>,
    /// the rest
    pub uncovered: Vec<Uncovered>,
}

impl Found {
    /// Notes a whole file as not covered.
    pub(super) fn skip(&mut self, op: &str, values: u64, reason: impl Into<String>) {
        self.uncovered.push(Uncovered {
            op: op.to_owned(),
            engine: "-".into(),
            values,
            reason: reason.into(),
        });
    }
}

/// The name of an op in tables.
pub(super) fn label(op: &OpSpec) -> String {
    match op {
        OpSpec::Quantize(_) => "quantize".into(),
        OpSpec::Dequantize(_) => "dequantize".into(),
        OpSpec::Requantize(_) => "requantize".into(),
        OpSpec::ChooseQparams(_) => "choose_qparams".into(),
        OpSpec::Observe(_) => "observe".into(),
        OpSpec::Calibrate(_) => "calibrate".into(),
        OpSpec::Linear(s) => match s.activation {
            Activation::Quantized(_) => "linear".into(),
            Activation::Dynamic { .. } => "linear_dynamic".into(),
            Activation::Float => "linear_weight_only".into(),
        },
        OpSpec::Conv(s) if s.is_depthwise() => format!("depthwise{}d", s.kernel.len()),
        OpSpec::Conv(s) => format!("conv{}d", s.kernel.len()),
        OpSpec::Add(_) => "add".into(),
        OpSpec::Mul(_) => "mul".into(),
        OpSpec::Sub(_) => "sub".into(),
        OpSpec::Relu(_) => "relu".into(),
        OpSpec::Clamp(_) => "clamp".into(),
        OpSpec::Sigmoid(_) => "sigmoid".into(),
        OpSpec::Tanh(_) => "tanh".into(),
        OpSpec::Recode(_) => "recode".into(),
        OpSpec::AvgPool(_) => "avg_pool".into(),
        OpSpec::MaxPool(_) => "max_pool".into(),
        OpSpec::Cast(_) => "cast".into(),
        OpSpec::QuantizeBlocks(_) => "quantize_blocks".into(),
        OpSpec::DequantizeBlocks(_) => "dequantize_blocks".into(),
        OpSpec::ChooseRealQparams(_) => "choose_real_qparams".into(),
        OpSpec::Rescale(_) => "rescale".into(),
        OpSpec::FakeQuantize(_) => "fake_quantize".into(),
        OpSpec::FakeQuantizeGradient(_) => "fake_quantize_gradient".into(),
        OpSpec::FakeQuantizeScaleGradient(_) => "fake_quantize_scale_gradient".into(),
        OpSpec::ApproximateScale(_) => "approximate_scale".into(),
        OpSpec::PowerOfTwo(_) => "power_of_two".into(),
        OpSpec::RoundTrip(_) => "round_trip".into(),
        OpSpec::LinearBlocks(_) => "linear_blocks".into(),
        OpSpec::Hardswish(_) => "hardswish".into(),
        OpSpec::Hardsigmoid(_) => "hardsigmoid".into(),
        OpSpec::Gelu(_) => "gelu".into(),
        OpSpec::LeakyRelu(_) => "leaky_relu".into(),
        OpSpec::Elu(_) => "elu".into(),
        OpSpec::Softmax(_) => "softmax".into(),
        OpSpec::Mean(_) => "mean".into(),
        OpSpec::Concat(_) => "concat".into(),
        OpSpec::AddScalar(_) => "add_scalar".into(),
        OpSpec::MulScalar(_) => "mul_scalar".into(),
        OpSpec::ResizeNearest(_) => "resize_nearest".into(),
        OpSpec::ResizeBilinear(_) => "resize_bilinear".into(),
        OpSpec::LayerNorm(_) => "layer_norm".into(),
        OpSpec::BatchNorm(_) => "batch_norm".into(),
        OpSpec::ConvTranspose(s) => format!("conv_transpose{}d", s.kernel.len()),
        OpSpec::QuantizeRows(_) => "quantize_rows".into(),
        OpSpec::LinearHalf(_) => "linear_half".into(),
        OpSpec::L2Normalize(_) => "l2_normalize".into(),
        OpSpec::Sum(_) => "sum".into(),
        OpSpec::ReduceMax(_) => "reduce_max".into(),
        OpSpec::Maximum(_) => "maximum".into(),
        OpSpec::Minimum(_) => "minimum".into(),
        OpSpec::SquaredDifference(_) => "squared_difference".into(),
        OpSpec::Abs(_) => "abs".into(),
        OpSpec::Exp(_) => "exp".into(),
        OpSpec::Rsqrt(_) => "rsqrt".into(),
        OpSpec::BatchMatmul(_) => "batch_matmul".into(),
        OpSpec::LinearRows(_) => "linear_rows".into(),
        OpSpec::Float(op) => format!("{}_f32", op.name()),
    }
}

/// Collects the outputs of engines for one problem.
pub(super) struct Builder<'a> {
    file: &'a CapturedFile<'a>,
    captured: Captured,
}

impl<'a> Builder<'a> {
    /// A problem found in `file`; `part` says what in it, empty for the whole.
    pub fn new(file: &'a CapturedFile<'a>, part: &str, problem: Problem) -> Self {
        let name = match part {
            "" => file.entry.file.clone(),
            part => format!("{}:{part}", file.entry.file),
        };
        Self {
            file,
            captured: Captured {
                name,
                op: label(&problem.op),
                problem,
                outputs: Vec::new(),
            },
        }
    }

    /// What `engine` gave for output `index`. Further outputs of the same engine are added to it.
    ///
    /// # Errors
    /// When type or shape are not those that the problem asks for.
    pub fn output(
        &mut self,
        engine: &str,
        profile: &'static str,
        index: usize,
        values: Tensor,
    ) -> Result<(), CaptureError> {
        let outputs = self.captured.problem.op.outputs();
        let (shape, dtype) = &outputs[index];
        let values = fit(values, shape, *dtype).map_err(|got| {
            self.file.problem(format!(
                "output {index} of {} ({engine}) is {got}, but the problem gives {} {shape:?}",
                self.captured.op,
                dtype.name()
            ))
        })?;
        let engines = &mut self.captured.outputs;
        match engines.iter_mut().find(|output| output.engine == engine) {
            Some(output) => output.expected.push((index, values)),
            None => engines.push(EngineOutput {
                engine: engine.to_owned(),
                profile,
                expected: vec![(index, values)],
                known: None,
            }),
        }
        Ok(())
    }

    /// What was collected.
    pub fn done(self) -> Captured {
        self.captured
    }

    /// Hands over what was collected.
    pub fn into(self, found: &mut Found) {
        if !self.captured.outputs.is_empty() {
            found.captured.push(self.captured);
        }
    }
}

/// `values` in `shape`: captured scalars may have no dimensions or one, and a
/// f32 scale stands for the f64 of the same value.
fn fit(values: Tensor, shape: &[usize], dtype: DType) -> Result<Tensor, String> {
    let got = format!("{} {:?}", values.dtype().name(), values.shape());
    let plain =
        |shape: &[usize]| -> Vec<usize> { shape.iter().copied().filter(|&n| n != 1).collect() };
    if plain(values.shape()) != plain(shape) {
        return Err(got);
    }
    let data = match (values.data(), dtype) {
        (Data::F32(v), DType::F64) => Data::F64(v.iter().map(|&x| f64::from(x)).collect()),
        (data, _) => data.clone(),
    };
    if data.dtype() != dtype {
        return Err(got);
    }
    Tensor::new(shape.to_vec(), data).map_err(|_| got)
}
