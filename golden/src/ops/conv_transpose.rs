//! Transposed convolution: seen from the output, a convolution whose windows lie on the pixels
//! that `stride` steps away from each other reach, the kernel's positions counted backwards.
//!
//! Kernel positions that meet no pixel contribute the activation zero point, the code of 0, as
//! positions outside the image do in a convolution. k runs over (kernel position, channel).
//! Source of the form: FBGEMM `src/PackAWithIm2Col.cc` (transposed).

use super::ReferenceError;
use super::accumulate::Accumulator;
use super::product::Product;
use crate::profile::{Profile, SumOf};
use crate::spec::{Constants, ConvTransposeSpec, Output};
use crate::tensor::Tensor;
use crate::witness::Witness;

/// Computes a transposed convolution.
///
/// # Errors
/// When constants do not fit the spec, or the profile does not define it.
pub(crate) fn conv_transpose(
    spec: &ConvTransposeSpec,
    constants: &Constants,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    check(spec)?;
    super::check::quantized("activations", &spec.activation)?;
    let mut weight_shape = vec![spec.out_channels];
    weight_shape.extend(&spec.kernel);
    weight_shape.push(spec.in_channels);
    let product = Product::new(
        SumOf::Transposed,
        constants,
        &weight_shape,
        &spec.weights,
        spec.bias,
        spec.output,
        spec.relu,
    )?;
    let zero_point = spec.activation.qparams.zero_point;
    product.count_parameters(spec.activation.dtype, zero_point, witness);
    let taps: usize = spec.kernel.iter().product();
    let rule = &profile.accumulate;
    let accumulator = Accumulator::new(
        rule,
        rule.conv,
        (spec.activation.dtype, product.weight_type),
        taps,
        spec.in_channels,
    );
    let weights: Vec<_> = (0..spec.out_channels)
        .map(|channel| {
            let zero_point = product.granularity.channel(channel).zero_point;
            accumulator.weights(product.weights_of(channel), zero_point)
        })
        .collect();
    let pixels: usize = spec.input.iter().product();
    let places: usize = spec.output_size().iter().product();
    let mut row = accumulator.activation_row();
    let mut sums = Vec::with_capacity(spec.batch * places * spec.out_channels);
    for image in 0..spec.batch {
        for place in 0..places {
            let under: Vec<_> = (0..taps).map(|tap| pixel_under(spec, place, tap)).collect();
            let start = |tap: usize| -> Option<usize> {
                under[tap].map(|pixel| (image * pixels + pixel) * spec.in_channels)
            };
            accumulator.fill(
                &mut row,
                input.data(),
                zero_point,
                start,
                &mut witness.events,
            );
            sums.extend(
                weights
                    .iter()
                    .map(|weights| accumulator.sum(&row, zero_point, weights, &mut witness.events)),
            );
        }
    }
    let data = product.finish(sums, spec.activation.qparams, profile, witness)?;
    Ok(Tensor::new(spec.output_shape(), data).expect("one value per place and channel"))
}

/// The pixel that kernel position `tap` meets at a place of the output; `None` if none.
fn pixel_under(spec: &ConvTransposeSpec, place: usize, tap: usize) -> Option<usize> {
    let size = spec.output_size();
    let (mut place, mut tap) = (place, tap);
    let (mut pixel, mut step) = (0, 1);
    for d in (0..size.len()).rev() {
        let whole = place % size[d] + spec.pad_begin[d];
        let reach = whole.checked_sub(tap % spec.kernel[d] * spec.dilation[d])?;
        if !reach.is_multiple_of(spec.stride[d]) || reach / spec.stride[d] >= spec.input[d] {
            return None;
        }
        pixel += reach / spec.stride[d] * step;
        step *= spec.input[d];
        place /= size[d];
        tap /= spec.kernel[d];
    }
    Some(pixel)
}

fn check(spec: &ConvTransposeSpec) -> Result<(), ReferenceError> {
    if matches!(spec.output, Output::Float) {
        return Err(ReferenceError::Undefined(
            "transposed convolution to f32 is not defined; codes and s32 sums are".into(),
        ));
    }
    Ok(())
}
