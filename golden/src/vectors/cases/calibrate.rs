//! Cases of calibrators: every way to collect and every choice, over batches
//! that stay in their range and batches that leave it.

use super::draw::Draw;
use super::{Cases, problem};
use crate::spec::{CalibrateSpec, Calibrator, Choose, Collect, Loss, OpSpec, Precision};
use crate::tensor::Data;

pub(super) fn calibrate() -> Cases {
    let mut cases = Cases::new();
    for (kind, calibrator) in calibrators() {
        for (growth, limits) in [("steady", [2.0, 2.0, 2.0]), ("growing", [1.0, 3.0, 7.0])] {
            let name = format!("{kind}/{growth}");
            // The same values for every calibrator.
            let mut draw = Draw::new(&format!("calibrate/{growth}"));
            let batches = limits.map(|limit| Data::F32(bell(&mut draw, limit)));
            cases.push((name, of(calibrator, vec![3, 4, 5], batches.to_vec())));
        }
    }
    for (name, values) in [
        ("zeros", vec![0.0; 4]),
        ("constant", vec![0.75; 4]),
        ("negative", vec![-0.25, -2.0, -0.5, -1.0]),
    ] {
        for (kind, calibrator) in calibrators() {
            let batches = vec![Data::F32(values.clone())];
            cases.push((format!("{kind}/{name}"), of(calibrator, vec![4], batches)));
        }
    }
    cases
}

fn of(calibrator: Calibrator, shape: Vec<usize>, batches: Vec<Data>) -> crate::spec::Problem {
    let calibrator = match calibrator {
        Calibrator::AbsMax {
            axis: Some(_),
            floor,
        } if shape.len() == 1 => Calibrator::AbsMax {
            axis: Some(0),
            floor,
        },
        Calibrator::LeastLossOfChannels { bits, .. } if shape.len() == 1 => {
            Calibrator::LeastLossOfChannels { axis: 0, bits }
        }
        other => other,
    };
    let spec = CalibrateSpec {
        calibrator,
        shape,
        batches: batches.len(),
    };
    problem(OpSpec::Calibrate(spec), batches)
}

/// 60 values, dense near 0: products of two draws.
fn bell(draw: &mut Draw, limit: f32) -> Vec<f32> {
    (0..60).map(|_| draw.real(1.0) * draw.real(limit)).collect()
}

fn calibrators() -> Vec<(&'static str, Calibrator)> {
    let histogram = |collect, choose| Calibrator::Histogram { collect, choose };
    let mirrored = |bins, edges| Collect::Mirrored { bins, edges };
    let means = Choose::EntropyOfMeans {
        groups: 8,
        start_bin: 8,
        stride: 1,
    };
    let within = |symmetric| Choose::PercentileWithin {
        percent: 95.0,
        symmetric,
    };
    let upper_half = |width| Choose::EntropyUpperHalf { bits: 4, width };
    let abs_max = |axis, floor| Calibrator::AbsMax { axis, floor };
    let moving = Calibrator::MovingAbsMax {
        rate: 0.9,
        state: 0.0,
        accum: 0.0,
    };
    let least_loss = |loss| Calibrator::LeastLoss { loss, bits: 4 };
    vec![
        ("abs-max", abs_max(None, 1e-7)),
        ("abs-max-per-channel", abs_max(Some(1), 0.0)),
        ("average-abs-max", Calibrator::AverageAbsMax),
        ("moving-abs-max", moving),
        ("squared-error", least_loss(Loss::SquaredError)),
        ("mean-and-deviation", least_loss(Loss::MeanAndDeviation)),
        (
            "squared-error-per-channel",
            Calibrator::LeastLossOfChannels { axis: 1, bits: 4 },
        ),
        (
            "steps-per-unit",
            Calibrator::StepsPerUnit {
                steps: 127.0,
                least: 1e-4,
            },
        ),
        (
            "entropy-of-means",
            histogram(Collect::AbsFromZero { bins: 32 }, means),
        ),
        (
            "percentile",
            histogram(
                Collect::AbsFromZero { bins: 32 },
                Choose::Percentile { percent: 95.0 },
            ),
        ),
        (
            "percentile-symmetric",
            histogram(Collect::AbsFromLeast { bins: 32 }, within(true)),
        ),
        (
            "percentile-both-sides",
            histogram(mirrored(33, Precision::F32), within(false)),
        ),
        (
            "entropy-truncated",
            histogram(
                mirrored(64, Precision::F32),
                Choose::EntropyTruncated { groups: 8 },
            ),
        ),
        (
            "entropy-single",
            histogram(
                mirrored(65, Precision::F64),
                Choose::EntropySingle { groups: 7 },
            ),
        ),
        (
            "entropy-without-first",
            histogram(
                Collect::TwoPasses { bins: 64 },
                Choose::EntropyWithoutFirst { groups: 8 },
            ),
        ),
        (
            "entropy-upper-half-abs",
            histogram(
                Collect::AbsRescaled {
                    bins: 64,
                    whole: false,
                },
                upper_half(Precision::F64),
            ),
        ),
        (
            "entropy-upper-half-whole",
            histogram(
                Collect::AbsRescaled {
                    bins: 64,
                    whole: true,
                },
                upper_half(Precision::F32),
            ),
        ),
        (
            "entropy-upper-half",
            histogram(Collect::Rescaled { bins: 64 }, upper_half(Precision::F64)),
        ),
        (
            "percentile-bin",
            histogram(
                Collect::Rescaled { bins: 64 },
                Choose::PercentileBin { share: 0.99 },
            ),
        ),
    ]
}
