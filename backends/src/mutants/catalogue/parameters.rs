//! Parameters: zero points left out, scales and biases of another channel.

use qassay_golden::spec::OpSpec;
use qassay_golden::tensor::DType;

use super::sources::*;
use super::{FBGEMM, ONEDNN, PRODUCTS, Place, QNNPACK, Table};
use crate::mutants::kernels;
use crate::mutants::parts;
use crate::mutants::subject::Fault;

const ALL: &[Place] = &[(FBGEMM, PRODUCTS), (ONEDNN, PRODUCTS), (QNNPACK, PRODUCTS)];
/// Weights have zero points here.
const WITH_ZERO_POINTS: &[Place] = &[(FBGEMM, PRODUCTS), (QNNPACK, PRODUCTS)];

pub fn add(table: &mut Table) {
    zero_points(table);
    scales(table);
    biases(table);
}

/// A fault of spec and constants.
pub fn prepared(
    change: impl Fn(&mut OpSpec, &mut qassay_golden::spec::Constants) + Send + Sync + 'static,
) -> Fault {
    Fault::Prepare(Box::new(change))
}

fn zero_points(table: &mut Table) {
    table.row(
        "weight-zero-point-ignored",
        WITH_ZERO_POINTS,
        "zero points of weights are taken to be 0",
        None,
        || prepared(|op, _| parts::weight_zero_points(op, |_| 0)),
    );
    table.row(
        "weight-zero-point-negated",
        WITH_ZERO_POINTS,
        "zero points of weights are added where they ought to be taken off",
        None,
        || prepared(|op, _| parts::weight_zero_points(op, |z| -z)),
    );
    table.row(
        "weight-zero-point-of-first",
        WITH_ZERO_POINTS,
        "the zero point of the first channel's weights serves all",
        Some(CHANNEL_SCALES),
        || {
            prepared(|op, _| {
                parts::channels(op, |channel, all| qassay_golden::spec::QParams {
                    zero_point: all[0].zero_point,
                    ..all[channel]
                });
            })
        },
    );
    table.row(
        "input-zero-point-ignored",
        ALL,
        "the zero point of activations is taken to be 0",
        Some(COMPENSATION),
        || prepared(|op, _| parts::activation(op, |_, qparams| qparams.zero_point = 0)),
    );
    table.row(
        "input-zero-point-signed",
        ALL,
        "the zero point of activations is read as the other type of 8 bits",
        Some(ZERO_POINT_OF_8_BITS),
        || {
            prepared(|op, _| {
                parts::activation(op, |dtype, qparams| {
                    qparams.zero_point = match dtype {
                        DType::U8 if qparams.zero_point > 127 => qparams.zero_point - 128,
                        DType::I8 if qparams.zero_point < 0 => qparams.zero_point + 128,
                        _ => qparams.zero_point,
                    };
                });
            })
        },
    );
    table.row(
        "input-zero-point-beside",
        ALL,
        "the zero point of activations is one off",
        None,
        || {
            prepared(|op, _| {
                parts::activation(op, |_, qparams| {
                    qparams.zero_point += if qparams.zero_point > 0 { -1 } else { 1 };
                });
            })
        },
    );
    let outputs: &[Place] = &[
        (
            ONEDNN,
            &["linear", "conv", "depthwise", "requantize", "quantize"],
        ),
        (
            QNNPACK,
            &[
                "linear",
                "conv",
                "depthwise",
                "requantize",
                "quantize",
                "add",
                "avg-pool",
            ],
        ),
        (FBGEMM, &["quantize", "dequantize"]),
    ];
    table.row(
        "output-zero-point-ignored",
        outputs,
        "the zero point of codes is taken to be 0",
        None,
        || prepared(|op, _| parts::output(op, |_, qparams| qparams.zero_point = 0)),
    );
    table.row(
        "zero-point-at-end-held",
        outputs,
        "a zero point at the highest code is held to the one below",
        None,
        || {
            prepared(|op, _| {
                parts::output(op, |dtype, qparams| {
                    let high = if dtype == DType::I8 { 126 } else { 254 };
                    if dtype != DType::I32 {
                        qparams.zero_point = qparams.zero_point.min(high);
                    }
                });
            })
        },
    );
}

fn scales(table: &mut Table) {
    let channels: &[Place] = &[(FBGEMM, PRODUCTS), (ONEDNN, PRODUCTS), (QNNPACK, PRODUCTS)];
    table.row(
        "scale-of-next-channel",
        channels,
        "each channel is scaled as the next one",
        Some(CHANNEL_SCALES),
        || prepared(|op, _| parts::channels(op, |channel, all| all[(channel + 1) % all.len()])),
    );
    table.row(
        "scale-of-first-channel",
        channels,
        "all channels are scaled as the first one",
        Some(CHANNEL_SCALES),
        || prepared(|op, _| parts::channels(op, |_, all| all[0])),
    );
    table.row(
        "last-channel-scale",
        channels,
        "the last channel is scaled as the one before it",
        None,
        || {
            prepared(|op, _| {
                parts::channels(op, |channel, all| {
                    let last = channel + 1 == all.len();
                    all[channel - usize::from(last && channel > 0)]
                });
            })
        },
    );
    table.row(
        "scale-of-channel-in-group",
        &[
            (FBGEMM, &["conv"]),
            (ONEDNN, &["conv"]),
            (QNNPACK, &["conv"]),
        ],
        "channels of every group are scaled as those of the first group",
        Some(GROUP_SCALES),
        || {
            prepared(|op, _| {
                let group = match op {
                    OpSpec::Conv(spec) if spec.groups > 1 => spec.out_channels / spec.groups,
                    _ => return,
                };
                parts::channels(op, |channel, all| all[channel % group.max(1)]);
            })
        },
    );
    table.row(
        "scale-past-a-vector",
        channels,
        "channels past the eighth are scaled as the eighth before them",
        None,
        || prepared(|op, _| parts::channels(op, |channel, all| all[channel % 8])),
    );
    let elements: &[Place] = &[
        (FBGEMM, &["quantize", "dequantize"]),
        (ONEDNN, &["quantize", "dequantize"]),
        (QNNPACK, &["quantize", "dequantize"]),
    ];
    table.row(
        "parameters-of-next-channel",
        elements,
        "each channel has the parameters of the next one",
        Some(CHANNEL_SCALES),
        || prepared(|op, _| parts::channels(op, |channel, all| all[(channel + 1) % all.len()])),
    );
    table.row(
        "parameters-of-first-channel",
        elements,
        "all channels have the parameters of the first one",
        None,
        || prepared(|op, _| parts::channels(op, |_, all| all[0])),
    );
    table.row(
        "multiplier-of-next-column",
        &[
            (FBGEMM, &["requantize"]),
            (ONEDNN, &["requantize"]),
            (QNNPACK, &["requantize"]),
        ],
        "each column is scaled as the next one",
        None,
        || {
            prepared(|op, _| {
                if let OpSpec::Requantize(spec) = op {
                    let by = spec.multipliers.len().min(1);
                    spec.multipliers.rotate_left(by);
                }
            })
        },
    );
    table.row(
        "scales-swapped",
        &[(QNNPACK, &["add"])],
        "the two inputs have each other's scale",
        None,
        || {
            prepared(|op, _| {
                if let OpSpec::Add(spec) = op {
                    std::mem::swap(&mut spec.a.qparams.scale, &mut spec.b.qparams.scale);
                }
            })
        },
    );
    table.row(
        "second-zero-point",
        &[(QNNPACK, &["add"])],
        "the second input has the zero point of the first",
        None,
        || {
            prepared(|op, _| {
                if let OpSpec::Add(spec) = op {
                    spec.b.qparams.zero_point = spec.a.qparams.zero_point;
                }
            })
        },
    );
    table.row(
        "scale-in-f32",
        &[(QNNPACK, PRODUCTS)],
        "the scale of activations is rounded to f32 before a bias is divided by it",
        Some(BIAS_SCALE),
        || {
            prepared(|op, _| {
                parts::activation(op, |_, qparams| {
                    qparams.scale = f64::from(qparams.scale as f32)
                });
            })
        },
    );
}

fn biases(table: &mut Table) {
    table.row("bias-dropped", ALL, "the bias is not added", None, || {
        prepared(|_, constants| parts::bias(constants, |_, _| 0.0))
    });
    table.row(
        "bias-of-next-channel",
        ALL,
        "each channel has the bias of the next one",
        Some(PADDING_AND_BIAS),
        || prepared(|_, constants| parts::bias(constants, |at, all| all[(at + 1) % all.len()])),
    );
    table.row(
        "bias-of-first-channel",
        ALL,
        "all channels have the bias of the first one",
        None,
        || prepared(|_, constants| parts::bias(constants, |_, all| all[0])),
    );
    table.row(
        "bias-of-last-dropped",
        ALL,
        "the last channel has no bias",
        None,
        || {
            prepared(|_, constants| {
                parts::bias(
                    constants,
                    |at, all| if at + 1 == all.len() { 0.0 } else { all[at] },
                );
            })
        },
    );
    table.row(
        "bias-past-a-vector",
        ALL,
        "channels past the eighth have the bias of the eighth before them",
        None,
        || prepared(|_, constants| parts::bias(constants, |at, all| all[at % 8])),
    );
    table.row("bias-twice", ALL, "the bias is added twice", None, || {
        prepared(|_, constants| {
            parts::bias(constants, |at, all| 2.0 * all[at]);
        })
    });
    let real: &[Place] = &[(FBGEMM, PRODUCTS), (ONEDNN, PRODUCTS)];
    table.row(
        "bias-rounded",
        real,
        "a real bias is rounded to steps where it is declared to stay real",
        Some(BIAS_SCALE),
        || prepared(|op, constants| parts::bias_in_steps(op, constants, f64::round_ties_even)),
    );
    table.row(
        "bias-truncated",
        &[(QNNPACK, PRODUCTS)],
        "a real bias is cut to steps where it is declared to be rounded",
        Some(BIAS_SCALE),
        || prepared(|op, constants| parts::bias_in_steps(op, constants, f64::trunc)),
    );
    table.row(
        "bias-ties-away",
        &[(QNNPACK, PRODUCTS)],
        "ties of a bias in steps are rounded away from zero",
        None,
        || prepared(|op, constants| parts::bias_in_steps(op, constants, f64::round)),
    );
    table.row(
        "bias-16",
        ALL,
        "a bias keeps 16 bits of its mantissa",
        None,
        || {
            prepared(|_, constants| {
                parts::bias(constants, |at, all| {
                    f64::from(f32::from_bits((all[at] as f32).to_bits() & !0xff))
                });
            })
        },
    );
    table.row(
        "bias-after-scaling",
        ALL,
        "the bias is rounded to output steps and added after scaling",
        Some(BIAS_SCALE),
        || Fault::Instead(kernels::bias_after_scaling()),
    );
}
