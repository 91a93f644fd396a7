//! Specs of ops on f32 that stand between dequantize and quantize in exported networks.
//! Input and output are f32.

use super::{Sliding, image_shape};
use serde::{Deserialize, Serialize};

/// An op on f32.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloatOp {
    /// see [`FloatConvSpec`]
    Conv(FloatConvSpec),
    /// the sum of two inputs of the same shape
    Add {
        /// shape of both inputs and the output
        shape: Vec<usize>,
    },
    /// max(x, 0)
    Relu {
        /// shape of input and output
        shape: Vec<usize>,
    },
    /// see [`FloatPoolSpec`]
    AvgPool(FloatPoolSpec),
    /// `[batch, spatial.., channels]` to `[batch, channels · spatial]`, channels slowest
    Flatten {
        /// shape of the input
        shape: Vec<usize>,
    },
    /// the same values
    Copy {
        /// shape of input and output
        shape: Vec<usize>,
    },
}

/// Convolution of f32. Inputs: `[batch, input.., in_channels]` and weights
/// `[out_channels, kernel.., in_channels / groups]`. Constant: a bias `[out_channels]`.
/// Output: `[batch, output.., out_channels]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloatConvSpec {
    /// images
    pub batch: usize,
    /// spatial size of the input
    pub input: Vec<usize>,
    /// input channels
    pub in_channels: usize,
    /// output channels
    pub out_channels: usize,
    /// spatial size of the kernel
    pub kernel: Vec<usize>,
    /// steps between windows
    pub stride: Vec<usize>,
    /// positions added before the first and after the last
    pub pad: Vec<usize>,
    /// steps between kernel positions
    pub dilation: Vec<usize>,
    /// groups of channels that do not mix
    pub groups: usize,
}

/// The mean of windows that lie inside the image. Input: `[batch, input.., channels]`;
/// output: `[batch, output.., channels]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloatPoolSpec {
    /// images
    pub batch: usize,
    /// spatial size of the input
    pub input: Vec<usize>,
    /// channels
    pub channels: usize,
    /// spatial size of the window
    pub kernel: Vec<usize>,
    /// steps between windows
    pub stride: Vec<usize>,
}

impl FloatOp {
    /// Its name, as files have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv(_) => "conv",
            Self::Add { .. } => "add",
            Self::Relu { .. } => "relu",
            Self::AvgPool(_) => "avg_pool",
            Self::Flatten { .. } => "flatten",
            Self::Copy { .. } => "copy",
        }
    }

    /// Shapes of the inputs.
    pub fn inputs(&self) -> Vec<Vec<usize>> {
        match self {
            Self::Conv(spec) => {
                let mut weights = vec![spec.out_channels];
                weights.extend(&spec.kernel);
                weights.push(spec.in_channels.checked_div(spec.groups).unwrap_or(0));
                let images = image_shape(spec.batch, &spec.input, spec.in_channels);
                vec![images, weights]
            }
            Self::Add { shape } => vec![shape.clone(); 2],
            Self::AvgPool(spec) => vec![image_shape(spec.batch, &spec.input, spec.channels)],
            Self::Relu { shape } | Self::Flatten { shape } | Self::Copy { shape } => {
                vec![shape.clone()]
            }
        }
    }

    /// Shape of the output.
    pub fn output(&self) -> Vec<usize> {
        match self {
            Self::Conv(spec) => image_shape(spec.batch, &spec.output_size(), spec.out_channels),
            Self::AvgPool(spec) => image_shape(spec.batch, &spec.output_size(), spec.channels),
            Self::Add { shape } | Self::Relu { shape } | Self::Copy { shape } => shape.clone(),
            Self::Flatten { shape } => {
                let batch = shape.first().copied().unwrap_or(1);
                let product = |all: usize, &size: &usize| all.saturating_mul(size);
                vec![batch, shape.iter().skip(1).fold(1, product)]
            }
        }
    }
}

impl FloatConvSpec {
    /// Its windows.
    pub(crate) fn sliding(&self) -> Sliding<'_> {
        Sliding {
            input: &self.input,
            kernel: &self.kernel,
            stride: &self.stride,
            pad_begin: Some(&self.pad),
            pad_end: Some(&self.pad),
            dilation: Some(&self.dilation),
        }
    }

    /// The spatial size of the output.
    pub fn output_size(&self) -> Vec<usize> {
        self.sliding().output_size()
    }
}

impl FloatPoolSpec {
    /// Its windows.
    pub(crate) fn sliding(&self) -> Sliding<'_> {
        Sliding {
            input: &self.input,
            kernel: &self.kernel,
            stride: &self.stride,
            pad_begin: None,
            pad_end: None,
            dilation: None,
        }
    }

    /// The spatial size of the output.
    pub fn output_size(&self) -> Vec<usize> {
        self.sliding().output_size()
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::OpSpec;

    #[test]
    fn a_flattened_shape_that_cannot_be_counted_is_refused() {
        let spec = |shape: &str| {
            let text = format!(r#"{{"float":{{"flatten":{{"shape":{shape}}}}}}}"#);
            serde_json::from_str::<OpSpec>(&text)
        };
        assert_eq!(spec("[2,3,4]").unwrap().outputs()[0].0, [2, 12]);
        // 2^32 · 2^32 is 0 modulo 2^64.
        let refused = spec("[1,4294967296,4294967296,3]").unwrap_err();
        assert!(
            refused.to_string().contains("has more than 2^36 values"),
            "{refused}"
        );
    }
}
