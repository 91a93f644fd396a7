//! Bounds of codes, relu, tables, and statistics of the wrong values.

use qassay_golden::spec::{Activation, ObserverKind, OpSpec};
use qassay_golden::tensor::{DType, Data, Tensor};

use super::parameters::prepared;
use super::sources::*;
use super::{FBGEMM, GEMM, ONEDNN, PRODUCTS, Place, QNNPACK, Table};
use crate::mutants::answer::Answer;
use crate::mutants::kernels;
use crate::mutants::parts;
use crate::mutants::subject::Fault;

/// Ops with fused relu, or relu alone.
const CLAMPED: &[&str] = &["linear", "conv", "depthwise", "requantize"];

pub fn add(table: &mut Table) {
    codes(table);
    statistics(table);
}

fn after(spoil: impl Fn(&mut Answer<'_, '_>) + Send + Sync + 'static) -> Fault {
    Fault::After(Box::new(spoil))
}

fn codes(table: &mut Table) {
    let clamped: &[Place] = &[
        (FBGEMM, CLAMPED),
        (ONEDNN, CLAMPED),
        (
            QNNPACK,
            &["linear", "conv", "depthwise", "requantize", "add"],
        ),
    ];
    table.row(
        "relu-dropped",
        clamped,
        "a fused relu is left out",
        Some(RELU_DROPPED),
        || prepared(|op, _| parts::relu(op, |_| false)),
    );
    table.row(
        "relu-everywhere",
        clamped,
        "a relu is applied where there is none",
        None,
        || prepared(|op, _| parts::relu(op, |_| true)),
    );
    table.row(
        "relu-at-zero",
        &[
            (FBGEMM, PRODUCTS),
            (ONEDNN, PRODUCTS),
            (QNNPACK, &["linear", "conv", "depthwise", "add", "relu"]),
        ],
        "relu holds codes at 0 instead of at the zero point",
        Some(RELU_AT_ZERO),
        || Fault::Instead(kernels::relu_at_zero()),
    );
    let bounded: &[Place] = &[
        (
            QNNPACK,
            &[
                "linear", "add", "relu", "clamp", "sigmoid", "tanh", "avg-pool", "max-pool",
            ],
        ),
        (ONEDNN, &["linear", "quantize"]),
    ];
    table.row(
        "highest-code-lost",
        bounded,
        "the highest code comes out as the one below",
        None,
        || {
            after(|answer| {
                if let Some((_, high)) = answer.range() {
                    answer.codes(|_, _, code| code.min(high - 1));
                }
            })
        },
    );
    table.row(
        "lowest-code-lost",
        bounded,
        "the lowest code comes out as the one above",
        None,
        || {
            after(|answer| {
                if let Some((low, _)) = answer.range() {
                    answer.codes(|_, _, code| code.max(low + 1));
                }
            })
        },
    );
    table.row(
        "symmetric-codes",
        &[
            (QNNPACK, &["relu", "max-pool", "linear"]),
            (ONEDNN, &["quantize"]),
        ],
        "the code -128 comes out as -127",
        None,
        || after(|answer| answer.codes(|_, _, code| if code == -128 { -127 } else { code })),
    );
    table.row(
        "bounds-beside",
        &[(QNNPACK, &["clamp"])],
        "the upper bound is one too high",
        None,
        || {
            prepared(|op, _| {
                if let OpSpec::Clamp(spec) = op {
                    let high = if spec.dtype == DType::I8 { 127 } else { 255 };
                    spec.high = (spec.high + 1).min(high);
                }
            })
        },
    );
    table.row(
        "lower-bound-beside",
        &[(QNNPACK, &["clamp"])],
        "the lower bound is one too high",
        None,
        || {
            prepared(|op, _| {
                if let OpSpec::Clamp(spec) = op {
                    spec.low = (spec.low + 1).min(spec.high);
                }
            })
        },
    );
    table.row(
        "range-ignored",
        &[
            (FBGEMM, &["quantize"]),
            (ONEDNN, &["quantize"]),
            (QNNPACK, &["quantize"]),
        ],
        "a range of codes narrower than the type's is not looked at",
        None,
        || {
            prepared(|op, _| {
                if let OpSpec::Quantize(spec) = op {
                    spec.range = None;
                }
            })
        },
    );
    table.row(
        "one-table-entry",
        &[(QNNPACK, &["sigmoid", "tanh"])],
        "one entry of the table of codes is one off",
        None,
        || {
            after(|answer| {
                let input = crate::mutants::answer::dense(&answer.inputs[0]);
                let columns = answer.columns();
                answer.codes(|row, column, code| {
                    let odd = input.data().code(row * columns + column) == 100;
                    if odd { code ^ 1 } else { code }
                });
            })
        },
    );
    table.row(
        "table-of-last-code",
        &[(QNNPACK, &["sigmoid", "tanh"])],
        "the table's last entry repeats the one before it",
        None,
        || {
            Fault::Inputs(Box::new(|_, inputs| {
                let Some(input) = inputs.first_mut() else {
                    return;
                };
                let codes = (0..input.len()).map(|at| input.data().code(at));
                let last = if input.dtype() == DType::I8 { 127 } else { 255 };
                let codes: Vec<i64> = codes.map(|code| code.min(last - 1)).collect();
                let data = Data::from_codes(input.dtype(), codes);
                *input = Tensor::new(input.shape(), data).expect("as many codes as before");
            }))
        },
    );
}

fn statistics(table: &mut Table) {
    let observers: &[Place] = &[(FBGEMM, &["observers"])];
    table.row(
        "average-for-extremes",
        observers,
        "a running range is averaged",
        None,
        || {
            prepared(|op, _| {
                if let OpSpec::Observe(spec) = op {
                    spec.kind = match spec.kind {
                        ObserverKind::MinMax => ObserverKind::MovingAverage,
                        ObserverKind::PerChannelMinMax => ObserverKind::PerChannelMovingAverage,
                        other => other,
                    };
                }
            })
        },
    );
    table.row(
        "extremes-for-average",
        observers,
        "an averaged range takes in each batch whole",
        None,
        || {
            prepared(|op, _| {
                if let OpSpec::Observe(spec) = op {
                    spec.kind = match spec.kind {
                        ObserverKind::MovingAverage => ObserverKind::MinMax,
                        ObserverKind::PerChannelMovingAverage => ObserverKind::PerChannelMinMax,
                        other => other,
                    };
                }
            })
        },
    );
    table.row(
        "last-batch-dropped",
        observers,
        "the last batch is not looked at",
        None,
        || Fault::Instead(kernels::without_last_batch()),
    );
    let real: &[Place] = &[
        (FBGEMM, &["observers", "quantize"]),
        (QNNPACK, &["quantize"]),
    ];
    table.row(
        "nan-dropped",
        real,
        "NaN is taken to be 0",
        Some(NAN_TO_CODE),
        || reals(|x| if x.is_nan() { 0.0 } else { x }),
    );
    table.row(
        "infinities-held",
        observers,
        "infinities are held to the greatest f32",
        Some(INFINITE_STEPS),
        || reals(|x| x.clamp(f32::MIN, f32::MAX)),
    );
    table.row(
        "negative-zero-lost",
        observers,
        "-0 is taken to be 0",
        None,
        || reals(|x| if x == 0.0 { 0.0 } else { x }),
    );
    table.row(
        "reals-in-16-bits",
        &[(
            FBGEMM,
            &[
                "quantize",
                "observers",
                "linear-dynamic",
                "linear-weight-only",
            ],
        )],
        "values pass through 16 bits (bf16)",
        None,
        || reals(|x| f32::from_bits(x.to_bits() & 0xffff_0000)),
    );
    table.row("last-value-not-in-range", &[(FBGEMM, &["linear-dynamic"]), (ONEDNN, &["linear-dynamic"]), (QNNPACK, &["linear-dynamic"])], "the last value does not count when a range is chosen", None, || {
        Fault::Inputs(Box::new(|op, inputs| {
            let dynamic = matches!(op, OpSpec::Linear(spec) if matches!(spec.activation, Activation::Dynamic { .. }));
            if let (true, Some(input)) = (dynamic, inputs.first_mut())
                && let Data::F32(values) = input.data()
                && let Some((last, rest)) = values.split_last()
            {
                let (mut low, mut high) = (0.0f32, 0.0f32);
                for &value in rest {
                    (low, high) = (low.min(value), high.max(value));
                }
                let mut values = rest.to_vec();
                values.push(last.clamp(low, high));
                *input = Tensor::new(input.shape(), Data::F32(values)).expect("as many values");
            }
        }))
    });
    table.row(
        "range-of-magnitudes",
        &[
            (FBGEMM, &["linear-dynamic"]),
            (ONEDNN, &["linear-dynamic"]),
            (QNNPACK, &["linear-dynamic"]),
        ],
        "the range of values is taken to lie symmetrically around 0",
        None,
        || Fault::Instead(kernels::symmetric_range()),
    );
    table.row(
        "reduce-range-turned",
        &[(FBGEMM, &["linear-dynamic"]), (ONEDNN, &["linear-dynamic"])],
        "a reduced range is taken where a whole one is asked for, and the other way round",
        None,
        || {
            prepared(|op, _| {
                if let OpSpec::Linear(spec) = op
                    && let Activation::Dynamic { reduce_range } = &mut spec.activation
                {
                    *reduce_range = !*reduce_range;
                }
            })
        },
    );
    table.row(
        "stale-parameters",
        &[
            (FBGEMM, &["linear-dynamic"]),
            (ONEDNN, &["linear-dynamic"]),
            (QNNPACK, &["linear-dynamic"]),
        ],
        "parameters that the first run chose are kept for all later ones",
        Some(STALE_PARAMETERS),
        || Fault::Instead(kernels::stale_parameters()),
    );
    table.row(
        "stale-packing",
        &[(FBGEMM, GEMM), (ONEDNN, GEMM), (QNNPACK, GEMM)],
        "weights packed earlier for an op of the same sizes are used again",
        Some(STALE_PACKING),
        || Fault::Instead(kernels::stale_constants()),
    );
}

/// A fault of f32 inputs.
fn reals(change: impl Fn(f32) -> f32 + Send + Sync + 'static) -> Fault {
    Fault::Inputs(Box::new(move |_, inputs| {
        for input in inputs {
            if let Data::F32(values) = input.data() {
                let values = values.iter().map(|&x| change(x)).collect();
                *input = Tensor::new(input.shape(), Data::F32(values)).expect("as many values");
            }
        }
    }))
}
