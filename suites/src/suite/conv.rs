//! Suites of convolution: dense, grouped and depthwise, in 1, 2 and 3 dimensions.

use qassay_golden::spec::BiasKind;
use qassay_golden::tensor::DType;

use super::Level;
use super::draw::{Draw, count, id};
use crate::case::{CaseId, ImageShape, Made, Op, Shape, Zero};
use crate::data::DataClass;

const CLASSES: [DataClass; 7] = [
    DataClass::Uniform,
    DataClass::Saturating,
    DataClass::Ties,
    DataClass::FullRange,
    DataClass::Reduced,
    DataClass::Corners,
    DataClass::Uniform,
];

/// An image, kernel and steps in `rank` dimensions; channels are filled in later.
fn image(draw: &mut Draw, rank: usize, most: usize) -> ImageShape {
    let mut shape = ImageShape {
        batch: draw.pick(&[1, 1, 1, 1, 2, 3]),
        input: Vec::new(),
        channels: 1,
        out_channels: Some(1),
        kernel: Vec::new(),
        stride: Vec::new(),
        pad_begin: Vec::new(),
        pad_end: Vec::new(),
        dilation: Vec::new(),
        groups: 1,
    };
    let (kernel, stride, dilation) = (
        draw.pick(&[1, 3, 3, 3, 5, 2]),
        draw.pick(&[1, 1, 1, 2, 2, 3]),
        draw.pick(&[1, 1, 1, 1, 2, 3]),
    );
    for _ in 0..rank {
        // Now and then the dimensions differ.
        let kernel = if draw.once_in(5) {
            draw.between(1, 4)
        } else {
            kernel
        };
        let dilation = if kernel == 1 { 1 } else { dilation };
        let window = dilation * (kernel - 1) + 1;
        let pad = draw.pick(&[0, kernel / 2, kernel / 2, window / 2]);
        shape.pad_begin.push(pad);
        shape
            .pad_end
            .push(if draw.once_in(6) { pad / 2 } else { pad });
        let least = window.saturating_sub(pad + pad / 2).max(1);
        shape.input.push(draw.between(least, least.max(most)));
        shape.kernel.push(kernel);
        shape.stride.push(if draw.once_in(6) { 1 } else { stride });
        shape.dilation.push(dilation);
    }
    shape
}

/// One group a channel, as networks have it: a kernel of 3 or 5 that keeps the size.
fn of_networks(draw: &mut Draw, rank: usize, outputs: usize) -> ImageShape {
    let mut shape = image(draw, rank, 4);
    let (kernel, stride) = (draw.pick(&[3, 3, 5]), draw.pick(&[1, 2]));
    shape.kernel.fill(kernel);
    shape.stride.fill(stride);
    shape.dilation.fill(1);
    shape.pad_begin.fill(kernel / 2);
    shape.pad_end.fill(kernel / 2);
    shape.groups = draw.pick(&[8, 16, 24, 32, 72]);
    shape.channels = shape.groups;
    shape.out_channels = Some(shape.groups * outputs);
    shape
}

/// Types, parameters and bias of a conv.
fn finish(draw: &mut Draw, shape: ImageShape, class: DataClass) -> Made {
    let mut made = draw.case(Op::Conv, Shape::Image(shape), class);
    made.dtype = draw.pick(&[DType::U8, DType::U8, DType::U8, DType::I8]);
    made.output = match draw.between(0, 9) {
        0 => DType::I32,
        1 if made.dtype == DType::U8 => DType::I8,
        1 => DType::U8,
        _ => made.dtype,
    };
    draw.parameters(&mut made, class, 10);
    made
}

/// Where the order of roundings decides.
fn near_ties(level: Level, seed: u64, depthwise: bool) -> Vec<CaseId> {
    // Their own stream: these draws must not shift the other cases.
    let mut draw = Draw::new(seed.wrapping_add(2 + u64::from(depthwise)), Op::Conv);
    (0..count(level, 36))
        .map(|i| {
            let rank = [2, 1, 2, 3][i % 4];
            let mut shape = image(&mut draw, rank, 5);
            if i % 4 == 0 {
                // Of its own in each dimension.
                shape.kernel[1] = shape.kernel[1].max(2);
                shape.dilation[1] = shape.dilation[0] + 1;
                shape.input[1] += shape.dilation[1] * shape.kernel[1];
            }
            let channels = draw.between(2, 40);
            if depthwise {
                (shape.channels, shape.groups) = (channels, channels);
                shape.out_channels = Some(channels);
            } else {
                shape.channels = draw.between(1, 8);
                shape.out_channels = Some(channels);
            }
            let mut made = finish(&mut draw, shape, DataClass::NearTies);
            made.output = made.dtype;
            // A zero point that is added before rounding rounds last bits away, unless it is 0.
            made.zero_points.0[2] = match i / 4 % 2 {
                0 => Zero::One(0),
                _ => draw.middle_zero(made.output),
            };
            if i % 3 != 2 {
                made.bias = BiasKind::F32;
            }
            id(made)
        })
        .collect()
}

pub(super) fn conv(level: Level, seed: u64) -> Vec<CaseId> {
    let mut draw = Draw::new(seed, Op::Conv);
    let mut cases = Vec::new();
    for i in 0..count(level, 490) {
        let class = CLASSES[i % CLASSES.len()];
        let (rank, most) = match i / 7 % 5 {
            0 => (1, 40),
            1 => (3, 5),
            _ => (2, 9),
        };
        let mut shape = image(&mut draw, rank, most);
        match i / 35 % 7 {
            // Groups with several channels each.
            0 => {
                shape.groups = draw.pick(&[2, 3, 4, 8]);
                shape.channels = shape.groups * draw.pick(&[2, 3, 4, 5, 8, 16]);
                shape.out_channels = Some(shape.groups * draw.pick(&[1, 2, 4, 7, 8]));
            }
            // The first layer of networks: 1 or 3 channels.
            1 => {
                shape.channels = draw.pick(&[1, 3]);
                shape.out_channels = Some(draw.pick(&[8, 16, 24]));
            }
            // Pointwise.
            2 => {
                shape.kernel.fill(1);
                shape.dilation.fill(1);
                shape.pad_begin.fill(0);
                shape.pad_end.fill(0);
                shape.channels = draw.between(1, 70);
                shape.out_channels = Some(draw.between(1, 40));
            }
            // Wide in output channels.
            3 => {
                shape.channels = draw.between(1, 9);
                shape.out_channels = Some(draw.pick(&[31, 32, 33, 63, 64, 65, 70]));
            }
            _ => {
                shape.channels = draw.between(1, 34);
                shape.out_channels = Some(draw.between(1, 35));
            }
        }
        if i % 97 == 96 {
            shape.batch = 0;
        }
        cases.push(id(finish(&mut draw, shape, class)));
    }
    // Two outputs a channel, which some engines run as depthwise.
    for i in 0..count(level, 14) {
        let class = CLASSES[i % CLASSES.len()];
        let shape = of_networks(&mut draw, 2, 2);
        cases.push(id(finish(&mut draw, shape, class)));
    }
    cases.extend(near_ties(level, seed, false));
    if level != Level::Smoke {
        let large: &[(usize, usize, usize, usize)] = match level {
            Level::Exhaustive => &[(28, 64, 64, 3), (14, 256, 256, 3), (56, 3, 64, 7)],
            _ => &[(14, 48, 64, 3), (24, 3, 32, 5)],
        };
        for &(size, channels, out, kernel) in large {
            let shape = ImageShape {
                batch: 1,
                input: vec![size; 2],
                channels,
                out_channels: Some(out),
                kernel: vec![kernel; 2],
                stride: vec![1; 2],
                pad_begin: vec![kernel / 2; 2],
                pad_end: vec![kernel / 2; 2],
                dilation: vec![1; 2],
                groups: 1,
            };
            for class in [DataClass::Uniform, DataClass::Saturating] {
                cases.push(id(finish(&mut draw, shape.clone(), class)));
            }
        }
    }
    cases
}

pub(super) fn depthwise(level: Level, seed: u64) -> Vec<CaseId> {
    // Its own stream: conv's draws must not shift these.
    let mut draw = Draw::new(seed.wrapping_add(1 << 32), Op::Conv);
    let mut cases = Vec::new();
    for i in 0..count(level, 280) {
        let class = CLASSES[i % CLASSES.len()];
        let (rank, most) = match i / 7 % 8 {
            0 => (1, 30),
            1 => (3, 4),
            _ => (2, 9),
        };
        let mut shape = image(&mut draw, rank, most);
        let channels = match i / 7 % 3 {
            0 => 2 + i % 70,
            1 => draw.between(2, 40),
            _ => draw.pick(&[8, 16, 31, 32, 33, 63, 64, 65, 96]),
        };
        shape.channels = channels;
        shape.out_channels = Some(channels);
        shape.groups = channels;
        cases.push(id(finish(&mut draw, shape, class)));
    }
    // The shapes of networks, for which engines have kernels of their own, which may sum in
    // another way than their kernels for the rest.
    for i in 0..count(level, 56) {
        let class = CLASSES[i % CLASSES.len()];
        let shape = of_networks(&mut draw, if i / 7 % 4 == 3 { 3 } else { 2 }, 1);
        cases.push(id(finish(&mut draw, shape, class)));
    }
    cases.extend(near_ties(level, seed, true));
    cases
}
