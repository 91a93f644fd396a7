//! Problems of fake quantization from captured tensors, and their outputs.

use super::error::CaptureError;
use super::manifest::CapturedFile;
use super::npz::Array;
use super::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{Data, Tensor};

/// Numbers of [`FakeQuantizeSpec`]'s outputs.
pub(super) const VALUES: usize = 0;
pub(super) const CODES: usize = 1;
pub(super) const FACTORS: usize = 2;
pub(super) const ZERO_POINTS: usize = 3;

/// A problem of plain values.
pub(super) fn plain(
    x: Tensor,
    range: (i64, i64),
    axis: Option<usize>,
    parameters: FakeParameters,
) -> Problem {
    in_domain(x, range, axis, Domain::Plain, parameters)
}

/// A problem in a domain.
pub(super) fn in_domain(
    x: Tensor,
    range: (i64, i64),
    axis: Option<usize>,
    domain: Domain,
    parameters: FakeParameters,
) -> Problem {
    with_levels(x, range, axis, domain, Levels::Steps, parameters)
}

/// A problem in a domain, to some levels.
pub(super) fn with_levels(
    x: Tensor,
    range: (i64, i64),
    axis: Option<usize>,
    domain: Domain,
    levels: Levels,
    parameters: FakeParameters,
) -> Problem {
    Problem {
        op: OpSpec::FakeQuantize(FakeQuantizeSpec {
            shape: x.shape().to_vec(),
            range,
            axis,
            domain,
            levels,
            parameters,
        }),
        constants: Constants::default(),
        inputs: vec![x],
    }
}

/// −1 and 1.
pub(super) fn signs(x: Tensor) -> Problem {
    let mut problem = plain(x, (-1, 1), None, scale(1.0, 0.0));
    if let OpSpec::FakeQuantize(spec) = &mut problem.op {
        spec.levels = Levels::Signs;
    }
    problem
}

/// One scale for the whole tensor.
pub(super) fn scale(scale: f64, zero_point: f64) -> FakeParameters {
    FakeParameters::Scales(vec![RealQParams {
        scale,
        zero_point,
        lowest: 0.0,
        gain: 1.0,
        value_scale: None,
        approximate_bits: None,
    }])
}

/// One pair of limits for the whole tensor.
pub(super) fn limits(limits: (f64, f64), symmetric: bool) -> FakeParameters {
    FakeParameters::Limits {
        limits: vec![limits],
        request: LimitsRequest {
            symmetric,
            integral_zero_point: true,
        },
    }
}

/// The scales and zero points of a tensor of codes.
pub(super) fn of_granularity(granularity: &Granularity) -> (Option<usize>, FakeParameters) {
    let real = |qparams: &QParams| RealQParams {
        scale: qparams.scale,
        zero_point: f64::from(qparams.zero_point),
        lowest: 0.0,
        gain: 1.0,
        value_scale: None,
        approximate_bits: None,
    };
    match granularity {
        Granularity::PerTensor(qparams) => (None, FakeParameters::Scales(vec![real(qparams)])),
        Granularity::PerChannel { axis, qparams } => (
            Some(*axis),
            FakeParameters::Scales(qparams.iter().map(real).collect()),
        ),
    }
}

/// `qmin` and `qmax` of the whole file.
pub(super) fn range(file: &CapturedFile<'_>) -> Result<(i64, i64), CaptureError> {
    let params = file.params();
    Ok((params.integer("qmin")?, params.integer("qmax")?))
}

/// Codes, or parameters, as the floats that the reference gives, with one zero.
pub(super) fn floats(array: &Array) -> Result<Tensor, CaptureError> {
    let values: Vec<f32> = match array.integers() {
        Ok(integers) => integers.into_iter().map(|value| value as f32).collect(),
        // Sums with 0 have one zero.
        Err(_) => (array.floats()?.into_iter().map(|v| v as f32 + 0.0)).collect(),
    };
    Tensor::new(array.shape(), Data::F32(values)).map_err(|e| array.error(e.to_string()))
}

/// The numbers of an array in a row: parameters of channels.
pub(super) fn row(array: &Array) -> Result<Tensor, CaptureError> {
    let all = floats(array)?;
    Tensor::new(vec![all.len()], all.data().clone()).map_err(|e| array.error(e.to_string()))
}

/// The values of a tensor in another shape.
pub(super) fn reshaped(
    file: &CapturedFile<'_>,
    tensor: &Tensor,
    shape: &[usize],
) -> Result<Tensor, CaptureError> {
    Tensor::new(shape, tensor.data().clone()).map_err(|e| file.problem(e.to_string()))
}

/// One problem with the outputs of one engine.
pub(super) fn solved(
    file: &CapturedFile<'_>,
    (part, engine): (&str, &str),
    profile: &'static str,
    problem: Problem,
    outputs: Vec<(usize, Tensor)>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let mut v = Builder::new(file, part, problem);
    for (index, values) in outputs {
        v.output(engine, profile, index, values)?;
    }
    v.into(found);
    Ok(())
}
