//! Images of codes in another size: the nearest pixel, or between four pixels.
//!
//! Sources: PyTorch `native/quantized/cpu/UpSampleNearest2d.cpp`, `UpSampleBilinear2d.cpp`
//! (upsample_bilinear2d_out_frame) and `native/UpSample.h` (area_pixel_compute_scale,
//! area_pixel_compute_source_index, nearest_idx); ONNX Runtime
//! `core/providers/cpu/tensor/upsample.cc` (UpsampleNearestSetupInputMappings).

use super::store::Store;
use super::{ReferenceError, through_real};
use crate::profile::{NearestPixel, Profile, RealOps};
use crate::spec::{Relu, ResizeSpec};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// Output position i takes the pixel at ⌊i ⊗ (input ⊘ output)⌋, or at ⌊i ⊘ (output ⊘ input)⌋
/// where the profile says so.
///
/// # Errors
/// When sizes, type or parameters do not fit, or the profile has no such op.
pub(crate) fn resize_nearest(
    spec: &ResizeSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let by_ratio = profile.pointwise.real_ops == RealOps::Undefined
        && profile.pointwise.nearest_pixel == NearestPixel::DivRatio;
    if by_ratio {
        super::check::quantized("tensor", &spec.tensor)?;
        witness.zero_point(spec.tensor.dtype, spec.tensor.qparams.zero_point);
    } else {
        through_real::check(
            "resize_nearest",
            profile,
            &[("tensor", spec.tensor)],
            witness,
        )?;
    }
    check(spec)?;
    if spec.align_corners {
        return Err(ReferenceError::Undefined(
            "the nearest pixel is not defined with aligned corners".into(),
        ));
    }
    let sources: Vec<Vec<usize>> = (spec.input.iter().zip(&spec.output))
        .map(|(&size, &resized)| {
            let (scale, ratio) = (size as f32 / resized as f32, resized as f32 / size as f32);
            let position = |i: usize| match by_ratio {
                true => i as f32 / ratio,
                false => i as f32 * scale,
            };
            (0..resized)
                .map(|i| (position(i) as usize).min(size - 1))
                .collect()
        })
        .collect();
    let pixels: usize = spec.output.iter().product();
    let mut codes = Vec::with_capacity(spec.batch * pixels * spec.channels);
    for image in 0..spec.batch {
        for pixel in 0..pixels {
            let (mut rest, mut source, mut step) = (pixel, 0, 1);
            for d in (0..spec.input.len()).rev() {
                source += sources[d][rest % spec.output[d]] * step;
                rest /= spec.output[d];
                step *= spec.input[d];
            }
            let start = (image * step + source) * spec.channels;
            codes.extend((start..start + spec.channels).map(|i| input.data().code(i)));
        }
    }
    let data = Data::from_codes(spec.tensor.dtype, codes);
    Ok(Tensor::new(spec.output_shape(), data).expect("one code per pixel and channel"))
}

/// Between the four pixels around each position: rows of two pixels first, then the two rows,
/// in f32, then half to even.
///
/// # Errors
/// When sizes, type or parameters do not fit, or the profile has no such op.
pub(crate) fn resize_bilinear(
    spec: &ResizeSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    through_real::check(
        "resize_bilinear",
        profile,
        &[("tensor", spec.tensor)],
        witness,
    )?;
    check(spec)?;
    let (&[height, width], &[new_height, new_width]) = (&spec.input[..], &spec.output[..]) else {
        return Err(ReferenceError::Undefined(format!(
            "resize_bilinear has two spatial dimensions, not {}",
            spec.input.len()
        )));
    };
    let rows = between(height, new_height, spec.align_corners);
    let columns = between(width, new_width, spec.align_corners);
    let store = Store::new(&spec.tensor, Relu::None);
    let zero_point = spec.tensor.qparams.zero_point as f32;
    let mut codes = Vec::with_capacity(spec.batch * new_height * new_width * spec.channels);
    for image in 0..spec.batch {
        for row in &rows {
            for column in &columns {
                for channel in 0..spec.channels {
                    let at = |y: usize, x: usize| -> f32 {
                        let pixel = (image * height + y) * width + x;
                        input.data().code(pixel * spec.channels + channel) as f32
                    };
                    let along = |y: usize| {
                        column.near_weight * at(y, column.near)
                            + column.far_weight * at(y, column.far)
                    };
                    let code = row.near_weight * along(row.near) + row.far_weight * along(row.far);
                    let index = codes.len();
                    codes.push(store.round_then_add(index, None, code - zero_point, witness));
                }
            }
        }
    }
    let data = Data::from_codes(spec.tensor.dtype, codes);
    Ok(Tensor::new(spec.output_shape(), data).expect("one code per pixel and channel"))
}

fn check(spec: &ResizeSpec) -> Result<(), ReferenceError> {
    if spec.input.len() != spec.output.len() || spec.input.contains(&0) || spec.output.contains(&0)
    {
        return Err(ReferenceError::Mismatch(format!(
            "an image of {:?} cannot become one of {:?}: as many dimensions, each at least 1",
            spec.input, spec.output
        )));
    }
    Ok(())
}

/// Two neighbours and the weight of each.
struct Between {
    near: usize,
    far: usize,
    near_weight: f32,
    far_weight: f32,
}

/// Where each of `resized` positions lies among `size` pixels.
fn between(size: usize, resized: usize, align_corners: bool) -> Vec<Between> {
    let scale = match align_corners {
        true if resized > 1 => (size - 1) as f32 / (resized - 1) as f32,
        true => 0.0,
        false => size as f32 / resized as f32,
    };
    (0..resized)
        .map(|i| {
            let position = if align_corners {
                scale * i as f32
            } else {
                (scale * (i as f32 + 0.5) - 0.5).max(0.0)
            };
            let near = (position as usize).min(size - 1);
            let far_weight = position - near as f32;
            Between {
                near,
                far: (near + 1).min(size - 1),
                near_weight: 1.0 - far_weight,
                far_weight,
            }
        })
        .collect()
}
