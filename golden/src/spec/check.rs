//! Whether a spec asks for something that can be. A spec that is read from a file is checked
//! there, and the reference checks what it is given, so that shapes may be computed from it.

use super::sliding::lists;
use super::{Calibrator, FloatOp, ObserverKind, OpSpec};
use crate::tensor::{DType, len};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why there can be no such op.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A list has not an entry for each spatial dimension.
    #[error("{list} has {entries} dimensions, the kernel has {kernel}")]
    Dimensions {
        /// which list
        list: &'static str,
        /// how many entries it has
        entries: usize,
        /// how many the kernel has
        kernel: usize,
    },
    /// A size that must be at least 1 is 0.
    #[error("{list} must be at least 1 in each dimension")]
    Zero {
        /// which list it stands in
        list: &'static str,
    },
    /// A size is beyond what can be computed with.
    #[error("{list} has an entry of {size}, which is more than 2^31")]
    Beyond {
        /// which list it stands in
        list: &'static str,
        /// the size
        size: usize,
    },
    /// A window has too many positions.
    #[error("kernel {kernel:?} has more than {greatest} positions")]
    Positions {
        /// size of the window
        kernel: Vec<usize>,
        /// the greatest number
        greatest: usize,
    },
    /// Groups do not divide the channels.
    #[error("{groups} groups do not divide {inputs} input and {outputs} output channels")]
    Groups {
        /// groups
        groups: usize,
        /// input channels
        inputs: usize,
        /// output channels
        outputs: usize,
    },
    /// An axis is not one of the tensor's.
    #[error("axis {axis} does not exist in shape {shape:?}")]
    Axis {
        /// the axis
        axis: usize,
        /// the shape
        shape: Vec<usize>,
    },
    /// A tensor would have too many values.
    #[error("{tensor} of shape {shape:?} has more than 2^{} values", GREATEST_LEN.ilog2())]
    TooLarge {
        /// which tensor
        tensor: &'static str,
        /// its shape
        shape: Vec<usize>,
    },
    /// A count is beyond what can be computed with.
    #[error("{what}: {count} is more than {greatest}")]
    TooMany {
        /// what is counted
        what: &'static str,
        /// how many were asked for
        count: usize,
        /// the greatest number
        greatest: usize,
    },
    /// Outputs of many values follow from inputs without any.
    #[error("the inputs hold no value, but an output of shape {shape:?} has more than 2^{}", FROM_NOTHING.ilog2())]
    FromNothing {
        /// shape of the output
        shape: Vec<usize>,
    },
}

/// The greatest number of values of a tensor.
const GREATEST_LEN: usize = 1 << 36;

/// The greatest number of batches, and of bins of a histogram.
const GREATEST_COUNT: usize = 1 << 24;

/// The greatest number of values of an output where inputs have none (sums over nothing).
const FROM_NOTHING: usize = 1 << 20;

impl OpSpec {
    /// Checks that windows, groups and axes can be, and that tensors have a size that can be
    /// counted. What else an op asks of its types and parameters, the reference says.
    ///
    /// # Errors
    /// Says what is wrong with the spec.
    pub fn check(&self) -> Result<(), SpecError> {
        let groups = |groups: usize, inputs: usize, outputs: usize| {
            if groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups) {
                return Ok(());
            }
            Err(SpecError::Groups {
                groups,
                inputs,
                outputs,
            })
        };
        match self {
            Self::Conv(s) => {
                s.sliding().check()?;
                groups(s.groups, s.in_channels, s.out_channels)?;
            }
            Self::Float(FloatOp::Conv(s)) => {
                s.sliding().check()?;
                groups(s.groups, s.in_channels, s.out_channels)?;
            }
            Self::Float(FloatOp::AvgPool(s)) => s.sliding().check()?,
            Self::AvgPool(s) | Self::MaxPool(s) => s.sliding().check()?,
            Self::ConvTranspose(s) => lists(
                &s.kernel,
                &[
                    ("input", Some(&s.input)),
                    ("stride", Some(&s.stride)),
                    ("pad_begin", Some(&s.pad_begin)),
                    ("pad_end", Some(&s.pad_end)),
                    ("dilation", Some(&s.dilation)),
                ],
            )?,
            Self::Observe(s) => {
                counted("batches", s.batches)?;
                counted("bins", s.kind.bins().unwrap_or(0))?;
                let per_channel = matches!(
                    s.kind,
                    ObserverKind::PerChannelMinMax | ObserverKind::PerChannelMovingAverage
                );
                if per_channel && s.axis >= s.shape.len() {
                    return Err(SpecError::Axis {
                        axis: s.axis,
                        shape: s.shape.clone(),
                    });
                }
            }
            Self::Calibrate(s) => {
                counted("batches", s.batches)?;
                if let Calibrator::Histogram { collect, .. } = s.calibrator {
                    counted("bins", collect.bins())?;
                }
            }
            Self::Concat(s) => {
                let whole = (s.sizes.iter()).try_fold(0usize, |sum, &size| sum.checked_add(size));
                if whole.is_none() {
                    return Err(SpecError::TooLarge {
                        tensor: "output",
                        shape: s.sizes.clone(),
                    });
                }
            }
            _ => {}
        }
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let values = (sized("input", &inputs)?, sized("output", &outputs)?);
        match outputs
            .iter()
            .find(|(shape, _)| len(shape) > Some(FROM_NOTHING))
        {
            Some((shape, _)) if values.0 == 0 => Err(SpecError::FromNothing {
                shape: shape.clone(),
            }),
            _ => Ok(()),
        }
    }
}

fn counted(what: &'static str, count: usize) -> Result<(), SpecError> {
    if count <= GREATEST_COUNT {
        return Ok(());
    }
    Err(SpecError::TooMany {
        what,
        count,
        greatest: GREATEST_COUNT,
    })
}

/// How many values tensors have together.
fn sized(tensor: &'static str, tensors: &[(Vec<usize>, DType)]) -> Result<usize, SpecError> {
    let lens = tensors.iter().map(|(shape, _)| {
        (len(shape).filter(|&len| len <= GREATEST_LEN)).ok_or_else(|| SpecError::TooLarge {
            tensor,
            shape: shape.clone(),
        })
    });
    lens.sum()
}

impl Serialize for OpSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for OpSpec {
    /// Reads a spec that can be: see [`OpSpec::check`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spec = Self::deserialize(deserializer)?;
        spec.check().map_err(serde::de::Error::custom)?;
        Ok(spec)
    }
}
