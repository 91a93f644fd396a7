//! Hardswish and hardsigmoid of codes: x · relu6(x + 3) / 6, and relu6(x + 3) / 6.
//!
//! Sources: PyTorch `QuantizedOpKernels.cpp` (qhardswish_kernel,
//! qhardsigmoid_kernel); `hardswish.c` and `hardsigmoid.c` of PyTorch's QNNPACK; TFLite
//! `kernels/activations.cc` (HardSwishPrepare), `reference/hard_swish.h` (HardSwish).

use super::ReferenceError;
use super::fixed_point::{FixedPoint, rdbpot};
use super::store::Store;
use crate::profile::{HardForm, Profile};
use crate::spec::{FunctionSpec, Relu};
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HardFunction {
    /// x · relu6(x + 3) / 6
    Swish,
    /// relu6(x + 3) / 6
    Sigmoid,
}

/// The function of each code.
///
/// # Errors
/// When types or parameters do not fit, or the profile has no such function.
pub(crate) fn hard(
    which: HardFunction,
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    for (name, tensor) in [("input", &spec.input), ("output", &spec.output)] {
        super::check::quantized(name, tensor)?;
        witness.zero_point(tensor.dtype, tensor.qparams.zero_point);
    }
    let form = profile.pointwise.hard_function;
    if form == HardForm::Undefined {
        return Err(ReferenceError::Undefined(
            "hardswish and hardsigmoid are not defined by this profile".into(),
        ));
    }
    if form == HardForm::Fixed16 {
        return fixed16(which, spec, input, witness);
    }
    let range = (spec.output.dtype.code_range()).expect("8-bit codes have a range");
    let codes = (0..input.len())
        .map(|index| {
            let code = input.data().code(index);
            let value = value(which, code - i64::from(spec.input.qparams.zero_point), spec);
            landed(form, index, code, value, spec, range, witness)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}

/// TFLite's hardswish.
fn fixed16(
    which: HardFunction,
    spec: &FunctionSpec,
    input: &Tensor,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    if which != HardFunction::Swish || spec.input.dtype != spec.output.dtype {
        return Err(ReferenceError::Undefined(
            "this profile has hardswish between codes of one type only".into(),
        ));
    }
    let form = Fixed16::new(spec)?;
    let store = Store::new(&spec.output, Relu::None);
    let codes = (0..input.len())
        .map(|i| {
            let from_zero = input.data().code(i) - i64::from(spec.input.qparams.zero_point);
            let steps = form.apply(from_zero as i16);
            witness.step(Some(from_zero), steps as f64);
            store.clamp(steps + i64::from(spec.output.qparams.zero_point), witness)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}

/// x · relu6(x + 3) / 6 in 16 bits.
struct Fixed16 {
    /// x in steps of the output, shifted left by 7, and the power of two that is left
    output: (i16, i32),
    /// x as its share of 3
    gate: (i16, i32),
}

impl Fixed16 {
    fn new(spec: &FunctionSpec) -> Result<Self, ReferenceError> {
        let step = (1.0 / 128.0) * spec.input.qparams.scale as f32;
        let parts = |real: f32| -> Result<(i16, i32), ReferenceError> {
            let (multiplier, power) = FixedPoint::gemmlowp_of(real.into())?.parts();
            let high = ((multiplier + (1 << 15)) >> 16).min(0x7fff);
            Ok((high as i16, power))
        };
        let output = parts(step / spec.output.qparams.scale as f32)?;
        if !(-15..=0).contains(&output.1) {
            return Err(ReferenceError::Undefined(format!(
                "this hardswish holds ratios of input to output scale in [2^-9, 2^7), not {}",
                spec.input.qparams.scale / spec.output.qparams.scale
            )));
        }
        let gate = parts(step / (3.0 / 32_768.0))?;
        if !(-15..16).contains(&gate.1) {
            return Err(ReferenceError::Undefined(format!(
                "this hardswish does not hold the input scale {}",
                spec.input.qparams.scale
            )));
        }
        Ok(Self { output, gate })
    }

    fn apply(&self, from_zero: i16) -> i64 {
        let x = from_zero.wrapping_mul(1 << 7);
        let unshifted = high_rounded(x, self.output.0);
        let (multiplier, power) = self.gate;
        let mut gate = x;
        if power > 0 {
            gate = left(gate, power - 1);
        }
        gate = high_rounded(gate, multiplier);
        if power > 0 {
            gate = left(gate, 1);
        }
        gate = rdbpot(gate.into(), (-power).max(0)) as i16;
        // From [−1, 1] to [0, 1].
        let gate = ((i32::from(gate) + (1 << 15)) >> 1) as i16;
        // Neither factor is the least integer: the gate is not negative.
        let product = i32::from(gate) * i32::from(unshifted) / (1 << 15);
        rdbpot(product, -self.output.1).into()
    }
}

/// gemmlowp fixedpoint/fixedpoint.h (SaturatingRoundingDoublingHighMul of int16_t); no
/// multiplier is the least integer.
fn high_rounded(a: i16, b: i16) -> i16 {
    let product = i32::from(a) * i32::from(b);
    let nudge = if product >= 0 { 1 << 14 } else { 1 - (1 << 14) };
    ((product + nudge) / (1 << 15)) as i16
}

fn left(value: i16, by: i32) -> i16 {
    (i64::from(value) << by).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// The function of the real value of a code, in f32; `from_zero` is the code less its zero point.
fn value(which: HardFunction, from_zero: i64, spec: &FunctionSpec) -> f32 {
    let x = spec.input.qparams.scale as f32 * from_zero as f32;
    let gate = (x + 3.0).clamp(0.0, 6.0);
    match which {
        HardFunction::Swish => x * gate / 6.0,
        HardFunction::Sigmoid => gate / 6.0,
    }
}

/// A real value to a code of the output.
fn landed(
    form: HardForm,
    index: usize,
    code: i64,
    value: f32,
    spec: &FunctionSpec,
    (low, high): (i64, i64),
    witness: &mut Witness,
) -> i64 {
    let zero_point = spec.output.qparams.zero_point;
    let steps = value * (1.0 / spec.output.qparams.scale as f32);
    // In a table the zero point is inside the rounding, and steps are held to the codes first.
    let (steps, rest) = match form {
        HardForm::Table => (steps + zero_point as f32, 0),
        HardForm::DequantizeF32 | HardForm::Fixed16 | HardForm::Undefined => {
            (steps, i64::from(zero_point))
        }
    };
    witness.step(Some(code), f64::from(steps));
    let tie = steps - steps.floor() == 0.5;
    witness.events.hit_if(Event::ExactTie, tie);
    if form == HardForm::DequantizeF32 && (steps.is_nan() || steps.abs() >= 2_147_483_648.0) {
        witness.events.hit(Event::ConversionOverflow);
        witness.open.push((0, index));
    }
    let landed = (steps.round_ties_even() as i64).saturating_add(rest);
    witness.events.hit_if(Event::ClampedLow, landed < low);
    witness.events.hit_if(Event::ClampedHigh, landed > high);
    landed.clamp(low, high)
}
