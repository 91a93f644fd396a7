//! Which channel an element belongs to.

use super::ReferenceError;
use crate::spec::Granularity;

/// Maps an element's index to its index along the channel axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channels {
    /// elements between two steps along the axis
    inner: usize,
    /// length of the axis
    count: usize,
}

impl Channels {
    /// One channel for the whole tensor.
    pub(crate) fn one() -> Self {
        Self { inner: 1, count: 1 }
    }

    /// The channels along `axis`; `None` if `shape` has no such axis.
    pub(crate) fn along(shape: &[usize], axis: usize) -> Option<Self> {
        shape.get(axis).map(|&count| Self {
            inner: shape[axis + 1..].iter().product::<usize>().max(1),
            count: count.max(1),
        })
    }

    /// The channel of the element at `index` in row-major order.
    pub(crate) fn of(self, index: usize) -> usize {
        index / self.inner % self.count
    }
}

/// The channels of a tensor of `shape`.
///
/// # Errors
/// When the axis does not exist or has another length than there are parameters.
pub(crate) fn channels(
    granularity: &Granularity,
    shape: &[usize],
) -> Result<Channels, ReferenceError> {
    let Granularity::PerChannel { axis, qparams } = granularity else {
        return Ok(Channels { inner: 1, count: 1 });
    };
    match shape.get(*axis) {
        Some(&count) if count == qparams.len() => Ok(Channels {
            inner: shape[axis + 1..].iter().product::<usize>().max(1),
            count: count.max(1),
        }),
        _ => Err(ReferenceError::Mismatch(format!(
            "{} scales along axis {axis} do not fit shape {shape:?}",
            qparams.len()
        ))),
    }
}
