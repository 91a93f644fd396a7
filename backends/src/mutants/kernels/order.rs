//! The order of values: distances between rows, k split among threads, pairs of other products.

use qassay_golden::spec::{Activation, BiasKind, Constants, OpSpec, Relu};
use qassay_golden::tensor::{DType, Data, Tensor};

use crate::backend::{Backend, Chosen, Kernel};
use crate::mutants::answer::dense;
use crate::mutants::subject::{Instead, run_on};
use crate::view::{Values, ValuesMut, View, ViewMut};

/// Which distance between rows is taken to be that of dense rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dense {
    /// the inputs'
    Inputs,
    /// the outputs'
    Outputs,
}

/// Rows are read, or written, as if there were no gaps between them.
pub fn ignoring_stride(which: Dense) -> Instead {
    Box::new(move |family, op, constants| {
        Ok(Box::new(Packed {
            kernel: family.prepare(op, constants)?,
            which,
        }))
    })
}

struct Packed {
    kernel: Box<dyn Kernel>,
    which: Dense,
}

impl Kernel for Packed {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        if self.which == Dense::Inputs {
            let views: Vec<View<'_>> = inputs.iter().map(packed).collect();
            self.kernel.run(&views, outputs);
        } else {
            let mut views: Vec<ViewMut<'_>> = outputs.iter_mut().map(packed_mut).collect();
            self.kernel.run(inputs, &mut views);
        }
    }

    fn chosen(&self) -> &Chosen {
        self.kernel.chosen()
    }
}

/// The view with its rows one behind the other.
fn packed<'a>(view: &View<'a>) -> View<'a> {
    let values = match view.dtype() {
        DType::U8 => Values::U8(view.u8()),
        DType::I8 => Values::I8(view.i8()),
        DType::I32 => Values::I32(view.i32()),
        DType::F64 => Values::F64(view.f64()),
        _ => Values::F32(view.f32()),
    };
    View::new(view.shape(), view.row_len(), values)
}

/// As [`packed`], to write.
fn packed_mut<'a>(view: &'a mut ViewMut<'_>) -> ViewMut<'a> {
    let (shape, row_len) = (view.shape(), view.row_len());
    let values = match view.dtype() {
        DType::U8 => ValuesMut::U8(view.u8_mut()),
        DType::I8 => ValuesMut::I8(view.i8_mut()),
        DType::I32 => ValuesMut::I32(view.i32_mut()),
        DType::F64 => ValuesMut::F64(view.f64_mut()),
        _ => ValuesMut::F32(view.f32_mut()),
    };
    ViewMut::new(shape, row_len, values)
}

/// Products of f32 activations are split along k among `threads` threads, whose sums are then
/// added: the result depends on how many there are.
pub fn split_along_k(threads: usize) -> Instead {
    Box::new(move |family, op, constants| {
        let whole = |family: &dyn Backend| family.prepare(op, constants);
        let OpSpec::Linear(spec) = op else {
            return whole(family);
        };
        if spec.activation != Activation::Float || spec.k < 2 * threads {
            return whole(family);
        }
        let Some(Data::I8(weights)) = constants.weights.as_ref().map(Tensor::data) else {
            return whole(family);
        };
        let step = spec.k.div_ceil(threads);
        let mut parts = Vec::new();
        for first in (0..spec.k).step_by(step) {
            let end = (first + step).min(spec.k);
            let mut part = spec.clone();
            part.k = end - first;
            let last = end == spec.k;
            if !last {
                (part.bias, part.relu) = (BiasKind::None, Relu::None);
            }
            if spec.relu.is_zero() {
                // Held to 0 after the sums are added, below.
                part.relu = Relu::None;
            }
            let codes = (0..spec.n)
                .flat_map(|n| {
                    weights[n * spec.k + first..n * spec.k + end]
                        .iter()
                        .copied()
                })
                .collect();
            let constants = Constants {
                weights: Tensor::new(vec![spec.n, part.k], Data::I8(codes)).ok(),
                bias: constants.bias.clone().filter(|_| last),
            };
            parts.push((
                first,
                end,
                family.prepare(&OpSpec::Linear(part), &constants)?,
            ));
        }
        Ok(Box::new(Split {
            parts,
            n: spec.n,
            relu: spec.relu.is_zero(),
        }))
    })
}

struct Split {
    /// first and last k, and the kernel of that part
    parts: Vec<(usize, usize, Box<dyn Kernel>)>,
    n: usize,
    relu: bool,
}

impl Kernel for Split {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let input = &inputs[0];
        let (rows, stride) = (input.rows(), input.row_stride());
        let mut sums = vec![0.0f32; rows * self.n];
        let mut part_sums = vec![0.0f32; rows * self.n];
        let shape = [rows, self.n];
        for (first, end, kernel) in &mut self.parts {
            let values = (0..rows)
                .flat_map(|row| {
                    input.f32()[row * stride + *first..row * stride + *end]
                        .iter()
                        .copied()
                })
                .collect();
            let part = Tensor::new(vec![rows, *end - *first], Data::F32(values))
                .expect("a value for every k of the part");
            let mut to = [ViewMut::new(&shape, self.n, ValuesMut::F32(&mut part_sums))];
            run_on(kernel.as_mut(), &[part], &mut to);
            for (sum, part) in sums.iter_mut().zip(&part_sums) {
                *sum += part;
            }
        }
        let stride = outputs[0].row_stride();
        let to = outputs[0].f32_mut();
        for row in 0..rows {
            for column in 0..self.n {
                let sum = sums[row * self.n + column];
                to[row * stride + column] = if self.relu && sum < 0.0 { 0.0 } else { sum };
            }
        }
    }

    fn chosen(&self) -> &Chosen {
        self.parts[0].2.chosen()
    }
}

/// Products 4i + 1 and 4i + 2 along the innermost depth change places, of codes and weights alike:
/// exact sums stay as they are, saturating pairs are others.
pub fn reordered_depth() -> Instead {
    Box::new(|family, op, constants| {
        let grouped = matches!(op, OpSpec::Conv(spec) if spec.groups != 1);
        let Some(weights) = constants.weights.as_ref().filter(|_| !grouped) else {
            return family.prepare(op, constants);
        };
        let constants = Constants {
            weights: Some(with_depth_reordered(weights)),
            bias: constants.bias.clone(),
        };
        Ok(Box::new(Reordered(family.prepare(op, &constants)?)))
    })
}

struct Reordered(Box<dyn Kernel>);

impl Kernel for Reordered {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let input = with_depth_reordered(&dense(&inputs[0]));
        run_on(self.0.as_mut(), &[input], outputs);
    }

    fn chosen(&self) -> &Chosen {
        self.0.chosen()
    }
}

fn with_depth_reordered(tensor: &Tensor) -> Tensor {
    let depth = tensor.row_len().max(1);
    let place = |at: usize| {
        let (row, k) = (at / depth, at % depth);
        let other = match k % 4 {
            1 if k + 2 < depth => k + 1,
            2 if k + 1 < depth => k - 1,
            _ => k,
        };
        row * depth + other
    };
    let codes = (0..tensor.len()).map(|at| tensor.data().code(place(at)));
    let data = Data::from_codes(tensor.dtype(), codes.collect::<Vec<_>>());
    Tensor::new(tensor.shape(), data).expect("as many codes as before")
}
