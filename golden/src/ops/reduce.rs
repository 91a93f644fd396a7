//! Mean, sum and greatest code along axes.
//!
//! Sources: TFLite `kernels/reduce.cc` (PrepareMeanOrSum, PrepareSimple),
//! `kernels/internal/reference/reduce.h` and `optimized/reduce.h` (QuantizedMeanOrSum); XNNPACK
//! `src/operators/reduce-nd.c` (reshape_reduce_nd), `src/microparams-init.c`
//! (xnn_init_qs8_reduce_scalar_params), `src/reference/unary-elementwise.cc`.

use super::ReferenceError;
use super::fixed_point::FixedPoint;
use super::store::Store;
use crate::profile::{MeanForm, Profile};
use crate::spec::{ReduceSpec, Relu};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// What becomes of the codes along the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// their mean
    Mean,
    /// their sum
    Sum,
    /// the greatest
    Max,
}

/// One code for all along the axes.
///
/// # Errors
/// When shapes, types or parameters do not fit, or the profile has no such op.
pub(crate) fn reduce(
    which: Reduction,
    spec: &ReduceSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    check(which, spec, witness)?;
    let shape = spec.output_shape();
    let groups = groups(spec, input);
    let store = Store::new(&spec.output, Relu::None);
    let scale = match which {
        Reduction::Max => None,
        Reduction::Mean | Reduction::Sum => Some(scale(which, spec, profile)?),
    };
    let zero_points = i64::from(spec.input.qparams.zero_point) * spec.count() as i64;
    let codes = (groups.into_iter().enumerate()).map(|(index, codes)| match scale {
        None => {
            let code = codes.into_iter().max().expect("counts were checked");
            witness.step(Some(code), code as f64);
            code
        }
        Some(Scale::Fixed(fixed)) => {
            let sum: i64 = codes.iter().sum();
            store.fixed(fixed, (sum - zero_points) as i32, witness)
        }
        Some(Scale::Away { scale, bias }) => {
            let sum: i64 = codes.iter().sum();
            let value = match which {
                Reduction::Mean => sum as f32 / spec.count() as f32,
                Reduction::Sum | Reduction::Max => sum as f32,
            };
            store.round_away(
                index,
                Some(sum - zero_points),
                value * scale + bias,
                witness,
            )
        }
        Some(Scale::F32(scale)) => {
            let sum: i64 = codes.iter().sum();
            let zero_point = spec.output.qparams.zero_point as f32 - zero_points as f32 * scale;
            let code = sum as f32 * scale + zero_point;
            store.round(index, Some(sum - zero_points), code, witness)
        }
    });
    let data = Data::from_codes(spec.output.dtype, codes.collect::<Vec<_>>());
    Ok(Tensor::new(shape, data).expect("one code per group"))
}

fn check(which: Reduction, spec: &ReduceSpec, witness: &mut Witness) -> Result<(), ReferenceError> {
    super::check::one_type(&spec.input, &spec.output, witness)?;
    let in_order = spec.axes.windows(2).all(|pair| pair[0] < pair[1]);
    if !in_order || spec.axes.iter().any(|&axis| axis >= spec.shape.len()) {
        return Err(ReferenceError::Mismatch(format!(
            "axes {:?} are not ascending axes of the shape {:?}",
            spec.axes, spec.shape
        )));
    }
    if spec.count() == 0 {
        return Err(ReferenceError::Mismatch(format!(
            "axes {:?} of the shape {:?} hold no code",
            spec.axes, spec.shape
        )));
    }
    if which == Reduction::Max && spec.input != spec.output {
        return Err(ReferenceError::Mismatch(
            "the greatest code keeps the input's scale and zero point; the output has others"
                .into(),
        ));
    }
    Ok(())
}

/// The codes that each output is made of.
fn groups(spec: &ReduceSpec, input: &Tensor) -> Vec<Vec<i64>> {
    let outputs: usize = spec.output_shape().iter().product();
    let mut groups = vec![Vec::with_capacity(spec.count()); outputs];
    for index in 0..input.len() {
        let (mut rest, mut output, mut stride) = (index, 0, 1);
        for axis in (0..spec.shape.len()).rev() {
            let size = spec.shape[axis];
            if !spec.axes.contains(&axis) {
                output += rest % size * stride;
                stride *= size;
            }
            rest /= size;
        }
        groups[output].push(input.data().code(index));
    }
    groups
}

/// What a sum is multiplied with.
#[derive(Debug, Clone, Copy)]
enum Scale {
    Fixed(FixedPoint),
    F32(f32),
    /// rounded half away, `bias` added before
    Away {
        scale: f32,
        bias: f32,
    },
}

fn scale(which: Reduction, spec: &ReduceSpec, profile: &Profile) -> Result<Scale, ReferenceError> {
    let (from, to) = (spec.input.qparams.scale, spec.output.qparams.scale);
    let mean = which == Reduction::Mean;
    let form = if mean {
        profile.along.mean
    } else {
        profile.along.sum
    };
    match form {
        MeanForm::Gemmlowp => {
            let fixed = FixedPoint::gemmlowp_of(from / to)?;
            if !mean {
                return Ok(Scale::Fixed(fixed));
            }
            let (multiplier, power) = fixed.parts();
            let count = spec.count() as u64;
            // The multiplier keeps as many bits as it can while the shift stays within 31.
            let shift = (63 - count.leading_zeros() as i32).min(32).min(31 + power);
            let multiplier = (multiplier << shift.max(0)) / count as i64;
            Ok(Scale::Fixed(FixedPoint::gemmlowp(
                multiplier as i32,
                power - shift.max(0),
            )?))
        }
        MeanForm::MulAddF32 if spec.input.dtype != DType::I16 => {
            let ratio = from as f32 / to as f32;
            Ok(Scale::F32(match mean {
                true => ratio * (1.0 / spec.count() as f32),
                false => ratio,
            }))
        }
        MeanForm::MulAddF32Away => {
            let scale = from as f32 / to as f32;
            let bias = -spec.input.qparams.zero_point as f32 * scale;
            Ok(Scale::Away {
                scale,
                bias: if mean {
                    bias
                } else {
                    bias * spec.count() as f32
                },
            })
        }
        MeanForm::MulAddF32 | MeanForm::Undefined => Err(ReferenceError::Undefined(format!(
            "mean and sum of {} codes are not defined by this profile",
            spec.input.dtype.name()
        ))),
    }
}
