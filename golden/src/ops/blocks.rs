//! Quantize and dequantize in blocks: element by element as `quantize` and
//! `dequantize`, with the scale and zero point of the element's block. Codes may
//! be floats, and zero points need not be codes.
//!
//! Sources: onnx reference/ops/op_quantize_linear.py, op_dequantize_linear.py;
//! torchao quantization/quant_primitives.py (quantize_affine, dequantize_affine);
//! PyTorch aten/src/ATen/native/quantized/AffineQuantizerBase.cpp
//! (quantize_val_float_qparams).

use super::ReferenceError;
use super::cast::{FloatTarget, float_codes};
use super::dequantize::dequantize_value;
use super::landing::{Landing, Steps};
use super::quantize::{code_range, quantize_value, steps};
use crate::profile::{DequantizeForm, FloatZeroPoint, Profile};
use crate::spec::{BlockSpec, QParams};
use crate::tensor::{DType, Data, Special, Tensor};
use crate::witness::Witness;

/// Quantizes `inputs` (values, scales, zero points) under `profile.quantize`;
/// codes that are floats end as `profile.convert` says.
pub(super) fn quantize_blocks(
    spec: &BlockSpec,
    inputs: &[Tensor],
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let blocks = Blocks::new(spec, inputs)?;
    let Data::F32(values) = inputs[0].data() else {
        return Err(ReferenceError::Undefined(format!(
            "quantize takes f32, not {}",
            spec.real.name()
        )));
    };
    let rule = &profile.quantize;
    if spec.codes.code_range().is_none() {
        blocks.no_zero_points()?;
        let target = FloatTarget {
            saturate: spec.saturate,
            ..FloatTarget::of(spec.codes)
        };
        let added = profile.convert.zero_point == FloatZeroPoint::AddedToFinite
            && target.format.special == Special::Finite
            && spec.zero_point.is_some();
        let reals: Vec<f64> = (values.iter().enumerate())
            .map(|(index, &value)| {
                let steps = steps(rule, value, blocks.scale(index)).value;
                let value = if added { steps + 0.0 } else { steps };
                witness.step(None, value);
                value
            })
            .collect();
        let codes = float_codes(spec.codes, &target, &profile.convert, &reals, witness);
        return Ok(filled(spec, codes));
    }
    let range = code_range(spec.codes, spec.range)?;
    let codes = (values.iter().enumerate())
        .map(|(index, &value)| match blocks.zero_point(index)? {
            ZeroPoint::Code(zero_point) => {
                let scale = blocks.scale(index);
                let qparams = QParams { scale, zero_point };
                Ok(quantize_value(rule, value, qparams, range, index, witness))
            }
            // The real zero point is added in f32, before rounding.
            ZeroPoint::Real(zero_point) => {
                let steps = steps(rule, value, blocks.scale(index));
                let sum = Steps::single(steps.value as f32 + zero_point);
                witness.step(None, sum.value);
                Ok(Landing::quantize(rule, range).land(index, sum, 0, witness))
            }
        })
        .collect::<Result<Vec<_>, ReferenceError>>()?;
    Ok(filled(spec, Data::from_codes(spec.codes, codes)))
}

/// Dequantizes `inputs` (codes, scales, zero points) under `profile.dequantize`,
/// in f32; f16 is rounded from it.
pub(super) fn dequantize_blocks(
    spec: &BlockSpec,
    inputs: &[Tensor],
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let blocks = Blocks::new(spec, inputs)?;
    let codes = inputs[0].data();
    let floats = spec.codes.code_range().is_none();
    if floats {
        blocks.no_zero_points()?;
    }
    let rule = profile.dequantize;
    let body = rule.width.body_of(codes.len());
    let values = (0..codes.len())
        .map(|index| {
            let form = if index < body { rule.body } else { rule.tail };
            let scale = blocks.scale(index);
            if floats {
                let value = codes.real(index) as f32;
                return Ok(real_dequantized(form, codes.dtype(), value, scale, 0.0));
            }
            Ok(match blocks.zero_point(index)? {
                ZeroPoint::Code(zero_point) => dequantize_value(
                    form,
                    codes.dtype(),
                    codes.code(index),
                    QParams { scale, zero_point },
                ),
                ZeroPoint::Real(zero_point) => real_dequantized(
                    form,
                    codes.dtype(),
                    codes.code(index) as f32,
                    scale,
                    zero_point,
                ),
            })
        })
        .collect::<Result<Vec<f32>, ReferenceError>>()?;
    let data = match spec.real {
        DType::F32 => Data::F32(values),
        DType::F16 => {
            let reals: Vec<f64> = values.into_iter().map(f64::from).collect();
            let target = FloatTarget::of(DType::F16);
            float_codes(DType::F16, &target, &profile.convert, &reals, witness)
        }
        other => {
            return Err(ReferenceError::Undefined(format!(
                "dequantize gives f32 or f16, not {}",
                other.name()
            )));
        }
    };
    Ok(filled(spec, data))
}

fn filled(spec: &BlockSpec, data: Data) -> Tensor {
    Tensor::new(spec.shape.clone(), data).expect("as many values as there were")
}

/// A code, less a zero point that need not be one, times the scale.
fn real_dequantized(
    form: DequantizeForm,
    dtype: DType,
    code: f32,
    scale: f64,
    zero_point: f32,
) -> f32 {
    let single = scale as f32;
    match form {
        DequantizeForm::SubMul | DequantizeForm::FloatSubMul => single * (code - zero_point),
        DequantizeForm::FmaPremul => single.mul_add(code, single * -zero_point),
        DequantizeForm::MulAddPremul => code * single + single * -zero_point,
        DequantizeForm::MulLimitDiv => {
            let greatest = dtype.code_range().map_or(1, |(_, high)| high);
            (code - zero_point) * (scale * greatest as f64) as f32 / greatest as f32
        }
        DequantizeForm::MulF64 => (scale * (f64::from(code) - f64::from(zero_point))) as f32,
    }
}

enum ZeroPoint {
    Code(i32),
    Real(f32),
}

/// The scales and zero points of a tensor's elements.
pub(super) struct Blocks<'a> {
    spec: &'a BlockSpec,
    scales: &'a Data,
    zero_points: Option<&'a Data>,
    places: Places,
}

/// Which block an element is in.
pub(super) struct Places {
    /// for each dimension: elements per step, block size, blocks per step
    steps: Vec<(usize, usize, usize)>,
}

impl Places {
    /// The number of the block that the element at `index` is in.
    pub(super) fn of(&self, index: usize) -> usize {
        let mut rest = index;
        self.steps
            .iter()
            .map(|&(elements, block, blocks)| {
                let place = rest / elements;
                rest %= elements;
                place / block * blocks
            })
            .sum()
    }
}

impl<'a> Blocks<'a> {
    /// Where the blocks of `spec` lie.
    pub(super) fn places(spec: &BlockSpec) -> Result<Places, ReferenceError> {
        let mismatch = |message: String| Err(ReferenceError::Mismatch(message));
        if spec.block.len() != spec.shape.len() || spec.block.contains(&0) {
            return mismatch(format!(
                "block {:?} does not fit shape {:?}: one size of at least 1 for each dimension",
                spec.block, spec.shape
            ));
        }
        let blocks = spec.blocks();
        let below = |sizes: &[usize], d: usize| sizes[d + 1..].iter().product::<usize>();
        let steps = (0..spec.shape.len())
            .map(|d| (below(&spec.shape, d), spec.block[d], below(&blocks, d)))
            .collect();
        Ok(Places { steps })
    }

    /// `inputs` are the values or codes, the scales, and the zero points.
    pub(super) fn new(spec: &'a BlockSpec, inputs: &'a [Tensor]) -> Result<Self, ReferenceError> {
        let mismatch = |message: String| Err(ReferenceError::Mismatch(message));
        let places = Self::places(spec)?;
        if spec.scale.code_range().is_some() {
            return mismatch(format!("scales are floats, not {}", spec.scale.name()));
        }
        let scales = inputs[1].data();
        if let Some(bad) = (0..scales.len()).find(|&i| !scales.real(i).is_finite()) {
            return mismatch(format!("scale {} is {}", bad, scales.real(bad)));
        }
        Ok(Self {
            spec,
            scales,
            zero_points: spec.zero_point.map(|_| inputs[2].data()),
            places,
        })
    }

    /// The scale of the element at `index`.
    pub(super) fn scale(&self, index: usize) -> f64 {
        self.scales.real(self.places.of(index))
    }

    /// Integer codes, each less its zero point.
    pub(super) fn differences(&self, codes: &Data) -> Result<Vec<i64>, ReferenceError> {
        (0..codes.len())
            .map(|index| match self.zero_point(index)? {
                ZeroPoint::Code(zero_point) if codes.dtype().code_range().is_some() => {
                    Ok(codes.code(index) - i64::from(zero_point))
                }
                _ => Err(ReferenceError::Undefined(
                    "sums of codes need integers and zero points that are codes".into(),
                )),
            })
            .collect()
    }

    fn zero_point(&self, index: usize) -> Result<ZeroPoint, ReferenceError> {
        let Some(data) = self.zero_points else {
            return Ok(ZeroPoint::Code(0));
        };
        let block = self.places.of(index);
        if data.dtype().code_range().is_none() {
            return Ok(ZeroPoint::Real(data.real(block) as f32));
        }
        let code = data.code(block);
        let within =
            (self.spec.codes.code_range()).is_some_and(|(lo, hi)| (lo..=hi).contains(&code));
        match i32::try_from(code) {
            Ok(code) if within => Ok(ZeroPoint::Code(code)),
            _ => Err(ReferenceError::Mismatch(format!(
                "zero point {code} is no {} code",
                self.spec.codes.name()
            ))),
        }
    }

    /// Floats have no zero point but 0.
    fn no_zero_points(&self) -> Result<(), ReferenceError> {
        match self.zero_points {
            Some(data) if (0..data.len()).any(|index| data.real(index) != 0.0) => {
                Err(ReferenceError::Undefined(format!(
                    "{} codes have no zero point but 0",
                    self.spec.codes.name()
                )))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
