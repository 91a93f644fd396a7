//! The search for the fewest axes that explain what a backend gave.

use std::time::Instant;

use qassay_golden::ops::reference;
use qassay_golden::profile::named::{NamedProfile, PROFILES};
use qassay_golden::profile::{AxisName, Profile, SumOf};
use qassay_golden::spec::{Activation, FloatOp, OpSpec, Output, Problem, RowActivation};
use qassay_golden::tensor::{DType, Tensor};
use qassay_golden::witness::Witness;

use super::change;
use crate::compare::{differences, same};
use crate::panics;
use crate::record::AxisChange;

/// One case, what the backend gave, and what the profile it is held to says.
pub struct Observation {
    case: String,
    problem: Problem,
    got: Vec<Tensor>,
    expected: Vec<Tensor>,
    open: Vec<(usize, usize)>,
    differs: bool,
}

impl Observation {
    /// A case with the backend's outputs, the expected ones, and those left open.
    pub fn new(
        case: String,
        problem: Problem,
        got: Vec<Tensor>,
        expected: Vec<Tensor>,
        open: Vec<(usize, usize)>,
    ) -> Self {
        let differs = differences(&expected, &got, &open).count > 0;
        Self {
            case,
            problem,
            got,
            expected,
            open,
            differs,
        }
    }

    /// The case id.
    pub fn case(&self) -> &str {
        &self.case
    }

    /// Whether the backend differs from the profile it is held to.
    pub fn differs(&self) -> bool {
        self.differs
    }

    /// Whether every output is what `profile` says. Outputs that the profile held
    /// to leaves open do not count; those that only `profile` leaves open must be
    /// right as they are: leaving open explains nothing.
    pub fn is_explained_by(&self, profile: &Profile) -> bool {
        let Some(Computed { outputs, open }) = self.under(profile) else {
            return false;
        };
        let mut left: Vec<(usize, usize)> = self.open.clone();
        for &(output, element) in &open {
            if same(
                self.expected[output].data(),
                self.got[output].data(),
                element,
            ) {
                left.push((output, element));
            } else if self.open.binary_search(&(output, element)).is_err() {
                return false;
            }
        }
        left.sort_unstable();
        left.dedup();
        differences(&outputs, &self.got, &left).count == 0
    }

    /// Whether `profile` says something else than the profile held to.
    fn is_changed_by(&self, profile: &Profile) -> bool {
        self.under(profile).is_none_or(|computed| {
            computed.open != self.open
                || differences(&self.expected, &computed.outputs, &[]).count > 0
        })
    }

    fn under(&self, profile: &Profile) -> Option<Computed> {
        let mut witness = Witness::default();
        // A combination of axes that nobody computed before may well meet a limit of the reference.
        let outputs = panics::caught(|| reference(&self.problem, profile, &mut witness));
        Some(Computed {
            outputs: outputs.ok()?.ok()?,
            open: witness.open,
        })
    }
}

/// What the reference gives for a failing case under another profile.
struct Computed {
    outputs: Vec<Tensor>,
    /// (output, element) pairs that the profile leaves open
    open: Vec<(usize, usize)>,
}

/// One choice on one axis.
type Choice = (AxisName, &'static str);

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// the choices that explain everything; empty if none were found
    pub choices: Vec<Choice>,
    /// a named profile that gives the same bits on the whole sample
    pub identified: Option<&'static NamedProfile>,
    /// up to how many axes were changed at once, trying all relevant choices
    pub searched: usize,
    /// whether time ran out before the next number of axes was done
    pub out_of_time: bool,
}

impl Finding {
    /// The profile that explains everything, if there is one.
    pub(super) fn profile(&self, held_to: &Profile) -> Option<Profile> {
        (!self.choices.is_empty())
            .then(|| with(held_to, &self.choices))
            .flatten()
    }

    /// The choices as changes from the profile held to.
    pub(super) fn changes(&self, held_to: &Profile) -> Vec<AxisChange> {
        self.profile(held_to).map_or_else(Vec::new, |explained| {
            let axes = self.choices.iter().map(|&(axis, _)| axis);
            axes.map(|axis| change(axis, held_to, &explained)).collect()
        })
    }
}

fn with(profile: &Profile, choices: &[Choice]) -> Option<Profile> {
    choices
        .iter()
        .try_fold(*profile, |profile, &(axis, key)| profile.with(axis, key))
}

/// A search over one sample.
pub(super) struct Search<'a> {
    /// failing ones first; those that reject candidates move to the front
    sample: Vec<&'a Observation>,
    held_to: &'a Profile,
    declared: &'a Profile,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        observations: &'a mut [Observation],
        held_to: &'a Profile,
        declared: &'a Profile,
    ) -> Self {
        observations.sort_by_key(|o| (!o.differs, o.got.iter().map(Tensor::len).sum::<usize>()));
        Self {
            sample: observations.iter().collect(),
            held_to,
            declared,
        }
    }

    /// Named profiles first; then one axis, the axes of the identified profile,
    /// two axes, and three (the latter only choices that named profiles make).
    pub(super) fn run(mut self, until: Instant) -> Finding {
        let mut finding = Finding::default();
        let declared = *self.declared;
        if declared != *self.held_to && self.explains(&declared) {
            finding.identified = PROFILES.iter().find(|named| named.profile == declared);
        }
        if finding.identified.is_none() {
            finding.identified = PROFILES
                .iter()
                .filter(|named| named.profile != *self.held_to && named.profile != declared)
                .find(|named| self.explains(&named.profile));
        }
        let Some(moving) = self.moving(until) else {
            finding.out_of_time = true;
            finding.choices = self.reduce(finding.identified);
            return finding;
        };
        finding.searched = 1;
        if let Some(choices) = self.first_of(moving.iter().map(|&choice| vec![choice]), until) {
            finding.choices = choices.unwrap_or_default();
            finding.out_of_time = finding.choices.is_empty();
            return finding;
        }
        let reduced = self.reduce(finding.identified);
        finding.choices = reduced;
        for size in [2, 3] {
            if (1..=size).contains(&finding.choices.len()) {
                break;
            }
            let pool: Vec<Choice> = match size {
                2 => moving.clone(),
                _ => moving
                    .iter()
                    .copied()
                    .filter(|c| self.is_used(*c))
                    .collect(),
            };
            match self.first_of(combinations(&pool, size), until) {
                Some(Some(choices)) => {
                    finding.choices = choices;
                    break;
                }
                Some(None) => {
                    finding.out_of_time = true;
                    break;
                }
                None => finding.searched = size,
            }
        }
        finding
    }

    /// Whether the whole sample is explained.
    fn explains(&mut self, profile: &Profile) -> bool {
        let rejecting = self.sample.iter().position(|o| !o.is_explained_by(profile));
        if let Some(at) = rejecting {
            self.sample[..=at].rotate_right(1);
        }
        rejecting.is_none()
    }

    /// The first candidate that explains all: `None` if none does, `Some(None)` if time ran out.
    fn first_of(
        &mut self,
        candidates: impl Iterator<Item = Vec<Choice>>,
        until: Instant,
    ) -> Option<Option<Vec<Choice>>> {
        for choices in candidates {
            if Instant::now() > until {
                return Some(None);
            }
            let profile = with(self.held_to, &choices);
            if profile.is_some_and(|profile| self.explains(&profile)) {
                return Some(Some(choices));
            }
        }
        None
    }

    /// The choices that change any output of the sample, those of the declared
    /// profile first, then those of named profiles. `None` if time ran out.
    fn moving(&self, until: Instant) -> Option<Vec<Choice>> {
        let mut choices: Vec<Choice> = Profile::axes()
            .filter(|&axis| self.sample.iter().any(|o| relevant(&o.problem.op, axis)))
            .flat_map(|axis| {
                Profile::choices(axis)
                    .into_iter()
                    .map(move |key| (axis, key))
            })
            .filter(|&(axis, key)| self.held_to.choice(axis) != key)
            .collect();
        choices.sort_by_key(|&choice| (!self.is_declared(choice), !self.is_used(choice)));
        let mut moving = Vec::new();
        for (axis, key) in choices {
            if Instant::now() > until {
                return None;
            }
            let Some(profile) = self.held_to.with(axis, key) else {
                continue;
            };
            let mut concerned = self.sample.iter().filter(|o| relevant(&o.problem.op, axis));
            if concerned.any(|o| o.is_changed_by(&profile)) {
                moving.push((axis, key));
            }
        }
        Some(moving)
    }

    fn is_declared(&self, (axis, key): Choice) -> bool {
        self.declared.choice(axis) == key
    }

    fn is_used(&self, (axis, key): Choice) -> bool {
        PROFILES
            .iter()
            .any(|named| named.profile.choice(axis) == key)
    }

    /// The fewest of a named profile's choices that still explain all: each is
    /// taken back, and stays so where nothing is lost.
    fn reduce(&mut self, named: Option<&'static NamedProfile>) -> Vec<Choice> {
        let Some(named) = named else {
            return Vec::new();
        };
        let mut choices: Vec<Choice> = self
            .held_to
            .differences(&named.profile)
            .into_iter()
            .map(|axis| (axis, named.profile.choice(axis)))
            .collect();
        let mut at = 0;
        while at < choices.len() {
            let mut fewer = choices.clone();
            fewer.remove(at);
            if with(self.held_to, &fewer).is_some_and(|profile| self.explains(&profile)) {
                choices = fewer;
            } else {
                at += 1;
            }
        }
        choices
    }
}

/// Sets of `size` choices on different axes.
fn combinations(pool: &[Choice], size: usize) -> Box<dyn Iterator<Item = Vec<Choice>> + '_> {
    if size == 0 {
        return Box::new(std::iter::once(Vec::new()));
    }
    Box::new((0..pool.len()).flat_map(move |last| {
        combinations(&pool[..last], size - 1).filter_map(move |mut set| {
            let fresh = set.iter().all(|(axis, _)| *axis != pool[last].0);
            fresh.then(|| {
                set.push(pool[last]);
                set
            })
        })
    }))
}

/// Axes on which `declared` differs from `held_to` that this data cannot tell
/// apart: with or without them, the reference says the same.
pub(super) fn indistinguishable(
    observations: &[Observation],
    held_to: &Profile,
    declared: &Profile,
    finding: &Finding,
) -> Vec<AxisChange> {
    let Some(explained) = finding.profile(held_to) else {
        return Vec::new();
    };
    let relevant = |axis: &AxisName| observations.iter().any(|o| relevant(&o.problem.op, *axis));
    held_to
        .differences(declared)
        .into_iter()
        .filter(|axis| finding.choices.iter().all(|(found, _)| found != axis))
        .filter(relevant)
        .filter(|&axis| {
            let both = explained.with(axis, declared.choice(axis));
            both.is_some_and(|both| observations.iter().all(|o| o.is_explained_by(&both)))
        })
        .map(|axis| change(axis, held_to, declared))
        .collect()
}

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

#[cfg(test)]
mod tests;
