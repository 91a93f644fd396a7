//! An exponential moving average of each batch's least and greatest value.

use super::Observer;
use super::min_max::min_max;

/// The share of a new batch.
const AVERAGING_CONSTANT: f32 = 0.01;

/// MovingAverageMinMaxObserver: the first batch's range, then `m ⊕ 0.01 ⊗ (cur ⊖ m)` in f32.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MovingAverage {
    range: Option<(f32, f32)>,
}

impl Observer for MovingAverage {
    fn observe(&mut self, batch: &[f32]) {
        let Some(current) = min_max(batch) else {
            return;
        };
        self.range = Some(match self.range {
            None => current,
            Some((min, max)) => (
                min + AVERAGING_CONSTANT * (current.0 - min),
                max + AVERAGING_CONSTANT * (current.1 - max),
            ),
        });
    }

    fn range(&self) -> (f32, f32) {
        self.range.unwrap_or((f32::INFINITY, f32::NEG_INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_batch_moves_the_range_by_a_hundredth() {
        let mut observer = MovingAverage::default();
        observer.observe(&[-1.0, 1.0]);
        assert_eq!(observer.range(), (-1.0, 1.0));
        observer.observe(&[-2.0, 0.0]);
        assert_eq!(observer.range(), (-1.0 - 0.01f32, 1.0 - 0.01f32));
    }
}
