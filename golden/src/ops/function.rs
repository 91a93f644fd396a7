//! Sigmoid and tanh of codes. Each input code has one output code, so an op is
//! a table of 256 codes.
//!
//! Sources: QNNPACK `src/sigmoid.c` (qnnp_create_sigmoid_nc_q8) and `tanh.c` of
//! PyTorch's fork; PyTorch `QuantizedOpKernels.cpp` (qsigmoid_kernel,
//! qtanh_kernel); ONNX Runtime `qlinear_lookup_table.cc`. C libraries differ in
//! the last bits of expf and tanh; here both are correctly rounded.

use super::ReferenceError;
use super::transcendental::{Wide, exp_f32, sigmoid, tanh};
use crate::profile::{FunctionForm, Profile};
use crate::spec::{FunctionSpec, QParams};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    /// 1 / (1 + e^−x)
    Sigmoid,
    /// the hyperbolic tangent
    Tanh,
}

/// The function of each code.
///
/// # Errors
/// When types or parameters do not fit, or the profile's table has other ones.
pub(crate) fn function(
    which: Function,
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    if spec.input.dtype == DType::I16 {
        return super::sigmoid_table::by_table(which, spec, input, profile, witness);
    }
    for (name, tensor) in [("input", &spec.input), ("output", &spec.output)] {
        super::check::quantized(name, tensor)?;
        witness.zero_point(tensor.dtype, tensor.qparams.zero_point);
    }
    let form = profile.pointwise.function;
    if form == FunctionForm::Table {
        table_takes(which, spec)?;
    }
    let (least, greatest) = (spec.input.dtype.code_range()).expect("8-bit codes have a range");
    let table: Vec<Entry> = (least..=greatest)
        .map(|code| entry(form, which, code, spec))
        .collect();
    let (low, high) = (spec.output.dtype.code_range()).expect("8-bit codes have a range");
    let codes = (0..input.len())
        .map(|i| {
            let code = input.data().code(i);
            let entry = &table[(code - least) as usize];
            witness.step(Some(code), entry.steps);
            witness.events.hit_if(Event::ExactTie, entry.tie);
            witness.events.hit_if(Event::ClampedLow, entry.code < low);
            witness.events.hit_if(Event::ClampedHigh, entry.code > high);
            entry.code.clamp(low, high)
        })
        .collect::<Vec<_>>();
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}

/// What one input code becomes, not yet clamped.
struct Entry {
    /// steps of the output, for display
    steps: f64,
    /// whether the value that was rounded lay halfway between two integers
    tie: bool,
    code: i64,
}

impl Entry {
    /// Rounds `steps` half to even, then adds the zero point.
    fn round(steps: f32, zero_point: i32) -> Self {
        Self {
            steps: f64::from(steps),
            tie: steps - steps.floor() == 0.5,
            code: (steps.round_ties_even() as i64).saturating_add(zero_point.into()),
        }
    }
}

fn entry(form: FunctionForm, which: Function, code: i64, spec: &FunctionSpec) -> Entry {
    let QParams { scale, zero_point } = spec.output.qparams;
    let from_zero = code - i64::from(spec.input.qparams.zero_point);
    let x = spec.input.qparams.scale as f32 * from_zero as f32;
    let value = match which {
        Function::Sigmoid => 1.0 / (1.0 + exp_f32(-x)),
        Function::Tanh => tanh(f64::from(x).into()).to_f32(),
    };
    match (form, which) {
        (FunctionForm::Exact, _) => exact(which, from_zero, spec),
        (FunctionForm::DequantizeF32, _) => Entry::round(value * (1.0 / scale as f32), zero_point),
        (FunctionForm::DequantizeF32Away, _) => {
            let steps = value * (1.0 / scale as f32);
            Entry {
                code: (steps.round() as i64).saturating_add(zero_point.into()),
                ..Entry::round(steps, zero_point)
            }
        }
        (FunctionForm::DequantizeDivF32, _) => Entry::round(value / scale as f32, zero_point),
        (FunctionForm::Table, Function::Sigmoid) => {
            Entry::round(256.0 / (1.0 + exp_f32(-x)), zero_point)
        }
        (FunctionForm::Table, Function::Tanh) => {
            // The zero point is inside the rounding.
            let scaled = (128.0 * tanh(f64::from(x).into()).to_f64() + 128.0) as f32;
            Entry::round(scaled, 0)
        }
    }
}

/// The function of the exact real value, rounded once.
fn exact(which: Function, from_zero: i64, spec: &FunctionSpec) -> Entry {
    let x = Wide::product(spec.input.qparams.scale, from_zero as f64);
    let value = match which {
        Function::Sigmoid => sigmoid(x),
        Function::Tanh => tanh(x),
    };
    let steps = value / Wide::from(spec.output.qparams.scale);
    let code = steps.round_ties_even() as i64;
    Entry {
        steps: steps.to_f64(),
        tie: steps.is_halfway(),
        code: code.saturating_add(spec.output.qparams.zero_point.into()),
    }
}

fn table_takes(which: Function, spec: &FunctionSpec) -> Result<(), ReferenceError> {
    let (name, scale, zero_point) = match which {
        Function::Sigmoid => ("sigmoid", 1.0 / 256.0, 0),
        Function::Tanh => ("tanh", 2.0 / 256.0, 128),
    };
    let wanted = QParams { scale, zero_point };
    if spec.input.dtype != DType::U8 || spec.output.dtype != DType::U8 {
        return Err(ReferenceError::Undefined(format!(
            "QNNPACK's {name} takes and gives u8"
        )));
    }
    if spec.output.qparams != wanted {
        return Err(ReferenceError::Undefined(format!(
            "QNNPACK's {name} gives scale {scale} and zero point {zero_point} only, not scale {} and zero point {}",
            spec.output.qparams.scale, spec.output.qparams.zero_point
        )));
    }
    Ok(())
}
