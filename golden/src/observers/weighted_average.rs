//! An exponential moving average of each batch's least and greatest value, in two products.
//!
//! Source: NNI nni/compression/quantization/qat_quantizer.py (track_min_max_val, update_ema).

use super::Observer;
use super::min_max::min_max;

/// The share of what was before.
const DECAY: f64 = 0.99;

/// The first batch's range, then `m ⊗ f32(0.99) ⊕ f32(1 − 0.99) ⊗ cur` in f32, the difference
/// in f64.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WeightedAverage {
    range: Option<(f32, f32)>,
}

impl Observer for WeightedAverage {
    fn observe(&mut self, batch: &[f32]) {
        let Some(current) = min_max(batch) else {
            return;
        };
        let (kept, new) = (DECAY as f32, (1.0 - DECAY) as f32);
        self.range = Some(match self.range {
            None => current,
            Some((min, max)) => (min * kept + new * current.0, max * kept + new * current.1),
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
    fn both_products_are_rounded() {
        // Captured from NNI 3.0; PyTorch's form gives another last bit in some of these.
        let mut observer = WeightedAverage::default();
        for (value, average) in [
            (1.2211475, 1.2211475),
            (3.3908916, 1.242845),
            (-2.9276469, 1.2011402),
        ] {
            observer.observe(&[value]);
            assert_eq!(observer.range(), (average, average));
        }
    }
}
