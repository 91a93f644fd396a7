//! Requantize: sums to codes. [`Epilogue`] is what linear, convolution and the
//! requantize op itself share.

use super::ReferenceError;
use super::fixed_point::{FixedPoint, fixed_point};
use super::landing::{Landing, Steps};
use crate::profile::named::REQUANTIZE_OF_KERNELS;
use crate::profile::{Bias, Multiplier, Profile, RequantizeRule, Scaling, SumOf};
use crate::spec::{Granularity, Quantized, Relu, RequantizeSpec};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// How the sums of one op become codes.
#[derive(Debug, Clone)]
pub(crate) struct Epilogue {
    rule: RequantizeRule,
    landing: Landing,
    zero_point: i64,
    bias: Bias,
    channels: Vec<ChannelScale>,
    /// the output channels from here on are scaled as `tail` says
    body: usize,
    tail: RequantizeRule,
}

/// The scales of one output channel.
#[derive(Debug, Clone, Copy)]
struct ChannelScale {
    activation: f32,
    weight: f32,
    output: f32,
    /// activation scale · weight scale, in f64: the step of an i32 bias
    sum_scale: f64,
    multiplier: f32,
    /// the multiplier, not narrowed where its form keeps it in f64
    wide: f64,
    body: Option<FixedPoint>,
    tail: Option<FixedPoint>,
}

/// The bias of one output channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ChannelBias {
    /// none
    None,
    /// in steps of the sum
    I32(i32),
    /// in real units
    F32(f32),
}

impl Epilogue {
    /// For a product of activations of `activation_scale` with `weights`, in an
    /// op of this kind and number of output channels.
    ///
    /// # Errors
    /// When the rule's arithmetic has no such multiplier (QNNPACK's q31 needs one below 1).
    pub(crate) fn new(
        rule: &RequantizeRule,
        (op, count): (SumOf, usize),
        activation_scale: f64,
        weights: &Granularity,
        output: Quantized,
        relu: Relu,
    ) -> Result<Self, ReferenceError> {
        let scales: Vec<f64> = match weights {
            Granularity::PerTensor(qparams) => vec![qparams.scale],
            Granularity::PerChannel { qparams, .. } => qparams.iter().map(|q| q.scale).collect(),
        };
        let form = rule.multiplier_of(op, output.dtype, weights.is_per_channel());
        let body = rule.depthwise_width.body_of(count);
        let (rule, tail) = (&rule.of(op, 0, count), rule.of(op, body, count));
        let channels = (scales.iter())
            .map(|&weight_scale| {
                let (activation, weight, out) = (
                    activation_scale as f32,
                    weight_scale as f32,
                    output.qparams.scale as f32,
                );
                let wide =
                    multiplier_of(form, (activation_scale, weight_scale), output.qparams.scale);
                let multiplier = wide as f32;
                Ok(ChannelScale {
                    activation,
                    weight,
                    output: out,
                    sum_scale: activation_scale * weight_scale,
                    multiplier,
                    wide,
                    body: fixed_point(rule.scaling, wide)?,
                    tail: fixed_point(tail.scaling, wide)?,
                })
            })
            .collect::<Result<_, ReferenceError>>()?;
        let zero_point = i64::from(output.qparams.zero_point);
        Ok(Self {
            rule: *rule,
            landing: Landing::requantize(rule, output.dtype, zero_point, relu),
            zero_point,
            bias: if weights.is_per_channel() {
                rule.bias_per_channel
            } else {
                rule.bias_per_tensor
            },
            channels,
            body,
            tail,
        })
    }

    /// For multipliers that are given (one, or one per column).
    fn given(
        rule: &RequantizeRule,
        multipliers: &[f32],
        dtype: DType,
        zero_point: i32,
        relu: bool,
    ) -> Result<Self, ReferenceError> {
        let channels = (multipliers.iter())
            .map(|&multiplier| {
                Ok(ChannelScale {
                    activation: multiplier,
                    weight: 1.0,
                    output: 1.0,
                    sum_scale: f64::from(multiplier),
                    multiplier,
                    wide: multiplier.into(),
                    body: fixed_point(rule.scaling, multiplier.into())?,
                    tail: None,
                })
            })
            .collect::<Result<_, ReferenceError>>()?;
        let zero_point = i64::from(zero_point);
        Ok(Self {
            rule: *rule,
            landing: Landing::requantize(rule, dtype, zero_point, relu.into()),
            zero_point,
            bias: Bias::I32,
            channels,
            body: usize::MAX,
            tail: *rule,
        })
    }

    /// One sum (zero points corrected) to the code of element `index`.
    pub(crate) fn finish(
        &self,
        index: usize,
        sum: i32,
        channel: usize,
        bias: ChannelBias,
        witness: &mut Witness,
    ) -> i64 {
        let scale = &self.channels[if self.channels.len() == 1 { 0 } else { channel }];
        let (rule, fixed) = if channel < self.body {
            (&self.rule, scale.body)
        } else {
            (&self.tail, scale.tail)
        };
        let landing = (&self.landing, self.zero_point);
        scale.code(rule, fixed, landing, self.bias, (index, sum, bias), witness)
    }
}

/// The multiplier from sums of products to steps of the output; exactly an f32 where the form
/// narrows it.
pub(crate) fn multiplier_of(form: Multiplier, (a, w): (f64, f64), out: f64) -> f64 {
    let (single_a, single_w, single_out) = (a as f32, w as f32, out as f32);
    let product = single_a * single_w;
    match form {
        Multiplier::F32ProductDiv => f64::from(product / single_out),
        Multiplier::F32ProductRecip => f64::from(product * (1.0 / single_out)),
        Multiplier::F64ThenF32 => f64::from((a * w / out) as f32),
        Multiplier::F64 => a * w / out,
        Multiplier::F64OfSingles => {
            f64::from(single_a) * f64::from(single_w) / f64::from(single_out)
        }
        Multiplier::F32ProductF64Div => f64::from(product) / f64::from(single_out),
    }
}

impl ChannelScale {
    /// A sum, its bias in the way that `how` says, to the code of element `index`.
    #[inline(always)]
    fn code(
        &self,
        rule: &RequantizeRule,
        fixed: Option<FixedPoint>,
        (landing, zero_point): (&Landing, i64),
        how: Bias,
        (index, sum, bias): (usize, i32, ChannelBias),
        witness: &mut Witness,
    ) -> i64 {
        let (sum, bias) = match bias {
            ChannelBias::None => (sum, None),
            ChannelBias::I32(steps) => (sum.wrapping_add(steps), None),
            // Fixed-point arithmetic has no place for a float bias.
            ChannelBias::F32(bias) if how == Bias::I32 || fixed.is_some() => {
                let steps = (f64::from(bias) / self.sum_scale).round_ties_even() as i32;
                (sum.wrapping_add(steps), None)
            }
            ChannelBias::F32(bias) => (sum, Some(bias)),
        };
        if let Some(fixed) = fixed {
            let exact = fixed.exact(sum);
            witness.step(Some(i64::from(sum)), exact);
            witness.events.hit_if(Event::ExactTie, fixed.is_tie(sum));
            witness.near_tie(exact);
            if !fixed.is_defined(sum, zero_point) {
                witness.open.push((0, index));
            }
            return landing.land_integer(fixed.apply(sum), zero_point, witness);
        }
        if rule.scaling == Scaling::MultiplyF64 {
            let bias = f64::from(bias.unwrap_or(0.0)) / f64::from(self.output);
            let value = f64::from(sum) * self.wide + bias;
            witness.step(Some(i64::from(sum)), value);
            let steps = Steps {
                value,
                single: false,
            };
            return landing.land(index, steps, zero_point, witness);
        }
        let steps = self.scaled(rule, how, sum, bias);
        witness.step(Some(i64::from(sum)), f64::from(steps));
        landing.land(index, Steps::single(steps), zero_point, witness)
    }

    /// A sum to steps of the output, in f32; `bias` is in real units.
    #[inline(always)]
    fn scaled(&self, rule: &RequantizeRule, how: Bias, sum: i32, bias: Option<f32>) -> f32 {
        let mut value = sum as f32;
        let mut after = None;
        match (how, bias) {
            (_, None) | (Bias::I32, _) => {}
            (Bias::F32DivByActW, Some(bias)) => value += bias / (self.activation * self.weight),
            (Bias::F32RecipOfActW, Some(bias)) => {
                value += bias * (1.0 / (self.activation * self.weight));
            }
            (Bias::F32AfterScale | Bias::F32FusedAfterScale, Some(bias)) => after = Some(bias),
        }
        let fused = how == Bias::F32FusedAfterScale;
        let scale_then_bias = |value: f32, scale: f32| match after {
            None => value * scale,
            Some(bias) if fused => value.mul_add(scale, bias),
            Some(bias) => value * scale + bias,
        };
        let product = self.activation * self.weight;
        match rule.scaling {
            Scaling::StepwiseDiv => {
                scale_then_bias(value * self.activation, self.weight) / self.output
            }
            Scaling::StepwiseMulRecip => {
                scale_then_bias(value * self.activation, self.weight) * (1.0 / self.output)
            }
            Scaling::ProductThenDiv => scale_then_bias(value, product) / self.output,
            Scaling::ProductThenMulRecip => scale_then_bias(value, product) * (1.0 / self.output),
            Scaling::MultiplyF32
            | Scaling::MultiplyF64
            | Scaling::Q31Rshu
            | Scaling::Q31SrdhmRdbpot
            | Scaling::Q31SrdhmRshu
            | Scaling::QnnpackQ31
            | Scaling::QnnpackPrecise
            | Scaling::TosaScale32
            | Scaling::TosaScale32Double
            | Scaling::TosaScale16 => match after {
                None => value * self.multiplier,
                Some(bias) if fused => value.mul_add(self.multiplier, bias / self.output),
                Some(bias) => value * self.multiplier + bias / self.output,
            },
        }
    }
}

/// Requantizes `input` (`[rows, columns]` s32) under `profile.requantize`.
pub(super) fn requantize(
    spec: &RequantizeSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let Data::I32(sums) = input.data() else {
        return Err(ReferenceError::Mismatch(format!(
            "requantize takes s32, not {}",
            input.dtype().name()
        )));
    };
    let per_column = spec.multipliers.len() == spec.columns;
    if spec.multipliers.len() != 1 && !per_column {
        return Err(ReferenceError::Mismatch(format!(
            "{} multipliers for {} columns; one, or one per column, is needed",
            spec.multipliers.len(),
            spec.columns
        )));
    }
    if let Some(bad) = spec
        .multipliers
        .iter()
        .find(|m| !(m.is_finite() && **m > 0.0))
    {
        return Err(ReferenceError::Mismatch(format!(
            "multiplier {bad} is not finite and positive"
        )));
    }
    let Some((low, high)) = spec.dtype.code_range() else {
        return Err(ReferenceError::Undefined(format!(
            "{} is not a type of codes",
            spec.dtype.name()
        )));
    };
    if !(low..=high).contains(&i64::from(spec.zero_point)) {
        return Err(ReferenceError::Mismatch(format!(
            "zero point {} lies outside {low}..={high}, the codes of {}",
            spec.zero_point,
            spec.dtype.name()
        )));
    }
    witness.zero_point(spec.dtype, spec.zero_point);
    let epilogue = Epilogue::given(
        &profile.requantize,
        &spec.multipliers,
        spec.dtype,
        spec.zero_point,
        spec.relu,
    )?;
    let codes = match &epilogue.channels[..] {
        [scale] => alike(&profile.requantize, scale, spec, sums, witness),
        _ => {
            let codes = (sums.iter().enumerate()).map(|(index, &sum)| {
                let column = index % spec.columns.max(1);
                epilogue.finish(index, sum, column, ChannelBias::None, witness)
            });
            Data::from_codes(spec.dtype, codes)
        }
    };
    Ok(Tensor::new([spec.rows, spec.columns], codes).expect("as many codes as sums"))
}

/// All sums by one multiplier. As in quantize, the loop is compiled for each of the rules that
/// kernels have.
fn alike(
    rule: &RequantizeRule,
    scale: &ChannelScale,
    spec: &RequantizeSpec,
    sums: &[i32],
    witness: &mut Witness,
) -> Data {
    macro_rules! compiled_for {
        ($($known:literal)+) => {
            match spec.dtype {
                $(DType::U8 if rule.of_given() == REQUANTIZE_OF_KERNELS[$known].of_given() => {
                    Data::U8(codes::<$known, u8>(scale, spec, sums, witness))
                }
                DType::I8 if rule.of_given() == REQUANTIZE_OF_KERNELS[$known].of_given() => {
                    Data::I8(codes::<$known, i8>(scale, spec, sums, witness))
                })+
                dtype => {
                    let zero_point = i64::from(spec.zero_point);
                    let landing = Landing::requantize(rule, dtype, zero_point, spec.relu.into());
                    let codes = (sums.iter().enumerate()).map(|(index, &sum)| {
                        let element = (index, sum, ChannelBias::None);
                        let landing = (&landing, zero_point);
                        scale.code(rule, scale.body, landing, Bias::I32, element, witness)
                    });
                    Data::from_codes(dtype, codes)
                }
            }
        };
    }
    compiled_for!(0 1 2 3 4 5 6 7 8 9)
}

/// By the rule number `KNOWN` of those that kernels have.
fn codes<const KNOWN: usize, T: TryFrom<i64>>(
    scale: &ChannelScale,
    spec: &RequantizeSpec,
    sums: &[i32],
    witness: &mut Witness,
) -> Vec<T> {
    let rule = const { &REQUANTIZE_OF_KERNELS[KNOWN] };
    let scale = *scale;
    let zero_point = i64::from(spec.zero_point);
    let landing = Landing::requantize(rule, spec.dtype, zero_point, spec.relu.into());
    (sums.iter().enumerate())
        .map(move |(index, &sum)| {
            let rule = const { &REQUANTIZE_OF_KERNELS[KNOWN] };
            let element = (index, sum, ChannelBias::None);
            let landing = (&landing, zero_point);
            let code = scale.code(rule, scale.body, landing, Bias::I32, element, witness);
            T::try_from(code).unwrap_or_else(|_| unreachable!("held to the range of the type"))
        })
        .collect()
}

#[cfg(test)]
mod tests;
