//! The constants of a linear or convolution, taken apart and checked.

use crate::backend::Refusal;
use qassay_golden::spec::{BiasKind, Constants, Granularity};
use qassay_golden::tensor::{DType, Data};

/// Weights, their parameters and the bias of `channels` output channels.
pub struct Products<'a> {
    /// codes, `k` per output channel
    pub weights: &'a [i8],
    /// scales and zero points
    pub granularity: &'a Granularity,
    /// f32 or s32, one value per channel
    pub bias: Option<&'a Data>,
}

impl<'a> Products<'a> {
    /// Takes `constants` apart.
    ///
    /// # Errors
    /// When they are not what an op with `channels` output channels of `k` weights asks for.
    pub fn new(
        constants: &'a Constants,
        granularity: &'a Granularity,
        bias: BiasKind,
        channels: usize,
        k: usize,
    ) -> Result<Self, Refusal> {
        let refuse = |message: String| Err(Refusal::Unsupported(message));
        let weights = match constants.weights.as_ref().map(|weights| weights.data()) {
            Some(Data::I8(codes)) if codes.len() == channels * k => codes,
            Some(Data::I8(codes)) => {
                return refuse(format!(
                    "{} weights were given, {channels} channels of {k} need {}",
                    codes.len(),
                    channels * k
                ));
            }
            Some(other) => {
                return refuse(format!("{} weights; fbgemm has s8", other.dtype().name()));
            }
            None => return refuse("weights are missing".into()),
        };
        if let Granularity::PerChannel { axis, qparams } = granularity
            && (*axis != 0 || qparams.len() != channels)
        {
            return refuse(format!(
                "{} weight scales along axis {axis}; fbgemm has one per output channel, {channels}",
                qparams.len()
            ));
        }
        let expected = match bias {
            BiasKind::None => None,
            BiasKind::F32 => Some(DType::F32),
            BiasKind::I32 => Some(DType::I32),
        };
        let given = constants.bias.as_ref().map(|bias| bias.data());
        match (expected, given) {
            (None, _) => {}
            (Some(dtype), Some(data)) if data.dtype() == dtype && data.len() == channels => {}
            (Some(dtype), _) => {
                return refuse(format!(
                    "the op asks for a bias of {channels} {} values",
                    dtype.name()
                ));
            }
        }
        Ok(Self {
            weights,
            granularity,
            bias: expected.and(given),
        })
    }
}
