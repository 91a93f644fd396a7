//! What a kernel keeps: packing and parameters of earlier ops and runs, sums that are not cleared,
//! the control register.

use std::collections::HashMap;
use std::sync::Mutex;

use qassay_golden::spec::{Activation, Constants, OpSpec};
use qassay_golden::tensor::{DType, Data, Tensor};

use crate::backend::{Chosen, Kernel};
use crate::float_control;
use crate::mutants::subject::{Instead, run_on};
use crate::view::{ValuesMut, View, ViewMut};

/// Constants of an op of the same sizes that was prepared earlier are used again: the packing is
/// kept by sizes alone. In a process that prepares many ops, the second of one size is wrong.
pub fn stale_constants() -> Instead {
    let kept: Mutex<HashMap<String, Constants>> = Mutex::default();
    Box::new(move |family, op, constants| {
        let key = match op {
            OpSpec::Linear(spec) => format!("{} {} {:?}", spec.n, spec.k, spec.bias),
            OpSpec::Conv(spec) => format!(
                "{} {} {:?} {} {:?}",
                spec.in_channels, spec.out_channels, spec.kernel, spec.groups, spec.bias
            ),
            _ => return family.prepare(op, constants),
        };
        let Ok(mut kept) = kept.lock() else {
            return family.prepare(op, constants);
        };
        let first = kept.entry(key).or_insert_with(|| constants.clone());
        family.prepare(op, first)
    })
}

/// Which range the parameters of dynamic activations are chosen from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ranges {
    /// that of the first run, in all runs
    First,
    /// from the negative of the greatest magnitude to it
    Symmetric,
}

/// The parameters of the activations that the first run chose are kept for all later ones.
pub fn stale_parameters() -> Instead {
    ranged(Ranges::First)
}

/// The parameters of the activations are chosen from a range that lies symmetrically around 0.
pub fn symmetric_range() -> Instead {
    ranged(Ranges::Symmetric)
}

/// A dynamic linear with two rows more, which hold the ends of the range.
fn ranged(ranges: Ranges) -> Instead {
    Box::new(move |family, op, constants| {
        let plain = family.prepare(op, constants)?;
        let OpSpec::Linear(spec) = op else {
            return Ok(plain);
        };
        let dynamic = matches!(spec.activation, Activation::Dynamic { .. });
        if !dynamic || spec.m == 0 || spec.k == 0 || spec.n == 0 {
            return Ok(plain);
        }
        let mut longer = spec.clone();
        longer.m += 2;
        Ok(Box::new(Ranged {
            kernel: family.prepare(&OpSpec::Linear(longer), constants)?,
            ranges,
            first: None,
            n: spec.n,
        }))
    })
}

struct Ranged {
    kernel: Box<dyn Kernel>,
    ranges: Ranges,
    /// the range of the values of the first run
    first: Option<(f32, f32)>,
    n: usize,
}

impl Kernel for Ranged {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let input = &inputs[0];
        let (rows, k, stride) = (input.rows(), input.row_len(), input.row_stride());
        let (mut least, mut greatest) = (0.0f32, 0.0f32);
        let mut values = Vec::with_capacity((rows + 2) * k);
        for row in 0..rows {
            values.extend_from_slice(&input.f32()[row * stride..][..k]);
        }
        for &value in &values {
            (least, greatest) = (least.min(value), greatest.max(value));
        }
        let (low, high) = match self.ranges {
            Ranges::First => *self.first.get_or_insert((least, greatest)),
            Ranges::Symmetric => (least.min(-greatest), greatest.max(-least)),
        };
        for value in &mut values {
            *value = value.clamp(low, high);
        }
        for end in [low, high] {
            values.push(end);
            values.extend(std::iter::repeat_n(0.0, k - 1));
        }
        let longer = Tensor::new(vec![rows + 2, k], Data::F32(values)).expect("k values a row");
        let mut results = vec![0.0f32; (rows + 2) * self.n];
        let shape = [rows + 2, self.n];
        let mut to = [ViewMut::new(&shape, self.n, ValuesMut::F32(&mut results))];
        run_on(self.kernel.as_mut(), &[longer], &mut to);
        let stride = outputs[0].row_stride();
        let to = outputs[0].f32_mut();
        for (row, results) in results.chunks_exact(self.n).take(rows).enumerate() {
            to[row * stride..][..self.n].copy_from_slice(results);
        }
    }

    fn chosen(&self) -> &Chosen {
        self.kernel.chosen()
    }
}

/// What is done to the floating-point control register while a kernel runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// rounding toward zero
    TowardZero,
    /// rounding up
    Up,
    /// rounding down
    Down,
    /// subnormals count as 0 and become 0
    Flush,
}

/// Sets the control register before a kernel runs; puts it back after it, if it `restores`.
pub fn control(control: Control, restores: bool) -> Instead {
    Box::new(move |family, op, constants| {
        Ok(Box::new(Controlled {
            kernel: family.prepare(op, constants)?,
            control,
            restores,
        }))
    })
}

struct Controlled {
    kernel: Box<dyn Kernel>,
    control: Control,
    restores: bool,
}

impl Kernel for Controlled {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let before = float_control::get();
        float_control::set(before | bits(self.control));
        self.kernel.run(inputs, outputs);
        if self.restores {
            float_control::set(before);
        }
    }

    fn chosen(&self) -> &Chosen {
        self.kernel.chosen()
    }
}

/// The bits that choose so, where the default has zeros.
#[cfg(target_arch = "x86_64")]
fn bits(control: Control) -> u64 {
    match control {
        Control::TowardZero => 0x6000,
        Control::Up => 0x4000,
        Control::Down => 0x2000,
        Control::Flush => 0x8040,
    }
}

/// The bits that choose so, where the default has zeros.
#[cfg(not(target_arch = "x86_64"))]
fn bits(control: Control) -> u64 {
    match control {
        Control::TowardZero => 3 << 22,
        Control::Up => 1 << 22,
        Control::Down => 2 << 22,
        Control::Flush => 1 << 24,
    }
}

/// Sums of a run are added to those of the runs before: nothing is cleared in between.
pub fn sums_kept() -> Instead {
    Box::new(|family, op, constants| {
        Ok(Box::new(Accumulating {
            kernel: family.prepare(op, constants)?,
            before: Vec::new(),
        }))
    })
}

struct Accumulating {
    kernel: Box<dyn Kernel>,
    before: Vec<i32>,
}

impl Kernel for Accumulating {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        self.kernel.run(inputs, outputs);
        if outputs[0].dtype() != DType::I32 {
            return;
        }
        let (rows, len, stride) = {
            let output = &outputs[0];
            (output.rows(), output.row_len(), output.row_stride())
        };
        self.before.resize(rows * len, 0);
        let sums = outputs[0].i32_mut();
        for row in 0..rows {
            for column in 0..len {
                let before = &mut self.before[row * len + column];
                let sum = &mut sums[row * stride + column];
                *sum = sum.wrapping_add(*before);
                *before = *sum;
            }
        }
    }

    fn chosen(&self) -> &Chosen {
        self.kernel.chosen()
    }
}
