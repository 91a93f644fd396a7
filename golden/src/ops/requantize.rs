//! Requantize: sums to codes. [`Epilogue`] is what linear, convolution and the
//! requantize op itself share.

use super::ReferenceError;
use super::fixed_point::{FixedPoint, fixed_point};
use super::landing::{Landing, Steps};
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
        let (sum, bias) = match bias {
            ChannelBias::None => (sum, None),
            ChannelBias::I32(steps) => (sum.wrapping_add(steps), None),
            // Fixed-point arithmetic has no place for a float bias.
            ChannelBias::F32(bias) if self.bias == Bias::I32 || fixed.is_some() => {
                let steps = (f64::from(bias) / scale.sum_scale).round_ties_even() as i32;
                (sum.wrapping_add(steps), None)
            }
            ChannelBias::F32(bias) => (sum, Some(bias)),
        };
        if let Some(fixed) = fixed {
            witness.step(Some(i64::from(sum)), fixed.exact(sum));
            witness.events.hit_if(Event::ExactTie, fixed.is_tie(sum));
            witness.near_tie(fixed.exact(sum));
            if !fixed.is_defined(sum, self.zero_point) {
                witness.open.push((0, index));
            }
            return self
                .landing
                .land_integer(fixed.apply(sum), self.zero_point, witness);
        }
        if rule.scaling == Scaling::MultiplyF64 {
            let bias = f64::from(bias.unwrap_or(0.0)) / f64::from(scale.output);
            let value = f64::from(sum) * scale.wide + bias;
            witness.step(Some(i64::from(sum)), value);
            let steps = Steps {
                value,
                single: false,
            };
            return self.landing.land(index, steps, self.zero_point, witness);
        }
        let steps = scale.scaled(rule, self.bias, sum, bias);
        witness.step(Some(i64::from(sum)), f64::from(steps));
        self.landing
            .land(index, Steps::single(steps), self.zero_point, witness)
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
    /// A sum to steps of the output, in f32; `bias` is in real units.
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
    let codes = (sums.iter().enumerate())
        .map(|(index, &sum)| {
            let column = index % spec.columns.max(1);
            epilogue.finish(index, sum, column, ChannelBias::None, witness)
        })
        .collect::<Vec<_>>();
    Ok(Tensor::new(
        [spec.rows, spec.columns],
        Data::from_codes(spec.dtype, codes),
    )
    .expect("as many codes as sums"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::named;
    use crate::spec::QParams;

    fn one(profile: &str, sums: &[i32], scale: f64, zero_point: i32) -> Vec<i64> {
        let rule = named::find(profile).unwrap().profile.requantize;
        let weights = Granularity::PerTensor(QParams {
            scale: 1.0,
            zero_point: 0,
        });
        let output = Quantized {
            dtype: DType::U8,
            qparams: QParams {
                scale: 1.0,
                zero_point,
            },
        };
        let epilogue =
            Epilogue::new(&rule, (SumOf::Conv, 1), scale, &weights, output, Relu::None).unwrap();
        (sums.iter())
            .map(|&sum| epilogue.finish(0, sum, 0, ChannelBias::None, &mut Witness::default()))
            .collect()
    }

    #[test]
    fn the_zero_point_before_rounding_moves_ties() {
        let sums: Vec<i32> = (0..8).collect();
        assert_eq!(one("onnxruntime", &sums, 0.5, 1), [1, 1, 2, 3, 3, 3, 4, 5]);
        assert_eq!(one("onednn", &sums, 0.5, 1), [1, 2, 2, 2, 3, 4, 4, 4]);
    }

    #[test]
    fn overflow_of_the_conversion_gives_zero_on_avx2_and_saturates_elsewhere() {
        assert_eq!(one("fbgemm", &[i32::MAX], 2.0, 3), [0]);
        assert_eq!(one("fbgemm-scalar", &[i32::MAX], 2.0, 3), [255]);
        assert_eq!(one("onednn", &[i32::MAX], 2.0, 3), [255]);
    }

    #[test]
    fn a_float_bias_enters_as_the_profile_says() {
        let weights = Granularity::PerTensor(QParams {
            scale: 1.0,
            zero_point: 0,
        });
        let output = Quantized {
            dtype: DType::U8,
            qparams: QParams {
                scale: 1.0,
                zero_point: 0,
            },
        };
        let code = |profile: &str| {
            let rule = named::find(profile).unwrap().profile.requantize;
            let epilogue =
                Epilogue::new(&rule, (SumOf::Conv, 1), 1.0, &weights, output, Relu::None).unwrap();
            epilogue.finish(0, 10, 0, ChannelBias::F32(0.75), &mut Witness::default())
        };
        assert_eq!(code("fbgemm"), 11);
        // 0.75 steps round to 1 before they are added; the same here, not at 0.5:
        assert_eq!(code("qnnpack"), 11);
        let half = |profile: &str| {
            let rule = named::find(profile).unwrap().profile.requantize;
            let epilogue =
                Epilogue::new(&rule, (SumOf::Conv, 1), 1.0, &weights, output, Relu::None).unwrap();
            epilogue.finish(0, 11, 0, ChannelBias::F32(0.5), &mut Witness::default())
        };
        assert_eq!(half("fbgemm"), 12);
        assert_eq!(half("qnnpack"), 11);
    }
}
