//! Single outputs of a captured layer as cases of their own: the row or window
//! that makes one output, with the weights of a few output channels.

use qassay_golden::spec::{Activation, ConvSpec, Granularity, LinearSpec, OpSpec, Output, Problem};
use qassay_golden::tensor::{DType, Tensor};

use super::super::fields::*;
use super::given::bits;
use crate::data::DataClass;

/// How many outputs are tried, spread over the layer.
const TRIED: usize = 192;
/// Output channels of a candidate.
const CHANNELS: usize = 4;

/// Candidates; empty where weights are not s8, the op is no product, or it has a fused
/// clamp to two codes, which cases do not have.
pub(super) fn windows(problem: &Problem) -> Vec<Made> {
    let Some(weights) = &problem.constants.weights else {
        return Vec::new();
    };
    if weights.dtype() != DType::I8 {
        return Vec::new();
    }
    match &problem.op {
        OpSpec::Linear(spec) if spec.relu.codes().is_none() => rows(problem, spec, weights),
        OpSpec::Conv(spec) if spec.relu.codes().is_none() => pixels(problem, spec, weights),
        _ => Vec::new(),
    }
}

/// `TRIED` of `count` indices, evenly spread.
fn spread(count: usize) -> impl Iterator<Item = usize> {
    let tried = count.min(TRIED);
    (0..tried).map(move |i| i * count / tried)
}

fn rows(problem: &Problem, spec: &LinearSpec, weights: &Tensor) -> Vec<Made> {
    let blocks = spec.n.div_ceil(CHANNELS);
    spread(spec.m * blocks)
        .map(|index| {
            let (row, block) = (index / blocks, index % blocks);
            let kept: Vec<usize> = (block * CHANNELS..spec.n.min((block + 1) * CHANNELS)).collect();
            let shape = Shape::Matrix {
                m: 1,
                n: kept.len(),
                k: spec.k,
            };
            let op = match spec.activation {
                Activation::Quantized(_) => Op::Linear,
                Activation::Dynamic { .. } => Op::LinearDynamic,
                Activation::Float => Op::LinearWeightOnly,
            };
            let mut made = Made::new(op, shape, DataClass::Uniform, 0);
            if let Activation::Quantized(x) = spec.activation {
                made.dtype = x.dtype;
                set(&mut made, 0, x.qparams.scale, x.qparams.zero_point);
            }
            made.reduce_range = spec.activation == Activation::Dynamic { reduce_range: true };
            if op == Op::Linear {
                output(&mut made, &spec.output);
            }
            made.relu = spec.relu.is_zero();
            channels(&mut made, &spec.weights, &kept);
            made.bias = spec.bias;
            let x = bits(&problem.inputs[0]);
            made.data = Source::Given(Given {
                x: x[row * spec.k..(row + 1) * spec.k].to_vec(),
                w: kept_rows(weights, spec.k, &kept),
                bias: kept_bias(problem, &kept),
            });
            made
        })
        .collect()
}

fn pixels(problem: &Problem, spec: &ConvSpec, weights: &Tensor) -> Vec<Made> {
    let size = spec.output_size();
    let places: usize = size.iter().product();
    // Two groups stay, or a grouped convolution would become a dense one.
    let groups = spec.groups.min(2);
    let per_group = spec.in_channels / spec.groups;
    let out_per_group = spec.out_channels / spec.groups;
    let per_place = (spec.groups / groups) * out_per_group.div_ceil(CHANNELS);
    let x = bits(&problem.inputs[0]);
    spread(spec.batch * places * per_place)
        .filter_map(|index| {
            let (place, choice) = (index / per_place, index % per_place);
            let blocks = out_per_group.div_ceil(CHANNELS);
            let (first_group, block) = (choice / blocks * groups, choice % blocks);
            let kept: Vec<usize> = (first_group..first_group + groups)
                .flat_map(|group| {
                    (block * CHANNELS..out_per_group.min((block + 1) * CHANNELS))
                        .map(move |o| group * out_per_group + o)
                })
                .collect();
            let (image, positions) = window(spec, &size, place)?;
            let in_channels = first_group * per_group..(first_group + groups) * per_group;
            let cropped = positions
                .iter()
                .flat_map(|&position| {
                    let start = position * spec.in_channels;
                    x[start + in_channels.start..start + in_channels.end].iter()
                })
                .copied()
                .collect();
            let shape = Shape::Image(ImageShape {
                batch: 1,
                input: image,
                channels: in_channels.len(),
                out_channels: Some(kept.len()),
                kernel: spec.kernel.clone(),
                stride: vec![1; size.len()],
                pad_begin: vec![0; size.len()],
                pad_end: vec![0; size.len()],
                dilation: spec.dilation.clone(),
                groups,
            });
            let mut made = Made::new(Op::Conv, shape, DataClass::Uniform, 0);
            made.dtype = spec.activation.dtype;
            let q = spec.activation.qparams;
            set(&mut made, 0, q.scale, q.zero_point);
            output(&mut made, &spec.output);
            made.relu = spec.relu.is_zero();
            made.bias = spec.bias;
            channels(&mut made, &spec.weights, &kept);
            made.data = Source::Given(Given {
                x: cropped,
                w: kept_rows(weights, spec.k(), &kept),
                bias: kept_bias(problem, &kept),
            });
            Some(made)
        })
        .collect()
}

/// The size of the window of an output place and the pixels in it (counted through
/// all images); `None` where it reaches outside the image.
fn window(spec: &ConvSpec, size: &[usize], place: usize) -> Option<(Vec<usize>, Vec<usize>)> {
    let rank = size.len();
    let mut rest = place;
    let mut at = vec![0; rank];
    for d in (0..rank).rev() {
        at[d] = rest % size[d];
        rest /= size[d];
    }
    let image: Vec<usize> = (0..rank)
        .map(|d| spec.dilation[d] * (spec.kernel[d] - 1) + 1)
        .collect();
    let mut positions = vec![rest];
    for d in 0..rank {
        let start = (at[d] * spec.stride[d]).checked_sub(spec.pad_begin[d])?;
        if start + image[d] > spec.input[d] {
            return None;
        }
        positions = positions
            .into_iter()
            .flat_map(|p| (start..start + image[d]).map(move |i| p * spec.input[d] + i))
            .collect();
    }
    Some((image, positions))
}

fn set(made: &mut Made, slot: usize, scale: f64, zero_point: i32) {
    made.scales.0[slot] = vec![Scale(scale)];
    made.zero_points.0[slot] = Zero::One(zero_point);
}

fn output(made: &mut Made, output: &Output) {
    made.output = output.dtype();
    if let Output::Quantized(y) = output {
        set(made, 2, y.qparams.scale, y.qparams.zero_point);
    }
}

fn channels(made: &mut Made, weights: &Granularity, kept: &[usize]) {
    if weights.is_per_channel() {
        let of = |n: &usize| weights.channel(*n);
        made.per_channel = Some(0);
        made.scales.0[1] = kept.iter().map(|n| Scale(of(n).scale)).collect();
        let zeros: Vec<i32> = kept.iter().map(|n| of(n).zero_point).collect();
        made.zero_points.0[1] = if zeros.windows(2).all(|pair| pair[0] == pair[1]) {
            Zero::One(zeros[0])
        } else {
            Zero::List(zeros)
        };
    } else {
        let q = weights.channel(0);
        set(made, 1, q.scale, q.zero_point);
    }
}

fn kept_rows(weights: &Tensor, k: usize, kept: &[usize]) -> Vec<u32> {
    let w = bits(weights);
    kept.iter()
        .flat_map(|n| &w[n * k..(n + 1) * k])
        .copied()
        .collect()
}

fn kept_bias(problem: &Problem, kept: &[usize]) -> Vec<u32> {
    problem
        .constants
        .bias
        .as_ref()
        .map(|bias| {
            let bias = bits(bias);
            kept.iter().map(|&n| bias[n]).collect()
        })
        .unwrap_or_default()
}
