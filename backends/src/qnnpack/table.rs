//! Sigmoid and tanh of codes by a table of 256 codes, made when the op is
//! prepared (QNNPACK `src/sigmoid.c`, `src/tanh.c` of PyTorch's fork,
//! `src/x8lut/scalar.c`).

use qassay_golden::profile::{FunctionForm, Profile};
use qassay_golden::spec::{FunctionSpec, QParams, Quantized};
use qassay_golden::tensor::DType;

use super::pool::eight_bits;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::view::{View, ViewMut};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// 1 / (1 + e^−x)
    Sigmoid,
    /// the hyperbolic tangent
    Tanh,
}

/// Prepares a function under `profile`.
///
/// # Errors
/// When the profile computes it in another way, or the family's table has another type, scale
/// or zero point.
pub fn prepare(
    profile: &Profile,
    which: Function,
    spec: &FunctionSpec,
) -> Result<Box<dyn Kernel>, Refusal> {
    let form = profile.pointwise.function;
    let (low, high) = eight_bits(spec.input.dtype)?;
    let range = eight_bits(spec.output.dtype)?;
    match form {
        FunctionForm::Table => check(which, spec)?,
        FunctionForm::DequantizeF32 | FunctionForm::DequantizeDivF32 => {}
        FunctionForm::DequantizeF32Away => return refuse("functions rounded half away"),
        FunctionForm::Exact => return refuse("functions of exact real values"),
    }
    let mut table = [0; 256];
    for code in low..=high {
        let steps = spec.input.qparams.scale as f32
            * (code.wrapping_sub(spec.input.qparams.zero_point)) as f32;
        let made = entry(form, which, steps, spec.output.qparams);
        table[usize::from(code as u8)] = made.clamp(range.0, range.1) as u8;
    }
    Ok(Box::new(Table {
        table,
        chosen: Chosen {
            micro_kernel: "x8lut-scalar".into(),
            tile: None,
            fallback: None,
        },
    }))
}

/// The code of the function of `x`, not yet clamped.
fn entry(form: FunctionForm, which: Function, x: f32, output: QParams) -> i32 {
    let sigmoid = |one: f32| one / (1.0 + exp(-x));
    let tanh = f64::from(x).tanh();
    let real = match (form, which) {
        (FunctionForm::Table, Function::Sigmoid) => sigmoid(256.0),
        // The zero point is inside the rounding.
        (FunctionForm::Table, Function::Tanh) => {
            return ((128.0 * tanh + 128.0) as f32).round_ties_even() as i32;
        }
        (_, which) => {
            let value = match which {
                Function::Sigmoid => sigmoid(1.0),
                Function::Tanh => tanh as f32,
            };
            if form == FunctionForm::DequantizeDivF32 {
                value / output.scale as f32
            } else {
                value * (1.0 / output.scale as f32)
            }
        }
    };
    (real.round_ties_even() as i32).saturating_add(output.zero_point)
}

/// e^x: f64 carries 29 bits more than the f32 that it is rounded to.
fn exp(x: f32) -> f32 {
    f64::from(x).exp() as f32
}

/// Refuses what the table does not hold.
fn check(which: Function, spec: &FunctionSpec) -> Result<(), Refusal> {
    let (scale, zero_point) = match which {
        Function::Sigmoid => (1.0 / 256.0, 0),
        Function::Tanh => (1.0 / 128.0, 128),
    };
    let held = Quantized {
        dtype: DType::U8,
        qparams: QParams { scale, zero_point },
    };
    if spec.input.dtype != DType::U8 || spec.output != held {
        return refuse(&format!(
            "{which:?} but from u8 to u8 of scale {scale} and zero point {zero_point}"
        ));
    }
    Ok(())
}

struct Table {
    /// by the byte of the input code
    table: [u8; 256],
    chosen: Chosen,
}

impl Kernel for Table {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let (input, output) = (&inputs[0], &mut outputs[0]);
        let (len, stride) = (output.row_len(), output.row_stride());
        for row in 0..output.rows() {
            let from = &input.codes()[row * input.row_stride()..][..len];
            let to = &mut output.codes_mut()[row * stride..][..len];
            for (to, &code) in to.iter_mut().zip(from) {
                *to = self.table[usize::from(code)];
            }
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

fn refuse<T>(what: &str) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(format!("qnnpack has no {what}")))
}
