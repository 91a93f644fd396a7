//! Ops on f32 between dequantize and quantize, as exported networks have them.
//!
//! Sources: PyTorch aten/src/ATen/native/cpu/AvgPoolKernel.cpp (cpu_avg_pool2d: the sum of a
//! window, row by row, divided by its size); for the order of a convolution's sums, captures
//! models/digits-cnn-torch (pt2e_x86inductor: the means after the last convolution).

use super::weight_only::{dot, side_by_side};
use super::window::Windows;
use super::{ReferenceError, check};
use crate::profile::Profile;
use crate::spec::{Constants, FloatConvSpec, FloatOp, FloatPoolSpec};
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// Computes an op on f32.
///
/// # Errors
/// When shapes or the bias do not fit, or the profile does not define the op.
pub(crate) fn float(
    op: &FloatOp,
    constants: &Constants,
    inputs: &[Tensor],
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let x = f32s(&inputs[0]);
    let values = match op {
        FloatOp::Conv(spec) => conv(spec, constants, (x, f32s(&inputs[1])), profile, witness)?,
        FloatOp::Add { .. } => {
            let pairs = x.iter().zip(f32s(&inputs[1]));
            pairs.map(|(a, b)| a + b).collect()
        }
        FloatOp::Relu { .. } => {
            let relu = |&x: &f32| {
                witness.events.hit_if(Event::ReluClamped, x < 0.0);
                if x < 0.0 { 0.0 } else { x }
            };
            x.iter().map(relu).collect()
        }
        FloatOp::AvgPool(spec) => avg_pool(spec, x)?,
        FloatOp::Flatten { shape } => flatten(shape, x)?,
        FloatOp::Copy { .. } => x.to_vec(),
    };
    for &value in &values {
        witness.step(None, f64::from(value));
    }
    Ok(Tensor::new(op.output(), Data::F32(values)).expect("one value for each output"))
}

fn conv(
    spec: &FloatConvSpec,
    constants: &Constants,
    (x, w): (&[f32], &[f32]),
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Vec<f32>, ReferenceError> {
    let bias = match &constants.bias {
        None => None,
        bias => Some(check::reals("bias", bias.as_ref(), spec.out_channels)?),
    };
    let (group_in, group_out) = (
        spec.in_channels / spec.groups.max(1),
        spec.out_channels / spec.groups.max(1),
    );
    if group_in * spec.groups != spec.in_channels || group_out * spec.groups != spec.out_channels {
        return Err(ReferenceError::Mismatch(format!(
            "{} groups do not divide {} input and {} output channels",
            spec.groups, spec.in_channels, spec.out_channels
        )));
    }
    check::windows(
        &spec.kernel,
        [
            ("input", &spec.input),
            ("stride", &spec.stride),
            ("pad", &spec.pad),
            ("pad", &spec.pad),
            ("dilation", &spec.dilation),
        ],
    )?;
    let windows = Windows::new(
        &spec.input,
        &spec.kernel,
        &spec.stride,
        &spec.pad,
        &spec.dilation,
        &spec.output_size(),
    );
    let k = windows.taps() * group_in;
    let accumulation = profile.float_output.float_conv;
    let sums = side_by_side(accumulation, spec.out_channels, k)?;
    let mut values = Vec::with_capacity(spec.batch * windows.count() * spec.out_channels);
    for image in 0..spec.batch {
        for window in 0..windows.count() {
            let positions = windows.positions(window);
            let outside = positions.iter().filter(|p| p.is_none()).count();
            witness.events.add(Event::PaddingTap, outside as u64);
            for (channel, &sums) in sums.iter().enumerate() {
                let first = channel / group_out * group_in;
                let mut row = Vec::with_capacity(k);
                for position in &positions {
                    // What lies outside the image is 0.
                    match position {
                        None => row.extend(std::iter::repeat_n(0.0, group_in)),
                        Some(position) => {
                            let pixel = image * windows.pixels() + position;
                            row.extend(&x[pixel * spec.in_channels + first..][..group_in]);
                        }
                    }
                }
                let w = &w[channel * k..][..k];
                let bias = bias.map(|bias| bias[channel]);
                values.push(dot(accumulation, sums, &row, w, bias));
            }
        }
    }
    Ok(values)
}

fn avg_pool(spec: &FloatPoolSpec, x: &[f32]) -> Result<Vec<f32>, ReferenceError> {
    let dims = spec.kernel.len();
    let (pad, dilation) = (vec![0; dims], vec![1; dims]);
    check::windows(
        &spec.kernel,
        [
            ("input", &spec.input),
            ("stride", &spec.stride),
            ("pad", &pad),
            ("pad", &pad),
            ("dilation", &dilation),
        ],
    )?;
    let windows = Windows::new(
        &spec.input,
        &spec.kernel,
        &spec.stride,
        &pad,
        &dilation,
        &spec.output_size(),
    );
    let mut values = Vec::with_capacity(spec.batch * windows.count() * spec.channels);
    for image in 0..spec.batch {
        for window in 0..windows.count() {
            let positions = windows.positions(window);
            for channel in 0..spec.channels {
                let inside = positions.iter().flatten();
                let sum = inside.fold(0.0f32, |sum, position| {
                    let pixel = image * windows.pixels() + position;
                    sum + x[pixel * spec.channels + channel]
                });
                values.push(sum / positions.len() as f32);
            }
        }
    }
    Ok(values)
}

fn flatten(shape: &[usize], x: &[f32]) -> Result<Vec<f32>, ReferenceError> {
    let &[batch, .., channels] = shape else {
        return Err(ReferenceError::Mismatch(format!(
            "flatten takes [batch, spatial.., channels], not {shape:?}"
        )));
    };
    let places = x.len() / (batch * channels).max(1);
    let at = |index: usize| {
        let (image, rest) = (
            index / (places * channels).max(1),
            index % (places * channels).max(1),
        );
        let (channel, place) = (rest / places.max(1), rest % places.max(1));
        x[(image * places + place) * channels + channel]
    };
    Ok((0..x.len()).map(at).collect())
}

fn f32s(tensor: &Tensor) -> &[f32] {
    match tensor.data() {
        Data::F32(values) => values,
        _ => unreachable!("inputs were checked to be f32"),
    }
}
