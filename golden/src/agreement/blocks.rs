//! Weights in blocks: round trips, and linear on them.

use super::draw::Draw;
use super::{BATCH, Batch};
use crate::ops::reference;
use crate::oracle::{self, Column};
use crate::profile::Profile;
use crate::spec::{
    Constants, LinearBlocksSpec, OpSpec, Problem, QParams, QparamsRequest, RoundTripSpec,
    RowActivation,
};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Values of a block.
const BLOCK: usize = 32;

/// Values within a power of two, a quarter of them on the halves of 15 steps.
fn values(draw: &mut Draw, len: usize) -> Vec<f32> {
    let width = draw.scale(-20, 20);
    (0..len)
        .map(|_| match draw.below(4) {
            0 => (draw.within(-30, 30) as f64 / 30.0 * width) as f32,
            _ => (draw.scale(-6, 1) * if draw.flip() { -width } else { width }) as f32,
        })
        .collect()
}

fn f32s(shape: &[usize], values: Vec<f32>) -> Tensor {
    Tensor::new(shape.to_vec(), Data::F32(values)).expect("as many values as the shape says")
}

pub(super) fn round_trip(profile: &Profile, right: &Profile, draw: &mut Draw) -> Batch {
    let mut compared = 0;
    for _ in 0..BATCH / BLOCK {
        let dtypes = [
            DType::I8,
            DType::U8,
            DType::I4,
            DType::U4,
            DType::I2,
            DType::U2,
        ];
        let request = QparamsRequest {
            dtype: draw.of(&dtypes),
            range: None,
            symmetric: draw.flip(),
            reduce_range: false,
        };
        let len = BLOCK - draw.below(9) as usize;
        let x = values(draw, len);
        let spec = RoundTripSpec {
            shape: vec![1, len],
            block: vec![1, len],
            codes: request.dtype,
            range: None,
            symmetric: request.symmetric,
        };
        let problem = Problem {
            op: OpSpec::RoundTrip(spec),
            constants: Constants::default(),
            inputs: vec![f32s(&[1, len], x.clone())],
        };
        let mut witness = Witness::default();
        let Ok(outputs) = reference(&problem, profile, &mut witness) else {
            continue;
        };
        compared += len as u64;
        let Some((scale, expected)) = oracle::round_trip(right, &x, &request) else {
            return (compared, Some(format!("{request:?}: the oracle has none")));
        };
        let got = outputs[1].data().real(0);
        if got != scale {
            let line = format!("{request:?} {x:?}: reference scale {got:e}, oracle {scale:e}");
            return (compared, Some(line));
        }
        for (index, expected) in expected.into_iter().enumerate() {
            let open = witness.open.binary_search(&(0, index)).is_ok();
            let got = (!open).then(|| outputs[0].data().real(index));
            if got != expected {
                let value = x[index];
                return (
                    compared,
                    Some(format!(
                        "{value:e} of {request:?}, scale {scale:e}: reference {got:?}, oracle {expected:?}"
                    )),
                );
            }
        }
    }
    (compared, None)
}

/// A row of activations, and a linear with one output.
struct Linear {
    row: Vec<f32>,
    codes: Vec<i64>,
    qparams: Vec<QParams>,
    bias: Option<f32>,
}

impl Linear {
    /// Weights in blocks of `block`.
    fn new(draw: &mut Draw, block: usize) -> Self {
        let row = values(draw, BLOCK);
        let blocks: Vec<QParams> = (0..BLOCK / block)
            .map(|_| QParams {
                scale: f64::from(draw.scale(-10, 0) as f32),
                zero_point: if block == BLOCK {
                    0
                } else {
                    draw.within(0, 15) as i32
                },
            })
            .collect();
        Self {
            row,
            codes: (0..BLOCK).map(|_| draw.within(0, 15)).collect(),
            qparams: (0..BLOCK).map(|k| blocks[k / block]).collect(),
            bias: draw.flip().then(|| draw.scale(-4, 4) as f32),
        }
    }

    fn problem(&self, block: usize, activation: RowActivation) -> Problem {
        let blocks = BLOCK / block;
        let of = |at: usize| self.qparams[at * block];
        let spec = LinearBlocksSpec {
            m: 1,
            n: 1,
            k: BLOCK,
            block,
            codes: DType::U4,
            scale: DType::F32,
            zero_point: Some(DType::U4),
            activation,
            bias: self.bias.is_some(),
        };
        let scales = (0..blocks).map(|at| of(at).scale as f32).collect();
        let zeros = (0..blocks).map(|at| i64::from(of(at).zero_point));
        let codes = |shape: [usize; 2], codes: Vec<i64>| {
            Tensor::new(shape, Data::from_codes(DType::U4, codes)).expect("as many codes")
        };
        Problem {
            op: OpSpec::LinearBlocks(spec),
            constants: Constants {
                weights: Some(codes([1, BLOCK], self.codes.clone())),
                bias: self.bias.map(|bias| f32s(&[1], vec![bias])),
            },
            inputs: vec![
                f32s(&[1, BLOCK], self.row.clone()),
                f32s(&[1, blocks], scales),
                codes([1, blocks], zeros.collect()),
            ],
        }
    }

    fn column(&self) -> Column<'_> {
        Column {
            dtype: DType::U4,
            codes: &self.codes,
            qparams: &self.qparams,
            bias: self.bias,
        }
    }
}

/// Compares linears until a batch is full of activations: `expected` is what the oracle says of one.
fn linears(
    profile: &Profile,
    draw: &mut Draw,
    (block, activation): (usize, RowActivation),
    expected: impl Fn(&Linear) -> Option<f64>,
) -> Batch {
    let mut compared = 0;
    for _ in 0..BATCH / BLOCK {
        let linear = Linear::new(draw, block);
        let problem = linear.problem(block, activation);
        let outputs = reference(&problem, profile, &mut Witness::default());
        let got = outputs.ok().map(|outputs| outputs[0].data().real(0));
        let expected = expected(&linear);
        compared += BLOCK as u64;
        if got != expected {
            let Linear { row, codes, .. } = &linear;
            let line = format!("{row:?} · {codes:?}: reference {got:?}, oracle {expected:?}");
            return (compared, Some(line));
        }
    }
    (compared, None)
}

pub(super) fn linear_blocks(profile: &Profile, right: &Profile, draw: &mut Draw) -> Batch {
    linears(profile, draw, (8, RowActivation::Float), |linear| {
        oracle::linear_blocks(right, &linear.row, &linear.column())
    })
}

pub(super) fn linear_blocks_quantized(
    profile: &Profile,
    right: &Profile,
    draw: &mut Draw,
) -> Batch {
    let request = QparamsRequest {
        dtype: DType::I8,
        range: None,
        symmetric: true,
        reduce_range: false,
    };
    let activation = RowActivation::Quantized(DType::I8);
    linears(profile, draw, (BLOCK, activation), |linear| {
        oracle::linear_blocks_quantized(right, &linear.row, &request, &linear.column())
    })
}
