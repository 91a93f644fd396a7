//! The least and greatest value of all batches.

use super::Observer;

/// MinMaxObserver: running minimum and maximum. NaN stays, as in torch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinMax {
    min: f32,
    max: f32,
}

impl Default for MinMax {
    fn default() -> Self {
        Self {
            min: f32::INFINITY,
            max: f32::NEG_INFINITY,
        }
    }
}

impl Observer for MinMax {
    fn observe(&mut self, batch: &[f32]) {
        if let Some((min, max)) = min_max(batch) {
            self.min = least(self.min, min);
            self.max = greatest(self.max, max);
        }
    }

    fn range(&self) -> (f32, f32) {
        (self.min, self.max)
    }
}

/// Least and greatest of a batch, NaN if it holds one; `None` if it is empty (torch.aminmax).
pub(super) fn min_max(batch: &[f32]) -> Option<(f32, f32)> {
    let first = *batch.first()?;
    Some((batch.iter()).fold((first, first), |(min, max), &value| {
        (least(min, value), greatest(max, value))
    }))
}

/// The lesser, NaN if either is (torch.min). −0 is less than 0, so that the order
/// of values does not matter.
pub(super) fn least(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else if a == b {
        f32::from_bits(a.to_bits() | b.to_bits())
    } else {
        a.min(b)
    }
}

/// The greater, NaN if either is (torch.max). 0 is greater than −0.
pub(super) fn greatest(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else if a == b {
        f32::from_bits(a.to_bits() & b.to_bits())
    } else {
        a.max(b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_have_an_order() {
        for batch in [[0.0, -0.0], [-0.0, 0.0]] {
            let mut observer = MinMax::default();
            observer.observe(&batch);
            let (min, max) = observer.range();
            assert!(min.is_sign_negative() && max.is_sign_positive());
        }
    }

    #[test]
    fn the_range_only_grows_and_nan_stays() {
        let mut observer = MinMax::default();
        observer.observe(&[]);
        assert_eq!(observer.range(), (f32::INFINITY, f32::NEG_INFINITY));
        observer.observe(&[1.0, -2.0]);
        observer.observe(&[0.5, 3.0]);
        assert_eq!(observer.range(), (-2.0, 3.0));
        observer.observe(&[f32::NAN]);
        assert!(observer.range().0.is_nan() && observer.range().1.is_nan());
    }
}
