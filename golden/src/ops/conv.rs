//! Convolution in one, two or three dimensions, grouped and depthwise included.
//!
//! Positions outside the image contribute the activation zero point, which is
//! the code of 0.

use super::ReferenceError;
use super::accumulate::Accumulator;
use super::product::Product;
use super::window::Windows;
use crate::profile::{Accumulation, Profile, SumOf};
use crate::spec::{Constants, ConvSpec, Output};
use crate::tensor::Tensor;
use crate::witness::Witness;

/// Computes a convolution.
///
/// # Errors
/// When constants do not fit the spec, or the profile does not define it.
pub(crate) fn conv(
    spec: &ConvSpec,
    constants: &Constants,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    check(spec)?;
    let wide = spec.activation.dtype.size() > 1;
    if wide {
        super::wide::activations(&spec.activation)?;
    } else {
        super::check::quantized("activations", &spec.activation)?;
    }
    let group_in = spec.in_channels / spec.groups;
    let mut weight_shape = vec![spec.out_channels];
    weight_shape.extend(&spec.kernel);
    weight_shape.push(group_in);
    let product = Product::new(
        SumOf::of(spec),
        constants,
        &weight_shape,
        &spec.weights,
        spec.bias,
        spec.output,
        spec.relu,
    )?;
    if !wide {
        product.of_bytes()?;
    }
    let zero_point = spec.activation.qparams.zero_point;
    product.count_parameters(spec.activation.dtype, zero_point, witness);

    let windows = Windows::new(spec.sliding());
    if wide {
        let sums = super::wide::conv(spec, &windows, &product, input.data(), witness);
        let data = super::wide::finish(&product, sums, spec.activation.qparams, profile, witness)?;
        return Ok(
            Tensor::new(spec.output_shape(), data).expect("one value per window and channel")
        );
    }
    let rule = &profile.accumulate;
    let accumulation = match spec.groups {
        1 => rule.conv,
        _ if spec.is_depthwise() => rule.depthwise,
        _ => rule.grouped,
    };
    let accumulation = match accumulation {
        Accumulation::PairsI16InDepthwiseKernels if has_depthwise_kernel(spec) => {
            Accumulation::PairsI16
        }
        // oneDNN src/cpu/x64/jit_uni_x8s8s32x_conv_kernel.cpp (init_conf)
        Accumulation::PairsI16PerTapInFours
            if group_in.is_multiple_of(4)
                && (spec.out_channels / spec.groups).is_multiple_of(4) =>
        {
            Accumulation::PairsI16PerTap
        }
        other => other,
    };
    let accumulator = Accumulator::new(
        rule,
        accumulation,
        (spec.activation.dtype, product.weight_type),
        windows.taps(),
        group_in,
    );
    // oneDNN has no depthwise kernel in three dimensions: there its plain code runs.
    let accumulator = if spec.is_depthwise() && spec.kernel.len() < 3 {
        accumulator.halving()
    } else {
        accumulator
    };
    let weights: Vec<_> = (0..spec.out_channels)
        .map(|channel| {
            let zero_point = product.granularity.channel(channel).zero_point;
            accumulator.weights(product.weights_of(channel), zero_point)
        })
        .collect();
    let group_out = spec.out_channels / spec.groups;
    let mut row = accumulator.activation_row();
    let mut sums = Vec::with_capacity(spec.batch * windows.count() * spec.out_channels);
    for image in 0..spec.batch {
        for window in 0..windows.count() {
            let positions = windows.positions(window);
            for group in 0..spec.groups {
                let start = |tap: usize| {
                    positions[tap].map(|position| {
                        let pixel = image * windows.pixels() + position;
                        pixel * spec.in_channels + group * group_in
                    })
                };
                accumulator.fill(
                    &mut row,
                    input.data(),
                    zero_point,
                    start,
                    &mut witness.events,
                );
                let channels = group * group_out..(group + 1) * group_out;
                sums.extend(weights[channels].iter().map(|weights| {
                    accumulator.sum(&row, zero_point, weights, &mut witness.events)
                }));
            }
        }
    }
    let data = product.finish(sums, spec.activation.qparams, profile, witness)?;
    Ok(Tensor::new(spec.output_shape(), data).expect("one value per window and channel"))
}

/// Whether FBGEMM runs this by a kernel for depthwise convolutions
/// (`src/FbgemmConv.cc`, takeDepthWiseFastPath).
fn has_depthwise_kernel(spec: &ConvSpec) -> bool {
    let kernel = &spec.kernel;
    let dims = kernel.len();
    let multiplied = [spec.groups, 2 * spec.groups].contains(&spec.out_channels);
    dims >= 2
        && spec.groups == spec.in_channels
        && multiplied
        && spec.groups.is_multiple_of(8)
        && kernel[dims - 2] == kernel[dims - 1]
        && kernel.iter().all(|&size| size == 3 || size == 5)
        && spec.stride.iter().all(|&step| step == 1 || step == 2)
        && spec.dilation.iter().all(|&step| step == 1)
        && (0..dims).all(|d| {
            let pad = (kernel[d] - 1) / 2;
            spec.pad_begin[d] == pad && spec.pad_end[d] == pad
        })
}

fn check(spec: &ConvSpec) -> Result<(), ReferenceError> {
    if spec.activation.dtype.size() > 1 && matches!(spec.output, Output::Float) {
        return Err(ReferenceError::Undefined(
            "convolution of 16-bit codes to f32 is not defined; to codes and sums it is".into(),
        ));
    }
    Ok(())
}
