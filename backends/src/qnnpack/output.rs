//! From a tile of corrected sums to outputs: codes, f32 or the sums.
//!
//! Sources: the end of QNNPACK's micro-kernels (requantization); for f32
//! `src/q8gemm/8x8-dq-neon.c` and PyTorch's qlinear_dynamic.cpp (qnnpack): one
//! product of scales, bias added unfused.

use qassay_golden::profile::{Bias, DynamicBias, DynamicScale, Multiplier, OpMultiplier, Profile};
use qassay_golden::spec::{BiasKind, Constants, Granularity, Output, QParams, Quantized};
use qassay_golden::tensor::{DType, Data};

use super::scheme::{PADDING, Requantization};
use crate::backend::Refusal;
use crate::isa::{Isa, WithIsa};
use crate::rows;
use crate::threads;

/// What sums become.
#[derive(Debug)]
pub struct Finish {
    target: Target,
    columns: usize,
}

#[derive(Debug)]
enum Target {
    Codes(Requantization),
    Float(Float),
    Sums { relu: bool },
}

#[derive(Debug)]
struct Float {
    /// f32(sum) ⊗ activation scale before the column's scale, where they are not one product
    activation: Option<f32>,
    /// by column, padded
    scales: Vec<f32>,
    weight_scales: Vec<f32>,
    bias: Option<Vec<f32>>,
    fused: bool,
    relu: bool,
}

/// What a product's output is made of, besides the profile.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// the scale of the activations
    pub activation_scale: f64,
    /// the weights' scales
    pub weights: &'a Granularity,
    /// output columns
    pub columns: usize,
    /// the bias's kind
    pub bias: BiasKind,
    /// the bias
    pub constants: &'a Constants,
    /// the output
    pub output: Output,
    /// fused relu
    pub relu: bool,
}

impl Finish {
    /// The end of a product, and the i32 biases to pack with its weights.
    ///
    /// # Errors
    /// When the family has no such output, or the bias does not fit.
    pub fn new<I: Isa>(profile: &Profile, parts: Parts<'_>) -> Result<(Self, Vec<i32>), Refusal> {
        let (integers, reals) = bias(&parts)?;
        let (target, bias) = match parts.output {
            Output::Sums => {
                if reals.is_some() {
                    return refuse("f32 bias in s32 sums");
                }
                (Target::Sums { relu: parts.relu }, integers)
            }
            Output::Float => (Target::Float(Float::new(profile, &parts, reals)?), integers),
            Output::Quantized(output) => {
                let steps = match reals {
                    None => integers,
                    Some(reals) => integer_bias(profile, &parts, &reals)?,
                };
                let rule = &profile.requantize;
                if [rule.multiplier_linear, rule.multiplier_u8] != [OpMultiplier::Same; 2] {
                    return refuse("multipliers that are built otherwise for some ops");
                }
                let multipliers = multipliers(rule.multiplier, &parts, output);
                let requantization = Requantization::new::<I>(
                    &profile.requantize,
                    multipliers,
                    output.dtype,
                    output.qparams.zero_point,
                    parts.relu,
                )?;
                (Target::Codes(requantization), steps)
            }
        };
        let columns = parts.columns;
        Ok((Self { target, columns }, bias))
    }

    /// What records call the end.
    pub fn name(&self) -> &'static str {
        match &self.target {
            Target::Codes(requantization) => requantization.name(),
            Target::Float(_) => "f32",
            Target::Sums { .. } => "s32",
        }
    }

    /// Sets the activations' scale where outputs are f32; does not allocate.
    pub fn set_activation_scale(&mut self, scale: f64) {
        if let Target::Float(float) = &mut self.target {
            float.set_activation_scale(scale as f32);
        }
    }

    /// Writes a tile: `rows` rows of `columns` sums, `stride` apart in `sums`, to the output
    /// from `(row, column)` on.
    ///
    /// # Panics
    /// When the tile does not lie inside the output, or a row of sums is no whole number of
    /// vectors.
    pub fn store<I: Isa>(&self, isa: I, tile: Sums<'_>, output: &mut threads::Output<'_>) {
        assert!(
            tile.column + tile.columns <= self.columns
                && tile.columns <= tile.stride
                && tile.stride.is_multiple_of(I::LANES)
                && tile.sums.len() >= tile.rows * tile.stride,
            "a tile lies inside the output's columns and its sums"
        );
        isa.vectorize(Store {
            finish: self,
            tile,
            output,
        });
    }
}

/// A tile of sums and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Sums<'a> {
    /// the sums
    pub sums: &'a [i32],
    /// sums between rows
    pub stride: usize,
    /// rows
    pub rows: usize,
    /// columns
    pub columns: usize,
    /// the first row's number in the output
    pub row: usize,
    /// the first column's number in the output
    pub column: usize,
}

struct Store<'a, 'b, 'c> {
    finish: &'a Finish,
    tile: Sums<'a>,
    output: &'b mut threads::Output<'c>,
}

impl<I: Isa> WithIsa<I> for Store<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let Self {
            finish,
            tile,
            output,
        } = self;
        let stride = output.stride();
        for row in 0..tile.rows {
            let sums = &tile.sums[row * tile.stride..][..tile.stride];
            let start = (tile.row + row) * stride + tile.column;
            for at in (0..tile.columns).step_by(I::LANES) {
                let lanes = (tile.columns - at).min(I::LANES);
                let column = tile.column + at;
                // SAFETY: the slice is a whole vector.
                let sums = unsafe { isa.load_bytes(sums[at..][..I::LANES].as_ptr().cast()) };
                match &finish.target {
                    Target::Codes(requantization) => {
                        let codes = requantization.codes(isa, sums, column);
                        let to = output.codes(start + at, lanes);
                        // SAFETY: `to` holds `lanes` codes.
                        unsafe { isa.store_low_bytes(to.as_mut_ptr(), codes, lanes) };
                    }
                    Target::Float(float) => {
                        let values = float.values(isa, sums, column);
                        let to = output.f32s(start + at, lanes);
                        // SAFETY: `to` holds `lanes` values.
                        unsafe { isa.store_f32_partial(to.as_mut_ptr(), values, lanes) };
                    }
                    Target::Sums { relu } => {
                        let least = isa.splat_i32(if *relu { 0 } else { i32::MIN });
                        let sums = isa.max_i32(sums, least);
                        let to = output.i32s(start + at, lanes);
                        // SAFETY: `to` holds `lanes` values of 4 bytes.
                        unsafe {
                            isa.store_bytes_partial(to.as_mut_ptr().cast(), sums, 4 * lanes);
                        }
                    }
                }
            }
        }
    }
}

impl Float {
    fn new(profile: &Profile, parts: &Parts<'_>, bias: Option<Vec<f32>>) -> Result<Self, Refusal> {
        let rule = &profile.float_output;
        let activation = match rule.scale {
            DynamicScale::Product => None,
            DynamicScale::LeftToRight => Some(1.0),
            _ => return refuse("f32 outputs scaled by reciprocals"),
        };
        let fused = match rule.bias {
            DynamicBias::MulThenAdd => false,
            DynamicBias::Fma => true,
            DynamicBias::BeforeScale => {
                return refuse("f32 outputs with the bias before the scale");
            }
        };
        let padded = parts.columns + PADDING;
        let mut weight_scales: Vec<_> = (0..parts.columns)
            .map(|column| parts.weights.channel(column).scale as f32)
            .collect();
        weight_scales.resize(padded, 0.0);
        let mut float = Self {
            activation,
            scales: weight_scales.clone(),
            weight_scales,
            bias: bias.map(|mut bias| {
                bias.resize(padded, 0.0);
                bias
            }),
            fused,
            relu: parts.relu,
        };
        float.set_activation_scale(parts.activation_scale as f32);
        Ok(float)
    }

    fn set_activation_scale(&mut self, activation: f32) {
        if let Some(before) = &mut self.activation {
            *before = activation;
        } else {
            for (scale, weight) in self.scales.iter_mut().zip(&self.weight_scales) {
                *scale = activation * weight;
            }
        }
    }

    /// Sums of `LANES` columns in real units.
    #[inline(always)]
    fn values<I: Isa>(&self, isa: I, sums: I::V, column: usize) -> I::F {
        let lanes = |values: &[f32]| {
            let values = &values[column..][..I::LANES];
            // SAFETY: the slice is a whole vector.
            unsafe { isa.load_f32(values.as_ptr()) }
        };
        let mut value = isa.i32_to_f32(sums);
        if let Some(activation) = self.activation {
            value = isa.mul_f32(value, isa.splat_f32(activation));
        }
        let scale = lanes(&self.scales);
        value = match &self.bias {
            None => isa.mul_f32(value, scale),
            Some(bias) if self.fused => isa.fma_f32(value, scale, lanes(bias)),
            Some(bias) => isa.add_f32(isa.mul_f32(value, scale), lanes(bias)),
        };
        if self.relu {
            // In this order NaN stays NaN and −0 stays −0.
            isa.max_f32(isa.splat_f32(0.0), value)
        } else {
            value
        }
    }
}

/// The bias in steps of sums (zeros without one), or in real units.
fn bias(parts: &Parts<'_>) -> Result<(Vec<i32>, Option<Vec<f32>>), Refusal> {
    let none = vec![0; parts.columns];
    match (parts.bias, parts.constants.bias.as_ref().map(|b| b.data())) {
        (BiasKind::None, None) => Ok((none, None)),
        (BiasKind::I32, Some(Data::I32(bias))) if bias.len() == parts.columns => {
            Ok((bias.clone(), None))
        }
        (BiasKind::F32, Some(Data::F32(bias))) if bias.len() == parts.columns => {
            Ok((none, Some(bias.clone())))
        }
        (kind, _) => Err(Refusal::Unsupported(format!(
            "a bias that is not {} values of kind {kind:?}",
            parts.columns
        ))),
    }
}

/// A real bias in steps of (activation scale · weight scale), rounded to nearest-even.
fn integer_bias(profile: &Profile, parts: &Parts<'_>, bias: &[f32]) -> Result<Vec<i32>, Refusal> {
    let rule = &profile.requantize;
    let how = if parts.weights.is_per_channel() {
        rule.bias_per_channel
    } else {
        rule.bias_per_tensor
    };
    if how != Bias::I32 {
        return refuse("bias that stays f32 before requantization");
    }
    Ok((bias.iter().enumerate())
        .map(|(column, &bias)| {
            let step = parts.activation_scale * parts.weights.channel(column).scale;
            (f64::from(bias) / step).round_ties_even() as i32
        })
        .collect())
}

/// The multiplier of each column.
fn multipliers(form: Multiplier, parts: &Parts<'_>, output: Quantized) -> Vec<f32> {
    let QParams { scale, .. } = output.qparams;
    let (activation, out) = (parts.activation_scale as f32, scale as f32);
    (0..parts.columns)
        .map(|column| {
            let weight = parts.weights.channel(column).scale;
            match form {
                Multiplier::F32ProductDiv => activation * weight as f32 / out,
                Multiplier::F32ProductRecip => weight as f32 * activation * (1.0 / out),
                Multiplier::F64ThenF32 | Multiplier::F64 => {
                    (parts.activation_scale * weight / scale) as f32
                }
                Multiplier::F64OfSingles => {
                    (f64::from(activation) * f64::from(weight as f32) / f64::from(out)) as f32
                }
                Multiplier::F32ProductF64Div => {
                    (f64::from(activation * weight as f32) / f64::from(out)) as f32
                }
            }
        })
        .collect()
}

/// The byte of the zero buffer: the code of 0.
///
/// # Errors
/// When the activations are no 8-bit codes, or the zero point is none.
pub fn zero_byte(dtype: DType, zero_point: i32) -> Result<u8, Refusal> {
    if !matches!(dtype, DType::U8 | DType::I8) {
        return refuse(&format!("activations of type {}", dtype.name()));
    }
    let (low, high) = rows::code_range(dtype, None)?;
    if !(low..=high).contains(&i64::from(zero_point)) {
        return refuse(&format!("an input zero point of {zero_point}"));
    }
    Ok(zero_point as u8)
}

fn refuse<T>(what: &str) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(format!("qnnpack has no {what}")))
}
