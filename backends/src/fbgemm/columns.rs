//! What the output pipeline knows of each output channel, made when an op is
//! prepared: zero-point correction, multiplier, bias.
//!
//! Sources: FBGEMM `include/fbgemm/OutputProcessing-inl.h` and
//! `src/QuantUtilsAvx2.cc` (requantizeOutputProcessingAvx2): a float bias is
//! divided by (activation scale · weight scale) per channel and multiplied by
//! the reciprocal per tensor; both are constants, so they are made here, once.

use super::aligned::{Aligned, LINE};
use super::output::Form;
use super::products::Products;
use crate::backend::Refusal;
use crate::isa::{Conversion, Isa};
use qassay_golden::profile::{
    Bias, Cast, ClampAt, DynamicBias, DynamicScale, Multiplier, OpMultiplier, Profile, Rounding,
    Scaling, ZeroPointAt,
};
use qassay_golden::spec::{Granularity, Output, QParams};
use qassay_golden::tensor::{DType, Data};

/// The constants of every output channel, padded so that whole vectors can be read.
pub struct Columns {
    /// −za·Σw + K·za·zw, plus an i32 bias
    pub offset: Aligned<i32>,
    /// the weight zero point
    pub weight_zero_point: Aligned<i32>,
    /// the real multiplier of the sum
    pub multiplier: Aligned<f32>,
    /// float bias: in steps of the sum for codes, in real units for f32; −0 where there is none
    pub bias: Aligned<f32>,
    /// the activation scale, where the sum is scaled in two steps
    pub activation_scale: f32,
    corrects_rows: bool,
    /// what is taken from each code before it is multiplied
    code_shift: i32,
    /// Σw
    sums: Vec<i32>,
    /// i32 bias
    integer_bias: Vec<i32>,
    weight_scales: Vec<f32>,
    k: usize,
}

impl Columns {
    /// For products whose activations have `activation`; dynamic ones call
    /// [`set_dynamic`](Self::set_dynamic) before each run. Sums are of codes less `code_shift`.
    pub fn new(
        products: &Products<'_>,
        sums: Vec<i32>,
        k: usize,
        activation: QParams,
        profile: &Profile,
        output: Output,
        code_shift: i32,
    ) -> Self {
        let n = sums.len();
        // Four of the widest vectors may be read from any channel on.
        let padding = 4 * LINE;
        let zero_points: Vec<i32> = (0..n)
            .map(|channel| products.granularity.channel(channel).zero_point)
            .collect();
        let weight_scales: Vec<f32> = (0..n)
            .map(|channel| products.granularity.channel(channel).scale as f32)
            .collect();
        let mut columns = Self {
            offset: Aligned::zeroed(n + padding),
            multiplier: Aligned::zeroed(n + padding),
            // −0 is the one addend that changes nothing.
            bias: Aligned::padded(vec![-0.0; n].into_iter(), padding),
            activation_scale: 0.0,
            code_shift,
            corrects_rows: zero_points.iter().any(|&zero_point| zero_point != 0),
            weight_zero_point: Aligned::padded(zero_points.into_iter(), padding),
            sums,
            integer_bias: match products.bias {
                Some(Data::I32(bias)) => bias.clone(),
                _ => vec![0; n],
            },
            weight_scales,
            k,
        };
        columns.set_activation(activation);
        let scale = activation.scale as f32;
        if let Output::Quantized(output) = output {
            let out = output.qparams.scale as f32;
            for (multiplier, weight) in columns.multiplier.iter_mut().zip(&columns.weight_scales) {
                *multiplier = (scale * weight) / out;
            }
        }
        if let Some(Data::F32(bias)) = products.bias {
            let rule = bias_rule(profile, products.granularity);
            for ((slot, &bias), weight) in
                (columns.bias.iter_mut().zip(bias)).zip(&columns.weight_scales)
            {
                let step = scale * weight;
                *slot = match (output, rule) {
                    (Output::Quantized(_), Bias::F32RecipOfActW) => bias * (1.0 / step),
                    (Output::Quantized(_), _) => bias / step,
                    _ => bias,
                };
            }
        }
        if matches!(profile.float_output.scale, DynamicScale::LeftToRight)
            && output == Output::Float
        {
            let weights = columns.weight_scales.clone();
            columns.multiplier[..n].copy_from_slice(&weights);
        } else if output == Output::Float {
            columns.scale_products(scale);
        }
        columns
    }

    /// Sets what depends on the activations' parameters, for f32 outputs.
    pub fn set_dynamic(&mut self, activation: QParams, form: Form) {
        self.set_activation(activation);
        if matches!(form, Form::FusedFloat { .. }) {
            self.scale_products(activation.scale as f32);
        }
    }

    /// Whether some weight zero point is not 0, so that Σa of each row is needed.
    pub fn corrects_rows(&self) -> bool {
        self.corrects_rows
    }

    /// How many channels can be read, padding included.
    pub fn padded_len(&self) -> usize {
        self.offset.len()
    }

    fn set_activation(&mut self, activation: QParams) {
        self.activation_scale = activation.scale as f32;
        // The zero point of the codes as they are multiplied.
        let za = activation.zero_point.wrapping_sub(self.code_shift);
        for (channel, &sum) in self.sums.iter().enumerate() {
            let both = (self.k as i32)
                .wrapping_mul(za)
                .wrapping_mul(self.weight_zero_point[channel]);
            self.offset[channel] = both
                .wrapping_sub(za.wrapping_mul(sum))
                .wrapping_add(self.integer_bias[channel]);
        }
    }

    fn scale_products(&mut self, activation: f32) {
        for (multiplier, weight) in self.multiplier.iter_mut().zip(&self.weight_scales) {
            *multiplier = activation * weight;
        }
    }
}

/// How a float bias enters.
fn bias_rule(profile: &Profile, granularity: &Granularity) -> Bias {
    if granularity.is_per_channel() {
        profile.requantize.bias_per_channel
    } else {
        profile.requantize.bias_per_tensor
    }
}

/// The form of output that a profile asks for, met with the conversions of `I`.
///
/// # Errors
/// When the profile is not one of FBGEMM's, FBGEMM has no such output, or the instruction set
/// converts in another way.
pub fn form<I: Isa>(profile: &Profile, output: Output, relu: bool) -> Result<Form, Refusal> {
    let foreign = |stage: &str| {
        Refusal::Unsupported(format!("fbgemm has no {stage} as this profile asks for"))
    };
    match output {
        Output::Sums => Ok(Form::Sums { relu }),
        Output::Float => match (profile.float_output.scale, profile.float_output.bias) {
            (DynamicScale::Product, DynamicBias::Fma) => Ok(Form::FusedFloat { relu }),
            (DynamicScale::LeftToRight, DynamicBias::MulThenAdd) => Ok(Form::SteppedFloat { relu }),
            _ => Err(foreign("f32 output")),
        },
        Output::Quantized(output) => {
            let rule = &profile.requantize;
            let floats = [Bias::F32RecipOfActW, Bias::F32DivByActW];
            if rule.multiplier != Multiplier::F32ProductDiv
                || [rule.multiplier_linear, rule.multiplier_u8] != [OpMultiplier::Same; 2]
                || rule.scaling != Scaling::MultiplyF32
                || rule.rounding != Rounding::TiesEven
                || rule.clamp != ClampAt::AfterZeroPoint
                || !floats.contains(&rule.bias_per_tensor)
                || !floats.contains(&rule.bias_per_channel)
            {
                return Err(foreign("requantization"));
            }
            let signed = match output.dtype {
                DType::U8 => false,
                DType::I8 => true,
                other => {
                    return Err(Refusal::Unsupported(format!(
                        "{} output codes; fbgemm has u8 and s8",
                        other.name()
                    )));
                }
            };
            let zero_point = output.qparams.zero_point;
            match (rule.zero_point, rule.cast, I::CONVERSION) {
                (
                    ZeroPointAt::AfterI16Saturating,
                    Cast::X86IndefiniteI32,
                    Conversion::Indefinite,
                ) => Ok(Form::PackedCodes {
                    signed,
                    zero_point,
                    relu,
                }),
                // What saturates in i32 and i16 is clamped as what saturates in i64, whatever
                // zero point a byte can hold.
                (ZeroPointAt::AfterI64, Cast::Saturate, Conversion::Saturating)
                    if (-128..=255).contains(&zero_point) =>
                {
                    Ok(Form::PackedCodes {
                        signed,
                        zero_point,
                        relu,
                    })
                }
                (ZeroPointAt::AfterI16Saturating, Cast::X86IndefiniteI32, _) => Err(
                    Refusal::Unsupported("x86's conversion on instructions that saturate".into()),
                ),
                (ZeroPointAt::AfterI64, Cast::X86IndefiniteI64, _) => Ok(Form::WideCodes {
                    signed,
                    zero_point,
                    relu,
                }),
                _ => Err(foreign("requantization")),
            }
        }
    }
}
