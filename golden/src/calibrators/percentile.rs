//! The edge at which a share of all values is reached.
//!
//! Source: NVIDIA/TensorRT tools/pytorch-quantization calib/histogram.py
//! `_compute_amax_percentile`; onnxruntime quantization/calibrate.py
//! `HistogramCollector.compute_percentile`; PaddleSlim quant/observers/hist.py
//! `PercentHistObserverLayer._cal_min_max_by_percent`.

use super::{Bins, Failure, numpy};

/// The first edge before which `percent` of all values lie, or the one after it.
pub(super) fn edge(bins: &Bins, percent: f64) -> f64 {
    let total = bins.counts.iter().sum();
    bins.edges[numpy::reached(&bins.counts, total, percent / 100.0)]
}

/// Low and high edge, within what was seen.
pub(super) fn edges_within(bins: &Bins, percent: f64, symmetric: bool) -> (f64, f64) {
    let range = if symmetric {
        let edge = edge(bins, percent);
        (-edge, edge)
    } else {
        let total = bins.counts.iter().sum();
        let cut = (100.0 - percent) / 200.0;
        let at = |share| bins.edges[numpy::reached(&bins.counts, total, share)];
        (at(cut), at(1.0 - cut))
    };
    within(range, bins.seen)
}

/// `range` cut to what was seen.
pub(super) fn within((low, high): (f64, f64), (least, greatest): (f64, f64)) -> (f64, f64) {
    (
        if low < least { least } else { low },
        if high > greatest { greatest } else { high },
    )
}

/// The threshold of the symmetric range half a bin below the bins at which `share`
/// and `1 − share` are reached.
pub(super) fn half_bin_below(bins: &Bins, share: f64) -> Result<f64, Failure> {
    let total = numpy::sum(&bins.counts);
    let (low, high) = bins.range;
    let width = (high - low) / bins.counts.len() as f64;
    let at = |share: f64| {
        let bin = numpy::reached(&bins.counts, total, share);
        if bin == bins.counts.len() {
            return Err(Failure(format!("no bin reaches a share of {share}")));
        }
        Ok(low + (bin as f64 - 0.5) * width)
    };
    Ok((-at(1.0 - share)?.min(0.0)).max(at(share)?.max(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins() -> Bins {
        Bins {
            counts: vec![1.0, 1.0, 6.0, 1.0, 1.0],
            edges: vec![-2.5, -1.5, -0.5, 0.5, 1.5, 2.5],
            range: (-2.5, 2.5),
            seen: (-1.0, 2.25),
            whole: true,
        }
    }

    #[test]
    fn shares_are_reached_at_the_left_edge() {
        assert_eq!(edge(&bins(), 80.0), -0.5);
        assert_eq!(edge(&bins(), 81.0), 0.5);
    }

    #[test]
    fn ranges_stay_within_what_was_seen() {
        assert_eq!(edges_within(&bins(), 60.0, false), (-1.0, -0.5));
        assert_eq!(edges_within(&bins(), 100.0, true), (-1.0, 1.5));
    }

    #[test]
    fn the_greater_side_is_the_threshold() {
        assert_eq!(half_bin_below(&bins(), 0.85), Ok(2.0));
    }
}
