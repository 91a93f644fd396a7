//! Cases of choose_qparams and of the observers.

use super::draw::Draw;
use super::{Cases, problem};
use crate::spec::{ChooseQparamsSpec, ObserveSpec, ObserverKind, OpSpec, QparamsRequest};
use crate::tensor::{DType, Data};

pub(super) fn choose_qparams() -> Cases {
    let ranges: [(&str, Vec<f32>); 12] = [
        ("zero", vec![0.0, 0.0]),
        ("unit", vec![-1.0, 1.0]),
        ("positive", vec![0.25, 3.75]),
        ("negative", vec![-3.75, -0.25]),
        ("skewed", vec![-0.1, 7.3]),
        ("constant", vec![2.5, 2.5]),
        ("tiny", vec![-1e-30, 1e-30]),
        ("below-cutoff", vec![-0.003, 0.007]),
        ("subnormal", vec![0.0, f32::from_bits(3)]),
        ("large", vec![-1e30, 2e30]),
        ("half-step", vec![-127.5, 127.5]),
        ("random", Draw::new("choose_qparams").reals(4.0, 9)),
    ];
    let whole = QparamsRequest {
        dtype: DType::U8,
        range: None,
        symmetric: false,
        reduce_range: false,
    };
    let requests = [
        ("u8", whole),
        (
            "u8-reduced",
            QparamsRequest {
                reduce_range: true,
                ..whole
            },
        ),
        (
            "s8",
            QparamsRequest {
                dtype: DType::I8,
                ..whole
            },
        ),
        (
            "s8-symmetric",
            QparamsRequest {
                dtype: DType::I8,
                symmetric: true,
                ..whole
            },
        ),
        (
            "u8-symmetric",
            QparamsRequest {
                symmetric: true,
                ..whole
            },
        ),
        (
            "s8-narrow",
            QparamsRequest {
                dtype: DType::I8,
                range: Some((-127, 127)),
                symmetric: true,
                ..whole
            },
        ),
    ];
    let mut cases = Cases::new();
    for (request_name, request) in requests {
        for (range, values) in &ranges {
            let spec = ChooseQparamsSpec {
                len: values.len(),
                request,
            };
            let name = format!("{request_name}/{range}");
            let inputs = vec![Data::F32(values.clone())];
            cases.push((name, problem(OpSpec::ChooseQparams(spec), inputs)));
        }
    }
    cases
}

pub(super) fn observe() -> Cases {
    let kinds = [
        ("min-max", ObserverKind::MinMax),
        ("moving-average", ObserverKind::MovingAverage),
        ("weighted-average", ObserverKind::WeightedAverage),
        ("per-channel-min-max", ObserverKind::PerChannelMinMax),
        (
            "per-channel-moving-average",
            ObserverKind::PerChannelMovingAverage,
        ),
        ("histogram", ObserverKind::Histogram),
        ("histogram-of-16", ObserverKind::HistogramOf { bins: 16 }),
        (
            "growing-histogram",
            ObserverKind::GrowingHistogram { bins: 16 },
        ),
    ];
    let mut cases = Cases::new();
    for (kind_name, kind) in kinds {
        for (name, limits) in [("steady", [2.0, 2.0, 2.0]), ("growing", [1.0, 3.0, 7.0])] {
            let name = format!("{kind_name}/{name}");
            let mut draw = Draw::new(&name);
            let spec = ObserveSpec {
                kind,
                shape: vec![3, 5, 4],
                batches: limits.len(),
                axis: 1,
            };
            let batches = limits.map(|limit| Data::F32(draw.reals(limit, 60)));
            cases.push((name, problem(OpSpec::Observe(spec), batches.to_vec())));
        }
    }
    cases
}
