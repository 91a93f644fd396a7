//! The range of a histogram that quantizes with the least error: PyTorch's
//! `_non_linear_param_search` and `_compute_quantization_error`.
//!
//! Upstream's last step sums 2048 f32 in an order that its build chooses; here
//! they are summed in f64. Two candidate ranges would have to have errors equal
//! to about 7 digits for that to matter.

/// How much mass each step of the search gives up on one side.
const STEP: f64 = 1e-5;

/// The range that the search chooses for `levels` output codes (256 for 8 bits), from a
/// histogram: its least and greatest value and its bins.
pub fn search_range((min, max): (f32, f32), bins: &[f32], levels: usize) -> (f32, f32) {
    let bin_width = (max - min) / bins.len() as f32;
    let cumulative = cumulative(bins);
    let total = f64::from(bins.iter().map(|&bin| f64::from(bin)).sum::<f64>() as f32);
    let (mut alpha, mut beta) = (0.0f64, 1.0f64);
    let (mut start, mut end) = (0, bins.len() - 1);
    let mut least_error = f64::INFINITY;
    while alpha < beta {
        let (next_alpha, next_beta) = (alpha + STEP, beta - STEP);
        let mut left = start;
        while left < end && f64::from(cumulative[left]) < next_alpha * total {
            left += 1;
        }
        let mut right = end;
        while right > start && f64::from(cumulative[right]) > next_beta * total {
            right -= 1;
        }
        let (mut next_start, mut next_end) = (start, end);
        if left - start > end - right {
            next_start = left;
            alpha = next_alpha;
        } else {
            next_end = right;
            beta = next_beta;
        }
        if (next_start, next_end) == (start, end) {
            continue;
        }
        let error = quantization_error((min, max), bins, (next_start, next_end), levels);
        if error > least_error {
            break;
        }
        least_error = error;
        (start, end) = (next_start, next_end);
    }
    (
        min + bin_width * start as f32,
        min + bin_width * (end + 1) as f32,
    )
}

/// Running sums, added in f64 and kept in f32 (torch.cumsum on f32).
fn cumulative(bins: &[f32]) -> Vec<f32> {
    let mut sum = 0.0f64;
    (bins.iter())
        .map(|&bin| {
            sum += f64::from(bin);
            sum as f32
        })
        .collect()
}

/// The squared error when codes span the bins `first..=last`.
fn quantization_error(
    (min, max): (f32, f32),
    bins: &[f32],
    (first, last): (usize, usize),
    levels: usize,
) -> f64 {
    let bin_width = (f64::from(max) - f64::from(min)) / bins.len() as f64;
    let code_width = bin_width * (last as f64 - first as f64 + 1.0) / levels as f64;
    if code_width == 0.0 {
        return 0.0;
    }
    let (bin_width, code_width, half) = (
        bin_width as f32,
        code_width as f32,
        (code_width / 2.0) as f32,
    );
    let code_of =
        |position: f32| floor_divide(position, code_width).clamp(0.0, (levels - 1) as f32);
    let whole = cube_difference(-half, half);
    (bins.iter().enumerate())
        .map(|(bin, &count)| {
            let begin = (bin as f32 - first as f32) * bin_width;
            let end = begin + bin_width;
            let (code_begin, code_end) = (code_of(begin), code_of(end));
            let density = count / bin_width;
            let head = density * cube_difference(begin - (code_begin + 0.5) * code_width, half);
            let middle = (code_end - code_begin - 1.0) * (density * whole);
            let tail = density * cube_difference(-half, end - (code_end * code_width + half));
            f64::from(head + middle + tail)
        })
        .sum()
}

/// ∫ t² dt from `begin` to `end`, as upstream orders it: the division by 3 comes first.
fn cube_difference(begin: f32, end: f32) -> f32 {
    (end * end * end - begin * begin * begin) / 3.0
}

/// torch.div(..., rounding_mode="floor") in f32.
fn floor_divide(a: f32, b: f32) -> f32 {
    let remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder != 0.0 && (b < 0.0) != (remainder < 0.0) {
        quotient -= 1.0;
    }
    let floor = quotient.floor();
    if quotient - floor > 0.5 {
        floor + 1.0
    } else {
        floor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::{Histogram, Observer};

    fn search_range(histogram: &Histogram, levels: usize) -> (f32, f32) {
        super::search_range(histogram.range(), histogram.bins(), levels)
    }

    #[test]
    fn an_outlier_is_cut_off_and_a_flat_histogram_is_not() {
        let mut outlier = Histogram::default();
        let mut values: Vec<f32> = (0..20_000).map(|i| (i % 1000) as f32 / 1000.0).collect();
        outlier.observe(&values);
        let flat = search_range(&outlier, 256);
        assert!(flat.0 <= 0.01 && flat.1 >= 0.98, "{flat:?}");
        values.push(4.0);
        let mut histogram = Histogram::default();
        histogram.observe(&values);
        // With 256 codes the outlier's own error outweighs the finer steps, with 16 it does not.
        assert!(search_range(&histogram, 256).1 > 3.9);
        let (low, high) = search_range(&histogram, 16);
        assert!(low == 0.0 && high < 1.1, "{low} {high}");
    }

    #[test]
    fn a_constant_keeps_its_value() {
        let mut histogram = Histogram::default();
        histogram.observe(&[3.0; 10]);
        assert_eq!(search_range(&histogram, 256), (3.0, 3.0));
    }

    #[test]
    fn floor_division_rounds_down() {
        assert_eq!(floor_divide(-1.0, 4.0), -1.0);
        assert_eq!(floor_divide(7.5, 2.5), 3.0);
        assert_eq!(floor_divide(7.0, 2.5), 2.0);
    }
}
