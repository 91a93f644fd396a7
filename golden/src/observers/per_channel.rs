//! One observer for each index along an axis.

use super::Observer;

/// PerChannelMinMaxObserver and MovingAveragePerChannelMinMaxObserver: the
/// observer `O` on each channel's values.
#[derive(Debug, Clone, PartialEq)]
pub struct PerChannel<O> {
    channels: Vec<O>,
    inner: usize,
}

impl<O: Observer + Default> PerChannel<O> {
    /// For batches of `shape` with channels along `axis`; `None` if there is no such axis.
    pub fn new(shape: &[usize], axis: usize) -> Option<Self> {
        let channels = (0..*shape.get(axis)?).map(|_| O::default()).collect();
        Some(Self {
            channels,
            inner: shape[axis + 1..].iter().product(),
        })
    }

    /// Takes one batch in row-major order.
    pub fn observe(&mut self, batch: &[f32]) {
        let count = self.channels.len();
        if count == 0 || self.inner == 0 {
            return;
        }
        for (channel, observer) in self.channels.iter_mut().enumerate() {
            let values: Vec<f32> = (batch.chunks(self.inner).skip(channel).step_by(count))
                .flatten()
                .copied()
                .collect();
            observer.observe(&values);
        }
    }

    /// The range of each channel.
    pub fn ranges(&self) -> Vec<(f32, f32)> {
        self.channels.iter().map(Observer::range).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::MinMax;
    use super::*;

    #[test]
    fn channels_are_taken_along_the_axis() {
        let batch: Vec<f32> = (0..12u8).map(f32::from).collect();
        let ranges = |axis| {
            let mut observer = PerChannel::<MinMax>::new(&[2, 3, 2], axis).unwrap();
            observer.observe(&batch);
            observer.ranges()
        };
        assert_eq!(ranges(0), [(0.0, 5.0), (6.0, 11.0)]);
        assert_eq!(ranges(1), [(0.0, 7.0), (2.0, 9.0), (4.0, 11.0)]);
        assert_eq!(ranges(2), [(0.0, 10.0), (1.0, 11.0)]);
        assert!(PerChannel::<MinMax>::new(&[2], 1).is_none());
    }
}
