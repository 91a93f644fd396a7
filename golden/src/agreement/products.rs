//! Sums of products: linear, and convolution in one dimension.

use super::Batch;
use super::draw::Draw;
use crate::ops::reference;
use crate::oracle::{Operands, ProductOf, sum_of_products};
use crate::profile::Profile;
use crate::spec::{
    Activation, BiasKind, Constants, ConvSpec, Granularity, LinearSpec, OpSpec, Output, Problem,
    QParams, Quantized, Relu,
};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Ops in a batch: each has some tens of sums.
const OPS: u64 = 8;

pub(super) fn sums(profile: &Profile, right: &Profile, draw: &mut Draw) -> Batch {
    let mut compared = 0;
    for _ in 0..OPS {
        let (count, difference) = if draw.flip() {
            linear(profile, right, draw)
        } else {
            conv(profile, right, draw)
        };
        compared += count;
        if difference.is_some() {
            return (compared, difference);
        }
    }
    (compared, None)
}

/// Codes of one tensor.
struct Codes {
    dtype: DType,
    zero_point: i32,
    values: Vec<i64>,
}

impl Codes {
    /// Ends of the range, their neighbours, and anything.
    fn new(draw: &mut Draw, dtypes: &[DType], count: usize) -> Self {
        let dtype = draw.of(dtypes);
        let range = dtype.code_range().expect("codes of 8 bits");
        let values = (0..count)
            .map(|_| match draw.below(4) {
                0 => range.0 + draw.within(0, 1),
                1 => range.1 - draw.within(0, 1),
                // Where two products with an end of the other range are next to those of i16.
                2 => draw.within(62, 66) * if range.0 < 0 && draw.flip() { -1 } else { 1 },
                _ => draw.within(range.0, range.1),
            })
            .collect();
        Self {
            dtype,
            zero_point: draw.zero_point(range),
            values,
        }
    }

    fn tensor(&self, shape: &[usize]) -> Tensor {
        let data = Data::from_codes(self.dtype, self.values.clone());
        Tensor::new(shape, data).expect("as many codes as the shape says")
    }

    fn quantized(&self) -> Quantized {
        Quantized {
            dtype: self.dtype,
            qparams: QParams {
                scale: 1.0,
                zero_point: self.zero_point,
            },
        }
    }
}

const BYTES: &[DType] = &[DType::U8, DType::I8];
/// Weights are mostly s8.
const WEIGHTS: &[DType] = &[DType::I8, DType::I8, DType::I8, DType::U8];

/// Holds the reference to `expected`, the oracle's sums.
fn compare(
    op: OpSpec,
    constants: Constants,
    input: Tensor,
    profile: &Profile,
    expected: &[i32],
) -> Batch {
    let problem = Problem {
        op,
        constants,
        inputs: vec![input],
    };
    let outputs = reference(&problem, profile, &mut Witness::default());
    let difference = match &outputs {
        Ok(outputs) if *outputs[0].data() == Data::I32(expected.to_vec()) => None,
        Ok(outputs) => Some(format!(
            "{problem:?}: reference {:?}, oracle {expected:?}",
            outputs[0].data()
        )),
        Err(error) => Some(format!("{problem:?}: {error}")),
    };
    (expected.len() as u64, difference)
}

fn linear(profile: &Profile, right: &Profile, draw: &mut Draw) -> Batch {
    let [m, n] = [0; 2].map(|_| draw.within(1, 5) as usize);
    let k = draw.of(&[1, 2, 3, 7, 16, 33, 130, 261]);
    let (x, w) = (
        Codes::new(draw, BYTES, m * k),
        Codes::new(draw, WEIGHTS, n * k),
    );
    let mut expected = Vec::with_capacity(m * n);
    for row in x.values.chunks(k) {
        for column in w.values.chunks(k) {
            let operands = Operands {
                codes: &[Some(row.to_vec())],
                signed: x.dtype == DType::I8,
                zero_point: x.zero_point.into(),
                weights: &[column.to_vec()],
                signed_weights: w.dtype == DType::I8,
                weight_zero_point: w.zero_point.into(),
            };
            expected.push(sum_of_products(
                &right.accumulate,
                ProductOf::Linear,
                operands,
            ));
        }
    }
    let op = OpSpec::Linear(LinearSpec {
        m,
        n,
        k,
        activation: Activation::Quantized(x.quantized()),
        weights: Granularity::PerTensor(w.quantized().qparams),
        bias: BiasKind::None,
        output: Output::Sums,
        relu: Relu::None,
    });
    let constants = Constants {
        weights: Some(w.tensor(&[n, k])),
        bias: None,
    };
    compare(op, constants, x.tensor(&[m, k]), profile, &expected)
}

fn conv(profile: &Profile, right: &Profile, draw: &mut Draw) -> Batch {
    let groups = draw.of(&[1, 2, 4]);
    let [inputs, outputs] = [0; 2].map(|_| draw.of(&[1, 1, 2, 3, 4, 8]));
    let kernel = draw.within(1, 3) as usize;
    let width = draw.within(kernel as i64, 5) as usize;
    let [begin, end] = [0; 2].map(|_| draw.below(kernel as u64) as usize);
    let positions = width + begin + end + 1 - kernel;
    let x = Codes::new(draw, BYTES, width * groups * inputs);
    let w = Codes::new(draw, WEIGHTS, groups * outputs * kernel * inputs);
    let mut expected = Vec::new();
    for position in 0..positions {
        for channel in 0..groups * outputs {
            let first = channel / outputs * inputs;
            let codes: Vec<_> = (position..position + kernel)
                .map(|at| {
                    let pixel = at.checked_sub(begin).filter(|&pixel| pixel < width)?;
                    Some(x.values[pixel * groups * inputs + first..][..inputs].to_vec())
                })
                .collect();
            let weights: Vec<_> = w.values[channel * kernel * inputs..][..kernel * inputs]
                .chunks(inputs)
                .map(<[i64]>::to_vec)
                .collect();
            let operands = Operands {
                codes: &codes,
                signed: x.dtype == DType::I8,
                zero_point: x.zero_point.into(),
                weights: &weights,
                signed_weights: w.dtype == DType::I8,
                weight_zero_point: w.zero_point.into(),
            };
            let op = ProductOf::Conv {
                groups,
                inputs,
                outputs,
            };
            expected.push(sum_of_products(&right.accumulate, op, operands));
        }
    }
    let op = OpSpec::Conv(ConvSpec {
        batch: 1,
        input: vec![width],
        in_channels: groups * inputs,
        out_channels: groups * outputs,
        kernel: vec![kernel],
        stride: vec![1],
        pad_begin: vec![begin],
        pad_end: vec![end],
        dilation: vec![1],
        groups,
        activation: x.quantized(),
        weights: Granularity::PerTensor(w.quantized().qparams),
        bias: BiasKind::None,
        output: Output::Sums,
        relu: Relu::None,
    });
    let constants = Constants {
        weights: Some(w.tensor(&[groups * outputs, kernel, inputs])),
        bias: None,
    };
    compare(
        op,
        constants,
        x.tensor(&[1, width, groups * inputs]),
        profile,
        &expected,
    )
}
