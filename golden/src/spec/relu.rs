//! The activation fused into an op: what its codes are held to.

use serde::{Deserialize, Serialize};

/// A clamp of an op's output. In files: `false`, `true`, or `[low, high]` in codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub enum Relu {
    /// nothing beyond the range of the type
    #[default]
    None,
    /// negative results become 0 (the output zero point)
    Zero,
    /// nothing outside two codes: relu6 and the like, their bounds quantized by
    /// the output's own scale and zero point. Only for outputs of codes
    Codes {
        /// the lowest code that may come out
        low: i32,
        /// the highest code that may come out
        high: i32,
    },
}

impl Relu {
    /// Whether negative results become 0, and nothing else is clamped.
    pub fn is_zero(self) -> bool {
        self == Self::Zero
    }

    /// The two codes that outputs are held to, where they are given as codes.
    pub fn codes(self) -> Option<(i32, i32)> {
        match self {
            Self::Codes { low, high } => Some((low, high)),
            Self::None | Self::Zero => None,
        }
    }

    /// The lowest and highest code that may come out, of a type that holds
    /// `range` and an output with this zero point.
    pub fn bounds(self, range: (i64, i64), zero_point: i64) -> (i64, i64) {
        match self {
            Self::None => range,
            Self::Zero => (range.0.max(zero_point), range.1),
            Self::Codes { low, high } => (range.0.max(low.into()), range.1.min(high.into())),
        }
    }
}

impl From<bool> for Relu {
    fn from(relu: bool) -> Self {
        if relu { Self::Zero } else { Self::None }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Zero(bool),
    Codes(i32, i32),
}

impl From<Form> for Relu {
    fn from(form: Form) -> Self {
        match form {
            Form::Zero(relu) => relu.into(),
            Form::Codes(low, high) => Self::Codes { low, high },
        }
    }
}

impl From<Relu> for Form {
    fn from(relu: Relu) -> Self {
        match relu {
            Relu::None => Self::Zero(false),
            Relu::Zero => Self::Zero(true),
            Relu::Codes { low, high } => Self::Codes(low, high),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back() {
        for (relu, text) in [
            (Relu::None, "false"),
            (Relu::Zero, "true"),
            (Relu::Codes { low: -9, high: 43 }, "[-9,43]"),
        ] {
            assert_eq!(serde_json::to_string(&relu).unwrap(), text);
            assert_eq!(serde_json::from_str::<Relu>(text).unwrap(), relu);
        }
    }

    #[test]
    fn bounds_stay_within_the_type() {
        let bounds = |relu: Relu| relu.bounds((-128, 127), -9);
        assert_eq!(bounds(Relu::None), (-128, 127));
        assert_eq!(bounds(Relu::Zero), (-9, 127));
        assert_eq!(bounds(Relu::Codes { low: -9, high: 43 }), (-9, 43));
        assert_eq!(
            bounds(Relu::Codes {
                low: -900,
                high: 900
            }),
            (-128, 127)
        );
    }
}
