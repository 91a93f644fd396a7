//! A moving average of each batch's greatest |x|, weighted from the first batch on.
//!
//! Source: Paddle phi/kernels/funcs/fake_quantize_functor.h
//! (FindMovingAverageAbsMaxFunctor).

use super::greatest_abs;

/// Threshold, state and accum after all batches.
pub(super) fn threshold(rate: f32, state: f32, accum: f32, batches: &[&[f32]]) -> [f64; 3] {
    let (mut state, mut accum) = (state, accum);
    for batch in batches {
        state = rate * state + 1.0;
        accum = rate * accum + greatest_abs(batch);
    }
    [accum / state, state, accum].map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_batch_counts_whole_and_older_ones_less() {
        let batches: &[&[f32]] = &[&[-4.0, 1.0], &[2.0]];
        assert_eq!(threshold(0.5, 0.0, 0.0, &batches[..1]), [4.0, 1.0, 4.0]);
        // (4 / 2 + 2) / (1 / 2 + 1)
        assert_eq!(
            threshold(0.5, 0.0, 0.0, batches)[0],
            f64::from(4.0f32 / 1.5)
        );
        assert_eq!(
            threshold(0.5, 1.0, 8.0, &batches[..1]),
            [f64::from(8.0f32 / 1.5), 1.5, 8.0]
        );
    }
}
