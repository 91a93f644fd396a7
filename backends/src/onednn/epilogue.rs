//! What turns sums into outputs, prepared: compensation in i32, then all in f32: scales, bias,
//! relu, output scale, zero point, clamp, and one rounding convert at the end. How it is done, a
//! vector at a time, is in [`outputs`](super::outputs).
//!
//! Sources: oneDNN `src/cpu/x64/jit_avx512_core_x8s8s32x_conv_kernel.cpp`
//! (store_output; multiplies by the reciprocal of the output scale) and
//! `src/cpu/ref_convolution_int8.cpp` (execute_forward; divides). Which of the
//! two, and in how many steps the scales are applied, is the profile's choice.

use qassay_golden::profile::{
    Bias, ClampAt, DynamicBias, DynamicScale, Profile, Rounding, Scaling, ZeroPointAt,
};
use qassay_golden::spec::{self, BiasKind, Constants, Granularity, QParams};
use qassay_golden::tensor::{DType, Data};

use super::store::Store;
use crate::backend::Refusal;
use crate::rows;

/// Values after the last column that vector loads of parameters may touch: a tile's width.
pub(super) const PADDING: usize = 4 * 16;

/// How the sums of one op become its output.
#[derive(Debug, Clone)]
pub struct Epilogue {
    /// Σw of each column, padded
    weight_sums: Vec<i32>,
    /// s32 bias of each column, padded; zeros where there is none
    sum_bias: Vec<i32>,
    /// the scale of each column's weights
    pub(super) weight_scales: Vec<f32>,
    /// f32 bias of each column, padded
    pub(super) bias: Option<Vec<f32>>,
    /// whether bias and the last scale are one fused operation
    pub(super) fused_bias: bool,
    /// added to codes before they were multiplied
    shift: i32,
    scales: Scales,
    pub(super) target: Target,
    pub(super) relu: bool,
    /// the activations' scale where it is multiplied on its own
    pub(super) source: Option<f32>,
    /// what the sum is multiplied with in each column, padded
    pub(super) multipliers: Vec<f32>,
    /// what is added to the sum of each column, padded
    compensation: Vec<i32>,
}

/// How the activations' and the weights' scales meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scales {
    /// one after the other
    Stepwise,
    /// multiplied first
    Product,
    /// reciprocals of reciprocals, multiplied first
    DoubleReciprocal,
    /// reciprocals of reciprocals, one after the other
    StepwiseReciprocals,
}

/// What is stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    Sums,
    Float,
    Codes {
        /// divide by the scale, or multiply by its reciprocal
        divide: bool,
        scale: f32,
        zero_point: f32,
        store: Store,
    },
}

/// What an epilogue is made of besides the profile.
pub struct Parts<'a> {
    /// bias, if any
    pub constants: &'a Constants,
    /// its kind
    pub bias: BiasKind,
    /// the weights' scales
    pub weights: &'a Granularity,
    /// Σw of each output column
    pub weight_sums: Vec<i32>,
    /// the output
    pub output: spec::Output,
    /// fused relu
    pub relu: bool,
    /// what the multiplication added to each code (128 for shifted s8)
    pub shift: i32,
}

impl Epilogue {
    /// The epilogue of a product under `profile`. Until
    /// [`set_activation`](Self::set_activation) it stands for scale 1 and zero point 0.
    ///
    /// # Errors
    /// When the profile asks for an epilogue that this family does not have, or the bias does
    /// not fit.
    pub fn new(profile: &Profile, parts: Parts<'_>) -> Result<Self, Refusal> {
        let columns = parts.weight_sums.len();
        let padded = |mut values: Vec<i32>| {
            values.resize(columns + PADDING, 0);
            values
        };
        let (bias, sum_bias) = match (parts.bias, parts.constants.bias.as_ref().map(|b| b.data())) {
            (BiasKind::None, _) => (None, Vec::new()),
            (BiasKind::F32, Some(Data::F32(bias))) if bias.len() == columns => {
                let mut bias = bias.clone();
                bias.resize(columns + PADDING, 0.0);
                (Some(bias), Vec::new())
            }
            (BiasKind::I32, Some(Data::I32(bias))) if bias.len() == columns => (None, bias.clone()),
            (kind, _) => {
                let message = format!("the bias is not {columns} values of kind {kind:?}");
                return Err(Refusal::Unsupported(message));
            }
        };
        if bias.is_some() && parts.output == spec::Output::Sums {
            let message = "an f32 bias has no place in s32 sums".into();
            return Err(Refusal::Unsupported(message));
        }
        let (scales, target, fused_bias) =
            choose(profile, parts.output, parts.weights.is_per_channel())?;
        let mut epilogue = Self {
            weight_sums: padded(parts.weight_sums),
            sum_bias: padded(sum_bias),
            weight_scales: (0..columns)
                .map(|column| parts.weights.channel(column).scale as f32)
                .collect(),
            bias,
            fused_bias,
            shift: parts.shift,
            scales,
            target,
            relu: parts.relu,
            source: None,
            multipliers: vec![0.0; columns + PADDING],
            compensation: vec![0; columns + PADDING],
        };
        epilogue.set_activation(QParams {
            scale: 1.0,
            zero_point: 0,
        });
        Ok(epilogue)
    }

    /// Sets the activations' scale and zero point; does not allocate.
    pub fn set_activation(&mut self, activation: QParams) {
        let source = activation.scale as f32;
        let double_reciprocal = 1.0 / ((1.0 / activation.scale) as f32);
        self.source = match self.scales {
            Scales::Stepwise => Some(source),
            Scales::StepwiseReciprocals => Some(double_reciprocal),
            Scales::Product | Scales::DoubleReciprocal => None,
        };
        for (multiplier, &weight) in self.multipliers.iter_mut().zip(&self.weight_scales) {
            *multiplier = match self.scales {
                Scales::Stepwise => weight,
                Scales::Product => source * weight,
                Scales::DoubleReciprocal => double_reciprocal * (1.0 / (1.0 / weight)),
                Scales::StepwiseReciprocals => 1.0 / (1.0 / weight),
            };
        }
        let zero_point = self.zero_point(activation);
        let sums = self.weight_sums.iter().zip(&self.sum_bias);
        for (compensation, (&sum, &bias)) in self.compensation.iter_mut().zip(sums) {
            *compensation = bias.wrapping_sub(zero_point.wrapping_mul(sum));
        }
    }

    /// The zero point of the codes as they were multiplied.
    pub fn zero_point(&self, activation: QParams) -> i32 {
        activation.zero_point.wrapping_add(self.shift)
    }

    /// What is added to the sum of each column when every tap takes part.
    pub fn compensation(&self) -> &[i32] {
        &self.compensation
    }
}

/// The steps that the profile asks for.
fn choose(
    profile: &Profile,
    output: spec::Output,
    per_channel: bool,
) -> Result<(Scales, Target, bool), Refusal> {
    let refuse = |what: &str| Err(Refusal::Unsupported(format!("this family has no {what}")));
    let quantized = match output {
        spec::Output::Sums => return Ok((Scales::Product, Target::Sums, false)),
        spec::Output::Float => {
            let scales = match profile.float_output.scale {
                DynamicScale::Product => Scales::Product,
                DynamicScale::LeftToRight => Scales::Stepwise,
                DynamicScale::DoubleReciprocal => Scales::DoubleReciprocal,
                DynamicScale::LeftToRightOfRecips => Scales::StepwiseReciprocals,
                DynamicScale::RecipOfRecips => return refuse("float output with these scales"),
            };
            let fused = match profile.float_output.bias {
                DynamicBias::MulThenAdd => false,
                DynamicBias::Fma => true,
                DynamicBias::BeforeScale => return refuse("bias before the scale"),
            };
            return Ok((scales, Target::Float, fused));
        }
        spec::Output::Quantized(quantized) => quantized,
    };
    let rule = &profile.requantize;
    let (scales, divide) = match rule.scaling {
        Scaling::StepwiseDiv => (Scales::Stepwise, true),
        Scaling::StepwiseMulRecip => (Scales::Stepwise, false),
        Scaling::ProductThenDiv => (Scales::Product, true),
        Scaling::ProductThenMulRecip => (Scales::Product, false),
        _ => return refuse("epilogue with this scaling"),
    };
    let bias = if per_channel {
        rule.bias_per_channel
    } else {
        rule.bias_per_tensor
    };
    let fused = match bias {
        Bias::F32AfterScale => false,
        Bias::F32FusedAfterScale => true,
        _ => return refuse("epilogue with this bias rule"),
    };
    if (rule.rounding, rule.zero_point, rule.clamp)
        != (
            Rounding::TiesEven,
            ZeroPointAt::BeforeF32,
            ClampAt::BeforeRound,
        )
    {
        return refuse("epilogue that rounds before the zero point or the clamp");
    }
    if !matches!(quantized.dtype, DType::U8 | DType::I8) {
        return refuse(&format!("output of type {}", quantized.dtype.name()));
    }
    let scale = quantized.qparams.scale as f32;
    let target = Target::Codes {
        divide,
        scale: if divide { scale } else { 1.0 / scale },
        zero_point: quantized.qparams.zero_point as f32,
        store: Store::new(rows::code_range(quantized.dtype, None)?),
    };
    Ok((scales, target, fused))
}
