//! The mean over batches of the mean over samples of each sample's greatest |x|.
//!
//! Source: PaddleSlim quant/observers/avg.py `AVGObserverLayer`. Sums run in f32,
//! in order.

use super::greatest_abs;

/// The threshold of batches with `samples` rows each.
pub(super) fn threshold(samples: usize, batches: &[&[f32]]) -> f64 {
    let batches: Vec<f32> = (batches.iter())
        .map(|batch| {
            let row = (batch.len() / samples.max(1)).max(1);
            mean(batch.chunks(row).map(greatest_abs))
        })
        .collect();
    f64::from(mean(batches.into_iter()))
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len() as f32;
    values.fold(0.0, |sum, value| sum + value) / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_weigh_the_same_and_so_do_batches() {
        let batches: [&[f32]; 2] = [&[1.0, -3.0, 0.5, 0.5], &[8.0, 0.0, -4.0, 1.0]];
        assert_eq!(threshold(2, &batches), (1.75 + 6.0) / 2.0);
        assert_eq!(threshold(1, &batches), (3.0 + 8.0) / 2.0);
    }
}
