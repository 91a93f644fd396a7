//! Windows of convolutions and pools: padding, stride, dilation, groups, the order of kernel
//! positions.

use qassay_golden::spec::OpSpec;

use super::sources::*;
use super::{FBGEMM, ONEDNN, Place, QNNPACK, Table, WINDOWS};
use crate::mutants::kernels::{self, Padding};
use crate::mutants::parts;
use crate::mutants::subject::Fault;

const ALL: &[Place] = &[(FBGEMM, WINDOWS), (ONEDNN, WINDOWS), (QNNPACK, WINDOWS)];
const GROUPED: &[Place] = &[
    (FBGEMM, &["conv"]),
    (ONEDNN, &["conv"]),
    (QNNPACK, &["conv"]),
];

pub fn add(table: &mut Table) {
    for (name, padding, sentence, source) in [
        (
            "padding-zero",
            Padding::Zero,
            "the image is padded with the code 0 instead of the zero point",
            PADDING_BY_ZERO,
        ),
        (
            "padding-beside",
            Padding::BesideZeroPoint,
            "the image is padded with a code beside the zero point",
            PADDING_BY_ZERO,
        ),
        (
            "padding-edge",
            Padding::Edge,
            "the image is padded with the nearest pixel",
            PADDING_STALE,
        ),
        (
            "padding-other-sign",
            Padding::OtherSign,
            "the padding is the zero point read as the other type of 8 bits",
            PADDING_BY_ZERO,
        ),
        (
            "padding-last-column",
            Padding::ZeroInLastColumn,
            "the last column of the padding is 0",
            PADDING_STALE,
        ),
        (
            "padding-of-output",
            Padding::OutputZeroPoint,
            "the image is padded with the zero point of the output",
            PADDING_BY_ZERO,
        ),
    ] {
        table.row(name, ALL, sentence, Some(source), || {
            Fault::Instead(kernels::padded_copy(padding))
        });
    }
    let windows = |change: fn(&mut qassay_golden::spec::ConvSpec)| {
        Fault::Prepare(Box::new(move |op, _| parts::windows(op, change)))
    };
    table.row(
        "stride-for-dilation",
        ALL,
        "stride and dilation are taken for each other",
        Some(STRIDE_FOR_DILATION),
        || windows(|spec| std::mem::swap(&mut spec.stride, &mut spec.dilation)),
    );
    table.row(
        "dilation-ignored",
        ALL,
        "dilation is taken to be 1",
        Some(DILATION),
        || windows(|spec| spec.dilation.fill(1)),
    );
    table.row(
        "dilation-of-first",
        ALL,
        "the dilation of the first dimension serves all",
        Some(DILATION),
        || {
            windows(|spec| {
                if let Some(&first) = spec.dilation.first() {
                    spec.dilation.fill(first);
                }
            })
        },
    );
    table.row(
        "stride-ignored",
        ALL,
        "stride is taken to be 1",
        Some(STRIDE),
        || windows(|spec| spec.stride.fill(1)),
    );
    table.row(
        "strides-reversed",
        ALL,
        "the strides of the dimensions change places",
        Some(STRIDE),
        || windows(|spec| spec.stride.reverse()),
    );
    table.row(
        "padding-reversed",
        ALL,
        "the padding of the dimensions changes places",
        None,
        || windows(|spec| spec.pad_begin.reverse()),
    );
    table.row(
        "padding-behind",
        ALL,
        "the padding in front is laid behind",
        Some(PADDING_OF_EVEN_KERNELS),
        || windows(|spec| std::mem::swap(&mut spec.pad_begin, &mut spec.pad_end)),
    );
    table.row(
        "padding-shifted",
        ALL,
        "windows start one pixel further on",
        Some(PADDING_OF_EVEN_KERNELS),
        || {
            windows(|spec| {
                for pad in &mut spec.pad_begin {
                    *pad = pad.saturating_sub(1);
                }
            })
        },
    );
    table.row(
        "taps-flipped",
        ALL,
        "kernel positions are packed in reverse order",
        None,
        || {
            Fault::Prepare(Box::new(|op, constants| {
                parts::taps(op, constants, |kernel, tap| {
                    kernel.iter().product::<usize>() - 1 - tap
                });
            }))
        },
    );
    table.row(
        "taps-transposed",
        ALL,
        "kernel positions are packed column by column",
        None,
        || {
            Fault::Prepare(Box::new(|op, constants| {
                parts::taps(op, constants, |kernel, tap| match kernel {
                    [.., height, width] => {
                        let (plane, within) = (tap / (height * width), tap % (height * width));
                        plane * height * width + within % height * width + within / height
                    }
                    _ => tap,
                });
            }))
        },
    );
    table.row(
        "last-tap-dropped",
        ALL,
        "the last kernel position is left out",
        None,
        || {
            Fault::Prepare(Box::new(|op, constants| {
                let OpSpec::Conv(spec) = &*op else { return };
                let (k, channels) = (spec.k().max(1), spec.in_channels / spec.groups.max(1));
                parts::weights(
                    constants,
                    |at, weight, _| {
                        if at % k + channels >= k { 0 } else { weight }
                    },
                );
            }))
        },
    );
    table.row(
        "groups-crossed",
        GROUPED,
        "each group has the weights of the next one",
        Some(GROUPS_CROSSED),
        || {
            Fault::Prepare(Box::new(|op, constants| {
                let OpSpec::Conv(spec) = &*op else { return };
                let group = spec.out_channels / spec.groups.max(1) * spec.k();
                parts::weights(constants, |at, _, all| all[(at + group) % all.len()]);
            }))
        },
    );
    table.row(
        "last-group-crossed",
        GROUPED,
        "the last group has the weights of the first",
        Some(GROUPS_CROSSED),
        || {
            Fault::Prepare(Box::new(|op, constants| {
                let OpSpec::Conv(spec) = &*op else { return };
                let group = (spec.out_channels / spec.groups.max(1) * spec.k()).max(1);
                let last = spec.groups.saturating_sub(1);
                parts::weights(constants, |at, weight, all| {
                    if at / group == last {
                        all[at % group]
                    } else {
                        weight
                    }
                });
            }))
        },
    );
    table.row(
        "group-channels-crossed",
        GROUPED,
        "output channels of groups are interleaved",
        Some(GROUP_SCALES),
        || {
            Fault::Prepare(Box::new(|op, constants| {
                let OpSpec::Conv(spec) = &*op else { return };
                let (k, groups) = (spec.k().max(1), spec.groups.max(1));
                let per_group = (spec.out_channels / groups).max(1);
                parts::weights(constants, |at, _, all| {
                    let (channel, rest) = (at / k, at % k);
                    let from = channel % groups * per_group + channel / groups;
                    all[from * k + rest]
                });
            }))
        },
    );
    pools(table);
}

fn pools(table: &mut Table) {
    let average: &[Place] = &[(QNNPACK, &["avg-pool"])];
    table.row(
        "pool-zero-point-ignored",
        average,
        "the zero point of the input is not taken off a mean",
        Some(PADDING_OF_POOLS),
        || {
            Fault::Prepare(Box::new(|op, _| {
                parts::activation(op, |_, qparams| qparams.zero_point = 0);
            }))
        },
    );
    table.row(
        "maximum-from-zero",
        &[(QNNPACK, &["max-pool"])],
        "maxima of s8 start at 0 instead of at -128",
        None,
        || {
            Fault::After(Box::new(|answer| {
                if answer.range() == Some((-128, 127)) {
                    answer.codes(|_, _, code| code.max(0));
                }
            }))
        },
    );
    table.row(
        "pool-scales-ignored",
        average,
        "the mean keeps the codes of the input",
        None,
        || {
            Fault::Prepare(Box::new(|op, _| {
                if let OpSpec::AvgPool(spec) = op {
                    spec.output.qparams.scale = spec.activation.qparams.scale;
                }
            }))
        },
    );
}
