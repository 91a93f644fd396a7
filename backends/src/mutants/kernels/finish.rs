//! Kernels that lack a part of their op, which is done to their codes afterwards; observers that
//! lack a batch.

use qassay_golden::spec::{BiasKind, Constants, OpSpec, Output, Relu};
use qassay_golden::tensor::{DType, Data, Tensor};

use crate::backend::{Chosen, Kernel};
use crate::mutants::answer::{Answer, Kept};
use crate::mutants::subject::Instead;
use crate::view::{View, ViewMut};

/// What is done to the codes of a kernel that lacks a part.
type Finish = Box<dyn Fn(&mut Answer<'_, '_>) + Send>;

/// A kernel whose codes are finished by other means than the family's.
struct Finished {
    kernel: Box<dyn Kernel>,
    op: OpSpec,
    finish: Finish,
}

impl Kernel for Finished {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        self.kernel.run(inputs, outputs);
        let kept: [Kept; 0] = [];
        (self.finish)(&mut Answer {
            op: &self.op,
            times: 0,
            inputs,
            outputs,
            kept: &kept,
        });
    }

    fn chosen(&self) -> &Chosen {
        self.kernel.chosen()
    }
}

/// Relu holds codes at 0 instead of at the zero point.
pub fn relu_at_zero() -> Instead {
    Box::new(|family, op, constants| {
        let mut without = op.clone();
        match &mut without {
            OpSpec::Linear(spec) if spec.relu.is_zero() => spec.relu = Relu::None,
            OpSpec::Conv(spec) if spec.relu.is_zero() => spec.relu = Relu::None,
            OpSpec::Add(spec) if spec.relu.is_zero() => spec.relu = Relu::None,
            OpSpec::Relu(spec) => {
                spec.tensor.qparams.zero_point = 0;
                return family.prepare(&without, constants);
            }
            _ => return family.prepare(op, constants),
        }
        if !matches!(op.outputs()[..], [(_, DType::U8 | DType::I8)]) {
            return family.prepare(op, constants);
        }
        Ok(Box::new(Finished {
            kernel: family.prepare(&without, constants)?,
            op: op.clone(),
            finish: Box::new(|answer| answer.codes(|_, _, code| code.max(0))),
        }))
    })
}

/// A real bias is rounded to steps of the output and added to its codes.
pub fn bias_after_scaling() -> Instead {
    Box::new(|family, op, constants| {
        let mut without = op.clone();
        let (output, relu) = match &mut without {
            OpSpec::Linear(spec) if spec.bias == BiasKind::F32 => {
                spec.bias = BiasKind::None;
                (&spec.output, &mut spec.relu)
            }
            OpSpec::Conv(spec) if spec.bias == BiasKind::F32 => {
                spec.bias = BiasKind::None;
                (&spec.output, &mut spec.relu)
            }
            _ => return family.prepare(op, constants),
        };
        let (Output::Quantized(output), Some(Data::F32(bias))) =
            (output, constants.bias.as_ref().map(Tensor::data))
        else {
            return family.prepare(op, constants);
        };
        let (dtype, qparams) = (output.dtype, output.qparams);
        let (mut low, high) = if dtype == DType::I8 {
            (-128, 127)
        } else {
            (0, 255)
        };
        if relu.is_zero() {
            low = qparams.zero_point;
        }
        *relu = Relu::None;
        let steps: Vec<i32> = (bias.iter())
            .map(|&bias| (f64::from(bias) / qparams.scale).round_ties_even() as i32)
            .collect();
        let constants = Constants {
            weights: constants.weights.clone(),
            bias: None,
        };
        Ok(Box::new(Finished {
            kernel: family.prepare(&without, &constants)?,
            op: op.clone(),
            finish: Box::new(move |answer| {
                answer.codes(|_, column, code| code.saturating_add(steps[column]).clamp(low, high));
            }),
        }))
    })
}

/// Observers do not look at the last batch.
pub fn without_last_batch() -> Instead {
    Box::new(|family, op, constants| {
        let mut fewer = op.clone();
        match &mut fewer {
            OpSpec::Observe(spec) if spec.batches > 1 => spec.batches -= 1,
            _ => return family.prepare(op, constants),
        }
        Ok(Box::new(Fewer(family.prepare(&fewer, constants)?)))
    })
}

struct Fewer(Box<dyn Kernel>);

impl Kernel for Fewer {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        self.0.run(&inputs[..inputs.len() - 1], outputs);
    }

    fn chosen(&self) -> &Chosen {
        self.0.chosen()
    }
}
