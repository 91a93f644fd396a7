//! What linear and convolution share: the tensors of a product, and the way
//! from its sums to its output.

use super::ReferenceError;
use super::float_output::FloatScales;
use super::requantize::{ChannelBias, Epilogue};
use crate::profile::{Profile, SumOf};
use crate::spec::{BiasKind, Constants, Granularity, Output, QParams, Quantized, Relu};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// A product's constants and how its sums become outputs.
pub(crate) struct Product<'a> {
    /// codes, `k` per output channel
    weights: Vec<i16>,
    /// their type: s8, u8, or (with activations of 16 bits) s16
    pub(crate) weight_type: DType,
    k: usize,
    pub(super) channels: usize,
    pub(super) op: SumOf,
    /// the weights' scales and zero points
    pub(crate) granularity: &'a Granularity,
    /// one value per channel
    pub(crate) bias: Option<&'a Data>,
    pub(super) output: Output,
    pub(super) relu: Relu,
}

impl<'a> Product<'a> {
    /// Takes the constants of a product apart and checks them against
    /// `weight_shape` (`[channels, ..]`), the weights' parameters and the bias.
    ///
    /// # Errors
    /// When a constant is missing or does not fit.
    pub(crate) fn new(
        op: SumOf,
        constants: &'a Constants,
        weight_shape: &[usize],
        granularity: &'a Granularity,
        bias: BiasKind,
        output: Output,
        relu: Relu,
    ) -> Result<Self, ReferenceError> {
        let channels = weight_shape[0];
        let weights =
            (constants.weights.as_ref()).ok_or_else(|| mismatch("weights are missing".into()))?;
        if weights.shape() != weight_shape {
            return Err(mismatch(format!(
                "weights have shape {:?}, the spec asks for {weight_shape:?}",
                weights.shape()
            )));
        }
        let codes = match weights.data() {
            Data::I8(codes) => codes.iter().map(|&w| i16::from(w)).collect(),
            Data::U8(codes) => codes.iter().map(|&w| i16::from(w)).collect(),
            Data::I16(codes) => codes.clone(),
            _ => {
                return Err(mismatch(format!(
                    "weights are {}, not s8, u8 or s16",
                    weights.dtype().name()
                )));
            }
        };
        check_granularity(granularity, weights.dtype(), channels)?;
        if let Output::Quantized(quantized) = output {
            super::check::codes("output", &quantized)?;
        }
        super::check::relu(relu, output.dtype())?;
        Ok(Self {
            weights: codes,
            weight_type: weights.dtype(),
            k: weight_shape[1..].iter().product(),
            channels,
            op,
            granularity,
            bias: check_bias(bias, constants.bias.as_ref(), channels)?,
            output,
            relu,
        })
    }

    /// Refuses what only products of 16-bit activations take: s16 weights and an s64 bias.
    ///
    /// # Errors
    /// When there is one of them.
    pub(super) fn of_bytes(&self) -> Result<(), ReferenceError> {
        let long = matches!(self.bias, Some(Data::I64(_)));
        if long || self.weight_type == DType::I16 {
            let what = if long { "an s64 bias" } else { "s16 weights" };
            return Err(ReferenceError::Undefined(format!(
                "{what} without activations of 16 bits: no system has that"
            )));
        }
        Ok(())
    }

    /// The codes of one output channel.
    pub(crate) fn weights_of(&self, channel: usize) -> &[i16] {
        &self.weights[channel * self.k..][..self.k]
    }

    /// Counts the events that lie in the parameters.
    pub(crate) fn count_parameters(
        &self,
        activation: DType,
        zero_point: i32,
        witness: &mut Witness,
    ) {
        witness.zero_point(activation, zero_point);
        if let Output::Quantized(output) = self.output {
            witness.zero_point(output.dtype, output.qparams.zero_point);
        }
        for channel in 0..self.channels {
            let shifted = self.granularity.channel(channel).zero_point != 0;
            witness.events.hit_if(Event::WeightZeroPoint, shifted);
            if !self.granularity.is_per_channel() {
                break;
            }
        }
    }

    /// Turns sums (rows of one value per channel, zero points corrected) into the output.
    pub(crate) fn finish(
        &self,
        sums: Vec<i32>,
        activation: QParams,
        profile: &Profile,
        witness: &mut Witness,
    ) -> Result<Data, ReferenceError> {
        match self.output {
            Output::Sums => Ok(Data::I32(self.sums(sums, witness)?)),
            Output::Float => Ok(Data::F32(self.floats(sums, activation, profile, witness)?)),
            Output::Quantized(output) => {
                let codes = self.codes(sums, activation, output, profile, witness)?;
                Ok(Data::from_codes(output.dtype, codes))
            }
        }
    }

    fn codes(
        &self,
        sums: Vec<i32>,
        activation: QParams,
        output: Quantized,
        profile: &Profile,
        witness: &mut Witness,
    ) -> Result<Vec<i64>, ReferenceError> {
        let (rule, channels) = (&profile.requantize, self.channels);
        let epilogue = Epilogue::new(
            rule,
            (self.op, channels),
            activation.scale,
            self.granularity,
            output,
            self.relu,
        )?;
        Ok((sums.into_iter().enumerate())
            .map(|(index, sum)| {
                let channel = index % channels;
                let bias = match self.bias {
                    None => ChannelBias::None,
                    Some(Data::I32(bias)) => ChannelBias::I32(bias[channel]),
                    Some(bias) => ChannelBias::F32(f32_at(bias, channel)),
                };
                epilogue.finish(index, sum, channel, bias, witness)
            })
            .collect())
    }

    fn sums(&self, mut sums: Vec<i32>, witness: &mut Witness) -> Result<Vec<i32>, ReferenceError> {
        let bias = match self.bias {
            None => None,
            Some(Data::I32(bias)) => Some(bias),
            Some(_) => {
                return Err(ReferenceError::Undefined(
                    "an f32 bias has no place in s32 sums; use an s32 bias or none".into(),
                ));
            }
        };
        for row in sums.chunks_mut(self.channels.max(1)) {
            for (channel, sum) in row.iter_mut().enumerate() {
                *sum = sum.wrapping_add(bias.map_or(0, |bias| bias[channel]));
                witness.step(Some(i64::from(*sum)), f64::from(*sum));
                if self.relu.is_zero() {
                    witness.events.hit_if(Event::ReluClamped, *sum < 0);
                    *sum = (*sum).max(0);
                }
            }
        }
        Ok(sums)
    }

    fn floats(
        &self,
        sums: Vec<i32>,
        activation: QParams,
        profile: &Profile,
        witness: &mut Witness,
    ) -> Result<Vec<f32>, ReferenceError> {
        let channels = self.channels;
        let scales: Vec<_> = (0..channels)
            .map(|channel| {
                let weight = self.granularity.channel(channel).scale;
                FloatScales::new(&profile.float_output, activation.scale, weight)
            })
            .collect();
        Ok((sums.into_iter().enumerate())
            .map(|(at, sum)| {
                let channel = at % channels;
                let (sum, bias) = match self.bias {
                    None => (sum, None),
                    Some(Data::I32(bias)) => (sum.wrapping_add(bias[channel]), None),
                    Some(bias) => (sum, Some(f32_at(bias, channel))),
                };
                let value = scales[channel].apply(sum, bias);
                witness.step(Some(i64::from(sum)), f64::from(value));
                relu_f32(value, self.relu, witness)
            })
            .collect())
    }
}

/// The bias of one channel as a real number.
pub(crate) fn f32_at(bias: &Data, channel: usize) -> f32 {
    match bias {
        Data::F32(bias) => bias[channel],
        _ => unreachable!("the bias was checked to be f32"),
    }
}

/// `max(value, 0)` if `relu`; NaN stays NaN.
pub(crate) fn relu_f32(value: f32, relu: Relu, witness: &mut Witness) -> f32 {
    let clamped = relu.is_zero() && value < 0.0;
    witness.events.hit_if(Event::ReluClamped, clamped);
    if clamped { 0.0 } else { value }
}

fn check_granularity(
    granularity: &Granularity,
    dtype: DType,
    channels: usize,
) -> Result<(), ReferenceError> {
    match granularity {
        Granularity::PerTensor(qparams) => super::check::qparams("weights", dtype, *qparams),
        Granularity::PerChannel { axis, qparams } => {
            if *axis != 0 || qparams.len() != channels {
                return Err(mismatch(format!(
                    "weights have {} scales along axis {axis}, the op needs {channels} along axis 0",
                    qparams.len()
                )));
            }
            (qparams.iter()).try_for_each(|&q| super::check::qparams("weights", dtype, q))
        }
    }
}

fn check_bias(
    kind: BiasKind,
    bias: Option<&Tensor>,
    channels: usize,
) -> Result<Option<&Data>, ReferenceError> {
    let expected = match (kind, bias.map(Tensor::dtype)) {
        (BiasKind::None, _) => None,
        (BiasKind::F32, _) => Some(DType::F32),
        (BiasKind::I32, Some(DType::I64)) => Some(DType::I64),
        (BiasKind::I32, _) => Some(DType::I32),
    };
    match (expected, bias) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(mismatch("a bias was given, the spec has none".into())),
        (Some(_), None) => Err(mismatch("the bias is missing".into())),
        (Some(dtype), Some(bias)) if bias.dtype() != dtype || bias.shape() != [channels] => {
            Err(mismatch(format!(
                "the bias is {} {:?}, the spec asks for {} [{channels}]",
                bias.dtype().name(),
                bias.shape(),
                dtype.name()
            )))
        }
        (Some(_), Some(bias)) => Ok(Some(bias.data())),
    }
}

fn mismatch(message: String) -> ReferenceError {
    ReferenceError::Mismatch(message)
}
