//! Tests of the reference that need more than one op or more than one rule.

mod along;
mod convolutions;
mod fused;
mod hard;
mod litert;
mod means;
mod multipliers;
mod pointwise;
mod pools;
mod products;
mod properties;
mod real;
mod rescale;
mod tables;

use super::reference;
use crate::profile::Profile;
use crate::profile::named;
use crate::spec::{Constants, OpSpec, PoolSpec, Problem, QParams, Quantized};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// The named profile.
fn profile(name: &str) -> Profile {
    named::find(name).expect("a profile of that name").profile
}

fn qparams(scale: f64, zero_point: i32) -> QParams {
    QParams { scale, zero_point }
}

fn quantized(dtype: DType, scale: f64, zero_point: i32) -> Quantized {
    Quantized {
        dtype,
        qparams: qparams(scale, zero_point),
    }
}

/// The first output of `op`.
fn run(
    op: OpSpec,
    constants: Constants,
    inputs: Vec<Data>,
    profile: &Profile,
    witness: &mut Witness,
) -> Data {
    let shapes = op.inputs();
    let inputs = (inputs.into_iter().zip(shapes))
        .map(|(data, (shape, _))| Tensor::new(shape, data).expect("inputs fit their shapes"))
        .collect();
    let problem = Problem {
        op,
        constants,
        inputs,
    };
    let outputs = reference(&problem, profile, witness).expect("the reference defines it");
    for (output, (shape, dtype)) in outputs.iter().zip(problem.op.outputs()) {
        assert_eq!((output.shape(), output.dtype()), (&shape[..], dtype));
    }
    outputs[0].data().clone()
}

/// A pool with one channel, the same in both dimensions.
fn pool(input: [usize; 2], kernel: usize, stride: usize, pad: usize, zp: i32) -> PoolSpec {
    let tensor = quantized(DType::U8, 0.5, zp);
    PoolSpec {
        batch: 1,
        input: input.to_vec(),
        channels: 1,
        kernel: vec![kernel; 2],
        stride: vec![stride; 2],
        pad: vec![pad; 2],
        pad_end: None,
        count_include_pad: true,
        activation: tensor,
        output: tensor,
    }
}
