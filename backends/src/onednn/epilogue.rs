//! From sums to outputs: compensation in i32, then all in f32: scales, bias,
//! relu, output scale, zero point, clamp, and one rounding convert at the end.
//!
//! Sources: oneDNN `src/cpu/x64/jit_avx512_core_x8s8s32x_conv_kernel.cpp`
//! (store_output; multiplies by the reciprocal of the output scale) and
//! `src/cpu/ref_convolution_int8.cpp` (execute_forward; divides). Which of the
//! two, and in how many steps the scales are applied, is the profile's choice.

use qassay_golden::profile::{
    Bias, ClampAt, DynamicBias, DynamicScale, Profile, Rounding, Scaling, ZeroPointAt,
};
use qassay_golden::spec::{BiasKind, Constants, Granularity, Output, QParams};
use qassay_golden::tensor::{DType, Data};

use super::destination::{Destination, Values};
use super::store::Store;
use crate::backend::Refusal;
use crate::isa::{Isa, WithIsa, each};
use crate::rows;

/// Values after the last column that vector loads of parameters may touch: a tile's width.
const PADDING: usize = 4 * 16;

/// How the sums of one op become its output.
#[derive(Debug, Clone)]
pub struct Epilogue {
    /// Σw of each column, padded
    weight_sums: Vec<i32>,
    /// s32 bias of each column, padded; zeros where there is none
    sum_bias: Vec<i32>,
    /// the scale of each column's weights
    weight_scales: Vec<f32>,
    /// f32 bias of each column, padded
    bias: Option<Vec<f32>>,
    /// whether bias and the last scale are one fused operation
    fused_bias: bool,
    /// added to codes before they were multiplied
    shift: i32,
    scales: Scales,
    target: Target,
    relu: bool,
    /// the activations' scale where it is multiplied on its own
    source: Option<f32>,
    /// what the sum is multiplied with in each column, padded
    multipliers: Vec<f32>,
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
enum Target {
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
    pub output: Output,
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
        if bias.is_some() && parts.output == Output::Sums {
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

    /// Stores `tile.rows` rows of sums, `tile.columns` columns each, as outputs.
    ///
    /// # Panics
    /// When the tile does not lie inside the output.
    pub fn store<I: Isa>(&self, isa: I, tile: Sums<'_>, output: &mut Destination<'_>) {
        let last = tile.first_output + tile.rows - 1;
        assert!(
            tile.first_column + tile.columns <= self.weight_scales.len()
                && tile.compensation.len() >= tile.first_column + tile.columns + PADDING
                && tile.sums.len() >= tile.rows * tile.stride
                && tile.columns <= tile.stride
                && matches!(tile.stride / I::LANES, 1 | 2 | 4)
                && tile.stride.is_multiple_of(I::LANES)
                && last * output.stride + tile.first_column + tile.columns <= output.len(),
            "the tile lies inside the output"
        );
        isa.vectorize(Rows {
            epilogue: self,
            tile,
            output,
        });
    }
}

/// The steps that the profile asks for.
fn choose(
    profile: &Profile,
    output: Output,
    per_channel: bool,
) -> Result<(Scales, Target, bool), Refusal> {
    let refuse = |what: &str| Err(Refusal::Unsupported(format!("this family has no {what}")));
    let quantized = match output {
        Output::Sums => return Ok((Scales::Product, Target::Sums, false)),
        Output::Float => {
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
        Output::Quantized(quantized) => quantized,
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

/// A tile of sums and where it belongs.
#[derive(Debug, Clone, Copy)]
pub struct Sums<'a> {
    /// rows of sums, `stride` apart
    pub sums: &'a [i32],
    /// values between rows; a multiple of `LANES`
    pub stride: usize,
    /// how many rows
    pub rows: usize,
    /// the output position of the first row
    pub first_output: usize,
    /// the output column of the first sum
    pub first_column: usize,
    /// how many columns
    pub columns: usize,
    /// what is added to the sum of each output column
    pub compensation: &'a [i32],
}

struct Rows<'a, 'b, 'c> {
    epilogue: &'a Epilogue,
    tile: Sums<'a>,
    output: &'b mut Destination<'c>,
}

impl<I: Isa> WithIsa<I> for Rows<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        match self.tile.stride / I::LANES {
            1 => self.vectors::<I, 1>(isa),
            2 => self.vectors::<I, 2>(isa),
            _ => self.vectors::<I, 4>(isa),
        }
    }
}

/// What is known of the columns of `NV` vectors.
struct Parameters<I: Isa, const NV: usize> {
    compensation: [I::V; NV],
    scale: [I::F; NV],
    bias: Option<[I::F; NV]>,
}

impl Rows<'_, '_, '_> {
    /// All rows; the tile is `NV` vectors wide.
    #[inline(always)]
    fn vectors<I: Isa, const NV: usize>(self, isa: I) {
        let Self {
            epilogue,
            tile,
            output,
        } = self;
        let column = tile.first_column;
        // SAFETY: `store` checked that the tile's columns are columns of the op, after whose last
        // one parameters hold PADDING ≥ NV·LANES more.
        let parameters: Parameters<I, NV> = unsafe {
            let compensation = tile.compensation[column..].as_ptr();
            let scale = epilogue.multipliers[column..].as_ptr();
            Parameters {
                compensation: each!(isa.splat_i32(0), |v| isa
                    .load_bytes(compensation.add(v * I::LANES).cast())),
                scale: each!(isa.splat_f32(0.0), |v| isa
                    .load_f32(scale.add(v * I::LANES))),
                bias: epilogue.bias.as_ref().map(|bias| {
                    let bias = bias[column..].as_ptr();
                    each!(isa.splat_f32(0.0), |v| isa.load_f32(bias.add(v * I::LANES)))
                }),
            }
        };
        for row in 0..tile.rows {
            let sums = tile.sums[row * tile.stride..][..NV * I::LANES].as_ptr();
            let sums: [I::V; NV] = each!(isa.splat_i32(0), |v| {
                // SAFETY: `sums` is NV vectors long.
                let sums = unsafe { isa.load_bytes(sums.add(v * I::LANES).cast()) };
                isa.add_i32(sums, parameters.compensation[v])
            });
            let start = (tile.first_output + row) * output.stride + column;
            // Loops of constant length, so that sums stay in registers.
            match &mut output.values {
                Values::I32(out) => {
                    let out = &mut out[start..][..tile.columns];
                    for (v, &sum) in sums.iter().enumerate() {
                        let lanes = tile.columns.saturating_sub(v * I::LANES).min(I::LANES);
                        let sum = if epilogue.relu {
                            isa.max_i32(sum, isa.splat_i32(0))
                        } else {
                            sum
                        };
                        let to = out.as_mut_ptr().wrapping_add(v * I::LANES);
                        // SAFETY: `lanes` are left of `out`.
                        unsafe {
                            if lanes == I::LANES {
                                isa.store_bytes(to.cast(), sum);
                            } else if lanes > 0 {
                                isa.store_bytes_partial(to.cast(), sum, 4 * lanes);
                            }
                        }
                    }
                }
                Values::F32(out) => {
                    let out = &mut out[start..][..tile.columns];
                    for (v, &sum) in sums.iter().enumerate() {
                        let lanes = tile.columns.saturating_sub(v * I::LANES).min(I::LANES);
                        let value = epilogue.real(isa, sum, &parameters, v);
                        let to = out.as_mut_ptr().wrapping_add(v * I::LANES);
                        // SAFETY: `lanes` are left of `out`.
                        unsafe {
                            if lanes == I::LANES {
                                isa.store_f32(to, value);
                            } else if lanes > 0 {
                                isa.store_f32_partial(to, value, lanes);
                            }
                        }
                    }
                }
                Values::Bytes(out) => {
                    let out = &mut out[start..][..tile.columns];
                    let mut codes = [isa.splat_i32(0); 4];
                    for (v, &sum) in sums.iter().enumerate() {
                        let value = epilogue.real(isa, sum, &parameters, v);
                        codes[v] = epilogue.target.codes(isa, value);
                    }
                    if NV == 4 && tile.columns == NV * I::LANES {
                        // They are codes already: nothing saturates.
                        let bytes = if epilogue.target.is_signed() {
                            isa.narrow_to_i8(codes, 0)
                        } else {
                            isa.narrow_to_u8(codes, 0)
                        };
                        // SAFETY: `out` is four vectors of lanes long, a vector of bytes.
                        unsafe { isa.store_bytes(out.as_mut_ptr(), bytes) };
                        continue;
                    }
                    for (v, &codes) in codes[..NV].iter().enumerate() {
                        let lanes = tile.columns.saturating_sub(v * I::LANES).min(I::LANES);
                        if lanes > 0 {
                            let to = out.as_mut_ptr().wrapping_add(v * I::LANES);
                            // SAFETY: `lanes` are left of `out`.
                            unsafe { isa.store_low_bytes(to, codes, lanes) };
                        }
                    }
                }
            }
        }
    }
}

impl Epilogue {
    /// Sums of `LANES` columns, those of vector `v`, in real units, with bias and relu.
    #[inline(always)]
    fn real<I: Isa, const NV: usize>(
        &self,
        isa: I,
        sums: I::V,
        parameters: &Parameters<I, NV>,
        v: usize,
    ) -> I::F {
        let mut value = isa.i32_to_f32(sums);
        if let Some(source) = self.source {
            value = isa.mul_f32(value, isa.splat_f32(source));
        }
        let scale = parameters.scale[v];
        value = match &parameters.bias {
            None => isa.mul_f32(value, scale),
            Some(bias) if self.fused_bias => isa.fma_f32(value, scale, bias[v]),
            Some(bias) => isa.add_f32(isa.mul_f32(value, scale), bias[v]),
        };
        if self.relu {
            // In this order NaN stays NaN.
            isa.max_f32(isa.splat_f32(0.0), value)
        } else {
            value
        }
    }
}

impl Target {
    /// Whether codes are s8.
    fn is_signed(self) -> bool {
        matches!(self, Self::Codes { store, .. } if store.is_signed())
    }

    /// Real values to codes in i32 lanes.
    #[inline(always)]
    fn codes<I: Isa>(self, isa: I, value: I::F) -> I::V {
        let Self::Codes {
            divide,
            scale,
            zero_point,
            store,
        } = self
        else {
            unreachable!("byte outputs are codes");
        };
        let scale = isa.splat_f32(scale);
        let steps = if divide {
            isa.div_f32(value, scale)
        } else {
            isa.mul_f32(value, scale)
        };
        store.codes(isa, steps, isa.splat_f32(zero_point))
    }
}
